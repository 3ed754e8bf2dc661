/*
 * test_router: the router comes and goes, in every way and at every moment.
 * No plugin is restarted by that, no command is run twice, nothing that was
 * wished is forgotten.
 */
#include "harness.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "module: " HOSTILE_MODULE
#define ROUTER "plugind-router"

enum { PLUGINS_MAX = 64, TOUCHED = 4, PAUSE_MAX_MS = 400 };

struct known {
	char name[8];
	int64_t pid;
	int64_t generation;
};

struct crowd {
	struct it *t;
	size_t n;
	struct known all[PLUGINS_MAX];
	unsigned seed;
};

/* --- a crowd ----------------------------------------------------------- */

/* Some are slow in each of their steps, some are asked often. */
static const char *const habits[] = {
    "config: {initialize: later, start: later, stop: later}",
    "health: {interval: 50ms, timeout: 2s, failures: 1}",
    "config: {start: later}",
    "config: {stop: later}, health: {interval: 100ms, timeout: 2s}",
};

enum { HABITS = sizeof(habits) / sizeof(habits[0]) };

static void
remember(struct crowd *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct it_row row = it_row(c->t, c->all[i].name);

		ck_assert_str_eq(row.state, "running");
		c->all[i].pid = row.pid;
		c->all[i].generation = row.generation;
	}
}

static void
crowd_start(struct crowd *c, size_t n)
{
	char *yaml = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&yaml, &len);

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_le(n, PLUGINS_MAX);
	memset(c, 0, sizeof(*c));
	c->n = n;
	c->seed = 4711;
	for (size_t i = 0; i < n; i++) {
		snprintf(c->all[i].name, sizeof(c->all[i].name), "p%02u",
		    (unsigned)i);
		fprintf(out, "  %s: {" MODULE ", %s}\n", c->all[i].name,
		    habits[i % HABITS]);
	}
	ck_assert_int_eq(fclose(out), 0);
	c->t = it_start(yaml);
	free(yaml);
	remember(c);
}

/* Each incarnation has heard each command once, or the last one not yet. */
static void
check_calls(struct crowd *c, const struct known *k)
{
	static const char *const once[] = {"initialize", "start", "stop"};
	char path[96];
	char line[48];
	const char *text;

	snprintf(path, sizeof(path), "state/plugins/%s/calls", k->name);
	text = it_read(c->t, path);
	for (int64_t g = 1; g <= k->generation; g++) {
		for (int i = 0; i < 3; i++) {
			bool is_due = i < 2 || g < k->generation;
			int n;

			snprintf(line, sizeof(line), "%s %lld\n", once[i],
			    (long long)g);
			n = it_occurrences(text, line);
			ck_assert_msg(n == is_due, "%s: %d times %s%s", k->name,
			    n, line, text);
		}
	}
}

static void
check_unmoved(struct crowd *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct known *k = &c->all[i];
		struct it_row row = it_row(c->t, k->name);

		ck_assert_msg(row.generation == k->generation &&
		                  strcmp(row.state, "running") == 0,
		    "%s: %s, generation %lld, was %lld: %s", k->name, row.state,
		    (long long)row.generation, (long long)k->generation,
		    row.error);
		ck_assert_int_eq(row.pid, k->pid);
	}
}

static void
crowd_end(struct crowd *c)
{
	IT_UNTIL(it_links(c->t) == (int64_t)c->n);
	check_unmoved(c);
	for (size_t i = 0; i < c->n; i++)
		check_calls(c, &c->all[i]);
	it_end(c->t);
}

/* --- its end ----------------------------------------------------------- */

static void
kill_router(struct it *t, int signal)
{
	struct it_row row;

	/* Between two of them there is none. */
	IT_UNTIL((row = it_row(t, ROUTER)).pid > 0 &&
	         kill((pid_t)row.pid, signal) == 0);
}

START_TEST(test_killed)
{
	struct crowd c;
	int64_t worst_ms = 0;

	crowd_start(&c, (size_t)it_level(20, 20, 50));
	for (int i = 0; i < it_level(5, 20, 100); i++) {
		int64_t begin_ms = clock_mono_ms();

		kill_router(c.t, SIGKILL);
		IT_UNTIL(it_links(c.t) < (int64_t)c.n);
		IT_UNTIL(it_links(c.t) == (int64_t)c.n);
		if (clock_mono_ms() - begin_ms > worst_ms)
			worst_ms = clock_mono_ms() - begin_ms;
	}
	printf("# all links back within %lld ms\n", (long long)worst_ms);
	ck_assert_int_lt(worst_ms, it_limit(IT_DEADLINE_MS));
	crowd_end(&c);
}
END_TEST

