/*
 * peersay: what the core tells the router of everybody on the bus, plugin or
 * client: who it is, what it may do, that it is gone. Without a router nothing
 * is said: the next one is told everything.
 */
#ifndef CORE_PEERSAY_H
#define CORE_PEERSAY_H

#include "config.h"

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEERSAY_COOKIE = 16 };

struct peersay_who {
	uint64_t serial; /* of the incarnation */
	const char *name;
	unsigned instance;
	uint64_t generation;
	uid_t uid;
	const char *dir;
	const uint8_t *cookie; /* PEERSAY_COOKIE bytes */
	pid_t pid;             /* 0: not spawned yet */
};
void peersay_attach(const struct peersay_who *who);

struct peersay_rights {
	const char *source; /* as others see it */
	const struct strv *publish;
	const struct strv *subscribe;
	const struct strv *calls;
	bool blocks;
	const struct bus_conf *bus;
};
void peersay_policy(uint64_t serial, const struct peersay_rights *rights);

void peersay_detach(const char *name, uint64_t serial);

/* A frame about `name`; frees. */
void peersay_send(const char *name, struct buf *b);

#endif
