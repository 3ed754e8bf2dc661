/*
 * test_sdk_config: what the readers of plugind.h make of one document, good
 * values and every way in which they can be wrong.
 */
#include "sdk/src/config.h"
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct buf bytes;
static struct config *whole;
static const struct plugind_config *top;

/*
 * text: hi            empty: ""         zero: "a\0b"      n: 42
 * minus: -7           huge: 2^63        yes: true         null: nil
 * half: 0.5           inf: inf          wait: "1m30s"     room: "64MiB"
 * tls: {cert: c.pem, depth: 3}
 * tasks: [{cron: "* * * * *"}, {cron: 5}, nil]
 * ports: [80, 443]    names: {a: 1, "b.c": 2}              bin: bytes
 */
static void
put_scalars(struct buf *b)
{
	wire_put_str(b, "text");
	wire_put_str(b, "hi");
	wire_put_str(b, "empty");
	wire_put_str(b, "");
	wire_put_str(b, "zero");
	wire_put_strn(b, "a\0b", 3);
	wire_put_str(b, "n");
	wire_put_uint(b, 42);
	wire_put_str(b, "minus");
	wire_put_int(b, -7);
	wire_put_str(b, "huge");
	wire_put_uint(b, (uint64_t)INT64_MAX + 1);
	wire_put_str(b, "yes");
	wire_put_bool(b, true);
	wire_put_str(b, "null");
	wire_put_nil(b);
	wire_put_str(b, "half");
	wire_put_double(b, 0.5);
	wire_put_str(b, "inf");
	wire_put_double(b, INFINITY);
	wire_put_str(b, "wait");
	wire_put_str(b, "1m30s");
	wire_put_str(b, "room");
	wire_put_str(b, "64MiB");
	wire_put_str(b, "bin");
	wire_put_bin(b, "x", 1);
}

static void
put_nested(struct buf *b)
{
	wire_put_str(b, "tls");
	wire_put_map(b, 2);
	wire_put_str(b, "cert");
	wire_put_str(b, "c.pem");
	wire_put_str(b, "depth");
	wire_put_uint(b, 3);
	wire_put_str(b, "tasks");
	wire_put_array(b, 3);
	wire_put_map(b, 1);
	wire_put_str(b, "cron");
	wire_put_str(b, "* * * * *");
	wire_put_map(b, 1);
	wire_put_str(b, "cron");
	wire_put_uint(b, 5);
	wire_put_nil(b);
	wire_put_str(b, "ports");
	wire_put_array(b, 2);
	wire_put_uint(b, 80);
	wire_put_uint(b, 443);
	wire_put_str(b, "names");
	wire_put_map(b, 2);
	wire_put_str(b, "a");
	wire_put_uint(b, 1);
	wire_put_str(b, "b.c");
	wire_put_uint(b, 2);
}

