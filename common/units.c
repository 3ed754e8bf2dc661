/*
 * units: durations, sizes, percentages, signals and times as text.
 *
 * Pure, and independent of the locale. All numbers go through read_number():
 * digits with at most FRACTION_MAX_DIGITS behind a point, scaled by a unit.
 * What a unit cannot hold of a fraction is dropped, but something that is
 * not zero never becomes zero (0.1ms is an error, not "off"). Must never
 * accept a sign, a blank, or half a string, and must never overflow.
 */
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	FRACTION_MAX_DIGITS = 6,
	SIGNAL_MAX = 64,
	DURATION_CAP = 40,
};

static const int64_t MS_SECOND = 1000;
static const int64_t MS_MINUTE = 60000;
static const int64_t MS_HOUR = 3600000;
static const int64_t MS_DAY = 86400000;

struct number {
	int64_t whole;
	int64_t fraction; /* fraction / divisor */
	int64_t divisor;
};

struct unit {
	const char *name;
	int64_t factor;
};

/* clang-format off */
static const struct unit duration_units[] = { /* falling */
	{"w",  604800000},
	{"d",  86400000},
	{"h",  3600000},
	{"m",  60000},
	{"s",  1000},
	{"ms", 1},
};

/* The first of each factor is how it is written. */
static const struct unit size_units[] = {
	{"TiB", INT64_C(1) << 40},
	{"GiB", INT64_C(1) << 30},
	{"MiB", INT64_C(1) << 20},
	{"KiB", INT64_C(1) << 10},
	{"TB",  INT64_C(1000000000000)},
	{"GB",  INT64_C(1000000000)},
	{"MB",  INT64_C(1000000)},
	{"kB",  INT64_C(1000)},
	{"",    1},
	{"KB",  INT64_C(1000)},
	{"T",   INT64_C(1) << 40},
	{"G",   INT64_C(1) << 30},
	{"M",   INT64_C(1) << 20},
	{"K",   INT64_C(1) << 10},
	{"B",   1},
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits up to the first other byte; at most `max_digits` when not 0. */
static int
read_digits(const char **s, unsigned max_digits, int64_t *ret)
{
	const char *p = *s;
	int64_t v = 0;

	for (; is_digit(*p); p++) {
		if (max_digits && p - *s == (ptrdiff_t)max_digits)
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v))
			return -ERANGE;
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	*ret = v;
	return 0;
}

static int
read_number(const char **s, struct number *ret)
{
	struct number n = {.divisor = 1};
	const char *p = *s;
	int r;

	r = read_digits(&p, 0, &n.whole);
	if (r)
		return r;
	if (*p == '.') {
		const char *start = ++p;

		if (read_digits(&p, FRACTION_MAX_DIGITS, &n.fraction))
			return -EINVAL;
		for (; start < p; start++)
			n.divisor *= 10;
	}
	*s = p;
	*ret = n;
	return 0;
}

static int
scale_number(const struct number *n, int64_t factor, int64_t *ret)
{
	int64_t v;

	/* fraction < 10^6 and factor <= 2^40: this product cannot overflow. */
	if (__builtin_mul_overflow(n->whole, factor, &v) ||
	    __builtin_add_overflow(v, n->fraction * factor / n->divisor, &v))
		return -ERANGE;
	if (v == 0 && n->fraction != 0)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* Index of the duration unit that is the letters at *s; moves behind it. */
static size_t
read_duration_unit(const char **s)
{
	size_t len = 0, i;

	while (isalpha((unsigned char)(*s)[len]))
		len++;
	for (i = 0; i < COUNT(duration_units); i++) {
		if (strlen(duration_units[i].name) == len &&
		    memcmp(duration_units[i].name, *s, len) == 0)
			break;
	}
	*s += len;
	return i;
}

int
units_parse_duration(const char *s, int64_t *ret_ms)
{
	int64_t total = 0, part;
	size_t next = 0, unit;
	struct number n;
	int r;

	if (strcmp(s, "0") == 0) {
		*ret_ms = 0;
		return 0;
	}
	do {
		r = read_number(&s, &n);
		if (r)
			return r;
		unit = read_duration_unit(&s);
		if (unit < next || unit == COUNT(duration_units))
			return -EINVAL;
		next = unit + 1;
		r = scale_number(&n, duration_units[unit].factor, &part);
		if (r)
			return r;
		if (__builtin_add_overflow(total, part, &total))
			return -ERANGE;
	} while (*s);
	*ret_ms = total;
	return 0;
}

int
units_parse_size(const char *s, int64_t *ret_bytes)
{
	struct number n;
	int r;

	r = read_number(&s, &n);
	if (r)
		return r;
	for (size_t i = 0; i < COUNT(size_units); i++) {
		if (strcmp(s, size_units[i].name) == 0)
			return scale_number(
			    &n, size_units[i].factor, ret_bytes);
	}
	return -EINVAL;
}

int
units_parse_percent(const char *s, int64_t max_percent, int64_t *ret_milli)
{
	struct number n;
	int64_t milli;
	int r;

	r = read_number(&s, &n);
	if (r)
		return r;
	if (strcmp(s, "%") != 0)
		return -EINVAL;
	r = scale_number(&n, 1000, &milli);
	if (r)
		return r;
	if (milli / 1000 > max_percent ||
	    (milli / 1000 == max_percent && milli % 1000 != 0))
		return -ERANGE;
	*ret_milli = milli;
	return 0;
}

/* Names of signal(7) that sigabbrev_np() gives another name. */
static const struct {
	const char *name;
	int signal;
} signal_aliases[] = {
    {"IO", SIGIO},
    {"IOT", SIGABRT},
    {"CLD", SIGCHLD},
};

static int
find_signal(const char *name)
{
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *abbrev = sigabbrev_np(sig);

		if (abbrev && strcasecmp(name, abbrev) == 0)
			return sig;
	}
	for (size_t i = 0; i < COUNT(signal_aliases); i++) {
		if (strcasecmp(name, signal_aliases[i].name) == 0)
			return signal_aliases[i].signal;
	}
	return 0;
}

