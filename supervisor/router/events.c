/*
 * events: owns the counter that numbers them, and the tickets of publishers
 * who wait. An event is copied once for each who hears it, as it came, and
 * consecutive ones for the same in one piece: what is done for each is to
 * find where it ends and to compare its topic with the one before.
 *
 * Must never: hold back one plugin's events for another's sake, believe what
 * a plugin says about who it is, or take a part of a frame.
 */
#include "events.h"

#include "brake.h"
#include "hold.h"
#include "outlet.h"
#include "peer.h"
#include "replay.h"
#include "retain.h"
#include "subs.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/msgs.h"
#include "common/topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HEARERS_MAX = 8192,
	TOPIC_TOLD_MAX = 128,
	EPOCH_MAX = 64,
	/* It goes with every run that is kept or sent. */
	TRACE_MAX = 258, /* 255 bytes, as an object */
	EVENTS_BYTES_MAX = 1024 * 1024 + 1024,
};

/* A publisher that is answered when its events have arrived. */
struct waiter {
	struct outlet_ticket ticket; /* first */
	LIST_ENTRY(waiter) link;
	struct peer *from; /* NULL: it is gone */
	uint64_t id;
	struct sock_return to;
};

STAILQ_HEAD(touched_list, peer);

struct hearers {
	struct peer *v[HEARERS_MAX];
	size_t n;
};

struct one {
	const char *topic;
	size_t topic_len;
	size_t data_len;
	const char *target; /* NULL: all */
	size_t target_len;
};

/* What is being delivered. */
struct delivery {
	struct peer *from; /* NULL: the supervisor */
	struct outlet_run run;
	struct outlet_ticket *ticket;
	struct touched_list touched;
	/* Those of one topic and target that end with the last one. */
	const uint8_t *alike;
	uint64_t alike_seq;
};

static const char denied_why[] =
    "a topic that it may not publish to: see events.publish of this plugin";
static const char large_why[] =
    "an event with more data than bus.max_frame allows";
static const char again_why[] =
    "a topic that it may not publish to, or an event with more data than "
    "bus.max_frame allows";
static uint64_t last_seq;
static struct hearers both[2];
static struct hearers *hearers = &both[0]; /* of the run under way */
static struct hearers *others = &both[1];  /* of what may go on with it */

/* --- reading ----------------------------------------------------------- */

/* [topic, data, target?] */
static int
read_one(struct wire_cursor *c, struct one *e)
{
	const uint8_t *data;
	uint32_t n;

	*e = (struct one){0};
	if (wire_get_array(c, &n) != 0 || n < 2 ||
	    wire_get_str(c, &e->topic, &e->topic_len) != 0)
		return -EBADMSG;
	data = c->p;
	if (wire_skip(c) != 0)
		return -EBADMSG;
	e->data_len = (size_t)(c->p - data);
	if (n > 2 && wire_get_str(c, &e->target, &e->target_len) == 0)
		n--;
	for (; n > 2; n--)
		(void)wire_skip(c);
	return 0;
}

static bool
is_same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool
is_same_way(const struct one *a, const struct one *b)
{
	if ((a->target == NULL) != (b->target == NULL) ||
	    !is_same_text(a->topic, a->topic_len, b->topic, b->topic_len))
		return false;
	return a->target == NULL ||
	       is_same_text(a->target, a->target_len, b->target, b->target_len);
}

/* All of them, before the first goes anywhere. */
static enum frame_code
check_all(const struct peer *from, struct wire_cursor c, uint32_t n,
    const char **ret_why)
{
	struct one before = {0};

	for (; n > 0; n--) {
		struct one e;

		*ret_why = "an event is not [topic, data, target?]";
		if (read_one(&c, &e) != 0)
			return FRAME_MALFORMED;
		*ret_why = large_why;
		if (e.data_len > from->policy.largest)
			return FRAME_DENIED;
		if (before.topic != NULL && is_same_way(&e, &before))
			continue;
		*ret_why = topic_check(e.topic, e.topic_len);
		if (*ret_why != NULL)
			return FRAME_MALFORMED;
		*ret_why = denied_why;
		if (!policy_may_publish(&from->policy, e.topic, e.topic_len))
			return FRAME_DENIED;
		before = e;
	}
	*ret_why = NULL;
	return FRAME_OK;
}

/* --- delivering -------------------------------------------------------- */

static struct peer *
peer_of(struct subs_who *who)
{
	return (struct peer *)((char *)who - offsetof(struct peer, subscriber));
}

