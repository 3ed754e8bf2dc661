/*
 * routercalls: what plugins do with calls, for fuzz_router: they offer methods,
 * call, cancel, serve, answer and ask who offers what.
 *
 * Promises: what goes to a plugin is what it is to execute or what its calls
 * came to, in frames of which few are unanswered; a call that was made comes to
 * one end at most, and to none once it was cancelled before anything was said,
 * or the connection was lost; what is counted is what there is.
 */
#ifndef TESTS_FUZZ_ROUTERCALLS_H
#define TESTS_FUZZ_ROUTERCALLS_H

#include "routersay.h"

struct peer;

/* Says it on command.sock of that slot, and takes a turn. The target has it. */
void router_answer(unsigned slot, const struct buf *b);

/* Begins an input. */
void routercalls_reset(void);
/* A frame on command.sock; false: it has nothing to do with calls. */
bool routercalls_heard(const struct peer *p, const struct frame *f);
/* After a turn. */
void routercalls_check(const struct peer *p);

step_fn routercalls_register;
step_fn routercalls_unregister;
step_fn routercalls_call;
step_fn routercalls_cancel;
step_fn routercalls_result;
step_fn routercalls_answer;
step_fn routercalls_discover;
step_fn routercalls_core;
step_fn routercalls_frame;

#endif
