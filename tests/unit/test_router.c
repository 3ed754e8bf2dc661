/*
 * test_router: hello, from whom it is taken and from whom not, and the strikes
 * of a plugin that does not keep to the protocol. Commands and links that come
 * and go are in test_routerlink.c.
 */
#include "routerrig.h"

/* --- hello ------------------------------------------------------------- */

START_TEST(test_hello)
{
	char epoch[EPOCH_LEN + 1] = "";
	int fd;

	link_plugin();
	ck_assert_uint_eq(heard.protocol, 1);
	ck_assert_uint_eq(told.ups, 1);
	ck_assert_uint_eq(told.pid, (uint64_t)getpid());
	ck_assert_uint_eq(told.abi, 1);
	ck_assert_str_eq(told.version, "1.2");
	ck_assert_str_eq(told.type, "service");
	ck_assert_uint_eq(told.capabilities_len, 11);
	/* The marker has the epoch that hello was answered with. */
	fd = open(marker_path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, epoch, EPOCH_LEN), EPOCH_LEN);
	close(fd);
	ck_assert_uint_eq(strspn(epoch, "0123456789abcdef"), EPOCH_LEN);
	ck_assert_str_eq(heard.text, epoch);
}
END_TEST

static const uint8_t other_cookie[17] = "0123456789abcdeX";

static const struct {
	struct hello hello;
	const char *why;
} refused[] = {
    {{2, 3, GENERATION, "worker", COOKIE_LEN, cookie, 9}, "protocol"},
    {{0, 0, GENERATION, "worker", COOKIE_LEN, cookie, 9}, "protocol"},
    {{1, 1, GENERATION - 1, "worker", COOKIE_LEN, cookie, 9}, "generation"},
    {{1, 1, GENERATION, "other", COOKIE_LEN, cookie, 9}, "name"},
    {{1, 1, GENERATION, "worker", COOKIE_LEN, other_cookie, 9}, "cookie"},
    {{1, 1, GENERATION, "worker", COOKIE_LEN - 1, cookie, 9}, "cookie"},
    {{1, 1, GENERATION, "worker", 0, cookie, 9}, "cookie"},
    {{1, 1, GENERATION, "worker", COOKIE_LEN, cookie, 7}, "argument"},
    {{1, 1, GENERATION, "worker", COOKIE_LEN, cookie, 0}, "argument"},
};

/* Twice it may be wrong; the third time the core is told. */
START_TEST(test_refused)
{
	connect_all();
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(say_hello(&refused[_i].hello), FRAME_REFUSED);
		ck_assert_ptr_nonnull(strstr(heard.text, refused[_i].why));
		ck_assert_uint_eq(told.violations, 0);
	}
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
	await(&told.ups);
}
END_TEST

START_TEST(test_refused_thrice)
{
	struct buf b;
	uint32_t id;

	connect_all();
	for (int i = 0; i < 3; i++) {
		buf_init(&b, 8000);
		put_hello(&b, &refused[0].hello);
		ck_assert_int_eq(
		    sock_request(socks[HUB_SOCK], b.data, b.len, &id), 0);
		buf_fini(&b);
	}
	await(&told.violations);
	loop_until(are_down, NULL);
	ck_assert_uint_eq(told.ups, 0);
	ck_assert_uint_eq(told.violations, 1);
}
END_TEST

/* Who the process is: itself, of its session, in its cgroup, or a stranger. */
START_TEST(test_session)
{
	if (getsid(0) <= 0)
		return; /* of another pid namespace */
	attach(getuid(), 0);
	spawned(getsid(0), NULL);
	loop_until(has_marker, NULL);
	dial_missing();
	loop_until(are_up, NULL);
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
}
END_TEST

START_TEST(test_cgroup)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", scratch);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "1\n%d\n", (int)getpid());
	ck_assert_int_eq(fclose(f), 0);
	attach(getuid(), 0);
	spawned(router, path);
	loop_until(has_marker, NULL);
	dial_missing();
	loop_until(are_up, NULL);
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
}
END_TEST