/* "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n". */
static int
find_realtime_signal(const char *name)
{
	bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
	int64_t n = 0;

	if (!from_min && strncasecmp(name, "RTMAX", 5) != 0)
		return 0;
	name += 5;
	if (*name) {
		if (*name++ != (from_min ? '+' : '-') ||
		    read_digits(&name, 2, &n) || *name)
			return 0;
	}
	if (n > SIGRTMAX - SIGRTMIN)
		return 0;
	return from_min ? SIGRTMIN + (int)n : SIGRTMAX - (int)n;
}

int
units_parse_signal(const char *s, int *ret_signal)
{
	int64_t number;
	int sig;

	if (is_digit(*s)) {
		if (read_digits(&s, 2, &number) || *s || number < 1 ||
		    number > SIGNAL_MAX)
			return -EINVAL;
		*ret_signal = (int)number;
		return 0;
	}
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	sig = find_signal(s);
	if (sig == 0)
		sig = find_realtime_signal(s);
	if (sig == 0)
		return -EINVAL;
	*ret_signal = sig;
	return 0;
}

const char *
units_signal_name(int signal, char *out, size_t cap)
{
	const char *abbrev = sigabbrev_np(signal);

	if (abbrev)
		snprintf(out, cap, "%s", abbrev);
	else if (signal == SIGRTMIN)
		snprintf(out, cap, "RTMIN");
	else if (signal > SIGRTMIN && signal <= SIGRTMAX)
		snprintf(out, cap, "RTMIN+%d", signal - SIGRTMIN);
	else
		snprintf(out, cap, "%d", signal);
	return out;
}

/* Appends "<n><unit>" unless n is 0. */
static void
put_part(char *text, size_t *len, int64_t n, const char *unit)
{
	if (n > 0)
		*len += (size_t)snprintf(
		    text + *len, DURATION_CAP - *len, "%" PRId64 "%s", n, unit);
}

/* Seconds with what is behind the point, without its trailing zeros. */
static void
put_seconds(char *text, size_t *len, int64_t ms)
{
	put_part(text, len, ms / 1000, "");
	*len += (size_t)snprintf(
	    text + *len, DURATION_CAP - *len, ".%03d", (int)(ms % 1000));
	while (text[*len - 1] == '0')
		--*len;
	text[(*len)++] = 's';
	text[*len] = '\0';
}

/* Weeks are written as days: "10d" says more than "1w3d". */
const char *
units_format_duration(int64_t ms, char *out, size_t cap)
{
	char text[DURATION_CAP] = "0s";
	int64_t rest = ms % MS_MINUTE;
	size_t len = 0;

	if (ms > 0) {
		put_part(text, &len, ms / MS_DAY, "d");
		put_part(text, &len, ms / MS_HOUR % 24, "h");
		put_part(text, &len, ms / MS_MINUTE % 60, "m");
		if (rest < MS_SECOND)
			put_part(text, &len, rest, "ms");
		else if (rest % MS_SECOND == 0)
			put_part(text, &len, rest / MS_SECOND, "s");
		else
			put_seconds(text, &len, rest);
	}
	snprintf(out, cap, "%s", text);
	return out;
}

const char *
units_format_age(int64_t ms, char *out, size_t cap)
{
	static const struct unit steps[] = {
	    {"d", MS_DAY},
	    {"h", MS_HOUR},
	    {"m", MS_MINUTE},
	    {"s", MS_SECOND},
	};
	size_t i = 0;
	int64_t next;

	if (ms < MS_SECOND) {
		if (ms <= 0)
			snprintf(out, cap, "0s");
		else
			snprintf(out, cap, "%dms", (int)ms);
		return out;
	}
	while (ms < steps[i].factor)
		i++;
	next = i + 1 < COUNT(steps) ? ms % steps[i].factor / steps[i + 1].factor
	                            : 0;
	if (next > 0)
		snprintf(out, cap, "%" PRId64 "%s%" PRId64 "%s",
		    ms / steps[i].factor, steps[i].name, next,
		    steps[i + 1].name);
	else
		snprintf(out, cap, "%" PRId64 "%s", ms / steps[i].factor,
		    steps[i].name);
	return out;
}

