/*
 * outlet: owns the frames that are not acknowledged, in order: first those
 * under way, then those that wait, the last of which still grows.
 *
 * A parcel is the body of a frame; it gets its number and its head when it is
 * sent. A gap is a parcel of its own in front of those that wait. Must never:
 * change a parcel that was sent, or number two alike.
 */
#include "outlet.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/msgs.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	PARCEL_MAX = 1024 * 1024 + 3072, /* with its head it can be sent */
	FULL = 1024 * 1024 - 1024,
	HEAD_MAX = 128,
	BLOCKED_FACTOR = 4,
	SPARE_MAX = 2,
};

struct parcel {
	TAILQ_ENTRY(parcel) link;
	uint64_t no; /* once it was sent */
	uint32_t parts;
	uint32_t events;
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t mark;
	int64_t born_ms; /* when its first ticket was taken */
	struct outlet_ticket **tickets;
	size_t ntickets;
	size_t tickets_cap;
	struct buf body;
};

TAILQ_HEAD(parcels, parcel);

struct outlet {
	struct outlet_options options;
	struct outlet_limits limits;
	struct event *late; /* for the oldest ticket */
	bool is_slow;       /* it drops until all has arrived */
	bool is_slow_news;  /* nobody has been told yet */
	struct parcels sent;
	struct parcels waiting;
	struct parcels spare;
	struct parcel *gap; /* the first of those that wait, or NULL */
	uint64_t gap_n;     /* events that it stands for */
	size_t nsent;
	size_t nspare;
	size_t sent_bytes;
	uint64_t last_no;
	uint64_t mark;
	uint64_t told_mark; /* in a frame that was sent */
	struct outlet_report report;
};

/* --- parcels ----------------------------------------------------------- */

static struct parcel *
new_parcel(struct outlet *o)
{
	struct parcel *p = TAILQ_FIRST(&o->spare);

	if (p != NULL) {
		TAILQ_REMOVE(&o->spare, p, link);
		o->nspare--;
		return p;
	}
	p = calloc(1, sizeof(*p));
	if (p != NULL)
		buf_init(&p->body, PARCEL_MAX);
	return p;
}

static void
release(struct parcel *p)
{
	size_t n = p->ntickets;

	p->ntickets = 0;
	for (size_t i = 0; i < n; i++) {
		struct outlet_ticket *t = p->tickets[i];

		if (--t->pending == 0)
			t->done(t);
	}
}

static void
destroy(struct parcel *p)
{
	release(p);
	free(p->tickets);
	buf_fini(&p->body);
	free(p);
}

static void
free_parcel(struct outlet *o, struct parcel *p)
{
	release(p);
	if (o->nspare >= SPARE_MAX || p->body.cap > 2 * OUTLET_BATCH) {
		destroy(p);
		return;
	}
	p->no = p->first_seq = p->last_seq = p->mark = 0;
	p->parts = p->events = 0;
	buf_reset(&p->body);
	TAILQ_INSERT_HEAD(&o->spare, p, link);
	o->nspare++;
}

static void
forget(struct outlet *o, const struct parcel *p)
{
	o->report.waiting -= p->events;
	o->report.bytes -= p->body.len;
}

/* --- tickets ----------------------------------------------------------- */

static void
release_list(struct parcels *list)
{
	struct parcel *p;

	TAILQ_FOREACH(p, list, link)
		release(p);
}

/* From now on it loses what it cannot take. */
static void
be_slow(struct outlet *o)
{
	if (!o->limits.blocks || o->is_slow)
		return;
	o->is_slow = true;
	o->is_slow_news = true;
	event_del(o->late);
	release_list(&o->sent);
	release_list(&o->waiting);
	/* From the loop: who is told may publish, and somebody does now. */
	event_active(o->late, EV_TIMEOUT, 0);
}

static const struct parcel *
find_held(const struct parcels *list)
{
	const struct parcel *p;

	TAILQ_FOREACH(p, list, link) {
		if (p->ntickets > 0)
			return p;
	}
	return NULL;
}

