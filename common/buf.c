/*
 * buf: a growable byte buffer with a hard limit.
 *
 * Owns one heap block a buffer and nothing else; pure but for the heap. A
 * block always keeps one byte more than the bytes in it, so that buf_cstr()
 * never has to allocate. Must never grow beyond the limit (plus that byte),
 * whatever the caller asks for, and must never lose the first error: a
 * writer checks it once, at the end. Nothing is fatal here.
 */
#include "buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 256 };

void
buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){.limit = limit < SIZE_MAX ? limit : SIZE_MAX - 1};
}

void
buf_init_fixed(struct buf *b, void *storage, size_t size)
{
	*b = (struct buf){.data = storage, .cap = size, .limit = size - 1};
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	buf_init(b, b->limit);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = 0;
}

/* Doubles, so that n appends cost O(n); the limit caps the last step. */
static size_t
choose_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;

	while (cap < need && cap <= b->limit / 2)
		cap *= 2;
	if (cap < need)
		cap = need;
	return cap <= b->limit ? cap : b->limit + 1;
}

static int
grow(struct buf *b, size_t extra)
{
	uint8_t *data;
	size_t cap;

	if (b->error)
		return b->error;
	if (extra > b->limit - b->len)
		return b->error = -EMSGSIZE;
	if (b->data && b->len + extra < b->cap)
		return 0;
	cap = choose_cap(b, b->len + extra + 1);
	data = realloc(b->data, cap);
	if (!data)
		return b->error = -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

uint8_t *
buf_reserve(struct buf *b, size_t len)
{
	return grow(b, len) ? NULL : b->data + b->len;
}

int
buf_append(struct buf *b, const void *data, size_t len)
{
	int r = grow(b, len);

	if (r || len == 0)
		return r;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

int
buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int
buf_putc(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	uint8_t *out;
	int n;

	if (b->error)
		return b->error;
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return b->error = -EMSGSIZE;
	out = buf_reserve(b, (size_t)n);
	if (!out)
		return b->error;
	vsnprintf((char *)out, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

void
buf_consume(struct buf *b, size_t len)
{
	if (len == 0)
		return;
	b->len -= len;
	memmove(b->data, b->data + len, b->len);
}

const char *
buf_cstr(struct buf *b)
{
	if (!b->data)
		return "";
	b->data[b->len] = '\0';
	return (const char *)b->data;
}

int
buf_error(const struct buf *b)
{
	return b->error;
}
