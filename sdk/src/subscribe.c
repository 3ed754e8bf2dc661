/*
 * subscribe: see subscribe.h. Owns the subscriptions, and what they have seen.
 *
 * A frame that was seen already is acknowledged and else ignored: the router
 * sends again what it has no acknowledgement of. Acknowledged is every fourth
 * frame, and the last one before the loop rests. The acknowledgement behind the
 * subscriptions of a new connection says that these were all; its answer is
 * when a plugin that lost its router hears that it has missed something.
 *
 * A subscription that asks for what was before has a wish, the id of the
 * request: what is retained comes with that number, and what comes as usual is
 * for it as soon as a frame says that the wish was met, not sooner: the router
 * hands it out again. Must never: hand an event of one epoch to the same
 * handler twice, or free a subscription in use.
 */
#include "subscribe.h"

#include "config.h"
#include "plugin.h"
#include "trace.h"

#include "common/log.h"
#include "common/msgs.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ACK_EVERY = 4,
	SMALL_FRAME = 512,
	/* Of a part, at least. */
	RUN_FIELDS = 6,
	GAP_FIELDS = 5,
};

/* It has one, which has no number: greater than all that were met. */
#define NO_WISH_YET UINT64_MAX

struct subscription {
	TAILQ_ENTRY(subscription) link;
	plugind_event_fn *fn; /* NULL: withdrawn */
	void *arg;
	unsigned flags;
	uint64_t id;   /* of the frame that says it; 0: not sent */
	bool is_said;  /* answered, on this connection */
	uint64_t wish; /* 0: it asks for nothing that was before */
	int64_t since_ms;
	char after[SUBSCRIBE_ID_MAX];     /* "": since_ms counts */
	char router[SUBSCRIBE_EPOCH_MAX]; /* that has taken it */
	uint64_t seen_seq;                /* last; 0: nothing yet */
	unsigned seen_epochs;             /* and when that was */
	uint64_t topic_no;                /* which `covers` is about */
	bool covers;
	size_t len;
	char pattern[];
};

/* --- to the router ----------------------------------------------------- */

static bool
send_small(struct subscribe *s, struct buf *b)
{
	struct outbox *o = &s->p->outbox;

	/* Without a way: subscribe_resend says it all. */
	return buf_error(b) == 0 && o->send(o->arg, b->data, b->len) == 0;
}

static bool
tell(struct subscribe *s, unsigned type, uint64_t id, const char *pattern,
    unsigned flags)
{
	char storage[SMALL_FRAME];
	struct buf b;

	buf_init_fixed(&b, storage, sizeof(storage));
	frame_put(&b, type, id, 2);
	wire_put_str(&b, pattern);
	wire_put_uint(&b, flags & PLUGIND_ECHO);
	return send_small(s, &b);
}

static bool
tell_number(struct subscribe *s, uint64_t id)
{
	char storage[SMALL_FRAME];
	struct buf b;

	buf_init_fixed(&b, storage, sizeof(storage));
	frame_put(&b, MSG_EVENTS_ACK, id, 2);
	wire_put_str(&b, s->epoch);
	wire_put_uint(&b, s->last_no);
	return send_small(s, &b);
}

/* From where it has come to; at first, what its author wishes. Another router
 * knows nothing of what this one has seen: all it has is new, but for what is
 * published again. */
static void
put_since(
    const struct subscribe *s, const struct subscription *k, struct buf *b)
{
	char id[SUBSCRIBE_ID_MAX];

	if (k->seen_seq == 0 && k->after[0] != '\0') {
		wire_put_str(b, k->after);
	} else if (k->seen_seq == 0) {
		wire_put_uint(b, (uint64_t)k->since_ms);
	} else if (k->seen_epochs == s->epochs &&
	           strcmp(s->epoch, s->router) == 0) {
		snprintf(id, sizeof(id), "%s:%" PRIu64, s->epoch, k->seen_seq);
		wire_put_str(b, id);
	} else {
		wire_put_uint(b, 0);
	}
}

static bool
tell_wish(struct subscribe *s, struct subscription *k)
{
	char storage[SMALL_FRAME];
	struct buf b;

	k->wish = k->id;
	s->is_behind = true;
	k->router[0] = '\0';
	buf_init_fixed(&b, storage, sizeof(storage));
	frame_put(&b, MSG_SUBSCRIBE, k->wish, 3);
	wire_put_str(&b, k->pattern);
	wire_put_uint(&b, k->flags & PLUGIND_ECHO);
	put_since(s, k, &b);
	return send_small(s, &b);
}

