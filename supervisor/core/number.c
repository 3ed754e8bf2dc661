/*
 * number: the types of the schema that are an int64_t.
 *
 * Pure: a table with a parser and a writer for each, which agree with each
 * other. Ranges are not its business, they stand in the rows of the schema.
 */
#include "number.h"

#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERCENT_MAX = 102400 };

static bool
is_digits(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static int
parse_base(const char *s, int base, int64_t *ret)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, base);
	if (*end != '\0')
		return -EINVAL;
	if (errno != 0)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int
parse_int(const char *s, int64_t *ret)
{
	if (!is_digits(s + (s[0] == '-')))
		return -EINVAL;
	return parse_base(s, 10, ret);
}

static const char *
format_int(int64_t value, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%" PRId64, value);
	return out;
}

static int
parse_octal(const char *s, int64_t *ret)
{
	if (strncmp(s, "0o", 2) == 0)
		s += 2;
	if (!is_digits(s))
		return -EINVAL;
	return parse_base(s, 8, ret);
}

static const char *
format_octal(int64_t value, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%04" PRIo64, (uint64_t)value);
	return out;
}

static int
parse_percent(const char *s, int64_t *ret)
{
	return units_parse_percent(s, PERCENT_MAX, ret);
}

static int
parse_factor(const char *s, int64_t *ret)
{
	const char *dot = strchr(s, '.');
	size_t whole = dot == NULL ? strlen(s) : (size_t)(dot - s);
	char digits[16];

	if (whole == 0 || whole > 6 || strspn(s, "0123456789") != whole)
		return -EINVAL;
	if (dot != NULL && (!is_digits(dot + 1) || strlen(dot + 1) > 3))
		return -EINVAL;
	(void)snprintf(digits, sizeof(digits), "%.*s%-3s", (int)whole, s,
	    dot == NULL ? "" : dot + 1);
	for (char *p = digits; *p != '\0'; p++)
		if (*p == ' ')
			*p = '0';
	return parse_base(digits, 10, ret);
}

static const char *
format_factor(int64_t value, char *out, size_t cap)
{
	int len = snprintf(
	    out, cap, "%" PRId64 ".%03" PRId64, value / 1000, value % 1000);

	while (out[len - 1] == '0')
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[len - 1] = '\0';
	return out;
}

static const struct number_type number_types[] = {
    [VAL_INT] = {"a whole number such as 3", true, parse_int, format_int, NULL},
    [VAL_OCTAL] = {"an octal number such as 0027", false, parse_octal,
        format_octal, "^(0o)?[0-7]+$"},
    [VAL_DURATION] = {"a duration such as 500ms, 10s or 1h30m", false,
        units_parse_duration, units_format_duration,
        "^(0|([0-9]+([.][0-9]+)?(ms|s|m|h|d|w))+)$"},
    [VAL_SIZE] = {"a size such as 64MiB, 512K or 1GB", false, units_parse_size,
        units_format_size, "^[0-9]+([.][0-9]+)?([kKMGT]?B?|[KMGT]iB)$"},
    [VAL_PERCENT] = {"a percentage such as 50%", false, parse_percent,
        units_format_percent, "^[0-9]+([.][0-9]+)?%$"},
    [VAL_FACTOR] = {"a number such as 2 or 1.5", true, parse_factor,
        format_factor, NULL},
};

const struct number_type *
number_type_get(enum value_type type)
{
	if (type >= sizeof(number_types) / sizeof(*number_types))
		return NULL;
	return number_types[type].parse != NULL ? &number_types[type] : NULL;
}
