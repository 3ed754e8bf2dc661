/*
 * test_frame: heads that are one and heads that are not, at every length, and
 * the readers against every type of argument.
 */
#include "common/frame.h"
#include "common/msgs.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

/* clang-format off */
static const struct {
	const char *name;
	const char *hex;
	int64_t want;
	uint64_t type, id;
	uint64_t nargs;
} heads[] = {
	{"no arguments",    "94 01 cc d2 07 90", 0, 210, 7, 0},
	{"two arguments",   "94 01 05 00 92 c0 01", 0, 5, 0, 2},
	{"long id",         "94 01 05 cf ffffffffffffffff 90", 0, 5, UINT64_MAX, 0},
	{"nested argument", "94 01 05 01 91 92 91 c0 80", 0, 5, 1, 1},
	{"other version",   "94 02 05 00 90", -EPROTO, 5, 0, 0},
	{"negative type",   "94 01 ff 00 90", -EBADMSG, 0, 0, 0},
	{"type is a str",   "94 01 a1 61 00 90", -EBADMSG, 0, 0, 0},
	{"id is nil",       "94 01 05 c0 90", -EBADMSG, 0, 0, 0},
	{"map of arguments", "94 01 05 00 80", -EBADMSG, 0, 0, 0},
	{"three fields",    "93 01 05 00", -EBADMSG, 0, 0, 0},
	{"five fields",     "95 01 05 00 90 00", 0, 5, 0, 0},
	{"not an array",    "01", -EBADMSG, 0, 0, 0},
	{"byte behind",     "94 01 05 00 90 00", -EBADMSG, 0, 0, 0},
	{"bad UTF-8",       "94 01 05 00 91 a1 ff", -EBADMSG, 0, 0, 0},
	{"ext argument",    "94 01 05 00 91 d4 01 00", -EBADMSG, 0, 0, 0},
	{"too deep",        "94 01 05 00 91 91 91 91 91 91 91 91 91 91 91 91 91 "
	    "91 91 91 90", -EBADMSG, 0, 0, 0},
	{"empty",           "", -EBADMSG, 0, 0, 0},
};
/* clang-format on */

START_TEST(test_parse)
{
	struct frame f = {.type = 99};
	uint8_t in[64];
	size_t len = unit_unhex(heads[_i].hex, in, sizeof(in));

	ck_assert_int_eq(frame_parse(in, len, &f), heads[_i].want);
	if (heads[_i].want == -EBADMSG) {
		ck_assert_uint_eq(f.type, 99);
		return;
	}
	ck_assert_uint_eq(f.type, heads[_i].type);
	ck_assert_uint_eq(f.id, heads[_i].id);
	ck_assert_uint_eq(f.nargs, heads[_i].nargs);
	ck_assert_int_eq(frame_next(&f), heads[_i].nargs > 0);
}
END_TEST

START_TEST(test_parse_every_length)
{
	uint8_t in[64], *copy;
	size_t len = unit_unhex(heads[_i].hex, in, sizeof(in));
	bool has_more = strcmp(heads[_i].name, "byte behind") == 0;
	size_t whole_len = has_more ? len - 1 : len;
	struct frame f;

	for (size_t n = 0; n < len; n++) {
		copy = malloc(n ? n : 1); /* exactly: for ASan */
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, in, n);
		/* Only the one with a byte behind it has a whole frame. */
		ck_assert_int_eq(
		    frame_parse(copy, n, &f), n == whole_len ? 0 : -EBADMSG);
		free(copy);
	}
}
END_TEST

enum reader { READ_UINT, READ_STR, READ_BIN, READ_RAW, READ_COUNT };

struct value {
	uint64_t u;
	char s[4];
	const void *p;
	size_t len;
};

static int
read_one(struct frame *f, enum reader how, struct value *v)
{
	switch (how) {
	case READ_UINT:
		return frame_uint(f, &v->u);
	case READ_STR:
		return frame_str(f, v->s, sizeof(v->s));
	case READ_BIN:
		return frame_bin(f, &v->p, &v->len);
	case READ_RAW:
		return frame_raw(f, &v->p, &v->len);
	case READ_COUNT:
		break;
	}
	ck_abort();
	return 0;
}

