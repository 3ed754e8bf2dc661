/*
 * publish: events on their way out: batched, kept until the router has them,
 * sent again after a reconnect. A batch leaves when nothing else is under way,
 * or when it is full.
 */
#ifndef SDK_PUBLISH_H
#define SDK_PUBLISH_H

#include "outbox.h"

#include "common/buf.h"
#include "common/topic.h"

#include <plugind.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PUBLISH_WINDOW = 8,         /* batches under way */
	PUBLISH_BATCH = 128 * 1024, /* bytes; then it is full */
	PUBLISH_EVENT_MAX = 1024 * 1024,
};

struct publish_batch {
	uint64_t id; /* of its frame; 0: answered */
	uint32_t n;  /* events */
	size_t head; /* bytes before the first of them */
	bool was_sent;
	struct buf frame;
};

struct publish {
	/* A ring: from `first` on `n` are under way, the next one is open. */
	struct publish_batch ring[PUBLISH_WINDOW + 1];
	size_t first;
	size_t n;
	struct plugind *p;
	bool is_full;    /* somebody was told -EAGAIN */
	bool is_held_up; /* nothing leaves until publish_resend */
	plugind_writable_fn *writable;
	void *writable_arg;
	plugind_published_fn *published;
	void *published_arg;
	/* The last one that was looked at and found good. */
	char topic[TOPIC_MAX];
	size_t topic_len;
};

struct publish_event {
	const char *topic;
	size_t topic_len;
	const char *target; /* NULL: all */
	const void *data;
	size_t len;
};

void publish_init(struct publish *q, struct plugind *p);
void publish_fini(struct publish *q);

/* The answer to one that is under way; false: to something else. */
bool publish_acknowledge(
    struct publish *q, const struct frame *f, uint64_t code);
/* The router has no room for one: nothing overtakes it. */
void publish_busy(struct publish *q);
/* All that is under way, in order; `is_anew`: on a new connection, so that some
 * may arrive twice. */
void publish_resend(struct publish *q, bool is_anew);
/* Nothing is under way. */
bool publish_is_empty(const struct publish *q);

#endif
