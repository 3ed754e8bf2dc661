/*
 * test_policy: what follows an exit: back-off, window, stable runs, the three
 * policies, exit 125, start_timeout.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(test_backoff_series)
{
	static const char *const waits[] = {
	    "starting again in 20ms (restart 1 of 5 in 1m)",
	    "starting again in 40ms (restart 2 of 5 in 1m)",
	    "starting again in 80ms (restart 3 of 5 in 1m)",
	    "starting again in 100ms (restart 4 of 5 in 1m)",
	    "starting again in 100ms (restart 5 of 5 in 1m)",
	    "giving up after 5 restarts within 1m ('pluginctl start a'",
	};
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, exit, '1']\n"
	                        "    restart: {delay: 20ms, jitter: 0%,"
	                        " max_delay: 100ms}\n");
	struct it_row row = it_wait(t, "a", "failed");

	ck_assert_int_eq(row.generation, 6);
	ck_assert_int_eq(row.restarts, 5);
	ck_assert_str_eq(row.error, "exited with status 1");
	ck_assert_str_eq(row.message, "exited with status 1");
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		ck_assert_msg(it_logged(t, waits[i]), "%s", waits[i]);
	it_end(t);
}
END_TEST

static const char fragile[] = "  a:\n"
                              "    command: [stub, fragile, broken]\n"
                              "    restart: {delay: 5ms, max_restarts: 2}\n";

static struct it *
start_failed(void)
{
	struct it *t = it_new(fragile);

	it_write(t, "broken", "");
	it_spawn(t, NULL);
	it_settle(t);
	ck_assert_int_eq(it_wait(t, "a", "failed").generation, 3);
	return t;
}

START_TEST(test_start_clears)
{
	struct it *t = start_failed();
	struct it_row row;

	/* It has the whole window again. */
	it_act(t, MSG_START, "N", "a");
	IT_UNTIL(it_row(t, "a").generation == 6);
	it_wait(t, "a", "failed");
	it_remove(t, "broken");
	ck_assert_uint_eq(it_act(t, MSG_START, "N", "a").worst, 0);
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "running");
	ck_assert_int_eq(row.generation, 7);
	ck_assert_str_eq(row.error, "");
	it_end(t);
}
END_TEST

START_TEST(test_reset)
{
	struct it *t = start_failed();
	struct it_op op = it_act(t, MSG_RESET, "N", "a");
	struct it_row row = it_row(t, "a");

	ck_assert_str_eq(
	    op.messages, "a: reset; it stays down until it is started");
	ck_assert_str_eq(row.state, "stopped");
	ck_assert_str_eq(row.error, "");
	ck_assert_int_eq(row.exit_value, 1);
	it_end(t);
}
END_TEST

START_TEST(test_stop_of_failed)
{
	struct it *t = start_failed();

	ck_assert_str_eq(
	    it_act(t, MSG_STOP, "N", "a").messages, "a: not running (failed)");
	ck_assert_str_eq(it_row(t, "a").state, "failed");
	ck_assert_str_eq(it_row(t, "a").wish, "down");
	it_end(t);
}
END_TEST

/* The first restart after a stable run does not wait. */
START_TEST(test_stable)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, run]\n"
	                        "    restart: {delay: 60s, max_delay: 60s,"
	                        " stable_after: 1ms}\n");
	struct it_row row;

	for (int i = 1; i <= 3; i++) {
		row = it_wait_newer(t, "a", i - 1);
		it_pause(); /* more than a millisecond */
		it_kill(row, SIGKILL);
	}
	it_wait_newer(t, "a", 3);
	ck_assert(it_logged(t, "starting again now"));
	it_end(t);
}
END_TEST

START_TEST(test_unlimited)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, exit, '1']\n"
	                        "    restart: {delay: 0s, max_restarts: 0}\n");
	struct it_row row;

	IT_UNTIL(it_row(t, "a").generation > 50);
	ck_assert_uint_eq(it_act(t, MSG_STOP, "N", "a").worst, 0);
	row = it_row(t, "a");
	ck_assert_str_eq(row.state, "stopped");
	it_end(t);
}
END_TEST

