/*
 * cronwords: schedules in plain words, see cron.h. Pure.
 */
#include "cron.h"

#include "common/buf.h"
#include "common/cron.h"
#include "common/units.h"

#include <inttypes.h>
#include <stddef.h>

enum {
	TIMES_MAX = 6,
	RUN_MIN = 3,
	HOUR = 24,
	SIXTY = 60,
	MONTHS = 12,
	WEEK = 7
};

static const char *const month_names[] = {NULL, "January", "February", "March",
    "April", "May", "June", "July", "August", "September", "October",
    "November", "December"};
static const char *const day_names[] = {"Sunday", "Monday", "Tuesday",
    "Wednesday", "Thursday", "Friday", "Saturday"};

/* What is listed, with commas in between. */
struct list {
	struct buf *out;
	unsigned n;
};

static void
comma(struct list *l)
{
	if (l->n++ > 0)
		buf_puts(l->out, ", ");
}

static bool
has(uint64_t set, int v)
{
	return (set >> v & 1) != 0;
}

static void
put_value(struct buf *out, int v, const char *const *names)
{
	if (names != NULL)
		buf_puts(out, names[v]);
	else
		buf_printf(out, "%d", v);
}

/* "1 to 5, 7": runs of at least three are ranges. */
static void
put_set(
    struct list *l, uint64_t set, int min, int max, const char *const *names)
{
	for (int v = min; v <= max; v++) {
		int end = v;

		if (!has(set, v))
			continue;
		while (end < max && has(set, end + 1))
			end++;
		if (end - v + 1 < RUN_MIN)
			end = v;
		comma(l);
		put_value(l->out, v, names);
		if (end > v) {
			buf_puts(l->out, " to ");
			put_value(l->out, end, names);
		}
		v = end;
	}
}

static int
count(uint64_t set)
{
	return __builtin_popcountll(set);
}

/* n if the set is every n-th value from 0 on, and n divides `size`; else 0. */
static int
find_step(uint64_t set, int size)
{
	int n = count(set) > 1 ? size / count(set) : 0;

	for (int v = 0; n > 0 && v < size; v++) {
		if (has(set, v) != (v % n == 0))
			return 0;
	}
	return n;
}

/* --- times of day -------------------------------------------------------- */

/* "at 02:30, 14:30" */
static void
put_times(struct buf *out, const struct cron *c)
{
	int second = __builtin_ctzll(c->second);
	struct list l = {out, 0};

	buf_puts(out, "at ");
	for (int h = 0; h < HOUR; h++) {
		for (int m = 0; has(c->hour, h) && m < SIXTY; m++) {
			if (!has(c->minute, m))
				continue;
			comma(&l);
			buf_printf(out, "%02d:%02d", h, m);
			if (second != 0)
				buf_printf(out, ":%02d", second);
		}
	}
}

/* "every minute", "every 5 minutes", "at minute 0, 30" */
static void
put_part(struct buf *out, uint64_t set, const char *unit)
{
	int step = find_step(set, SIXTY);
	struct list l = {out, 0};

	if (step == 1) {
		buf_printf(out, "every %s", unit);
	} else if (step > 1) {
		buf_printf(out, "every %d %ss", step, unit);
	} else {
		buf_printf(out, "at %s ", unit);
		put_set(&l, set, 0, SIXTY - 1, NULL);
	}
}

static void
put_hours(struct buf *out, uint32_t set)
{
	int step = find_step(set, HOUR);
	struct list l = {out, 0};

	if (step == 1)
		return;
	if (step > 1) {
		buf_printf(out, " of every %d hours", step);
		return;
	}
	buf_puts(out, count(set) == 1 ? " of hour " : " of hours ");
	put_set(&l, set, 0, HOUR - 1, NULL);
}

static void
put_time(struct buf *out, const struct cron *c)
{
	if (count(c->second) == 1 &&
	    count(c->minute) * count(c->hour) <= TIMES_MAX) {
		put_times(out, c);
		return;
	}
	if (c->second != 1) {
		put_part(out, c->second, "second");
		if (find_step(c->minute, SIXTY) != 1) {
			buf_puts(out, ", ");
			put_part(out, c->minute, "minute");
		} else if (count(c->second) == 1) {
			buf_puts(out, " of every minute");
		}
	} else {
		put_part(out, c->minute, "minute");
	}
	put_hours(out, c->hour);
}

/* --- days ---------------------------------------------------------------- */

