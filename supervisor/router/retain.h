/*
 * retain: the last events of each topic, for those who subscribe later.
 *
 * Bounded three ways: events of one topic, bytes of all of them together (and
 * of one: a sixteenth), topics. Where there are too many, the topic that was
 * silent for the longest time goes; those of the supervisor are the last. What
 * is no longer held is remembered as far as is needed to say so.
 */
#ifndef ROUTER_RETAIN_H
#define ROUTER_RETAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlet_run;

enum { RETAIN_TOPICS = 4096 };

struct retain_limits {
	uint64_t events; /* of a topic; 0: nothing is kept */
	uint64_t bytes;  /* of memory, for all */
};

/* At first nothing is kept. What is too much goes at once. `seq` is that of
 * the last event that there was. */
void retain_limit(const struct retain_limits *limits, uint64_t seq);

/* Takes a copy of consecutive events of one topic, which is the supervisor's
 * own or not. Without memory for it they are not held, and that is known. */
void retain_put(const char *topic, size_t topic_len, bool is_own,
    const struct outlet_run *run);

struct retain_query {
	const char *pattern;
	size_t pattern_len;
	uint64_t last_seq;  /* of all that there were */
	uint64_t after_seq; /* those behind it */
	/* Not 0: by the publisher's clock, as events carry it. */
	uint64_t since_ms;
	/* Gets them by their numbers; borrows until it returns. */
	void (*fn)(void *arg, const struct outlet_run *run);
	void *arg;
};

/*
 * Whether all is held that a query asks for, as far as is known, or the last
 * number of one that may be missing (0: not known either).
 */
bool retain_has_all(const struct retain_query *q, uint64_t *ret_last);

/* 0 or -ENOMEM, and nothing was handed over. */
int retain_find(const struct retain_query *q);

struct retain_report {
	size_t topics;
	uint64_t events; /* some of them beyond the limit, and never shown */
	size_t bytes;
	uint64_t dropped; /* events that had to go */
	struct retain_limits limits;
};
/* For tests and, one day, for people: nothing shows it yet. */
void retain_report(struct retain_report *ret);

#endif
