/*
 * watch: descriptors of the plugin that its loop looks at. Owns an event each,
 * never the descriptor.
 *
 * A watch may be freed by its own function, so nothing is touched after it.
 */
#include "plugin.h"

#include "common/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

enum { WATCH_MAGIC = 0x77617463, WATCH_ALL = PLUGIND_READ | PLUGIND_WRITE };

struct plugind_watch {
	uint32_t magic;
	struct plugind *p;
	plugind_watch_fn *fn;
	void *arg;
	struct event *event;
};

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct plugind_watch *w = arg;
	unsigned events = 0;

	INVARIANT(w->magic == WATCH_MAGIC);
	if (what & EV_READ)
		events |= PLUGIND_READ;
	if (what & EV_WRITE)
		events |= PLUGIND_WRITE;
	w->fn(w->p, fd, events, w->arg);
}

/* 0 or -errno. */
static int
arm(struct plugind_watch *w, int fd, unsigned events)
{
	short what = EV_PERSIST;

	if (events & PLUGIND_READ)
		what |= EV_READ;
	if (events & PLUGIND_WRITE)
		what |= EV_WRITE;
	w->event = event_new(w->p->base, fd, what, on_ready, w);
	if (w->event == NULL)
		return -ENOMEM;
	errno = 0;
	if (event_add(w->event, NULL) == 0)
		return 0;
	return errno == EPERM || errno == EBADF ? -errno : -ENOMEM;
}

struct plugind_watch *
plugind_watch_new(
    struct plugind *p, int fd, unsigned events, plugind_watch_fn *fn, void *arg)
{
	struct plugind_watch *w;
	int r;

	if (fd < 0 || events == 0 || (events & ~(unsigned)WATCH_ALL) != 0 ||
	    fn == NULL) {
		errno = EINVAL;
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	w->magic = WATCH_MAGIC;
	w->p = p;
	w->fn = fn;
	w->arg = arg;
	r = arm(w, fd, events);
	if (r != 0) {
		plugind_watch_free(w);
		errno = -r;
		return NULL;
	}
	return w;
}

void
plugind_watch_free(struct plugind_watch *w)
{
	if (w == NULL)
		return;
	if (w->event != NULL)
		event_free(w->event);
	w->magic = 0;
	free(w);
}
