/*
 * batch: see batch.h. Owns the frames that have not left. How many records are
 * in a frame is written when it leaves, into a place of fixed width.
 *
 * Must never: change the order of records, or grow without limit.
 */
#include "common/batch.h"

#include "common/frame.h"

#include <errno.h>
#include <stdlib.h>

enum {
	COUNT_LEN = 5, /* an array of 32 bits */
	HEAD_MAX = 64,
};

struct batch_frame {
	TAILQ_ENTRY(batch_frame) link;
	struct buf bytes;
	size_t head; /* where the first record begins */
	uint32_t n;
};

void
batch_init(struct batch *b, unsigned type, size_t limit, batch_send_fn *send,
    void *arg)
{
	*b = (struct batch){
	    .type = type, .limit = limit, .send = send, .arg = arg};
	TAILQ_INIT(&b->waiting);
}

static struct batch_frame *
begin(struct batch *b)
{
	static const uint8_t none[COUNT_LEN] = {0xdd};
	struct batch_frame *f = malloc(sizeof(*f));

	if (f == NULL)
		return NULL;
	buf_init(&f->bytes, BATCH_RECORD_MAX + HEAD_MAX);
	frame_put(&f->bytes, b->type, ++b->last_id, 1);
	buf_append(&f->bytes, none, COUNT_LEN);
	f->head = f->bytes.len;
	f->n = 0;
	if (buf_error(&f->bytes) != 0) {
		buf_fini(&f->bytes);
		free(f);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&b->waiting, f, link);
	return f;
}

static void
drop(struct batch_frame *f)
{
	buf_fini(&f->bytes);
	free(f);
}

static void
take_out(struct batch *b, struct batch_frame *f)
{
	TAILQ_REMOVE(&b->waiting, f, link);
	b->bytes -= f->bytes.len - f->head;
}

static void
put_back(struct batch *b, struct batch_frame *f)
{
	TAILQ_INSERT_HEAD(&b->waiting, f, link);
	b->bytes += f->bytes.len - f->head;
}

static int
send_frame(struct batch *b, const struct batch_frame *f)
{
	uint8_t *count = f->bytes.data + f->head - 4;

	for (int i = 0; i < 4; i++)
		count[i] = (uint8_t)(f->n >> (24 - 8 * i));
	return b->send(b->arg, f->bytes.data, f->bytes.len);
}

/* One behind it means that it is full. */
static bool
may_leave(const struct batch *b, const struct batch_frame *f)
{
	return b->unanswered == 0 ||
	       (b->unanswered < BATCH_WINDOW && TAILQ_NEXT(f, link) != NULL);
}

void
batch_flush(struct batch *b)
{
	struct batch_frame *f;

	while ((f = TAILQ_FIRST(&b->waiting)) != NULL && may_leave(b, f)) {
		/* Done first: its answer may come from within. */
		take_out(b, f);
		b->unanswered++;
		if (send_frame(b, f) != 0) {
			b->unanswered--;
			put_back(b, f); /* until there is a way */
			return;
		}
		drop(f);
	}
}

int
batch_put(struct batch *b, const void *record, size_t len, bool urgent)
{
	struct batch_frame *f = TAILQ_LAST(&b->waiting, batch_frames);

	if (len > BATCH_RECORD_MAX)
		return -EMSGSIZE;
	if (!urgent && b->bytes + len > b->limit)
		return -EAGAIN;
	if (f == NULL || (f->n > 0 && f->bytes.len + len > BATCH_FRAME))
		f = begin(b);
	if (f == NULL)
		return -ENOMEM;
	buf_append(&f->bytes, record, len);
	if (buf_error(&f->bytes) != 0) {
		f->bytes.error = 0; /* as it was */
		return -ENOMEM;
	}
	f->n++;
	b->bytes += len;
	batch_flush(b);
	return 0;
}

void
batch_answered(struct batch *b)
{
	if (b->unanswered == 0)
		return;
	b->unanswered--;
	batch_flush(b);
}

void
batch_reset(struct batch *b)
{
	struct batch_frame *f = TAILQ_FIRST(&b->waiting);

	while (f != NULL) {
		struct batch_frame *next = TAILQ_NEXT(f, link);

		drop(f);
		f = next;
	}
	TAILQ_INIT(&b->waiting);
	b->bytes = 0;
	b->unanswered = 0;
}

bool
batch_is_empty(const struct batch *b)
{
	return TAILQ_EMPTY(&b->waiting);
}