/* What a router has taken it goes on with, whatever connections do. */
static bool
is_wish_met(const struct subscribe *s, const struct subscription *k)
{
	return k->wish == 0 ||
	       (k->router[0] != '\0' && strcmp(k->router, s->router) == 0);
}

static void
acknowledge(struct subscribe *s)
{
	/* Not before all is said: it would say so. */
	if (s->acked_no == s->last_no || s->said_id == 0)
		return;
	if (tell_number(s, outbox_new_id(&s->p->outbox)))
		s->acked_no = s->last_no;
}

static bool
say_one(struct subscribe *s, struct subscription *k)
{
	k->id = outbox_new_id(&s->p->outbox);
	return is_wish_met(s, k)
	           ? tell(s, MSG_SUBSCRIBE, k->id, k->pattern, k->flags)
	           : tell_wish(s, k);
}

/* Says what was not said yet, and at last that this was all. What there is no
 * room for follows at the next answer. */
static void
say(struct subscribe *s)
{
	struct subscription *k;

	TAILQ_FOREACH(k, &s->all, link) {
		if (k->is_said || k->id != 0 || k->fn == NULL)
			continue;
		if (!say_one(s, k)) {
			k->id = 0;
			return;
		}
	}
	if (s->said_id != 0)
		return;
	s->said_id = outbox_new_id(&s->p->outbox);
	if (tell_number(s, s->said_id))
		s->acked_no = s->last_no;
	else
		s->said_id = 0;
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	acknowledge(arg);
}

static void
acknowledge_soon(struct subscribe *s)
{
	const struct timeval now = {0, 0};

	if (s->last_no - s->acked_no >= ACK_EVERY)
		acknowledge(s);
	else if (!event_pending(s->idle, EV_TIMEOUT, NULL))
		event_add(s->idle, &now);
}

void
subscribe_resend(struct subscribe *s, bool is_anew)
{
	struct subscription *k;

	TAILQ_FOREACH(k, &s->all, link) {
		if (is_anew) {
			k->is_said = false;
			k->id = 0;
		}
	}
	/* And what the last connection may have lost. */
	s->said_id = 0;
	say(s);
}

void
subscribe_busy(struct subscribe *s, uint64_t id)
{
	struct subscription *k;

	TAILQ_FOREACH(k, &s->all, link) {
		if (k->id == id)
			k->id = 0;
	}
}

/* --- another router ---------------------------------------------------- */

static void
tell_gap(struct subscribe *s, uint64_t count, enum plugind_gap_reason reason)
{
	if (s->p->leaving)
		return;
	if (s->gap != NULL)
		s->gap(s->p, count, reason, s->gap_arg);
	else if (reason == PLUGIND_GAP_ROUTER)
		plugind_log(s->p, PLUGIND_WARN,
		    "the router was replaced: events may be missing here");
	else if (reason == PLUGIND_GAP_RETENTION)
		plugind_log(s->p, PLUGIND_WARN,
		    "older events than those that follow are not kept any "
		    "more; see bus.retain in plugind.yaml");
	else
		plugind_log(s->p, PLUGIND_WARN,
		    "%" PRIu64 " events%s are missing here: they came faster "
		    "than this plugin took them; see events.on_overflow and "
		    "bus.queue in plugind.yaml",
		    count, count == 0 ? " or more" : "");
}

/* The first epoch of all has no other before it. */
static void
enter_epoch(struct subscribe *s, const char *epoch)
{
	if (strcmp(epoch, s->epoch) == 0)
		return;
	s->owes_gap = s->epoch[0] != '\0';
	snprintf(s->epoch, sizeof(s->epoch), "%s", epoch);
	s->last_no = s->acked_no = 0;
	s->epochs++;
}

void
subscribe_welcome(struct subscribe *s, const char *epoch)
{
	snprintf(s->router, sizeof(s->router), "%s", epoch);
	enter_epoch(s, epoch);
}

/* All subscriptions hold again, from one moment on: what is missing was before
 * that, and whatever comes is after it. */
static void
tell_router_gap(struct subscribe *s)
{
	if (s->owes_gap && !TAILQ_EMPTY(&s->all))
		tell_gap(s, 0, PLUGIND_GAP_ROUTER);
	s->owes_gap = false;
}

/* --- answers ----------------------------------------------------------- */

static void
hear_answer(struct subscribe *s, const struct frame *f)
{
	struct subscription *k;

	if (f->type == MSG_EVENTS_ACK && f->id == s->said_id)
		tell_router_gap(s);
	if (f->type != MSG_SUBSCRIBE)
		return;
	TAILQ_FOREACH(k, &s->all, link)
		k->is_said = k->is_said || (k->id != 0 && k->id == f->id);
	say(s);
}

