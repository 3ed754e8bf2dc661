/*
 * test_life: what start, stop, restart, reset and kill do in each state of a
 * plugin, driven for real. Changes of the configuration meanwhile are in
 * test_reload.c.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

START_TEST(test_start_stop)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	struct it_row row = it_wait(t, "a", "running");
	struct it_op op;

	ck_assert_int_eq(row.generation, 1);
	ck_assert_int_eq(row.restarts, 0);
	ck_assert_str_eq(row.wish, "up");
	ck_assert_str_eq(row.exit_kind, "");
	op = it_act(t, MSG_STOP, "N", "a");
	ck_assert_str_eq(op.messages, "a: stopped");
	ck_assert(!it_alive((pid_t)row.pid));
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "stopped");
	ck_assert_str_eq(row.wish, "down");
	ck_assert_int_eq(row.pid, -1);
	ck_assert_str_eq(row.exit_kind, "signal");
	ck_assert_int_eq(row.exit_value, SIGTERM);
	ck_assert_str_eq(row.error, "");
	op = it_act(t, MSG_START, "N", "a");
	ck_assert_uint_eq(op.worst, 0);
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "running");
	ck_assert_int_eq(row.generation, 2);
	it_end(t);
}
END_TEST

START_TEST(test_idempotent)
{
	struct it *t =
	    it_start("  a: {command: [stub, run]}\n"
	             "  b: {command: [stub, run], enabled: false}\n");
	struct it_row row = it_wait(t, "a", "running");

	ck_assert_uint_eq(it_act(t, MSG_START, "N", "a").worst, 0);
	ck_assert_int_eq(it_row(t, "a").pid, row.pid);
	ck_assert_str_eq(it_row(t, "b").state, "registered");
	ck_assert_uint_eq(it_act(t, MSG_STOP, "N", "b").worst, 0);
	ck_assert_str_eq(it_row(t, "b").state, "stopped");
	ck_assert_uint_eq(it_act(t, MSG_STOP, "N", "b").worst, 0);
	ck_assert_int_eq(it_row(t, "b").generation, 0);
	it_end(t);
}
END_TEST

/* What the operator asks for does not count as a failure. */
START_TEST(test_restart)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, run]\n"
	                        "    restart: {max_restarts: 1, delay: 30s}\n");
	int64_t pid = it_wait(t, "a", "running").pid;
	struct it_row row;

	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "a").worst, 0);
		row = it_row(t, "a");
		ck_assert_str_eq(row.state, "running");
		ck_assert_int_ne(row.pid, pid);
		ck_assert_int_eq(row.generation, 2 + i);
		ck_assert_int_eq(row.restarts, 1 + i);
		pid = row.pid;
	}
	it_end(t);
}
END_TEST

START_TEST(test_restart_of_stopped)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");

	it_act(t, MSG_STOP, "N", "a");
	ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "a").worst, 0);
	ck_assert_str_eq(it_row(t, "a").state, "running");
	it_end(t);
}
END_TEST

static const char waiter[] =
    "  a: {command: [stub, run], depends_on: [b]}\n"
    "  b: {command: [stub, notify, go, READY=1], ready: {notify: true}}\n";

START_TEST(test_stop_while_waiting)
{
	struct it *t = it_new(waiter);
	struct it_row row;

	it_spawn(t, NULL);
	it_up(t);
	row = it_wait(t, "a", "waiting");
	ck_assert_str_eq(row.message, "waiting for b (ready)");
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "a").messages, "a: stopped");
	it_write(t, "go", "");
	it_wait(t, "b", "running");
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "stopped");
	ck_assert_int_eq(row.generation, 0);
	ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "a").worst, 0);
	ck_assert_str_eq(it_row(t, "a").state, "running");
	it_end(t);
}
END_TEST

static const char crasher[] = "  a:\n"
                              "    command: [stub, exit, '3']\n"
                              "    restart: {delay: 60s, max_delay: 60s}\n";

START_TEST(test_stop_while_backoff)
{
	struct it *t = it_start(crasher);
	struct it_row row = it_wait(t, "a", "backoff");

	ck_assert_str_eq(row.error, "exited with status 3");
	ck_assert_str_eq(row.exit_kind, "exit");
	ck_assert_int_eq(row.exit_value, 3);
	ck_assert_uint_eq(it_act(t, MSG_STOP, "N", "a").worst, 0);
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "stopped");
	ck_assert_str_eq(row.wish, "down");
	ck_assert_int_eq(row.generation, 1);
	it_end(t);
}
END_TEST

START_TEST(test_start_while_backoff)
{
	struct it *t = it_start(crasher);

	it_wait(t, "a", "backoff");
	it_act(t, MSG_START, "N", "a");
	IT_UNTIL(it_row(t, "a").generation == 2);
	it_wait(t, "a", "backoff");
	it_act(t, MSG_RESTART, "N", "a");
	IT_UNTIL(it_row(t, "a").generation == 3);
	it_wait(t, "a", "backoff");
	it_ok(t, MSG_RESET, "N", "a");
	ck_assert_str_eq(it_row(t, "a").state, "backoff");
	it_end(t);
}
END_TEST

