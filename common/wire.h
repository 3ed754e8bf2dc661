/*
 * wire: msgpack as it travels on every socket of plugind.
 *
 * Bytes from outside are validated once, iteratively (wire_validate), and
 * then read with a cursor that never allocates and never leaves the
 * validated bytes. Writing goes through msgpack-c into a struct buf.
 * The only file that includes <msgpack.h>.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_MAX_DEPTH = 16 };

/*
 * Checks that `data` holds exactly one msgpack object: every claimed count
 * and length fits in the bytes left, nesting is at most `max_depth`, str is
 * UTF-8, no ext types, no bytes behind it. Work is linear in `len`, no heap.
 * Returns 0, -EBADMSG (malformed), -E2BIG (too deep) or -ENODATA (truncated).
 */
int wire_validate(const void *data, size_t len, unsigned max_depth);

enum wire_type {
	WIRE_NIL,
	WIRE_BOOL,
	WIRE_UINT, /* not negative */
	WIRE_INT,  /* negative */
	WIRE_DOUBLE,
	WIRE_STR,
	WIRE_BIN,
	WIRE_ARRAY,
	WIRE_MAP,
	WIRE_END, /* no more bytes */
};

/* A position in bytes that passed wire_validate. Plain values: copy it to
 * look ahead. */
struct wire_cursor {
	const uint8_t *p;
	const uint8_t *end;
};

void wire_cursor_init(struct wire_cursor *c, const void *data, size_t len);

/* The type of the next object; does not move. */
enum wire_type wire_peek(const struct wire_cursor *c);

/*
 * Each reads the next object if it is of that type and moves behind it:
 * 0, or -EPROTO and the cursor stays. Strings and bin are borrowed from the
 * input and not NUL-terminated. wire_get_int takes WIRE_UINT up to INT64_MAX
 * too. wire_get_array/_map move to the first element (count elements, or
 * count pairs, follow).
 */
int wire_get_nil(struct wire_cursor *c);
int wire_get_bool(struct wire_cursor *c, bool *ret);
int wire_get_uint(struct wire_cursor *c, uint64_t *ret);
int wire_get_int(struct wire_cursor *c, int64_t *ret);
int wire_get_double(struct wire_cursor *c, double *ret); /* ints too */
int wire_get_str(struct wire_cursor *c, const char **ret, size_t *ret_len);
int wire_get_bin(struct wire_cursor *c, const void **ret, size_t *ret_len);
int wire_get_array(struct wire_cursor *c, uint32_t *ret_count);
int wire_get_map(struct wire_cursor *c, uint32_t *ret_count);

/* Copies a str into `out` with a NUL: 0, -EPROTO (not a str, or it holds a
 * NUL byte), -EMSGSIZE (longer than cap - 1). The cursor moves only on 0. */
int wire_get_cstr(struct wire_cursor *c, char *out, size_t cap);

/* Moves behind the next object, whatever it is (0 or -EPROTO at the end). */
int wire_skip(struct wire_cursor *c);

/* Looks up `key` in the map at `*c` without moving it; on 0 `*ret` stands at
 * the value. -EPROTO: not a map; -ENOENT: no such key. */
int wire_map_find(
    const struct wire_cursor *c, const char *key, struct wire_cursor *ret);

/* Writers. Errors stick in the buffer (buf_error). */
void wire_put_nil(struct buf *b);
void wire_put_bool(struct buf *b, bool v);
void wire_put_uint(struct buf *b, uint64_t v);
void wire_put_int(struct buf *b, int64_t v);
void wire_put_double(struct buf *b, double v);
void wire_put_str(struct buf *b, const char *s); /* NULL writes nil */
/* Invalid UTF-8 in s is replaced by U+FFFD, so what we send validates. */
void wire_put_strn(struct buf *b, const char *s, size_t len);
void wire_put_bin(struct buf *b, const void *p, size_t len);
void wire_put_array(struct buf *b, uint32_t count);
void wire_put_map(struct buf *b, uint32_t pairs);
/* Appends one already encoded object. */
void wire_put_raw(struct buf *b, const void *p, size_t len);

#endif
