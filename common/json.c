/*
 * json: a streaming JSON writer, and msgpack shown as JSON.
 *
 * Owns nothing: bytes go to the caller's struct buf, whose sticky error is
 * the only error there is. What it writes is valid UTF-8 whatever comes in,
 * and holds no byte that could end a line or move a cursor (compact form).
 * Must never recurse, and must never depend on the locale: a decimal comma
 * is no JSON.
 */
#include "json.h"

#include "escape.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
json_init(struct json *j, struct buf *out, unsigned indent)
{
	*j = (struct json){.out = out, .indent = indent};
}

static void
break_line(struct json *j)
{
	if (j->indent > 0)
		buf_printf(j->out, "\n%*s", (int)(j->indent * j->depth), "");
}

/* What stands before a value or a key. */
static void
separate(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->comma)
		buf_putc(j->out, ',');
	if (j->depth > 0)
		break_line(j);
	j->comma = true;
}

static void
open_level(struct json *j, char bracket)
{
	separate(j);
	buf_putc(j->out, bracket);
	j->depth++;
	j->comma = false;
}

static void
close_level(struct json *j, char bracket)
{
	j->depth--;
	if (j->comma)
		break_line(j);
	buf_putc(j->out, bracket);
	j->comma = true;
}

void
json_object(struct json *j)
{
	open_level(j, '{');
}

void
json_end_object(struct json *j)
{
	close_level(j, '}');
}

void
json_array(struct json *j)
{
	open_level(j, '[');
}

void
json_end_array(struct json *j)
{
	close_level(j, ']');
}

/* The letter behind a backslash, for those that have one. */
static const char short_escapes[256] = {
    ['"'] = '"',
    ['\\'] = '\\',
    ['\b'] = 'b',
    ['\f'] = 'f',
    ['\n'] = 'n',
    ['\r'] = 'r',
    ['\t'] = 't',
};

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One ASCII byte that is not plain. */
static void
put_ascii(struct buf *out, uint8_t c)
{
	if (short_escapes[c])
		buf_printf(out, "\\%c", short_escapes[c]);
	else
		buf_printf(out, "\\u%04x", c);
}

