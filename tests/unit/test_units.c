/*
 * test_units: durations, sizes, percentages, signals and times, read and
 * written.
 */
#include "common/units.h"

#include "unit.h"

#include <errno.h>
#include <signal.h>

static const int64_t UNTOUCHED = -77;

typedef int (*parse_fn)(const char *s, int64_t *ret);

static int
parse_percent(const char *s, int64_t *ret)
{
	return units_parse_percent(s, 200, ret);
}

struct parse_case {
	const char *in;
	int want;
	int64_t value;
};

static void
check_parse(parse_fn parse, const struct parse_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t got = UNTOUCHED;
		int r = parse(cases[i].in, &got);

		ck_assert_msg(r == cases[i].want, "\"%s\": %d, not %d",
		    cases[i].in, r, cases[i].want);
		ck_assert_msg(got == (r ? UNTOUCHED : cases[i].value),
		    "\"%s\": got %lld", cases[i].in, (long long)got);
	}
}

/* clang-format off */
static const struct parse_case durations[] = {
	{"0", 0, 0},
	{"0s", 0, 0},
	{"0ms", 0, 0},
	{"500ms", 0, 500},
	{"10s", 0, 10000},
	{"5m", 0, 300000},
	{"1h30m", 0, 5400000},
	{"2d", 0, 172800000},
	{"1w", 0, 604800000},
	{"1w2d3h4m5s6ms", 0, 788645006},
	{"90m", 0, 5400000},
	{"1h90m", 0, 9000000},
	{"1.5s", 0, 1500},
	{"0.5h", 0, 1800000},
	{"1.5h30m", 0, 7200000},
	{"1.0001s", 0, 1000},
	{"0.001s", 0, 1},
	{"007s", 0, 7000},
	{"9223372036854775807ms", 0, INT64_MAX},
	{"9223372036854775808ms", -ERANGE, 0},
	{"106751991167d7h12m55.807s", 0, INT64_MAX},
	{"106751991167d7h12m55.808s", -ERANGE, 0},
	{"99999999999999999999s", -ERANGE, 0},
	{"9223372036854775807s", -ERANGE, 0},
	{"", -EINVAL, 0},
	{"10", -EINVAL, 0},
	{"00", -EINVAL, 0},
	{"s", -EINVAL, 0},
	{"-1s", -EINVAL, 0},
	{"+1s", -EINVAL, 0},
	{" 1s", -EINVAL, 0},
	{"1 s", -EINVAL, 0},
	{"1s ", -EINVAL, 0},
	{"1S", -EINVAL, 0},
	{"1sec", -EINVAL, 0},
	{"1y", -EINVAL, 0},
	{"1m1h", -EINVAL, 0},
	{"1s1s", -EINVAL, 0},
	{"1h1", -EINVAL, 0},
	{".5s", -EINVAL, 0},
	{"1.s", -EINVAL, 0},
	{"1..5s", -EINVAL, 0},
	{"1,5s", -EINVAL, 0},
	{"1.1234567s", -EINVAL, 0},
	{"0.1ms", -EINVAL, 0},
	{"0.0001s", -EINVAL, 0},
	{"0x10s", -EINVAL, 0},
	{"1e3s", -EINVAL, 0},
	{"inf", -EINVAL, 0},
};

static const struct parse_case sizes[] = {
	{"0", 0, 0},
	{"4096", 0, 4096},
	{"4096B", 0, 4096},
	{"512K", 0, 524288},
	{"512KiB", 0, 524288},
	{"64MiB", 0, 67108864},
	{"64M", 0, 67108864},
	{"1G", 0, 1073741824},
	{"1GiB", 0, 1073741824},
	{"1TiB", 0, 1099511627776},
	{"1T", 0, 1099511627776},
	{"1kB", 0, 1000},
	{"1KB", 0, 1000},
	{"1MB", 0, 1000000},
	{"1GB", 0, 1000000000},
	{"1TB", 0, 1000000000000},
	{"1.5GiB", 0, 1610612736},
	{"0.1GiB", 0, 107374182},
	{"0.999999TiB", 0, 1099510528264},
	{"9223372036854775807", 0, INT64_MAX},
	{"8388607TiB", 0, 9223370937343148032},
	{"8388608TiB", -ERANGE, 0},
	{"9223372036854775808", -ERANGE, 0},
	{"", -EINVAL, 0},
	{"K", -EINVAL, 0},
	{"-1", -EINVAL, 0},
	{"1k", -EINVAL, 0},
	{"1m", -EINVAL, 0},
	{"1 MiB", -EINVAL, 0},
	{"1MiB ", -EINVAL, 0},
	{"1MiBs", -EINVAL, 0},
	{"1Mi", -EINVAL, 0},
	{"1PiB", -EINVAL, 0},
	{"0.5", -EINVAL, 0},
	{"1.5MiB1", -EINVAL, 0},
};

