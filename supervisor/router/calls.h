/*
 * calls: from those who call to those who serve, and what came of it back. A
 * call is on its way once, whatever happens: one whose fate is not known is
 * lost, and its caller is told.
 */
#ifndef ROUTER_CALLS_H
#define ROUTER_CALLS_H

#include "common/batch.h"
#include "common/frame.h"

#include <sys/queue.h>

struct call;
struct event_base;
struct peer;
struct peer_request;

enum {
	CALLS_MADE_MAX = 4096,   /* under way, of one caller */
	CALLS_FRAME_MAX = 16384, /* elements of one frame */
	CALLS_SERVED_MAX = 4096,
	CALLS_BYTES = 8 * 1024 * 1024, /* that wait for one peer */
	CALLS_DEFAULT_MS = 30000,
	CALLS_LATE_MS = 1000, /* the caller counts, too, and first */
};

LIST_HEAD(call_list, call);

/* The part of a peer that has to do with calls. */
struct peer_calls {
	struct call_list made;
	struct call_list serving;
	unsigned nmade;
	unsigned nserving;
	uint64_t served; /* ever */
	/* For people who look: */
	uint64_t called;   /* calls of it that were put on their way */
	uint64_t answered; /* results that it gave, and somebody awaited */
	struct batch serve;
	struct batch returns;
};

int calls_init(struct event_base *base);

void calls_open(struct peer *p);
/* It is not linked any more: what it made is forgotten, what it served is
 * lost. */
void calls_unlink(struct peer *p);
/* Requests of a plugin: as in events.h. */
int calls_call(struct peer_request *q);
int calls_result(struct peer_request *q);

/* An answer on command.sock, and its code; false: it is to something else. The
 * calls of a frame that was refused are lost. */
bool calls_answered(struct peer *p, const struct frame *f, uint64_t code);

/* What came of a call to the supervisor: MSG_CORE_RESULT. */
void calls_core_result(struct frame *f);

#endif
