/*
 * managedsay: what the core says to the router about one incarnation, and the
 * struct that managed.c keeps of it. For these two files only.
 */
#ifndef CORE_MANAGEDSAY_H
#define CORE_MANAGEDSAY_H

#include "peersay.h"
#include "sockdir.h"
#include "table.h"

#include "common/msgs.h"

enum { MANAGED_VERSION = 64 };

struct managed {
	struct row *row;
	uid_t uid;
	gid_t gid;
	unsigned slot;
	uint64_t serial; /* of the incarnation; 0: none */
	uint8_t cookie[PEERSAY_COOKIE];
	char dir[SOCKDIR_MAX + 1];
	bool up;
	bool greeted; /* this incarnation has said hello */
	bool can_configure;
	bool has_refused; /* the newest configuration: it says so itself */
	char version[MANAGED_VERSION];
	char type[16];
	enum msg_type command; /* under way; 0: none */
	uint64_t op;
	uint64_t health_op; /* asked and not answered; 0: none */
	int64_t up_ms;      /* when the link came up last */
	int64_t missed_ms;  /* when a miss was noted */
	char last_words[ROW_TEXT_MAX];
};

/* Without a router nothing is said: managed.c says it again to the next. */
void say_attach(const struct managed *m);
/* What it may do on the bus, at first and when that changes. */
void say_policy(const struct managed *m);
void say_spawned(const struct managed *m);
void say_detach(const struct managed *m);
/* Only while the link is up. `type` is one of 2xx. */
void say_command(const struct managed *m, enum msg_type type);

/* "initialize" */
const char *say_command_name(enum msg_type type);

#endif
