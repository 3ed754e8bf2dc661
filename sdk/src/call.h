/*
 * call: the calls that this plugin has made and not heard of.
 */
#ifndef SDK_CALL_H
#define SDK_CALL_H

#include "common/batch.h"
#include "common/frame.h"
#include "common/slots.h"

#include <plugind.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;

enum {
	CALL_TEXT_MAX = 4096,
	CALL_BYTES = 8 * 1024 * 1024, /* that wait to leave */
	CALL_MADE_MAX = 4096,
	CALL_DEFAULT_MS = 30000,
	CALL_DEPTH_MAX = WIRE_MAX_DEPTH - 6, /* as of an event */
	CALL_NAME_MAX = 79,                  /* of a plugin, name:instance */
	CALL_METHOD_MAX = 63,
};

struct plugind_reply {
	enum plugind_status status;
	const char *text; /* ends with a NUL */
	const uint8_t *data;
	size_t len;
	struct config *map; /* once somebody has asked for it */
};

struct calls {
	struct plugind *p;
	struct slots by_id;
	struct batch out;
	uint64_t connection; /* how many there have been */
	/* What is being asked of the registry. */
	uint64_t question; /* its frame; 0: none */
	plugind_services_fn *answer;
	void *answer_arg;
};

void calls_init(struct calls *c, struct plugind *p);
void calls_fini(struct calls *c); /* calls nobody back */

/* There is a connection, hello was accepted; there is none any more: all that
 * was under way is lost. */
void calls_linked(struct calls *c);
void calls_unlinked(struct calls *c);

/* The answer to a frame of its own; false: to something else. */
bool calls_acknowledge(struct calls *c, const struct frame *f, uint64_t code);

/* MSG_RETURNS. False: it cannot be read. */
bool calls_take_returns(struct calls *c, struct wire_cursor results);

/* The map that an object is, for the readers of a configuration; an empty one
 * where it is something else. *map is made once and freed by config_free. NULL
 * with errno set. */
const struct plugind_config *call_map(
    struct config **map, const void *data, size_t len);

#endif
