/*
 * outlet: events on their way to one plugin: batched into frames, numbered,
 * kept until they are acknowledged, sent again when the connection was lost.
 *
 * At most OUTLET_WINDOW frames, or OUTLET_WINDOW_BYTES, are under way. What
 * comes meanwhile is batched. Beyond its limits the oldest that was not sent
 * is dropped, and a gap says so in its place. A frame that is not full leaves
 * when nothing else is under way, so a lone event never waits.
 *
 * One that blocks drops nothing as long as it keeps up: who publishes holds a
 * ticket, which is done when all that it stands for has arrived. If that takes
 * longer than block_ms, or four times its limits wait, it drops like the
 * others, until it has caught up.
 */
#ifndef ROUTER_OUTLET_H
#define ROUTER_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;

enum {
	OUTLET_WINDOW = 64,
	OUTLET_WINDOW_BYTES = 4 * 1024 * 1024,
	OUTLET_BATCH = 128 * 1024, /* a frame is closed beyond it */
};

struct outlet;

/* Held by one who waits until events have arrived. */
struct outlet_ticket {
	unsigned pending;                      /* frames, of all outlets */
	void (*done)(struct outlet_ticket *t); /* pending has become 0 */
};

struct outlet_limits {
	uint64_t events; /* that wait, sent or not */
	uint64_t bytes;
	bool blocks;
	int64_t block_ms;
};

struct outlet_options {
	const char *epoch; /* static */
	struct event_base *base;
	/* Hands a frame, which is `head` and `body`, to the connection; what
	 * fails is sent again by outlet_resend. */
	void (*send)(void *arg, const void *head, size_t head_len,
	    const void *body, size_t len);
	/* It has begun to drop although it blocks; from the loop. */
	void (*slow)(void *arg);
	void *arg;
};

/* Consecutive events of one publisher. */
struct outlet_run {
	const char *source;
	uint64_t time_ms;  /* Unix */
	uint64_t seq;      /* of the first; the others follow */
	const void *trace; /* one msgpack object */
	size_t trace_len;
	bool again; /* it may have been delivered by an earlier router */
	const void *events; /* msgpack objects, one behind the other */
	size_t len;
	uint32_t n;
	uint64_t wish; /* of those from before a subscription: its mark */
};

/* With limits of 0: outlet_limit comes first. 0 or -ENOMEM. */
int outlet_new(const struct outlet_options *options, struct outlet **ret);
/* Its tickets are done. NULL is fine. */
void outlet_free(struct outlet *o);
void outlet_limit(struct outlet *o, const struct outlet_limits *limits);

/* Takes a copy, which leaves with outlet_flush. What there is no memory for is
 * a gap. `t` (NULL: none) is held if the outlet blocks. */
void outlet_put(
    struct outlet *o, const struct outlet_run *run, struct outlet_ticket *t);
/* Up to here there was what a subscription has asked for: frames that begin
 * behind this say so, and one follows, if only to say it. */
void outlet_mark(struct outlet *o, uint64_t wish);
/* Whether that was said of this one, or of one after it. */
bool outlet_is_marked(const struct outlet *o, uint64_t wish);
/* Says, in this place, that some events before a subscription are missing;
 * those from `from` to `to`, or 0: nobody knows. */
void outlet_put_missing(
    struct outlet *o, uint64_t wish, uint64_t from, uint64_t to);
/* Sends what may leave now. */
void outlet_flush(struct outlet *o);

/* All up to frame `no` have arrived. -EBADMSG: there is no such frame. */
int outlet_acknowledge(struct outlet *o, uint64_t no);
/* On a new connection: all that was sent is sent again. */
void outlet_resend(struct outlet *o);

struct outlet_report {
	uint64_t delivered; /* events, acknowledged */
	uint64_t dropped;
	size_t waiting; /* events that are not acknowledged */
	size_t bytes;
};
void outlet_report(const struct outlet *o, struct outlet_report *ret);

#endif
