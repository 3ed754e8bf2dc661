/*
 * jsonread: see jsonread.h. Recursive, to a depth that is bounded.
 *
 * How many elements a list or map has is known at its end: it is written into
 * a head of fixed width, which msgpack allows. Must never read beyond the
 * text, which need not end with a NUL.
 */
#include "common/jsonread.h"

#include "common/escape.h"
#include "common/wire.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	NUMBER_MAX = 512, /* characters; more digits say nothing */
	HEAD_LEN = 5,
	ARRAY_32 = 0xdd,
	MAP_32 = 0xdf,
};

struct reader {
	const char *at;
	const char *end;
	struct buf *out;
	struct buf text; /* the one that is being read, unescaped */
	unsigned depth;
	const char *why;
};

static int read_value(struct reader *r);

static int
fail(struct reader *r, const char *why)
{
	r->why = why;
	return -EBADMSG;
}

static void
skip_blanks(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\n\r", *r->at) != NULL &&
	       *r->at != '\0')
		r->at++;
}

/* The next character, or NUL at the end. */
static char
peek(const struct reader *r)
{
	return r->at < r->end ? *r->at : '\0';
}

static bool
take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* --- words and numbers ------------------------------------------------- */

static int
read_word(struct reader *r)
{
	static const struct {
		const char *word;
		uint8_t byte;
	} words[] = {{"null", 0xc0}, {"false", 0xc2}, {"true", 0xc3}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].word);

		if ((size_t)(r->end - r->at) < n ||
		    memcmp(r->at, words[i].word, n) != 0)
			continue;
		r->at += n;
		return buf_append(r->out, &words[i].byte, 1);
	}
	return fail(r, "a value was expected; a text stands in \"quotes\"");
}

static bool
skip_digits(struct reader *r)
{
	const char *start = r->at;

	while (peek(r) >= '0' && peek(r) <= '9')
		r->at++;
	return r->at > start;
}

/* Behind a number as JSON has it; *ret_whole: without a fraction. */
static bool
skip_number(struct reader *r, bool *ret_whole)
{
	*ret_whole = true;
	(void)take(r, '-');
	if (!take(r, '0') && !skip_digits(r))
		return false;
	if (take(r, '.')) {
		*ret_whole = false;
		if (!skip_digits(r))
			return false;
	}
	if (take(r, 'e') || take(r, 'E')) {
		*ret_whole = false;
		if (!take(r, '+'))
			(void)take(r, '-');
		if (!skip_digits(r))
			return false;
	}
	return true;
}

static int
put_double(struct reader *r, const char *digits)
{
	double v = strtod(digits, NULL);

	if (!isfinite(v))
		return fail(r, "the number is too large");
	wire_put_double(r->out, v);
	return buf_error(r->out);
}

static int
read_number(struct reader *r)
{
	char digits[NUMBER_MAX + 1];
	const char *start = r->at;
	size_t len;
	bool is_whole;

	if (!skip_number(r, &is_whole))
		return fail(r, "not a number as JSON has it");
	len = (size_t)(r->at - start);
	if (len > NUMBER_MAX)
		return fail(r, "the number is too long");
	memcpy(digits, start, len);
	digits[len] = '\0';
	errno = 0;
	if (is_whole && digits[0] == '-') {
		long long v = strtoll(digits, NULL, 10);

		if (errno != 0)
			return put_double(r, digits);
		wire_put_int(r->out, v);
	} else if (is_whole) {
		unsigned long long v = strtoull(digits, NULL, 10);

		if (errno != 0)
			return put_double(r, digits);
		wire_put_uint(r->out, v);
	} else {
		return put_double(r, digits);
	}
	return buf_error(r->out);
}

/* --- texts ------------------------------------------------------------- */

static bool
read_hex(struct reader *r, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		const char *at =
		    peek(r) != '\0' ? strchr(digits, peek(r)) : NULL;

		if (at == NULL)
			return false;
		v = v << 4 | (uint32_t)((at - digits) % 16);
		r->at++;
	}
	*ret = v;
	return true;
}

static void
put_character(struct buf *b, uint32_t c)
{
	static const struct {
		uint32_t below;
		uint8_t mark;
		int more;
	} forms[] = {{0x80, 0, 0}, {0x800, 0xc0, 1}, {0x10000, 0xe0, 2},
	    {0x110000, 0xf0, 3}};
	int i = 0;

	while (c >= forms[i].below)
		i++;
	(void)buf_putc(b, (char)(forms[i].mark | c >> (6 * forms[i].more)));
	for (int k = forms[i].more - 1; k >= 0; k--)
		(void)buf_putc(b, (char)(0x80 | (c >> (6 * k) & 0x3f)));
}

