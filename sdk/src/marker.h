/*
 * marker: the file `router` in the socket directory. The router puts it there,
 * whole, whenever it listens on all three sockets anew; in it is the epoch of
 * its life. Each new one is a call for connections.
 */
#ifndef SDK_MARKER_H
#define SDK_MARKER_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct marker;

/* There is a new one. marker_free must not be called from it. */
typedef void marker_fn(void *arg, uint64_t epoch);

/* Watches `dir`. Does not look yet. 0; -ENOMEM, or
 * the -errno of a directory that cannot be watched. */
int marker_new(struct event_base *base, const char *dir, marker_fn *fn,
    void *arg, struct marker **ret);
void marker_free(struct marker *m); /* NULL is fine */

/* Looks now: calls the function from within if there is a new one. */
void marker_look(struct marker *m);

/* True when the kernel has no watch left to give, and whoever waits for a
 * marker has to look by himself. */
bool marker_is_blind(const struct marker *m);

#endif
