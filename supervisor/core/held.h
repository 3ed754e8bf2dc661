/*
 * held: requests whose answer has to wait for something to change: long polls.
 */
#ifndef CORE_HELD_H
#define CORE_HELD_H

#include "request.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;

/* `after` is called when all were looked at. */
int held_init(struct event_base *base, void (*after)(void));
void held_fini(void);

/* Takes a request that a handler holds, as a copy; its `reply` is called when
 * it is answered. -ENOMEM: it was not taken. */
int held_keep(const struct request *req);
/* Forgets those of one connection; NULL: those of plugins. */
void held_drop(const struct conn *c);
/* Whether one of that connection with that trace is there. */
bool held_has(const struct conn *c, const void *trace, size_t len);

/* Something changed that one may wait for: looks at all of them once, later in
 * this turn of the loop. Cheap when nobody waits. */
void held_wake(void);

#endif
