/*
 * test_depends: gates, recovery, ordered stops, and what is settled.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>

/* Three in a row: c needs b, b needs a. Each says when it comes and goes. */
static const char chain[] =
    "  c: {command: [stub, order, log.txt], ready: {notify: true},\n"
    "    depends_on: [b]}\n"
    "  b: {command: [stub, order, log.txt], ready: {notify: true},\n"
    "    depends_on: [a]}\n"
    "  a: {command: [stub, order, log.txt], ready: {notify: true}}\n";

static const char coming[] = "+a:1\n+b:1\n+c:1\n";
static const char going[] = "+a:1\n+b:1\n+c:1\n-c:1\n-b:1\n-a:1\n";

START_TEST(test_order)
{
	struct it *t = it_start(chain);

	it_wait(t, "c", "running");
	ck_assert_str_eq(it_read(t, "log.txt"), coming);
	kill(t->pid, SIGTERM);
	ck_assert_int_eq(it_wait_exit(t), 0);
	ck_assert_str_eq(it_read(t, "log.txt"), going);
	it_gone(t);
}
END_TEST

START_TEST(test_cascade)
{
	struct it *t = it_start(chain);
	struct it_op op;

	it_wait(t, "c", "running");
	op = it_act(t, MSG_STOP, "Nb", "a", 1);
	ck_assert_str_eq(op.messages, "a: stopped; b: stopped; c: stopped");
	ck_assert_str_eq(op.notes, "");
	ck_assert_str_eq(it_read(t, "log.txt"), going);
	ck_assert_str_eq(it_row(t, "c").state, "stopped");
	it_end(t);
}
END_TEST

START_TEST(test_cascade_of_middle)
{
	struct it *t = it_start(chain);

	it_wait(t, "c", "running");
	it_act(t, MSG_STOP, "Nb", "b", 1);
	ck_assert_str_eq(it_row(t, "a").state, "running");
	ck_assert_str_eq(it_row(t, "c").state, "stopped");
	it_end(t);
}
END_TEST

START_TEST(test_stop_names_dependents)
{
	struct it *t = it_start(chain);
	int64_t pid = it_wait(t, "c", "running").pid;
	struct it_op op = it_act(t, MSG_STOP, "N", "a");

	ck_assert_str_eq(op.messages, "a: stopped");
	ck_assert_str_eq(op.notes,
	    "still running although they depend on it: b (stop --cascade "
	    "stops them first)");
	ck_assert_str_eq(it_row(t, "b").state, "running");
	ck_assert_int_eq(it_row(t, "c").pid, pid);
	/* One that starts anew has to wait. */
	it_begin(t, MSG_RESTART, "N", "b");
	ck_assert_str_eq(
	    it_wait(t, "b", "waiting").message, "waiting for a (ready)");
	it_act(t, MSG_START, "N", "a");
	it_wait(t, "b", "running");
	it_end(t);
}
END_TEST

START_TEST(test_stop_all_in_order)
{
	struct it *t = it_start(chain);

	it_wait(t, "c", "running");
	ck_assert_uint_eq(it_act(t, MSG_STOP, "N", "").worst, 0);
	ck_assert_str_eq(it_read(t, "log.txt"), going);
	ck_assert_uint_eq(it_act(t, MSG_START, "N", "").worst, 0);
	it_wait(t, "c", "running");
	it_end(t);
}
END_TEST

START_TEST(test_start_raises)
{
	struct it *t =
	    it_start("  c: {command: [stub, run], enabled: false,\n"
	             "    depends_on: [b]}\n"
	             "  b: {command: [stub, run], enabled: false,\n"
	             "    depends_on: [a]}\n"
	             "  a: {command: [stub, run], enabled: false}\n");

	ck_assert_str_eq(it_row(t, "a").state, "registered");
	ck_assert_uint_eq(it_act(t, MSG_START, "N", "c").worst, 0);
	ck_assert_str_eq(it_row(t, "a").state, "running");
	ck_assert_str_eq(it_row(t, "b").wish, "up");
	it_end(t);
}
END_TEST

