/*
 * test_json: commas, quotes and escapes of the JSON writer, and msgpack
 * shown as JSON.
 */
#include "common/json.h"

#include "unit.h"

#include <errno.h>
#include <locale.h>
#include <math.h>

static void
write_scalars(struct json *j)
{
	json_array(j);
	json_null(j);
	json_bool(j, true);
	json_bool(j, false);
	json_int(j, INT64_MIN);
	json_uint(j, UINT64_MAX);
	json_str(j, "a");
	json_str(j, NULL);
	json_end_array(j);
}

static void
write_nested(struct json *j)
{
	json_object(j);
	json_key(j, "a");
	json_array(j);
	json_end_array(j);
	json_key(j, "b");
	json_object(j);
	json_key(j, "c\"");
	json_int(j, 1);
	json_end_object(j);
	json_key(j, "d");
	json_array(j);
	json_int(j, 1);
	json_array(j);
	json_int(j, 2);
	json_end_array(j);
	json_object(j);
	json_end_object(j);
	json_end_array(j);
	json_end_object(j);
}

static void
write_one(struct json *j)
{
	json_int(j, -5);
}

static const struct {
	void (*write)(struct json *j);
	unsigned indent;
	const char *want;
} shapes[] = {
    {write_one, 0, "-5"},
    {write_one, 2, "-5"},
    {write_scalars, 0,
        "[null,true,false,-9223372036854775808,18446744073709551615,"
        "\"a\",null]"},
    {write_nested, 0, "{\"a\":[],\"b\":{\"c\\\"\":1},\"d\":[1,[2],{}]}"},
    {write_nested, 2,
        "{\n  \"a\": [],\n  \"b\": {\n    \"c\\\"\": 1\n  },\n"
        "  \"d\": [\n    1,\n    [\n      2\n    ],\n    {}\n  ]\n}"},
};

