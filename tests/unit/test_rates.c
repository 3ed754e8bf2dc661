/*
 * test_rates: what `pluginctl top` makes of two answers.
 */
#include "unit.h"

#include "pluginctl/rates.h"

#include "common/json.h"
#include "common/jsonread.h"

#include <errno.h>

static struct rates before, now;
static struct buf packed;

/* An answer, as JSON. */
static int
take(struct rates *r, const char *json)
{
	struct jsonread_fault fault;
	struct wire_cursor at;

	buf_reset(&packed);
	ck_assert_int_eq(jsonread(json, strlen(json), &packed, &fault), 0);
	wire_cursor_init(&at, packed.data, packed.len);
	return rates_read(r, &at);
}

#define ANSWER(time, router, rows) \
	"{\"time_ms\": " time ", \"router\": " router ", \"rows\": [" rows "]}"
#define ROW(name, generation, cpu, received)                   \
	"{\"name\": \"" name "\", \"generation\": " generation \
	", \"cpu_ms\": " cpu ", \"received\": " received ", \"rss\": 7}"

static void
set_up(void)
{
	buf_init(&packed, 65536);
}

static void
tear_down(void)
{
	rates_free(&before);
	rates_free(&now);
	buf_fini(&packed);
}

static const struct {
	const char *before;
	const char *now;
	double cpu;
	double in;
} pairs[] = {
    /* Two seconds. */
    {ANSWER("1000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "1", ROW("a", "1", "1100", "30")), 50, 10},
    {ANSWER("1000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "1", ROW("a", "1", "100", "10")), 0, 0},
    /* Another process. */
    {ANSWER("1000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "1", ROW("a", "2", "1100", "30")), -1, -1},
    /* Another plugin. */
    {ANSWER("1000", "1", ROW("b", "1", "100", "10")),
        ANSWER("3000", "1", ROW("a", "1", "1100", "30")), -1, -1},
    /* Another router, or none. */
    {ANSWER("1000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "2", ROW("a", "1", "1100", "30")), 50, -1},
    {ANSWER("1000", "null", ROW("a", "1", "100", "null")),
        ANSWER("3000", "1", ROW("a", "1", "1100", "30")), 50, -1},
    {ANSWER("1000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "null", ROW("a", "1", "1100", "null")), 50, -1},
    {ANSWER("1000", "null", ROW("a", "1", "100", "null")),
        ANSWER("3000", "null", ROW("a", "1", "1100", "null")), 50, -1},
    /* No process. */
    {ANSWER("1000", "1", ROW("a", "1", "null", "10")),
        ANSWER("3000", "1", ROW("a", "1", "1100", "30")), -1, 10},
    {ANSWER("1000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "1", ROW("a", "1", "null", "30")), -1, 10},
    /* What cannot be. */
    {ANSWER("1000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "1", ROW("a", "1", "99", "9")), -1, -1},
    {ANSWER("3000", "1", ROW("a", "1", "100", "10")),
        ANSWER("3000", "1", ROW("a", "1", "1100", "30")), -1, -1},
};

START_TEST(test_rate)
{
	ck_assert_int_eq(take(&before, pairs[_i].before), 0);
	ck_assert_int_eq(take(&now, pairs[_i].now), 0);
	rates_compute(&now, &before);
	ck_assert_uint_eq(now.n, 1);
	ck_assert_double_eq_tol(
	    now.rows[0].rate[RATE_CPU], pairs[_i].cpu, 0.01);
	ck_assert_double_eq_tol(now.rows[0].rate[RATE_IN], pairs[_i].in, 0.01);
	/* What neither has told. */
	ck_assert_double_lt(now.rows[0].rate[RATE_OUT], 0);
}
END_TEST

static const struct {
	const char *by;
	const char *want;
} sorts[] = {
    {"cpu", "cbad"},
    {"in", "abcd"},
    {"name", "abcd"},
    {"rss", "abcd"},
    {"out", "abcd"},
    {"calls", "abcd"},
    {"drops", "abcd"},
};

START_TEST(test_sort)
{
	char got[8] = "";
	int order;

	ck_assert_int_eq(
	    take(&before, ANSWER("1000", "1",
	                      ROW("d", "1", "0", "null") "," ROW(
	                          "c", "1", "0", "0") "," ROW("a", "1", "0",
	                          "0") "," ROW("b", "1", "0", "0"))),
	    0);
	ck_assert_int_eq(
	    take(&now, ANSWER("2000", "1",
	                   ROW("a", "1", "1", "30") "," ROW(
	                       "b", "1", "2", "30") "," ROW("c", "1", "3",
	                       "0") "," ROW("d", "1", "null", "null"))),
	    0);
	/* Whatever the last one was sorted by. */
	ck_assert_int_eq(rates_find_order("rss", &order), 0);
	rates_sort(&before, order);
	rates_compute(&now, &before);
	ck_assert_int_eq(rates_find_order(sorts[_i].by, &order), 0);
	rates_sort(&now, order);
	for (size_t i = 0; i < now.n; i++)
		got[i] = now.rows[i].name[0];
	ck_assert_str_eq(got, sorts[_i].want);
}
END_TEST

START_TEST(test_no_order)
{
	int order;

	ck_assert_int_eq(rates_find_order("", &order), -EINVAL);
	ck_assert_int_eq(rates_find_order("cpus", &order), -EINVAL);
}
END_TEST

static const char *const no_answers[] = {
    "null", "{}", "[]", "{\"rows\": 7}", "{\"rows\": {}}"};

START_TEST(test_no_answer)
{
	ck_assert_int_eq(take(&now, no_answers[_i]), -EBADMSG);
}
END_TEST

/* What is missing, or something else, is not known. */
START_TEST(test_odd_rows)
{
	ck_assert_int_eq(
	    take(&now, "{\"rows\": [7, {}, {\"name\": 3, \"pid\": \"x\"}]}"),
	    0);
	ck_assert_uint_eq(now.n, 3);
	for (size_t i = 0; i < now.n; i++) {
		ck_assert_str_eq(now.rows[i].name, "");
		ck_assert_int_eq(now.rows[i].value[VALUE_PID], -1);
	}
}
END_TEST

START_TEST(test_json)
{
	struct wire_cursor at;
	struct buf text, out;
	struct json j;

	buf_init(&out, 65536);
	buf_init(&text, 65536);
	ck_assert_int_eq(
	    take(&before, ANSWER("1000", "1", ROW("a", "1", "0", "0"))), 0);
	ck_assert_int_eq(
	    take(&now, ANSWER("4000", "1", ROW("a", "1", "1000", "1"))), 0);
	rates_compute(&now, &before);
	rates_put(&out, &now, 0);
	wire_cursor_init(&at, out.data, out.len);
	json_init(&j, &text, 0);
	ck_assert_int_eq(json_wire(&j, &at), 0);
	ck_assert_str_eq(buf_cstr(&text),
	    "{\"time\":\"1970-01-01T00:00:00.000Z\",\"interval_ms\":3000,"
	    "\"rows\":[{\"name\":\"a\",\"kind\":\"\",\"state\":\"\",\"pid\":"
	    "null,\"generation\":1,\"cpu_ms\":1000,\"rss\":7,\"published\":"
	    "null,\"received\":1,\"called\":null,\"served\":null,"
	    "\"dropped\":null,\"queue\":null,\"queue_bytes\":null,"
	    "\"queue_limit\":null,\"cpu_percent\":33.3,\"in_per_s\":0.3,"
	    "\"out_per_s\":null,\"calls_per_s\":null,\"served_per_s\":null,"
	    "\"drops_per_s\":null}]}");
	buf_fini(&out);
	buf_fini(&text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rates");
	TCase *tc = tcase_create("rates");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, test_rate, 0, COUNT(pairs));
	tcase_add_loop_test(tc, test_sort, 0, COUNT(sorts));
	tcase_add_test(tc, test_no_order);
	tcase_add_loop_test(tc, test_no_answer, 0, COUNT(no_answers));
	tcase_add_test(tc, test_odd_rows);
	tcase_add_test(tc, test_json);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
