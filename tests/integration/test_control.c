/*
 * test_control: control.sock and clients that do not behave: what each of
 * them gets, and that the others do not notice.
 */
#include "raw.h"

#include "common/sp.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char one[] = "  a: {command: [stub, run]}\n";

/* state.wait for a state that does not come, for 30 s */
static const char never[] = "\x93\xa1"
                            "a\xa7"
                            "stopped\xcd\x75\x30";
enum { NEVER_LEN = sizeof(never) - 1 };

static unsigned
expect(int fd, uint32_t id)
{
	uint32_t got;
	unsigned code;

	ck_assert(raw_reply(fd, &got, &code));
	ck_assert_uint_eq(got, id);
	return code;
}

START_TEST(test_garbage)
{
	struct it *t = it_start(one);
	size_t fds = it_count_fds(t->pid);
	unsigned seed = 1;

	for (int i = 0; i < it_level(50, 200, 2000); i++) {
		uint8_t bytes[300];
		int fd = it_dial(t);

		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)(rand_r(&seed) >> 3);
		if (i % 3 == 0)
			raw_greet(fd);
		else
			bytes[0] |= 1; /* no greeting begins so */
		if (i % 3 == 0)
			bytes[0] = 7; /* and no message so */
		(void)raw_send(fd, bytes, sizeof(bytes));
		raw_closed(fd);
		close(fd);
	}
	it_ok(t, MSG_PING, "");
	IT_UNTIL(it_count_fds(t->pid) == fds);
	it_end(t);
}
END_TEST

/* Each kind of bad payload costs a strike; three end it. */
START_TEST(test_strikes)
{
	static const struct {
		const char *payload;
		size_t len;
	} bad[] = {
	    {"", 0},
	    {"\xc1", 1},
	    {"\x94\x01\xcd\x01", 4},
	    {"\x90", 1},
	    {"\xdd\xff\xff\xff\xff", 5},
	    {"\x94\x01\xcd\x01\x91\x01\x90\x00", 8},
	};
	struct it *t = it_start(one);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = it_dial(t);

		raw_greet(fd);
		for (int k = 0; k < 2; k++)
			ck_assert(
			    raw_request(fd, 1, bad[i].payload, bad[i].len));
		ck_assert(raw_ask(fd, 2, MSG_PING, "", 0));
		ck_assert_uint_eq(expect(fd, 2), 0);
		(void)raw_request(fd, 3, bad[i].payload, bad[i].len);
		raw_closed(fd);
		close(fd);
	}
	it_end(t);
}
END_TEST

START_TEST(test_unknown_type)
{
	static const uint8_t unknown[] = {0x94, 1, 0xcd, 0x03, 0xe7, 5, 0x90};
	static const uint8_t version[] = {0x94, 9, 0xcd, 0x01, 0x91, 5, 0x90};
	struct it *t = it_start(one);
	int fd = it_dial(t);

	raw_greet(fd);
	for (uint32_t i = 0; i < 10; i++) {
		ck_assert(raw_request(fd, i, unknown, sizeof(unknown)));
		ck_assert_uint_eq(expect(fd, i), MSG_CODE_USAGE);
		ck_assert(raw_request(fd, i, version, sizeof(version)));
		ck_assert_uint_eq(expect(fd, i), MSG_CODE_USAGE);
	}
	close(fd);
	it_end(t);
}
END_TEST

START_TEST(test_oversize)
{
	/* [1, 401, 7, [], a string of 65522 bytes] */
	static const uint8_t ping[] = {
	    0x95, 1, 0xcd, 1, 0x91, 7, 0x90, 0xda, 0xff, 0xf2};
	static char big[64 * 1024];
	struct it *t = it_start(one);
	int fd = it_dial(t);
	uint8_t head[SP_HEADER_LEN] = {1, 0, 0, 0, 0, 0, 1, 0, 1};

	/* The length alone is enough. */
	raw_greet(fd);
	ck_assert(raw_send(fd, head, sizeof(head)));
	raw_closed(fd);
	close(fd);
	/* The largest that may be is read to its end, and answered. */
	fd = it_dial(t);
	raw_greet(fd);
	memset(big, 'x', sizeof(big));
	memcpy(big, ping, sizeof(ping));
	ck_assert(raw_request(fd, 9, big, 65536 - 4));
	ck_assert_uint_eq(expect(fd, 9), 0);
	close(fd);
	it_end(t);
}
END_TEST

