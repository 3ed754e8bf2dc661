/*
 * sock: one nng socket on a libevent loop. The only place where router and
 * SDK touch nng; compiles against 1.5.2 and 1.10.
 *
 * A sock listens or dials on one path and has at most one pipe (peer): a
 * newcomer that passes the checks replaces the old one. All callbacks run on
 * the loop, never on one of nng's threads. Raw mode: nothing is ever sent
 * twice, and nothing is sent without a pipe.
 *
 * Traps of nng 1.5.2 that this file is built around: a listener whose peer
 * leaves before the handshake is deaf for ever (sock_listen again heals it),
 * a dialer whose peer leaves then likewise (sock_dial again), and nng_close
 * may hang (it runs on a thread of its own here; sock_close_hangs() tells): a
 * pipe that is closed, for instance since it cannot be written to any more,
 * while the callback of a read waits to run, begins the next read in vain, and
 * nng's reaper waits for that one's end for ever. It takes a peer that is
 * killed while it sends at full speed and does not read.
 * A listener or dialer that is closed in the instant of a handshake leaks a
 * descriptor and 2 KB, in 1.10 as well, so neither is made anew without need.
 * nng's own redialling is off: a hundred dialers that knock every few
 * milliseconds starve the machine while there is nobody to answer.
 */
#ifndef COMMON_SOCK_H
#define COMMON_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct sock;

enum sock_kind { SOCK_REQ, SOCK_REP, SOCK_PUB, SOCK_SUB, SOCK_KIND__COUNT };

enum {
	/* A larger message, its few bytes of header included, is not sent, and
	 * ends the pipe that it comes from. */
	SOCK_BODY_MAX = 1024 * 1024 + 4096,
	SOCK_QUEUE = 64, /* messages that wait for the peer, each way */
	SOCK_TRACE_MAX = 64,
};

/* How a SOCK_REP finds its way back: a value, copy it to answer later. */
struct sock_return {
	uint8_t trace[SOCK_TRACE_MAX];
	uint8_t len;
};

struct sock_message {
	const void *data; /* borrowed until the callback returns */
	size_t len;
	uint32_t id;               /* SOCK_REQ: the request it answers */
	struct sock_return answer; /* SOCK_REP: for sock_reply */
};

struct sock_peer {
	pid_t pid; /* -1 when unknown */
	uid_t uid;
};

/* None may free the sock it is called for except by sock_close. After
 * sock_close returns none is called again. NULL callbacks are fine. */
struct sock_ops {
	void (*up)(void *arg, const struct sock_peer *peer);
	/* Everything outstanding is lost. What had arrived was delivered; nng
	 * leaves unread what a peer sent just before it closed. */
	void (*down)(void *arg);
	void (*message)(void *arg, const struct sock_message *m);
};

struct sock_options {
	enum sock_kind kind;
	const char *path; /* of the unix socket, at most 107 bytes; copied */
	bool check_uid;   /* a peer of another uid is closed unseen */
	uid_t uid;
	struct sock_ops ops;
	void *arg;
};

/*
 * Prepares this process: starts nng's threads and the one that closes, with
 * small stacks and all signals blocked. Once, before the first sock, on the
 * loop's thread; not in a process that forks without exec later on. 0 or
 * -errno.
 */
int sock_init(struct event_base *base);

/* After the last sock was closed. Waits up to 5 s for the closes under way;
 * what hangs is leaked, and sock_init then says -EBUSY. */
void sock_fini(void);

/* Opens; neither listens nor dials yet. 0 or -errno (-ENOMEM, -EMFILE,
 * -ENAMETOOLONG). */
int sock_new(const struct sock_options *options, struct sock **ret);

/* Listens, mode 0666, in place of whatever is at the path; again: the listener
 * is made anew, and the pipe ends, since nng ties it to its listener. 0 or
 * -errno. */
int sock_listen(struct sock *s);

/* One attempt to connect, in the background: `up` follows, or nothing. Again: a
 * new attempt, an unfinished one and the pipe end. An attempt that is ended
 * while it shakes hands makes the listener deaf. 0 or -errno. */
int sock_dial(struct sock *s);

/* Ends pipe, listener or dialer, and the path is free; returns at once, the
 * rest is done by a thread. `down` is not called. NULL is fine. */
void sock_close(struct sock *s);

bool sock_is_up(const struct sock *s);

/* Ends the pipe; what it sent and was not read yet is lost. `down` follows,
 * from the loop. */
void sock_drop(struct sock *s);

/*
 * Each copies `data`. 0; -ENOTCONN (no pipe, or the one that asked is gone),
 * -EAGAIN (SOCK_QUEUE messages wait already), -EMSGSIZE, -ENOMEM, -EINVAL (a
 * sock of another kind). sock_request chooses the id. Events do not wait: when
 * SOCK_QUEUE are on their way, one is lost unseen.
 */
int sock_request(
    struct sock *s, const void *data, size_t len, uint32_t *ret_id);
int sock_reply(
    struct sock *s, const struct sock_return *to, const void *data, size_t len);
int sock_publish(struct sock *s, const void *head, size_t head_len,
    const void *data, size_t len);

/* Milliseconds that the oldest unfinished close has taken; 0: none. A router
 * that sees many seconds here is better replaced. */
int64_t sock_close_hangs(void);

#endif
