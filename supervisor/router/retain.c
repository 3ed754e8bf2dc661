/*
 * retain: owns what is kept of each topic: records, each of which is a run of
 * events as it came, in blocks of memory that are freed as a whole.
 *
 * So one that is kept costs a copy and, now and then, a block. Blocks are
 * about as large as what a topic has in them, and the first goes when those
 * behind it have enough events: up to a block more is held than is shown. Must
 * never: hold more than its limits, or show what a limit forbids.
 */
#include "retain.h"

#include "hash.h"

#include "outlet.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/topic.h"
#include "common/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	BUCKETS = 4096, /* a power of two */
	BLOCK_MIN = 512,
	BLOCK_MAX = 64 * 1024,
	ALIGN = 8,
	/* One topic has so small a part of the memory; the supervisor's, of
	 * which there are a dozen, less. */
	PART = 16,
	PART_OWN = 64,
};

struct record {
	uint64_t seq; /* of the first */
	uint64_t time_ms;
	uint32_t n;
	uint32_t len; /* of the events */
	uint32_t trace_len;
	uint32_t source_len; /* with its NUL */
	bool again;
	uint8_t bytes[]; /* source, trace, events */
};

struct block {
	STAILQ_ENTRY(block) link;
	uint64_t events;
	uint64_t last_seq;
	uint64_t last_ms;
	size_t cap;
	size_t used;
	uint8_t data[]; /* records */
};

/* The latest that is not held any more. */
struct lost {
	uint64_t seq;
	uint64_t ms;
	bool any;
};

struct topic {
	TAILQ_ENTRY(topic) link;
	struct topic *next; /* in its bucket */
	STAILQ_HEAD(, block) blocks;
	struct block *last; /* of them, or NULL */
	uint64_t events;
	size_t bytes; /* with itself */
	size_t used;  /* of its blocks */
	struct lost lost;
	uint32_t hash;
	bool is_own; /* the supervisor's */
	size_t len;
	char name[];
};

TAILQ_HEAD(topics, topic);

static struct retain_limits limits;
static struct retain_report total;
static struct topic *buckets[BUCKETS];
/* The one that was published to last is the last. */
static struct topics others = TAILQ_HEAD_INITIALIZER(others);
static struct topics own = TAILQ_HEAD_INITIALIZER(own);
static struct lost lost; /* with topics that are gone */

/* --- what is gone ------------------------------------------------------ */

/* A publisher whose clock is ahead does not make all that is to come lost. */
static void
lose(struct lost *l, uint64_t seq, uint64_t ms)
{
	uint64_t now_ms = (uint64_t)clock_real_ms();

	l->any = true;
	if (ms > now_ms)
		ms = now_ms;
	if (seq > l->seq)
		l->seq = seq;
	if (ms > l->ms)
		l->ms = ms;
}

static void
drop_block(struct topic *t)
{
	struct block *b = STAILQ_FIRST(&t->blocks);
	size_t size = sizeof(*b) + b->cap;

	lose(&t->lost, b->last_seq, b->last_ms);
	STAILQ_REMOVE_HEAD(&t->blocks, link);
	if (b == t->last)
		t->last = NULL;
	t->events -= b->events;
	t->bytes -= size;
	t->used -= b->used;
	total.events -= b->events;
	total.bytes -= size;
	total.dropped += b->events;
	free(b);
}

static void
drop_oldest(struct topics *list)
{
	struct topic *t = TAILQ_FIRST(list);
	struct topic **at = &buckets[t->hash & (BUCKETS - 1)];

	while (!STAILQ_EMPTY(&t->blocks))
		drop_block(t);
	if (t->lost.any)
		lose(&lost, t->lost.seq, t->lost.ms);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	TAILQ_REMOVE(list, t, link);
	INVARIANT(t != TAILQ_FIRST(list)); /* the analyzer wonders */
	total.topics--;
	total.bytes -= t->bytes;
	free(t);
}

static void
trim(struct topic *t)
{
	size_t part = limits.bytes / (t->is_own ? PART_OWN : PART);
	struct block *b;

	while ((b = STAILQ_FIRST(&t->blocks)) != NULL &&
	       STAILQ_NEXT(b, link) != NULL &&
	       (t->events - b->events >= limits.events || t->bytes > part))
		drop_block(t);
}

static bool
is_too_much(void)
{
	return total.topics > RETAIN_TOPICS || total.bytes > limits.bytes;
}

static void
trim_all(void)
{
	while (is_too_much() && !TAILQ_EMPTY(&others))
		drop_oldest(&others);
	while (is_too_much() && !TAILQ_EMPTY(&own))
		drop_oldest(&own);
}

static void
trim_list(struct topics *list)
{
	struct topic *t;

	TAILQ_FOREACH(t, list, link)
		trim(t);
}

void
retain_limit(const struct retain_limits *next, uint64_t seq)
{
	bool was_off = limits.events == 0;

	limits = *next;
	if (limits.events == 0)
		limits.bytes = 0;
	if (was_off || limits.events == 0)
		lose(&lost, seq, (uint64_t)clock_real_ms());
	trim_list(&others);
	trim_list(&own);
	trim_all();
}