/* A few of them restart, one by one, while the router is killed at any
 * moment of theirs or of its own start. */
START_TEST(test_killed_while_busy)
{
	struct crowd c;
	uint64_t ops[TOUCHED];

	crowd_start(&c, (size_t)it_level(20, 20, 50));
	for (int i = 0; i < it_level(5, 20, 200); i++) {
		size_t first = (size_t)rand_r(&c.seed) % c.n;

		for (size_t k = 0; k < TOUCHED; k++)
			ops[k] = it_begin(c.t, MSG_RESTART, "N",
			    c.all[(first + k) % c.n].name);
		poll(NULL, 0, rand_r(&c.seed) % PAUSE_MAX_MS);
		kill_router(c.t, SIGKILL);
		for (size_t k = 0; k < TOUCHED; k++) {
			struct known *p = &c.all[(first + k) % c.n];
			struct it_op op = it_outcome(c.t, ops[k]);
			struct it_row row;

			ck_assert_msg(op.worst == 0, "%s", op.messages);
			row = it_row(c.t, p->name);
			ck_assert_int_eq(row.generation, ++p->generation);
			p->pid = row.pid;
		}
		check_unmoved(&c);
	}
	crowd_end(&c);
}
END_TEST

/* All of them are on their way up or down when it goes. */
START_TEST(test_killed_while_all_move)
{
	struct crowd c;

	crowd_start(&c, (size_t)it_level(20, 20, 50));
	for (int i = 0; i < it_level(2, 5, 20); i++) {
		uint64_t op = it_begin(c.t, MSG_RESTART, "N",
		    "p00 p01 p02 p03 p04 p05 p06 p07 p08 p09 p10 p11");

		for (int k = 0; k < 3; k++) {
			poll(NULL, 0, rand_r(&c.seed) % PAUSE_MAX_MS);
			kill_router(c.t, SIGKILL);
		}
		ck_assert_uint_eq(it_outcome(c.t, op).worst, 0);
		for (size_t k = 0; k < 12; k++) {
			struct it_row row = it_row(c.t, c.all[k].name);

			ck_assert_int_eq(row.generation, ++c.all[k].generation);
			c.all[k].pid = row.pid;
		}
	}
	crowd_end(&c);
}
END_TEST

/* A new configuration for all of them is under way: it comes, and once. */
START_TEST(test_killed_while_configured)
{
	enum { N = 10 };
	char path[96];
	char yaml[2048];
	struct it *t = NULL;
	int64_t pids[N];
	unsigned seed = 4712;

	for (int i = 0; i <= it_level(5, 15, 100); i++) {
		size_t used = 0;

		for (int k = 0; k < N; k++)
			used +=
			    (size_t)snprintf(yaml + used, sizeof(yaml) - used,
			        "  p%d: {" MODULE ", config: {number: %d,"
			        " configure: %s}}\n",
			        k, i % 10, k % 2 == 0 ? "later" : "ok");
		if (t == NULL) {
			t = it_start(yaml);
			for (int k = 0; k < N; k++) {
				snprintf(path, sizeof(path), "p%d", k);
				pids[k] = it_row(t, path).pid;
			}
			continue;
		}
		it_config(t, yaml);
		ck_assert_int_eq(kill(t->pid, SIGHUP), 0);
		poll(NULL, 0, rand_r(&seed) % 100);
		kill_router(t, SIGKILL);
		IT_UNTIL(it_occurrences(it_read(t, "log"),
		             "has taken its new configuration") == N * i);
		for (int k = 0; k < N; k++) {
			snprintf(
			    path, sizeof(path), "state/plugins/p%d/calls", k);
			ck_assert_int_eq(
			    it_occurrences(it_read(t, path), "configure 1\n"),
			    i);
			snprintf(path, sizeof(path), "p%d", k);
			ck_assert_int_eq(it_row(t, path).pid, pids[k]);
		}
	}
	it_end(t);
}
END_TEST

/* Stopped without a router there is time for: the command waits for it. */
START_TEST(test_stop_without)
{
	struct it *t = it_start("  m: {" MODULE ", config: {stop: later}}\n"
	                        "  n: {" MODULE ", stop: {timeout: 300ms}}\n");
	struct it_op op;

	kill_router(t, SIGSTOP);
	op = it_act(t, MSG_STOP, "N", "n");
	ck_assert_str_eq(op.messages, "n: stopped");
	ck_assert(it_logged(t, "n: did not end 0.3 s after the stop command"));
	kill_router(t, SIGKILL);
	op = it_act(t, MSG_STOP, "N", "m");
	ck_assert_str_eq(op.messages, "m: stopped");
	ck_assert(!it_logged(t, "m: did not end"));
	ck_assert_str_eq(it_read(t, "state/plugins/m/calls"),
	    "initialize 1\nstart 1\nstop 1\n");
	it_end(t);
}
END_TEST

