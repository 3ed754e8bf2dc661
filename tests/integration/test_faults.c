/*
 * test_faults: what must not take the core down, nor leave anything behind:
 * processes killed at random, the core and its guard killed, clients that
 * only connect, plugins that do nothing but crash, no descriptors left. The
 * limits are promises. Want of memory is in test_memory.c.
 */
#include "harness.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLUGINS = 20 };

/* The time of one status, which is limited; it counts the running ones. */
static uint32_t
timed_status(struct it *t, int64_t *slowest, int64_t pids[PLUGINS],
    int64_t generations[PLUGINS])
{
	int64_t begin = clock_mono_ms();
	struct it_reply r = it_ok(t, MSG_STATUS, "");
	int64_t took = clock_mono_ms() - begin;
	struct wire_cursor at = r.data;
	uint32_t running = 0;
	uint32_t n;

	if (took > *slowest)
		*slowest = took;
	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	ck_assert_uint_eq(n, PLUGINS);
	for (uint32_t i = 0; i < n; i++) {
		char state[24];

		pids[i] = it_int(&at, "pid");
		generations[i] = it_int(&at, "generation");
		running += strcmp(it_str(&at, "state", state, sizeof(state)),
		               "running") == 0;
		ck_assert_int_eq(wire_skip(&at), 0);
	}
	return running;
}

static struct it *
start_many(void)
{
	struct buf yaml;
	struct it *t;

	buf_init(&yaml, PLUGINS * 128);
	for (int i = 0; i < PLUGINS; i++)
		buf_printf(&yaml,
		    "  p%02d: {command: [stub, run],"
		    " restart: {delay: 0s, max_restarts: 0}}\n",
		    i);
	t = it_start(buf_cstr(&yaml));
	buf_fini(&yaml);
	return t;
}

/* Every kill is one restart of the one that was meant, and nothing else. */
START_TEST(test_random_kills)
{
	struct it *t = start_many();
	int64_t pids[PLUGINS];
	int64_t generations[PLUGINS];
	int64_t last[PLUGINS] = {0};
	int64_t kills[PLUGINS] = {0};
	int64_t slowest = 0;
	int left = it_level(30, 100, 200);
	unsigned seed = (unsigned)getpid();

	while (left > 0) {
		int i = rand_r(&seed) % PLUGINS;

		(void)timed_status(t, &slowest, pids, generations);
		if (pids[i] <= 0 || generations[i] == last[i])
			continue;
		last[i] = generations[i];
		kills[i]++;
		left--;
		ck_assert_int_eq(kill((pid_t)pids[i], SIGKILL), 0);
	}
	IT_UNTIL(timed_status(t, &slowest, pids, generations) == PLUGINS);
	for (int i = 0; i < PLUGINS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "p%02d", i);
		ck_assert_int_eq(
		    it_wait_newer(t, name, kills[i]).generation, 1 + kills[i]);
	}
	fprintf(stderr, "# slowest status during kills: %d ms\n", (int)slowest);
	ck_assert_int_le(slowest, it_limit(200));
	it_end(t);
}
END_TEST

/* --- the core itself --------------------------------------------------- */

static const char tree[] =
    "  a: {command: [stub, tree, pids]}\n"
    "  b: {command: [stub, tree, pids], instances: 3}\n"
    "  c: {command: [stub, ignore], stop: {timeout: 100ms}}\n"
    "  d: {command: [stub, exit, '1'], restart: {delay: 5ms,"
    " max_restarts: 0}}\n";
static const char escaping[] = "  e: {command: [stub, tree, pids, escape]}\n";

static bool
has_cgroups(struct it *t)
{
	struct it_reply r = it_ok(t, MSG_GET_VERSION, "");
	char root[512];

	return it_str(&r.data, "cgroup", root, sizeof(root))[0] != '\0';
}

static int
count_lines(const char *text)
{
	int n = 0;

	while ((text = strchr(text, '\n')) != NULL) {
		n++;
		text++;
	}
	return n;
}

/* Kills the core when its trees have grown; how long the last one lived. */
static int64_t
kill_core(struct it *t, int branches)
{
	int64_t begin;

	IT_UNTIL(count_lines(it_read(t, "pids")) >= branches);
	it_remove(t, "pids");
	begin = clock_mono_ms();
	kill(t->pid, SIGKILL);
	ck_assert_int_eq(it_wait_exit(t), 1000 + SIGKILL);
	while (it_count_processes(t) > 0) {
		ck_assert_msg(clock_mono_ms() - begin < it_limit(2000),
		    "%zu processes are left", it_count_processes(t));
		it_pause();
	}
	return clock_mono_ms() - begin;
}

