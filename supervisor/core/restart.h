/*
 * restart: the restart policy as a pure decision. No clock, no I/O: the
 * caller gives the time and a random number. Stability is judged when the
 * process ends, from how long it was up; no timer runs while it lives.
 */
#ifndef CORE_RESTART_H
#define CORE_RESTART_H

#include "config.h"

struct restart_state {
	int64_t *times; /* of counted restarts, a ring of `cap` */
	size_t cap;
	size_t head; /* the oldest */
	size_t n;
	int64_t next_delay_ms; /* before jitter; -1: the policy's first */
	bool ready;
};

enum restart_kind {
	RESTART_STAY,    /* the policy wants no restart */
	RESTART_NOW,     /* at once: it was stable before */
	RESTART_LATER,   /* after delay_ms */
	RESTART_GIVE_UP, /* too many within the window */
};

struct restart_verdict {
	enum restart_kind kind;
	int64_t delay_ms;
};

/* Room for the policy's max_restarts: a zeroed tally begins empty, another
 * keeps its back-off and the restarts that fit. 0 or -ENOMEM (the old ring
 * stays). */
int restart_init(struct restart_state *r, const struct restart_conf *conf);
void restart_fini(struct restart_state *r);

/* Forgets all past failures. */
void restart_clear(struct restart_state *r);

struct restart_exit {
	bool clean;        /* exit status 0 */
	bool refused;      /* exit status 125: do not restart me */
	int64_t uptime_ms; /* since it was ready, 0 when it never was */
};

/*
 * What follows an exit nobody asked for. Counts it. `random` is any 32 bits
 * (for the jitter). No heap.
 */
struct restart_verdict restart_decide(struct restart_state *r,
    const struct restart_conf *conf, const struct restart_exit *e,
    int64_t now_ms, uint32_t random);

/* Restarts counted in the window that ends now. */
size_t restart_in_window(const struct restart_state *r,
    const struct restart_conf *conf, int64_t now_ms);

/* The delay before jitter of the n-th restart (from 0) after a first,
 * unstable run: what `why` shows as the series. */
int64_t restart_delay(const struct restart_conf *conf, unsigned n);

#endif