/* The shortest of the exact forms; the first of two that are as long. */
const char *
units_format_size(int64_t bytes, char *out, size_t cap)
{
	char best[32] = "", text[32];

	if (bytes < 0)
		bytes = 0;
	for (size_t i = 0; i < COUNT(size_units); i++) {
		if (bytes % size_units[i].factor == 0) {
			snprintf(text, sizeof(text), "%" PRId64 "%s",
			    bytes / size_units[i].factor, size_units[i].name);
			if (!*best || strlen(text) < strlen(best))
				memcpy(best, text, sizeof(best));
		}
		if (size_units[i].factor == 1)
			break; /* the rest is only read */
	}
	snprintf(out, cap, "%s", best);
	return out;
}

const char *
units_format_percent(int64_t milli, char *out, size_t cap)
{
	char text[40];
	size_t len;

	if (milli < 0)
		milli = 0;
	len = (size_t)snprintf(text, sizeof(text), "%" PRId64 ".%03d",
	    milli / 1000, (int)(milli % 1000));
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	text[len] = '\0';
	snprintf(out, cap, "%s%%", text);
	return out;
}

const char *
units_format_time(int64_t unix_ms, char *out, size_t cap)
{
	int64_t ms = unix_ms % 1000;
	time_t sec = unix_ms / 1000;
	struct tm tm;

	if (ms < 0) {
		ms += 1000;
		sec--;
	}
	gmtime_r(&sec, &tm);
	snprintf(out, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (int)ms);
	return out;
}

/* Exactly `digits` digits, a value in [min, max]; moves behind them. */
static bool
read_field(const char **s, unsigned digits, int min, int max, int *ret)
{
	int v = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (!is_digit((*s)[i]))
			return false;
		v = v * 10 + (*s)[i] - '0';
	}
	if (v < min || v > max)
		return false;
	*s += digits;
	*ret = v;
	return true;
}

static bool
skip_char(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

static bool
read_date(const char **s, struct tm *tm)
{
	struct tm check;
	int year, month;

	if (!read_field(s, 4, 1970, 9999, &year) || !skip_char(s, '-') ||
	    !read_field(s, 2, 1, 12, &month) || !skip_char(s, '-') ||
	    !read_field(s, 2, 1, 31, &tm->tm_mday))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	/* 30 February becomes March: no such day. */
	check = *tm;
	timegm(&check);
	return check.tm_mday == tm->tm_mday;
}

/* ".123456": the milliseconds of any number of digits. */
static bool
read_milliseconds(const char **s, int *ret_ms)
{
	int scale = 100;

	if (!skip_char(s, '.'))
		return true;
	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); ++*s, scale /= 10)
		*ret_ms += (**s - '0') * scale;
	return true;
}

/* "HH:MM", then ":SS" and ".fff" if there. */
static bool
read_clock(const char **s, struct tm *tm, int *ret_ms)
{
	if (!read_field(s, 2, 0, 23, &tm->tm_hour) || !skip_char(s, ':') ||
	    !read_field(s, 2, 0, 59, &tm->tm_min))
		return false;
	if (!skip_char(s, ':'))
		return true;
	return read_field(s, 2, 0, 60, &tm->tm_sec) &&
	       read_milliseconds(s, ret_ms);
}

/* "Z", "+HH:MM", "-HH:MM", or nothing: UTC. */
static bool
read_zone(const char **s, int *ret_seconds)
{
	int sign = **s == '-' ? -1 : 1, hours, minutes;

	if (skip_char(s, 'Z') || skip_char(s, 'z') || **s == '\0')
		return true;
	if (!skip_char(s, '+') && !skip_char(s, '-'))
		return false;
	if (!read_field(s, 2, 0, 23, &hours) || !skip_char(s, ':') ||
	    !read_field(s, 2, 0, 59, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int
parse_calendar(const char *s, int64_t *ret_unix_ms)
{
	int ms = 0, zone_seconds = 0;
	struct tm tm = {0};

	if (!read_date(&s, &tm))
		return -EINVAL;
	if (skip_char(&s, 'T') || skip_char(&s, 't') || skip_char(&s, ' ')) {
		if (!read_clock(&s, &tm, &ms) || !read_zone(&s, &zone_seconds))
			return -EINVAL;
	}
	if (*s)
		return -EINVAL;
	*ret_unix_ms = ((int64_t)timegm(&tm) - zone_seconds) * 1000 + ms;
	return 0;
}

int
units_parse_since(const char *s, int64_t now_unix_ms, int64_t *ret_unix_ms)
{
	struct number n;
	int64_t ago_ms;

	if (*s == '@') {
		s++;
		if (read_number(&s, &n) || *s ||
		    scale_number(&n, 1000, ret_unix_ms))
			return -EINVAL;
		return 0;
	}
	if (strchr(s, '-'))
		return parse_calendar(s, ret_unix_ms);
	if (units_parse_duration(s, &ago_ms) ||
	    __builtin_sub_overflow(now_unix_ms, ago_ms, ret_unix_ms))
		return -EINVAL;
	return 0;
}
