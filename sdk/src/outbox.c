/*
 * outbox: see outbox.h. Pure but for the heap and the `send` it was given.
 *
 * Owns the bytes of the last frame of each slot, also after they were
 * acknowledged: the daemon may ask for an outcome again. Must never send by
 * itself: it has no clock, and who calls knows when there is a way.
 */
#include "outbox.h"

void
outbox_init(struct outbox *o, outbox_send_fn *send, void *arg)
{
	*o = (struct outbox){.send = send, .arg = arg};
	for (int i = 0; i < OUTBOX_SLOT__COUNT; i++)
		buf_init(&o->entries[i].frame, OUTBOX_FRAME_MAX);
}

void
outbox_fini(struct outbox *o)
{
	for (int i = 0; i < OUTBOX_SLOT__COUNT; i++)
		buf_fini(&o->entries[i].frame);
}

uint64_t
outbox_new_id(struct outbox *o)
{
	return ++o->last_id;
}

struct buf *
outbox_begin(
    struct outbox *o, enum outbox_slot slot, unsigned type, uint32_t nargs)
{
	struct outbox_entry *e = &o->entries[slot];

	buf_reset(&e->frame);
	e->type = type;
	e->id = outbox_new_id(o);
	e->waiting = false;
	frame_put(&e->frame, type, e->id, nargs);
	return &e->frame;
}

static void
send_entry(struct outbox *o, struct outbox_entry *e)
{
	e->waiting = true;
	/* No way just now: outbox_resend follows when there is one. */
	(void)o->send(o->arg, e->frame.data, e->frame.len);
}

int
outbox_post(struct outbox *o, enum outbox_slot slot)
{
	struct outbox_entry *e = &o->entries[slot];
	int r = buf_error(&e->frame);

	if (r == 0)
		send_entry(o, e);
	else
		buf_reset(&e->frame);
	return r;
}

void
outbox_repeat(struct outbox *o, enum outbox_slot slot)
{
	if (o->entries[slot].frame.len > 0)
		send_entry(o, &o->entries[slot]);
}

void
outbox_resend(struct outbox *o)
{
	for (int i = 0; i < OUTBOX_SLOT__COUNT; i++) {
		if (o->entries[i].waiting)
			send_entry(o, &o->entries[i]);
	}
}

void
outbox_acknowledge(struct outbox *o, const struct frame *f)
{
	for (int i = 0; i < OUTBOX_SLOT__COUNT; i++) {
		struct outbox_entry *e = &o->entries[i];

		if (e->id == f->id && e->type == f->type)
			e->waiting = false;
	}
}

bool
outbox_is_waiting(const struct outbox *o, enum outbox_slot slot)
{
	return o->entries[slot].waiting;
}

bool
outbox_is_empty(const struct outbox *o)
{
	for (int i = 0; i < OUTBOX_SLOT__COUNT; i++) {
		if (o->entries[i].waiting)
			return false;
	}
	return true;
}
