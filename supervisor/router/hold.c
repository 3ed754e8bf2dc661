/*
 * hold: owns the number of those who are awaited. It is on from the start of
 * the router to when the core has told of all incarnations and the last of
 * those has said its subscriptions, or the longest block_ms has passed: a
 * subscriber that stands still holds publishers up no longer than ever.
 *
 * Whether or not it blocks, one that is awaited hears nothing until it has said
 * all its subscriptions: they begin at once, so that what it has missed is
 * before the first event that it hears, and not between two.
 *
 * Must never: begin again.
 */
#include "hold.h"

#include "peer.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static struct event late;
static size_t awaited;
static bool knows_all;
static bool is_over;
static int64_t longest_ms;

static void
end(void)
{
	is_over = true;
	event_del(&late);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	end();
}

int
hold_init(struct event_base *base)
{
	return event_assign(&late, base, -1, 0, on_late, NULL);
}

void
hold_await(struct peer *p)
{
	/* Without a process it cannot have subscribed to anything. */
	if (knows_all || p->is_awaited || p->id.pid == 0)
		return;
	p->is_awaited = true;
	p->holds_up = p->policy.limits.blocks;
	awaited += p->holds_up;
	if (p->holds_up && p->policy.limits.block_ms > longest_ms)
		longest_ms = p->policy.limits.block_ms;
}

static void
end_if_due(void)
{
	if (knows_all && awaited == 0)
		end();
}

void
hold_release(struct peer *p)
{
	if (!p->is_awaited)
		return;
	p->is_awaited = false;
	awaited -= p->holds_up;
	end_if_due();
}

void
hold_told_all(void)
{
	const struct timeval tv = {longest_ms / 1000, longest_ms % 1000 * 1000};

	if (knows_all)
		return;
	knows_all = true;
	if (awaited == 0 || event_add(&late, &tv) != 0)
		end();
}

bool
hold_is_on(void)
{
	return !is_over;
}
