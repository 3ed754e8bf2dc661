/*
 * test_scale: the two settings that a client may write: the number of
 * instances, and what starts with the daemon.
 */
#include "harness.h"

#include <signal.h>

START_TEST(test_scale)
{
	struct it *t = it_start("  w: {command: [stub, run]}\n");
	int64_t pid = it_wait(t, "w", "running").pid;
	struct it_op op;

	op = it_act(t, MSG_SCALE, "su", "w", (uint64_t)3);
	ck_assert_uint_eq(op.worst, 0);
	it_wait(t, "w:2", "running");
	it_wait(t, "w:3", "running");
	ck_assert_int_eq(it_row(t, "w:1").pid, pid);
	op = it_act(t, MSG_SCALE, "su", "w", (uint64_t)1);
	ck_assert_uint_eq(op.worst, 0);
	IT_UNTIL(
	    it_call(t, MSG_STATUS, "N", "w:2").code == MSG_CODE_UNKNOWN_PLUGIN);
	ck_assert_int_eq(it_row(t, "w").pid, pid);
	ck_assert_uint_eq(
	    it_call(t, MSG_SCALE, "su", "w", (uint64_t)0).code, MSG_CODE_USAGE);
	ck_assert_uint_eq(it_call(t, MSG_SCALE, "su", "x", (uint64_t)2).code,
	    MSG_CODE_UNKNOWN_PLUGIN);
	/* It lasts. */
	ck_assert_ptr_nonnull(
	    strstr(it_read(t, "plugins.d/90-pluginctl.yaml"), "w:"));
	it_end(t);
}
END_TEST

START_TEST(test_enable)
{
	struct it *t = it_start("  a: {command: [stub, run], enabled: false}\n"
	                        "  b: {command: [stub, run]}\n");

	it_ok(t, MSG_ENABLE, "Nb", "a", 1);
	it_ok(t, MSG_ENABLE, "Nb", "b", 0);
	ck_assert_str_eq(it_row(t, "a").state, "registered");
	ck_assert_str_eq(it_row(t, "b").state, "running");
	it_act(t, MSG_APPLY, "");
	it_wait(t, "a", "running");
	it_wait(t, "b", "stopped");
	/* The next daemon does as this one. */
	kill(t->pid, SIGTERM);
	ck_assert_int_eq(it_wait_exit(t), 0);
	it_spawn(t, NULL);
	it_settle(t);
	it_wait(t, "a", "running");
	ck_assert_str_eq(it_row(t, "b").state, "registered");
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"scale", test_scale},
	    {"enable", test_enable},
	};

	return it_main("scale", tests, sizeof(tests) / sizeof(tests[0]));
}