/* clang-format off */
static const struct {
	const char *hex;
	int want[READ_COUNT]; /* uint, str, bin, raw */
} arguments[] = {
	{"07",             {0, -EBADMSG, -EBADMSG, 0}},
	{"cf 8000000000000000", {0, -EBADMSG, -EBADMSG, 0}},
	{"ff",             {-EBADMSG, -EBADMSG, -EBADMSG, 0}},
	{"a0",             {-EBADMSG, 0, -EBADMSG, 0}},
	{"a3 616263",      {-EBADMSG, 0, -EBADMSG, 0}},
	{"a4 61626364",    {-EBADMSG, -EBADMSG, -EBADMSG, 0}}, /* too long */
	{"a2 6100",        {-EBADMSG, -EBADMSG, -EBADMSG, 0}}, /* holds a NUL */
	{"c4 02 0001",     {-EBADMSG, -EBADMSG, 0, 0}},
	{"c0",             {-ENODATA, -ENODATA, -ENODATA, 0}},
	{"c3",             {-EBADMSG, -EBADMSG, -EBADMSG, 0}},
	{"92 01 a1 61",    {-EBADMSG, -EBADMSG, -EBADMSG, 0}},
	{"81 a1 61 80",    {-EBADMSG, -EBADMSG, -EBADMSG, 0}},
	{"cb 3ff0000000000000", {-EBADMSG, -EBADMSG, -EBADMSG, 0}},
};
/* clang-format on */

/* What cannot be read stays, what was read does not; the argument behind it
 * proves where the frame stands. */
static void
check_reader(const uint8_t *arg, size_t len, enum reader how, int want)
{
	struct value v = {.u = 99, .s = "old", .p = &v, .len = 99};
	struct frame f;
	struct buf b;
	uint64_t next;

	buf_init(&b, 1000);
	frame_put(&b, MSG_PING, 3, 2);
	wire_put_raw(&b, arg, len);
	wire_put_uint(&b, 55);
	ck_assert_int_eq(frame_parse(b.data, b.len, &f), 0);
	ck_assert_int_eq(read_one(&f, how, &v), want);
	if (want != 0) {
		ck_assert_uint_eq(v.u, 99);
		ck_assert_str_eq(v.s, "old");
		ck_assert_ptr_eq(v.p, &v);
		ck_assert_uint_eq(v.len, 99);
	}
	if (want == -EBADMSG) {
		ck_assert_uint_eq(f.nargs, 2);
		ck_assert_int_eq(read_one(&f, READ_RAW, &v), 0);
		ck_assert_uint_eq(v.len, len);
		ck_assert_mem_eq(v.p, arg, len);
	}
	ck_assert_uint_eq(f.nargs, 1);
	ck_assert_int_eq(frame_uint(&f, &next), 0);
	ck_assert_uint_eq(next, 55);
	ck_assert(!frame_next(&f));
	ck_assert_int_eq(read_one(&f, how, &v), -ENODATA);
	buf_fini(&b);
}

START_TEST(test_readers)
{
	uint8_t in[64];
	size_t len = unit_unhex(arguments[_i].hex, in, sizeof(in));

	for (int how = 0; how < READ_COUNT; how++)
		check_reader(
		    in, len, (enum reader)how, arguments[_i].want[how]);
}
END_TEST

START_TEST(test_values)
{
	struct value v;
	struct frame f;
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_HELLO, 12345, 4);
	wire_put_uint(&b, UINT64_MAX);
	wire_put_str(&b, "abc");
	wire_put_bin(&b, "\0\1", 2);
	wire_put_map(&b, 0);
	ck_assert_int_eq(buf_error(&b), 0);
	ck_assert_int_eq(frame_parse(b.data, b.len, &f), 0);
	ck_assert_uint_eq(f.type, MSG_HELLO);
	ck_assert_uint_eq(f.id, 12345);
	ck_assert_int_eq(read_one(&f, READ_UINT, &v), 0);
	ck_assert_uint_eq(v.u, UINT64_MAX);
	ck_assert_int_eq(read_one(&f, READ_STR, &v), 0);
	ck_assert_str_eq(v.s, "abc");
	ck_assert_int_eq(read_one(&f, READ_BIN, &v), 0);
	ck_assert_uint_eq(v.len, 2);
	ck_assert_mem_eq(v.p, "\0\1", 2);
	ck_assert_int_eq(read_one(&f, READ_RAW, &v), 0);
	ck_assert_uint_eq(v.len, 1);
	ck_assert_mem_eq(v.p, "\x80", 1);
	buf_fini(&b);
}
END_TEST

START_TEST(test_put_at_limit)
{
	struct buf b;

	for (size_t limit = 0; limit <= 8; limit++) {
		buf_init(&b, limit);
		frame_put(&b, MSG_HELLO, 1, 0);
		ck_assert_int_eq(buf_error(&b), limit < 7 ? -EMSGSIZE : 0);
		buf_fini(&b);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("frame");
	TCase *tc = tcase_create("frame");

	tcase_add_loop_test(tc, test_parse, 0, COUNT(heads));
	tcase_add_loop_test(tc, test_parse_every_length, 0, COUNT(heads));
	tcase_add_loop_test(tc, test_readers, 0, COUNT(arguments));
	tcase_add_test(tc, test_values);
	tcase_add_test(tc, test_put_at_limit);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
