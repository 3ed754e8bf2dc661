/*
 * peerbus: the part of a peer that has to do with events: what waits for it,
 * what it may do.
 */
#ifndef ROUTER_PEERBUS_H
#define ROUTER_PEERBUS_H

#include "common/frame.h"

struct event_base;
struct peer;

/* 0 or -ENOMEM. */
int peerbus_open(struct peer *p, struct event_base *loop);
/* It hears and says nothing any more. Again is fine. */
void peerbus_close(struct peer *p);
/* Of MSG_POLICY, behind its serial. */
void peerbus_set_policy(struct peer *p, struct frame *f);

#endif
