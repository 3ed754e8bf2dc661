/*
 * services: which method is offered by which plugin, and which instance of it
 * gets the next call.
 */
#ifndef ROUTER_SERVICES_H
#define ROUTER_SERVICES_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct peer;
struct peer_request;
struct service;

enum {
	SERVICES_MAX = 256, /* of one incarnation */
	SERVICE_METHOD_MAX = 63,
	SERVICE_HELP_MAX = 255,
	SERVICE_VERB_MAX = 15,
	SERVICE_PATH_MAX = 255,
};

LIST_HEAD(service_list, service);

/* Requests of a plugin: as in events.h. */
int services_register(struct peer_request *q);
int services_unregister(struct peer_request *q);
int services_discover(struct peer_request *q);
/* It offers nothing any more. */
void services_close(struct peer *p);

/* The linked one with the fewest calls under way: `target` is a plugin's name
 * or name:instance. NULL: nobody. */
struct peer *services_pick(const char *target, size_t target_len,
    const char *method, size_t method_len);

#endif
