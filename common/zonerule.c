/*
 * zonerule: POSIX TZ strings with the extensions of RFC 9636 (names in <>,
 * times of -167 to 167 hours), and what offset they give when.
 *
 * Pure. As glibc does it, a year of UTC by itself decides: the two changes of
 * that year are computed, and one that the offset or the time of day moves
 * into a neighbouring year is cut off there. No zone that exists has such a
 * change. RFC 9636 would have it count, so that "XXX3EDT4,0/0,J365/23" is DST
 * for ever; but a plugin that asks libc has to get the same answer. What libc
 * guesses where a text is wrong, or names no days, is refused here.
 *
 * Must never loop longer than the 400 years after which the calendar repeats.
 */
#include "zonerule.h"

#include <errno.h>
#include <string.h>

enum {
	DAY = 86400,
	FIRST_YEAR = 1,
	LAST_YEAR = 9999,
	DAYS_TO_1970 = 719162, /* from 0001-01-01 */
	REPEAT_YEARS = 400,
	REPEAT_DAYS = 146097,
	NAME_MIN = 3,
};

static const int64_t REPEAT = (int64_t)REPEAT_DAYS * DAY;

struct text {
	const char *p, *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
at_char(const struct text *t, char c)
{
	return t->p < t->end && *t->p == c;
}

static bool
skip_char(struct text *t, char c)
{
	if (!at_char(t, c))
		return false;
	t->p++;
	return true;
}

/* Three digits at most. */
static bool
read_number(struct text *t, int min, int max, int *ret)
{
	const char *start = t->p;
	int v = 0;

	while (t->p < t->end && is_digit(*t->p) && t->p - start < 3)
		v = v * 10 + (*t->p++ - '0');
	*ret = v;
	return t->p > start && v >= min && v <= max;
}

/* The name is nothing to us. */
static bool
skip_name(struct text *t)
{
	bool quoted = skip_char(t, '<');
	const char *start = t->p;
	ptrdiff_t len;

	for (; t->p < t->end; t->p++) {
		if (!is_letter(*t->p) && !(quoted && is_digit(*t->p)) &&
		    !(quoted && (*t->p == '+' || *t->p == '-')))
			break;
	}
	len = t->p - start;
	return (!quoted || skip_char(t, '>')) && len >= NAME_MIN;
}

/* [+-]h[:mm[:ss]] in seconds. */
static bool
read_time(struct text *t, int max_hours, int32_t *ret)
{
	int sign = at_char(t, '-') ? -1 : 1, hours, minutes = 0, seconds = 0;

	if (!skip_char(t, '-'))
		skip_char(t, '+');
	if (!read_number(t, 0, max_hours, &hours))
		return false;
	if (skip_char(t, ':')) {
		if (!read_number(t, 0, 59, &minutes))
			return false;
		if (skip_char(t, ':') && !read_number(t, 0, 59, &seconds))
			return false;
	}
	*ret = sign * (hours * 3600 + minutes * 60 + seconds);
	return true;
}

/* POSIX counts offsets west of UTC. */
static bool
read_offset(struct text *t, int32_t *ret)
{
	if (!read_time(t, 24, ret))
		return false;
	*ret = -*ret;
	return true;
}

static bool
read_day(struct text *t, struct zonerule_date *ret)
{
	if (skip_char(t, 'M')) {
		ret->kind = ZONERULE_MONTH;
		return read_number(t, 1, 12, &ret->month) &&
		       skip_char(t, '.') && read_number(t, 1, 5, &ret->week) &&
		       skip_char(t, '.') && read_number(t, 0, 6, &ret->day);
	}
	if (skip_char(t, 'J')) {
		ret->kind = ZONERULE_JULIAN;
		return read_number(t, 1, 365, &ret->day);
	}
	ret->kind = ZONERULE_DAY;
	return read_number(t, 0, 365, &ret->day);
}

static bool
read_date(struct text *t, struct zonerule_date *ret)
{
	ret->time = 2 * 3600;
	return skip_char(t, ',') && read_day(t, ret) &&
	       (!skip_char(t, '/') || read_time(t, 167, &ret->time));
}

int
zonerule_parse(const char *s, size_t len, struct zonerule *ret)
{
	struct text t = {s, s + len};

	memset(ret, 0, sizeof(*ret));
	if (!skip_name(&t) || !read_offset(&t, &ret->std))
		return -EBADMSG;
	if (t.p == t.end)
		return 0;
	ret->has_dst = true;
	ret->dst = ret->std + 3600;
	if (!skip_name(&t))
		return -EBADMSG;
	if (!at_char(&t, ',') && !read_offset(&t, &ret->dst))
		return -EBADMSG;
	if (!read_date(&t, &ret->start) || !read_date(&t, &ret->end) ||
	    t.p != t.end)
		return -EBADMSG;
	return 0;
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970 to the first of January. */
static int64_t
first_day(int year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - DAYS_TO_1970;
}

static int64_t
year_start(int year)
{
	return first_day(year) * DAY;
}

/* Of an instant from year_start(FIRST_YEAR) on. */
static int
year_of(int64_t at)
{
	int64_t day = (at - year_start(FIRST_YEAR)) / DAY;
	int year = (int)(day * REPEAT_YEARS / REPEAT_DAYS) + 1;

	/* By mean years it may be one too few, and is never too many. */
	return year_start(year + 1) <= at ? year + 1 : year;
}

/* Days from the first of January. */
static int
day_in_month(const struct zonerule_date *d, int year)
{
	static const int begins[] = {
	    0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
	int leap = is_leap(year);
	int begin = begins[d->month - 1] + (d->month > 2 ? leap : 0);
	int end = begins[d->month] + (d->month > 1 ? leap : 0);
	/* The year 1 began on a Monday. */
	int64_t days = first_day(year) + begin + DAYS_TO_1970;
	int weekday = (int)((days + 1) % 7);
	int day = begin + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;

	return day < end ? day : day - 7;
}

/* When the clocks are changed that had `offset` until then. */
static int64_t
change(const struct zonerule_date *d, int year, int32_t offset)
{
	int day = d->day;

	if (d->kind == ZONERULE_MONTH)
		day = day_in_month(d, year);
	else if (d->kind == ZONERULE_JULIAN)
		day += is_leap(year) && day >= 60 ? 0 : -1;
	return (first_day(year) + day) * DAY + d->time - offset;
}

/* Makes the span end at `cut` where that is within it. */
static void
cut_span(struct zone_span *s, int64_t at, int64_t cut)
{
	if (cut <= at && cut > s->from)
		s->from = cut;
	if (cut > at && cut < s->until)
		s->until = cut;
}

/* The part of a year around `at` in which it is DST, or is not. */
static struct zone_span
part_of_year(const struct zonerule *rule, int64_t at)
{
	int year = year_of(at);
	int64_t start = change(&rule->start, year, rule->std);
	int64_t end = change(&rule->end, year, rule->dst);
	struct zone_span s = {year_start(year), year_start(year + 1), 0};
	bool dst;

	/* South of the equator a year begins and ends with DST. */
	if (start > end)
		dst = at < end || at >= start;
	else
		dst = at >= start && at < end;
	s.offset = dst ? rule->dst : rule->std;
	cut_span(&s, at, start);
	cut_span(&s, at, end);
	return s;
}

struct zone_span
zonerule_span(const struct zonerule *rule, int64_t at)
{
	static const struct zone_span always = {INT64_MIN, INT64_MAX, 0};
	int64_t first = year_start(FIRST_YEAR);
	int64_t last = year_start(LAST_YEAR + 1);
	struct zone_span s = always, part;

	s.offset = rule->std;
	if (!rule->has_dst)
		return s;
	if (at < first)
		at = first;
	if (at >= last)
		at = last - 1;
	s = part_of_year(rule, at);
	while (s.from > first && at - s.from <= REPEAT) {
		part = part_of_year(rule, s.from - 1);
		if (part.offset != s.offset)
			break;
		s.from = part.from;
	}
	while (s.until < last && s.until - at <= REPEAT) {
		part = part_of_year(rule, s.until);
		if (part.offset != s.offset)
			break;
		s.until = part.until;
	}
	/* What was the same for 400 years always is. */
	if (s.from <= first || at - s.from > REPEAT)
		s.from = INT64_MIN;
	if (s.until >= last || s.until - at > REPEAT)
		s.until = INT64_MAX;
	return s;
}
