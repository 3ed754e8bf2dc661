/*
 * cron: reads expressions, see cron.h. A parser of one pass that knows for
 * every character where it stands, so that a complaint can point at it.
 *
 * Must never: accept what it does not understand.
 */
#include "cron.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	DIGITS_MAX = 4,
	NAME_LEN = 3,
	LAST_MAX = 30,
	NTH_MAX = 5,
	FIELDS_MAX = 7
};

#define SECONDS_MAX (INT64_C(36525) * 24 * 3600)

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char weekdays[] = "sunmontuewedthufrisat";

static const struct {
	const char *name;
	int min, max;
	const char *names; /* of NAME_LEN letters each */
	int first;         /* value of the first of them */
} fields[CRON__FIELDS] = {
    [CRON_SECOND] = {"second", 0, 59, NULL, 0},
    [CRON_MINUTE] = {"minute", 0, 59, NULL, 0},
    [CRON_HOUR] = {"hour", 0, 23, NULL, 0},
    [CRON_DAY] = {"day of the month", 1, 31, NULL, 0},
    [CRON_MONTH] = {"month", 1, 12, months, 1},
    [CRON_WEEKDAY] = {"day of the week", 0, 6, weekdays, 0},
    [CRON_YEAR] = {"year", CRON_YEAR_MIN, CRON_YEAR_MAX, NULL, 0},
};

struct parser {
	const char *text;
	const char *at;
	enum cron_field field;
	struct cron *c;
	struct cron_error *e;
};

const char *
cron_field_name(enum cron_field f)
{
	return fields[f].name;
}