/* One character above ASCII, or one bad byte. Returns what it used. */
static size_t
put_wide(struct buf *out, const uint8_t *p, size_t len)
{
	size_t n = escape_utf8_len(p, len);

	if (n == 0) {
		buf_puts(out, "\xef\xbf\xbd");
		return 1;
	}
	if (escape_clean((const char *)p, n))
		buf_append(out, p, n);
	else if (n == 2)
		buf_printf(
		    out, "\\u%04x", (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU));
	else
		buf_printf(out, "\\u%04x",
		    (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 |
		        (p[2] & 0x3fU));
	return n;
}

static void
put_chars(struct buf *out, const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t i = 0, run;

	while (i < len) {
		for (run = i; run < len && is_plain(p[run]); run++)
			;
		if (run > i)
			buf_append(out, p + i, run - i);
		i = run;
		if (i < len && p[i] < 0x80)
			put_ascii(out, p[i++]);
		else if (i < len)
			i += put_wide(out, p + i, len - i);
	}
}

static void
put_quoted(struct buf *out, const char *s, size_t len)
{
	buf_putc(out, '"');
	put_chars(out, s, len);
	buf_putc(out, '"');
}

/* Between a key and its value. */
static void
put_colon(struct json *j)
{
	buf_puts(j->out, j->indent > 0 ? ": " : ":");
	j->after_key = true;
}

void
json_key(struct json *j, const char *key)
{
	separate(j);
	put_quoted(j->out, key, strlen(key));
	put_colon(j);
}

void
json_null(struct json *j)
{
	separate(j);
	buf_puts(j->out, "null");
}

void
json_bool(struct json *j, bool v)
{
	separate(j);
	buf_puts(j->out, v ? "true" : "false");
}

void
json_int(struct json *j, int64_t v)
{
	separate(j);
	buf_printf(j->out, "%" PRId64, v);
}

void
json_uint(struct json *j, uint64_t v)
{
	separate(j);
	buf_printf(j->out, "%" PRIu64, v);
}

/* The shortest of the three forms that reads back as the same number. */
static void
put_double(struct buf *out, double v)
{
	char text[32];

	if (!isfinite(v)) {
		buf_puts(out, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	for (char *p = text; *p; p++) {
		if (*p == ',')
			*p = '.';
	}
	buf_puts(out, text);
}

void
json_double(struct json *j, double v)
{
	separate(j);
	put_double(j->out, v);
}

void
json_str(struct json *j, const char *s)
{
	if (s)
		json_strn(j, s, strlen(s));
	else
		json_null(j);
}

void
json_strn(struct json *j, const char *s, size_t len)
{
	separate(j);
	put_quoted(j->out, s, len);
}

static void
put_base64(struct buf *out, const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                             "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char four[4];

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		four[0] = digits[v >> 18];
		four[1] = digits[v >> 12 & 63];
		four[2] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		four[3] = i + 2 < len ? digits[v & 63] : '=';
		buf_append(out, four, sizeof(four));
	}
}

static int
put_wire_number(struct buf *out, struct wire_cursor *c)
{
	uint64_t u;
	int64_t i;
	double d;

	if (wire_get_uint(c, &u) == 0)
		buf_printf(out, "%" PRIu64, u);
	else if (wire_get_int(c, &i) == 0)
		buf_printf(out, "%" PRId64, i);
	else if (wire_get_double(c, &d) == 0)
		put_double(out, d);
	else
		return -EPROTO;
	return 0;
}

/* An object that is no str, no bin and holds no others. */
static int
put_wire_plain(struct buf *out, struct wire_cursor *c)
{
	bool v;

	if (wire_get_nil(c) == 0)
		return buf_puts(out, "null");
	if (wire_get_bool(c, &v) == 0)
		return buf_puts(out, v ? "true" : "false");
	return put_wire_number(out, c);
}

/* Any object but an array or a map. */
static int
put_wire_scalar(struct buf *out, struct wire_cursor *c)
{
	const void *bin;
	const char *s;
	size_t len;

	if (wire_get_str(c, &s, &len) == 0) {
		put_quoted(out, s, len);
		return 0;
	}
	if (wire_get_bin(c, &bin, &len) == 0) {
		buf_putc(out, '"');
		put_base64(out, bin, len);
		return buf_putc(out, '"');
	}
	return put_wire_plain(out, c);
}

/*
 * A map key in quotes. An array or a map as a key is shown as the base64 of
 * its bytes: exact, and no escapes within escapes.
 */
static int
put_wire_key(struct json *j, struct wire_cursor *c)
{
	enum wire_type type = wire_peek(c);
	const uint8_t *start = c->p;
	int r;

	separate(j);
	if (type == WIRE_STR || type == WIRE_BIN) {
		r = put_wire_scalar(j->out, c);
	} else {
		buf_putc(j->out, '"');
		if (type == WIRE_ARRAY || type == WIRE_MAP) {
			r = wire_skip(c);
			if (r == 0)
				put_base64(
				    j->out, start, (size_t)(c->p - start));
		} else {
			r = put_wire_plain(j->out, c);
		}
		buf_putc(j->out, '"');
	}
	put_colon(j);
	return r;
}

/* An array or a map that is being written. */
struct level {
	uint32_t left; /* elements or pairs to come */
	bool is_map;
};

/* Writes the next object, or opens it: *ret_opened, filled into *level. */
static int
put_wire_next(struct json *j, struct wire_cursor *c, struct level *level,
    bool *ret_opened)
{
	*ret_opened = true;
	if (wire_get_array(c, &level->left) == 0) {
		level->is_map = false;
		json_array(j);
		return 0;
	}
	if (wire_get_map(c, &level->left) == 0) {
		level->is_map = true;
		json_object(j);
		return 0;
	}
	*ret_opened = false;
	separate(j);
	return put_wire_scalar(j->out, c);
}

static void
close_wire(struct json *j, const struct level *level)
{
	if (level->is_map)
		json_end_object(j);
	else
		json_end_array(j);
}

int
json_wire(struct json *j, struct wire_cursor *c)
{
	/* One before the outermost level, one to look into the next. */
	struct level stack[WIRE_MAX_DEPTH + 2] = {{.left = 1}};
	unsigned depth = 0;
	bool opened;
	int r = 0;

	while (r == 0) {
		while (stack[depth].left == 0) {
			if (depth == 0)
				return buf_error(j->out);
			close_wire(j, &stack[depth--]);
		}
		stack[depth].left--;
		if (stack[depth].is_map)
			r = put_wire_key(j, c);
		if (r == 0)
			r = put_wire_next(j, c, &stack[depth + 1], &opened);
		if (r == 0 && opened && depth++ == WIRE_MAX_DEPTH)
			r = -EPROTO;
	}
	return r;
}