START_TEST(test_refused)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, signals, '7']\n"
	                        "    ready: {log: armed}\n"
	                        "    restart: {policy: always, delay: 0s}\n");
	struct it_row row = it_wait(t, "a", "running");

	it_kill(row, SIGUSR2);
	row = it_wait(t, "a", "stopped");
	ck_assert_str_eq(row.exit_kind, "exit");
	ck_assert_int_eq(row.exit_value, 125);
	ck_assert_int_eq(row.generation, 1);
	ck_assert_str_eq(row.wish, "down");
	it_end(t);
}
END_TEST

static const struct {
	const char *policy;
	const char *status;
	const char *state;
	int64_t generation;
} ends[] = {
    {"on-failure", "0", "stopped", 1},
    {"on-failure", "1", "failed", 3},
    {"on-failure", "125", "stopped", 1},
    {"always", "0", "failed", 3},
    {"always", "1", "failed", 3},
    {"always", "125", "stopped", 1},
    {"never", "0", "stopped", 1},
    {"never", "1", "failed", 1},
    {"never", "125", "stopped", 1},
};

START_TEST(test_policies)
{
	enum { N = sizeof(ends) / sizeof(ends[0]) };
	struct buf yaml;
	struct it *t;

	buf_init(&yaml, N * 200);
	for (size_t i = 0; i < N; i++)
		buf_printf(&yaml,
		    "  p%zu:\n"
		    "    command: [stub, exit, '%s']\n"
		    "    restart: {policy: %s, delay: 1ms, max_restarts: 2}\n",
		    i, ends[i].status, ends[i].policy);
	t = it_start(buf_cstr(&yaml));
	buf_fini(&yaml);
	for (size_t i = 0; i < N; i++) {
		char name[8];
		struct it_row row;

		snprintf(name, sizeof(name), "p%zu", i);
		row = it_wait(t, name, ends[i].state);
		ck_assert_msg(row.generation == ends[i].generation,
		    "%s, exit %s: %d starts", ends[i].policy, ends[i].status,
		    (int)row.generation);
		ck_assert_int_eq(
		    row.exit_value, strtol(ends[i].status, NULL, 10));
	}
	it_end(t);
}
END_TEST

START_TEST(test_start_timeout)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, run]\n"
	                      "    ready: {notify: true}\n"
	                      "    start_timeout: 150ms\n"
	                      "    restart: {delay: 1ms, max_restarts: 2}\n");
	struct it_row row;

	it_spawn(t, NULL);
	it_up(t);
	row = it_wait(t, "a", "failed");
	ck_assert_int_eq(row.generation, 3);
	ck_assert_str_eq(row.error, "not ready within start_timeout (150ms)");
	ck_assert_str_eq(row.exit_kind, "signal");
	ck_assert_int_eq(row.exit_value, SIGTERM);
	it_end(t);
}
END_TEST

/* Failures are listed, the newest first. */
START_TEST(test_failures)
{
	struct it *t = start_failed();
	struct it_reply r = it_ok(t, MSG_FAILURES, "");
	struct wire_cursor at = r.data;
	char text[64];
	uint32_t n;

	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	ck_assert_uint_eq(n, 3);
	for (int64_t generation = 3; generation > 0; generation--) {
		struct wire_cursor e;

		ck_assert_str_eq(it_str(&at, "name", text, sizeof(text)), "a");
		ck_assert_int_eq(it_int(&at, "generation"), generation);
		ck_assert_int_eq(wire_map_find(&at, "exit", &e), 0);
		ck_assert_int_eq(it_int(&e, "value"), 1);
		ck_assert_int_eq(
		    it_int(&at, "next_restart_ms") > 0, generation < 3);
		ck_assert_int_eq(wire_skip(&at), 0);
	}
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"backoff_series", test_backoff_series},
	    {"start_clears", test_start_clears},
	    {"reset", test_reset},
	    {"stop_of_failed", test_stop_of_failed},
	    {"stable", test_stable},
	    {"unlimited", test_unlimited},
	    {"refused", test_refused},
	    {"policies", test_policies},
	    {"start_timeout", test_start_timeout},
	    {"failures", test_failures},
	};

	return it_main("policy", tests, sizeof(tests) / sizeof(tests[0]));
}
