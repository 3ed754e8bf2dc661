/*
 * host: see host.h. Owns the clock that runs while there is no link.
 *
 * initialize comes first of all, start with the first link. When a link ends,
 * the router is being replaced, or the daemon has ended and taken the
 * directory of sockets along: the first is waited for, the second is the end.
 * Must never run a callback from within another.
 */
#include "host.h"

#include "command.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/msgs.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	HOST_MAGIC = 0x686f7374,
	LOOK_MS = 500,
	ALONE_MS = 30000, /* as long as the daemon keeps the place */
};

struct host {
	uint32_t magic;
	struct plugind *p;
	bool is_up;
	int64_t lost_ms;
	struct event *step; /* what comes next, from the loop */
	struct event *look;
};

/* --- its life ---------------------------------------------------------- */

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct host *h = arg;
	struct plugind *p = h->p;

	(void)fd;
	(void)what;
	INVARIANT(h->magic == HOST_MAGIC);
	if (p->leaving)
		return;
	if (p->phase == PHASE_NEW) {
		if (!p->life.unfinished)
			command_advance(p, MSG_INITIALIZE);
	} else if (p->phase == PHASE_INITIALIZED) {
		if (h->is_up && !p->life.unfinished)
			command_advance(p, MSG_PLUGIN_START);
	} else if (p->phase == PHASE_FAILED) {
		plugind_log(p, PLUGIND_ERROR, "%s", p->life.text);
		plugin_leave(p, PLUGIND_EXIT_FAILURE);
	}
}

static void
on_advanced(struct plugind *p)
{
	struct host *h = p->host_arg;

	event_active(h->step, EV_TIMEOUT, 0);
}

/* --- the link ---------------------------------------------------------- */

static void
look_soon(struct host *h)
{
	const struct timeval soon = {LOOK_MS / 1000, LOOK_MS % 1000 * 1000};

	event_add(h->look, &soon);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct host *h = arg;
	struct plugind *p = h->p;

	(void)fd;
	(void)what;
	INVARIANT(h->magic == HOST_MAGIC);
	if (access(p->identity.socket_dir, F_OK) == 0 &&
	    clock_mono_ms() - h->lost_ms < ALONE_MS) {
		look_soon(h);
		return;
	}
	plugind_log(p, PLUGIND_ERROR, "%s",
	    access(p->identity.socket_dir, F_OK) == 0
	        ? "no router has answered for 30 seconds; see 'pluginctl "
	          "status plugind-router' and its log"
	        : "this program's place on the bus is gone: the daemon has "
	          "ended or was restarted, or nothing was connected for 10 "
	          "seconds; start it again");
	plugin_leave(p, PLUGIND_EXIT_UNREACHABLE);
}

static void
on_linked(struct plugind *p, bool is_up)
{
	struct host *h = p->host_arg;

	if (is_up) {
		event_del(h->look);
		event_active(h->step, EV_TIMEOUT, 0);
	} else if (h->is_up) {
		h->lost_ms = clock_mono_ms();
		look_soon(h);
	}
	h->is_up = is_up;
}

static void
on_refused(struct plugind *p, const char *why)
{
	plugind_log(
	    p, PLUGIND_ERROR, "the daemon refuses this program: %s", why);
	plugin_leave(p, PLUGIND_EXIT_FAILURE);
}

/* --- set-up ------------------------------------------------------------ */

int
host_new(struct plugind *p, struct host **ret)
{
	static const struct plugin_host ops = {
	    on_linked, on_refused, on_advanced};
	struct host *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->magic = HOST_MAGIC;
	h->p = p;
	h->lost_ms = clock_mono_ms();
	h->step = event_new(p->base, -1, 0, on_step, h);
	h->look = event_new(p->base, -1, 0, on_look, h);
	if (h->step == NULL || h->look == NULL) {
		host_free(h);
		return -ENOMEM;
	}
	p->host = &ops;
	p->host_arg = h;
	event_active(h->step, EV_TIMEOUT, 0);
	look_soon(h);
	*ret = h;
	return 0;
}

void
host_free(struct host *h)
{
	if (h == NULL)
		return;
	h->p->host = NULL;
	if (h->step != NULL)
		event_free(h->step);
	if (h->look != NULL)
		event_free(h->look);
	h->magic = 0;
	free(h);
}
