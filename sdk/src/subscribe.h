/*
 * subscribe: which events the plugin wants, and those that come.
 */
#ifndef SDK_SUBSCRIBE_H
#define SDK_SUBSCRIBE_H

#include "common/frame.h"
#include "common/topic.h"

#include <plugind.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct config;
struct event;
struct subscription;

enum {
	SUBSCRIBE_SOURCE_MAX = 80,
	SUBSCRIBE_EPOCH_MAX = 17,
	SUBSCRIBE_ID_MAX = SUBSCRIBE_EPOCH_MAX + 21, /* "EPOCH:SEQ" */
};

/* The event that is handed over. */
struct plugind_event {
	char topic[TOPIC_MAX + 1];
	size_t topic_len;
	uint64_t topic_no; /* another one each time the topic changes */
	char source[SUBSCRIBE_SOURCE_MAX];
	char target[SUBSCRIBE_SOURCE_MAX]; /* "": all */
	const char *epoch;
	bool is_own;
	bool is_again;
	bool is_retained;
	char id[SUBSCRIBE_ID_MAX]; /* once somebody has asked for it */
	uint64_t seq;
	int64_t time_ms;
	const uint8_t *data;
	size_t len;
	const char *trace;  /* borrowed */
	size_t trace_len;   /* 0: none */
	struct config *map; /* once somebody has asked for it */
};

struct subscribe {
	struct plugind *p;
	TAILQ_HEAD(, subscription) all;
	bool is_handing_over; /* what is withdrawn is freed later */
	struct plugind_event event;
	char router[SUBSCRIBE_EPOCH_MAX]; /* that has said welcome */
	char epoch[SUBSCRIBE_EPOCH_MAX];  /* of the last frame */
	unsigned epochs;                  /* how many there were */
	uint64_t mark;    /* wishes up to it are met in this frame */
	uint64_t last_no; /* of a frame of that epoch */
	uint64_t acked_no;
	uint64_t said_id;   /* of what says "these were all"; 0: not sent */
	bool owes_gap;      /* the router was replaced, and nobody was told */
	struct event *idle; /* acknowledges when all is read */
	plugind_gap_fn *gap;
	void *gap_arg;
	bool is_behind; /* what was before may not have come yet, for some */
	plugind_caught_up_fn *caught_up;
	void *caught_up_arg;
};

/* 0 or -ENOMEM; subscribe_fini in any case. */
int subscribe_init(struct subscribe *s, struct plugind *p);
void subscribe_fini(struct subscribe *s);

/* Of the router that has accepted us. */
void subscribe_welcome(struct subscribe *s, const char *epoch);
/* What the router does not know; `is_anew`, on a new connection: all. */
void subscribe_resend(struct subscribe *s, bool is_anew);
/* This request of it was not taken, and is said again with the others. */
void subscribe_busy(struct subscribe *s, uint64_t id);
/* The answer to what it was told; false: to something else. */
bool subscribe_acknowledge(
    struct subscribe *s, const struct frame *f, uint64_t code);

/* A message of events.sock; false: it cannot be read. */
bool subscribe_take(struct subscribe *s, const void *data, size_t len);

#endif
