/*
 * client: one connection to the daemon's control socket, one request at a
 * time. Blocking, with a deadline on everything.
 */
#ifndef COMMON_CLIENT_H
#define COMMON_CLIENT_H

#include "common/buf.h"
#include "common/msgs.h"
#include "common/wire.h"

#include <stdint.h>

struct client;

struct client_reply {
	unsigned code;           /* enum msg_code */
	struct wire_cursor data; /* borrowed until the next call */
};

/* A client of the socket at `path` (copied). Does not connect yet. NULL: out
 * of memory. */
struct client *client_new(const char *path);
void client_free(struct client *c);

/* The path of the socket: `given` if it is not NULL or "", $PLUGIND_SOCKET, or
 * where a daemon of one's own or the system's has it. Caller frees; NULL: out
 * of memory. */
char *client_find_socket(const char *given);

/* While a call waits, readable bytes at `fd` end it with -EINTR (-1: never).
 * Borrows fd. */
void client_set_interrupt(struct client *c, int fd);

/*
 * Sends a request with the encoded argument array `args` and waits for its
 * reply, connecting first if need be. 0 and *ret, whatever its code is; else
 *   -EACCES, -ENOENT, -ECONNREFUSED ... as connect(2) says
 *   -ETIMEDOUT    deadline_ms (monotonic clock) passed
 *   -EINTR        see client_set_interrupt
 *   -ECONNRESET   the peer closed before it answered
 *   -EPROTO       what listens there does not speak SP reply
 *   -EMSGSIZE     a reply above 4 MiB was announced
 *   -EBADMSG      the reply is not what CONTROL.md says
 *   -E2BIG        the request is above 64 KiB
 * After any of these the connection is closed and the next call opens a new
 * one.
 */
int client_call(struct client *c, enum msg_type type, const struct buf *args,
    int64_t deadline_ms, struct client_reply *ret);

/* Appends to `text` what an error of client_call means and what to do; returns
 * the exit code that fits it. */
int client_explain(const struct client *c, int error, struct buf *text);

#endif
