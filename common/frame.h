/*
 * frame: the body of every message between core, router, plugins and
 * clients:
 *
 *     [version, type, id, [argument, ...]]
 *
 * `type` is a number of msgs.def. An answer has the type and id of what it
 * answers and the arguments [code, ...]; what follows a code other than
 * FRAME_OK is a sentence. Trailing arguments that a reader does not know are
 * skipped; those it misses are absent (frame_next returns false).
 */
#ifndef COMMON_FRAME_H
#define COMMON_FRAME_H

#include "common/wire.h"

#include <stdint.h>

enum frame_code {
	FRAME_OK,
	FRAME_REFUSED,        /* hello: this incarnation is not welcome */
	FRAME_HELLO_REQUIRED, /* nothing before hello */
	FRAME_UNKNOWN_TYPE,
	FRAME_BUSY, /* too many unanswered */
	FRAME_MALFORMED,
	FRAME_DENIED, /* events and calls that its configuration forbids */
	FRAME_CODE__COUNT
};

/* What a command came to, in an outcome. */
enum frame_outcome {
	OUTCOME_OK,
	OUTCOME_FAILED,
	OUTCOME_DEGRADED, /* health only: works, with a text */
	OUTCOME_CONFIG,   /* initialize, configure: `data` lists errors */
	FRAME_OUTCOME__COUNT
};

/* What came of a call. */
enum frame_call {
	CALL_OK,
	CALL_FAILED,      /* the method says so */
	CALL_UNAVAILABLE, /* no such plugin, or not running */
	CALL_DENIED,
	CALL_UNKNOWN_METHOD,
	CALL_BUSY,
	CALL_TIMEOUT, /* these two may have been executed */
	CALL_LOST,
	FRAME_CALL__COUNT
};

struct frame {
	uint64_t type;
	uint64_t id;
	uint32_t nargs;          /* arguments left to read */
	struct wire_cursor args; /* at the next argument */
};

/* Validates all of it and reads the head; the cursor borrows `data`. 0;
 * -EBADMSG: not a frame; -EPROTO: one of another version, the head is filled
 * in all the same. */
int frame_parse(const void *data, size_t len, struct frame *ret);
/* The same, for a frame of fewer levels than WIRE_MAX_DEPTH. */
int frame_parse_depth(
    const void *data, size_t len, unsigned max_depth, struct frame *ret);

/* True when there is one more argument, which the cursor then stands at and
 * the caller must read or skip. */
bool frame_next(struct frame *f);

/* Readers of the next argument: 0, -ENODATA (there is none, or it is nil,
 * which is then behind us; *ret untouched) or -EBADMSG (of another type, or
 * longer than cap - 1; the frame stays where it is). */
int frame_uint(struct frame *f, uint64_t *ret);
int frame_str(struct frame *f, char *out, size_t cap);
int frame_bin(struct frame *f, const void **ret, size_t *ret_len);
/* Any object, nil too, as its bytes; the way to skip one. */
int frame_raw(struct frame *f, const void **ret, size_t *ret_len);

/* Starts a frame of `nargs` arguments, which the caller appends. */
void frame_put(struct buf *b, uint64_t type, uint64_t id, uint32_t nargs);
/* A whole one; `args` is one encoded array. */
void frame_put_args(
    struct buf *b, uint64_t type, uint64_t id, const void *args, size_t len);

#endif
