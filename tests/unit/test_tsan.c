/*
 * test_tsan: that a build with b_sanitize=thread sees what it is made for.
 * Built in such a build only. Races are planted where a bug of ours would be:
 * in the callback of a pipe one of nng's threads changes what the loop changes
 * too, or frees. The suppressions are in force all the time.
 *
 * With an argument it is not the test but the program with the race, which
 * runs as plugind starts one: with no environment of its own.
 */
#include "common/sock.h"
#include "common/sockpipe.h"
#include "common/sockthread.h"

#include "unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the program ------------------------------------------------------- */

enum { METS = 2, WAIT_US = 1000 }; /* each end of a connection once */

static struct {
	unsigned mets;  /* by nng's threads; counted without an order */
	unsigned *seen; /* what both change */
} shared;

bool __real_sockpipe_added(struct sockpipe_table *t, uint32_t id);
bool __wrap_sockpipe_added(struct sockpipe_table *t, uint32_t id);

/* In sock.c: on a thread of nng's, with the lock held. */
bool
__wrap_sockpipe_added(struct sockpipe_table *t, uint32_t id)
{
	++*shared.seen;
	__atomic_add_fetch(&shared.mets, 1, __ATOMIC_RELAXED);
	return __real_sockpipe_added(t, id);
}

static void
count_locked(void)
{
	sockthread_lock();
	++*shared.seen;
	sockthread_unlock();
}

static void
count_unlocked(void)
{
	++*shared.seen;
}

static void
free_unlocked(void)
{
	free(shared.seen);
	shared.seen = NULL;
}

/* What the loop does once nng's threads are done. */
static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
    {"locked", count_locked},
    {"count", count_unlocked},
    {"free", free_unlocked},
};

static int
open_end(enum sock_kind kind, const char *path, struct sock **ret)
{
	const struct sock_options o = {.kind = kind, .path = path};

	return sock_new(&o, ret);
}

static int
connect_and_act(const char *path, void (*act)(void))
{
	struct event_base *base = event_base_new();
	struct sock *rep = NULL, *req = NULL;
	int r = base != NULL ? sock_init(base) : -ENOMEM;

	if (r == 0)
		r = open_end(SOCK_REP, path, &rep);
	if (r == 0)
		r = open_end(SOCK_REQ, path, &req);
	if (r == 0)
		r = sock_listen(rep);
	if (r == 0)
		r = sock_dial(req);
	if (r != 0)
		return r;
	while (__atomic_load_n(&shared.mets, __ATOMIC_RELAXED) < METS)
		usleep(WAIT_US);
	act();
	sock_close(req);
	sock_close(rep);
	sock_fini();
	event_base_free(base);
	return 0;
}

/* 0: everybody met, and nobody complained. */
static int
run_program(const char *name)
{
	char dir[] = "/tmp/plugind-test-XXXXXX";
	char path[sizeof(dir) + 2];
	int r = -ENOENT;

	shared.seen = calloc(1, sizeof(*shared.seen));
	if (shared.seen == NULL || mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/s", dir);
	for (size_t i = 0; i < COUNT(acts); i++) {
		if (strcmp(acts[i].name, name) == 0)
			r = connect_and_act(path, acts[i].act);
	}
	free(shared.seen);
	return r == 0 && rmdir(dir) == 0 ? 0 : 1;
}

/* --- the test ---------------------------------------------------------- */

enum { REPORTED = 66, OUTPUT_MAX = 65536 };

struct ended {
	pid_t pid;
	int status; /* of exit, or -1 */
	char output[OUTPUT_MAX];
};

static struct ended ended;

/* Runs it to its end with one variable, or none, and reads what it says. */
static void
run(const char *program, const char *argument, const char *variable)
{
	char *argv[] = {
	    strdup(program), argument ? strdup(argument) : NULL, NULL};
	char *envp[] = {variable ? strdup(variable) : NULL, NULL};
	posix_spawn_file_actions_t actions;
	size_t len = 0;
	ssize_t n;
	int out[2], status;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, out[1], 2);
	ck_assert_int_eq(
	    posix_spawn(&ended.pid, program, &actions, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	while ((n = read(out[0], ended.output + len, OUTPUT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	ended.output[len] = '\0';
	close(out[0]);
	ck_assert_int_eq(waitpid(ended.pid, &status, 0), ended.pid);
	ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	free(argv[0]);
	free(argv[1]);
	free(envp[0]);
}

static void
check_contains(const char *text, const char *part)
{
	ck_assert_msg(
	    strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

/* Where the one thread is, where the other was. */
static const struct {
	const char *name;
	const char *on_loop;
} planted[] = {
    {"count", "count_unlocked"},
    {"free", "free_unlocked"},
};

START_TEST(test_planted)
{
	run("/proc/self/exe", planted[_i].name, "TSAN_OPTIONS=log_path=stderr");
	ck_assert_msg(ended.status == REPORTED, "status %d: %s", ended.status,
	    ended.output);
	check_contains(ended.output, "data race");
	check_contains(ended.output, planted[_i].on_loop);
	check_contains(ended.output, "__wrap_sockpipe_added");
}
END_TEST

/* The same with a lock: it is the race that is reported. */
START_TEST(test_locked)
{
	run("/proc/self/exe", "locked", "TSAN_OPTIONS=log_path=stderr");
	ck_assert_msg(
	    ended.status == 0, "status %d: %s", ended.status, ended.output);
	ck_assert_str_eq(ended.output, "");
}
END_TEST

/* With no environment at all: the report is where tools/test.sh looks. */
START_TEST(test_report)
{
	char path[256];
	FILE *f;
	size_t n;

	run("/proc/self/exe", "count", NULL);
	ck_assert_msg(ended.status == REPORTED, "status %d: %s", ended.status,
	    ended.output);
	snprintf(
	    path, sizeof(path), TSAN_REPORTS "/race.exe.%d", (int)ended.pid);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s is missing", path);
	n = fread(ended.output, 1, OUTPUT_MAX - 1, f);
	ended.output[n] = '\0';
	ck_assert_int_eq(fclose(f), 0);
	check_contains(ended.output, "data race");
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static const char *const programs[] = {
    ROUTER, PLUGINHOST, HELLO_PROGRAM, PLUGIND};

/* What they print with help=1 is what is in force there. */
START_TEST(test_options)
{
	static const char *const options[] = {
	    "Exit after first reported error. (Current Value: true)",
	    "Suppressions file name. (Current Value: " TSAN_SUPPRESSIONS ")",
	    "(Current Value: " TSAN_REPORTS "/race)",
	};

	run(programs[_i], "--version", "TSAN_OPTIONS=help=1");
	for (size_t i = 0; i < COUNT(options); i++)
		check_contains(ended.output, options[i]);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("tsan");
	TCase *tc = tcase_create("tsan");

	if (argc > 1)
		return run_program(argv[1]);
	tcase_add_loop_test(tc, test_planted, 0, COUNT(planted));
	tcase_add_test(tc, test_locked);
	tcase_add_test(tc, test_report);
	tcase_add_loop_test(tc, test_options, 0, COUNT(programs));
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
