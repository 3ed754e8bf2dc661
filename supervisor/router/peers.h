/*
 * peers: the incarnations that the core has told of, by their serial, and
 * what it says about them. A malformed message of the core is ignored: both
 * are of one build.
 */
#ifndef ROUTER_PEERS_H
#define ROUTER_PEERS_H

#include "common/frame.h"

struct event_base;

/* Once. 0 or -1. */
int peers_init(struct event_base *base);

/* Of 1xx in common/msgs.def. */
void peers_attach(struct frame *f);
void peers_policy(struct frame *f);
void peers_spawned(struct frame *f);
void peers_detach(struct frame *f);
void peers_command(struct frame *f);
void peers_count(struct frame *f);

/* Whether one of that name, or of that name:instance, is linked. */
bool peers_is_up(const char *name, size_t len);

#endif