/* One byte at a time is slow, not wrong. */
START_TEST(test_byte_by_byte)
{
	struct it *t = it_start(one);
	uint8_t bytes[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	    0, 11, 0x80, 0, 0, 5, 0x94, 1, 0xcd, 0x01, 0x91, 5, 0x90};
	uint8_t greeting[8];
	int fd = it_dial(t);

	for (size_t i = 0; i < sizeof(bytes); i++) {
		ck_assert(raw_send(fd, &bytes[i], 1));
		it_ok(t, MSG_PING, "");
	}
	ck_assert_int_eq(read(fd, greeting, 8), 8);
	ck_assert_uint_eq(expect(fd, 5), 0);
	close(fd);
	it_end(t);
}
END_TEST

START_TEST(test_pipelined)
{
	struct it *t = it_start(one);
	int fd = it_dial(t);

	raw_greet(fd);
	for (uint32_t i = 0; i < 200; i++)
		ck_assert(raw_ask(fd, i, MSG_STATUS, "", 0));
	for (uint32_t i = 0; i < 200; i++)
		ck_assert_uint_eq(expect(fd, i), 0);
	close(fd);
	it_end(t);
}
END_TEST

/* --- limits ------------------------------------------------------------ */

START_TEST(test_outstanding)
{
	struct it *t = it_start(one);
	int fd = it_dial(t);
	uint32_t id;
	unsigned code;
	uint32_t seen = 0;

	raw_greet(fd);
	for (uint32_t i = 0; i < 16; i++)
		ck_assert(raw_ask(fd, i, MSG_STATE_WAIT, never, NEVER_LEN));
	ck_assert(raw_ask(fd, 16, MSG_STATE_WAIT, never, NEVER_LEN));
	ck_assert_uint_eq(expect(fd, 16), MSG_CODE_BUSY);
	it_act(t, MSG_STOP, "N", "a");
	for (int i = 0; i < 16; i++) {
		ck_assert(raw_reply(fd, &id, &code));
		ck_assert_uint_eq(code, 0);
		seen |= 1U << id;
	}
	ck_assert_uint_eq(seen, 0xffff);
	/* Now there is room again. */
	ck_assert(raw_ask(fd, 17, MSG_STATE_WAIT, never, NEVER_LEN));
	ck_assert_uint_eq(expect(fd, 17), 0);
	close(fd);
	it_end(t);
}
END_TEST

/* nng asks again after a minute; that is no second request. */
START_TEST(test_repeated)
{
	struct it *t = it_start(one);
	int fd = it_dial(t);

	raw_greet(fd);
	for (int i = 0; i < 40; i++)
		ck_assert(raw_ask(fd, 7, MSG_STATE_WAIT, never, NEVER_LEN));
	it_act(t, MSG_STOP, "N", "a");
	ck_assert_uint_eq(expect(fd, 7), 0);
	ck_assert(raw_ask(fd, 8, MSG_PING, "", 0));
	ck_assert_uint_eq(expect(fd, 8), 0);
	close(fd);
	it_end(t);
}
END_TEST

/* A client that goes while it waits leaves nothing. */
START_TEST(test_gone_while_waiting)
{
	struct it *t = it_start(one);
	size_t fds = it_count_fds(t->pid);

	for (int i = 0; i < 50; i++) {
		int fd = it_dial(t);

		raw_greet(fd);
		ck_assert(raw_ask(fd, 1, MSG_STATE_WAIT, never, NEVER_LEN));
		close(fd);
	}
	IT_UNTIL(it_count_fds(t->pid) == fds);
	it_act(t, MSG_STOP, "N", "a");
	it_end(t);
}
END_TEST