static void
find_hearers(const struct peer *from, const struct one *e, struct hearers *out)
{
	struct subs_match match = {0};

	out->n = 0;
	if (subs_match(e->topic, e->topic_len, &match) != 0) {
		/* Who hears it is not known, and nobody would be told of a
		 * gap: the next router tells all. */
		log_error(NULL, "out of memory: ending, so that a fresh "
		                "router comes");
		_exit(1);
	}
	for (size_t i = 0; i < match.n && out->n < HEARERS_MAX; i++) {
		struct peer *to = peer_of(match.who[i]);

		if (!to->is_awaited &&
		    (to != from || (from != NULL && from->wants_echo)) &&
		    (e->target == NULL ||
		        peer_is_named(to, e->target, e->target_len)))
			out->v[out->n++] = to;
	}
}

static bool
is_same_hearers(const struct hearers *a, const struct hearers *b)
{
	return a->n == b->n &&
	       memcmp(a->v, b->v, a->n * sizeof(struct peer *)) == 0;
}

static void
deliver_run(struct delivery *d)
{
	for (size_t i = 0; d->run.n > 0 && i < hearers->n; i++) {
		struct peer *p = hearers->v[i];

		outlet_put(p->outlet, &d->run, d->ticket);
		if (p->is_touched)
			continue;
		p->is_touched = true;
		STAILQ_INSERT_TAIL(&d->touched, p, touched);
	}
}

/* Whether `e`, another topic or target than the one before, goes on with the
 * run. If not, `others` hear it. */
static bool
goes_on(const struct delivery *d, const struct one *e)
{
	find_hearers(d->from, e, others);
	return d->run.n > 0 && is_same_hearers(others, hearers);
}

static void
swap_hearers(void)
{
	struct hearers *h = hearers;

	hearers = others;
	others = h;
}

/* For those who subscribe later: events alike, `e` one of them, up to `end`. */
static void
retain(const struct delivery *d, const struct one *e, const uint8_t *end)
{
	struct outlet_run run = d->run;

	if (e->topic == NULL)
		return;
	run.events = d->alike;
	run.len = (size_t)(end - d->alike);
	run.seq = d->alike_seq;
	run.n = (uint32_t)(last_seq + 1 - run.seq);
	retain_put(e->topic, e->topic_len, d->from == NULL, &run);
}

/* A topic or target that is another than that of the event before. */
static void
turn(struct delivery *d, const struct one *e, const uint8_t *start)
{
	d->alike = start;
	d->alike_seq = last_seq + 1;
	if (goes_on(d, e))
		return;
	deliver_run(d);
	swap_hearers();
	d->run.events = start;
	d->run.seq = last_seq + 1;
	d->run.n = 0;
}

/* Cuts the events into runs of those that the same hear. */
static void
deliver(struct delivery *d, struct wire_cursor c, uint32_t n)
{
	struct one before = {0};
	struct one e;

	STAILQ_INIT(&d->touched);
	for (; n > 0; n--) {
		const uint8_t *start = c.p;

		(void)read_one(&c, &e);
		if (before.topic == NULL || !is_same_way(&e, &before)) {
			retain(d, &before, start);
			turn(d, &e, start);
		}
		before = e;
		last_seq++;
		d->run.n++;
		d->run.len = (size_t)(c.p - (const uint8_t *)d->run.events);
	}
	retain(d, &before, c.p);
	deliver_run(d);
	for (struct peer *p; (p = STAILQ_FIRST(&d->touched)) != NULL;) {
		STAILQ_REMOVE_HEAD(&d->touched, touched);
		p->is_touched = false;
		outlet_flush(p->outlet);
	}
}

/* --- publishers -------------------------------------------------------- */

static void
on_arrived(struct outlet_ticket *t)
{
	struct waiter *w = (struct waiter *)t;

	if (w->from != NULL) {
		LIST_REMOVE(w, link);
		peer_answer(
		    w->from, &w->to, MSG_PUBLISH, w->id, FRAME_OK, NULL);
	}
	free(w);
}

void
events_forget(struct peer *p)
{
	struct waiter *w;

	while ((w = LIST_FIRST(&p->waiters)) != NULL) {
		LIST_REMOVE(w, link);
		w->from = NULL;
	}
}

/* It was sent again, on another connection; what it is about is done, is being
 * waited for, or was denied. */
