/*
 * sockpipe: what nng's threads have told about the pipes of one sock, for
 * sock.c only. Pure; the caller holds the lock (sockthread.h).
 *
 * nng may tell that a pipe is gone before it tells that it was added, and may
 * never tell that one is gone which was closed before it was added.
 */
#ifndef COMMON_SOCKPIPE_H
#define COMMON_SOCKPIPE_H

#include "common/sock.h"

#include <stdbool.h>
#include <stdint.h>

enum { SOCKPIPE_MAX = 8 }; /* that nng knows at the same time */

struct sockpipe {
	uint32_t id;    /* nng's; 0: none */
	uint64_t order; /* the higher, the newer */
	struct sock_peer peer;
	bool is_added;
	bool is_gone;
	bool is_dropped; /* by us; nng is still to say that it is gone */
};

/* All zero: no pipes. */
struct sockpipe_table {
	struct sockpipe at[SOCKPIPE_MAX];
	uint64_t orders;
};

/* What nng says. False: it is not known (there are too many, or it was gone
 * before), so the caller closes it. */
bool sockpipe_new(
    struct sockpipe_table *t, uint32_t id, const struct sock_peer *peer);
bool sockpipe_added(struct sockpipe_table *t, uint32_t id);
bool sockpipe_gone(struct sockpipe_table *t, uint32_t id);

/* What the loop decides: it is not to be considered again. */
void sockpipe_drop(struct sockpipe_table *t, uint32_t id);
void sockpipe_drop_all(struct sockpipe_table *t);

/* A message of `id` is here: it counts as added if it is newer than `order`,
 * and true is returned. */
bool sockpipe_admit(struct sockpipe_table *t, uint32_t id, uint64_t order);

/* Whether the pipe `current` is gone; and the newest that was added after
 * `order` (id 0: none). Forgets those that are gone. */
bool sockpipe_look(struct sockpipe_table *t, uint32_t current, uint64_t order,
    struct sockpipe *ret_newest);

#endif