static void
note_met(struct subscribe *s, uint64_t wish)
{
	struct subscription *k;

	TAILQ_FOREACH(k, &s->all, link) {
		if (k->wish == wish)
			memcpy(k->router, s->router, sizeof(k->router));
	}
}

bool
subscribe_acknowledge(struct subscribe *s, const struct frame *f, uint64_t code)
{
	if (f->type != MSG_SUBSCRIBE && f->type != MSG_UNSUBSCRIBE &&
	    f->type != MSG_EVENTS_ACK)
		return false;
	if (code != FRAME_OK)
		plugin_refused(s->p,
		    f->type == MSG_EVENTS_ACK ? "an acknowledgement was refused"
		                              : "a subscription was refused",
		    f, code);
	else if (f->type == MSG_SUBSCRIBE)
		note_met(s, f->id);
	hear_answer(s, f);
	return true;
}

/* --- set-up ------------------------------------------------------------ */

int
subscribe_init(struct subscribe *s, struct plugind *p)
{
	TAILQ_INIT(&s->all);
	s->p = p;
	s->event.epoch = s->epoch;
	s->idle = event_new(p->base, -1, 0, on_idle, s);
	return s->idle != NULL ? 0 : -ENOMEM;
}

static void
forget_withdrawn(struct subscribe *s)
{
	struct subscription *k, *next;

	for (k = TAILQ_FIRST(&s->all); k != NULL; k = next) {
		next = TAILQ_NEXT(k, link);
		if (k->fn != NULL)
			continue;
		TAILQ_REMOVE(&s->all, k, link);
		free(k);
	}
}

void
subscribe_fini(struct subscribe *s)
{
	struct subscription *k;

	if (s->p == NULL)
		return; /* it never was */
	if (s->idle != NULL)
		event_free(s->idle);
	while ((k = TAILQ_FIRST(&s->all)) != NULL) {
		TAILQ_REMOVE(&s->all, k, link);
		free(k);
	}
}

/* --- one event --------------------------------------------------------- */

static bool
covers(struct subscription *k, const struct plugind_event *e)
{
	if (k->topic_no != e->topic_no) {
		k->topic_no = e->topic_no;
		k->covers =
		    topic_covers(k->pattern, k->len, e->topic, e->topic_len);
	}
	return k->covers;
}

/* `wish`: of a run that is for one subscription; 0: for all. */
static bool
is_for(const struct subscribe *s, struct subscription *k, uint64_t wish)
{
	const struct plugind_event *e = &s->event;

	/* What a plugin that has stopped would do with it, it has freed. */
	if (k->fn == NULL || s->p->leaving ||
	    (e->is_own && (k->flags & PLUGIND_ECHO) == 0))
		return false;
	if (wish != 0)
		return k->wish == wish;
	return k->wish <= s->mark && covers(k, e);
}

static void
hand_over(struct subscribe *s, uint64_t wish)
{
	struct plugind_event *e = &s->event;
	struct subscription *k;

	s->is_handing_over = true;
	if (e->trace_len > 0)
		trace_enter(e->trace, e->trace_len);
	TAILQ_FOREACH(k, &s->all, link) {
		if (!is_for(s, k, wish))
			continue;
		if (k->wish != 0) {
			k->seen_seq = e->seq;
			k->seen_epochs = s->epochs;
		}
		k->fn(s->p, e, k->arg);
	}
	s->is_handing_over = false;
	if (e->trace_len > 0)
		trace_leave();
	config_free(e->map);
	e->map = NULL;
}

/* [topic, data, ...] */
static bool
read_event(struct plugind_event *e, struct wire_cursor *c)
{
	const char *topic;
	size_t len;
	uint32_t n;

	if (wire_get_array(c, &n) != 0 || n < 2 ||
	    wire_get_str(c, &topic, &len) != 0 || len > TOPIC_MAX)
		return false;
	/* It is the same most of the time. */
	if (len != e->topic_len || memcmp(e->topic, topic, len) != 0) {
		memcpy(e->topic, topic, len);
		e->topic[len] = '\0';
		e->topic_len = len;
		e->topic_no++;
	}
	e->data = c->p;
	(void)wire_skip(c);
	e->len = (size_t)(c->p - e->data);
	e->target[0] = '\0';
	if (n > 2 && wire_get_cstr(c, e->target, sizeof(e->target)) != 0)
		(void)wire_skip(c);
	e->trace_len = 0;
	if (n > 3 && wire_get_str(c, &e->trace, &e->trace_len) != 0)
		(void)wire_skip(c);
	for (; n > 4; n--)
		(void)wire_skip(c);
	return true;
}

