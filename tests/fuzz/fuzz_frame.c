/*
 * fuzz_frame: bytes that are a frame can be read by any sequence of readers
 * without leaving them, and say the same when they are written again; bytes
 * that are none are -EBADMSG. The first byte of an input picks the readers.
 */
#include "common/frame.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

enum { READERS = 4, STR_CAP = 32 };

static void
check_inside(const struct frame *f, const uint8_t *data, size_t size)
{
	MUST(f->args.p >= data);
	MUST(f->args.p <= data + size);
}

static int
read_str(struct frame *f, size_t cap)
{
	char text[STR_CAP];
	int r;

	memset(text, 'x', sizeof(text));
	r = frame_str(f, text, cap);
	if (r == 0)
		MUST(memchr(text, '\0', cap) != NULL);
	else
		MUST(text[0] == 'x');
	return r;
}

static int
read_one(struct frame *f, unsigned how)
{
	const void *p = NULL;
	uint64_t u = 0;
	size_t len = 0;

	switch (how % READERS) {
	case 0:
		return frame_uint(f, &u);
	case 1:
		return read_str(f, 1 + how % STR_CAP);
	case 2:
		return frame_bin(f, &p, &len);
	default:
		return frame_raw(f, &p, &len);
	}
}

/* A failed reader leaves the argument, which can always be skipped. */
static void
skip_unread(struct frame *f, const struct frame *before)
{
	const void *p;
	size_t len;

	MUST(f->args.p == before->args.p);
	MUST(f->nargs == before->nargs);
	MUST(frame_raw(f, &p, &len) == 0);
	MUST(p == before->args.p && len > 0);
}

static void
read_all(struct frame f, unsigned how, const uint8_t *data, size_t size)
{
	struct frame before;
	int r;

	while (frame_next(&f)) {
		before = f;
		r = read_one(&f, how);
		MUST(r == 0 || r == -ENODATA || r == -EBADMSG);
		if (r == -EBADMSG)
			skip_unread(&f, &before);
		check_inside(&f, data, size);
		MUST(f.nargs == before.nargs - 1);
		MUST(f.args.p > before.args.p);
		how = how / READERS + 1;
	}
	/* Behind the arguments may stand what a later version adds. */
	MUST(f.args.p <= data + size);
	MUST(read_one(&f, how) == -ENODATA);
	check_inside(&f, data, size);
}

static void
write_again(const struct frame *was)
{
	struct frame f = *was, again;
	const void *p, *q;
	size_t len, len_again;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	frame_put(&b, f.type, f.id, f.nargs);
	while (frame_raw(&f, &p, &len) == 0)
		wire_put_raw(&b, p, len);
	MUST(buf_error(&b) == 0);
	MUST(frame_parse(b.data, b.len, &again) == 0);
	MUST(again.type == was->type && again.id == was->id);
	MUST(again.nargs == was->nargs);
	f = *was;
	while (frame_raw(&again, &p, &len) == 0) {
		MUST(frame_raw(&f, &q, &len_again) == 0);
		MUST(len == len_again && memcmp(p, q, len) == 0);
	}
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f = {.type = 99};
	unsigned how;
	int r;

	if (size == 0)
		return 0;
	how = *data++;
	size--;
	r = frame_parse(data, size, &f);
	MUST(r == 0 || r == -EBADMSG || r == -EPROTO);
	if (r == -EBADMSG) {
		MUST(f.type == 99);
		return 0;
	}
	check_inside(&f, data, size);
	read_all(f, how, data, size);
	write_again(&f);
	return 0;
}