/* --- topics ------------------------------------------------------------ */

static struct topics *
list_of(const struct topic *t)
{
	return t->is_own ? &own : &others;
}

static struct topic *
make_topic(const char *name, size_t len, uint32_t hash, bool is_own)
{
	struct topic *t = calloc(1, sizeof(*t) + len);

	if (t == NULL)
		return NULL;
	STAILQ_INIT(&t->blocks);
	t->hash = hash;
	t->is_own = is_own;
	t->len = len;
	memcpy(t->name, name, len);
	t->bytes = sizeof(*t) + len;
	t->next = buckets[hash & (BUCKETS - 1)];
	buckets[hash & (BUCKETS - 1)] = t;
	TAILQ_INSERT_TAIL(list_of(t), t, link);
	total.topics++;
	total.bytes += t->bytes;
	return t;
}

/* It, as the one that was published to last; NULL: no memory. */
static struct topic *
get_topic(const char *name, size_t len, bool is_own)
{
	uint32_t hash = hash_bytes(HASH_FIRST, name, len);
	struct topic *t = buckets[hash & (BUCKETS - 1)];

	while (t != NULL && !(t->hash == hash && t->len == len &&
	                        memcmp(t->name, name, len) == 0))
		t = t->next;
	if (t == NULL)
		return make_topic(name, len, hash, is_own);
	if (TAILQ_NEXT(t, link) != NULL) {
		TAILQ_REMOVE(list_of(t), t, link);
		TAILQ_INSERT_TAIL(list_of(t), t, link);
	}
	return t;
}

/* --- records ----------------------------------------------------------- */