START_TEST(test_stranger)
{
	attach(getuid(), 0);
	spawned(router, NULL);
	loop_until(has_marker, NULL);
	dial_missing();
	loop_until(are_up, NULL);
	ck_assert_uint_eq(say_hello(&good), FRAME_REFUSED);
	ck_assert_ptr_nonnull(strstr(heard.text, "process"));
}
END_TEST

/* Before the router has heard of its process. */
static void
say_hello_early(void)
{
	struct buf b;
	uint32_t id;

	attach(getuid(), 0);
	loop_until(has_marker, NULL);
	dial_missing();
	loop_until(are_up, NULL);
	buf_init(&b, 8000);
	put_hello(&b, &good);
	ck_assert_int_eq(sock_request(socks[HUB_SOCK], b.data, b.len, &id), 0);
	buf_fini(&b);
	stay_quiet();
}

/* The plugin may be faster than the news of its pid. */
START_TEST(test_hello_before_spawned)
{
	say_hello_early();
	ck_assert_uint_eq(heard.answers, 0);
	ck_assert_uint_eq(told.ups, 0);
	spawned(getpid(), NULL);
	await(&told.ups);
	loop_until(has_answer, NULL);
	ck_assert_uint_eq(heard.code, FRAME_OK);
}
END_TEST

/* A hello that waits for that news is not for who connects after it. */
START_TEST(test_old_hello_for_new_pipe)
{
	say_hello_early();
	sock_drop(socks[HUB_SOCK]);
	stay_quiet();
	dial_missing();
	loop_until(are_up, NULL);
	stay_quiet();
	spawned(getpid(), NULL);
	stay_quiet();
	ck_assert_uint_eq(told.ups, 0);
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
	await(&told.ups);
}
END_TEST

START_TEST(test_hello_twice)
{
	link_plugin();
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
	stay_quiet();
	ck_assert_uint_eq(told.ups, 1);
	ck_assert_uint_eq(told.downs, 0);
}
END_TEST

/* Trailing arguments may be missing; what the core hears is whole. */
START_TEST(test_without_capabilities)
{
	struct hello h = good;

	h.nargs = 8;
	connect_all();
	ck_assert_uint_eq(say_hello(&h), FRAME_OK);
	await(&told.ups);
	ck_assert_uint_eq(told.ends, 0);
	ck_assert_str_eq(told.type, "service");
}
END_TEST

/* A bad hello on a link that is up does not take the place of the good one. */
START_TEST(test_bad_hello_later)
{
	link_plugin();
	told.ups = 0;
	ck_assert_uint_eq(say_hello(&refused[8].hello), FRAME_REFUSED);
	sock_drop(socks[COMMAND_SOCK]);
	await(&told.downs);
	dial_missing();
	await(&told.ups);
	ck_assert_uint_eq(told.ends, 0);
	ck_assert_str_eq(told.version, "1.2");
}
END_TEST

START_TEST(test_hello_required)
{
	connect_all();
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(
		    say_outcome(1, OUTCOME_OK, "", 0), FRAME_HELLO_REQUIRED);
	ck_assert_uint_eq(told.violations + told.outcomes, 0);
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
}
END_TEST

/* --- strikes ----------------------------------------------------------- */

static const struct {
	const char *name;
	const char *hex; /* or an outcome: */
	uint64_t code;
	size_t text_len, data_len;
} bad_frames[] = {
    {"not a frame", "c0", 0, 0, 0},
    {"half a frame", "94 01 cd 012e 07", 0, 0, 0},
    {"empty", "", 0, 0, 0},
    {"no arguments", "94 01 cd 012e 07 90", 0, 0, 0},
    {"op is a str", "94 01 cd 012e 07 94 a0 00 a0 c0", 0, 0, 0},
    {"text is a bin", "94 01 cd 012e 07 94 01 00 c400 c0", 0, 0, 0},
    {"status without code", "94 01 cd 012f 07 90", 0, 0, 0},
    {"no such code", NULL, FRAME_OUTCOME__COUNT, 0, 0},
    {"long text", NULL, OUTCOME_OK, 4097, 0},
    {"long data", NULL, OUTCOME_OK, 0, 65536},
};