static const char *const nth_names[] = {
    "last", "first", "second", "third", "fourth", "fifth"};

/* "the last day but 2", "the weekday nearest to day 15" */
static void
put_special(struct list *l, uint32_t set, const char *first, const char *but,
    const char *behind)
{
	for (int n = 0; n < 32; n++) {
		if (!has(set, n))
			continue;
		comma(l);
		if (n == 0)
			buf_puts(l->out, first);
		else
			buf_printf(l->out, "%s%d", but, n);
		buf_puts(l->out, behind);
	}
}

static void
put_month_days(struct buf *out, const struct cron *c)
{
	struct list l = {out, 0};

	if (c->day != 0)
		buf_puts(out, count(c->day) == 1 ? "day " : "days ");
	put_set(&l, c->day, 1, 31, NULL);
	put_special(&l, c->last, "the last day", "the last day but ", "");
	put_special(&l, c->near, "", "the weekday nearest to day ", "");
	put_special(&l, c->near_last, "the last weekday",
	    "the weekday nearest to the last day but ", "");
	buf_puts(out, " of the month");
}

static void
put_weekdays(struct buf *out, const struct cron *c)
{
	struct list l = {out, 0};

	put_set(&l, c->weekday, 0, WEEK - 1, day_names);
	for (int d = 0; d < WEEK; d++) {
		for (int k = 0;
		     k < (int)(sizeof(nth_names) / sizeof(nth_names[0])); k++) {
			if (!has(c->nth[d], k))
				continue;
			comma(&l);
			buf_printf(out, "the %s %s of the month", nth_names[k],
			    day_names[d]);
		}
	}
}

static void
put_days(struct buf *out, const struct cron *c)
{
	bool any_day = (c->all >> CRON_DAY & 1) != 0;
	bool any_weekday = (c->all >> CRON_WEEKDAY & 1) != 0;

	buf_puts(out, any_day && any_weekday ? ", every day" : ", on ");
	if (!any_day)
		put_month_days(out, c);
	if (!any_day && !any_weekday)
		buf_puts(
		    out, cron_is_or(c) ? ", and on " : ", if that is also ");
	if (!any_weekday)
		put_weekdays(out, c);
}

static void
put_years(struct buf *out, const struct cron *c)
{
	struct list l = {out, 0};

	buf_puts(out, ", in ");
	for (int y = 0; y <= CRON_YEAR_MAX - CRON_YEAR_MIN; y++) {
		int end = y;

		if (!has(c->year[y / 64], y % 64))
			continue;
		while (end < CRON_YEAR_MAX - CRON_YEAR_MIN &&
		       has(c->year[(end + 1) / 64], (end + 1) % 64))
			end++;
		comma(&l);
		buf_printf(out, "%d", y + CRON_YEAR_MIN);
		if (end > y)
			buf_printf(out, " to %d", end + CRON_YEAR_MIN);
		y = end;
	}
}

/* --- the whole ----------------------------------------------------------- */

void
cron_put_words(struct buf *out, const struct cron *c)
{
	struct list l = {out, 0};
	char duration[32];

	if (c->kind == CRON_REBOOT) {
		buf_puts(out, "once whenever the scheduler starts");
		return;
	}
	if (c->kind == CRON_EVERY) {
		buf_printf(out, "every %s",
		    units_format_duration(
		        c->every_s * 1000, duration, sizeof(duration)));
		return;
	}
	put_time(out, c);
	put_days(out, c);
	if (!(c->all >> CRON_MONTH & 1)) {
		buf_puts(out, ", in ");
		put_set(&l, c->month, 1, MONTHS, month_names);
	}
	if (!(c->all >> CRON_YEAR & 1))
		put_years(out, c);
}

void
cron_put_warnings(struct buf *out, const struct cron *c)
{
	unsigned days = 1u << CRON_DAY | 1u << CRON_WEEKDAY;

	for (int f = 0; f < CRON__FIELDS; f++) {
		if (c->uneven >> f & 1 && f != CRON_YEAR)
			buf_printf(out,
			    "note: the steps of the %s begin anew with each "
			    "round, so that the last one is shorter\n",
			    cron_field_name((enum cron_field)f));
	}
	if (c->match == CRON_MATCH_VIXIE && (c->steps & days) != 0 &&
	    (c->all & days) == 0)
		buf_puts(out,
		    "note: a day field that begins with * must agree with the "
		    "other one; without the * either would do\n");
}