/* The greeting has two seconds. */
START_TEST(test_late_greeting)
{
	struct it *t = it_start(one);
	int64_t begin = clock_mono_ms();
	int fd = it_dial(t);
	int silent = it_dial(t);

	ck_assert(raw_send(fd, "\0SP", 3));
	raw_closed(fd);
	raw_closed(silent);
	ck_assert_int_ge(clock_mono_ms() - begin, 1900);
	ck_assert_int_le(clock_mono_ms() - begin, it_limit(5000));
	close(fd);
	close(silent);
	it_end(t);
}
END_TEST

/* When it is full, the oldest that has not even greeted goes. */
START_TEST(test_many_half)
{
	struct it *t = it_start(one);
	int fds[300];
	int64_t slowest = 0;

	for (int i = 0; i < 300; i++) {
		int64_t begin;

		fds[i] = it_dial(t);
		ck_assert(raw_send(fds[i], "\0S", 2));
		begin = clock_mono_ms();
		it_ok(t, MSG_PING, "");
		if (clock_mono_ms() - begin > slowest)
			slowest = clock_mono_ms() - begin;
	}
	ck_assert_int_le(slowest, it_limit(100));
	raw_closed(fds[0]);
	for (int i = 0; i < 300; i++)
		close(fds[i]);
	it_end(t);
}
END_TEST

START_TEST(test_many_whole)
{
	struct it *t = it_start(one);
	int fds[255];
	int fd;

	/* The harness is the 256th. */
	for (int i = 0; i < 255; i++) {
		fds[i] = it_dial(t);
		raw_greet(fds[i]);
	}
	fd = it_dial(t);
	raw_closed(fd);
	close(fd);
	ck_assert(raw_ask(fds[0], 1, MSG_PING, "", 0));
	ck_assert_uint_eq(expect(fds[0], 1), 0);
	close(fds[0]);
	it_ok(t, MSG_PING, "");
	IT_UNTIL(it_logged(t, "256 clients; one more refused"));
	fd = it_dial(t);
	raw_greet(fd);
	close(fd);
	for (int i = 1; i < 255; i++)
		close(fds[i]);
	it_end(t);
}
END_TEST

/* Whoever asks and does not read is not read any more. */
START_TEST(test_not_reading)
{
	struct it *t = it_start(one);
	struct timeval soon = {.tv_usec = 20000};
	int fd = it_dial(t);
	int64_t slowest = 0;
	int64_t begin;
	uint32_t sent = 0;

	raw_greet(fd);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	while (raw_ask(fd, sent, MSG_STATUS, "", 0) && sent < 1000000) {
		if (++sent % 1000 != 0)
			continue;
		begin = clock_mono_ms();
		it_ok(t, MSG_PING, "");
		if (clock_mono_ms() - begin > slowest)
			slowest = clock_mono_ms() - begin;
	}
	ck_assert_uint_lt(sent, 1000000);
	ck_assert_int_le(slowest, it_limit(100));
	close(fd);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"garbage", test_garbage},
	    {"strikes", test_strikes},
	    {"unknown_type", test_unknown_type},
	    {"oversize", test_oversize},
	    {"byte_by_byte", test_byte_by_byte},
	    {"pipelined", test_pipelined},
	    {"outstanding", test_outstanding},
	    {"repeated", test_repeated},
	    {"gone_while_waiting", test_gone_while_waiting},
	    {"late_greeting", test_late_greeting},
	    {"many_half", test_many_half},
	    {"many_whole", test_many_whole},
	    {"not_reading", test_not_reading},
	};

	return it_main("control", tests, sizeof(tests) / sizeof(tests[0]));
}
