/*
 * test_memory: the n-th request for memory fails, for every n, while a
 * plugin is started, the status is asked for, a configuration is applied. An
 * error may be the answer, or a closed connection; never a dead core, and the
 * next try succeeds.
 */
#include "harness.h"

#include "tests/stubs/nomem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LONGEST = 3000 };

static struct nomem *
share_page(struct it *t)
{
	char path[128];
	void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/nomem", t->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	p = mmap(NULL, sizeof(struct nomem), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	ck_assert(p != MAP_FAILED);
	close(fd);
	snprintf(path, sizeof(path), "NOMEM=%s/nomem", t->dir);
	it_putenv(t, path);
	it_putenv(t, "LD_PRELOAD=" NOMEM_LIB);
	return p;
}

static struct it *
start(const char *plugins, struct nomem **ret)
{
	struct it *t = it_new(plugins);

	*ret = share_page(t);
	it_spawn(t, NULL);
	it_settle(t);
	return t;
}

/* One turn with the n-th request failing. False: it does not come to n. */
static bool
try_once(struct it *t, struct nomem *page, int n, enum msg_type type,
    const char *names)
{
	int failed = atomic_load(&page->failed);

	atomic_store(&page->countdown, n);
	(void)it_try(t, type, names);
	/* What follows in later turns of the loop is meant as well. */
	if (atomic_load(&page->countdown) > 0)
		(void)it_try(t, MSG_PING, NULL);
	atomic_store(&page->countdown, 0);
	it_up(t);
	return atomic_load(&page->failed) > failed;
}

/* How many turns the loop below may take, and how far apart. */
static int
stride(void)
{
	return it_level(7, 2, 1);
}

START_TEST(test_start)
{
	struct nomem *page;
	struct it *t = start("  a: {command: [stub, run], enabled: false}\n"
	                     "  b: {command: [stub, run]}\n",
	    &page);
	int64_t pid = it_wait(t, "b", "running").pid;
	int n = 1;

	while (n < LONGEST && try_once(t, page, n, MSG_START, "a")) {
		ck_assert_uint_eq(it_act(t, MSG_START, "N", "a").worst, 0);
		ck_assert_str_eq(it_row(t, "a").state, "running");
		ck_assert_uint_eq(it_act(t, MSG_STOP, "N", "a").worst, 0);
		ck_assert_int_eq(it_row(t, "b").pid, pid);
		n += stride();
	}
	fprintf(stderr, "# start: %d requests for memory\n", n - 1);
	ck_assert_int_lt(n, LONGEST);
	it_end(t);
}
END_TEST

static void
try_reading(enum msg_type type, const char *names)
{
	struct nomem *page;
	struct it *t = start("  a: {command: [stub, run]}\n"
	                     "  b: {command: [stub, run], depends_on: [a]}\n",
	    &page);
	int64_t pid = it_wait(t, "b", "running").pid;
	int n = 1;

	while (n < LONGEST && try_once(t, page, n, type, names)) {
		ck_assert_int_eq(it_try(t, type, names), 0);
		n += stride();
	}
	ck_assert_int_lt(n, LONGEST);
	ck_assert_int_eq(it_row(t, "b").pid, pid);
	it_end(t);
}

START_TEST(test_reading)
{
	try_reading(MSG_STATUS, "");
	try_reading(MSG_GRAPH, NULL);
	try_reading(MSG_LOGS, "");
	try_reading(MSG_PLAN, NULL);
}
END_TEST

START_TEST(test_stop)
{
	struct nomem *page;
	struct it *t = start("  a: {command: [stub, run]}\n", &page);
	int n = 1;

	while (n < LONGEST && try_once(t, page, n, MSG_STOP, "a")) {
		ck_assert_uint_eq(it_act(t, MSG_STOP, "N", "a").worst, 0);
		ck_assert_uint_eq(it_act(t, MSG_START, "N", "a").worst, 0);
		n += stride();
	}
	it_end(t);
}
END_TEST

START_TEST(test_apply)
{
	static const char small[] = "  a: {command: [stub, run]}\n";
	static const char large[] =
	    "  a: {command: [stub, run], environment: {A: b}}\n"
	    "  b: {command: [stub, run], depends_on: [a]}\n";
	struct nomem *page;
	struct it *t = start(small, &page);
	int n = 1;
	bool more = true;

	while (more && n < LONGEST) {
		it_config(t, large);
		more = try_once(t, page, n, MSG_APPLY, NULL);
		ck_assert_uint_eq(it_act(t, MSG_APPLY, "").worst, 0);
		it_wait(t, "a", "running");
		it_wait(t, "b", "running");
		it_config(t, small);
		ck_assert_uint_eq(it_act(t, MSG_APPLY, "").worst, 0);
		it_wait(t, "a", "running");
		n += it_level(60, 15, 1);
	}
	ck_assert_int_lt(n, LONGEST);
	it_end(t);
}
END_TEST

/* A crash while there is no memory at all is a restart like any other. */
START_TEST(test_respawn)
{
	struct nomem *page;
	struct it *t = start("  a: {command: [stub, run],"
	                     " restart: {delay: 0s, max_restarts: 0}}\n",
	    &page);
	int64_t generation = 0;

	for (int n = 1; n <= it_level(5, 20, 50); n++) {
		struct it_row row = it_wait_newer(t, "a", generation);

		generation = row.generation;
		/* The log's line of an exit may be what fails; nothing
		 * that the restart needs. */
		atomic_store(&page->countdown, n);
		it_kill(row, SIGKILL);
		/* Core, guard and a new process; nobody asks the core. */
		IT_UNTIL(
		    !it_alive((pid_t)row.pid) && it_count_processes(t) == 3);
		atomic_store(&page->countdown, 0);
	}
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"start", test_start, 180},
	    {"reading", test_reading, 180},
	    {"stop", test_stop, 180},
	    {"apply", test_apply, 180},
	    {"respawn", test_respawn, 180},
	};

	return it_main("memory", tests, sizeof(tests) / sizeof(tests[0]));
}