static void
arm_late(struct outlet *o, int64_t ms)
{
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(o->late, &tv);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct outlet *o = arg;
	const struct parcel *oldest = find_held(&o->sent);
	int64_t left_ms;

	(void)fd;
	(void)what;
	if (o->is_slow_news) {
		o->is_slow_news = false;
		o->options.slow(o->options.arg);
	}
	if (oldest == NULL)
		oldest = find_held(&o->waiting);
	if (oldest == NULL)
		return;
	left_ms = oldest->born_ms + o->limits.block_ms - clock_mono_ms();
	if (left_ms > 0)
		arm_late(o, left_ms);
	else
		be_slow(o);
}

static void
hold(struct outlet *o, struct parcel *p, struct outlet_ticket *t)
{
	if (t == NULL || !o->limits.blocks || o->is_slow ||
	    (p->ntickets > 0 && p->tickets[p->ntickets - 1] == t))
		return;
	if (p->ntickets == p->tickets_cap) {
		size_t cap = p->tickets_cap > 0 ? 2 * p->tickets_cap : 4;
		void *more = reallocarray(
		    p->tickets, cap, sizeof(struct outlet_ticket *));

		if (more == NULL)
			return; /* who publishes is held up less */
		p->tickets = more;
		p->tickets_cap = cap;
	}
	if (p->ntickets == 0)
		p->born_ms = clock_mono_ms();
	p->tickets[p->ntickets++] = t;
	t->pending++;
	if (!event_pending(o->late, EV_TIMEOUT, NULL))
		arm_late(o, o->limits.block_ms);
}

/* --- one outlet -------------------------------------------------------- */

int
outlet_new(const struct outlet_options *options, struct outlet **ret)
{
	struct outlet *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return -ENOMEM;
	o->options = *options;
	o->late = event_new(options->base, -1, 0, on_late, o);
	if (o->late == NULL) {
		free(o);
		return -ENOMEM;
	}
	TAILQ_INIT(&o->sent);
	TAILQ_INIT(&o->waiting);
	TAILQ_INIT(&o->spare);
	*ret = o;
	return 0;
}

static void
free_all(struct parcels *list)
{
	struct parcel *p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, link);
		destroy(p);
	}
}

void
outlet_free(struct outlet *o)
{
	if (o == NULL)
		return;
	event_free(o->late);
	free_all(&o->sent);
	free_all(&o->waiting);
	free_all(&o->spare);
	free(o);
}

void
outlet_limit(struct outlet *o, const struct outlet_limits *limits)
{
	o->limits = *limits;
	if (limits->blocks)
		return;
	o->is_slow = false;
	event_del(o->late);
	release_list(&o->sent);
	release_list(&o->waiting);
}

/* --- sending ----------------------------------------------------------- */

static void
send_parcel(struct outlet *o, const struct parcel *p)
{
	uint8_t storage[HEAD_MAX];
	struct buf head;

	buf_init_fixed(&head, storage, sizeof(storage));
	frame_put(&head, MSG_EVENTS, p->no, 2);
	wire_put_str(&head, o->options.epoch);
	wire_put_array(&head, p->parts + (p->mark != 0));
	if (p->mark != 0) {
		wire_put_array(&head, 1);
		wire_put_uint(&head, p->mark);
	}
	o->options.send(
	    o->options.arg, head.data, head.len, p->body.data, p->body.len);
}

static bool
may_leave(const struct outlet *o, const struct parcel *p)
{
	if (o->nsent == 0)
		return true;
	if (o->nsent >= OUTLET_WINDOW ||
	    o->sent_bytes + p->body.len > OUTLET_WINDOW_BYTES)
		return false;
	return TAILQ_NEXT(p, link) != NULL || p->body.len >= OUTLET_BATCH;
}