static int64_t
age_ms(struct it *t)
{
	struct it_reply r = it_ok(t, MSG_STATUS, "N", ROUTER);
	struct wire_cursor at = r.data;
	uint32_t n;

	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	return it_int(&at, "uptime_ms");
}

/* It stands still: nobody is blamed for that but it. */
START_TEST(test_hangs)
{
	struct crowd c;
	int64_t begin_ms;
	struct it_row row;

	crowd_start(&c, 6);
	row = it_row(c.t, ROUTER);
	it_kill(row, SIGSTOP);
	begin_ms = clock_mono_ms();
	while (it_row(c.t, ROUTER).generation == row.generation) {
		ck_assert_msg(clock_mono_ms() - begin_ms < it_limit(30000),
		    "it is not replaced");
		it_pause();
	}
	ck_assert(!it_logged(c.t, "health check failed"));
	crowd_end(&c);
}
END_TEST

/* The silence of most plugins may be the router's: it is replaced, but not
 * again and again. */
START_TEST(test_silence)
{
	struct it *t;
	char yaml[2048];
	char name[8];
	size_t used = 0;

	for (int i = 0; i < 4; i++)
		used += (size_t)snprintf(yaml + used, sizeof(yaml) - used,
		    "  m%d: {" MODULE ", restart: {delay: 1ms},"
		    " stop: {timeout: 50ms, kill_after: 50ms},"
		    " health: {interval: 50ms, timeout: 300ms}}\n",
		    i);
	t = it_start(yaml);
	IT_UNTIL(it_logged(t, "m3: running"));
	/* A young one is not suspected. */
	IT_UNTIL(age_ms(t) > 10500);
	for (int i = 0; i < 4; i++) {
		snprintf(yaml, sizeof(yaml), "state/plugins/m%d/health", i);
		it_write(t, yaml, "hang");
	}
	IT_UNTIL(it_row(t, ROUTER).generation == 2);
	ck_assert(it_logged(t, "most plugins miss their health checks"));
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		IT_UNTIL(it_row(t, name).generation > 1);
	}
	ck_assert_int_eq(it_row(t, ROUTER).generation, 2);
	it_end(t);
}
END_TEST

/* --- a row like others, but not quite ---------------------------------- */

START_TEST(test_row)
{
	struct it *t = it_start("  m: {" MODULE "}\n");
	int64_t pid = it_row(t, "m").pid;
	struct it_reply r;
	struct wire_cursor at;
	char text[64];
	uint32_t n;

	r = it_ok(t, MSG_STATUS, "N", ROUTER);
	at = r.data;
	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	ck_assert_str_eq(it_str(&at, "kind", text, sizeof(text)), "router");
	r = it_call(t, MSG_STOP, "N", ROUTER);
	ck_assert_uint_ne(r.code, 0);
	ck_assert_msg(strstr(r.error, ROUTER) != NULL, "%s", r.error);
	ck_assert_str_eq(it_row(t, ROUTER).state, "running");
	ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", ROUTER).worst, 0);
	ck_assert_int_eq(it_row(t, ROUTER).generation, 2);
	IT_UNTIL(it_links(t) == 1);
	ck_assert_int_eq(it_row(t, "m").pid, pid);
	it_end(t);
}
END_TEST

/* None without somebody to talk to; it comes with the first. */
START_TEST(test_none_needed)
{
	struct it *t = it_start("  x: {command: [stub, run]}\n");

	ck_assert_uint_eq(
	    it_call(t, MSG_STATUS, "N", ROUTER).code, MSG_CODE_UNKNOWN_PLUGIN);
	it_config(t, "  x: {command: [stub, run]}\n  m: {" MODULE "}\n");
	ck_assert_uint_eq(it_act(t, MSG_APPLY, "").worst, 0);
	it_wait(t, "m", "running");
	it_wait(t, ROUTER, "running");
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"killed", test_killed, it_level(60, 120, 600)},
	    {"killed_while_busy", test_killed_while_busy,
	        it_level(60, 180, 900)},
	    {"killed_while_all_move", test_killed_while_all_move,
	        it_level(60, 120, 300)},
	    {"killed_while_configured", test_killed_while_configured,
	        it_level(60, 120, 300)},
	    {"stop_without", test_stop_without, 0},
	    {"hangs", test_hangs, 0},
	    {"silence", test_silence, 0},
	    {"row", test_row, 0},
	    {"none_needed", test_none_needed, 0},
	};

	return it_main("router", tests, sizeof(tests) / sizeof(tests[0]));
}
