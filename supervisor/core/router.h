/*
 * router: what the core has to do with plugind-router: its row, the link to
 * it, and the pings that tell whether it is still of use. Expendable: it is
 * killed on the first doubt.
 */
#ifndef CORE_ROUTER_H
#define CORE_ROUTER_H

#include "table.h"

#include "common/buf.h"

struct event_base;

enum {
	ROUTER_SETTLE_MS = 10000, /* for links to come up after its start */
	ROUTER_SILENCE_MS = 1000, /* in which plugins miss together */
};

int router_init(struct event_base *base);
void router_fini(void);

/* Around a spawn of the router's row, as managed_begin and managed_end. */
int router_begin(struct row *row, int *ret_gift);
void router_spawned(struct row *row);
void router_end(struct row *row);

/* False when there is no router now, or it does not read any more. */
bool router_send(const struct buf *frame);

/* The newest configuration says what it retains. */
void router_follow(void);

/* What it has said by now is heard before whatever else this turn brings: a
 * plugin's last words are on their way when its exit is. Not from within
 * managed_take. */
void router_catch_up(void);

/* Sees to it that a ping is sent soon. */
void router_poke(void);
/* It has answered a ping that was sent after `since_ms` (monotonic). */
bool router_answered_since(int64_t since_ms);
/* Milliseconds since its start, or -1. */
int64_t router_age_ms(void);
/*
 * A plugin did not answer in time, and has not been noted for a second: when
 * most of those that are linked do not, it may not be they, and the router is
 * replaced. Once; if they are silent again, it was they.
 */
void router_note_miss(size_t linked);

#endif
