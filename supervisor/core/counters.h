/*
 * counters: what the router has counted of each incarnation on the bus. It is
 * asked when somebody looks, and at no other time.
 */
#ifndef CORE_COUNTERS_H
#define CORE_COUNTERS_H

#include "common/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* Of one incarnation, since the router or it began. */
struct counters {
	uint64_t serial;    /* 0: of the whole router */
	uint64_t published; /* events */
	uint64_t received;
	uint64_t called; /* calls that it made */
	uint64_t served; /* results that it gave */
	uint64_t dropped;
	uint64_t queue; /* events that it has not acknowledged */
	uint64_t bytes; /* of these */
	uint64_t limit; /* events that may wait; of the router: 0 */
};

/* Asks, unless an answer is due anyhow: the number of the answer to wait for;
 * 0: there is no router. held_wake is called when it has come, or never will. */
uint64_t counters_ask(void);
/* That answer, or a later one, has come; false, too, when its router is gone. */
bool counters_have(uint64_t number);
/* Whether there is something to wait for. */
bool counters_are_due(uint64_t number);
/* Of the last answer; NULL: the router did not know it. */
const struct counters *counters_find(uint64_t serial);

/* From the router, and about it; false: a message of another kind. */
bool counters_take(const struct frame *f);
void counters_router_lost(void);

#endif
