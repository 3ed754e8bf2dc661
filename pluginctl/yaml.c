/*
 * yaml: a writer of YAML, block style, two spaces a level. Pure. Only
 * strings that cannot be mistaken are written plain; all the others are
 * JSON strings, which YAML reads the same. Recursion is bounded by the depth
 * that wire_validate allows.
 */
#include "yaml.h"

#include "common/json.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static void write_node(
    struct buf *out, struct wire_cursor *c, unsigned depth, bool inline_first);

static bool
is_plain_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
	       (ch >= '0' && ch <= '9') || strchr("_./-", ch);
}

/* Words that YAML 1.1 or 1.2 reads as a boolean or nothing. */
static bool
is_reserved(const char *s, size_t len)
{
	static const char *const words[] = {
	    "true", "false", "yes", "no", "on", "off", "null", "y", "n"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i]) == len &&
		    strncasecmp(words[i], s, len) == 0)
			return true;
	}
	return false;
}

/* The length of the longest unit that `s` begins with, 0 for none. */
static size_t
unit_len(const char *s, size_t len)
{
	static const char *const units[] = {"ms", "s", "m", "h", "d", "w", "B",
	    "KiB", "MiB", "GiB", "TiB", "kB", "MB", "GB", "TB", "%"};
	size_t best = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t n = strlen(units[i]);

		if (n > best && n <= len && memcmp(s, units[i], n) == 0)
			best = n;
	}
	return best;
}

/* "100ms", "1h30m", "64MiB", "12.5%": no number to any reader of YAML. */
static bool
is_quantity(const char *s, size_t len)
{
	while (len > 0) {
		size_t digits = 0;
		size_t unit;

		while (
		    digits < len && ((s[digits] >= '0' && s[digits] <= '9') ||
		                        (digits > 0 && s[digits] == '.')))
			digits++;
		unit = unit_len(s + digits, len - digits);
		if (digits == 0 || unit == 0)
			return false;
		s += digits + unit;
		len -= digits + unit;
	}
	return true;
}

static bool
is_plain(const char *s, size_t len)
{
	if (len == 0 || is_reserved(s, len))
		return false;
	if (is_quantity(s, len))
		return true;
	/* A digit, sign or dot first could be a number or a date. */
	if (s[0] != '/' && s[0] != '_' &&
	    !((s[0] | 0x20) >= 'a' && (s[0] | 0x20) <= 'z'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_plain_char(s[i]) || s[i] == '\0')
			return false;
	}
	return true;
}

static void
write_scalar(struct buf *out, struct wire_cursor *c)
{
	struct wire_cursor ahead = *c;
	struct json j;
	const char *s;
	size_t len;

	if (wire_get_str(&ahead, &s, &len) == 0 && is_plain(s, len)) {
		buf_append(out, s, len);
		*c = ahead;
		return;
	}
	json_init(&j, out, 0);
	if (json_wire(&j, c) < 0)
		*c = (struct wire_cursor){c->end, c->end};
}

static void
start_line(struct buf *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buf_puts(out, "  ");
}

/* True when there is nothing in the array or map at the cursor. */
static bool
is_empty(struct wire_cursor c)
{
	uint32_t count = 0;

	if (wire_get_array(&c, &count) < 0)
		wire_get_map(&c, &count);
	return count == 0;
}

static bool
is_block(const struct wire_cursor *c)
{
	enum wire_type type = wire_peek(c);

	return (type == WIRE_ARRAY || type == WIRE_MAP) && !is_empty(*c);
}

static void
write_map(
    struct buf *out, struct wire_cursor *c, unsigned depth, bool inline_first)
{
	uint32_t count = 0;

	wire_get_map(c, &count);
	for (uint32_t i = 0; i < count && !buf_error(out); i++) {
		if (i > 0 || !inline_first)
			start_line(out, depth);
		write_scalar(out, c);
		buf_putc(out, ':');
		if (is_block(c)) {
			buf_putc(out, '\n');
			write_node(out, c, depth + 1, false);
		} else {
			buf_putc(out, ' ');
			write_node(out, c, 0, true);
		}
	}
}

static void
write_array(
    struct buf *out, struct wire_cursor *c, unsigned depth, bool inline_first)
{
	uint32_t count = 0;

	wire_get_array(c, &count);
	for (uint32_t i = 0; i < count && !buf_error(out); i++) {
		if (i > 0 || !inline_first)
			start_line(out, depth);
		buf_puts(out, "- ");
		write_node(out, c, depth + 1, true);
	}
}

/* Writes whole lines. `inline_first`: the first one has been begun. */
static void
write_node(
    struct buf *out, struct wire_cursor *c, unsigned depth, bool inline_first)
{
	if (!is_block(c)) {
		if (!inline_first)
			start_line(out, depth);
		write_scalar(out, c);
		buf_putc(out, '\n');
	} else if (wire_peek(c) == WIRE_MAP) {
		write_map(out, c, depth, inline_first);
	} else {
		write_array(out, c, depth, inline_first);
	}
}

void
yaml_write(struct buf *out, const struct wire_cursor *data)
{
	struct wire_cursor c = *data;

	write_node(out, &c, 0, false);
}
