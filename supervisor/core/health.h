/*
 * health: how far a running program has come (readiness, four ways) and
 * whether it is well (probes). Watches one row; tells lifecycle.c by
 * lifecycle_post, decides nothing else.
 */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "table.h"

struct event_base;

/* Once, with the loop. */
void health_init(struct event_base *base);

/* Makes what row->conf asks for (probes, pattern): row->watch is replaced on
 * success only. 0, -ENOMEM, or -EINVAL (pattern). */
int health_configure(struct row *row);
/* row->conf has moved but says the same. */
void health_rebind(struct row *row);
void health_free(struct health *h); /* NULL is fine */

/* There is a process: what it prints is read from now on, for it may be heard
 * of before it is known to run. */
void health_begin(struct row *row);
/* The program runs: waits for its readiness and posts EVENT_READY, maybe at
 * once. */
void health_await_ready(struct row *row);
/* It is running: asks the health probe, if any, at its interval and posts
 * EVENT_UNHEALTHY after `failures` in a row. */
void health_watch(struct row *row);
/* No process any more, or one that is going: no question stays open. */
void health_stop(struct row *row);

/* What a managed plugin says to a question of managed_ask_health. */
void health_answer(
    struct row *row, enum plugin_health health, const char *text);

/* For show and why. Borrowed texts; "" when there is none. */
struct health_report {
	char kind[8]; /* "http", "tcp", "exec", "bus" or "" */
	char target[256];
	char text[256];    /* what the last failed question answered */
	int64_t at_ms;     /* Unix, of that */
	unsigned failures; /* in a row */
	char ready[300];   /* how readiness is told: "notify", "log REGEX" */
};
void health_report(const struct row *row, struct health_report *ret);

#endif
