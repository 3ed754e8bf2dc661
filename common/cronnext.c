/*
 * cronnext: when a schedule is due, see cron.h. The calendar of walls is
 * searched from field to field; between walls and instants lies a zone, which
 * is looked at span by span, so that nothing is assumed about how large a shift
 * is or when it comes.
 *
 * Must never: return what is not behind `after`, or search for ever.
 */
#include "cron.h"

#include "zone.h"

enum { DAY = 86400, HOUR = 3600, MINUTE = 60, MONTHS = 12, WEEK = 7 };

#define SEARCH (INT64_C(36525) * DAY) /* 100 years */

/* --- the calendar -------------------------------------------------------- */

/* Days since 1970 of a date, by eras of 400 years that begin in March. */
static int64_t
count_days(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year =
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static void
find_date(int64_t days, struct cron_wall *w)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	w->day = (int)(of_year - (153 * m + 2) / 5) + 1;
	w->month = (int)(m < 10 ? m + 3 : m - 9);
	w->year = y + era * 400 + (w->month <= 2);
}

static int
find_weekday(int64_t days)
{
	int64_t r = (days + 4) % WEEK; /* 1970 began on a Thursday */

	return (int)(r < 0 ? r + WEEK : r);
}

struct cron_wall
cron_wall(int64_t seconds)
{
	int64_t days =
	    seconds / DAY - (seconds % DAY < 0); /* towards the past */
	int64_t rest = seconds - days * DAY;
	struct cron_wall w = {.hour = (int)(rest / HOUR),
	    .minute = (int)(rest % HOUR / MINUTE),
	    .second = (int)(rest % MINUTE),
	    .weekday = find_weekday(days)};

	find_date(days, &w);
	return w;
}

int64_t
cron_seconds(const struct cron_wall *w)
{
	return count_days(w->year, w->month, w->day) * DAY + w->hour * HOUR +
	       w->minute * MINUTE + w->second;
}

