/*
 * test_kills: managed plugins are killed again and again, at any moment of
 * their lives: while they load, greet, initialize, run or stop. All come back,
 * and neither the router nor the daemon keeps anything of the dead.
 *
 * The moments are random; $PLUGIND_TEST_SEED repeats a run.
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUTER "plugind-router"
#define HOSTILE "module: " HOSTILE_MODULE ", config: "

enum {
	PLUGINS = 20,
	BURST_MAX = 4, /* of one plugin, each time as soon as it is there */
	MOMENT_MAX_NS = 40000000, /* from there to its end */
	STOP_EVERY = 4, /* bursts: the first one hits a plugin that stops */
	WARM_UP = 10,   /* of all kills, a part */
	STEADY = 40,    /* looks that must be the same in a row */
	PING_MAX_MS = 1000,
	GROWTH_MAX_KIB = 512,
};

/* Modules and programs, with nng and without; some take their time. */
static const char *const kinds[] = {
    "module: " HELLO_MODULE,
    "exec: [" ECHO_PROGRAM "], config: {port: 0}",
    HOSTILE "{initialize: later}",
    HOSTILE "{initialize: later, start: later, stop: later}",
    HOSTILE "{stop: later}",
    "exec: [hostile, good]",
    "module: " ECHO_MODULE ", config: {port: 0}",
    "exec: [" HELLO_PROGRAM "]",
    HOSTILE "{start: later}, health: {interval: 20ms, timeout: 5s}",
    HOSTILE "{stop: never}, stop: {timeout: 30ms, kill_after: 30ms}",
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct footprint {
	pid_t pid;
	size_t fds;
	int64_t threads;
	int64_t kib;
};

struct run {
	struct it *t;
	unsigned seed;
	int kills;
	int stops;
	int64_t worst_ms; /* of a ping */
};

/* --- what a process uses ----------------------------------------------- */

static int64_t
read_number(pid_t pid, const char *file, const char *key)
{
	char path[64];
	char line[256];
	int64_t n = -1;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	in = fopen(path, "re");
	ck_assert_msg(in != NULL, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), in) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0)
			n = strtol(line + strlen(key), NULL, 10);
	}
	ck_assert_int_eq(fclose(in), 0);
	ck_assert_int_gt(n, 0);
	return n;
}

/* Without logs: each is opened with its first line. */
static size_t
count_fds(pid_t pid)
{
	char path[64];
	char to[IT_PATH_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s: %s", path, strerror(errno));
	while ((e = readdir(dir)) != NULL) {
		ssize_t len =
		    readlinkat(dirfd(dir), e->d_name, to, sizeof(to) - 1);

		to[len > 0 ? len : 0] = '\0';
		n += len > 0 && strstr(to, "/logs/") == NULL;
	}
	ck_assert_int_eq(closedir(dir), 0);
	return n;
}

static struct footprint
take_footprint(pid_t pid)
{
	/* status counts memory only roughly. */
	return (struct footprint){
	    .pid = pid,
	    .fds = count_fds(pid),
	    .threads = read_number(pid, "status", "Threads:"),
	    .kib = read_number(pid, "smaps_rollup", "Rss:"),
	};
}

/* What the last plugin has caused may still be under way. */
static struct footprint
take_steady(pid_t pid)
{
	struct footprint last = take_footprint(pid);
	int same = 0;

	while (same < STEADY) {
		struct footprint now;

		it_pause();
		now = take_footprint(pid);
		same = now.fds == last.fds && now.threads == last.threads
		           ? same + 1
		           : 0;
		last = now;
	}
	return last;
}

static void
print_footprint(const char *what, const struct footprint *f)
{
	printf("# %s: %zu descriptors, %lld threads, %lld KiB\n", what, f->fds,
	    (long long)f->threads, (long long)f->kib);
	(void)fflush(stdout); /* also of a test that fails */
}

/* Takes a moment: the dead are forgotten a while after their ends. */
static struct footprint
check_counts(const char *what, const struct footprint *base)
{
	struct footprint now = take_footprint(base->pid);
	int64_t end_ms = clock_mono_ms() + it_limit(IT_DEADLINE_MS);

	while ((now.fds > base->fds || now.threads > base->threads) &&
	       clock_mono_ms() < end_ms) {
		it_pause();
		now = take_footprint(base->pid);
	}
	print_footprint(what, &now);
	ck_assert_msg(now.fds == base->fds, "%s: %zu descriptors, were %zu",
	    what, now.fds, base->fds);
	ck_assert_msg(now.threads == base->threads,
	    "%s: %lld threads, were %lld", what, (long long)now.threads,
	    (long long)base->threads);
	return now;
}

static void
check_footprint(const char *what, const struct footprint *base)
{
	struct footprint now = check_counts(what, base);

	if (it_limit(1) == 1)
		ck_assert_msg(now.kib - base->kib <= GROWTH_MAX_KIB,
		    "%s: %lld KiB, were %lld", what, (long long)now.kib,
		    (long long)base->kib);
}

/* --- the plugins ------------------------------------------------------- */

static unsigned
choose_seed(void)
{
	const char *text = getenv("PLUGIND_TEST_SEED");
	unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10)
	                             : (unsigned)clock_mono_ms();

	printf("# PLUGIND_TEST_SEED=%u\n", seed);
	(void)fflush(stdout);
	return seed;
}

