/*
 * held: see held.h. Owns the list, and the timer that looks at it: log
 * followers and deadlines have nobody else to wake them.
 *
 * Must never: keep one of a connection that is gone.
 */
#include "held.h"

#include "common/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 100 };

static TAILQ_HEAD(, request) held = TAILQ_HEAD_INITIALIZER(held);
static struct event wake_event;
static struct event poll_event;
static void (*looked)(void); /* NULL: not there yet, or any more */

void
request_hold(struct request *req, request_poll_fn *poll, void *state,
    uint64_t timeout_ms)
{
	if (timeout_ms > REQUEST_WAIT_MAX_MS)
		timeout_ms = REQUEST_WAIT_MAX_MS;
	req->poll = poll;
	req->state = state;
	req->expires_ms = clock_mono_ms() + (int64_t)timeout_ms;
}

static void
forget(struct request *req)
{
	TAILQ_REMOVE(&held, req, link);
	request_fini(req);
	free(req);
}

static void
poll_all(void)
{
	struct request *req = TAILQ_FIRST(&held);
	int64_t now_ms = clock_mono_ms();

	while (req != NULL) {
		struct request *next = TAILQ_NEXT(req, link);

		if (req->poll(req, now_ms >= req->expires_ms)) {
			req->reply(req);
			forget(req);
		}
		req = next;
	}
	looked();
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval tv = {0, POLL_MS * 1000};

	(void)fd;
	(void)what;
	(void)arg;
	poll_all();
	if (!TAILQ_EMPTY(&held))
		event_add(&poll_event, &tv);
}

int
held_init(struct event_base *base, void (*after)(void))
{
	looked = after;
	if (event_assign(&wake_event, base, -1, 0, on_poll, NULL) != 0)
		return -EINVAL;
	return event_assign(&poll_event, base, -1, 0, on_poll, NULL);
}

void
held_fini(void)
{
	if (looked == NULL)
		return;
	while (!TAILQ_EMPTY(&held))
		forget(TAILQ_FIRST(&held));
	event_del(&wake_event);
	event_del(&poll_event);
	looked = NULL;
}

void
held_wake(void)
{
	if (looked != NULL && !TAILQ_EMPTY(&held))
		event_active(&wake_event, EV_TIMEOUT, 0);
}

int
held_keep(const struct request *req)
{
	struct request *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	*copy = *req;
	TAILQ_INSERT_TAIL(&held, copy, link);
	held_wake();
	return 0;
}

void
held_drop(const struct conn *c)
{
	struct request *req = TAILQ_FIRST(&held);

	while (req != NULL) {
		struct request *next = TAILQ_NEXT(req, link);

		if (req->conn == c)
			forget(req);
		req = next;
	}
}

bool
held_has(const struct conn *c, const void *trace, size_t len)
{
	const struct request *req;

	TAILQ_FOREACH(req, &held, link) {
		if (req->conn == c && req->trace_len == len &&
		    memcmp(req->trace, trace, len) == 0)
			return true;
	}
	return false;
}