__attribute__((format(printf, 3, 4))) static int
fail(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;

	p->e->column = (unsigned)(at - p->text) + 1;
	p->e->field = fields[p->field].name;
	va_start(ap, fmt);
	vsnprintf(p->e->reason, sizeof(p->e->reason), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

__attribute__((format(printf, 3, 4))) static int
fail_all(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;

	p->e->column = (unsigned)(at - p->text) + 1;
	p->e->field = NULL;
	va_start(ap, fmt);
	vsnprintf(p->e->reason, sizeof(p->e->reason), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_end_of_item(char c)
{
	return c == '\0' || c == ',' || is_blank(c);
}

static bool
is_letter(char c, char lower)
{
	return tolower((unsigned char)c) == lower;
}

/* --- numbers and names -------------------------------------------------- */

static int
read_digits(struct parser *p, int *ret)
{
	const char *start = p->at;

	*ret = 0;
	while (isdigit((unsigned char)*p->at)) {
		if (p->at - start == DIGITS_MAX)
			return fail(p, start, "the number is too long");
		*ret = *ret * 10 + (*p->at++ - '0');
	}
	if (p->at == start && is_end_of_item(*p->at))
		return fail(p, start, "a number is missing");
	if (p->at == start)
		return fail(p, start, "no number: '%c'",
		    isprint((unsigned char)*start) ? *start : '?');
	return 0;
}

static int
read_name(struct parser *p, int *ret)
{
	const char *names = fields[p->field].names;
	size_t len = 0;

	while (isalpha((unsigned char)p->at[len]))
		len++;
	/* friL: the last Friday. */
	if (p->field == CRON_WEEKDAY && len == NAME_LEN + 1 &&
	    is_letter(p->at[NAME_LEN], 'l'))
		len = NAME_LEN;
	for (int i = 0; names != NULL && len == NAME_LEN && names[0] != '\0';
	     i++, names += NAME_LEN) {
		if (strncasecmp(p->at, names, NAME_LEN) != 0)
			continue;
		p->at += NAME_LEN;
		*ret = fields[p->field].first + i;
		return 0;
	}
	return fail(p, p->at, "'%.*s' is no %s", (int)(len < 20 ? len : 20),
	    p->at,
	    fields[p->field].names != NULL ? "name that is known here"
	                                   : "number");
}

/* One of the field. A weekday may be 7. */
static int
read_value(struct parser *p, int *ret)
{
	const char *start = p->at;
	int max = fields[p->field].max + (p->field == CRON_WEEKDAY);
	int r;

	if (isalpha((unsigned char)*start))
		return read_name(p, ret);
	r = read_digits(p, ret);
	if (r != 0)
		return r;
	if (*ret < fields[p->field].min || *ret > max)
		return fail(p, start, "%d is not in %d to %d", *ret,
		    fields[p->field].min, max);
	return 0;
}

/* --- sets ---------------------------------------------------------------- */

static void
set(struct parser *p, int v)
{
	struct cron *c = p->c;
	unsigned year = (unsigned)(v - CRON_YEAR_MIN);

	switch (p->field) {
	case CRON_SECOND:
		c->second |= UINT64_C(1) << v;
		break;
	case CRON_MINUTE:
		c->minute |= UINT64_C(1) << v;
		break;
	case CRON_HOUR:
		c->hour |= UINT32_C(1) << v;
		break;
	case CRON_DAY:
		c->day |= UINT32_C(1) << v;
		break;
	case CRON_MONTH:
		c->month |= UINT32_C(1) << v;
		break;
	case CRON_WEEKDAY:
		c->weekday |= (uint8_t)(1u << v % 7);
		break;
	case CRON_YEAR:
		c->year[year / 64] |= UINT64_C(1) << year % 64;
		break;
	case CRON__FIELDS:
		break;
	}
}

/* From a to b, round the end of the field if a is behind b; steps count on. */
static void
set_range(struct parser *p, int a, int b, int step)
{
	int min = fields[p->field].min;
	int max = fields[p->field].max;

	/* 5-7 goes on to the Sunday behind, 7-2 begins with it. */
	if (p->field == CRON_WEEKDAY && b == 7 && a < 7)
		max = 7;
	else if (p->field == CRON_WEEKDAY) {
		a %= 7;
		b %= 7;
	}
	for (int v = a, i = 0;; i++) {
		if (i % step == 0)
			set(p, v);
		if (v == b)
			break;
		v = v == max ? min : v + 1;
	}
}

/* --- items --------------------------------------------------------------- */

static int
end_item(struct parser *p, const char *what)
{
	if (is_end_of_item(*p->at))
		return 0;
	if (*p->at == '-' || *p->at == '/')
		return fail(
		    p, p->at, "%s goes with neither ranges nor steps", what);
	return fail(p, p->at, "unexpected '%c'",
	    isprint((unsigned char)*p->at) ? *p->at : '?');
}

/* L, L-n, LW, L-nW */
static int
read_last(struct parser *p)
{
	const char *number;
	int back = 0;
	int r;

	p->at++;
	if (*p->at == '-') {
		number = ++p->at;
		r = read_digits(p, &back);
		if (r != 0)
			return r;
		if (back > LAST_MAX)
			return fail(
			    p, number, "%d is not in 0 to %d", back, LAST_MAX);
	}
	if (is_letter(*p->at, 'w')) {
		p->at++;
		p->c->near_last |= UINT32_C(1) << back;
	} else {
		p->c->last |= UINT32_C(1) << back;
	}
	return end_item(p, "L");
}

/* Behind a weekday: #k, #L, L */
static int
read_nth(struct parser *p, int weekday)
{
	uint8_t *nth = &p->c->nth[weekday % 7];
	const char *number;
	int k = 0;
	int r;

	if (*p->at++ == '#' && !is_letter(*p->at, 'l')) {
		number = p->at;
		r = read_digits(p, &k);
		if (r != 0)
			return r;
		if (k < 1 || k > NTH_MAX)
			return fail(
			    p, number, "%d is not in 1 to %d", k, NTH_MAX);
	} else if (p->at[-1] == '#') {
		p->at++;
	}
	*nth |= (uint8_t)(1u << k);
	return end_item(p, "a weekday of the month");
}

static int
read_step(struct parser *p, int *ret)
{
	const char *start = ++p->at;
	int r = read_digits(p, ret);

	if (r == 0 && *ret == 0)
		return fail(p, start, "a step of 0 never gets anywhere");
	return r;
}

static int
read_star(struct parser *p)
{
	int min = fields[p->field].min;
	int max = fields[p->field].max;
	int step = 1;
	int r;

	if (*p->at == '?' && p->field != CRON_DAY && p->field != CRON_WEEKDAY)
		return fail(p, p->at, "? is for the two fields of days");
	p->at++;
	if (*p->at == '/') {
		r = read_step(p, &step);
		if (r != 0)
			return r;
		p->c->steps |= (uint8_t)(1u << p->field);
		if ((max - min + 1) % step != 0)
			p->c->uneven |= (uint8_t)(1u << p->field);
	}
	set_range(p, min, max, step);
	return end_item(p, "*");
}

/* Behind the first value: -b, /n. */
static int
read_range(struct parser *p, const char *start, int a)
{
	int b = a;
	int step = 1;
	int r = 0;

	if (*p->at == '-') {
		p->at++;
		r = read_value(p, &b);
		if (r == 0 && p->field == CRON_DAY && is_letter(*p->at, 'w'))
			return fail(p, p->at, "W goes with one day only");
		if (r == 0 && p->field == CRON_YEAR && b < a)
			return fail(p, start, "the years go backwards");
	} else if (*p->at == '/') {
		b = fields[p->field].max;
		a = p->field == CRON_WEEKDAY ? a % 7 : a;
	}
	if (r == 0 && *p->at == '/')
		r = read_step(p, &step);
	if (r != 0)
		return r;
	set_range(p, a, b, step);
	return end_item(p, "it");
}

static int
read_item(struct parser *p)
{
	const char *start = p->at;
	int a;
	int r;

	if (is_end_of_item(*start))
		return fail(p, start, "an item is empty");
	if (*start == '*' || *start == '?')
		return read_star(p);
	if (p->field == CRON_DAY && is_letter(*start, 'l'))
		return read_last(p);
	r = read_value(p, &a);
	if (r != 0)
		return r;
	if (p->field == CRON_DAY && is_letter(*p->at, 'w')) {
		p->at++;
		p->c->near |= UINT32_C(1) << a;
		return end_item(p, "W");
	}
	if (p->field == CRON_WEEKDAY &&
	    (*p->at == '#' || is_letter(*p->at, 'l')))
		return read_nth(p, a);
	return read_range(p, start, a);
}

static int
read_field(struct parser *p)
{
	const char *start = p->at;
	int r;

	if (*start == '*' || *start == '?')
		p->c->stars |= (uint8_t)(1u << p->field);
	for (;;) {
		r = read_item(p);
		if (r != 0)
			return r;
		if (*p->at != ',')
			break;
		p->at++;
	}
	if ((p->c->stars & 1u << p->field) && p->at - start == 1)
		p->c->all |= (uint8_t)(1u << p->field);
	return 0;
}

/* --- the whole ----------------------------------------------------------- */

static void
skip_blanks(struct parser *p)
{
	while (is_blank(*p->at))
		p->at++;
}

static unsigned
count_fields(const char *s)
{
	unsigned n = 0;

	while (*s != '\0') {
		while (is_blank(*s))
			s++;
		n += *s != '\0';
		while (*s != '\0' && !is_blank(*s))
			s++;
	}
	return n;
}

/* Field `i`, from 0; the first if there are not so many. */
static const char *
find_field(const char *s, unsigned i)
{
	const char *first = s;

	for (; *s != '\0'; i--) {
		if (i == 0)
			return s;
		while (*s != '\0' && !is_blank(*s))
			s++;
		while (is_blank(*s))
			s++;
	}
	return first;
}

/* A field that is not there. */
static void
set_absent(struct parser *p)
{
	p->field = CRON_SECOND;
	if (p->c->nfields == 5)
		set(p, 0);
	p->field = CRON_YEAR;
	if (p->c->nfields < 7) {
		set_range(p, CRON_YEAR_MIN, CRON_YEAR_MAX, 1);
		p->c->stars |= 1u << CRON_YEAR;
		p->c->all |= 1u << CRON_YEAR;
	}
}

static int
read_fields(struct parser *p)
{
	unsigned n = count_fields(p->at);
	enum cron_field first = n == 5 ? CRON_MINUTE : CRON_SECOND;
	int r;

	if (n < 5 || n > FIELDS_MAX)
		return fail_all(p, find_field(p->at, FIELDS_MAX),
		    "an expression has 5, 6 or 7 fields, or is a descriptor "
		    "like @daily; this has %u",
		    n);
	p->c->nfields = n;
	set_absent(p);
	for (unsigned i = 0; i < n; i++) {
		p->field = (enum cron_field)((unsigned)first + i);
		skip_blanks(p);
		r = read_field(p);
		if (r != 0)
			return r;
	}
	return 0;
}

static const struct {
	const char *name;
	const char *means; /* NULL: at the scheduler's start */
} descriptors[] = {
    {"yearly", "0 0 1 1 *"},
    {"annually", "0 0 1 1 *"},
    {"monthly", "0 0 1 * *"},
    {"weekly", "0 0 * * 0"},
    {"daily", "0 0 * * *"},
    {"midnight", "0 0 * * *"},
    {"hourly", "0 * * * *"},
    {"reboot", NULL},
};

static const struct {
	const char *name;
	int64_t ns;
} duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000 * 1000},
    {"s", INT64_C(1000000000)},
    {"m", INT64_C(60) * 1000000000},
    {"h", INT64_C(3600) * 1000000000},
};

/* Its nanoseconds; 0: no such unit. */
static int64_t
read_unit(struct parser *p)
{
	size_t len = 0;

	while (isalpha((unsigned char)p->at[len]))
		len++;
	for (size_t i = 0;
	     i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		if (strlen(duration_units[i].name) != len ||
		    strncmp(duration_units[i].name, p->at, len) != 0)
			continue;
		p->at += len;
		return duration_units[i].ns;
	}
	return 0;
}

/* 1h30m, 1.5h: numbers with units, each added to *s and *ns. */
static int
read_amount(struct parser *p, int64_t *s, int64_t *ns)
{
	const char *start = p->at;
	int64_t whole = 0, part = 0, scale = 1, unit;

	while (isdigit((unsigned char)*p->at) && whole < SECONDS_MAX * 1000)
		whole = whole * 10 + (*p->at++ - '0');
	if (p->at != start && *p->at == '.') {
		p->at++;
		for (; isdigit((unsigned char)*p->at); p->at++) {
			if (scale >= 1000000)
				continue;
			part = part * 10 + (*p->at - '0');
			scale *= 10;
		}
	}
	if (p->at == start)
		return fail_all(
		    p, start, "a duration is like 1h30m: a number is missing");
	start = p->at;
	unit = read_unit(p);
	if (unit == 0)
		return fail_all(p, start,
		    "a duration is like 1h30m: units are h, m, s, ms, us and "
		    "ns");
	if (unit >= 1000000000) {
		unit /= 1000000000;
		if (whole > SECONDS_MAX / unit)
			return fail_all(p, start, "more than 100 years");
		*s += whole * unit;
		*ns += unit * part * 1000 / scale * 1000000;
	} else {
		*s += whole / (1000000000 / unit);
		*ns += whole % (1000000000 / unit) * unit + unit * part / scale;
	}
	return 0;
}

static int
read_every(struct parser *p)
{
	int64_t s = 0, ns = 0;
	const char *start;
	int r;

	if (!is_blank(*p->at))
		return fail_all(p, p->at, "@every needs a duration, like 5m");
	skip_blanks(p);
	start = p->at;
	do {
		r = read_amount(p, &s, &ns);
		if (r != 0)
			return r;
		s += ns / 1000000000;
		ns %= 1000000000;
		if (s > SECONDS_MAX)
			return fail_all(p, start, "more than 100 years");
	} while (*p->at != '\0' && !is_blank(*p->at));
	p->c->kind = CRON_EVERY;
	p->c->every_s = s < 1 ? 1 : s;
	return 0;
}

static int
read_descriptor(struct parser *p)
{
	const char *start = p->at++;
	const char *name = p->at;
	struct parser inner;
	size_t len;

	while (isalpha((unsigned char)*p->at))
		p->at++;
	len = (size_t)(p->at - name);
	if (len == 5 && strncasecmp(name, "every", len) == 0)
		return read_every(p);
	for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]);
	     i++) {
		if (strlen(descriptors[i].name) != len ||
		    strncasecmp(descriptors[i].name, name, len) != 0)
			continue;
		if (descriptors[i].means == NULL) {
			p->c->kind = CRON_REBOOT;
			return 0;
		}
		inner = *p;
		inner.text = inner.at = descriptors[i].means;
		return read_fields(&inner);
	}
	return fail_all(p, start,
	    "no such descriptor; there are @yearly, @monthly, @weekly, @daily, "
	    "@hourly, @reboot and @every");
}