static void
setup(void)
{
	struct wire_cursor at;

	buf_init(&bytes, 4096);
	wire_put_map(&bytes, 17);
	put_scalars(&bytes);
	put_nested(&bytes);
	ck_assert_int_eq(
	    wire_validate(bytes.data, bytes.len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&at, bytes.data, bytes.len);
	ck_assert_int_eq(config_new(&at, &whole), 0);
	top = config_top(whole);
}

static void
teardown(void)
{
	config_free(whole);
	buf_fini(&bytes);
}

/* The only complaint, or none when `want` is NULL. */
static void
check_complaint(const char *path, const char *want)
{
	if (want == NULL) {
		ck_assert_msg(plugind_config_ok(top), "%s: complains: %s", path,
		    config_error_text(whole, 0));
		return;
	}
	ck_assert_msg(config_error_count(whole) == 1, "%s: %zu complaints",
	    path, config_error_count(whole));
	ck_assert_str_eq(config_error_text(whole, 0), want);
	ck_assert(!plugind_config_ok(top));
}

static const struct {
	const char *path;
	const char *want; /* fallback is "fallback" */
	const char *complaint;
} strings[] = {
    {"text", "hi", NULL},
    {"empty", "", NULL},
    {"absent", "fallback", NULL},
    {"null", "fallback", NULL},
    {"tls.cert", "c.pem", NULL},
    {"tls.absent", "fallback", NULL},
    {"absent.deep.down", "fallback", NULL},
    {"null.deep", "fallback", NULL},
    {"tasks[0].cron", "* * * * *", NULL},
    {"tasks[2].cron", "fallback", NULL},
    {"tasks[3].cron", "fallback", NULL},
    {"n", "fallback",
        "n: must be a text (put it in quotes), not a whole number"},
    {"tasks[1].cron", "fallback",
        "tasks[1].cron: must be a text (put it in quotes), not a whole "
        "number"},
    {"half", "fallback",
        "half: must be a text (put it in quotes), not a number with a "
        "fraction"},
    {"yes", "fallback",
        "yes: must be a text (put it in quotes), not true or false"},
    {"tls", "fallback", "tls: must be a text, not a map"},
    {"ports", "fallback", "ports: must be a text, not a list"},
    {"zero", "fallback", "zero: must not hold a NUL byte"},
    {"text.deep", "fallback", "text: must be a map, not a text"},
    {"tls[0]", "fallback", "tls: must be a list, not a map"},
    {"tasks.cron", "fallback", "tasks: must be a map, not a list"},
};

START_TEST(test_string)
{
	const char *s =
	    plugind_config_string(top, strings[_i].path, "fallback");

	ck_assert_str_eq(s, strings[_i].want);
	check_complaint(strings[_i].path, strings[_i].complaint);
}
END_TEST

static const struct {
	const char *path;
	int64_t min, max;
	int64_t want; /* fallback is 5 */
	const char *complaint;
} ints[] = {
    {"n", 0, 100, 42, NULL},
    {"n", 42, 42, 42, NULL},
    {"n", 43, 100, 5, "n: must be from 43 to 100"},
    {"n", 0, 41, 5, "n: must be from 0 to 41"},
    {"minus", INT64_MIN, INT64_MAX, -7, NULL},
    {"minus", 0, 10, 5, "minus: must be from 0 to 10"},
    {"huge", 0, 10, 5, "huge: must be from 0 to 10"},
    {"absent", 100, 200, 5, NULL},
    {"tls.depth", 0, 9, 3, NULL},
    {"ports[1]", 1, 65535, 443, NULL},
    {"ports[2]", 1, 65535, 5, NULL},
    {"half", 0, 9, 5,
        "half: must be a whole number, not a number with a fraction"},
    {"text", 0, 9, 5, "text: must be a whole number, not a text"},
    {"yes", 0, 9, 5, "yes: must be a whole number, not true or false"},
    {"bin", 0, 9, 5, "bin: must be a whole number, not bytes"},
};

START_TEST(test_int)
{
	int64_t v = plugind_config_int(
	    top, ints[_i].path, 5, ints[_i].min, ints[_i].max);

	ck_assert_int_eq(v, ints[_i].want);
	check_complaint(ints[_i].path, ints[_i].complaint);
}
END_TEST

START_TEST(test_bool)
{
	ck_assert(plugind_config_bool(top, "yes", false));
	ck_assert(plugind_config_bool(top, "absent", true));
	ck_assert(!plugind_config_bool(top, "absent", false));
	check_complaint("yes", NULL);
	ck_assert(plugind_config_bool(top, "n", true));
	check_complaint("n", "n: must be true or false, not a whole number");
}
END_TEST

static const struct {
	const char *path;
	double want; /* fallback is 2.5 */
	const char *complaint;
} doubles[] = {
    {"half", 0.5, NULL},
    {"n", 42, NULL},
    {"minus", -7, NULL},
    {"absent", 2.5, NULL},
    {"inf", 2.5, "inf: must be a finite number"},
    {"text", 2.5, "text: must be a number, not a text"},
};

START_TEST(test_double)
{
	double v = plugind_config_double(top, doubles[_i].path, 2.5);

	ck_assert_double_eq(v, doubles[_i].want);
	check_complaint(doubles[_i].path, doubles[_i].complaint);
}
END_TEST

typedef int64_t quantity_fn(
    const struct plugind_config *c, const char *path, int64_t fallback);

static const struct {
	quantity_fn *fn;
	const char *path;
	int64_t want; /* fallback is 9 */
	const char *complaint;
} quantities[] = {
    {plugind_config_duration, "wait", 90000, NULL},
    {plugind_config_duration, "absent", 9, NULL},
    {plugind_config_duration, "text", 9,
        "text: must be a duration with its unit, such as 500ms or 5m, not "
        "\"hi\""},
    {plugind_config_duration, "n", 9,
        "n: must be a duration with its unit, such as 500ms or 5m, not a "
        "whole number"},
    {plugind_config_size, "room", 64 << 20, NULL},
    {plugind_config_size, "n", 42, NULL},
    {plugind_config_size, "absent", 9, NULL},
    {plugind_config_size, "wait", 9,
        "wait: must be a size, such as 64MiB or a number of bytes, not "
        "\"1m30s\""},
    {plugind_config_size, "minus", 9,
        "minus: must be a size, such as 64MiB or a number of bytes, not a "
        "whole number"},
    {plugind_config_size, "tls", 9,
        "tls: must be a size, such as 64MiB or a number of bytes, not a map"},
};

START_TEST(test_quantity)
{
	int64_t v = quantities[_i].fn(top, quantities[_i].path, 9);

	ck_assert_int_eq(v, quantities[_i].want);
	check_complaint(quantities[_i].path, quantities[_i].complaint);
}
END_TEST

static const struct {
	const char *path;
	uint32_t want;
	const char *complaint;
} counts[] = {
    {"tasks", 3, NULL},
    {"ports", 2, NULL},
    {"names", 2, NULL},
    {"", 17, NULL},
    {"absent", 0, NULL},
    {"null", 0, NULL},
    {"text", 0, "text: must be a list or a map, not a text"},
};

START_TEST(test_count)
{
	ck_assert_uint_eq(
	    plugind_config_count(top, counts[_i].path), counts[_i].want);
	check_complaint(counts[_i].path, counts[_i].complaint);
}
END_TEST

START_TEST(test_map)
{
	const struct plugind_config *tls = plugind_config_map(top, "tls");
	const struct plugind_config *none = plugind_config_map(top, "absent");

	ck_assert_str_eq(plugind_config_string(tls, "cert", ""), "c.pem");
	ck_assert_int_eq(plugind_config_int(tls, "depth", 0, 0, 9), 3);
	ck_assert_str_eq(plugind_config_string(none, "cert", "none"), "none");
	ck_assert(plugind_config_has(top, "tls.cert"));
	ck_assert(!plugind_config_has(top, "tls.key"));
	ck_assert(!plugind_config_has(top, "null"));
	check_complaint("tls", NULL);
	/* The full path, from a place below. */
	plugind_config_error(tls, "cert", "is %d years old", 3);
	check_complaint("tls", "tls.cert: is 3 years old");
}
END_TEST

START_TEST(test_map_of_something_else)
{
	const struct plugind_config *text = plugind_config_map(top, "text");

	ck_assert_str_eq(plugind_config_string(text, "x", "none"), "none");
	check_complaint("text", "text: must be a map, not a text");
}
END_TEST

START_TEST(test_element)
{
	const struct plugind_config *c =
	    plugind_config_element(top, "ports", 1);

	ck_assert_int_eq(plugind_config_int(c, "", 0, 0, 1000), 443);
	c = plugind_config_element(top, "tasks", 0);
	ck_assert_str_eq(plugind_config_string(c, "cron", ""), "* * * * *");
	c = plugind_config_element(top, "tasks", 9);
	ck_assert_str_eq(plugind_config_string(c, "cron", "none"), "none");
	ck_assert(!plugind_config_has(c, ""));
	c = plugind_config_element(top, "names", 1);
	ck_assert_int_eq(plugind_config_int(c, "", 0, 0, 9), 2);
	check_complaint("names", NULL);
	c = plugind_config_element(top, "tasks", 1);
	plugind_config_string(c, "cron", "");
	check_complaint("tasks",
	    "tasks[1].cron: must be a text (put it in quotes), not a whole "
	    "number");
}
END_TEST

START_TEST(test_element_of_map_in_place)
{
	const struct plugind_config *names = plugind_config_map(top, "names");
	const struct plugind_config *c = plugind_config_element(names, "", 1);

	plugind_config_error(c, "", "is wrong");
	check_complaint("names", "names.b.c: is wrong");
}
END_TEST

START_TEST(test_key)
{
	ck_assert_str_eq(plugind_config_key(top, "names", 0), "a");
	ck_assert_str_eq(plugind_config_key(top, "names", 1), "b.c");
	ck_assert_ptr_null(plugind_config_key(top, "names", 2));
	ck_assert_ptr_null(plugind_config_key(top, "ports", 0));
	ck_assert_ptr_null(plugind_config_key(top, "absent", 0));
	check_complaint("names", NULL);
}
END_TEST

START_TEST(test_only)
{
	const struct plugind_config *tls = plugind_config_map(top, "tls");
	const struct plugind_config *none = plugind_config_map(top, "absent");

	plugind_config_only(tls, "cert", "depth", "key", NULL);
	plugind_config_only(none, "anything", NULL);
	check_complaint("tls", NULL);
	plugind_config_only(tls, "cert", "key", NULL);
	check_complaint(
	    "tls", "tls.depth: is not a key here: there are cert, key");
}
END_TEST

START_TEST(test_only_without_any)
{
	const struct plugind_config *tls = plugind_config_map(top, "tls");

	plugind_config_only(tls, NULL);
	ck_assert_uint_eq(config_error_count(whole), 2);
	ck_assert_str_eq(config_error_text(whole, 0),
	    "tls.cert: is not a key here: there are none");
	ck_assert_str_eq(config_error_text(whole, 1),
	    "tls.depth: is not a key here: there are none");
}
END_TEST

static const char *const no_paths[] = {"tasks[", "tasks[]", "tasks[x]",
    "tasks[1", "tasks[-1]", ".text", "tls.", "tls..cert", "tasks[0]cron"};

START_TEST(test_malformed_path)
{
	ck_assert_str_eq(
	    plugind_config_string(top, no_paths[_i], "fallback"), "fallback");
	ck_assert_uint_eq(config_error_count(whole), 1);
	ck_assert_ptr_nonnull(
	    strstr(config_error_text(whole, 0), "which is no path"));
}
END_TEST

START_TEST(test_errors_are_bounded)
{
	struct buf out;
	char line[128];
	struct wire_cursor c;
	uint32_t n;

	for (int i = 0; i < 40; i++)
		plugind_config_error(top, "text", "error %d", i);
	plugind_config_error(top, "text", "error 3"); /* known */
	ck_assert_uint_eq(config_error_count(whole), CONFIG_ERRORS_MAX);
	config_summary(whole, line, sizeof(line));
	ck_assert_str_eq(
	    line, "40 errors in its configuration, first text: error 0");
	buf_init(&out, 64 * 1024);
	config_put_errors(whole, &out);
	ck_assert_int_eq(wire_validate(out.data, out.len, 4), 0);
	wire_cursor_init(&c, out.data, out.len);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	ck_assert_uint_eq(n, CONFIG_ERRORS_MAX);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(wire_get_cstr(&c, line, sizeof(line)), 0);
	ck_assert_str_eq(line, "text");
	ck_assert_int_eq(wire_get_cstr(&c, line, sizeof(line)), 0);
	ck_assert_str_eq(line, "error 0");
	buf_fini(&out);
}
END_TEST

/* The longest errors there can be fit in a frame, and are clean. */
START_TEST(test_errors_are_cut)
{
	static char path[2000], text[4000];
	struct buf out;

	memset(path, 'p', sizeof(path) - 1);
	memset(text, '\x01', sizeof(text) - 1);
	for (int i = 0; i < CONFIG_ERRORS_MAX; i++) {
		path[0] = (char)('a' + i);
		plugind_config_error(top, path, "%s", text);
	}
	ck_assert_uint_eq(config_error_count(whole), CONFIG_ERRORS_MAX);
	buf_init(&out, 64 * 1024);
	config_put_errors(whole, &out);
	ck_assert_int_eq(buf_error(&out), 0);
	ck_assert_int_eq(wire_validate(out.data, out.len, 4), 0);
	ck_assert_ptr_nonnull(strstr(config_error_text(whole, 0), "\\x01"));
	buf_fini(&out);
}
END_TEST

START_TEST(test_empty)
{
	const struct wire_cursor nothing = {0};
	struct config *c;

	ck_assert_int_eq(config_new(&nothing, &c), 0);
	ck_assert_str_eq(
	    plugind_config_string(config_top(c), "a.b[0]", "none"), "none");
	ck_assert_uint_eq(plugind_config_count(config_top(c), ""), 0);
	plugind_config_only(config_top(c), "a", NULL);
	ck_assert(plugind_config_ok(config_top(c)));
	config_free(c);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("sdk_config");
	TCase *t = tcase_create("readers");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_string, 0, COUNT(strings));
	tcase_add_loop_test(t, test_int, 0, COUNT(ints));
	tcase_add_test(t, test_bool);
	tcase_add_loop_test(t, test_double, 0, COUNT(doubles));
	tcase_add_loop_test(t, test_quantity, 0, COUNT(quantities));
	tcase_add_loop_test(t, test_count, 0, COUNT(counts));
	tcase_add_test(t, test_map);
	tcase_add_test(t, test_map_of_something_else);
	tcase_add_test(t, test_element);
	tcase_add_test(t, test_element_of_map_in_place);
	tcase_add_test(t, test_key);
	tcase_add_test(t, test_only);
	tcase_add_test(t, test_only_without_any);
	tcase_add_loop_test(t, test_malformed_path, 0, COUNT(no_paths));
	tcase_add_test(t, test_errors_are_bounded);
	tcase_add_test(t, test_errors_are_cut);
	tcase_add_test(t, test_empty);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(make_suite());
}