static void
name_plugin(int i, char out[8])
{
	snprintf(out, 8, "p%02u", (unsigned)i % 100);
}

static struct it *
start_all(void)
{
	char *yaml = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&yaml, &len);
	struct it *t;

	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < PLUGINS; i++)
		fprintf(out,
		    "  p%02d: {%s,\n"
		    "    restart: {delay: 0s, max_restarts: 0}}\n",
		    i, kinds[i % KINDS]);
	/* What is kept for late subscribers would grow for a while. */
	fprintf(out, "bus: {retain: 0}\n");
	ck_assert_int_eq(fclose(out), 0);
	t = it_start(yaml);
	free(yaml);
	return t;
}

static void
check_all_run(struct it *t)
{
	char name[8];

	for (int i = 0; i < PLUGINS; i++) {
		name_plugin(i, name);
		it_wait(t, name, "running");
	}
	IT_UNTIL(it_links(t) == PLUGINS);
}

/* --- their ends -------------------------------------------------------- */

static void
ping(struct run *r)
{
	int64_t begin_ms = clock_mono_ms();
	int64_t ms;

	it_ok(r->t, MSG_PING, "");
	ms = clock_mono_ms() - begin_ms;
	if (ms > r->worst_ms)
		r->worst_ms = ms;
}

/* The process that came after `generation`. */
static struct it_row
wait_process(struct run *r, const char *name, int64_t generation)
{
	struct it_row row;

	IT_UNTIL(
	    (row = it_row(r->t, name)).pid > 0 && row.generation > generation);
	return row;
}

static void
wait_moment(struct run *r)
{
	const struct timespec moment = {
	    .tv_nsec = rand_r(&r->seed) % MOMENT_MAX_NS};

	(void)nanosleep(&moment, NULL);
}

static int64_t
kill_one(struct run *r, const char *name, int64_t after)
{
	struct it_row row = wait_process(r, name, after);

	wait_moment(r);
	/* One that stops may have come to its end by itself. */
	if (kill((pid_t)row.pid, SIGKILL) == 0)
		r->kills++;
	else
		ck_assert_int_eq(errno, ESRCH);
	ping(r);
	return row.generation;
}

/* Whatever its wish is, it runs again. */
static void
kill_in_a_row(struct run *r)
{
	char name[8];
	int n = 1 + rand_r(&r->seed) % BURST_MAX;
	int64_t generation = 0;
	uint64_t op = 0;

	name_plugin(rand_r(&r->seed) % PLUGINS, name);
	if (rand_r(&r->seed) % STOP_EVERY == 0) {
		it_wait(r->t, name, "running");
		op = it_begin(r->t, MSG_RESTART, "N", name);
		r->stops++;
	}
	for (int i = 0; i < n; i++)
		generation = kill_one(r, name, generation);
	if (op != 0)
		(void)it_outcome(r->t, op);
}

static void
kill_many(struct run *r, int n)
{
	int end = r->kills + n;

	while (r->kills < end)
		kill_in_a_row(r);
	check_all_run(r->t);
}

/* Each once, so that whatever grows with the first end has grown. */
static void
kill_each(struct run *r)
{
	char name[8];

	for (int i = 0; i < PLUGINS; i++) {
		name_plugin(i, name);
		(void)kill_one(r, name, 0);
	}
	check_all_run(r->t);
}

START_TEST(test_kills)
{
	int n = it_level(50, 200, 1000);
	struct run r = {.seed = choose_seed()};
	struct it_row router;
	struct footprint base, daemon;

	r.t = start_all();
	check_all_run(r.t);
	router = it_row(r.t, ROUTER);
	base = take_steady((pid_t)router.pid);
	print_footprint("router, at first", &base);
	kill_each(&r);
	kill_many(&r, n / WARM_UP);
	base = check_counts("router, warm", &base);
	daemon = take_steady(r.t->pid);
	print_footprint("plugind, warm", &daemon);
	kill_many(&r, n - r.kills);
	printf("# %d kills, %d of them or so while stopping; slowest ping %lld "
	       "ms\n",
	    r.kills, r.stops, (long long)r.worst_ms);
	check_footprint("router", &base);
	check_footprint("plugind", &daemon);
	ck_assert_int_lt(r.worst_ms, it_limit(PING_MAX_MS));
	ck_assert_int_eq(it_row(r.t, ROUTER).generation, 1);
	ck_assert_int_eq(it_row(r.t, ROUTER).pid, router.pid);
	ck_assert(!it_printed(r.t, ROUTER, "has not closed"));
	it_end(r.t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"kills", test_kills, it_level(60, 180, 900)},
	};

	return it_main("kills", tests, sizeof(tests) / sizeof(tests[0]));
}