static const struct parse_case percents[] = {
	{"0%", 0, 0},
	{"50%", 0, 50000},
	{"12.5%", 0, 12500},
	{"0.001%", 0, 1},
	{"200%", 0, 200000},
	{"200.001%", -ERANGE, 0},
	{"201%", -ERANGE, 0},
	{"99999999999999999999%", -ERANGE, 0},
	{"0.0001%", -EINVAL, 0},
	{"50", -EINVAL, 0},
	{"%", -EINVAL, 0},
	{"", -EINVAL, 0},
	{"-5%", -EINVAL, 0},
	{"50%%", -EINVAL, 0},
	{"50 %", -EINVAL, 0},
};
/* clang-format on */

START_TEST(test_parse_duration)
{
	check_parse(units_parse_duration, durations, COUNT(durations));
}
END_TEST

START_TEST(test_parse_size)
{
	check_parse(units_parse_size, sizes, COUNT(sizes));
}
END_TEST

START_TEST(test_parse_percent)
{
	check_parse(parse_percent, percents, COUNT(percents));
}
END_TEST

typedef const char *(*format_fn)(int64_t v, char *out, size_t cap);

/* clang-format off */
static const struct {
	format_fn format;
	int64_t in;
	const char *want;
} formats[] = {
	{units_format_duration, 0, "0s"},
	{units_format_duration, -5, "0s"},
	{units_format_duration, 1, "1ms"},
	{units_format_duration, 999, "999ms"},
	{units_format_duration, 1000, "1s"},
	{units_format_duration, 1500, "1.5s"},
	{units_format_duration, 1001, "1.001s"},
	{units_format_duration, 59990, "59.99s"},
	{units_format_duration, 60000, "1m"},
	{units_format_duration, 60001, "1m1ms"},
	{units_format_duration, 90000, "1m30s"},
	{units_format_duration, 5400000, "1h30m"},
	{units_format_duration, 86400000, "1d"},
	{units_format_duration, 864000000, "10d"},
	{units_format_duration, 86401000, "1d1s"},
	{units_format_duration, INT64_MAX, "106751991167d7h12m55.807s"},
	{units_format_age, INT64_MIN, "0s"},
	{units_format_age, 0, "0s"},
	{units_format_age, 850, "850ms"},
	{units_format_age, 1000, "1s"},
	{units_format_age, 5999, "5s"},
	{units_format_age, 60000, "1m"},
	{units_format_age, 725000, "12m5s"},
	{units_format_age, 3600000, "1h"},
	{units_format_age, 3605000, "1h"},
	{units_format_age, 3665000, "1h1m"},
	{units_format_age, 273600000, "3d4h"},
	{units_format_age, INT64_MAX, "106751991167d7h"},
	{units_format_size, 0, "0"},
	{units_format_size, -1, "0"},
	{units_format_size, 1, "1"},
	{units_format_size, 1000, "1kB"},
	{units_format_size, 1024, "1KiB"},
	{units_format_size, 4097, "4097"},
	{units_format_size, 67108864, "64MiB"},
	{units_format_size, 1610612736, "1536MiB"},
	{units_format_size, 1000000, "1MB"},
	{units_format_size, 65536000, "65536kB"},
	{units_format_size, 1099511627776, "1TiB"},
	{units_format_size, INT64_MAX, "9223372036854775807"},
	{units_format_percent, 0, "0%"},
	{units_format_percent, -1, "0%"},
	{units_format_percent, 50000, "50%"},
	{units_format_percent, 12500, "12.5%"},
	{units_format_percent, 1, "0.001%"},
	{units_format_percent, 100100, "100.1%"},
	{units_format_time, 0, "1970-01-01T00:00:00.000Z"},
	{units_format_time, -1, "1969-12-31T23:59:59.999Z"},
	{units_format_time, -1000, "1969-12-31T23:59:59.000Z"},
	{units_format_time, 951782400123, "2000-02-29T00:00:00.123Z"},
	{units_format_time, 1795504858123, "2026-11-24T07:20:58.123Z"},
	{units_format_time, 253402300799999, "9999-12-31T23:59:59.999Z"},
};
/* clang-format on */

