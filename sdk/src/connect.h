/*
 * connect: the way to the daemon: three sockets to the router, hello, and
 * everything that comes and goes through them. It is up or it is not; who
 * sends need not know.
 */
#ifndef SDK_CONNECT_H
#define SDK_CONNECT_H

#include "plugin.h"

struct connection;

/* Begins to connect, on p's loop, once a process. 0, or -errno: out of
 * something, or the socket directory of p's identity cannot be watched. */
int connection_new(struct plugind *p, struct connection **ret);
void connection_free(struct connection *c); /* NULL is fine */

/* An outbox_send_fn; `arg` points to a struct connection *, which may be NULL
 * as yet. -ENOTCONN until the router has accepted hello. */
int connection_send(void *arg, const void *data, size_t len);

#endif