/* A dependency that was given up is tried again. */
START_TEST(test_start_raises_failed)
{
	struct it *t = it_new("  b: {command: [stub, run], depends_on: [a]}\n"
	                      "  a:\n"
	                      "    command: [stub, fragile, broken]\n"
	                      "    ready: {after: 300ms}\n"
	                      "    restart: {policy: never}\n");

	it_write(t, "broken", "");
	it_spawn(t, NULL);
	it_settle(t);
	it_wait(t, "a", "failed");
	it_wait(t, "b", "waiting");
	it_remove(t, "broken");
	ck_assert_uint_eq(it_act(t, MSG_START, "N", "b").worst, 0);
	ck_assert_str_eq(it_row(t, "a").state, "running");
	it_end(t);
}
END_TEST

/* --- conditions -------------------------------------------------------- */

static struct it *
start_condition(const char *a, const char *condition)
{
	char yaml[1024];
	struct it *t;

	snprintf(yaml, sizeof(yaml),
	    "  a: %s\n"
	    "  b: {command: [stub, run],\n"
	    "    depends_on: {a: {condition: %s}}}\n",
	    a, condition);
	t = it_new(yaml);
	it_spawn(t, NULL);
	it_up(t);
	return t;
}

START_TEST(test_started)
{
	struct it *t = start_condition(
	    "{command: [stub, run], ready: {notify: true}}", "started");

	it_wait(t, "b", "running");
	ck_assert_str_eq(it_row(t, "a").state, "starting");
	it_end(t);
}
END_TEST

START_TEST(test_ready)
{
	struct it *t = start_condition(
	    "{command: [stub, notify, go, READY=1], ready: {notify: true}}",
	    "ready");

	it_wait(t, "a", "starting");
	ck_assert_str_eq(
	    it_wait(t, "b", "waiting").message, "waiting for a (ready)");
	it_write(t, "go", "");
	it_wait(t, "b", "running");
	it_end(t);
}
END_TEST

START_TEST(test_healthy)
{
	struct it *t = start_condition(
	    "{command: [stub, say, '-', up], ready: {log: up},\n"
	    "    health: {interval: 20ms, failures: 1000,\n"
	    "      probe: {exec: [stub, check, well]}}}",
	    "healthy");

	it_wait(t, "a", "running");
	IT_UNTIL(strcmp(it_row(t, "a").health, "failing") == 0);
	ck_assert_str_eq(
	    it_wait(t, "b", "waiting").message, "waiting for a (healthy)");
	it_write(t, "well", "");
	it_wait(t, "b", "running");
	ck_assert_str_eq(it_row(t, "a").health, "ok");
	it_end(t);
}
END_TEST

START_TEST(test_completed)
{
	struct it *t =
	    start_condition("{command: [stub, gate, go, '0']}", "completed");

	it_wait(t, "a", "running");
	ck_assert_str_eq(
	    it_wait(t, "b", "waiting").message, "waiting for a (completed)");
	it_write(t, "go", "");
	it_wait(t, "b", "running");
	ck_assert_str_eq(it_row(t, "a").state, "stopped");
	it_end(t);
}
END_TEST

/* Neither a failure nor a stop on demand completes anything. */
START_TEST(test_not_completed)
{
	struct it *t = start_condition("{command: [stub, gate, go, '1'],\n"
	                               "    restart: {policy: never}}",
	    "completed");

	it_wait(t, "a", "running");
	it_act(t, MSG_STOP, "N", "a");
	ck_assert_str_eq(it_row(t, "b").state, "waiting");
	it_act(t, MSG_START, "N", "a");
	it_write(t, "go", "");
	it_wait(t, "a", "failed");
	ck_assert_str_eq(it_row(t, "b").state, "waiting");
	it_end(t);
}
END_TEST

/* --- recovery ---------------------------------------------------------- */

static const char recovering[] =
    "  a: {command: [stub, fragile, broken],\n"
    "    restart: {delay: 10ms, max_delay: 10ms, max_restarts: 0}}\n"
    "  keeps: {command: [stub, run], depends_on: [a]}\n"
    "  follows: {command: [stub, run],\n"
    "    depends_on: {a: {restart: true}}}\n"
    "  last: {command: [stub, run],\n"
    "    depends_on: {follows: {restart: true}}}\n";