static int
answer_again(struct peer_request *q)
{
	struct waiter *w;

	for (size_t i = 0; i < PEER_DENIED; i++) {
		if (q->p->denied[i] == q->frame.id) {
			q->why = again_why;
			return FRAME_DENIED;
		}
	}

	LIST_FOREACH(w, &q->p->waiters, link) {
		if (w->id == q->frame.id) {
			w->to = *q->to;
			return PEER_LATER;
		}
	}
	return FRAME_OK;
}

static struct waiter *
make_waiter(const struct peer_request *q)
{
	struct waiter *w = malloc(sizeof(*w));

	if (w == NULL)
		return NULL;
	/* One of its own, so that it is not done before all is put. */
	*w = (struct waiter){.ticket = {1, on_arrived},
	    .from = q->p,
	    .id = q->frame.id,
	    .to = *q->to};
	LIST_INSERT_HEAD(&q->p->waiters, w, link);
	return w;
}

/* time trace again events */
static int
read_publish(const struct peer_request *q, struct outlet_run *run,
    struct wire_cursor *ret_events, uint32_t *ret_n)
{
	struct frame f = q->frame;

	if (frame_uint(&f, &run->time_ms) != 0 ||
	    frame_raw(&f, &run->trace, &run->trace_len) != 0 ||
	    run->trace_len > TRACE_MAX || !frame_next(&f) ||
	    wire_get_bool(&f.args, &run->again) != 0 ||
	    wire_get_array(&f.args, ret_n) != 0 ||
	    f.args.end - f.args.p > EVENTS_BYTES_MAX)
		return -EBADMSG;
	*ret_events = f.args;
	return 0;
}

/* In order: one behind one that was not taken is not taken either. */
static int
accept_publish(struct peer_request *q, struct delivery *d,
    struct wire_cursor events, uint32_t n)
{
	struct peer *p = q->p;
	struct waiter *w = make_waiter(q);

	if (w == NULL) {
		p->busy_id = q->frame.id;
		q->why = "out of memory";
		return FRAME_BUSY;
	}
	p->published_id = q->frame.id;
	p->published += n;
	d->run.source = p->policy.source;
	d->ticket = &w->ticket;
	deliver(d, events, n);
	if (--w->ticket.pending == 0)
		on_arrived(&w->ticket);
	return PEER_LATER;
}

int
events_publish(struct peer_request *q)
{
	struct delivery d = {.from = q->p};
	struct peer *p = q->p;
	struct wire_cursor events;
	uint32_t n = 0;
	int code;

	if (q->frame.id <= p->published_id)
		return answer_again(q);
	q->why = "a subscriber that blocks has not come back yet";
	if (hold_is_on()) {
		if (p->busy_id == 0)
			p->busy_id = q->frame.id;
		return FRAME_BUSY;
	}
	q->why = "out of memory, a moment ago";
	if (p->busy_id != 0 && p->busy_id != q->frame.id)
		return FRAME_BUSY;
	p->busy_id = 0;
	q->why = "publish is [time, trace, again, events], the trace a text of "
	         "at most 255 bytes or nil, the events 1 MiB";
	if (read_publish(q, &d.run, &events, &n) != 0)
		return FRAME_MALFORMED;
	code = check_all(p, events, n, &q->why);
	if (code == FRAME_OK)
		return accept_publish(q, &d, events, n);
	if (code == FRAME_DENIED) {
		p->published_id = q->frame.id; /* that is its answer */
		p->denied[p->ndenied++ % PEER_DENIED] = q->frame.id;
	}
	return code;
}

/* --- the supervisor's -------------------------------------------------- */

static void
publish_system(
    uint64_t time_ms, const char *topic, const void *data, size_t len)
{
	static const uint8_t nil = 0xc0;
	struct delivery d = {.run = {.source = "plugind",
	                         .time_ms = time_ms,
	                         .trace = &nil,
	                         .trace_len = 1}};
	struct wire_cursor c;
	struct buf b;

	buf_init(&b, len + TOPIC_MAX + TOPIC_TOLD_MAX);
	wire_put_array(&b, 2);
	wire_put_str(&b, topic);
	wire_put_raw(&b, data, len);
	wire_cursor_init(&c, b.data, b.len);
	if (buf_error(&b) == 0)
		deliver(&d, c, 1);
	buf_fini(&b);
}

void
events_system(struct frame *f)
{
	char topic[TOPIC_TOLD_MAX];
	uint64_t time_ms;
	const void *data;
	size_t len;

	if (frame_uint(f, &time_ms) == 0 &&
	    frame_str(f, topic, sizeof(topic)) == 0 &&
	    frame_raw(f, &data, &len) == 0)
		publish_system(time_ms, topic, data, len);
}

