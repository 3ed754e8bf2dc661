/*
 * peer: one incarnation of a managed plugin as the router sees it: three
 * sockets, whether it has said hello, and what it has done wrong.
 */
#ifndef ROUTER_PEER_H
#define ROUTER_PEER_H

#include "brake.h"
#include "calls.h"
#include "policy.h"
#include "replay.h"
#include "services.h"
#include "subs.h"

#include "common/frame.h"
#include "common/sock.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct event_base;

enum {
	PEER_COOKIE = 16,
	PEER_NAME_MAX = 64,
	PEER_PATH_MAX = 256,
	PEER_HELLO_MAX = 4096,
	PEER_COMMANDS = 32, /* that may be unanswered */
	PEER_DENIED = 16,   /* publish requests, as many as are under way */
};

enum peer_sock { PEER_COMMAND, PEER_HUB, PEER_EVENTS, PEER_SOCKS };

/* What the core says about it. */
struct peer_identity {
	uint64_t serial;
	char name[PEER_NAME_MAX];
	unsigned instance;
	uint64_t generation;
	uid_t uid;
	char directory[PEER_PATH_MAX];
	uint8_t cookie[PEER_COOKIE];
	pid_t pid; /* 0: not known yet */
};

struct peer {
	TAILQ_ENTRY(peer) link;
	uint64_t serial;
	struct peer_identity id;
	char cgroup[PEER_PATH_MAX]; /* its cgroup.procs; "": none */
	struct sock *socks[PEER_SOCKS];
	pid_t hub_pid; /* who is at the other end of hub.sock */
	bool welcome;  /* has said hello on this pipe of hub.sock */
	bool is_up;    /* the core knows it as linked */
	bool is_outlaw;
	unsigned strikes;
	unsigned unanswered; /* commands */
	int64_t credit;      /* bytes that it may send to the core now */
	int64_t credit_ms;   /* when that was true */
	uint64_t last_id;
	uint64_t ops[PEER_COMMANDS]; /* of the last commands, by id */
	struct policy policy;
	struct subs_who subscriber;
	bool wants_echo;       /* of its own events */
	bool is_awaited;       /* hold.h: it hears nothing yet */
	bool holds_up;         /* and nobody publishes */
	bool is_touched;       /* by the batch under way */
	uint64_t published;    /* events, ever */
	uint64_t published_id; /* the last request that was taken */
	uint64_t busy_id; /* one that was not: those behind it wait; 0: none */
	uint64_t denied[PEER_DENIED]; /* the last that were */
	LIST_HEAD(, waiter) waiters;  /* its publish requests */
	struct outlet *outlet;        /* its events */
	struct replay_list late_replays;
	size_t nlate_replays;
	struct peer_brake brake;
	STAILQ_ENTRY(peer) touched;
	struct peer_calls calls;
	struct service_list services;
	unsigned nservices;
	unsigned ndenied;
	struct event heal;
	int64_t heal_ms;
	int64_t made_ms;
	int64_t gone_ms; /* when the core has detached it */
	/* The hello that was accepted last: what the core hears. */
	uint8_t *hello;
	size_t hello_len;
	/* One that is not judged yet: the core has to name the process. */
	uint8_t *pending;
	size_t pending_len;
	struct sock_return pending_to;
};

/* A handler's code for a request whose answer comes by itself. */
enum { PEER_LATER = FRAME_CODE__COUNT };

/* What it asks on hub.sock. */
struct peer_request {
	struct peer *p;
	struct frame frame;
	const struct sock_return *to;
	const char *why; /* unless it is FRAME_OK: what is wrong (static) */
};

/* Once. The epoch is this router's life, 16 hex digits. */
int peer_init(struct event_base *base);
const char *peer_epoch(void);

/* Makes the sockets, listens, and writes the marker that calls the plugin. 0
 * or -errno. */
int peer_new(const struct peer_identity *id, struct peer **ret);
void peer_free(struct peer *p);
/* Says nothing to the core, hears nothing, listens no more anew. */
void peer_mute(struct peer *p);

/* An answer that comes later than the request; `to` is from it. */
void peer_answer(struct peer *p, const struct sock_return *to, uint64_t type,
    uint64_t id, enum frame_code code, const char *text);

/* By its plugin's name, or as name:instance. */
bool peer_is_named(const struct peer *p, const char *name, size_t len);

/* The answer, to it; frees. */
void peer_reply(const struct peer_request *q, struct buf *b);

/* Whether it may say so many bytes more to the core now. */
bool peer_take_credit(struct peer *p, size_t len);

void peer_set_process(struct peer *p, pid_t pid, const char *cgroup);
/* Sends a command if the link is up; else it is dropped: the core says it
 * again. `args` is one encoded array. */
void peer_command(struct peer *p, uint64_t type, const void *args, size_t len);

/* hello.c: 0, or a sentence that says why it is refused (static). */
struct hello;
const char *peer_check_hello(
    const struct peer *p, const void *data, size_t len);

#endif
