/*
 * value: the readers of plugind.h, typed. Pure but for what config.c keeps.
 *
 * Each finds the value, takes it if it is of its type and in range, and
 * otherwise records what is wrong in words for the one who wrote the file,
 * who knows YAML and not C. Must never return anything but a good value or
 * the fallback.
 */
#include "config.h"

#include "common/buf.h"
#include "common/units.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { QUOTE_MAX = 60, KEYS_MAX = 256 };

static void
complain_about_type(const struct plugind_config *c, const char *path,
    const struct wire_cursor *at, const char *wanted)
{
	plugind_config_error(c, path, "must be %s, not %s", wanted,
	    config_type_name(wire_peek(at)));
}

/* A text at `at` that is kept, or NULL after a complaint. */
static const char *
take_text(const struct plugind_config *c, const char *path,
    struct wire_cursor *at, const char *wanted)
{
	const char *s;
	size_t len;

	if (wire_get_str(at, &s, &len) != 0) {
		complain_about_type(c, path, at, wanted);
		return NULL;
	}
	if (memchr(s, '\0', len) != NULL) {
		plugind_config_error(c, path, "must not hold a NUL byte");
		return NULL;
	}
	return config_keep(c->whole, s, len);
}

bool
plugind_config_has(const struct plugind_config *c, const char *path)
{
	struct wire_cursor at;

	return config_find(c, path, &at) == 0;
}

const char *
plugind_config_string(
    const struct plugind_config *c, const char *path, const char *fallback)
{
	struct wire_cursor at;
	const char *s;

	if (config_find(c, path, &at) != 0)
		return fallback;
	s = take_text(c, path, &at,
	    wire_peek(&at) == WIRE_ARRAY || wire_peek(&at) == WIRE_MAP
	        ? "a text"
	        : "a text (put it in quotes)");
	return s == NULL ? fallback : s;
}

int64_t
plugind_config_int(const struct plugind_config *c, const char *path,
    int64_t fallback, int64_t min, int64_t max)
{
	struct wire_cursor at;
	uint64_t too_large;
	int64_t v = 0;
	bool fits;

	if (config_find(c, path, &at) != 0)
		return fallback;
	fits = wire_get_int(&at, &v) == 0;
	if (!fits && wire_get_uint(&at, &too_large) != 0) {
		complain_about_type(c, path, &at, "a whole number");
		return fallback;
	}
	if (fits && v >= min && v <= max)
		return v;
	plugind_config_error(c, path, "must be from %lld to %lld",
	    (long long)min, (long long)max);
	return fallback;
}

bool
plugind_config_bool(
    const struct plugind_config *c, const char *path, bool fallback)
{
	struct wire_cursor at;
	bool v;

	if (config_find(c, path, &at) != 0)
		return fallback;
	if (wire_get_bool(&at, &v) == 0)
		return v;
	complain_about_type(c, path, &at, "true or false");
	return fallback;
}

double
plugind_config_double(
    const struct plugind_config *c, const char *path, double fallback)
{
	struct wire_cursor at;
	double v;

	if (config_find(c, path, &at) != 0)
		return fallback;
	if (wire_get_double(&at, &v) != 0)
		complain_about_type(c, path, &at, "a number");
	else if (!isfinite(v))
		plugind_config_error(c, path, "must be a finite number");
	else
		return v;
	return fallback;
}

typedef int parse_fn(const char *s, int64_t *ret);

/* A text with a unit. */
static int64_t
read_quantity(const struct plugind_config *c, const char *path,
    struct wire_cursor *at, parse_fn *parse, const char *wanted,
    int64_t fallback)
{
	const char *s = take_text(c, path, at, wanted);
	int64_t v;
	int r;

	if (s == NULL)
		return fallback;
	r = parse(s, &v);
	if (r == 0)
		return v;
	if (r == -ERANGE)
		plugind_config_error(
		    c, path, "\"%.*s\" is too large", (int)QUOTE_MAX, s);
	else
		plugind_config_error(c, path, "must be %s, not \"%.*s\"",
		    wanted, (int)QUOTE_MAX, s);
	return fallback;
}

int64_t
plugind_config_duration(
    const struct plugind_config *c, const char *path, int64_t fallback_ms)
{
	struct wire_cursor at;
	struct wire_cursor zero;
	uint64_t v;

	if (config_find(c, path, &at) != 0)
		return fallback_ms;
	zero = at;
	if (wire_get_uint(&zero, &v) == 0 && v == 0)
		return 0;
	return read_quantity(c, path, &at, units_parse_duration,
	    "a duration with its unit, such as 500ms or 5m", fallback_ms);
}