void
outlet_flush(struct outlet *o)
{
	struct parcel *p;

	while ((p = TAILQ_FIRST(&o->waiting)) != NULL && may_leave(o, p)) {
		TAILQ_REMOVE(&o->waiting, p, link);
		if (p == o->gap)
			o->gap = NULL;
		p->no = ++o->last_no;
		TAILQ_INSERT_TAIL(&o->sent, p, link);
		o->nsent++;
		o->sent_bytes += p->body.len;
		if (p->mark > o->told_mark)
			o->told_mark = p->mark;
		send_parcel(o, p);
	}
}

void
outlet_resend(struct outlet *o)
{
	struct parcel *p;

	TAILQ_FOREACH(p, &o->sent, link)
		send_parcel(o, p);
	outlet_flush(o);
}

int
outlet_acknowledge(struct outlet *o, uint64_t no)
{
	struct parcel *p, *next;

	if (no > o->last_no)
		return -EBADMSG;
	for (p = TAILQ_FIRST(&o->sent); p != NULL && p->no <= no; p = next) {
		next = TAILQ_NEXT(p, link);
		TAILQ_REMOVE(&o->sent, p, link);
		o->nsent--;
		o->sent_bytes -= p->body.len;
		o->report.delivered += p->events;
		forget(o, p);
		free_parcel(o, p);
	}
	if (o->report.waiting == 0)
		o->is_slow = false;
	outlet_flush(o);
	return 0;
}

/* --- gaps -------------------------------------------------------------- */

/* [nil, count, from, to, why] */
static void
write_gap(struct outlet *o)
{
	struct parcel *g = o->gap;

	o->report.bytes -= g->body.len;
	buf_reset(&g->body);
	wire_put_array(&g->body, 5);
	wire_put_nil(&g->body);
	wire_put_uint(&g->body, o->gap_n);
	wire_put_uint(&g->body, g->first_seq);
	wire_put_uint(&g->body, g->last_seq);
	wire_put_str(&g->body, "overflow");
	g->parts = 1;
	o->report.bytes += g->body.len;
}

/* Those from before a subscription come behind later ones. */
static void
widen(struct parcel *p, uint64_t from, uint64_t to)
{
	if (to == 0)
		return; /* nobody knows */
	if (p->first_seq == 0 || from < p->first_seq)
		p->first_seq = from;
	if (to > p->last_seq)
		p->last_seq = to;
}

/* `n` events that nobody will get now. */
static void
widen_gap(struct outlet *o, uint64_t n, uint64_t from, uint64_t to)
{
	o->report.dropped += n;
	if (o->gap == NULL) {
		o->gap = new_parcel(o);
		o->gap_n = 0;
		if (o->gap == NULL)
			return; /* counted, at least */
		TAILQ_INSERT_HEAD(&o->waiting, o->gap, link);
	}
	o->gap_n += n;
	widen(o->gap, from, to);
	write_gap(o);
}

/* Where publishers are held up, what they have under way is on top of what may
 * wait, and has a limit of its own. */
static bool
is_too_much(const struct outlet *o)
{
	unsigned factor = o->limits.blocks && !o->is_slow ? BLOCKED_FACTOR : 1;

	return o->report.waiting / factor > o->limits.events ||
	       o->report.bytes / factor > o->limits.bytes;
}

/* The oldest of those that wait. False: there is none. */
static bool
drop_oldest(struct outlet *o)
{
	struct parcel *p = TAILQ_FIRST(&o->waiting);

	if (p != NULL && p == o->gap)
		p = TAILQ_NEXT(p, link);
	if (p == NULL)
		return false;
	TAILQ_REMOVE(&o->waiting, p, link);
	forget(o, p);
	if (p->parts > 0)
		widen_gap(o, p->events, p->first_seq, p->last_seq);
	free_parcel(o, p);
	return true;
}

/* --- taking ------------------------------------------------------------ */

