/*
 * test_cron: expressions that are right and wrong, when they are due, and years
 * of them in many zones beside a calculator that looks at every minute, knows
 * nothing of common/cron, and asks the C library for the wall clock.
 */
#include "common/cron.h"
#include "common/zone.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MINUTE = 60, DAY = 86400 };

/* --- what is wrong ------------------------------------------------------- */

static const struct {
	const char *text;
	unsigned column;
	const char *reason; /* a part of it */
} wrong[] = {
    {"", 1, "this has 0"},
    {"* * * *", 1, "this has 4"},
    {"* * * * * * * x", 15, "this has 8"},
    {"60 * * * *", 1, "60 is not in 0 to 59"},
    {"* 24 * * *", 3, "24 is not in 0 to 23"},
    {"* * 0 * *", 5, "0 is not in 1 to 31"},
    {"* * 32 * *", 5, "32 is not in 1 to 31"},
    {"* * * 13 *", 7, "13 is not in 1 to 12"},
    {"* * * * 8", 9, "8 is not in 0 to 7"},
    {"60 * * * * *", 1, "60 is not in 0 to 59"},
    {"* * * * * * 1969", 13, "1969 is not in 1970 to 2199"},
    {"* * * * * * 2030-2029", 13, "backwards"},
    {"*/0 * * * *", 3, "a step of 0"},
    {"*/ * * * *", 3, "a number is missing"},
    {"1- * * * *", 3, "a number is missing"},
    {"1,,2 * * * *", 3, "an item is empty"},
    {"1, * * * *", 3, "an item is empty"},
    {",1 * * * *", 1, "an item is empty"},
    {"? * * * *", 1, "fields of days"},
    {"1x * * * *", 2, "unexpected 'x'"},
    {"**/2 * * * *", 2, "unexpected '*'"},
    {"*-5 * * * *", 2, "goes with neither"},
    {"1-2-3 * * * *", 4, "goes with neither"},
    {"-1 * * * *", 1, "no number"},
    {"10000000 * * * *", 1, "too long"},
    {"* * * foo *", 7, "'foo' is no name"},
    {"* * * january *", 7, "'january' is no name"},
    {"* * * * mo", 9, "'mo' is no name"},
    {"mon * * * *", 1, "'mon' is no number"},
    {"* * 15-20W * *", 10, "one day only"},
    {"* * 15W-20 * *", 8, "W goes with neither"},
    {"* * LW2 * *", 7, "unexpected '2'"},
    {"* * L-31 * *", 7, "31 is not in 0 to 30"},
    {"* * L- * *", 7, "a number is missing"},
    {"* * L/2 * *", 6, "L goes with neither"},
    {"* * * * 5#0", 11, "0 is not in 1 to 5"},
    {"* * * * 5#6", 11, "6 is not in 1 to 5"},
    {"* * * * 5#", 11, "a number is missing"},
    {"* * * * L", 9, "'L' is no name"},
    {"* * * * 5#2-3", 12, "goes with neither"},
    {"@dayly", 1, "no such descriptor"},
    {"@daily x", 8, "something follows"},
    {"@every", 7, "needs a duration"},
    {"@every 5", 9, "units are"},
    {"@every m", 8, "a number is missing"},
    {"@every 5d", 9, "units are"},
    {"@every 1000000h", 15, "more than 100 years"},
    {"@every -5m", 8, "a number is missing"},
    {"CRON_TZ= * * * * *", 9, "a zone is missing"},
};

START_TEST(test_wrong)
{
	struct cron c;
	struct cron_error e;

	ck_assert_msg(cron_parse(wrong[_i].text, &c, &e) == -EINVAL, "%s",
	    wrong[_i].text);
	ck_assert_msg(strstr(e.reason, wrong[_i].reason) != NULL,
	    "%s: \"%s\" is not in \"%s\"", wrong[_i].text, wrong[_i].reason,
	    e.reason);
	ck_assert_msg(e.column == wrong[_i].column, "%s: column %u, not %u",
	    wrong[_i].text, e.column, wrong[_i].column);
}
END_TEST

START_TEST(test_long)
{
	char text[CRON_TEXT_MAX + 64];
	struct cron c;
	struct cron_error e;

	memset(text, ' ', sizeof(text));
	memcpy(text, "* * * * *", 9);
	text[CRON_TEXT_MAX + 1] = '\0';
	ck_assert_int_eq(cron_parse(text, &c, &e), -EINVAL);
	text[CRON_TEXT_MAX] = '\0';
	ck_assert_int_eq(cron_parse(text, &c, &e), 0);
}
END_TEST

