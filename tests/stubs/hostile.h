/*
 * hostile: what the ways of a bad plugin (hostileways.c) are made of.
 */
#ifndef TESTS_STUBS_HOSTILE_H
#define TESTS_STUBS_HOSTILE_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIPE_COMMAND, PIPE_HUB, PIPE_EVENTS, PIPES };

struct claims {
	uint64_t protocol;
	uint64_t generation;
	char name[64];
	uint8_t cookie[16];
};

struct hostile {
	int fds[PIPES]; /* -1: gone */
	struct buf in[PIPES];
	struct claims claims; /* the truth */
	uint64_t id;
	unsigned requests;
	unsigned answers; /* on hub.sock */
	uint64_t awaited; /* type of one of them; 0: it was there */
	uint64_t code;    /* of that one */
	bool acknowledges;
	bool is_client; /* not a plugin: no command comes */
	void (*on_command)(struct hostile *h, unsigned type, uint64_t op);
};

/* Connects all three and greets; waits for the router. */
void hostile_connect(struct hostile *h);
/* Connects to one, and closes at once. */
void hostile_knock(int which);

/* Each false when the peer has closed. */
bool hostile_send(struct hostile *h, int which, const void *data, size_t len);
bool hostile_send_message(
    struct hostile *h, int which, const void *body, size_t len);
/* Sends a frame by hub.sock, and frees it. */
bool hostile_post(struct hostile *h, struct buf *b);
bool hostile_hello(struct hostile *h, const struct claims *c);
bool hostile_outcome(
    struct hostile *h, uint64_t op, unsigned code, const char *text);
bool hostile_status(struct hostile *h, unsigned code, const char *text);

void hostile_turn(struct hostile *h, int timeout_ms);
_Noreturn void hostile_serve(struct hostile *h);

/* hostileways.c: does so. Returns for a way that there is not. */
int hostile_run(struct hostile *h, const char *way);

#endif
