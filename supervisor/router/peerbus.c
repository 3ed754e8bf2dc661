/*
 * peerbus: see peerbus.h. Must never: send to one that is not up.
 */
#include "peerbus.h"

#include "brake.h"
#include "calls.h"
#include "events.h"
#include "hold.h"
#include "outlet.h"
#include "peer.h"
#include "services.h"

#include "common/log.h"

#include <stddef.h>

static void
send_events(
    void *arg, const void *head, size_t head_len, const void *body, size_t len)
{
	const struct peer *p = arg;

	if (p->is_up)
		(void)sock_publish(
		    p->socks[PEER_EVENTS], head, head_len, body, len);
}

static void
on_slow(void *arg)
{
	const struct peer *p = arg;

	log_warn(p->id.name, "does not keep up with its events: the oldest are "
	                     "dropped until it has caught up");
	events_tell_slow(p);
}

int
peerbus_open(struct peer *p, struct event_base *loop)
{
	const struct outlet_options options = {
	    .epoch = peer_epoch(),
	    .base = loop,
	    .send = send_events,
	    .slow = on_slow,
	    .arg = p,
	};

	subs_init(&p->subscriber);
	LIST_INIT(&p->waiters);
	STAILQ_INIT(&p->late_replays);
	LIST_INIT(&p->services);
	brake_open(p, loop);
	calls_open(p);
	return outlet_new(&options, &p->outlet);
}

void
peerbus_close(struct peer *p)
{
	calls_unlink(p);
	services_close(p);
	events_forget(p);
	hold_release(p);
	replay_forget(p);
	brake_forget(p);
	subs_remove_all(&p->subscriber);
	outlet_free(p->outlet);
	p->outlet = NULL;
	policy_fini(&p->policy);
}

static bool
may_subscribe(void *arg, const char *pattern, size_t len)
{
	return policy_may_subscribe(arg, pattern, len);
}

void
peerbus_set_policy(struct peer *p, struct frame *f)
{
	size_t revoked;

	if (p->outlet == NULL || policy_read(&p->policy, f) != 0)
		return;
	outlet_limit(p->outlet, &p->policy.limits);
	revoked = subs_remove_unless(&p->subscriber, may_subscribe, &p->policy);
	if (revoked > 0)
		log_info(p->id.name,
		    "%zu of its subscriptions ended: events.subscribe does "
		    "not allow them any more",
		    revoked);
	hold_await(p);
}
