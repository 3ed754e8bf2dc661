/*
 * core: owns the link to the core and hands its messages on.
 *
 * Must never: go on without the link. Everything else in this process can be
 * made again, and is, by the next router.
 */
#include "core.h"

#include "calls.h"
#include "canary.h"
#include "events.h"
#include "hold.h"
#include "peers.h"

#include "common/link.h"
#include "common/log.h"
#include "common/msgs.h"
#include "common/sock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLOSE_HANGS_MS = 10000 };

static struct link *core;

static void
on_ping(struct frame *f)
{
	uint64_t number = 0;

	/* The first one comes behind all that is said anew. */
	hold_told_all();
	if (sock_close_hangs() > CLOSE_HANGS_MS) {
		log_error(NULL,
		    "a socket has not closed for %d s: ending, so "
		    "that a fresh router comes",
		    CLOSE_HANGS_MS / 1000);
		_exit(1);
	}
	if (frame_uint(f, &number) == 0)
		canary_sing(number);
}

static void
on_frame(void *arg, struct frame *f)
{
	static const struct {
		uint64_t type;
		void (*fn)(struct frame *f);
	} handlers[] = {
	    {MSG_ATTACH, peers_attach},
	    {MSG_POLICY, peers_policy},
	    {MSG_SPAWNED, peers_spawned},
	    {MSG_DETACH, peers_detach},
	    {MSG_COMMAND, peers_command},
	    {MSG_SYSTEM_EVENT, events_system},
	    {MSG_RETAIN, events_retain},
	    {MSG_CORE_RESULT, calls_core_result},
	    {MSG_LINK_PING, on_ping},
	    {MSG_COUNT, peers_count},
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == f->type)
			handlers[i].fn(f);
	}
}

/* Not exit: nng's own handlers may hang, and nothing here needs an end. */
static void
on_end(void *arg, const char *why)
{
	(void)arg;
	log_debug(NULL, "the link to the core: %s", why);
	_exit(0);
}

int
core_init(struct event_base *base, int fd)
{
	static const struct link_ops ops = {on_frame, on_end};

	return link_new(base, fd, &ops, NULL, &core);
}

void
core_send(struct buf *b)
{
	int r = link_send(core, b);

	buf_fini(b);
	if (r == 0)
		return;
	log_error(NULL, "message to the core: %s", strerror(-r));
	_exit(1);
}
