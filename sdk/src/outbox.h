/*
 * outbox: what the daemon must hear and has not yet acknowledged, one frame a
 * slot. A frame that was lost with its pipe is sent again after the next
 * hello; it keeps its id, so that an acknowledgement counts for both.
 */
#ifndef SDK_OUTBOX_H
#define SDK_OUTBOX_H

#include "common/buf.h"
#include "common/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outbox_slot {
	OUTBOX_LIFE,   /* outcome of initialize, start, configure or stop */
	OUTBOX_HEALTH, /* outcome of health */
	OUTBOX_STATUS, /* told unasked */
	OUTBOX_SLOT__COUNT
};

/* An outcome at its longest: a text and a list of configuration errors. */
enum { OUTBOX_FRAME_MAX = 72 * 1024 };

/* Sends one frame on hub.sock: 0, or a negative errno and it was not sent.
 * The acknowledgement may come from within. */
typedef int outbox_send_fn(void *arg, const void *data, size_t len);

struct outbox {
	struct outbox_entry {
		struct buf frame;
		uint64_t id; /* of the frame; 0: nothing was ever put */
		unsigned type;
		bool waiting; /* for its acknowledgement */
	} entries[OUTBOX_SLOT__COUNT];
	uint64_t last_id;
	outbox_send_fn *send;
	void *arg;
};

void outbox_init(struct outbox *o, outbox_send_fn *send, void *arg);
void outbox_fini(struct outbox *o);

/* An id for a frame that does not go through here (hello). */
uint64_t outbox_new_id(struct outbox *o);

/* Starts the frame of a slot, in place of what it held: the caller appends
 * `nargs` arguments to what this returns and calls outbox_post. */
struct buf *outbox_begin(
    struct outbox *o, enum outbox_slot slot, unsigned type, uint32_t nargs);
/* 0; -ENOMEM or -EMSGSIZE and the slot is empty. Whether it could be sent
 * just now is not the caller's worry. */
int outbox_post(struct outbox *o, enum outbox_slot slot);

/* The same once more, acknowledged or not. */
void outbox_repeat(struct outbox *o, enum outbox_slot slot);

/* Everything that is unacknowledged. */
void outbox_resend(struct outbox *o);

/* Takes the acknowledgement `f` (of that type and id) into account. */
void outbox_acknowledge(struct outbox *o, const struct frame *f);

bool outbox_is_waiting(const struct outbox *o, enum outbox_slot slot);
bool outbox_is_empty(const struct outbox *o); /* no slot waits */

#endif