START_TEST(test_format)
{
	char out[32], cut[4];

	ck_assert_ptr_eq(
	    formats[_i].format(formats[_i].in, out, sizeof(out)), out);
	ck_assert_str_eq(out, formats[_i].want);
	formats[_i].format(formats[_i].in, cut, sizeof(cut));
	ck_assert_uint_lt(strlen(cut), sizeof(cut));
}
END_TEST

static void
check_round_trip(int64_t v)
{
	int64_t got = UNTOUCHED;
	char out[32];

	units_format_duration(v, out, sizeof(out));
	ck_assert_msg(units_parse_duration(out, &got) == 0 && got == v,
	    "duration %lld as \"%s\"", (long long)v, out);
	units_format_size(v, out, sizeof(out));
	ck_assert_msg(units_parse_size(out, &got) == 0 && got == v,
	    "size %lld as \"%s\"", (long long)v, out);
	units_format_percent(v, out, sizeof(out));
	ck_assert_msg(
	    units_parse_percent(out, INT64_MAX, &got) == 0 && got == v,
	    "percent %lld as \"%s\"", (long long)v, out);
}

START_TEST(test_round_trips)
{
	static const int64_t steps[] = {0, 1, 9, 1000, 1024, 60000, 3600000};

	for (int shift = 0; shift < 63; shift++) {
		for (size_t i = 0; i < COUNT(steps); i++) {
			int64_t v = INT64_C(1) << shift;

			if (v <= INT64_MAX - steps[i])
				check_round_trip(v + steps[i]);
			check_round_trip(v - 1);
		}
	}
	check_round_trip(INT64_MAX);
}
END_TEST

/* clang-format off */
static const struct {
	const char *in;
	int want;
	int signal;
} signals[] = {
	{"TERM", 0, SIGTERM},
	{"SIGTERM", 0, SIGTERM},
	{"sigterm", 0, SIGTERM},
	{"Kill", 0, SIGKILL},
	{"15", 0, 15},
	{"1", 0, 1},
	{"64", 0, 64},
	{"32", 0, 32},
	{"USR1", 0, SIGUSR1},
	{"CHLD", 0, SIGCHLD},
	{"CLD", 0, SIGCHLD},
	{"IO", 0, SIGIO},
	{"POLL", 0, SIGIO},
	{"SIGIOT", 0, SIGABRT},
	{"RTMIN+0", 0, 34},
	{"RTMIN+30", 0, 64},
	{"RTMAX-30", 0, 34},
	{"sigrtmin+1", 0, 35},
	{"RTMIN+31", -EINVAL, 0},
	{"RTMAX-31", -EINVAL, 0},
	{"RTMIN-1", -EINVAL, 0},
	{"RTMIN+", -EINVAL, 0},
	{"RTMIN1", -EINVAL, 0},
	{"RTMIN+1x", -EINVAL, 0},
	{"0", -EINVAL, 0},
	{"65", -EINVAL, 0},
	{"100", -EINVAL, 0},
	{"9x", -EINVAL, 0},
	{"-9", -EINVAL, 0},
	{"", -EINVAL, 0},
	{"SIG", -EINVAL, 0},
	{"SIGSIGTERM", -EINVAL, 0},
	{" TERM", -EINVAL, 0},
	{"TERMX", -EINVAL, 0},
};
/* clang-format on */

START_TEST(test_parse_signal)
{
	int got = -77;

	ck_assert_int_eq(
	    units_parse_signal(signals[_i].in, &got), signals[_i].want);
	ck_assert_int_eq(got, signals[_i].want ? -77 : signals[_i].signal);
}
END_TEST

START_TEST(test_signal_names)
{
	char out[16];
	int got;

	for (int sig = 1; sig <= 64; sig++) {
		units_signal_name(sig, out, sizeof(out));
		ck_assert_int_eq(units_parse_signal(out, &got), 0);
		ck_assert_int_eq(got, sig);
	}
	ck_assert_str_eq(units_signal_name(SIGTERM, out, sizeof(out)), "TERM");
	ck_assert_str_eq(units_signal_name(34, out, sizeof(out)), "RTMIN");
	ck_assert_str_eq(units_signal_name(35, out, sizeof(out)), "RTMIN+1");
	ck_assert_str_eq(units_signal_name(33, out, sizeof(out)), "33");
	ck_assert_str_eq(units_signal_name(0, out, sizeof(out)), "0");
	ck_assert_str_eq(units_signal_name(-1, out, sizeof(out)), "-1");
}
END_TEST

