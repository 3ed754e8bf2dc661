/*
 * clients: programs that are no plugins and have a place on the bus all the
 * same, for as long as they hold on to it: `pluginctl events`, a script, a
 * tool. They ask for it by control.sock, get a directory of sockets like a
 * plugin's, and are nobody's charge from then on: not started, not watched,
 * not ended. PROTOCOL.md in docs/ has the exchange.
 *
 * One is forgotten ten seconds after its last connection has ended; while
 * there is no router, which the next one will be told of it, after thirty.
 */
#ifndef CORE_CLIENTS_H
#define CORE_CLIENTS_H

#include "request.h"

#include "common/frame.h"

struct event_base;

enum { CLIENTS_MAX = 64 };

void clients_init(struct event_base *base);
void clients_fini(void);

/* The handlers of attach.client and clients. */
void clients_attach(struct request *req);
void clients_list(struct request *req);

/* The role of whoever calls plugind over the bus: that of a client, by its
 * name, and what `calls:` has decided for a plugin. */
enum msg_role clients_role(const char *source);

struct clients_report {
	const char *name;
	uint64_t serial;
	pid_t pid;
};

/* Those that are linked, the oldest first. */
size_t clients_linked(void);
void clients_each_linked(
    void (*fn)(void *arg, const struct clients_report *c), void *arg);

/* `bus:` is another now. */
void clients_rights_changed(void);

/* From the router; false: it is not about a client. */
bool clients_take(const struct frame *f);
/* As managed_replay and managed_router_lost. */
void clients_replay(void);
void clients_router_lost(void);

#endif