/* Behind "\u"; a character beyond 16 bits is two of these. */
static int
read_unicode(struct reader *r)
{
	static const char bad[] = "\\u wants four hex digits, and a pair of "
	                          "them for half of a character";
	uint32_t c, low;

	if (!read_hex(r, &c))
		return fail(r, bad);
	if (c >= 0xd800 && c < 0xe000) {
		if (c >= 0xdc00 || !take(r, '\\') || !take(r, 'u') ||
		    !read_hex(r, &low) || low < 0xdc00 || low >= 0xe000)
			return fail(r, bad);
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	put_character(&r->text, c);
	return 0;
}

static int
read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (take(r, 'u'))
		return read_unicode(r);
	at = peek(r) != '\0' ? strchr(from, peek(r)) : NULL;
	if (at == NULL)
		return fail(r, "no such escape in a text");
	r->at++;
	return buf_putc(&r->text, to[at - from]);
}

/* One character as it stands there. */
static int
read_plain(struct reader *r)
{
	size_t n = escape_utf8_len(
	    (const unsigned char *)r->at, (size_t)(r->end - r->at));

	if ((unsigned char)*r->at < ' ')
		return fail(r, "a control character in a text, or no \" at "
		               "its end");
	if (n == 0)
		return fail(r, "a text that is not UTF-8");
	r->at += n;
	return buf_append(&r->text, r->at - n, n);
}

static int
read_text(struct reader *r)
{
	int error = 0;

	if (!take(r, '"'))
		return fail(r, "a text in \"quotes\" was expected");
	buf_reset(&r->text);
	while (error == 0 && !take(r, '"')) {
		if (r->at == r->end)
			return fail(r, "a text without a \" at its end");
		error = take(r, '\\') ? read_escape(r) : read_plain(r);
	}
	if (error == 0)
		error = buf_error(&r->text);
	if (error != 0)
		return error;
	wire_put_strn(r->out, (const char *)r->text.data, r->text.len);
	return buf_error(r->out);
}

/* --- lists and maps ---------------------------------------------------- */

static int
read_pair(struct reader *r)
{
	int error;

	skip_blanks(r);
	error = read_text(r);
	if (error != 0)
		return error;
	skip_blanks(r);
	if (!take(r, ':'))
		return fail(r, "a : was expected behind the key");
	return read_value(r);
}

static int
read_elements(struct reader *r, char close, int (*read)(struct reader *r),
    uint32_t *ret_n)
{
	int error;

	skip_blanks(r);
	if (take(r, close))
		return 0;
	for (;;) {
		error = read(r);
		if (error != 0)
			return error;
		++*ret_n;
		skip_blanks(r);
		if (take(r, close))
			return 0;
		if (!take(r, ','))
			return fail(r, close == ']'
			                   ? "a , or a ] was expected"
			                   : "a , or a } was expected");
	}
}

static int
read_container(struct reader *r)
{
	bool is_map = *r->at++ == '{';
	uint8_t head[HEAD_LEN] = {is_map ? MAP_32 : ARRAY_32};
	size_t start = r->out->len;
	uint32_t n = 0;
	int error;

	if (r->depth == WIRE_MAX_DEPTH)
		return fail(r, "nested too deeply");
	r->depth++;
	error = buf_append(r->out, head, HEAD_LEN);
	if (error == 0)
		error = is_map ? read_elements(r, '}', read_pair, &n)
		               : read_elements(r, ']', read_value, &n);
	r->depth--;
	for (int i = 1; error == 0 && i < HEAD_LEN; i++)
		r->out->data[start + (size_t)i] = (uint8_t)(n >> (32 - 8 * i));
	return error;
}

static int
read_value(struct reader *r)
{
	skip_blanks(r);
	if (r->at == r->end)
		return fail(r, "a value was expected");
	if (*r->at == '{' || *r->at == '[')
		return read_container(r);
	if (*r->at == '"')
		return read_text(r);
	if (*r->at == '-' || (*r->at >= '0' && *r->at <= '9'))
		return read_number(r);
	return read_word(r);
}

static void
find_place(const struct reader *r, const char *text, struct jsonread_fault *ret)
{
	ret->why = r->why;
	ret->line = 1;
	ret->column = 1;
	for (const char *p = text; p < r->at; p++) {
		ret->column++;
		if (*p != '\n')
			continue;
		ret->line++;
		ret->column = 1;
	}
}

int
jsonread(const char *text, size_t len, struct buf *out,
    struct jsonread_fault *ret_fault)
{
	struct reader r = {.at = text, .end = text + len, .out = out};
	int error;

	buf_init(&r.text, len + 1);
	error = read_value(&r);
	if (error == 0) {
		skip_blanks(&r);
		if (r.at != r.end)
			error = fail(&r, "something stands behind the value");
	}
	if (error == -EBADMSG)
		find_place(&r, text, ret_fault);
	buf_fini(&r.text);
	return error;
}