int
cron_month_days(int64_t year, int month)
{
	static const int days[MONTHS] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

/* --- days ---------------------------------------------------------------- */

struct month {
	int days;
	int first; /* weekday of the first day */
};

static int
weekday_of(const struct month *m, int day)
{
	return (m->first + day - 1) % WEEK;
}

/* The weekday, Monday to Friday, that is nearest and in the month. */
static int
find_near(const struct month *m, int day)
{
	switch (weekday_of(m, day)) {
	case 6:
		return day > 1 ? day - 1 : day + 2;
	case 0:
		return day < m->days ? day + 1 : day - 2;
	default:
		return day;
	}
}

static uint32_t
bit(int n)
{
	return UINT32_C(1) << (unsigned)n % 32;
}

static uint32_t
days_of_month(const struct cron *c, const struct month *m)
{
	uint32_t set = 0;

	for (int d = 1; d <= m->days; d++) {
		int back = m->days - d;

		if ((c->day & bit(d)) || (c->last & bit(back)))
			set |= bit(d);
		if ((c->near & bit(d)) || (c->near_last & bit(back)))
			set |= bit(find_near(m, d));
	}
	return set;
}

static uint32_t
days_of_week(const struct cron *c, const struct month *m)
{
	uint32_t set = 0;

	for (int d = 1; d <= m->days; d++) {
		int w = weekday_of(m, d);
		bool is_last = d + WEEK > m->days;

		if ((c->weekday & bit(w)) ||
		    (c->nth[w] & bit((d - 1) / WEEK + 1)) ||
		    (is_last && (c->nth[w] & 1)))
			set |= bit(d);
	}
	return set;
}

bool
cron_is_or(const struct cron *c)
{
	unsigned days = 1u << CRON_DAY | 1u << CRON_WEEKDAY;

	/* What is nothing but a star says nothing. */
	if (c->match == CRON_MATCH_OR)
		return (c->all & days) == 0;
	return c->match == CRON_MATCH_VIXIE && (c->stars & days) == 0;
}

uint32_t
cron_days(const struct cron *c, int64_t year, int month)
{
	const struct month m = {cron_month_days(year, month),
	    find_weekday(count_days(year, month, 1))};
	uint32_t of_month = days_of_month(c, &m);
	uint32_t of_week = days_of_week(c, &m);

	return cron_is_or(c) ? of_month | of_week : of_month & of_week;
}

/* --- walls --------------------------------------------------------------- */

/* The lowest bit from `from` on; -1: none. */
static int
find_bit(uint64_t set, int from)
{
	set = from < 0 || from > 63 ? 0 : set & ~UINT64_C(0) << from;
	return set != 0 ? __builtin_ctzll(set) : -1;
}

/* The first time of day from *w on; false: none on this day. */
static bool
find_time(const struct cron *c, struct cron_wall *w)
{
	int hour = w->hour, minute = w->minute, second = w->second;

	for (; (hour = find_bit(c->hour, hour)) >= 0; hour++) {
		if (hour > w->hour)
			minute = second = 0;
		for (; (minute = find_bit(c->minute, minute)) >= 0; minute++) {
			if (hour > w->hour || minute > w->minute)
				second = 0;
			second = find_bit(c->second, second);
			if (second < 0)
				continue;
			w->hour = hour;
			w->minute = minute;
			w->second = second;
			return true;
		}
		minute = 0;
	}
	return false;
}

static bool
is_year(const struct cron *c, int64_t year)
{
	int64_t n = year - CRON_YEAR_MIN;

	return n >= 0 && year <= CRON_YEAR_MAX &&
	       (c->year[n / 64] >> n % 64 & 1) != 0;
}

static void
begin_day(struct cron_wall *w, int day)
{
	w->day = day;
	w->hour = w->minute = w->second = 0;
}

static void
begin_month(struct cron_wall *w)
{
	begin_day(w, 1);
	if (w->month++ < MONTHS)
		return;
	w->month = 1;
	w->year++;
}

/* The first day from *w on, its time 0 if it is another; false: none in this
 * month. */
static bool
find_day(const struct cron *c, struct cron_wall *w)
{
	int day;

	if (!is_year(c, w->year) || !(c->month & bit(w->month)) || w->day > 31)
		return false;
	day = find_bit(cron_days(c, w->year, w->month), w->day);
	if (day < 0)
		return false;
	if (day > w->day)
		begin_day(w, day);
	return true;
}

/* The first wall from `from` on that is due, before `until`. */
static bool
find_wall(const struct cron *c, int64_t from, int64_t until, int64_t *ret)
{
	struct cron_wall w = cron_wall(from);

	while (count_days(w.year, w.month, w.day) * DAY < until) {
		if (!find_day(c, &w)) {
			begin_month(&w);
		} else if (!find_time(c, &w)) {
			begin_day(&w, w.day + 1);
		} else {
			*ret = cron_seconds(&w);
			return *ret < until;
		}
	}
	return false;
}

/* --- instants ------------------------------------------------------------ */

/* Every instant counts for which the clock shows what is asked for. */
static bool
is_by_clock(const struct cron *c)
{
	return c->dst == CRON_DST_VIXIE &&
	       (c->stars & (1u << CRON_MINUTE | 1u << CRON_HOUR)) != 0;
}

/* Whether a time is due that the zone skips where this span begins. */
static bool
is_due_in_gap(
    const struct cron *c, const struct zone *z, const struct zone_span *span)
{
	int32_t before = zone_span(z, span->from - 1).offset;
	int64_t wall = span->from + before;
	int64_t until = span->from + span->offset;
	int64_t found[2];

	if (is_by_clock(c) || c->dst == CRON_DST_SKIP)
		return false;
	for (; find_wall(c, wall, until, &wall); wall++) {
		/* It may have been there once already. */
		if (zone_find(z, wall, found) == 0)
			return true;
	}
	return false;
}

/* In this span, from `at` on. */
static bool
find_in_span(const struct cron *c, const struct zone *z,
    const struct zone_span *span, int64_t at, int64_t until, int64_t *ret)
{
	int64_t wall = at + span->offset;
	int64_t found[2];

	if (until > span->until)
		until = span->until;
	for (; find_wall(c, wall, until + span->offset, &wall); wall++) {
		*ret = wall - span->offset;
		if (is_by_clock(c) ||
		    (zone_find(z, wall, found) > 0 && found[0] == *ret))
			return true;
	}
	return false;
}

bool
cron_next(const struct cron *c, const struct zone *z, int64_t after,
    struct cron_instant *ret)
{
	int64_t until = after + SEARCH;
	int64_t at = after + 1;
	struct zone_span span;

	*ret = (struct cron_instant){0, CRON_NORMAL};
	if (c->kind != CRON_FIELDS_KIND) {
		ret->at = after + c->every_s;
		return c->kind == CRON_EVERY;
	}
	for (; at < until; at = span.until) {
		span = zone_span(z, at);
		if (at == span.from && is_due_in_gap(c, z, &span)) {
			*ret = (struct cron_instant){at, CRON_GAP};
			return true;
		}
		if (find_in_span(c, z, &span, at, until, &ret->at))
			return true;
	}
	return false;
}