/* --- when it is due ------------------------------------------------------ */

#define NEVER "never"

/* `from` and what follows, UTC; several are separated by blanks. */
static const struct {
	const char *text;
	const char *zone;
	const char *from;
	const char *due;
} due[] = {
    {"*/5 * * * *", "UTC", "2026-01-01T00:00:00",
        "2026-01-01T00:05:00 2026-01-01T00:10:00"},
    {"0 0 13 * 5", "UTC", "2026-01-10T00:00:00",
        "2026-01-13T00:00:00 2026-01-16T00:00:00 2026-01-23T00:00:00"},
    {"0 0 */2 * 5", "UTC", "2026-01-10T00:00:00",
        "2026-01-23T00:00:00 2026-02-13T00:00:00"},
    {"0 0 ? * mon", "UTC", "2026-01-10T00:00:00", "2026-01-12T00:00:00"},
    {"0 0 13 * *", "UTC", "2026-01-10T00:00:00", "2026-01-13T00:00:00"},
    {"0 22-2 * * *", "UTC", "2026-01-01T21:00:00",
        "2026-01-01T22:00:00 2026-01-01T23:00:00 2026-01-02T00:00:00 "
        "2026-01-02T01:00:00 2026-01-02T02:00:00 2026-01-02T22:00:00"},
    {"0 22-4/3 * * *", "UTC", "2026-01-01T21:00:00",
        "2026-01-01T22:00:00 2026-01-02T01:00:00 2026-01-02T04:00:00 "
        "2026-01-02T22:00:00"},
    {"0 0 * nov-feb mon", "UTC", "2026-02-20T00:00:00",
        "2026-02-23T00:00:00 2026-11-02T00:00:00"},
    {"0 0 * * fri-mon", "UTC", "2026-01-01T00:00:00",
        "2026-01-02T00:00:00 2026-01-03T00:00:00 2026-01-04T00:00:00 "
        "2026-01-05T00:00:00 2026-01-09T00:00:00"},
    {"0 0 * * 5-7", "UTC", "2026-01-01T00:00:00",
        "2026-01-02T00:00:00 2026-01-03T00:00:00 2026-01-04T00:00:00 "
        "2026-01-09T00:00:00"},
    {"0 0 * * 0-7", "UTC", "2026-01-01T00:00:00",
        "2026-01-02T00:00:00 2026-01-03T00:00:00"},
    {"0 0 * * 7", "UTC", "2026-01-01T00:00:00", "2026-01-04T00:00:00"},
    {"0 0 5-5 * *", "UTC", "2026-01-01T00:00:00",
        "2026-01-05T00:00:00 2026-02-05T00:00:00"},
    {"10/20 0 * * *", "UTC", "2026-01-01T00:00:00",
        "2026-01-01T00:10:00 2026-01-01T00:30:00 2026-01-01T00:50:00 "
        "2026-01-02T00:10:00"},
    {"0 0 L * *", "UTC", "2026-01-31T00:00:00",
        "2026-02-28T00:00:00 2026-03-31T00:00:00"},
    {"0 0 L-2 * *", "UTC", "2026-02-01T00:00:00", "2026-02-26T00:00:00"},
    {"0 0 L-30 * *", "UTC", "2026-02-01T00:00:00", "2026-03-01T00:00:00"},
    {"0 0 LW * *", "UTC", "2026-01-31T00:00:00",
        "2026-02-27T00:00:00 2026-03-31T00:00:00"},
    {"0 0 L-1W * *", "UTC", "2026-02-20T00:00:00", "2026-02-27T00:00:00"},
    {"0 0 15W * *", "UTC", "2026-02-01T00:00:00",
        "2026-02-16T00:00:00 2026-03-16T00:00:00 2026-04-15T00:00:00"},
    {"0 0 1W * *", "UTC", "2026-07-31T00:00:00", "2026-08-03T00:00:00"},
    {"0 0 31W * *", "UTC", "2026-01-31T00:00:00",
        "2026-03-31T00:00:00 2026-05-29T00:00:00"},
    {"0 0 1,15w * *", "UTC", "2026-02-01T00:00:00",
        "2026-02-16T00:00:00 2026-03-01T00:00:00"},
    {"0 0 * * fri#2", "UTC", "2026-01-01T00:00:00",
        "2026-01-09T00:00:00 2026-02-13T00:00:00"},
    {"0 0 * * 5#5", "UTC", "2026-02-01T00:00:00", "2026-05-29T00:00:00"},
    {"0 0 * * 5#L", "UTC", "2026-01-01T00:00:00", "2026-01-30T00:00:00"},
    {"0 0 * * monl", "UTC", "2026-01-01T00:00:00", "2026-01-26T00:00:00"},
    {"0 0 29 2 *", "UTC", "2026-01-01T00:00:00",
        "2028-02-29T00:00:00 2032-02-29T00:00:00"},
    {"0 0 29 2 *", "UTC", "2097-01-01T00:00:00", "2104-02-29T00:00:00"},
    {"0 0 30 2 *", "UTC", "2026-01-01T00:00:00", NEVER},
    {"0 0 0 1 1 * 2027,2029", "UTC", "2026-01-01T00:00:00",
        "2027-01-01T00:00:00 2029-01-01T00:00:00 " NEVER},
    {"15,45 30 2 * * *", "UTC", "2026-01-01T02:30:15",
        "2026-01-01T02:30:45 2026-01-02T02:30:15"},
    {"* * * * * *", "UTC", "2026-12-31T23:59:59", "2027-01-01T00:00:00"},
    {"@yearly", "UTC", "2026-01-01T00:00:00", "2027-01-01T00:00:00"},
    {"@Weekly", "UTC", "2026-01-01T00:00:00", "2026-01-04T00:00:00"},
    {"@hourly", "UTC", "2026-01-01T00:00:00", "2026-01-01T01:00:00"},
    {"@reboot", "UTC", "2026-01-01T00:00:00", NEVER},
    {"@every 1h30m10s", "UTC", "2026-01-01T00:00:00",
        "2026-01-01T01:30:10 2026-01-01T03:00:20"},
    {"@every 1500ms", "UTC", "2026-01-01T00:00:00", "2026-01-01T00:00:01"},
    {"@every 10us", "UTC", "2026-01-01T00:00:00", "2026-01-01T00:00:01"},
    {"@every 1.5h", "UTC", "2026-01-01T00:00:00", "2026-01-01T01:30:00"},
    /* A fixed time in a gap, the same with several, and the clock's own. */
    {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00",
        "2026-03-29T01:00:00 2026-03-30T00:30:00"},
    {"10,20,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00",
        "2026-03-29T01:00:00 2026-03-30T00:10:00"},
    {"*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00",
        "2026-03-29T00:30:00 2026-03-29T01:00:00"},
    {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00",
        "2026-10-25T00:30:00 2026-10-26T01:30:00"},
    {"30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00",
        "2026-10-25T00:30:00 2026-10-25T01:30:00 2026-10-25T02:30:00"},
    /* The clocks turn at midnight; half an hour; a whole day is missing. */
    {"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00",
        "2018-11-04T03:00:00 2018-11-05T02:00:00"},
    {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00",
        "2026-10-03T15:30:00 2026-10-04T15:15:00"},
    {"0 12 * * *", "Pacific/Apia", "2011-12-30T00:00:00",
        "2011-12-30T10:00:00 2011-12-30T22:00:00"},
    /* Before the first second of 1970 there is nothing. */
    {"0 0 1 1 *", "UTC", "1969-06-01T00:00:00", "1970-01-01T00:00:00"},
};