START_TEST(test_stop_while_starting)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, run]\n"
	                      "    ready: {notify: true}\n");
	struct it_row row;

	it_spawn(t, NULL);
	it_up(t);
	it_wait(t, "a", "starting");
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "a").messages, "a: stopped");
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "stopped");
	ck_assert_int_eq(row.generation, 1);
	it_begin(t, MSG_START, "N", "a");
	it_wait(t, "a", "starting");
	it_begin(t, MSG_RESTART, "N", "a");
	IT_UNTIL(it_row(t, "a").generation == 3);
	it_wait(t, "a", "starting");
	it_end(t);
}
END_TEST

/* Makes a file, directory (no text) or fifo (empty text) cg/TAG/NAME. */
static void
make(struct it *t, const char *tag, const char *name, const char *text)
{
	char path[256];
	char full[512];

	snprintf(path, sizeof(path), "cg/%s%s", tag, name);
	snprintf(full, sizeof(full), "%s/%s", t->dir, path);
	if (text == NULL)
		ck_assert_int_eq(mkdir(full, 0755), 0);
	else if (text[0] == '\0')
		ck_assert_int_eq(mkfifo(full, 0666), 0);
	else
		it_write(t, path, text);
}

/* A launcher that hangs where it joins its cgroup: the kernel's file is a fifo
 * here, which nobody reads. NULL: no cgroups on this machine. */
static struct it *
start_held_launcher(void)
{
	struct it *t =
	    it_start("  a: {command: [stub, run]}\n"
	             "  b: {command: [stub, run], enabled: false}\n");
	struct it_reply r = it_ok(t, MSG_GET_VERSION, "");
	char variable[128];
	char root[512];
	const char *tag;

	it_str(&r.data, "cgroup", root, sizeof(root));
	tag = strrchr(root, '/');
	if (tag == NULL) {
		it_end(t);
		return NULL;
	}
	kill(t->pid, SIGTERM);
	ck_assert_int_eq(it_wait_exit(t), 0);
	make(t, "", "", NULL);
	make(t, "", "cgroup.procs", "0\n");
	make(t, tag + 1, "", NULL);
	make(t, tag + 1, "/cgroup.procs", "0\n");
	make(t, tag + 1, "/cgroup.kill", "0\n");
	make(t, tag + 1, "/a:1", NULL);
	make(t, tag + 1, "/a:1/cgroup.procs", "");
	make(t, tag + 1, "/b:1", NULL);
	make(t, tag + 1, "/b:1/cgroup.procs", "0\n");
	snprintf(
	    variable, sizeof(variable), "PLUGIND_CGROUP_ROOT=%s/cg", t->dir);
	it_putenv(t, variable);
	it_spawn(t, NULL);
	it_up(t);
	return t;
}

START_TEST(test_stop_while_initializing)
{
	struct it *t = start_held_launcher();
	struct it_row row;

	if (t == NULL)
		return; /* no cgroups on this machine */
	row = it_wait(t, "a", "initializing");
	ck_assert_int_gt(row.pid, 0);
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "a").messages, "a: stopped");
	ck_assert(!it_alive((pid_t)row.pid));
	it_begin(t, MSG_START, "N", "a");
	row = it_wait(t, "a", "initializing");
	ck_assert_int_eq(row.generation, 2);
	it_begin(t, MSG_RESTART, "N", "a");
	IT_UNTIL(it_row(t, "a").generation == 3);
	it_wait(t, "a", "initializing");
	it_end(t);
}
END_TEST

/* One start that hangs holds up neither the others nor the core. */
START_TEST(test_held_launcher)
{
	struct it *t = start_held_launcher();
	int64_t begin;

	if (t == NULL)
		return; /* no cgroups on this machine */
	it_wait(t, "a", "initializing");
	begin = clock_mono_ms();
	it_begin(t, MSG_START, "N", "b");
	it_ok(t, MSG_PING, "");
	it_ok(t, MSG_PING, "");
	ck_assert_int_le(clock_mono_ms() - begin, it_limit(200));
	it_wait(t, "b", "running");
	ck_assert_str_eq(it_row(t, "a").state, "initializing");
	it_end(t);
}
END_TEST

static const char holder[] = "  a:\n"
                             "    command: [stub, hold, go, '0']\n"
                             "    restart: {delay: 60s, max_delay: 60s}\n";

static struct it *
start_holder(void)
{
	struct it *t = it_start(holder);

	IT_UNTIL(it_printed(t, "a", "holding"));
	return t;
}

START_TEST(test_stop_while_stopping)
{
	struct it *t = start_holder();
	uint64_t first = it_begin(t, MSG_STOP, "N", "a");
	uint64_t second = it_begin(t, MSG_STOP, "N", "a");

	ck_assert_str_eq(it_row(t, "a").state, "stopping");
	ck_assert_str_eq(
	    it_outcome(t, first).messages, "a: superseded by a later stop");
	it_write(t, "go", "");
	ck_assert_str_eq(it_outcome(t, second).messages, "a: stopped");
	ck_assert_str_eq(it_row(t, "a").exit_kind, "exit");
	it_end(t);
}
END_TEST

