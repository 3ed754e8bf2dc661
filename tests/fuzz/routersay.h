/*
 * routersay: what the core says to the router, for fuzz_router. Most steps
 * begin with a byte `how`: 1 keeps the loop from its turn, more cuts the bytes
 * in two, with a turn between.
 */
#ifndef TESTS_FUZZ_ROUTERSAY_H
#define TESTS_FUZZ_ROUTERSAY_H

#include "routercore.h"
#include "script.h"

#include "common/frame.h"

enum {
	SLOTS = 3,
	UID = 1000,
	PID = 100, /* of slot 0; its session has all from 100 to 109 */
	GONE_MAX = 64,
};

/* Turns of the loop until nothing happens any more, and all checks: the
 * target has it. */
void router_turn(void);

/* Begins an input. */
void routersay_reset(void);
/* Which incarnation a step is about. */
unsigned routersay_slot(struct script *s);
/* Starts a frame; buf_fini. */
void routersay_begin(struct buf *b, unsigned type, uint64_t id, uint32_t nargs);
/* Says it by the link, takes a turn, and frees. */
void routersay_frame(struct buf *b);

typedef void step_fn(struct script *s);

step_fn routersay_attach;
step_fn routersay_spawned;
step_fn routersay_detach;
step_fn routersay_command;
step_fn routersay_command_args;
step_fn routersay_ping;
step_fn routersay_link_frame;
step_fn routersay_link_bytes;
step_fn routersay_churn;
step_fn routersay_link_end;

#endif