static int64_t
read_time(const char *s)
{
	struct cron_wall w = {0};
	int year;

	ck_assert_int_eq(
	    sscanf(s, /* NOLINT(cert-err34-c) */ "%d-%d-%dT%d:%d:%d", &year,
	        &w.month, &w.day, &w.hour, &w.minute, &w.second),
	    6);
	w.year = year;
	return cron_seconds(&w);
}

START_TEST(test_due)
{
	char list[512], got[32], *save = NULL;
	int64_t after = read_time(due[_i].from);
	struct cron_instant at;
	struct cron_error e;
	struct zone *z;
	struct cron c;

	ck_assert_msg(cron_parse(due[_i].text, &c, &e) == 0, "%s: %s",
	    due[_i].text, e.reason);
	ck_assert_int_eq(zone_open(due[_i].zone, &z), 0);
	snprintf(list, sizeof(list), "%s", due[_i].due);
	for (char *want = strtok_r(list, " ", &save); want != NULL;
	     want = strtok_r(NULL, " ", &save)) {
		bool found = cron_next(&c, z, after, &at);
		struct cron_wall w = cron_wall(at.at);

		snprintf(got, sizeof(got), "%04d-%02d-%02dT%02d:%02d:%02d",
		    (int)w.year, w.month, w.day, w.hour, w.minute, w.second);
		ck_assert_msg(strcmp(found ? got : NEVER, want) == 0,
		    "%s after %s: %s, not %s", due[_i].text, due[_i].from,
		    found ? got : NEVER, want);
		after = at.at;
	}
	zone_free(z);
}
END_TEST