START_TEST(test_shapes)
{
	struct json j;
	struct buf b;

	buf_init(&b, 1000);
	json_init(&j, &b, shapes[_i].indent);
	shapes[_i].write(&j);
	ck_assert_int_eq(buf_error(&b), 0);
	ck_assert_str_eq(buf_cstr(&b), shapes[_i].want);
	ck_assert_uint_eq(j.depth, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(test_errors_stick)
{
	struct json j;
	struct buf b;
	size_t full;

	buf_init(&b, 1000);
	json_init(&j, &b, 2);
	write_nested(&j);
	full = b.len;
	buf_fini(&b);
	for (size_t limit = 0; limit < full; limit++) {
		buf_init(&b, limit);
		json_init(&j, &b, 2);
		write_nested(&j);
		ck_assert_int_eq(buf_error(&b), -EMSGSIZE);
		buf_fini(&b);
	}
}
END_TEST

#define IN(s) s, sizeof(s) - 1

static const struct {
	const char *in;
	size_t len;
	const char *want;
} strings[] = {
    {IN(""), "\"\""},
    {IN("plain /"), "\"plain /\""},
    {IN("\"\\"), "\"\\\"\\\\\""},
    {IN("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
    {IN("a\0b"), "\"a\\u0000b\""},
    {IN("\x1b[0m\x7f"), "\"\\u001b[0m\\u007f\""},
    {IN("\xc3\xa4\xf0\x9f\x98\x80"), "\"\xc3\xa4\xf0\x9f\x98\x80\""},
    {IN("\xc2\x85\xc2\xa0"), "\"\\u0085\xc2\xa0\""},
    {IN("\xe2\x80\xa8\xe2\x80\xae"), "\"\\u2028\\u202e\""},
    {IN("\xe2\x81\xa6"), "\"\\u2066\""},
    {IN("a\xff\xc3"), "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
};

START_TEST(test_strings)
{
	struct json j;
	struct buf b;

	buf_init(&b, 1000);
	json_init(&j, &b, 0);
	json_strn(&j, strings[_i].in, strings[_i].len);
	ck_assert_str_eq(buf_cstr(&b), strings[_i].want);
	buf_fini(&b);
}
END_TEST

static const struct {
	double in;
	const char *want;
} doubles[] = {
    {0, "0"},
    {-0.0, "-0"},
    {1, "1"},
    {0.1, "0.1"},
    {-2.5, "-2.5"},
    {1.0 / 3, "0.3333333333333333"},
    {1e300, "1e+300"},
    {5e-324, "4.94065645841247e-324"},
    {9007199254740992, "9007199254740992"},
    {NAN, "null"},
    {INFINITY, "null"},
    {-INFINITY, "null"},
};

START_TEST(test_doubles)
{
	struct json j;
	struct buf b;

	buf_init(&b, 1000);
	json_init(&j, &b, 0);
	json_double(&j, doubles[_i].in);
	ck_assert_str_eq(buf_cstr(&b), doubles[_i].want);
	buf_fini(&b);
}
END_TEST

/* A locale with a decimal comma; passes by itself where none is installed,
 * which the C.UTF-8 of a small system is enough for. */
START_TEST(test_locale)
{
	static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8"};
	struct json j;
	struct buf b;

	for (size_t i = 0; i < COUNT(names); i++) {
		if (setlocale(LC_ALL, names[i]))
			break;
	}
	buf_init(&b, 1000);
	json_init(&j, &b, 0);
	json_double(&j, 2.5);
	ck_assert_str_eq(buf_cstr(&b), "2.5");
	buf_fini(&b);
	ck_assert_ptr_nonnull(setlocale(LC_ALL, "C"));
}
END_TEST

/* clang-format off */
static const struct {
	const char *hex;
	const char *want;
} wires[] = {
	{"c0", "null"},
	{"c3", "true"},
	{"05", "5"},
	{"ff", "-1"},
	{"cf ffffffffffffffff", "18446744073709551615"},
	{"cb 3ff8000000000000", "1.5"},
	{"ca 7fc00000", "null"},
	{"a3 616263", "\"abc\""},
	{"a1 0a", "\"\\n\""},
	{"c4 00", "\"\""},
	{"c4 01 4d", "\"TQ==\""},
	{"c4 02 4d61", "\"TWE=\""},
	{"c4 03 4d616e", "\"TWFu\""},
	{"c4 03 fffefd", "\"//79\""},
	{"90", "[]"},
	{"80", "{}"},
	{"93 01 90 80", "[1,[],{}]"},
	{"82 a161 91 c0 a162 81 a163 02", "{\"a\":[null],\"b\":{\"c\":2}}"},
	{"84 01 02 c0 03 c2 04 fe 05",
	    "{\"1\":2,\"null\":3,\"false\":4,\"-2\":5}"},
	{"81 cb 3ff8000000000000 01", "{\"1.5\":1}"},
	{"81 c4 01 4d 01", "{\"TQ==\":1}"},
	{"82 91 01 02 81 01 02 03", "{\"kQE=\":2,\"gQEC\":3}"},
	{"91 9191919191919191 91919191919191 c0",
	    "[[[[[[[[[[[[[[[[null]]]]]]]]]]]]]]]]"},
};
/* clang-format on */

START_TEST(test_wire)
{
	struct wire_cursor c;
	struct json j;
	struct buf b;
	uint8_t in[64];
	size_t len = unit_unhex(wires[_i].hex, in, sizeof(in));

	ck_assert_int_eq(wire_validate(in, len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&c, in, len);
	buf_init(&b, 1000);
	json_init(&j, &b, 0);
	ck_assert_int_eq(json_wire(&j, &c), 0);
	ck_assert_str_eq(buf_cstr(&b), wires[_i].want);
	ck_assert_ptr_eq(c.p, in + len);
	ck_assert_uint_eq(j.depth, 0);
	buf_fini(&b);
}
END_TEST

/* Bytes nobody validated are an error, not a crash. */
START_TEST(test_wire_truncated)
{
	struct wire_cursor c;
	struct json j;
	struct buf b;
	uint8_t in[64];
	size_t len = unit_unhex(wires[_i].hex, in, sizeof(in));

	for (size_t n = 0; n < len; n++) {
		wire_cursor_init(&c, in, n);
		buf_init(&b, 1000);
		json_init(&j, &b, 0);
		ck_assert_int_eq(json_wire(&j, &c), -EPROTO);
		buf_fini(&b);
	}
}
END_TEST

START_TEST(test_wire_limits)
{
	uint8_t deep[WIRE_MAX_DEPTH + 2], twice[] = {0x01, 0xa1, 'x'};
	struct wire_cursor c;
	struct json j;
	struct buf b;

	memset(deep, 0x91, sizeof(deep));
	deep[sizeof(deep) - 1] = 0xc0;
	buf_init(&b, 1000);
	json_init(&j, &b, 0);
	wire_cursor_init(&c, deep, sizeof(deep));
	ck_assert_int_eq(json_wire(&j, &c), -EPROTO);
	buf_reset(&b);

	json_init(&j, &b, 0);
	json_array(&j);
	wire_cursor_init(&c, twice, sizeof(twice));
	ck_assert_int_eq(json_wire(&j, &c), 0);
	ck_assert_int_eq(json_wire(&j, &c), 0);
	json_end_array(&j);
	ck_assert_str_eq(buf_cstr(&b), "[1,\"x\"]");
	buf_fini(&b);

	buf_init(&b, 2);
	json_init(&j, &b, 0);
	wire_cursor_init(&c, twice + 1, 2);
	ck_assert_int_eq(json_wire(&j, &c), -EMSGSIZE);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("json");
	TCase *tc = tcase_create("json");

	tcase_add_loop_test(tc, test_shapes, 0, COUNT(shapes));
	tcase_add_test(tc, test_errors_stick);
	tcase_add_loop_test(tc, test_strings, 0, COUNT(strings));
	tcase_add_loop_test(tc, test_doubles, 0, COUNT(doubles));
	tcase_add_test(tc, test_locale);
	tcase_add_loop_test(tc, test_wire, 0, COUNT(wires));
	tcase_add_loop_test(tc, test_wire_truncated, 0, COUNT(wires));
	tcase_add_test(tc, test_wire_limits);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