/* The parcel that grows, or a new one; NULL: no memory. */
static struct parcel *
open_parcel(struct outlet *o, size_t len)
{
	struct parcel *p = TAILQ_LAST(&o->waiting, parcels);

	/* One that only says a mark says the next one as well: whoever never
	 * reads and asks again and again has one of them, not one for each. */
	if (p != NULL && p != o->gap && p->parts == 0)
		p->mark = o->mark;
	if (p != NULL && p != o->gap && p->mark == o->mark &&
	    p->body.len < OUTLET_BATCH && p->body.len + len < FULL)
		return p;
	p = new_parcel(o);
	if (p == NULL)
		return NULL;
	p->mark = o->mark;
	TAILQ_INSERT_TAIL(&o->waiting, p, link);
	return p;
}

/* [source, time, seq, trace, again, [event, ...]], and its wish */
static void
write_run(struct buf *b, const struct outlet_run *run)
{
	wire_put_array(b, run->wish == 0 ? 6 : 7);
	wire_put_str(b, run->source);
	wire_put_uint(b, run->time_ms);
	wire_put_uint(b, run->seq);
	wire_put_raw(b, run->trace, run->trace_len);
	wire_put_bool(b, run->again);
	wire_put_array(b, run->n);
	wire_put_raw(b, run->events, run->len);
	if (run->wish != 0)
		wire_put_uint(b, run->wish);
}

/* The part that was written to `p`, which was `before` bytes long and may be
 * NULL, is in it; false: there was no memory, and it is as it was. */
static bool
keep_part(struct outlet *o, struct parcel *p, size_t before)
{
	if (p == NULL)
		return false;
	if (buf_error(&p->body) != 0) {
		p->body.error = 0;
		p->body.len = before;
		return false;
	}
	p->parts++;
	o->report.bytes += p->body.len - before;
	return true;
}

/* Of what there was no memory for. Those before it go as well: a gap has one
 * place. */
static void
lose(struct outlet *o, uint64_t n, uint64_t from, uint64_t to)
{
	while (drop_oldest(o))
		;
	widen_gap(o, n, from, to);
}

/* One that waits says it, if it was not said yet; there may be nothing else in
 * it. Without memory for it, the next event says so. */
static void
keep_mark(struct outlet *o)
{
	if (o->mark > o->told_mark)
		(void)open_parcel(o, 0);
}

void
outlet_mark(struct outlet *o, uint64_t wish)
{
	o->mark = wish;
	keep_mark(o);
}

bool
outlet_is_marked(const struct outlet *o, uint64_t wish)
{
	return wish <= o->mark;
}

/* [nil, 0, from, to, why, wish] */
void
outlet_put_missing(struct outlet *o, uint64_t wish, uint64_t from, uint64_t to)
{
	struct parcel *p = open_parcel(o, 0);
	size_t before = p != NULL ? p->body.len : 0;

	if (p != NULL) {
		wire_put_array(&p->body, 6);
		wire_put_nil(&p->body);
		wire_put_uint(&p->body, 0);
		wire_put_uint(&p->body, from);
		wire_put_uint(&p->body, to);
		wire_put_str(&p->body, "not retained");
		wire_put_uint(&p->body, wish);
	}
	if (keep_part(o, p, before))
		widen(p, from, to);
	else
		lose(o, 0, from, to);
}

void
outlet_put(
    struct outlet *o, const struct outlet_run *run, struct outlet_ticket *t)
{
	uint64_t last = run->seq + run->n - 1;
	struct parcel *p = open_parcel(o, run->len + run->trace_len);
	size_t before = p != NULL ? p->body.len : 0;

	if (p != NULL)
		write_run(&p->body, run);
	if (!keep_part(o, p, before)) {
		lose(o, run->n, run->seq, last);
		return;
	}
	widen(p, run->seq, last);
	p->events += run->n;
	hold(o, p, t);
	o->report.waiting += run->n;
	if (is_too_much(o))
		be_slow(o);
	while (is_too_much(o) && drop_oldest(o))
		;
	keep_mark(o); /* it may have been among them */
}

void
outlet_report(const struct outlet *o, struct outlet_report *ret)
{
	*ret = o->report;
}