START_TEST(test_recovery)
{
	struct it *t = it_start(recovering);
	int64_t keeps = it_wait(t, "keeps", "running").pid;
	struct it_row follows = it_wait(t, "follows", "running");
	struct it_row last = it_wait(t, "last", "running");
	struct it_row row;

	it_ok(t, MSG_KILL, "ss", "a", "KILL");
	row = it_wait_newer(t, "follows", follows.generation);
	ck_assert_int_eq(row.generation, follows.generation + 1);
	it_wait_newer(t, "last", last.generation);
	ck_assert_int_eq(it_row(t, "keeps").pid, keeps);
	ck_assert_str_eq(it_row(t, "follows").error, "");
	it_end(t);
}
END_TEST

START_TEST(test_long_outage)
{
	struct it *t = it_start(recovering);
	int64_t keeps = it_wait(t, "keeps", "running").pid;

	it_wait(t, "last", "running");
	it_write(t, "broken", "");
	it_ok(t, MSG_KILL, "ss", "a", "KILL");
	IT_UNTIL(it_row(t, "a").generation > 5);
	it_remove(t, "broken");
	IT_UNTIL(it_is(t, "a", "running") && it_is(t, "last", "running") &&
	         it_is(t, "follows", "running"));
	ck_assert_int_eq(it_row(t, "keeps").pid, keeps);
	it_end(t);
}
END_TEST

/* --- instances, settled ------------------------------------------------ */

START_TEST(test_instances)
{
	struct it *t = it_new("  w: {command: [stub, notify, go, READY=1],\n"
	                      "    ready: {notify: true}, instances: 3}\n"
	                      "  b: {command: [stub, run], depends_on: [w]}\n");
	int64_t pid;

	it_spawn(t, NULL);
	it_up(t);
	for (int i = 1; i <= 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "w:%d", i);
		it_wait(t, name, "starting");
	}
	it_act(t, MSG_STOP, "N", "w:2");
	it_write(t, "go", "");
	it_wait(t, "w:1", "running");
	it_wait(t, "w:3", "running");
	ck_assert_str_eq(it_row(t, "b").state, "waiting");
	it_act(t, MSG_START, "N", "w:2");
	pid = it_wait(t, "b", "running").pid;
	it_ok(t, MSG_KILL, "ss", "w:1", "KILL");
	it_wait_newer(t, "w:1", 1);
	ck_assert_int_eq(it_row(t, "b").pid, pid);
	it_end(t);
}
END_TEST

/* Waiting for one that has failed is settled; it_start waits for it. */
START_TEST(test_settled)
{
	struct it *t = it_start("  b: {command: [stub, run], depends_on: [a]}\n"
	                        "  c: {command: [stub, run], depends_on: [b]}\n"
	                        "  a:\n"
	                        "    command: [stub, exit, '1']\n"
	                        "    ready: {after: 60s}\n"
	                        "    restart: {policy: never}\n");

	ck_assert_str_eq(it_row(t, "a").state, "failed");
	ck_assert_str_eq(it_row(t, "b").state, "waiting");
	ck_assert_str_eq(it_row(t, "c").state, "waiting");
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"order", test_order},
	    {"cascade", test_cascade},
	    {"cascade_of_middle", test_cascade_of_middle},
	    {"stop_names_dependents", test_stop_names_dependents},
	    {"stop_all_in_order", test_stop_all_in_order},
	    {"start_raises", test_start_raises},
	    {"start_raises_failed", test_start_raises_failed},
	    {"started", test_started},
	    {"ready", test_ready},
	    {"healthy", test_healthy},
	    {"completed", test_completed},
	    {"not_completed", test_not_completed},
	    {"recovery", test_recovery},
	    {"long_outage", test_long_outage},
	    {"instances", test_instances},
	    {"settled", test_settled},
	};

	return it_main("depends", tests, sizeof(tests) / sizeof(tests[0]));
}
