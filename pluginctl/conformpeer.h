/*
 * conformpeer: the router of `conform`: three sockets in a directory, the
 * marker, and a record of everything that the program says on them.
 *
 * It takes what a real router would strike for, so that one fault fails one
 * rule; what was wrong is kept as a sentence for that rule. What it answers
 * is as told.
 */
#ifndef PLUGINCTL_CONFORMPEER_H
#define PLUGINCTL_CONFORMPEER_H

#include "common/buf.h"
#include "common/frame.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum conform_pipe { PIPE_COMMAND, PIPE_HUB, PIPE_EVENTS, PIPE__COUNT };

enum conform_fault {
	FAULT_GREETING,
	FAULT_ORDER, /* before hello, or hello before its time */
	FAULT_HELLO,
	FAULT_FORM, /* anything else */
	FAULT__COUNT
};

enum {
	CONFORM_HEARD_MAX = 1024,
	CONFORM_CHATTER_MAX = 64, /* of publish, and of events.ack, a hello */
	CONFORM_TEXT_MAX = 256,
	CONFORM_OPS_MAX = 64,
	CONFORM_EPOCH_MAX = 17,
	CONFORM_POLLED = 2 * PIPE__COUNT,
	CONFORM_SILENCE = -1, /* instead of a code to answer with */
};

/* One message, as far as rules ask. */
struct heard {
	enum conform_pipe pipe;
	uint64_t type;
	uint64_t id;
	uint64_t request; /* answers on command.sock: to which */
	uint64_t op;      /* outcome; events.ack: the number */
	uint64_t code;    /* outcome, status, answer */
	bool again;       /* publish */
	int64_t at_ms;
	char text[CONFORM_TEXT_MAX]; /* outcome: its text; subscribe: the
	                              * pattern; events.ack: the epoch */
};

struct conform_conn {
	int fd;          /* -1: none */
	unsigned count;  /* so many have been accepted */
	bool is_greeted; /* by the other side */
	struct buf in;
};

/* Who should say hello. */
struct conform_identity {
	const char *name; /* borrowed */
	uint64_t generation;
	const uint8_t *cookie; /* borrowed */
	size_t cookie_len;
};

struct conformpeer {
	struct conform_identity identity;
	const char *dir; /* borrowed */
	char epoch[CONFORM_EPOCH_MAX];
	int listen_fd[PIPE__COUNT]; /* -1: closed */
	struct conform_conn conn[PIPE__COUNT];
	pid_t hub_pid;   /* who is at the other end of hub.sock */
	bool is_welcome; /* hello was accepted on this connection */
	bool can_configure;
	unsigned hellos; /* accepted ones */
	/* The code of the answers to outcomes, and to publish; CONFORM_SILENCE:
	 * none. An outcome gets it so many times, then 0. */
	int outcome_answer;
	unsigned outcome_times;
	int publish_answer;
	uint64_t last_op; /* 1 and up */
	unsigned op_type[CONFORM_OPS_MAX];
	uint32_t last_request;
	char fault[FAULT__COUNT][CONFORM_TEXT_MAX]; /* the first; "": none */
	struct heard heard[CONFORM_HEARD_MAX];
	size_t heard_count;
	/* Of what may come without end, since the last hello. */
	size_t published, acknowledged;
	size_t unheard; /* not kept */
};

void conformpeer_init(
    struct conformpeer *p, const struct conform_identity *identity);
/* Listens in `dir`, which is borrowed. 0 or -errno. */
int conformpeer_listen(struct conformpeer *p, const char *dir);
void conformpeer_fini(struct conformpeer *p);

/* Another epoch, for the next marker. */
void conformpeer_renew(struct conformpeer *p);
/* Writes the marker. 0 or -errno. */
int conformpeer_mark(struct conformpeer *p);

/* Ends a connection; with all of them the sockets can be closed, too. */
void conformpeer_drop(struct conformpeer *p, enum conform_pipe pipe);
void conformpeer_drop_all(struct conformpeer *p);
void conformpeer_vanish(struct conformpeer *p);

/* What to wait for, and to call when it may have come. */
void conformpeer_poll(
    const struct conformpeer *p, struct pollfd fds[CONFORM_POLLED]);
void conformpeer_hear(struct conformpeer *p);
/* Takes the connections that are there. */
void conformpeer_accept(struct conformpeer *p);

bool conformpeer_is_complete(const struct conformpeer *p);

/* The number of a new command of this type. */
uint64_t conformpeer_new_op(struct conformpeer *p, unsigned type);
/* Sends a payload on command.sock; the number of the request. What cannot be
 * sent ends the connection. */
uint32_t conformpeer_request(struct conformpeer *p, const struct buf *payload);
/* Sends one on hub.sock or events.sock, and bytes as they are. */
void conformpeer_answer(
    struct conformpeer *p, uint32_t request, const struct buf *payload);
void conformpeer_publish(struct conformpeer *p, const struct buf *payload);
void conformpeer_send_raw(struct conformpeer *p, enum conform_pipe pipe,
    const void *data, size_t len);

/* Keeps the first of its kind. */
void conformpeer_fault(struct conformpeer *p, enum conform_fault fault,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* conformhear.c: takes one payload of the program. */
void conformhear_hub(
    struct conformpeer *p, uint32_t request, const void *payload, size_t len);
void conformhear_answer(
    struct conformpeer *p, uint32_t request, const void *payload, size_t len);

#endif
