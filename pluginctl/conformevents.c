/*
 * conformevents: the rules of `conform` about events, for programs that
 * subscribe or publish. A rule is a function that plays a router to a process
 * of its own; true means that it is kept.
 */
#include "conformscript.h"

#include "common/clock.h"
#include "common/msgs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FRAME_MAX = 4 << 10 };

static const char no_subscription[] = "it has subscribed to nothing";
static const char end_expected[] =
    "events.ack (313) after every hello, behind the last subscribe: until "
    "then a router may withhold all events";
static const char ack_expected[] =
    "events.ack (313) with the epoch and the number of the frame";

/* --- frames of events -------------------------------------------------- */

/* A topic that the pattern matches. */
static void
make_topic(const char *pattern, char *out, size_t cap)
{
	size_t len = 0;

	for (; *pattern != '\0' && len + sizeof("conform") < cap; pattern++) {
		if (*pattern == '*' || *pattern == '>')
			len +=
			    (size_t)snprintf(out + len, cap - len, "conform");
		else
			out[len++] = *pattern;
	}
	out[len] = '\0';
}

enum kind { KIND_EVENT, KIND_WITH_MORE, KIND_GAP };

/* [source, time, seq, trace, again, [[topic, data]]] */
static void
put_run(struct script *s, struct buf *b, uint64_t number)
{
	wire_put_array(b, 6);
	wire_put_str(b, "plugind");
	wire_put_uint(b, (uint64_t)clock_real_ms());
	wire_put_uint(b, number);
	wire_put_nil(b);
	wire_put_bool(b, false);
	wire_put_array(b, 1);
	wire_put_array(b, 2);
	wire_put_str(b, s->conform->topic);
	wire_put_map(b, 0);
}

/* [nil, count, from, to, why] */
static void
put_gap(struct buf *b)
{
	wire_put_array(b, 5);
	wire_put_nil(b);
	wire_put_uint(b, 3);
	wire_put_uint(b, 100);
	wire_put_uint(b, 102);
	wire_put_str(b, "overflow");
}

/* A frame in the epoch of the router: one event, perhaps with an argument
 * more than there is, or a gap. */
static void
send_events(struct script *s, uint64_t number, enum kind kind)
{
	struct buf b;

	buf_init(&b, FRAME_MAX);
	frame_put(&b, MSG_EVENTS, number, kind == KIND_WITH_MORE ? 3 : 2);
	wire_put_str(&b, s->peer.epoch);
	wire_put_array(&b, 1);
	if (kind == KIND_GAP)
		put_gap(&b);
	else
		put_run(s, &b, number);
	if (kind == KIND_WITH_MORE)
		wire_put_str(&b, "of a later version");
	conformpeer_publish(&s->peer, &b);
	buf_fini(&b);
}

/* An acknowledgement of `number` that has come since. */
static bool
is_acknowledged(struct script *s, uint64_t number, size_t since)
{
	const struct heard *h =
	    script_hear(s, MSG_EVENTS_ACK, number, 0, since);

	if (h == NULL)
		return script_fail(s, ack_expected,
		    "frame %" PRIu64 " was not acknowledged", number);
	if (strcmp(h->text, s->peer.epoch) != 0)
		return script_fail(s, ack_expected,
		    "frame %" PRIu64 " was acknowledged with epoch \"%s\", "
		    "not \"%s\"",
		    number, h->text, s->peer.epoch);
	return true;
}

/* --- rules ------------------------------------------------------------- */

/* It runs, and has subscribed; what others have found out is known here. */
static bool
begin_subscribed(struct script *s)
{
	const struct heard *h;

	if (s->conform->topic[0] == '\0')
		return script_skip(s, no_subscription);
	if (!script_begin(s, STAGE_RUNNING))
		return false;
	h = script_hear(s, MSG_SUBSCRIBE, 0, 0, 0);
	if (h == NULL)
		return script_fail(s, "a subscription, as in the rule before",
		    "it did not subscribe this time");
	make_topic(h->text, s->conform->topic, sizeof(s->conform->topic));
	return true;
}

/* What says that all has been subscribed to; NULL: it has not come. */
static const struct heard *
hear_end_of_subscriptions(struct script *s, size_t since)
{
	for (size_t i = since; i < s->peer.heard_count; i++) {
		if (s->peer.heard[i].type == MSG_SUBSCRIBE)
			since = i + 1;
	}
	return script_hear(s, MSG_EVENTS_ACK, 0, 0, since);
}

static bool
says_all_again(struct script *s, const char *pattern)
{
	size_t since = s->peer.heard_count;

	conformpeer_drop(&s->peer, PIPE_HUB);
	if (!script_relink(s))
		return false;
	if (script_hear(s, MSG_SUBSCRIBE, 0, 0, since) == NULL)
		return script_fail(s, "subscribe (311) after every hello",
		    "\"%s\" was not said again", pattern);
	return hear_end_of_subscriptions(s, since) != NULL ||
	       script_fail(s, end_expected,
	           "no events.ack came behind \"%s\", said again", pattern);
}

