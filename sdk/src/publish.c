/*
 * publish: see publish.h. Owns the batches that are not acknowledged.
 *
 * A batch is a frame from its first byte on; how many events are in it is
 * written when it leaves, into a place of fixed width. Must never: change one
 * that has left, or lose one that the router has not answered for.
 */
#include "publish.h"

#include "plugin.h"
#include "trace.h"
#include "writer.h"

#include "common/clock.h"
#include "common/msgs.h"
#include "common/wire.h"

#include <errno.h>
#include <string.h>

enum {
	COUNT_LEN = 5, /* an array of 32 bits */
	WIRE_TRUE = 0xc3,
	FRAME_MAX = PUBLISH_EVENT_MAX + 1024,
	DEPTH_MAX = WIRE_MAX_DEPTH - 6, /* of the frame that delivers it */
	TARGET_MAX = 79,
};

void
publish_init(struct publish *q, struct plugind *p)
{
	q->p = p;
	for (size_t i = 0; i <= PUBLISH_WINDOW; i++)
		buf_init(&q->ring[i].frame, FRAME_MAX);
}

void
publish_fini(struct publish *q)
{
	for (size_t i = 0; i <= PUBLISH_WINDOW; i++)
		buf_fini(&q->ring[i].frame);
}

static struct publish_batch *
at(struct publish *q, size_t i)
{
	return &q->ring[(q->first + i) % (PUBLISH_WINDOW + 1)];
}

/* --- batches ----------------------------------------------------------- */

/* [version, type, id, [time, trace, again, [...]]], its last array still
 * empty. */
static void
begin(struct publish *q, struct publish_batch *b)
{
	static const uint8_t none[COUNT_LEN] = {0xdd};

	buf_reset(&b->frame);
	b->n = 0;
	b->was_sent = false;
	b->id = outbox_new_id(&q->p->outbox);
	frame_put(&b->frame, MSG_PUBLISH, b->id, 4);
	wire_put_uint(&b->frame, (uint64_t)clock_real_ms());
	wire_put_nil(&b->frame);
	wire_put_bool(&b->frame, false);
	buf_append(&b->frame, none, COUNT_LEN);
	b->head = b->frame.len;
}

/* One that finds no way holds up those behind it: the router takes them in the
 * order of their ids, and would call it an old one. publish_resend follows. */
static void
send(struct publish *q, struct publish_batch *b)
{
	struct outbox *o = &q->p->outbox;

	if (q->is_held_up)
		return;
	if (o->send(o->arg, b->frame.data, b->frame.len) != 0)
		q->is_held_up = true;
	else
		b->was_sent = true;
}

static void
leave(struct publish *q)
{
	struct publish_batch *b = at(q, q->n);
	uint8_t *count = b->frame.data + b->head - 4;

	for (int i = 0; i < 4; i++)
		count[i] = (uint8_t)(b->n >> (24 - 8 * i));
	q->n++;
	at(q, q->n)->n = 0;
	send(q, b);
}

static void
leave_if_due(struct publish *q)
{
	const struct publish_batch *b = at(q, q->n);

	if (b->n > 0 && q->n < PUBLISH_WINDOW &&
	    (q->n == 0 || b->frame.len >= PUBLISH_BATCH))
		leave(q);
}

/* [topic, data], and target and trace where there are. A topic is at most 255
 * bytes, and was looked at: it is copied as it is. */
static void
put_event(struct buf *b, const struct publish_event *e)
{
	const char *trace = trace_current();
	unsigned n = trace != NULL ? 4 : e->target != NULL ? 3 : 2;
	const uint8_t head[] = {
	    (uint8_t)(0x90 + n), 0xd9, (uint8_t)e->topic_len};
	size_t len = sizeof(head) + e->topic_len + e->len;
	uint8_t *to = buf_reserve(b, len);

	if (to == NULL)
		return;
	memcpy(to, head, sizeof(head));
	to += sizeof(head);
	memcpy(to, e->topic, e->topic_len);
	memcpy(to + e->topic_len, e->data, e->len);
	b->len += len;
	if (n > 2)
		wire_put_str(b, e->target);
	if (n > 3)
		wire_put_str(b, trace);
}

/* Whether `len` more bytes have to wait until the open batch has left. */
static bool
is_full(struct publish *q, size_t len)
{
	const struct publish_batch *b = at(q, q->n);

	return b->n > 0 && (b->frame.len >= PUBLISH_BATCH ||
	                       b->frame.len + len > PUBLISH_EVENT_MAX);
}

static int
add(struct publish *q, const struct publish_event *e)
{
	struct publish_batch *b = at(q, q->n);
	size_t before;
	int r;

	if (is_full(q, e->len)) {
		q->is_full = true;
		return -EAGAIN;
	}
	if (b->n == 0)
		begin(q, b);
	before = b->frame.len;
	put_event(&b->frame, e);
	r = buf_error(&b->frame);
	if (r != 0) {
		b->frame.len = before;
		b->frame.error = 0;
		return r;
	}
	b->n++;
	leave_if_due(q);
	return 0;
}

