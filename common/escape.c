/*
 * escape: makes bytes of unknown origin harmless for a log or a terminal.
 *
 * Pure. One table says what a byte below 0x80 is, one table what may follow
 * a lead byte above it; everything else is built from escape_utf8_len().
 * Must never write a byte that could move a cursor, end a line, or change
 * the reading direction, and must never write beyond `cap`.
 */
#include "escape.h"

#include <stdint.h>
#include <string.h>

/* Bytes that stay as they are: TAB and printable ASCII. */
/* clang-format off */
static const bool plain[256] = {
	['\t'] = true,
	[0x20 ... 0x7e] = true,
};
/* clang-format on */

/* What may follow a lead byte in [first, last] (Unicode, table 3-7). */
struct utf8_lead {
	uint8_t first, last;
	uint8_t len;
	uint8_t second_min, second_max;
};

/* clang-format off */
static const struct utf8_lead leads[] = {
	{0xc2, 0xdf, 2, 0x80, 0xbf},
	{0xe0, 0xe0, 3, 0xa0, 0xbf}, /* below: overlong */
	{0xe1, 0xec, 3, 0x80, 0xbf},
	{0xed, 0xed, 3, 0x80, 0x9f}, /* above: surrogates */
	{0xee, 0xef, 3, 0x80, 0xbf},
	{0xf0, 0xf0, 4, 0x90, 0xbf}, /* below: overlong */
	{0xf1, 0xf3, 4, 0x80, 0xbf},
	{0xf4, 0xf4, 4, 0x80, 0x8f}, /* above: > U+10FFFF */
};
/* clang-format on */

static const struct utf8_lead *
find_lead(unsigned char c)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	}
	return NULL;
}

size_t
escape_utf8_len(const unsigned char *in, size_t len)
{
	const struct utf8_lead *lead;

	if (len == 0)
		return 0;
	if (in[0] < 0x80)
		return 1;
	lead = find_lead(in[0]);
	if (!lead || len < lead->len)
		return 0;
	if (in[1] < lead->second_min || in[1] > lead->second_max)
		return 0;
	for (size_t i = 2; i < lead->len; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return 0;
	}
	return lead->len;
}

/* C1 controls, bidirectional overrides, line and paragraph separator. */
static bool
is_unsafe_char(const unsigned char *c, size_t len)
{
	if (len == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	if (len != 3 || c[0] != 0xe2)
		return false;
	if (c[1] == 0x80)
		return c[2] >= 0xa8 && c[2] <= 0xae;
	return c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9;
}

/* Bytes of the character at in[0]; *ret_safe says whether it may stay. */
static size_t
classify(const unsigned char *in, size_t len, bool *ret_safe)
{
	size_t n;

	if (in[0] < 0x80) {
		*ret_safe = plain[in[0]];
		return 1;
	}
	n = escape_utf8_len(in, len);
	*ret_safe = n > 0 && !is_unsafe_char(in, n);
	return n ? n : 1;
}

static size_t
count_plain(const unsigned char *in, size_t len)
{
	size_t n = 0;

	while (n < len && plain[in[n]])
		n++;
	return n;
}

static void
put_escaped(char *out, const unsigned char *in, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = '\\';
		*out++ = 'x';
		*out++ = hex[in[i] >> 4];
		*out++ = hex[in[i] & 0x0f];
	}
}

/* Moves one character that is not plain; 0 when it does not fit. */
static size_t
put_char(char *out, size_t room, const unsigned char *in, size_t len,
    size_t *ret_written)
{
	bool safe;
	size_t n = classify(in, len, &safe);
	size_t need = safe ? n : 4 * n;

	if (need > room)
		return 0;
	if (safe)
		memcpy(out, in, n);
	else
		put_escaped(out, in, n);
	*ret_written = need;
	return n;
}

size_t
escape_text(char *out, size_t cap, const char *in, size_t len, size_t *ret_used)
{
	const unsigned char *src = (const unsigned char *)in;
	size_t used = 0, done = 0, written, n;

	while (cap > 0 && used < len) {
		n = count_plain(src + used, len - used);
		if (n > cap - 1 - done)
			n = cap - 1 - done;
		if (n > 0) {
			memcpy(out + done, src + used, n);
			written = n;
		} else {
			n = put_char(out + done, cap - 1 - done, src + used,
			    len - used, &written);
		}
		if (n == 0)
			break;
		used += n;
		done += written;
	}
	if (cap > 0)
		out[done] = '\0';
	if (ret_used)
		*ret_used = used;
	return done;
}

bool
escape_clean(const char *in, size_t len)
{
	const unsigned char *src = (const unsigned char *)in;
	size_t i = 0;
	bool safe;

	while (i < len) {
		i += count_plain(src + i, len - i);
		if (i == len)
			break;
		i += classify(src + i, len - i, &safe);
		if (!safe)
			return false;
	}
	return true;
}
