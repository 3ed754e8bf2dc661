/*
 * routercore: the core's end of the router's link, for fuzz_router: writes
 * what the target wants, hears what the router says, and knows what it may
 * say: nothing that is no frame of its table, nothing about an incarnation
 * that is not attached, and of each: up and down by turns, one violation and
 * then no more than down.
 */
#ifndef TESTS_FUZZ_ROUTERCORE_H
#define TESTS_FUZZ_ROUTERCORE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* An incarnation that the router was told of. */
struct known {
	TAILQ_ENTRY(known) link;
	uint64_t serial;
	bool is_up;
	bool is_violator;
	uint32_t greeted;   /* the pipe whose hello was accepted */
	unsigned long told; /* bytes that came of what its plugin said */
};

/* A link, and the router's end of it: core_init. */
void routercore_begin(struct event_base *base);
/* Closes it; the router was told to detach everything. */
void routercore_end(struct event_base *base);

void routercore_write(const void *data, size_t len);
/* The loop has something to do for the link. */
bool routercore_is_due(void);
/* The core goes; what it has written is read before. */
void routercore_close(void);
/* Reads what the link brings; true if that was anything. */
bool routercore_drain(void);
/* After a turn: the router has got each frame that is whole, and its link has
 * ended if and only if it should. */
void routercore_check(void);
/* The link has ended, and with it the router. */
bool routercore_is_over(void);

struct known *routercore_find(uint64_t serial);
struct known *routercore_first(void);

/* What was heard since routercore_begin. */
struct routercore_heard {
	unsigned messages, outcomes, pongs;
	uint64_t ping; /* the last number that the router was asked */
};
const struct routercore_heard *routercore_heard(void);

#endif