START_TEST(test_start_while_stopping)
{
	struct it *t = start_holder();
	uint64_t op;
	struct it_row row;

	it_begin(t, MSG_STOP, "N", "a");
	op = it_begin(t, MSG_START, "N", "a");
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "stopping");
	ck_assert_str_eq(row.wish, "up");
	it_write(t, "go", "");
	ck_assert_uint_eq(it_outcome(t, op).worst, 0);
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "running");
	ck_assert_int_eq(row.generation, 2);
	it_end(t);
}
END_TEST

START_TEST(test_restart_while_stopping)
{
	struct it *t = start_holder();
	uint64_t op;
	struct it_row row;

	it_begin(t, MSG_STOP, "N", "a");
	op = it_begin(t, MSG_RESTART, "N", "a");
	ck_assert_str_eq(it_row(t, "a").wish, "again");
	it_write(t, "go", "");
	ck_assert_uint_eq(it_outcome(t, op).worst, 0);
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "running");
	ck_assert_int_eq(row.generation, 2);
	it_end(t);
}
END_TEST

START_TEST(test_stop_during_restart)
{
	struct it *t = start_holder();
	uint64_t op;
	struct it_row row;

	it_begin(t, MSG_RESTART, "N", "a");
	ck_assert_str_eq(it_row(t, "a").wish, "again");
	op = it_begin(t, MSG_STOP, "N", "a");
	it_write(t, "go", "");
	ck_assert_str_eq(it_outcome(t, op).messages, "a: stopped");
	row = it_row(t, "a");
	ck_assert_str_eq(row.wish, "down");
	ck_assert_int_eq(row.generation, 1);
	it_end(t);
}
END_TEST

START_TEST(test_kill)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, run]\n"
	                        "    restart: {delay: 0s}\n");
	struct it_row row = it_wait(t, "a", "running");
	struct it_reply r;

	it_ok(t, MSG_KILL, "ss", "a", "KILL");
	row = it_wait_newer(t, "a", row.generation);
	ck_assert_str_eq(row.exit_kind, "signal");
	ck_assert_int_eq(row.exit_value, SIGKILL);
	ck_assert_str_eq(row.error, "killed by SIGKILL");
	ck_assert_int_eq(row.restarts, 1);
	/* TERM that nobody here has asked for is a failure, too. */
	it_kill(row, SIGTERM);
	row = it_wait_newer(t, "a", row.generation);
	ck_assert_str_eq(row.error, "killed by SIGTERM");
	it_act(t, MSG_STOP, "N", "a");
	r = it_call(t, MSG_KILL, "ss", "a", "TERM");
	ck_assert_uint_eq(r.code, MSG_CODE_NOT_RUNNING);
	ck_assert_str_eq(r.error, "a is not running (stopped)");
	r = it_call(t, MSG_KILL, "ss", "a", "NONSENSE");
	ck_assert_uint_eq(r.code, MSG_CODE_USAGE);
	it_end(t);
}
END_TEST

START_TEST(test_launch_failure)
{
	struct it *t = it_start("  a: {command: [/nowhere/program]}\n");
	struct it_op op;

	it_wait(t, "a", "failed");
	op = it_act(t, MSG_START, "N", "a");
	ck_assert_uint_eq(op.worst, MSG_CODE_FAILED);
	ck_assert_ptr_nonnull(strstr(op.messages,
	    "cannot execute /nowhere/program: No such file or directory"));
	it_end(t);
}
END_TEST

START_TEST(test_unknown)
{
	static const enum msg_type types[] = {MSG_START, MSG_STOP, MSG_RESTART,
	    MSG_RELOAD, MSG_RESET, MSG_STATUS};
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	int64_t pid = it_wait(t, "a", "running").pid;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct it_reply r = it_call(t, types[i], "N", "a nobody");

		ck_assert_uint_eq(r.code, MSG_CODE_UNKNOWN_PLUGIN);
		ck_assert_str_eq(r.error, "unknown plugin 'nobody'");
	}
	/* Nothing was done to the one that exists. */
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"start_stop", test_start_stop},
	    {"idempotent", test_idempotent},
	    {"restart", test_restart},
	    {"restart_of_stopped", test_restart_of_stopped},
	    {"stop_while_waiting", test_stop_while_waiting},
	    {"stop_while_backoff", test_stop_while_backoff},
	    {"start_while_backoff", test_start_while_backoff},
	    {"stop_while_starting", test_stop_while_starting},
	    {"stop_while_initializing", test_stop_while_initializing},
	    {"held_launcher", test_held_launcher},
	    {"stop_while_stopping", test_stop_while_stopping},
	    {"start_while_stopping", test_start_while_stopping},
	    {"restart_while_stopping", test_restart_while_stopping},
	    {"stop_during_restart", test_stop_during_restart},
	    {"kill", test_kill},
	    {"launch_failure", test_launch_failure},
	    {"unknown", test_unknown},
	};

	return it_main("life", tests, sizeof(tests) / sizeof(tests[0]));
}