/* CRON_TZ=Zone or TZ=Zone in front. */
static int
read_zone(struct parser *p)
{
	static const char *const prefixes[] = {"CRON_TZ=", "TZ="};
	size_t len = 0;

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(p->at, prefixes[i], n) != 0)
			continue;
		p->at += n;
		while (p->at[len] != '\0' && !is_blank(p->at[len]))
			len++;
		if (len == 0 || len >= CRON_ZONE_MAX)
			return fail_all(
			    p, p->at, "a zone is missing, like Europe/Berlin");
		memcpy(p->c->zone, p->at, len);
		p->at += len;
		skip_blanks(p);
		return 0;
	}
	return 0;
}

int
cron_parse(const char *text, struct cron *c, struct cron_error *e)
{
	struct parser p = {.text = text, .at = text, .c = c, .e = e};
	int r;

	memset(c, 0, sizeof(*c));
	memset(e, 0, sizeof(*e));
	if (strlen(text) > CRON_TEXT_MAX)
		return fail_all(
		    &p, text, "longer than %d bytes", CRON_TEXT_MAX);
	skip_blanks(&p);
	r = read_zone(&p);
	if (r == 0)
		r = *p.at == '@' ? read_descriptor(&p) : read_fields(&p);
	if (r != 0)
		return r;
	skip_blanks(&p);
	if (*p.at != '\0')
		return fail_all(&p, p.at, "something follows: '%.20s'", p.at);
	return 0;
}
