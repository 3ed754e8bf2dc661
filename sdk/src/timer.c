/*
 * timer: timers of the plugin, on its loop. Owns an event each, and no list of
 * them: who made one frees it.
 *
 * A timer may be freed by its own function, so nothing is touched after it.
 */
#include "plugin.h"

#include "common/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

enum { TIMER_MAGIC = 0x74696d65 };

/* A century: what the kernel's timers surely take. */
#define TIMER_MAX_MS (INT64_C(100) * 366 * 24 * 3600 * 1000)

struct plugind_timer {
	uint32_t magic;
	struct plugind *p;
	plugind_timer_fn *fn;
	void *arg;
	struct event *event;
};

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct plugind_timer *t = arg;

	(void)fd;
	(void)what;
	INVARIANT(t->magic == TIMER_MAGIC);
	t->fn(t->p, t->arg);
}

static int
arm(struct plugind_timer *t, int64_t ms, bool repeat)
{
	const struct timeval after = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	t->event =
	    event_new(t->p->base, -1, repeat ? EV_PERSIST : 0, on_timer, t);
	return t->event == NULL || event_add(t->event, &after) != 0 ? -ENOMEM
	                                                            : 0;
}

struct plugind_timer *
plugind_timer_new(
    struct plugind *p, int64_t ms, bool repeat, plugind_timer_fn *fn, void *arg)
{
	struct plugind_timer *t;

	if (ms < (repeat ? 1 : 0) || ms > TIMER_MAX_MS || fn == NULL) {
		errno = EINVAL;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->magic = TIMER_MAGIC;
	t->p = p;
	t->fn = fn;
	t->arg = arg;
	if (arm(t, ms, repeat) != 0) {
		plugind_timer_free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

void
plugind_timer_free(struct plugind_timer *t)
{
	if (t == NULL)
		return;
	if (t->event != NULL)
		event_free(t->event);
	t->magic = 0;
	free(t);
}