static const int64_t NOW = 1795504858123;

static int
parse_since(const char *s, int64_t *ret)
{
	return units_parse_since(s, NOW, ret);
}

/* clang-format off */
static const struct parse_case since[] = {
	{"2026-11-24T07:20:58Z", 0, 1795504858000},
	{"2026-11-24t07:20:58z", 0, 1795504858000},
	{"2026-11-24T07:20:58.123Z", 0, 1795504858123},
	{"2026-11-24T07:20:58.1239999999Z", 0, 1795504858123},
	{"2026-11-24T08:20:58+01:00", 0, 1795504858000},
	{"2026-11-24T01:50:58-05:30", 0, 1795504858000},
	{"2026-11-24 07:20:58", 0, 1795504858000},
	{"2026-11-24 07:20", 0, 1795504800000},
	{"2026-11-24", 0, 1795478400000},
	{"2028-02-29", 0, 1835395200000},
	{"2016-12-31T23:59:60Z", 0, 1483228800000},
	{"1970-01-01", 0, 0},
	{"@0", 0, 0},
	{"@1795504858", 0, 1795504858000},
	{"@1.5", 0, 1500},
	{"10s", 0, 1795504848123},
	{"0", 0, 1795504858123},
	{"1h30m", 0, 1795499458123},
	{"", -EINVAL, 0},
	{"@", -EINVAL, 0},
	{"@1x", -EINVAL, 0},
	{"@-1", -EINVAL, 0},
	{"@99999999999999999999", -EINVAL, 0},
	{"@9223372036854775807", -EINVAL, 0},
	{"10", -EINVAL, 0},
	{"yesterday", -EINVAL, 0},
	{"2026-02-29", -EINVAL, 0},
	{"2026-13-01", -EINVAL, 0},
	{"2026-00-01", -EINVAL, 0},
	{"2026-11-31", -EINVAL, 0},
	{"2026-11-00", -EINVAL, 0},
	{"2026-1-1", -EINVAL, 0},
	{"26-11-24", -EINVAL, 0},
	{"2026-11-24T", -EINVAL, 0},
	{"2026-11-24 ", -EINVAL, 0},
	{"2026-11-24T07", -EINVAL, 0},
	{"2026-11-24T24:00Z", -EINVAL, 0},
	{"2026-11-24T07:60Z", -EINVAL, 0},
	{"2026-11-24T07:20:61Z", -EINVAL, 0},
	{"2026-11-24T07:20:58.Z", -EINVAL, 0},
	{"2026-11-24T07:20:58+1:00", -EINVAL, 0},
	{"2026-11-24T07:20:58+0100", -EINVAL, 0},
	{"2026-11-24T07:20:58+24:00", -EINVAL, 0},
	{"2026-11-24T07:20:58Zx", -EINVAL, 0},
	{"2026-11-24T07:20:58x", -EINVAL, 0},
	{"-2026-11-24", -EINVAL, 0},
};
/* clang-format on */

START_TEST(test_parse_since)
{
	check_parse(parse_since, since, COUNT(since));
}
END_TEST

START_TEST(test_since_reads_what_time_writes)
{
	char out[32];
	int64_t got;

	for (int64_t t = 0; t < 253402300799999; t += 86399977777) {
		units_format_time(t, out, sizeof(out));
		ck_assert_int_eq(units_parse_since(out, NOW, &got), 0);
		ck_assert_int_eq(got, t);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("units");
	TCase *tc = tcase_create("units");

	tcase_add_test(tc, test_parse_duration);
	tcase_add_test(tc, test_parse_size);
	tcase_add_test(tc, test_parse_percent);
	tcase_add_loop_test(tc, test_format, 0, COUNT(formats));
	tcase_add_test(tc, test_round_trips);
	tcase_add_loop_test(tc, test_parse_signal, 0, COUNT(signals));
	tcase_add_test(tc, test_signal_names);
	tcase_add_test(tc, test_parse_since);
	tcase_add_test(tc, test_since_reads_what_time_writes);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
