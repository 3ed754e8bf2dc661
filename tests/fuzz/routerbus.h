/*
 * routerbus: what plugins do on the bus, for fuzz_router: they publish and
 * subscribe, with and without what was before, and acknowledge.
 *
 * Promises: a frame of events is one, in each part; the numbers of events grow,
 * those of the usual kind and those of each wish; that something is missing is
 * said in front of what is not; frames with what was before say which wishes
 * are met; what is retained stays within its limits.
 */
#ifndef TESTS_FUZZ_ROUTERBUS_H
#define TESTS_FUZZ_ROUTERBUS_H

#include "routersay.h"

struct peer;

/* Says it on hub.sock of that slot, takes a turn, and frees: the target has
 * it. */
void router_tell(unsigned slot, struct buf *b);
/* Of a slot; NULL: there is none. The target has it. */
const struct peer *router_peer(unsigned slot);

/* Begins an input. */
void routerbus_reset(void);
/* Something on events.sock. */
void routerbus_heard(const struct peer *p, const void *data, size_t len);
/* After a turn. */
void routerbus_check(void);

step_fn routerbus_policy;
step_fn routerbus_retain;
step_fn routerbus_publish;
step_fn routerbus_subscribe;
step_fn routerbus_acknowledge;
step_fn routerbus_frame;

#endif
