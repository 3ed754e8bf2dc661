/*
 * test_stop: how a process is ended: the signal, the escalation, the whole
 * group, and what is said about it.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(test_kill_after_timeout)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, ignore]\n"
	                        "    ready: {log: ignoring}\n"
	                        "    stop: {timeout: 150ms}\n");
	struct it_op op = it_act(t, MSG_STOP, "N", "a");
	struct it_row row = it_row(t, "a");

	ck_assert_str_eq(op.messages, "a: stopped (had to be killed)");
	ck_assert_str_eq(row.state, "stopped");
	ck_assert_int_eq(row.exit_value, SIGKILL);
	ck_assert_str_eq(row.error, "");
	ck_assert(it_logged(t, "did not end 0.1 s after SIGTERM; killing it"));
	it_end(t);
}
END_TEST

/* In time, and with its own exit status. */
START_TEST(test_within_timeout)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, hold, '-', '4']\n"
	                        "    ready: {log: holding}\n");
	struct it_row row;

	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "a").messages, "a: stopped");
	row = it_row(t, "a");
	ck_assert_str_eq(row.exit_kind, "exit");
	ck_assert_int_eq(row.exit_value, 4);
	ck_assert_str_eq(row.error, "");
	ck_assert_str_eq(row.state, "stopped");
	it_end(t);
}
END_TEST

START_TEST(test_signal)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, signals, '7']\n"
	                        "    ready: {log: armed}\n"
	                        "    stop: {signal: HUP}\n"
	                        "  b:\n"
	                        "    command: [stub, run]\n"
	                        "    stop: {signal: KILL}\n");

	it_act(t, MSG_STOP, "N", "a b");
	ck_assert_int_eq(it_row(t, "a").exit_value, 7);
	ck_assert_int_eq(it_row(t, "b").exit_value, SIGKILL);
	it_end(t);
}
END_TEST

/* One that is stopped (Ctrl-Z) can go as well. */
START_TEST(test_stopped_child)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	struct it_row row = it_wait(t, "a", "running");

	it_ok(t, MSG_KILL, "ss", "a", "STOP");
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "a").messages, "a: stopped");
	ck_assert_int_eq(it_row(t, "a").exit_value, SIGTERM);
	ck_assert(!it_alive((pid_t)row.pid));
	it_end(t);
}
END_TEST

/* Numbers from the file, one a line. */
static size_t
read_pids(struct it *t, const char *name, pid_t *pids, size_t cap)
{
	const char *p = it_read(t, name);
	size_t n = 0;

	while (*p != '\0' && n < cap) {
		char *end;

		pids[n++] = (pid_t)strtol(p, &end, 10);
		p = end + 1;
	}
	return n;
}

static void
stop_tree(const char *shape, size_t size, bool by_kill)
{
	char yaml[256];
	pid_t pids[8];
	struct it *t;

	snprintf(yaml, sizeof(yaml),
	    "  a:\n    command: [stub, tree, pids%s]\n"
	    "    restart: {policy: never}\n",
	    shape);
	t = it_start(yaml);
	IT_UNTIL(read_pids(t, "pids", pids, 8) == size);
	if (by_kill) {
		it_ok(t, MSG_KILL, "ss", "a", "KILL");
		it_wait(t, "a", "failed");
	} else {
		it_act(t, MSG_STOP, "N", "a");
	}
	for (size_t i = 0; i < size; i++)
		IT_UNTIL(!it_alive(pids[i]));
	it_end(t);
}

START_TEST(test_tree)
{
	stop_tree("", 3, false);
}
END_TEST

START_TEST(test_tree_killed)
{
	stop_tree("", 3, true);
}
END_TEST

static bool
has_cgroups(void)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	struct it_reply r = it_ok(t, MSG_GET_VERSION, "");
	char root[512];

	it_str(&r.data, "cgroup", root, sizeof(root));
	it_end(t);
	return root[0] != '\0';
}

/* Not even a process that left the session gets away, where there are
 * cgroups. */
START_TEST(test_escaped)
{
	if (has_cgroups())
		stop_tree(", escape", 4, false);
}
END_TEST

START_TEST(test_escaped_killed)
{
	if (has_cgroups())
		stop_tree(", escape", 4, true);
}
END_TEST

/* Ordered stop of the daemon with one that must be killed. */
START_TEST(test_daemon_stop)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, ignore]\n"
	                        "    ready: {log: ignoring}\n"
	                        "    stop: {timeout: 100ms}\n"
	                        "  b: {command: [stub, run]}\n"
	                        "  c: {command: [stub, exit, '1'],\n"
	                        "    restart: {delay: 60s, max_delay: 60s}}\n");

	it_wait(t, "c", "backoff");
	it_end(t);
}
END_TEST

/* A program that closes everything is as easy to end as others. */
START_TEST(test_mute)
{
	struct it *t = it_start("  a: {command: [stub, mute]}\n");
	size_t fds;

	IT_UNTIL(it_exists(t, "muted"));
	it_wait(t, "a", "running");
	it_act(t, MSG_STOP, "N", "a");
	fds = it_count_fds(t->pid);
	for (int i = 0; i < 5; i++) {
		it_act(t, MSG_START, "N", "a");
		it_act(t, MSG_STOP, "N", "a");
	}
	ck_assert_uint_eq(it_count_fds(t->pid), fds);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"kill_after_timeout", test_kill_after_timeout},
	    {"within_timeout", test_within_timeout},
	    {"signal", test_signal},
	    {"stopped_child", test_stopped_child},
	    {"tree", test_tree},
	    {"tree_killed", test_tree_killed},
	    {"escaped", test_escaped},
	    {"escaped_killed", test_escaped_killed},
	    {"daemon_stop", test_daemon_stop},
	    {"mute", test_mute},
	};

	return it_main("stop", tests, sizeof(tests) / sizeof(tests[0]));
}