START_TEST(test_core_killed)
{
	struct it *t = it_start(tree);
	int branches = 4 * 3;
	int64_t slowest = 0;

	if (has_cgroups(t)) {
		char yaml[1024];

		snprintf(yaml, sizeof(yaml), "%s%s", tree, escaping);
		it_config(t, yaml);
		it_act(t, MSG_APPLY, "");
		branches += 4;
	}
	for (int i = 0; i < it_level(4, 10, 50); i++) {
		int64_t took = kill_core(t, branches);

		slowest = took > slowest ? took : slowest;
		it_spawn(t, NULL);
		it_up(t);
	}
	fprintf(stderr, "# slowest end of all children: %d ms\n", (int)slowest);
	it_end(t);
}
END_TEST

/* Started again at once, while the guard may still be at work. */
START_TEST(test_core_replaced)
{
	struct it *t = it_start(tree);

	for (int i = 0; i < it_level(4, 10, 50); i++) {
		kill(t->pid, SIGKILL);
		ck_assert_int_eq(it_wait_exit(t), 1000 + SIGKILL);
		it_spawn(t, NULL);
		it_up(t);
		it_wait(t, "a", "running");
		ck_assert_int_eq(it_row(t, "a").generation, 1);
	}
	it_end(t);
}
END_TEST

START_TEST(test_guard_killed)
{
	struct it *t = it_start("  a: {command: [stub, tree, pids]}\n");
	int64_t pid = it_wait(t, "a", "running").pid;
	pid_t guard = it_guard_pid(t);
	size_t fds = it_count_fds(t->pid);

	for (int i = 0; i < it_level(3, 10, 50); i++) {
		pid_t next;

		ck_assert_int_gt(guard, 0);
		kill(guard, SIGKILL);
		IT_UNTIL((next = it_guard_pid(t)) > 0 && next != guard);
		guard = next;
	}
	ck_assert_uint_eq(it_count_fds(t->pid), fds);
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	/* The new one does its work. */
	(void)kill_core(t, 3);
	it_spawn(t, NULL);
	it_up(t);
	it_end(t);
}
END_TEST

/* Signals that the guard of a terminal's job would get do not end it. */
START_TEST(test_guard_signals)
{
	static const int signals[] = {
	    SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	pid_t guard = it_guard_pid(t);

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		kill(guard, signals[i]);
	it_act(t, MSG_RESTART, "N", "a");
	ck_assert_int_eq(it_guard_pid(t), guard);
	it_end(t);
}
END_TEST

/* The launcher is nobody's parent: no plugin notices its end. */
START_TEST(test_launcher_killed)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n"
	                        "  b: {command: [stub, run]}\n");
	int64_t pid = it_wait(t, "a", "running").pid;
	pid_t launcher = 0;

	for (int i = 0; i < it_level(5, 20, 100); i++) {
		pid_t next;

		IT_UNTIL((next = it_launcher_pid(t)) > 0 && next != launcher);
		launcher = next;
		ck_assert_int_eq(kill(launcher, i % 2 ? SIGSTOP : SIGKILL), 0);
		ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "b").worst, 0);
	}
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	launcher = it_launcher_pid(t);
	it_end(t);
	IT_UNTIL(!it_alive(launcher));
}
END_TEST

/* --- clients ----------------------------------------------------------- */

static void
timed_ping(struct it *t, int64_t *slowest)
{
	int64_t begin = clock_mono_ms();

	it_ok(t, MSG_PING, "");
	if (clock_mono_ms() - begin > *slowest)
		*slowest = clock_mono_ms() - begin;
}