int64_t
plugind_config_size(
    const struct plugind_config *c, const char *path, int64_t fallback_bytes)
{
	struct wire_cursor at;
	struct wire_cursor number;
	uint64_t v;

	if (config_find(c, path, &at) != 0)
		return fallback_bytes;
	number = at;
	if (wire_get_uint(&number, &v) == 0 && v <= INT64_MAX)
		return (int64_t)v;
	return read_quantity(c, path, &at, units_parse_size,
	    "a size, such as 64MiB or a number of bytes", fallback_bytes);
}

/* --- maps and lists ---------------------------------------------------- */

const struct plugind_config *
plugind_config_map(const struct plugind_config *c, const char *path)
{
	struct wire_cursor at = {0};

	if (config_find(c, path, &at) == 0 && wire_peek(&at) != WIRE_MAP) {
		complain_about_type(c, path, &at, "a map");
		at = (struct wire_cursor){0};
	}
	return config_place(c->whole, &at, config_join(c, path));
}

/* Moves to the first element or key: how many there are. */
static uint32_t
enter(const struct plugind_config *c, const char *path, struct wire_cursor *ret,
    bool *ret_is_map)
{
	struct wire_cursor at;
	uint32_t n = 0;

	*ret_is_map = false;
	if (config_find(c, path, &at) != 0)
		return 0;
	if (wire_get_map(&at, &n) == 0)
		*ret_is_map = true;
	else if (wire_get_array(&at, &n) != 0)
		complain_about_type(c, path, &at, "a list or a map");
	*ret = at;
	return n;
}

uint32_t
plugind_config_count(const struct plugind_config *c, const char *path)
{
	struct wire_cursor at;
	bool is_map;

	return enter(c, path, &at, &is_map);
}

/* Moves to element or key `i`; false beyond the end. */
static bool
enter_at(const struct plugind_config *c, const char *path, uint32_t i,
    struct wire_cursor *ret, bool *ret_is_map)
{
	uint32_t n = enter(c, path, ret, ret_is_map);

	if (i >= n)
		return false;
	for (uint64_t skip = *ret_is_map ? 2 * (uint64_t)i : i; skip > 0;
	     skip--)
		wire_skip(ret);
	return true;
}

/* The key at `at`, which moves behind it; NULL: not a text that can be. */
static const char *
take_key(struct config *whole, struct wire_cursor *at)
{
	const char *s;
	size_t len;

	if (wire_get_str(at, &s, &len) == 0)
		return memchr(s, '\0', len) ? NULL : config_keep(whole, s, len);
	wire_skip(at);
	return NULL;
}

const struct plugind_config *
plugind_config_element(
    const struct plugind_config *c, const char *path, uint32_t i)
{
	struct wire_cursor at = {0};
	struct plugind_config parent = *c;
	const char *key;
	char number[16];
	bool is_map;

	if (!enter_at(c, path, i, &at, &is_map))
		at = (struct wire_cursor){0};
	parent.path = config_join(c, path);
	if (is_map && at.p != NULL) {
		key = take_key(c->whole, &at);
	} else {
		snprintf(number, sizeof(number), "[%u]", (unsigned)i);
		key = number;
	}
	if (parent.path == NULL || key == NULL)
		return config_place(c->whole, &at, NULL);
	return config_place(c->whole, &at, config_join(&parent, key));
}

const char *
plugind_config_key(const struct plugind_config *c, const char *path, uint32_t i)
{
	struct wire_cursor at;
	bool is_map;

	if (!enter_at(c, path, i, &at, &is_map) || !is_map)
		return NULL;
	return take_key(c->whole, &at);
}

/* --- keys that are none ------------------------------------------------ */

struct names {
	const char *v[KEYS_MAX];
	size_t n;
};

static bool
is_among(const struct names *names, const char *s)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], s) == 0)
			return true;
	}
	return false;
}

static void
complain_about_key(
    const struct plugind_config *c, const struct names *names, const char *key)
{
	char storage[CONFIG_TEXT_MAX];
	struct buf list;

	buf_init_fixed(&list, storage, sizeof(storage));
	buf_puts(&list, "are ");
	for (size_t i = 0; i < names->n; i++)
		buf_printf(&list, "%s%s", i == 0 ? "" : ", ", names->v[i]);
	config_key_error(c, key, "is not a key here: there %s",
	    names->n == 0 ? "are none" : buf_cstr(&list));
}

void
plugind_config_only(const struct plugind_config *c, ...)
{
	struct names names = {.n = 0};
	const char *key;
	uint32_t n;
	va_list ap;

	va_start(ap, c);
	while ((key = va_arg(ap, const char *)) != NULL) {
		if (names.n < KEYS_MAX)
			names.v[names.n++] = key;
	}
	va_end(ap);
	if (plugind_config_map(c, "")->at.p == NULL)
		return;
	n = plugind_config_count(c, "");
	for (uint32_t i = 0; i < n; i++) {
		key = plugind_config_key(c, "", i);
		if (key != NULL && !is_among(&names, key))
			complain_about_key(c, &names, key);
	}
}
