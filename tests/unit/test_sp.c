/*
 * test_sp: greetings and messages of the SP mapping, at every length and
 * with every first wrong byte.
 */
#include "common/sp.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

static const uint8_t good_greeting[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

START_TEST(test_greeting_bytes)
{
	uint8_t out[SP_GREETING_LEN];

	sp_greeting(out, SP_PROTO_REQ);
	ck_assert_mem_eq(out, good_greeting, sizeof(out));
	sp_greeting(out, 0x1234);
	ck_assert_mem_eq(out, "\0SP\0\x12\x34\0\0", sizeof(out));
}
END_TEST

START_TEST(test_greeting_every_length)
{
	for (size_t len = 0; len < SP_GREETING_LEN; len++)
		ck_assert_int_eq(
		    sp_check_greeting(good_greeting, len, SP_PROTO_REQ),
		    -EAGAIN);
	ck_assert_int_eq(
	    sp_check_greeting(good_greeting, SP_GREETING_LEN, SP_PROTO_REQ), 0);
}
END_TEST

/* The verdict falls at the wrong byte and does not change behind it. */
START_TEST(test_greeting_wrong_byte)
{
	uint8_t in[SP_GREETING_LEN + 1];
	int want = _i == 4 || _i == 5 ? -EPROTOTYPE : -EPROTO;

	memcpy(in, good_greeting, SP_GREETING_LEN);
	in[SP_GREETING_LEN] = 1;
	in[_i] ^= 0x81;
	for (int len = 0; len <= SP_GREETING_LEN + 1; len++)
		ck_assert_int_eq(
		    sp_check_greeting(in, (size_t)len, SP_PROTO_REQ),
		    len <= _i ? -EAGAIN : want);
}
END_TEST

START_TEST(test_greeting_other_protocol)
{
	ck_assert_int_eq(
	    sp_check_greeting(good_greeting, SP_GREETING_LEN, SP_PROTO_REP),
	    -EPROTOTYPE);
	ck_assert_int_eq(sp_check_greeting((const uint8_t *)"GET / HTTP/1.1",
	                     14, SP_PROTO_REQ),
	    -EPROTO);
}
END_TEST

enum { MAX_BODY = 100 };

/* clang-format off */
static const struct {
	const char *name;
	const char *hex;
	int want;
	size_t trace_len, payload_len;
} messages[] = {
	{"empty payload",  "01 0000000000000004 80000001", 0, 4, 0},
	{"payload",        "01 0000000000000006 80000001 c0c0", 0, 4, 2},
	{"two hops",       "01 0000000000000009 00000002 80000001 c0", 0, 8, 1},
	{"id of ones",     "01 0000000000000004 ffffffff", 0, 4, 0},
	{"eight hops",     "01 0000000000000020 00000001 00000001 00000001 "
	    "00000001 00000001 00000001 00000001 80000001", 0, 32, 0},
	{"nine hops",      "01 0000000000000024 00000001 00000001 00000001 "
	    "00000001 00000001 00000001 00000001 00000001 80000001", -EPROTO, 0, 0},
	{"bytes behind",   "01 0000000000000004 80000001 01 00", 0, 4, 0},
	{"no end",         "01 0000000000000008 00000001 00000002", -EPROTO, 0, 0},
	{"end cut off",    "01 0000000000000007 00000001 800000", -EPROTO, 0, 0},
	{"no body",        "01 0000000000000000", -EPROTO, 0, 0},
	{"short body",     "01 0000000000000003 800000", -EPROTO, 0, 0},
	{"wrong type",     "00 0000000000000004 80000001", -EPROTO, 0, 0},
	{"only a type",    "02", -EPROTO, 0, 0},
	{"too long",       "01 0000000000000065", -EMSGSIZE, 0, 0},
	{"far too long",   "01 ffffffffffffffff 80000001", -EMSGSIZE, 0, 0},
	{"little endian",  "01 0400000000000000 80000001", -EMSGSIZE, 0, 0},
	{"nothing",        "", -EAGAIN, 0, 0},
	{"half a header",  "01 00000000", -EAGAIN, 0, 0},
	{"half a body",    "01 0000000000000005 80000001", -EAGAIN, 0, 0},
};
/* clang-format on */

START_TEST(test_parse)
{
	struct sp_message m = {.total = 12345};
	uint8_t in[64];
	size_t len = unit_unhex(messages[_i].hex, in, sizeof(in));

	ck_assert_int_eq(sp_parse(in, len, MAX_BODY, &m), messages[_i].want);
	if (messages[_i].want) {
		ck_assert_uint_eq(m.total, 12345);
		return;
	}
	ck_assert_ptr_eq(m.trace, in + SP_HEADER_LEN);
	ck_assert_uint_eq(m.trace_len, messages[_i].trace_len);
	ck_assert_ptr_eq(m.payload, m.trace + m.trace_len);
	ck_assert_uint_eq(m.payload_len, messages[_i].payload_len);
	ck_assert_uint_eq(m.total, SP_HEADER_LEN + m.trace_len + m.payload_len);
}
END_TEST

/* Each cut says "more" until the verdict, and then always the same. */
START_TEST(test_parse_every_length)
{
	uint8_t in[64], *cut;
	struct sp_message m;
	size_t len = unit_unhex(messages[_i].hex, in, sizeof(in));
	bool decided = false;
	int r;

	for (size_t n = 0; n <= len; n++) {
		cut = malloc(n ? n : 1); /* bounds under ASan */
		memcpy(cut, in, n);
		r = sp_parse(cut, n, MAX_BODY, &m);
		free(cut);
		if (!decided && r == -EAGAIN)
			continue;
		decided = true;
		ck_assert_int_eq(r, messages[_i].want);
	}
	ck_assert_int_eq(decided, messages[_i].want != -EAGAIN);
}
END_TEST

START_TEST(test_max_body_is_allowed)
{
	uint8_t in[SP_HEADER_LEN + MAX_BODY] = {1, [8] = MAX_BODY, [9] = 0x80};
	struct sp_message m;

	ck_assert_int_eq(sp_parse(in, sizeof(in), MAX_BODY, &m), 0);
	ck_assert_uint_eq(m.payload_len, MAX_BODY - 4);
	ck_assert_int_eq(sp_parse(in, sizeof(in), MAX_BODY - 1, &m), -EMSGSIZE);
}
END_TEST

START_TEST(test_put_header_round_trip)
{
	static const uint8_t trace[] = {0, 0, 0, 7, 0x80, 0, 0, 1};
	struct sp_message m;
	struct buf b;

	buf_init(&b, 1000);
	for (int i = 0; i < 3; i++) {
		sp_put_header(&b, trace, sizeof(trace), 5);
		buf_puts(&b, "hello");
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(sp_parse(b.data, b.len, 13, &m), 0);
		ck_assert_uint_eq(m.trace_len, sizeof(trace));
		ck_assert_mem_eq(m.trace, trace, sizeof(trace));
		ck_assert_uint_eq(m.payload_len, 5);
		ck_assert_mem_eq(m.payload, "hello", 5);
		buf_consume(&b, m.total);
	}
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(test_put_header_at_limit)
{
	static const uint8_t trace[] = {0x80, 0, 0, 1};
	struct buf b;

	for (size_t limit = 0; limit <= 13; limit++) {
		buf_init(&b, limit);
		sp_put_header(&b, trace, sizeof(trace), 0);
		ck_assert_int_eq(buf_error(&b), limit < 13 ? -EMSGSIZE : 0);
		buf_fini(&b);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sp");
	TCase *tc = tcase_create("sp");

	tcase_add_test(tc, test_greeting_bytes);
	tcase_add_test(tc, test_greeting_every_length);
	tcase_add_loop_test(tc, test_greeting_wrong_byte, 0, SP_GREETING_LEN);
	tcase_add_test(tc, test_greeting_other_protocol);
	tcase_add_loop_test(tc, test_parse, 0, COUNT(messages));
	tcase_add_loop_test(tc, test_parse_every_length, 0, COUNT(messages));
	tcase_add_test(tc, test_max_body_is_allowed);
	tcase_add_test(tc, test_put_header_round_trip);
	tcase_add_test(tc, test_put_header_at_limit);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
