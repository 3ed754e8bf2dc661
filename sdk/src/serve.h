/*
 * serve: the methods that this plugin offers, and the calls that it executes.
 */
#ifndef SDK_SERVE_H
#define SDK_SERVE_H

#include "call.h"
#include "writer.h"

#include "common/batch.h"
#include "common/frame.h"

#include <plugind.h>
#include <stdatomic.h>
#include <sys/queue.h>

struct method;

/* How far a call is; under the lock of the pool. */
enum serve_state {
	SERVE_RUNS,
	SERVE_LATER,      /* its method has returned, and it goes on */
	SERVE_DONE_EARLY, /* its method runs, and it is done */
};

struct plugind_call {
	TAILQ_ENTRY(plugind_call) link;   /* of those under way */
	TAILQ_ENTRY(plugind_call) queued; /* in the pool */
	struct plugind *p;
	uint64_t op; /* the router's */
	uint64_t connection;
	char method[CALL_METHOD_MAX + 1];
	char source[CALL_NAME_MAX + 1];
	int64_t late_ms; /* clock_mono_ms */
	plugind_method_fn *fn;
	void *arg;
	const uint8_t *args; /* borrowed, or behind this struct */
	size_t len;
	const char *trace;
	size_t trace_len;
	struct config *map; /* once somebody has asked for it */
	struct plugind_writer result;
	char *text; /* why it fails; NULL: not said */
	enum serve_state state;
	int outcome; /* what the method came to */
	atomic_bool is_cancelled;
};

TAILQ_HEAD(call_queue, plugind_call);

struct serve {
	struct plugind *p;
	TAILQ_HEAD(, method) methods;
	struct call_queue all;
	unsigned n;
	struct batch results;
	uint64_t connection;
};

void serve_init(struct serve *s, struct plugind *p);
void serve_fini(struct serve *s);

/* Tells the router what is offered: nothing, unless the plugin is running. */
void serve_announce(struct serve *s, bool is_anew);
/* The router could not take one: they are all said again. */
void serve_busy(struct serve *s);
/* The plugin stops: nothing is offered any more. */
void serve_withdraw(struct serve *s);
/* What was under way has nobody to hear of it. */
void serve_unlinked(struct serve *s);
/* All results have arrived. */
bool serve_is_empty(const struct serve *s);

/* The answer to a frame of its own; false: to something else. */
bool serve_acknowledge(struct serve *s, const struct frame *f, uint64_t code);

/* MSG_SERVE. False: it cannot be read. */
bool serve_take_calls(struct serve *s, struct wire_cursor calls);

/* Executes it, on any thread: true when it is over, with c->outcome. */
bool serve_run(struct plugind_call *c);
/* Sends the result of one that is over, and frees it. Main thread. */
void serve_finish(struct plugind_call *c);

#endif
