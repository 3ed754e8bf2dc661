/*
 * test_jsonread: JSON to msgpack: what is JSON, read back by the writer, and
 * what is not, with its place.
 */
#include "unit.h"

#include "common/json.h"
#include "common/jsonread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *in;
	const char *out; /* NULL: the same */
} good[] = {
    {"null", NULL},
    {"true", NULL},
    {" \t\r\nfalse \n", "false"},
    {"0", NULL},
    {"-0", "0"},
    {"9223372036854775807", NULL},
    {"18446744073709551615", NULL},
    {"-9223372036854775808", NULL},
    {"18446744073709551616", "1.8446744073709552e+19"},
    {"1.5", NULL},
    {"-2e3", "-2000"},
    {"1E+2", "100"},
    {"\"\"", NULL},
    {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"\"\\u0041\\u00e9\\u20ac\\uD83d\\ude00\"", "\"Aé€😀\""},
    {"\"\\u0000\"", NULL},
    {"\"ä€😀\"", NULL},
    {"[]", NULL},
    {"{}", NULL},
    {"[1,[2,[3]],{}]", NULL},
    {" [ 1 , 2 ] ", "[1,2]"},
    {"{\"a\":1,\"b\":[true,null],\"c\":{\"d\":\"e\"}}", NULL},
    {"[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]", NULL},
};

START_TEST(test_good)
{
	const char *want = good[_i].out != NULL ? good[_i].out : good[_i].in;
	struct jsonread_fault fault = {0};
	struct wire_cursor c;
	struct buf packed;
	struct buf back;
	struct json j;

	buf_init(&packed, 1000);
	buf_init(&back, 1000);
	ck_assert_int_eq(
	    jsonread(good[_i].in, strlen(good[_i].in), &packed, &fault), 0);
	ck_assert_int_eq(
	    wire_validate(packed.data, packed.len, WIRE_MAX_DEPTH + 1), 0);
	wire_cursor_init(&c, packed.data, packed.len);
	json_init(&j, &back, 0);
	ck_assert_int_eq(json_wire(&j, &c), 0);
	ck_assert_str_eq(buf_cstr(&back), want);
	buf_fini(&packed);
	buf_fini(&back);
}
END_TEST

static const struct {
	const char *in;
	size_t line;
	size_t column;
	const char *why; /* a part of it */
} bad[] = {
    {"", 1, 1, "expected"},
    {"  ", 1, 3, "expected"},
    {"nul", 1, 1, "quotes"},
    {"hello", 1, 1, "quotes"},
    {"True", 1, 1, "quotes"},
    {"'a'", 1, 1, "quotes"},
    {"1 2", 1, 3, "behind"},
    {"01", 1, 2, "behind"},
    {"+1", 1, 1, "expected"},
    {".5", 1, 1, "expected"},
    {"1.", 1, 3, "number"},
    {"-", 1, 2, "number"},
    {"1e", 1, 3, "number"},
    {"1e999", 1, 6, "large"},
    {"\"a", 1, 3, "end"},
    {"\"a\nb\"", 1, 3, "control"},
    {"\"\\x\"", 1, 3, "escape"},
    {"\"\\u12\"", 1, 6, "hex"},
    {"\"\\ud800\"", 1, 8, "hex"},
    {"\"\\ude00\"", 1, 8, "hex"},
    {"\"\\ud800\\u0041\"", 1, 14, "hex"},
    {"\"\xff\"", 1, 2, "UTF-8"},
    {"[1,]", 1, 4, "expected"},
    {"[1 2]", 1, 4, "]"},
    {"[", 1, 2, "expected"},
    {"{\n \"a\": 1,\n}", 3, 1, "quotes"},
    {"{\"a\" 1}", 1, 6, ":"},
    {"{a: 1}", 1, 2, "quotes"},
    {"{\"a\": 1 \"b\": 2}", 1, 9, "}"},
    {"[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]", 1, 18, "deep"},
};

START_TEST(test_bad)
{
	struct jsonread_fault fault = {0};
	struct buf packed;

	buf_init(&packed, 1000);
	ck_assert_int_eq(
	    jsonread(bad[_i].in, strlen(bad[_i].in), &packed, &fault),
	    -EBADMSG);
	ck_assert_msg(strstr(fault.why, bad[_i].why) != NULL, "%s: %s",
	    bad[_i].in, fault.why);
	ck_assert_uint_eq(fault.line, bad[_i].line);
	ck_assert_uint_eq(fault.column, bad[_i].column);
	buf_fini(&packed);
}
END_TEST

/* Cut anywhere it is refused, or is another value, and nothing is read behind
 * its end. */
START_TEST(test_cut)
{
	static const char text[] =
	    "{\"a\": [1.5e3, \"\\u00e9\\ud83d\\ude00ä\"], \"b\": true}";
	struct jsonread_fault fault;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len + 1);
		struct buf packed;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text, len);
		copy = realloc(copy, len > 0 ? len : 1);
		ck_assert_ptr_nonnull(copy);
		buf_init(&packed, 1000);
		ck_assert_int_eq(
		    jsonread(copy, len, &packed, &fault), -EBADMSG);
		buf_fini(&packed);
		free(copy);
	}
}
END_TEST

START_TEST(test_room)
{
	static const char text[] = "[\"a text that is too long\"]";
	struct jsonread_fault fault;
	struct buf packed;

	buf_init(&packed, 10);
	ck_assert_int_eq(
	    jsonread(text, strlen(text), &packed, &fault), -EMSGSIZE);
	buf_fini(&packed);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("jsonread");
	TCase *tc = tcase_create("jsonread");

	tcase_add_loop_test(tc, test_good, 0, COUNT(good));
	tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_room);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
