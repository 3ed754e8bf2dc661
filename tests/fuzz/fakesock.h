/*
 * fakesock: a stand-in for common/sock.h without nng, threads or descriptors:
 * a target is the other end of every socket. Keeps the promises of sock.h and
 * checks those of its user: no frame is sent by a sock of another kind, no
 * request is answered twice.
 */
#ifndef TESTS_FUZZ_FAKESOCK_H
#define TESTS_FUZZ_FAKESOCK_H

#include "common/sock.h"

struct fakesock_hooks {
	/* Something was sent: a request or an answer, by its id. */
	void (*said)(struct sock *s, uint32_t id, const void *data, size_t len);
	/* `down` is about to be called. */
	void (*down)(struct sock *s);
};

/* Closes what is left of the input before. NULL hooks are fine. */
void fakesock_reset(const struct fakesock_hooks *hooks);

/* The next so many fail: to listen or dial, and to send. */
void fakesock_fail(unsigned opens, unsigned sends);
/* Sends that failed so since the reset. */
unsigned fakesock_failed(void);

/* The newest of this path and kind that is not closed, or NULL. */
struct sock *fakesock_find(const char *path, enum sock_kind kind);
/* All that are not closed, newest first: the one after `s`, or the first. */
struct sock *fakesock_next(const struct sock *s);
const struct sock_options *fakesock_options(const struct sock *s);
/* The number of its pipe, which no other has; 0: none. */
uint32_t fakesock_pipe(const struct sock *s);
/* It listens or dials, or has a pipe. */
bool fakesock_is_open(const struct sock *s);

/* The other end comes; false: the sock does not want it. */
bool fakesock_connect(struct sock *s, pid_t pid, uid_t uid);
/* The other end goes. */
void fakesock_disconnect(struct sock *s);
/* The other end says something: an answer to request `id` of a SOCK_REQ, or a
 * request or event, whose id is chosen here. The id, or 0: there is no pipe. */
uint32_t fakesock_deliver(
    struct sock *s, uint32_t id, const void *data, size_t len);
/* How often a request was answered; only of the last ones. */
unsigned fakesock_answers(const struct sock *s, uint32_t id);

/* The loop's turn: what sock_drop and sock_listen owe. True if anything
 * happened. */
bool fakesock_turn(void);

#endif
