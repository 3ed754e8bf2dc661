/*
 * test_yaml: what pluginctl's YAML writer makes of msgpack.
 */
#include "unit.h"

#include "pluginctl/yaml.h"

static const struct yaml_case {
	const char *wire;
	size_t len;
	const char *want;
} yaml_cases[] = {
/* clang-format off */
#define CASE(wire, want) {wire, sizeof(wire) - 1, want}
    CASE("\xc0", "null\n"),
    CASE("\xc3", "true\n"),
    CASE("\x07", "7\n"),
    CASE("\xff", "-1\n"),
    CASE("\x90", "[]\n"),
    CASE("\x80", "{}\n"),
    CASE("\xa5" "redis", "redis\n"),
    CASE("\xa4" "/a.b", "/a.b\n"),
    /* Strings that would be read back as something else. */
    CASE("\xa0", "\"\"\n"),
    CASE("\xa3" "yes", "\"yes\"\n"),
    CASE("\xa2" "No", "\"No\"\n"),
    CASE("\xa4" "null", "\"null\"\n"),
    CASE("\xa4" "TRUE", "\"TRUE\"\n"),
    CASE("\xa5" "100ms", "100ms\n"),
    CASE("\xa5" "1h30m", "1h30m\n"),
    CASE("\xa5" "64MiB", "64MiB\n"),
    CASE("\xa5" "12.5%", "12.5%\n"),
    CASE("\xa2" "5x", "\"5x\"\n"),
    CASE("\xa2" ".s", "\".s\"\n"),
    CASE("\xa5" "5s 1h", "\"5s 1h\"\n"),
    CASE("\xa3" "5\0s", "\"5\\u0000s\"\n"),
    CASE("\xa1" "7", "\"7\"\n"),
    CASE("\xa3" "1e3", "\"1e3\"\n"),
    CASE("\xa3" "0x1", "\"0x1\"\n"),
    CASE("\xa4" ".inf", "\".inf\"\n"),
    CASE("\xa2" "-a", "\"-a\"\n"),
    CASE("\xa4" "a: b", "\"a: b\"\n"),
    CASE("\xa3" "a #", "\"a #\"\n"),
    CASE("\xa2" "a\n", "\"a\\n\"\n"),
    CASE("\xa2" "a\0", "\"a\\u0000\"\n"),
    CASE("\xa1" "*", "\"*\"\n"),
    /* Nesting. */
    CASE("\x92\x01\x02", "- 1\n- 2\n"),
    CASE("\x82\xa1" "a\x01\xa1" "b\x90", "a: 1\nb: []\n"),
    CASE("\x81\xa1" "a\x92\x01\x02", "a:\n  - 1\n  - 2\n"),
    CASE("\x81\xa1" "a\x81\xa1" "b\x01", "a:\n  b: 1\n"),
    CASE("\x91\x82\xa1" "a\x01\xa1" "b\x02", "- a: 1\n  b: 2\n"),
    CASE("\x91\x92\x01\x91\x02", "- - 1\n  - - 2\n"),
    CASE("\x91\x82\xa1" "a\x91\x01\xa1" "b\x02", "- a:\n    - 1\n  b: 2\n"),
    CASE("\x81\xa3" "yes\x01", "\"yes\": 1\n"),
    /* clang-format on */
};

START_TEST(it_writes_yaml)
{
	const struct yaml_case *tc = &yaml_cases[_i];
	struct wire_cursor c;
	struct buf out;

	ck_assert_int_eq(wire_validate(tc->wire, tc->len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&c, tc->wire, tc->len);
	buf_init(&out, 4096);
	yaml_write(&out, &c);
	ck_assert_int_eq(buf_error(&out), 0);
	ck_assert_str_eq(buf_cstr(&out), tc->want);
	buf_fini(&out);
}
END_TEST

START_TEST(it_stops_at_the_limit)
{
	static const char wire[] = "\x92\x01\x02";
	struct wire_cursor c;
	struct buf out;

	wire_cursor_init(&c, wire, sizeof(wire) - 1);
	buf_init(&out, 5);
	yaml_write(&out, &c);
	ck_assert_int_ne(buf_error(&out), 0);
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("yaml");
	TCase *tc = tcase_create("yaml");

	tcase_add_loop_test(tc, it_writes_yaml, 0, COUNT(yaml_cases));
	tcase_add_test(tc, it_stops_at_the_limit);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