static size_t
record_size(const struct record *r)
{
	size_t size =
	    sizeof(*r) + r->source_len + (size_t)r->trace_len + r->len;

	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

/* The last block, if `size` more bytes fit into it, or a new one. */
static struct block *
open_block(struct topic *t, size_t size)
{
	struct block *b = t->last;
	size_t cap = t->used;

	if (b != NULL && b->cap - b->used >= size)
		return b;
	if (cap > BLOCK_MAX)
		cap = BLOCK_MAX;
	if (cap < BLOCK_MIN)
		cap = BLOCK_MIN;
	if (cap < size)
		cap = size;
	b = malloc(sizeof(*b) + cap);
	if (b == NULL)
		return NULL;
	*b = (struct block){.cap = cap};
	STAILQ_INSERT_TAIL(&t->blocks, b, link);
	t->last = b;
	t->bytes += sizeof(*b) + cap;
	total.bytes += sizeof(*b) + cap;
	return b;
}

static void
append(struct topic *t, struct block *b, const struct record *head,
    const struct outlet_run *run)
{
	struct record *r = (void *)(b->data + b->used);
	uint8_t *to = r->bytes;

	*r = *head;
	memcpy(to, run->source, r->source_len);
	to += r->source_len;
	memcpy(to, run->trace, r->trace_len);
	memcpy(to + r->trace_len, run->events, r->len);
	b->used += record_size(r);
	b->events += r->n;
	b->last_seq = r->seq + r->n - 1;
	if (r->time_ms > b->last_ms)
		b->last_ms = r->time_ms;
	t->used += record_size(r);
	t->events += r->n;
	total.events += r->n;
}

/* Without the first `n` of its events. */
static void
skip(struct outlet_run *run, uint64_t n)
{
	struct wire_cursor c;

	wire_cursor_init(&c, run->events, run->len);
	run->seq += n;
	run->n -= (uint32_t)n;
	for (; n > 0; n--)
		(void)wire_skip(&c);
	run->events = c.p;
	run->len = (size_t)(c.end - c.p);
}

void
retain_put(const char *name, size_t name_len, bool is_own,
    const struct outlet_run *whole)
{
	struct outlet_run run = *whole;
	struct record head;
	struct topic *t;
	struct block *b;

	if (limits.events == 0 || run.n == 0)
		return;
	t = get_topic(name, name_len, is_own);
	if (t == NULL) {
		lose(&lost, run.seq + run.n - 1, run.time_ms);
		return;
	}
	if (run.n > limits.events) {
		lose(
		    &t->lost, run.seq + run.n - limits.events - 1, run.time_ms);
		skip(&run, run.n - limits.events);
	}
	head = (struct record){
	    .seq = run.seq,
	    .time_ms = run.time_ms,
	    .n = run.n,
	    .len = (uint32_t)run.len,
	    .trace_len = (uint32_t)run.trace_len,
	    .source_len = (uint32_t)strlen(run.source) + 1,
	    .again = run.again,
	};
	b = open_block(t, record_size(&head));
	if (b != NULL)
		append(t, b, &head, &run);
	else
		lose(&t->lost, run.seq + run.n - 1, run.time_ms);
	trim(t);
	trim_all();
}

/* --- a query ----------------------------------------------------------- */

struct hit {
	const struct record *record;
	uint64_t skip; /* of its first events */
};

struct hits {
	struct hit *v;
	size_t n;
	size_t cap;
};

static struct outlet_run
read_record(const struct record *r)
{
	const uint8_t *trace = r->bytes + r->source_len;

	return (struct outlet_run){
	    .source = (const char *)r->bytes,
	    .time_ms = r->time_ms,
	    .seq = r->seq,
	    .trace = trace,
	    .trace_len = r->trace_len,
	    .again = r->again,
	    .events = trace + r->trace_len,
	    .len = r->len,
	    .n = r->n,
	};
}

static int
add_hit(struct hits *h, const struct record *r, uint64_t n)
{
	if (h->n == h->cap) {
		size_t cap = h->cap > 0 ? 2 * h->cap : 64;
		void *more = reallocarray(h->v, cap, sizeof(struct hit));

		if (more == NULL)
			return -ENOMEM;
		h->v = more;
		h->cap = cap;
	}
	h->v[h->n++] = (struct hit){r, n};
	return 0;
}

/* How many of its first events the limit hides, or the query does not ask for:
 * of `surplus`, which it takes into account, and by number and time. */
static uint64_t
count_hidden(
    const struct record *r, const struct retain_query *q, uint64_t *surplus)
{
	uint64_t hidden = *surplus < r->n ? *surplus : r->n;

	*surplus -= hidden;
	if (r->time_ms < q->since_ms)
		return r->n;
	if (q->after_seq >= r->seq && q->after_seq - r->seq + 1 > hidden)
		hidden = q->after_seq - r->seq + 1;
	return hidden < r->n ? hidden : r->n;
}

static int
find_in(const struct topic *t, const struct retain_query *q, struct hits *h)
{
	uint64_t surplus =
	    t->events > limits.events ? t->events - limits.events : 0;
	const struct block *b;
	int r = 0;

	STAILQ_FOREACH(b, &t->blocks, link) {
		for (size_t at = 0; at < b->used && r == 0;) {
			const struct record *k = (const void *)(b->data + at);
			uint64_t hidden = count_hidden(k, q, &surplus);

			if (hidden < k->n)
				r = add_hit(h, k, hidden);
			at += record_size(k);
		}
	}
	return r;
}

static bool
is_asked(const struct topic *t, const struct retain_query *q)
{
	return topic_covers(q->pattern, q->pattern_len, t->name, t->len);
}

static int
find_all(
    const struct topics *list, const struct retain_query *q, struct hits *h)
{
	const struct topic *t;
	int r = 0;

	TAILQ_FOREACH(t, list, link) {
		if (r == 0 && is_asked(t, q))
			r = find_in(t, q, h);
	}
	return r;
}

static int
compare_hits(const void *a, const void *b)
{
	const struct hit *x = a;
	const struct hit *y = b;

	return (x->record->seq > y->record->seq) -
	       (x->record->seq < y->record->seq);
}

int
retain_find(const struct retain_query *q)
{
	struct hits h = {0};
	int r = find_all(&others, q, &h);

	if (r == 0)
		r = find_all(&own, q, &h);
	if (r == 0 && h.n > 0)
		qsort(h.v, h.n, sizeof(struct hit), compare_hits);
	for (size_t i = 0; r == 0 && i < h.n; i++) {
		struct outlet_run run = read_record(h.v[i].record);

		skip(&run, h.v[i].skip);
		q->fn(q->arg, &run);
	}
	free(h.v);
	return r;
}

static void
check_lost(
    const struct lost *l, const struct retain_query *q, struct lost *missing)
{
	if (l->any &&
	    (q->since_ms > 0 ? l->ms >= q->since_ms : l->seq > q->after_seq))
		lose(missing, l->seq, l->ms);
}

/* What is in memory but not shown is lost, too. */
static struct lost
find_lost(const struct topic *t)
{
	uint64_t surplus =
	    t->events > limits.events ? t->events - limits.events : 0;
	const struct block *b = STAILQ_FIRST(&t->blocks);
	struct lost l = t->lost;

	for (size_t at = 0; b != NULL && surplus > 0;) {
		const struct record *r = (const void *)(b->data + at);
		uint64_t n = surplus < r->n ? surplus : r->n;

		lose(&l, r->seq + n - 1, r->time_ms);
		surplus -= n;
		at += record_size(r);
		if (at >= b->used) {
			b = STAILQ_NEXT(b, link);
			at = 0;
		}
	}
	return l;
}

static void
check_list(const struct topics *list, const struct retain_query *q,
    struct lost *missing)
{
	const struct topic *t;

	TAILQ_FOREACH(t, list, link) {
		struct lost l;

		if (!is_asked(t, q))
			continue;
		l = find_lost(t);
		check_lost(&l, q, missing);
	}
}

bool
retain_has_all(const struct retain_query *q, uint64_t *ret_last)
{
	struct lost missing = {0};
	const struct lost all = {q->last_seq, UINT64_MAX, true};

	if (limits.events == 0)
		check_lost(&all, q, &missing);
	check_lost(&lost, q, &missing);
	check_list(&others, q, &missing);
	check_list(&own, q, &missing);
	*ret_last = missing.seq;
	return !missing.any;
}

void
retain_report(struct retain_report *ret)
{
	*ret = total;
	ret->limits = limits;
}