static bool
is_own_name(const struct plugind *p, const char *source)
{
	char full[SUBSCRIBE_SOURCE_MAX];

	snprintf(full, sizeof(full), "%s:%u", p->identity.name,
	    p->identity.instance);
	return strcmp(source, full) == 0 ||
	       (p->identity.instance == 1 &&
	           strcmp(source, p->identity.name) == 0);
}

/* --- what comes in ----------------------------------------------------- */

/* The field behind the one at `c`; 0: there is none. */
static uint64_t
read_wish(struct wire_cursor c, uint32_t behind)
{
	uint64_t wish = 0;

	if (behind == 0)
		return 0;
	(void)wire_skip(&c);
	(void)wire_get_uint(&c, &wish);
	return wish;
}

/* Those that a later version has. */
static void
skip_fields(struct wire_cursor *c, uint32_t n)
{
	for (; n > 0; n--)
		(void)wire_skip(c);
}

/* [source, time, seq, trace, again, [event, ...], wish] */
static bool
take_run(struct subscribe *s, struct wire_cursor *c, uint32_t fields)
{
	struct plugind_event *e = &s->event;
	uint64_t time_ms = 0;
	uint64_t wish;
	uint32_t n = 0;

	if (wire_get_cstr(c, e->source, sizeof(e->source)) != 0 ||
	    wire_get_uint(c, &time_ms) != 0 || wire_get_uint(c, &e->seq) != 0 ||
	    wire_skip(c) != 0 || wire_get_bool(c, &e->is_again) != 0)
		return false;
	wish = read_wish(*c, fields - RUN_FIELDS);
	if (wire_get_array(c, &n) != 0)
		return false;
	e->time_ms = (int64_t)time_ms;
	e->is_own = is_own_name(s->p, e->source);
	e->epoch = s->epoch;
	e->is_retained = wish != 0;
	for (; n > 0; n--, e->seq++) {
		if (!read_event(e, c))
			return false;
		hand_over(s, wish);
	}
	forget_withdrawn(s);
	skip_fields(c, fields - RUN_FIELDS);
	return true;
}

static bool
is_wished(const struct subscribe *s, uint64_t wish)
{
	const struct subscription *k;

	TAILQ_FOREACH(k, &s->all, link) {
		if (k->fn != NULL && k->wish == wish)
			return true;
	}
	return false;
}

/* [nil, count, from, to, why], and the wish of which it is a part */
static bool
take_gap(struct subscribe *s, struct wire_cursor *c, uint32_t fields)
{
	uint64_t count, wish;

	if (wire_get_nil(c) != 0 || wire_get_uint(c, &count) != 0)
		return false;
	skip_fields(c, GAP_FIELDS - 3);
	wish = read_wish(*c, fields - GAP_FIELDS);
	skip_fields(c, fields - GAP_FIELDS + 1);
	if (wish == 0)
		tell_gap(s, count, PLUGIND_GAP_OVERFLOW);
	else if (is_wished(s, wish))
		tell_gap(s, count, PLUGIND_GAP_RETENTION);
	return true;
}

/* Once for those that have waited for it together. */
static void
tell_caught_up(struct subscribe *s)
{
	const struct subscription *k;

	TAILQ_FOREACH(k, &s->all, link) {
		if (k->fn != NULL && k->wish > s->mark)
			return; /* it waits */
	}
	s->is_behind = false;
	if (s->caught_up != NULL && !s->p->leaving)
		s->caught_up(s->p, s->caught_up_arg);
}

/* [wish]: this one, and all before it, are met in front of this frame. */
static bool
take_mark(struct subscribe *s, struct wire_cursor *c, uint32_t fields)
{
	if (wire_get_uint(c, &s->mark) != 0)
		return false;
	skip_fields(c, fields - 1);
	if (s->is_behind)
		tell_caught_up(s);
	return true;
}

static bool
take_part(struct subscribe *s, struct wire_cursor *c)
{
	uint32_t fields;

	if (wire_get_array(c, &fields) != 0)
		return false;
	if (wire_peek(c) == WIRE_NIL)
		return fields >= GAP_FIELDS && take_gap(s, c, fields);
	if (wire_peek(c) == WIRE_UINT)
		return take_mark(s, c, fields);
	return fields >= RUN_FIELDS && take_run(s, c, fields);
}

static bool
take_parts(struct subscribe *s, const void *parts, size_t len)
{
	struct wire_cursor c;
	uint32_t n = 0;

	wire_cursor_init(&c, parts, len);
	if (wire_get_array(&c, &n) != 0)
		return false;
	s->mark = 0;
	for (; n > 0; n--) {
		if (!take_part(s, &c))
			return false;
	}
	return true;
}

