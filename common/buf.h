/*
 * buf: a growable byte buffer with a hard limit.
 *
 * An error sticks: after the first -ENOMEM or -EMSGSIZE every later append
 * is ignored and buf_error() keeps the first code, so that a writer checks
 * once, at the end.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t limit; /* bytes; appends beyond it fail with -EMSGSIZE */
	int error;
};

/* Prepares an empty buffer that will hold at most `limit` bytes. No heap. */
void buf_init(struct buf *b, size_t limit);

/* An empty buffer in the caller's memory: it holds size - 1 bytes (size > 0)
 * and never allocates. No buf_fini() for this one. */
void buf_init_fixed(struct buf *b, void *storage, size_t size);

/* Frees the bytes; the buffer may be used again afterwards. */
void buf_fini(struct buf *b);

/* Forgets the bytes and the error, keeps the memory. */
void buf_reset(struct buf *b);

/* Each appends and returns 0, or the sticky error (-ENOMEM, -EMSGSIZE). */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Room for `len` bytes at the end, or NULL (error set). Caller fills it and
 * then adds what it used to b->len. */
uint8_t *buf_reserve(struct buf *b, size_t len);

/* Removes `len` bytes from the front (len <= b->len). */
void buf_consume(struct buf *b, size_t len);

/* The bytes as a C string (a NUL is put behind them, not counted in len).
 * Never NULL: "" when empty or out of memory. */
const char *buf_cstr(struct buf *b);

/* 0 or the first error. */
int buf_error(const struct buf *b);

#endif