/* The first one finds out whether there is any subscription. */
static bool
subscribes_again(struct script *s)
{
	char pattern[CONFORM_TEXT_MAX];
	const struct heard *h;

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	h = script_hear_unasked(s, MSG_SUBSCRIBE);
	if (h == NULL)
		return script_skip(s, no_subscription);
	memcpy(pattern, h->text, sizeof(pattern));
	make_topic(pattern, s->conform->topic, sizeof(s->conform->topic));
	if (script_hear(s, MSG_EVENTS_ACK, 0, 0, 0) == NULL)
		return script_fail(s, end_expected,
		    "no events.ack came after the first hello");
	return says_all_again(s, pattern);
}

static bool
acknowledges(struct script *s)
{
	enum { FRAMES = 9 };
	const struct heard *h;
	size_t since;

	if (!begin_subscribed(s))
		return false;
	since = s->peer.heard_count;
	for (uint64_t i = 1; i <= FRAMES; i++)
		send_events(s, i, KIND_EVENT);
	if (!is_acknowledged(s, FRAMES, since))
		return false;
	for (size_t i = since; i < s->peer.heard_count; i++) {
		h = &s->peer.heard[i];
		if (h->type == MSG_EVENTS_ACK && h->op > FRAMES)
			return script_fail(s, ack_expected,
			    "frame %" PRIu64 " was acknowledged, and never "
			    "sent",
			    h->op);
	}
	return true;
}

static bool
acknowledges_what_has_more(struct script *s)
{
	size_t since;

	if (!begin_subscribed(s))
		return false;
	since = s->peer.heard_count;
	send_events(s, 1, KIND_WITH_MORE);
	return is_acknowledged(s, 1, since);
}

static bool
acknowledges_a_gap(struct script *s)
{
	size_t since;

	if (!begin_subscribed(s))
		return false;
	since = s->peer.heard_count;
	send_events(s, 1, KIND_EVENT);
	send_events(s, 2, KIND_GAP);
	return is_acknowledged(s, 2, since);
}

static bool
acknowledges_again(struct script *s)
{
	size_t since;

	if (!begin_subscribed(s))
		return false;
	since = s->peer.heard_count;
	send_events(s, 1, KIND_EVENT);
	send_events(s, 2, KIND_EVENT);
	if (!is_acknowledged(s, 2, since))
		return false;
	since = s->peer.heard_count;
	send_events(s, 1, KIND_EVENT);
	send_events(s, 2, KIND_EVENT);
	if (!is_acknowledged(s, 2, since))
		return false;
	since = s->peer.heard_count;
	send_events(s, 3, KIND_EVENT);
	return is_acknowledged(s, 3, since);
}

static bool
acknowledges_the_next_router(struct script *s)
{
	size_t since;

	if (!begin_subscribed(s))
		return false;
	since = s->peer.heard_count;
	for (uint64_t i = 1; i <= 3; i++)
		send_events(s, i, KIND_EVENT);
	if (!is_acknowledged(s, 3, since))
		return false;
	conformpeer_drop_all(&s->peer);
	conformpeer_renew(&s->peer);
	since = s->peer.heard_count;
	if (!script_relink(s))
		return false;
	/* As a router does; that it comes is another rule's. Before, the
	 * program need not have read what hello was answered with. */
	(void)hear_end_of_subscriptions(s, since);
	since = s->peer.heard_count;
	send_events(s, 1, KIND_EVENT);
	return is_acknowledged(s, 1, since);
}

static bool
publishes_again(struct script *s)
{
	static const char expected[] =
	    "publish with the same id and `again`, after the next hello";
	const struct heard *h;
	uint64_t id;
	size_t since;

	s->peer.publish_answer = CONFORM_SILENCE;
	if (!script_begin(s, STAGE_RUNNING))
		return false;
	h = script_hear_unasked(s, MSG_PUBLISH);
	if (h == NULL)
		return script_skip(s, "it has published nothing");
	id = h->id;
	since = s->peer.heard_count;
	conformpeer_drop(&s->peer, PIPE_HUB);
	s->peer.publish_answer = FRAME_OK;
	if (!script_relink(s))
		return false;
	h = script_hear(s, MSG_PUBLISH, 0, id, since);
	if (h == NULL)
		return script_fail(s, expected, "it did not come again");
	return h->again ||
	       script_fail(s, expected, "it came again without `again`");
}

#define EVENTS "Events: 31x, from the plugin, and 251 to it"

/* clang-format off */
const struct conform_rule conform_event_rules[] = {
	{"subscribes again after every hello", EVENTS, subscribes_again},
	{"acknowledges events", EVENTS, acknowledges},
	{"acknowledges events that have an unknown argument", "Frames", acknowledges_what_has_more},
	{"acknowledges a gap", EVENTS, acknowledges_a_gap},
	{"acknowledges events again that come again", EVENTS, acknowledges_again},
	{"acknowledges events of the next router", EVENTS, acknowledges_the_next_router},
	{"publishes again what was not answered", EVENTS, publishes_again},
};
/* clang-format on */

const size_t conform_event_count =
    sizeof(conform_event_rules) / sizeof(conform_event_rules[0]);