/* Whether the frame is new. */
static bool
count_frame(struct subscribe *s, const char *epoch, uint64_t no)
{
	enter_epoch(s, epoch);
	tell_router_gap(s);
	if (no <= s->last_no) {
		s->acked_no = 0; /* said once more */
		return false;
	}
	/* It will not come again: this one acknowledges it. */
	if (no > s->last_no + 1)
		tell_gap(s, 0, PLUGIND_GAP_OVERFLOW);
	s->last_no = no;
	return true;
}

bool
subscribe_take(struct subscribe *s, const void *data, size_t len)
{
	char epoch[SUBSCRIBE_EPOCH_MAX] = "";
	const void *parts;
	size_t parts_len;
	struct frame f;
	bool is_good = true;

	if (frame_parse(data, len, &f) != 0 || f.type != MSG_EVENTS ||
	    frame_str(&f, epoch, sizeof(epoch)) != 0 ||
	    frame_raw(&f, &parts, &parts_len) != 0)
		return false;
	/* Not acknowledged either: nobody has had it. */
	if (s->p->leaving)
		return true;
	if (count_frame(s, epoch, f.id))
		is_good = take_parts(s, parts, parts_len);
	acknowledge_soon(s);
	return is_good;
}

/* --- for the plugin ---------------------------------------------------- */

/* Adds one that the router is not told of yet. */
static int
make_subscription(
    struct subscribe *s, const char *pattern, const struct subscription *like)
{
	size_t len = strlen(pattern);
	struct subscription *k;

	if (like->fn == NULL || topic_check_pattern(pattern, len) != NULL)
		return -EINVAL;
	k = malloc(sizeof(*k) + len + 1);
	if (k == NULL)
		return -ENOMEM;
	*k = *like;
	k->len = len;
	memcpy(k->pattern, pattern, len + 1);
	TAILQ_INSERT_TAIL(&s->all, k, link);
	s->is_behind = s->is_behind || k->wish != 0;
	say(s);
	return 0;
}

int
plugind_subscribe(struct plugind *p, const char *pattern, unsigned flags,
    plugind_event_fn *fn, void *arg)
{
	const struct subscription like = {.fn = fn, .arg = arg, .flags = flags};

	return make_subscription(&p->subscribe, pattern, &like);
}

int
plugind_subscribe_since(struct plugind *p, const char *pattern, unsigned flags,
    int64_t since_ms, plugind_event_fn *fn, void *arg)
{
	const struct subscription like = {.fn = fn,
	    .arg = arg,
	    .flags = flags,
	    .wish = NO_WISH_YET,
	    .since_ms = since_ms};

	return since_ms < 0 ? -EINVAL
	                    : make_subscription(&p->subscribe, pattern, &like);
}

/* "EPOCH:SEQ" */
static bool
is_id(const char *id)
{
	size_t n = strcspn(id, ":");

	return strlen(id) < SUBSCRIBE_ID_MAX && n > 0 && id[n] == ':' &&
	       id[n + 1] != '\0' &&
	       id[n + 1 + strspn(id + n + 1, "0123456789")] == '\0';
}

int
plugind_subscribe_after(struct plugind *p, const char *pattern, unsigned flags,
    const char *id, plugind_event_fn *fn, void *arg)
{
	struct subscription like = {
	    .fn = fn, .arg = arg, .flags = flags, .wish = NO_WISH_YET};

	if (id == NULL || !is_id(id))
		return -EINVAL;
	memcpy(like.after, id, strlen(id) + 1);
	return make_subscription(&p->subscribe, pattern, &like);
}

void
plugind_unsubscribe(struct plugind *p, const char *pattern)
{
	struct subscribe *s = &p->subscribe;
	struct subscription *k;
	bool any = false;

	TAILQ_FOREACH(k, &s->all, link) {
		if (strcmp(k->pattern, pattern) != 0)
			continue;
		k->fn = NULL;
		any = true;
	}
	if (any)
		(void)tell(s, MSG_UNSUBSCRIBE, outbox_new_id(&s->p->outbox),
		    pattern, 0);
	if (!s->is_handing_over)
		forget_withdrawn(s);
}

void
plugind_on_gap(struct plugind *p, plugind_gap_fn *fn, void *arg)
{
	p->subscribe.gap = fn;
	p->subscribe.gap_arg = arg;
}

void
plugind_on_caught_up(struct plugind *p, plugind_caught_up_fn *fn, void *arg)
{
	p->subscribe.caught_up = fn;
	p->subscribe.caught_up_arg = arg;
}