void
events_own(const char *topic, const void *data, size_t len)
{
	publish_system((uint64_t)clock_real_ms(), topic, data, len);
}

void
events_tell_slow(const struct peer *p)
{
	struct buf b;

	buf_init(&b, 256);
	wire_put_map(&b, 1);
	wire_put_str(&b, "name");
	wire_put_str(&b, p->policy.source);
	if (buf_error(&b) == 0)
		events_own("plugin.slow", b.data, b.len);
	buf_fini(&b);
}

/* events bytes */
void
events_retain(struct frame *f)
{
	struct retain_limits limits;

	if (frame_uint(f, &limits.events) == 0 &&
	    frame_uint(f, &limits.bytes) == 0)
		retain_limit(&limits, last_seq);
}

uint64_t
events_count(void)
{
	return last_seq;
}

/* --- subscribers ------------------------------------------------------- */

bool
events_are_for(const struct peer *to, const struct outlet_run *run)
{
	struct wire_cursor c;
	struct one e;

	if (!to->wants_echo && strcmp(run->source, to->policy.source) == 0)
		return false;
	wire_cursor_init(&c, run->events, run->len);
	(void)read_one(&c, &e);
	return e.target == NULL || peer_is_named(to, e.target, e.target_len);
}

static int
read_pattern(struct frame *f, char out[TOPIC_MAX + 1], struct peer_request *q)
{
	*f = q->frame;
	q->why = "a pattern is a text of at most 255 bytes";
	if (frame_str(f, out, TOPIC_MAX + 1) != 0)
		return FRAME_MALFORMED;
	q->why = topic_check_pattern(out, strlen(out));
	return q->why == NULL ? FRAME_OK : FRAME_MALFORMED;
}

int
events_subscribe(struct peer_request *q)
{
	struct peer *p = q->p;
	char pattern[TOPIC_MAX + 1];
	struct replay replay;
	uint64_t echo = 0;
	struct frame f;
	int code = read_pattern(&f, pattern, q);
	int r;

	if (code != FRAME_OK)
		return code;
	(void)frame_uint(&f, &echo);
	q->why = "since is a time or EPOCH:SEQ";
	if (replay_read(&f, &replay) != 0)
		return FRAME_MALFORMED;
	code = brake_hold(q, replay.is_asked);
	if (code != FRAME_OK)
		return code;
	q->why = "a pattern that it may not subscribe to: see "
	         "events.subscribe of this plugin";
	if (!policy_may_subscribe(&p->policy, pattern, strlen(pattern)))
		return FRAME_DENIED;
	r = subs_add(&p->subscriber, pattern, strlen(pattern));
	q->why =
	    r == -ENOSPC ? "more than 1024 subscriptions" : "out of memory";
	if (r != 0)
		return r == -ENOSPC ? FRAME_DENIED : FRAME_BUSY;
	p->wants_echo = p->wants_echo || echo != 0;
	if (!replay.is_asked)
		return FRAME_OK;
	if (p->is_awaited)
		r = replay_put_off(p, pattern, &replay, q->frame.id);
	else
		replay_run(p, pattern, &replay, q->frame.id, last_seq);
	return r == 0 ? FRAME_OK : FRAME_BUSY;
}

int
events_unsubscribe(struct peer_request *q)
{
	char pattern[TOPIC_MAX + 1];
	struct frame f;
	int code = read_pattern(&f, pattern, q);

	if (code == FRAME_OK)
		code = brake_hold(q, false);
	if (code == FRAME_OK)
		subs_remove(&q->p->subscriber, pattern, strlen(pattern));
	return code;
}

int
events_acknowledge(struct peer_request *q)
{
	struct frame f = q->frame;
	char epoch[EPOCH_MAX];
	uint64_t no = 0;

	q->why = "an acknowledgement of a frame that was not sent";
	if (frame_str(&f, epoch, sizeof(epoch)) != 0 ||
	    frame_uint(&f, &no) != 0)
		return FRAME_MALFORMED;
	/* Behind the subscriptions of a new connection there is always one. */
	hold_release(q->p);
	replay_run_late(q->p, last_seq);
	/* Of what the router before this one has sent. */
	if (strcmp(epoch, peer_epoch()) != 0)
		return FRAME_OK;
	return outlet_acknowledge(q->p->outlet, no) == 0 ? FRAME_OK
	                                                 : FRAME_MALFORMED;
}
