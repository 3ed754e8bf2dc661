/*
 * batch: records on their way to the other side, many in a frame:
 *
 *     [version, type, id, [[record, ...]]]
 *
 * A frame leaves at once when none is unanswered; what comes meanwhile gathers
 * in the next one, so that a frame grows with the load and a lone record never
 * waits. Full ones leave while fewer than BATCH_WINDOW are unanswered. (With
 * frames that always leave while there is room in the window, calls are half as
 * many a second, and each takes longer.) Nothing is ever sent twice.
 */
#ifndef COMMON_BATCH_H
#define COMMON_BATCH_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
	BATCH_WINDOW = 4,
	BATCH_FRAME = 64 * 1024, /* a frame is closed beyond it */
	BATCH_RECORD_MAX = 1024 * 1024,
};

struct batch_frame;
TAILQ_HEAD(batch_frames, batch_frame);

/* 0, or a negative errno: it cannot be sent now. */
typedef int batch_send_fn(void *arg, const void *data, size_t len);

struct batch {
	unsigned type; /* of its frames */
	batch_send_fn *send;
	void *arg;
	struct batch_frames waiting;
	size_t bytes; /* that wait */
	size_t limit;
	unsigned unanswered;
	uint64_t last_id; /* of the frame that what was put last is in */
};

/* `limit`: bytes that may wait. */
void batch_init(struct batch *b, unsigned type, size_t limit,
    batch_send_fn *send, void *arg);

/* Forgets what waits and what is unanswered: the connection has gone. The way
 * to free it, too. */
void batch_reset(struct batch *b);

/* Takes a copy of one encoded object, and sends what may leave. 0; -EAGAIN
 * (too much waits), -EMSGSIZE, -ENOMEM: it was not taken. With `urgent` the
 * limit is not looked at. */
int batch_put(struct batch *b, const void *record, size_t len, bool urgent);

/* Sends what may leave: there is a connection (again). */
void batch_flush(struct batch *b);
/* One of its frames was answered. */
void batch_answered(struct batch *b);

bool batch_is_empty(const struct batch *b); /* nothing waits */

#endif
