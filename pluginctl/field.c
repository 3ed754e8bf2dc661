/*
 * field: owns the texts made from one reply, in a list that lives until
 * field_release(), so that callers may pass them around freely. Whatever
 * comes from the daemon leaves here escaped. Running out of memory ends the
 * program: it is a short-lived tool that holds nothing of value. Must never
 * print results.
 */
#include "field.h"

#include "common/clock.h"
#include "common/escape.h"
#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for what common/units.h formats. */
enum { UNIT_LEN = 32 };

struct text {
	struct text *next;
	char bytes[];
};

static struct text *texts;

static char *
new_text(size_t size)
{
	struct text *t = malloc(sizeof(*t) + size);

	if (!t) {
		fputs("pluginctl: out of memory\n", stderr);
		exit(1);
	}
	t->next = texts;
	texts = t;
	return t->bytes;
}

void
field_release(void)
{
	while (texts) {
		struct text *next = texts->next;

		free(texts);
		texts = next;
	}
}

const char *
field_escape(const char *s, size_t len)
{
	char *out = new_text(4 * len + 1);

	escape_text(out, 4 * len + 1, s, len, NULL);
	return out;
}

const char *
field_printf(const char *fmt, ...)
{
	va_list ap;
	char *made = NULL;
	char *out;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&made, fmt, ap);
	va_end(ap);
	if (len < 0) {
		made = NULL;
		len = 0;
	}
	out = new_text((size_t)len + 1);
	memcpy(out, made ? made : "", (size_t)len + 1);
	free(made);
	return out;
}

bool
field_find(
    const struct wire_cursor *map, const char *path, struct wire_cursor *ret)
{
	struct wire_cursor at = *map;
	char key[64];

	while (*path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(key))
			return false;
		memcpy(key, path, len);
		key[len] = '\0';
		if (wire_map_find(&at, key, &at) < 0)
			return false;
		path += len + (path[len] == '.');
	}
	if (wire_peek(&at) == WIRE_NIL || wire_peek(&at) == WIRE_END)
		return false;
	*ret = at;
	return true;
}

static const char *
number_text(struct wire_cursor *c, enum wire_type type)
{
	uint64_t u;
	int64_t i;
	double d;

	if (type == WIRE_UINT && wire_get_uint(c, &u) == 0)
		return field_printf("%" PRIu64, u);
	if (type == WIRE_INT && wire_get_int(c, &i) == 0)
		return field_printf("%" PRId64, i);
	if (type == WIRE_DOUBLE && wire_get_double(c, &d) == 0)
		return field_printf("%g", d);
	return "";
}

const char *
field_value(const struct wire_cursor *at)
{
	struct wire_cursor c = *at;
	enum wire_type type = wire_peek(&c);
	const char *s;
	size_t len;
	bool b;

	if (type == WIRE_STR && wire_get_str(&c, &s, &len) == 0)
		return field_escape(s, len);
	if (type == WIRE_BOOL && wire_get_bool(&c, &b) == 0)
		return b ? "yes" : "no";
	return number_text(&c, type);
}

const char *
field_text(const struct wire_cursor *map, const char *path)
{
	struct wire_cursor at;

	return field_find(map, path, &at) ? field_value(&at) : "";
}

bool
field_int(const struct wire_cursor *map, const char *path, int64_t *ret)
{
	struct wire_cursor at;

	return field_find(map, path, &at) && wire_get_int(&at, ret) == 0;
}

bool
field_bool(const struct wire_cursor *map, const char *path)
{
	struct wire_cursor at;
	bool v = false;

	return field_find(map, path, &at) && wire_get_bool(&at, &v) == 0 && v;
}

uint32_t
field_list(
    const struct wire_cursor *map, const char *path, struct wire_cursor *ret)
{
	struct wire_cursor at;
	uint32_t count;

	if (!field_find(map, path, &at) || wire_get_array(&at, &count) < 0)
		return 0;
	*ret = at;
	return count;
}

const char *
field_join(const struct wire_cursor *map, const char *path, const char *between)
{
	struct wire_cursor at;
	uint32_t count = field_list(map, path, &at);
	const char *out = "";

	for (uint32_t i = 0; i < count; i++) {
		out = field_printf(
		    "%s%s%s", out, i ? between : "", field_value(&at));
		if (wire_skip(&at) < 0)
			break;
	}
	return out;
}

const char *
field_age(const struct wire_cursor *map, const char *path)
{
	char age[UNIT_LEN];
	int64_t ms;

	if (!field_int(map, path, &ms))
		return "";
	return field_printf("%s", units_format_age(ms, age, sizeof(age)));
}

const char *
field_time(const struct wire_cursor *map, const char *path)
{
	char time[UNIT_LEN];
	char age[UNIT_LEN];
	int64_t at;
	int64_t ago;

	if (!field_int(map, path, &at))
		return "";
	ago = clock_real_ms() - at;
	units_format_time(at, time, sizeof(time));
	units_format_age(ago < 0 ? -ago : ago, age, sizeof(age));
	return ago < 0 ? field_printf("%s (in %s)", time, age)
	               : field_printf("%s (%s ago)", time, age);
}

const char *
field_exit(const struct wire_cursor *map, const char *path)
{
	struct wire_cursor at = *map;
	char name[UNIT_LEN];
	int64_t value;

	if (!field_find(map, path, &at) || !field_int(&at, "value", &value))
		return "";
	if (strcmp(field_text(&at, "kind"), "signal") == 0)
		return field_printf("signal %s",
		    units_signal_name((int)value, name, sizeof(name)));
	return field_printf("exit %" PRId64, value);
}
