/*
 * counters: what the bus has counted of each plugin and of all of them, as the
 * core is told when somebody looks. Each counts where it happens (outlet.c,
 * calls.c, events.c); here they are only read.
 */
#ifndef ROUTER_COUNTERS_H
#define ROUTER_COUNTERS_H

struct buf;
struct peer;

/* It goes: what it has counted stays in the sum. */
void counters_keep(const struct peer *p);

/* A sum begins; the record of one, which is added to it; the record of all,
 * with serial 0. */
void counters_begin(void);
void counters_put(struct buf *b, const struct peer *p);
void counters_end(struct buf *b);

#endif
