/*
 * hold: publishers wait after a router's restart, until the subscribers that
 * block have subscribed again: nobody knows before which events are theirs.
 */
#ifndef ROUTER_HOLD_H
#define ROUTER_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct peer;

/* Once. 0 or -1. */
int hold_init(struct event_base *base);

/* One that the core has told of, with its policy: awaited if it is older than
 * this router, and publishers with it if it blocks. */
void hold_await(struct peer *p);
/* It has subscribed to all that it wants, or will not any more. */
void hold_release(struct peer *p);
/* The core has told of all who are older than this router. */
void hold_told_all(void);

/* Nobody may publish now. */
bool hold_is_on(void);

#endif
