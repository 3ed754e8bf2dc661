/*
 * brake: one plugin's share of the router for what was kept. A request of a few
 * bytes may ask for all of it; who asks again soon is served later, in order,
 * so that a plugin that does so without end leaves nine tenths to others.
 */
#ifndef ROUTER_BRAKE_H
#define ROUTER_BRAKE_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct peer;
struct peer_request;

/* The part of a peer that has to do with it. */
struct peer_brake {
	STAILQ_HEAD(, braked) waiting;
	size_t n;
	bool is_running; /* the first of them is being served */
	int64_t until_ms;
	struct event event;
};

void brake_open(struct peer *p, struct event_base *loop);
/* Nobody waits for the answers any more. Again is fine. */
void brake_forget(struct peer *p);

/* It has been served what was kept, which took so long. */
void brake_pause(struct peer *p, int64_t took_us);

/* A subscription or its end, checked: FRAME_OK, it is served now. Or a code as
 * of a handler: it waits, and so do those behind it. Copies. */
int brake_hold(struct peer_request *q, bool wants_kept);

#endif
