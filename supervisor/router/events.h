/*
 * events: from those who publish to those who subscribe. A number, `seq`, is
 * given to each event, in the order in which they come in; who hears it is
 * decided by its topic (subs.h) and its target.
 */
#ifndef ROUTER_EVENTS_H
#define ROUTER_EVENTS_H

#include "common/frame.h"

struct outlet_run;
struct peer;
struct peer_request;

/* Each: FRAME_OK, or what is wrong with it; FRAME_MALFORMED is a strike.
 * PEER_LATER: peer_answer follows, or was called. */
int events_publish(struct peer_request *q);
int events_subscribe(struct peer_request *q);
int events_unsubscribe(struct peer_request *q);
int events_acknowledge(struct peer_request *q);

/* The supervisor's own: MSG_SYSTEM_EVENT. */
void events_system(struct frame *f);
/* How many are kept for those who subscribe later: MSG_RETAIN. */
void events_retain(struct frame *f);
/* Whether a peer whose subscription matches them is to hear events that have
 * one target; not its own, nor what was meant for another. */
bool events_are_for(const struct peer *to, const struct outlet_run *run);
/* One of the router's, in the supervisor's name; `data` is one object. */
void events_own(const char *topic, const void *data, size_t len);
/* A peer that subscribes has begun to lose events. */
void events_tell_slow(const struct peer *p);

/* How many were published, the supervisor's as well. */
uint64_t events_count(void);

/* Those whom it kept waiting need not know any more. */
void events_forget(struct peer *p);

#endif
