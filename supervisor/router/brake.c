/*
 * brake: see brake.h. Owns the requests that wait. Each goes through its
 * handler again when it is its turn: rights may be others by then.
 *
 * Must never: let one overtake another, or keep more than a plugin can mean.
 */
#include "brake.h"

#include "events.h"
#include "peer.h"
#include "subs.h"

#include "common/clock.h"
#include "common/msgs.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAUSE_MS = 2, /* at least: also to find nothing takes time */
	PAUSE_FACTOR = 9,
	ARGS_MAX = 1024,
};

struct braked {
	STAILQ_ENTRY(braked) link;
	struct frame frame;
	struct sock_return to;
	uint8_t args[];
};

static void
arm(struct peer_brake *b)
{
	int64_t ms = b->until_ms - clock_mono_ms();
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000};
	const struct timeval now = {0, 0};

	if (!event_pending(&b->event, EV_TIMEOUT, NULL))
		event_add(&b->event, ms > 0 ? &tv : &now);
}

static struct braked *
take_first(struct peer_brake *b)
{
	struct braked *w = STAILQ_FIRST(&b->waiting);

	if (w == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&b->waiting, link);
	b->n--;
	return w;
}

static void
serve(struct peer *p, const struct braked *w)
{
	struct peer_request q = {.p = p, .frame = w->frame, .to = &w->to};
	int code;

	p->brake.is_running = true;
	code = w->frame.type == MSG_SUBSCRIBE ? events_subscribe(&q)
	                                      : events_unsubscribe(&q);
	p->brake.is_running = false;
	peer_answer(p, &w->to, w->frame.type, w->frame.id,
	    (enum frame_code)code, code == FRAME_OK ? NULL : q.why);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct peer_brake *b = &p->brake;
	struct braked *w;

	(void)fd;
	(void)what;
	while (b->until_ms <= clock_mono_ms() && (w = take_first(b)) != NULL) {
		serve(p, w);
		free(w);
	}
	if (!STAILQ_EMPTY(&b->waiting))
		arm(b);
}

void
brake_open(struct peer *p, struct event_base *loop)
{
	STAILQ_INIT(&p->brake.waiting);
	event_assign(&p->brake.event, loop, -1, 0, on_due, p);
}

void
brake_forget(struct peer *p)
{
	struct braked *w;

	event_del(&p->brake.event);
	while ((w = take_first(&p->brake)) != NULL)
		free(w);
}

void
brake_pause(struct peer *p, int64_t took_us)
{
	p->brake.until_ms =
	    clock_mono_ms() + PAUSE_MS + took_us * PAUSE_FACTOR / 1000;
}

int
brake_hold(struct peer_request *q, bool wants_kept)
{
	struct peer_brake *b = &q->p->brake;
	const struct wire_cursor *args = &q->frame.args;
	size_t len = (size_t)(args->end - args->p);
	bool is_due = b->until_ms <= clock_mono_ms() || !wants_kept;
	struct braked *w;

	if (b->is_running || (STAILQ_EMPTY(&b->waiting) && is_due))
		return FRAME_OK;
	q->why = "too many subscriptions wait for what was kept";
	if (b->n >= SUBS_EACH_MAX || len > ARGS_MAX)
		return FRAME_BUSY;
	w = malloc(sizeof(*w) + len);
	if (w == NULL)
		return FRAME_BUSY;
	w->frame = q->frame;
	w->to = *q->to;
	memcpy(w->args, args->p, len);
	wire_cursor_init(&w->frame.args, w->args, len);
	STAILQ_INSERT_TAIL(&b->waiting, w, link);
	b->n++;
	arm(b);
	return PEER_LATER;
}
