/*
 * frame: the one shape of a message, see frame.h.
 *
 * Pure, and owns nothing: a frame is a cursor into the caller's bytes.
 * frame_parse() validates every byte, so that the readers cannot leave them
 * whatever they are asked for. Must never allocate while reading, and must
 * never know what a message means: that is the table of its reader.
 */
#include "frame.h"

#include "msgs.h"

#include <errno.h>

enum { FIELDS = 4 };

int
frame_parse(const void *data, size_t len, struct frame *ret)
{
	return frame_parse_depth(data, len, WIRE_MAX_DEPTH, ret);
}

int
frame_parse_depth(
    const void *data, size_t len, unsigned max_depth, struct frame *ret)
{
	struct wire_cursor c;
	struct frame f;
	uint64_t version;
	uint32_t fields;

	if (len == 0 || wire_validate(data, len, max_depth) != 0)
		return -EBADMSG;
	wire_cursor_init(&c, data, len);
	if (wire_get_array(&c, &fields) != 0 || fields < FIELDS ||
	    wire_get_uint(&c, &version) != 0 ||
	    wire_get_uint(&c, &f.type) != 0 || wire_get_uint(&c, &f.id) != 0 ||
	    wire_get_array(&c, &f.nargs) != 0)
		return -EBADMSG;
	f.args = c;
	*ret = f;
	return version == MSG_VERSION ? 0 : -EPROTO;
}

bool
frame_next(struct frame *f)
{
	return f->nargs > 0;
}

/* Accounts for what a reader of wire.h said; nothing is read when it failed,
 * so that the caller may try another type. */
static int
take(struct frame *f, int r)
{
	if (r != 0)
		return -EBADMSG;
	f->nargs--;
	return 0;
}

/* Whether there is an argument; a nil is none, so that one in the middle can
 * be left out. */
static bool
is_absent(struct frame *f)
{
	if (f->nargs == 0)
		return true;
	if (wire_get_nil(&f->args) != 0)
		return false;
	f->nargs--;
	return true;
}

int
frame_uint(struct frame *f, uint64_t *ret)
{
	if (is_absent(f))
		return -ENODATA;
	return take(f, wire_get_uint(&f->args, ret));
}

int
frame_str(struct frame *f, char *out, size_t cap)
{
	if (is_absent(f))
		return -ENODATA;
	return take(f, wire_get_cstr(&f->args, out, cap));
}

int
frame_bin(struct frame *f, const void **ret, size_t *ret_len)
{
	if (is_absent(f))
		return -ENODATA;
	return take(f, wire_get_bin(&f->args, ret, ret_len));
}

int
frame_raw(struct frame *f, const void **ret, size_t *ret_len)
{
	const uint8_t *start = f->args.p;
	int r;

	if (f->nargs == 0)
		return -ENODATA;
	r = take(f, wire_skip(&f->args));
	if (r == 0) {
		*ret = start;
		*ret_len = (size_t)(f->args.p - start);
	}
	return r;
}

static void
put_head(struct buf *b, uint64_t type, uint64_t id)
{
	wire_put_array(b, FIELDS);
	wire_put_uint(b, MSG_VERSION);
	wire_put_uint(b, type);
	wire_put_uint(b, id);
}

void
frame_put(struct buf *b, uint64_t type, uint64_t id, uint32_t nargs)
{
	put_head(b, type, id);
	wire_put_array(b, nargs);
}

void
frame_put_args(
    struct buf *b, uint64_t type, uint64_t id, const void *args, size_t len)
{
	put_head(b, type, id);
	wire_put_raw(b, args, len);
}