START_TEST(test_connects)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	int n = it_level(200, 1000, 1000);
	size_t fds = it_count_fds(t->pid);
	int64_t slowest = 0;
	int open_fds[500];
	int nopen = 0;

	for (int i = 0; i < n; i++) {
		close(it_dial(t));
		if (i % 10 == 0)
			timed_ping(t, &slowest);
	}
	for (int i = 0; i < n; i++) {
		int fd = it_dial(t);

		ck_assert_int_gt(
		    send(fd, "\0SP\0", 1 + (size_t)i % 4, MSG_NOSIGNAL), 0);
		if (i % 2 == 0)
			close(fd);
		else
			open_fds[nopen++] = fd; /* left hanging */
		if (i % 10 == 0)
			timed_ping(t, &slowest);
	}
	timed_ping(t, &slowest);
	/* Those greetings are too late by now. */
	IT_UNTIL(it_count_fds(t->pid) == fds);
	timed_ping(t, &slowest);
	while (nopen > 0)
		close(open_fds[--nopen]);
	fprintf(stderr, "# slowest ping: %d ms\n", (int)slowest);
	ck_assert_int_le(slowest, it_limit(100));
	it_end(t);
}
END_TEST

/* --- plugins ----------------------------------------------------------- */

/* A hundred that exit at once cost the core less than a twentieth. Nobody
 * asks it anything meanwhile: the whole span is what is measured. */
START_TEST(test_crash_storm)
{
	static const char *const usual[] = {"--log-level", "info", NULL};
	int n = it_level(30, 100, 100);
	int span_ms = it_level(5000, 10000, 10000);
	struct buf yaml;
	int64_t begin = clock_mono_ms();
	int64_t cpu;
	struct it *t;

	buf_init(&yaml, (size_t)n * 64);
	for (int i = 0; i < n; i++)
		buf_printf(&yaml, "  p%d: {command: [/bin/false]}\n", i);
	t = it_new(buf_cstr(&yaml));
	buf_fini(&yaml);
	it_spawn(t, usual);
	poll(NULL, 0, span_ms);
	cpu = it_cpu_ms(t->pid);
	fprintf(stderr, "# core: %d ms of processor in %d ms\n", (int)cpu,
	    (int)(clock_mono_ms() - begin));
	for (int i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i);
		ck_assert_int_eq(it_wait(t, name, "failed").generation, 6);
	}
	ck_assert_int_le(cpu, it_limit(span_ms / 20));
	it_end(t);
}
END_TEST

static void
limit_files(struct it *t, rlim_t soft, rlim_t *ret_old)
{
	struct rlimit now;

	ck_assert_int_eq(prlimit(t->pid, RLIMIT_NOFILE, NULL, &now), 0);
	if (ret_old != NULL)
		*ret_old = now.rlim_cur;
	now.rlim_cur = soft;
	ck_assert_int_eq(prlimit(t->pid, RLIMIT_NOFILE, &now, NULL), 0);
}

START_TEST(test_no_descriptors)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n"
	                        "  b: {command: [stub, run], enabled: false}\n"
	                        "  c: {command: [stub, run], restart:"
	                        " {delay: 0s, max_restarts: 0}}\n");
	int64_t pid = it_wait(t, "a", "running").pid;
	rlim_t old;
	uint64_t op;
	int fd;

	limit_files(t, 4, &old);
	op = it_begin(t, MSG_START, "N", "b");
	IT_UNTIL(strstr(it_row(t, "b").error, "Too many open files") != NULL);
	ck_assert_str_eq(it_row(t, "b").state, "waiting");
	it_ok(t, MSG_KILL, "ss", "c", "KILL");
	IT_UNTIL(it_row(t, "c").pid < 0);
	/* Clients wait in the kernel; those who are in are served. */
	fd = it_dial(t);
	IT_UNTIL(it_logged(t, "cannot accept a client"));
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	limit_files(t, old, NULL);
	ck_assert_uint_eq(it_outcome(t, op).worst, 0);
	it_wait_newer(t, "c", 1);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	IT_UNTIL(read(fd, &(char){0}, 1) <= 0);
	close(fd);
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	/* It was not the plugin's fault. */
	ck_assert_int_eq(it_row(t, "b").restarts, 0);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"random_kills", test_random_kills, 180},
	    {"core_killed", test_core_killed, 180},
	    {"core_replaced", test_core_replaced, 180},
	    {"guard_killed", test_guard_killed},
	    {"guard_signals", test_guard_signals},
	    {"launcher_killed", test_launcher_killed, 120},
	    {"connects", test_connects},
	    {"crash_storm", test_crash_storm},
	    {"no_descriptors", test_no_descriptors},
	};

	return it_main("faults", tests, sizeof(tests) / sizeof(tests[0]));
}
