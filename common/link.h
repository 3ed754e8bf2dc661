/*
 * link: frames between the core and the router over one socketpair, each
 * after its length (u32, big endian). Both ends are ours and of one build; a
 * malformed stream ends the link, no strikes.
 *
 * Never blocks: what the peer does not read is kept, up to LINK_QUEUE_MAX
 * bytes; beyond that link_send fails and the caller ends the peer.
 */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include "common/buf.h"
#include "common/frame.h"

struct event_base;
struct link;

enum {
	LINK_FRAME_MAX = 2 * 1024 * 1024,
	LINK_QUEUE_MAX = 8 * 1024 * 1024,
};

struct link_ops {
	/* One frame; borrowed until it returns. link_free may be called from
	 * it. */
	void (*frame)(void *arg, struct frame *f);
	/* The other end is gone, or sent nonsense. Once, and never from
	 * within link_send; link_free may be called from it. */
	void (*end)(void *arg, const char *why);
};

/* Takes over `fd`, a stream socket, also when it fails. 0 or -ENOMEM. */
int link_new(struct event_base *base, int fd, const struct link_ops *ops,
    void *arg, struct link **ret);
void link_free(struct link *l); /* NULL is fine */

/* Queues a copy of the frame in `b`. 0, -EMSGSIZE, -ENOBUFS
 * (LINK_QUEUE_MAX), -EPIPE (it has ended) or -ENOMEM; b's own error too. A
 * peer that is gone is a SIGPIPE: ignore it. */
int link_send(struct link *l, const struct buf *b);

/* Hands over what has arrived by now, as the loop would in its next turn. Not
 * from within a callback of this link; both callbacks may come. */
void link_catch_up(struct link *l);

#endif