START_TEST(test_modes)
{
	struct cron_instant at;
	struct cron_error e;
	struct zone *z;
	struct cron c;

	ck_assert_int_eq(zone_open("Europe/Berlin", &z), 0);
	ck_assert_int_eq(cron_parse("30 2 * * *", &c, &e), 0);
	ck_assert(cron_next(&c, z, read_time("2026-03-28T12:00:00"), &at));
	ck_assert_int_eq(at.reason, CRON_GAP);
	c.dst = CRON_DST_SKIP;
	ck_assert(cron_next(&c, z, read_time("2026-03-28T12:00:00"), &at));
	ck_assert_int_eq(at.at, read_time("2026-03-30T00:30:00"));
	ck_assert_int_eq(at.reason, CRON_NORMAL);
	ck_assert_int_eq(cron_parse("30 * * * *", &c, &e), 0);
	c.dst = CRON_DST_SKIP;
	ck_assert(cron_next(&c, z, read_time("2026-10-25T00:30:00"), &at));
	ck_assert_int_eq(at.at, read_time("2026-10-25T02:30:00"));
	zone_free(z);
	ck_assert_int_eq(zone_open("UTC", &z), 0);
	ck_assert_int_eq(cron_parse("0 0 13 * 5", &c, &e), 0);
	c.match = CRON_MATCH_AND;
	ck_assert(cron_next(&c, z, read_time("2026-01-01T00:00:00"), &at));
	ck_assert_int_eq(at.at, read_time("2026-02-13T00:00:00"));
	ck_assert_int_eq(cron_parse("0 0 */10 * 5", &c, &e), 0);
	c.match = CRON_MATCH_OR;
	ck_assert(cron_next(&c, z, read_time("2026-01-01T00:00:00"), &at));
	ck_assert_int_eq(at.at, read_time("2026-01-02T00:00:00"));
	ck_assert_int_eq(cron_parse("0 0 * * 5", &c, &e), 0);
	c.match = CRON_MATCH_OR;
	ck_assert(cron_next(&c, z, read_time("2026-01-02T00:00:00"), &at));
	ck_assert_int_eq(at.at, read_time("2026-01-09T00:00:00"));
	zone_free(z);
}
END_TEST

START_TEST(test_zone_in_text)
{
	struct cron_error e;
	struct cron c;

	ck_assert_int_eq(cron_parse("CRON_TZ=Asia/Tokyo 0 5 * * *", &c, &e), 0);
	ck_assert_str_eq(c.zone, "Asia/Tokyo");
	ck_assert_int_eq(cron_parse(" TZ=UTC  @daily ", &c, &e), 0);
	ck_assert_str_eq(c.zone, "UTC");
}
END_TEST

/* Every day of 400 years, which is when the calendar repeats. */
START_TEST(test_calendar)
{
	int64_t seconds = read_time("1900-01-01T00:00:00");
	struct cron_wall before = cron_wall(seconds - DAY);

	for (int i = 0; i < 400 * 365; i++, seconds += DAY) {
		struct cron_wall w = cron_wall(seconds + i % DAY);
		bool is_new = w.month != before.month;

		ck_assert_int_eq(cron_seconds(&w), seconds + i % DAY);
		ck_assert_int_eq(w.weekday, (before.weekday + 1) % 7);
		ck_assert_int_eq(w.day, is_new ? 1 : before.day + 1);
		if (is_new)
			ck_assert_int_eq(before.day,
			    cron_month_days(before.year, before.month));
		before = w;
	}
}
END_TEST

/* --- by brute force ------------------------------------------------------ */

static bool
at_half_past_two(const struct tm *t)
{
	return t->tm_hour == 2 && t->tm_min == 30;
}

static bool
at_midnight(const struct tm *t)
{
	return t->tm_hour == 0 && t->tm_min == 0;
}

static bool
every_seven(const struct tm *t)
{
	return t->tm_min % 7 == 0;
}

static bool
nightly(const struct tm *t)
{
	return t->tm_min == 15 && (t->tm_hour >= 22 || t->tm_hour <= 3);
}

static bool
thirteenth_or_friday(const struct tm *t)
{
	return t->tm_hour == 1 && t->tm_min == 5 &&
	       (t->tm_mday == 13 || t->tm_wday == 5);
}

static bool
sunday_at_two(const struct tm *t)
{
	return t->tm_wday == 0 && t->tm_hour == 2 && t->tm_min % 20 == 0;
}