static void
send_bad(size_t i)
{
	char text[5000] = "";
	uint8_t raw[64];
	struct buf b;

	if (!bad_frames[i].hex) {
		memset(text, 'x', bad_frames[i].text_len);
		say_outcome(
		    1, bad_frames[i].code, text, bad_frames[i].data_len);
		return;
	}
	buf_init(&b, 100);
	buf_append(&b, raw, unit_unhex(bad_frames[i].hex, raw, sizeof(raw)));
	ask(&b);
}

START_TEST(test_strikes)
{
	link_plugin();
	for (int i = 0; i < 2; i++) {
		send_bad((size_t)_i);
		ck_assert_uint_eq(heard.code, FRAME_MALFORMED);
		ck_assert_uint_eq(told.violations, 0);
	}
	ck_assert_uint_eq(say_outcome(1, OUTCOME_OK, "fine", 0), FRAME_OK);
	/* The answer to the third may go down with the pipe. */
	heard.answers = 0;
	if (bad_frames[_i].hex) {
		uint8_t raw[64];
		uint32_t id;
		size_t len = unit_unhex(bad_frames[_i].hex, raw, sizeof(raw));

		ck_assert_int_eq(
		    sock_request(socks[HUB_SOCK], raw, len, &id), 0);
		await(&told.violations);
		loop_until(are_down, NULL);
		ck_assert_uint_eq(told.outcomes, 1);
	}
}
END_TEST

START_TEST(test_strikes_in_answers)
{
	link_plugin();
	heard.answer_hex = "c0";
	for (uint64_t op = 1; op <= 3; op++)
		command(MSG_HEALTH, op);
	await(&told.violations);
	loop_until(are_down, NULL);
}
END_TEST

/* 4 KiB is all that somebody unknown may say at once. */
START_TEST(test_long_before_hello)
{
	static const uint8_t long_frame[4097];
	uint32_t id;

	connect_all();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(sock_request(socks[HUB_SOCK], long_frame,
		                     sizeof(long_frame), &id),
		    0);
	await(&told.violations);
	loop_until(are_down, NULL);
}
END_TEST

/* An outlaw is not heard again, whatever it says. */
START_TEST(test_outlaw_returns)
{
	struct buf b;
	uint32_t id;

	link_plugin();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(sock_request(socks[HUB_SOCK], "x", 1, &id), 0);
	await(&told.violations);
	loop_until(are_down, NULL);
	told.ups = 0;
	dial_missing();
	stay_quiet();
	buf_init(&b, 8000);
	put_hello(&b, &good);
	(void)sock_request(socks[HUB_SOCK], b.data, b.len, &id);
	buf_fini(&b);
	stay_quiet();
	ck_assert_uint_eq(told.ups, 0);
	ck_assert_uint_eq(told.violations, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("router");
	TCase *tc = make_case(s, "hello");

	tcase_add_test(tc, test_hello);
	tcase_add_loop_test(tc, test_refused, 0, COUNT(refused));
	tcase_add_test(tc, test_refused_thrice);
	tcase_add_test(tc, test_session);
	tcase_add_test(tc, test_cgroup);
	tcase_add_test(tc, test_stranger);
	tcase_add_test(tc, test_hello_before_spawned);
	tcase_add_test(tc, test_old_hello_for_new_pipe);
	tcase_add_test(tc, test_hello_twice);
	tcase_add_test(tc, test_without_capabilities);
	tcase_add_test(tc, test_bad_hello_later);
	tcase_add_test(tc, test_hello_required);
	tc = make_case(s, "strikes");
	tcase_add_loop_test(tc, test_strikes, 0, COUNT(bad_frames));
	tcase_add_test(tc, test_strikes_in_answers);
	tcase_add_test(tc, test_long_before_hello);
	tcase_add_test(tc, test_outlaw_returns);
	return unit_run(s);
}