/* --- what became of them ----------------------------------------------- */

static void
tell_writable(struct publish *q)
{
	plugind_writable_fn *fn = q->writable;

	if (!q->is_full || is_full(q, 0))
		return;
	q->is_full = false;
	q->writable = NULL;
	if (fn != NULL && !q->p->leaving)
		fn(q->p, q->writable_arg);
}

static void
tell_published(struct publish *q)
{
	plugind_published_fn *fn = q->published;

	if (fn == NULL || !publish_is_empty(q))
		return;
	q->published = NULL;
	if (!q->p->leaving)
		fn(q->p, q->published_arg);
}

bool
publish_acknowledge(struct publish *q, const struct frame *f, uint64_t code)
{
	if (f->type != MSG_PUBLISH)
		return false;
	for (size_t i = 0; i < q->n; i++) {
		if (at(q, i)->id != f->id)
			continue;
		if (code != FRAME_OK)
			plugin_refused(
			    q->p, "events were refused and are lost", f, code);
		at(q, i)->id = 0;
	}
	while (q->n > 0 && at(q, 0)->id == 0) {
		at(q, 0)->n = 0;
		q->first = (q->first + 1) % (PUBLISH_WINDOW + 1);
		q->n--;
	}
	leave_if_due(q);
	tell_writable(q);
	tell_published(q);
	return true;
}

void
publish_busy(struct publish *q)
{
	q->is_held_up = true;
}

void
publish_resend(struct publish *q, bool is_anew)
{
	q->is_held_up = false;
	for (size_t i = 0; i < q->n; i++) {
		struct publish_batch *b = at(q, i);

		if (b->id == 0)
			continue;
		if (is_anew && b->was_sent)
			b->frame.data[b->head - COUNT_LEN - 1] = WIRE_TRUE;
		send(q, b);
	}
}

bool
publish_is_empty(const struct publish *q)
{
	return q->n == 0;
}

/* --- for the plugin ---------------------------------------------------- */

/* It is the same most of the time. */
static bool
is_topic(struct publish *q, const char *topic, size_t len)
{
	if (len == 0 || len > TOPIC_MAX)
		return false;
	if (len == q->topic_len && memcmp(topic, q->topic, len) == 0)
		return true;
	if (topic_check(topic, len) != NULL)
		return false;
	memcpy(q->topic, topic, len);
	q->topic_len = len;
	return true;
}

static int
publish(struct plugind *p, struct publish_event *e)
{
	e->topic_len = strlen(e->topic);
	if (!is_topic(&p->publish, e->topic, e->topic_len) ||
	    (e->target != NULL && strlen(e->target) > TARGET_MAX))
		return -EINVAL;
	if (e->len > PUBLISH_EVENT_MAX - 1024)
		return -EMSGSIZE;
	if (wire_validate(e->data, e->len, DEPTH_MAX) != 0)
		return -EINVAL;
	return add(&p->publish, e);
}

int
plugind_publish_to(struct plugind *p, const char *target, const char *topic,
    const struct plugind_writer *w)
{
	static const uint8_t nil = 0xc0;
	struct publish_event e = {
	    .topic = topic, .target = target, .data = &nil, .len = 1};

	if (w != NULL && buf_error(&w->bytes) != 0)
		return buf_error(&w->bytes);
	if (w != NULL) {
		e.data = w->bytes.data;
		e.len = w->bytes.len;
	}
	return publish(p, &e);
}

int
plugind_publish(
    struct plugind *p, const char *topic, const struct plugind_writer *w)
{
	return plugind_publish_to(p, NULL, topic, w);
}

int
plugind_publish_raw(
    struct plugind *p, const char *topic, const void *data, size_t len)
{
	struct publish_event e = {.topic = topic, .data = data, .len = len};

	return publish(p, &e);
}

/* One that was answered before an older one counts: those before what is left
 * are all the caller relies on. */
uint64_t
plugind_unacknowledged(const struct plugind *p)
{
	const struct publish *q = &p->publish;
	uint64_t n = 0;

	for (size_t i = 0; i <= q->n; i++)
		n += q->ring[(q->first + i) % (PUBLISH_WINDOW + 1)].n;
	return n;
}

void
plugind_on_writable(struct plugind *p, plugind_writable_fn *fn, void *arg)
{
	struct publish *q = &p->publish;

	q->writable = fn;
	q->writable_arg = arg;
	if (fn != NULL && !q->is_full) {
		q->writable = NULL;
		fn(p, arg);
	}
}

void
plugind_on_published(struct plugind *p, plugind_published_fn *fn, void *arg)
{
	struct publish *q = &p->publish;

	q->published = fn;
	q->published_arg = arg;
	tell_published(q);
}