static const struct {
	const char *text;
	bool by_clock; /* minute or hour begin with a star */
	bool (*is_due)(const struct tm *t);
} naive[] = {
    {"30 2 * * *", false, at_half_past_two},
    {"0 0 * * *", false, at_midnight},
    {"*/7 * * * *", true, every_seven},
    {"15 22-3 * * *", false, nightly},
    {"5 1 13 * 5", false, thirteenth_or_friday},
    {"*/20 2 * * 0", true, sunday_at_two},
};

enum { NAIVE = sizeof(naive) / sizeof(naive[0]) };

static const char *const zones[] = {"Europe/Berlin", "Pacific/Apia",
    "Australia/Lord_Howe", "America/New_York", "America/Sao_Paulo",
    "Africa/Casablanca", "Europe/Dublin", "Asia/Kathmandu", "America/St_Johns",
    "Pacific/Chatham", "Antarctica/Troll", "Asia/Gaza", "Africa/Cairo",
    "America/Santiago", "Asia/Tehran", "Europe/Moscow", "Asia/Pyongyang",
    "America/Havana", "Pacific/Norfolk", "UTC"};

struct walk {
	struct cron cron[NAIVE];
	int64_t after[NAIVE]; /* what common/cron said last */
	struct zone *zone;
	int64_t newest; /* wall that was seen */
};

/* A wall as a struct tm, without a zone. */
static struct tm
wall_tm(int64_t wall)
{
	time_t t = wall;
	struct tm tm;

	gmtime_r(&t, &tm);
	return tm;
}

/* Whether it is due at the instant whose wall is `wall`. */
static bool
is_due(const struct walk *w, int n, int64_t wall)
{
	struct tm tm = wall_tm(wall);

	if (naive[n].is_due(&tm) && (naive[n].by_clock || wall > w->newest))
		return true;
	if (naive[n].by_clock)
		return false;
	for (int64_t skipped = w->newest + MINUTE; skipped < wall;
	     skipped += MINUTE) {
		tm = wall_tm(skipped);
		if (naive[n].is_due(&tm))
			return true;
	}
	return false;
}

static void
check_minute(struct walk *w, const char *zone, time_t t)
{
	struct tm tm;
	int64_t wall;

	localtime_r(&t, &tm);
	wall = (int64_t)t + tm.tm_gmtoff;
	for (int n = 0; n < NAIVE; n++) {
		struct cron_instant at;

		if (!is_due(w, n, wall))
			continue;
		ck_assert(cron_next(&w->cron[n], w->zone, w->after[n], &at));
		ck_assert_msg(at.at == t, "%s in %s after %lld: %lld, not %lld",
		    naive[n].text, zone, (long long)w->after[n],
		    (long long)at.at, (long long)t);
		w->after[n] = t;
	}
	if (wall > w->newest)
		w->newest = wall;
}

/* From the year on in which Samoa has lost a day. */
static void
walk_zone(const char *zone, int years)
{
	struct walk w = {0};
	struct cron_error e;
	int64_t from = read_time("2011-01-01T12:00:00");
	time_t before = from - MINUTE;
	struct tm tm;

	ck_assert_int_eq(setenv("TZ", zone, 1), 0);
	tzset();
	ck_assert_int_eq(zone_open(zone, &w.zone), 0);
	localtime_r(&before, &tm);
	w.newest = (int64_t)before + tm.tm_gmtoff;
	for (int n = 0; n < NAIVE; n++) {
		ck_assert_int_eq(cron_parse(naive[n].text, &w.cron[n], &e), 0);
		w.after[n] = before;
	}
	for (int64_t t = from; t < from + (int64_t)years * 366 * DAY;
	     t += MINUTE)
		check_minute(&w, zone, (time_t)t);
	zone_free(w.zone);
}

START_TEST(test_walk)
{
	const char *level = getenv("PLUGIND_TEST_LEVEL");
	bool is_quick = level == NULL || strcmp(level, "quick") == 0;
	bool is_long = level != NULL && strcmp(level, "long") == 0;

	if (!is_quick || _i < 4)
		walk_zone(zones[_i], is_long ? 10 : 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cron");
	TCase *tc = tcase_create("cron");

	tcase_add_loop_test(
	    tc, test_wrong, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tc, test_long);
	tcase_add_loop_test(tc, test_due, 0, sizeof(due) / sizeof(due[0]));
	tcase_add_test(tc, test_modes);
	tcase_add_test(tc, test_zone_in_text);
	tcase_add_test(tc, test_calendar);
	suite_add_tcase(s, tc);
	tc = tcase_create("walk");
	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, test_walk, 0, sizeof(zones) / sizeof(zones[0]));
	suite_add_tcase(s, tc);
	return unit_run(s);
}
