/*
 * wire: msgpack as it travels on every socket.
 *
 * Pure but for the heap of the struct buf it writes to; the only file that
 * includes <msgpack.h>, and only for writing. Reading is our own: one table
 * with a row for each lead byte, and read_item(), which alone looks at bytes
 * from outside. It never trusts a count or a length, so that the cursor
 * stays inside its bytes even when nobody validated them. Must never
 * recurse, never allocate while reading, and never spend more time than the
 * bytes are long. Nothing is fatal here.
 */
#include "wire.h"

#include "escape.h"

#include <endian.h>
#include <errno.h>
#include <msgpack.h>
#include <string.h>

/* How the argument of a lead byte is meant. */
enum shape {
	SHAPE_BAD, /* never used (0xc1), and ext types */
	SHAPE_VALUE,
	SHAPE_SIGNED,
	SHAPE_FLOAT,
	SHAPE_BYTES, /* that many bytes follow */
	SHAPE_ITEMS, /* that many objects follow */
	SHAPE_PAIRS, /* twice as many */
};

struct lead {
	uint8_t shape;
	uint8_t type;  /* enum wire_type */
	uint8_t width; /* bytes of the argument behind the lead byte */
	uint8_t mask;  /* the argument inside it, when width is 0 */
};

/* clang-format off */
static const struct lead leads[256] = {
	[0x00 ... 0x7f] = {SHAPE_VALUE,  WIRE_UINT,   0, 0x7f},
	[0x80 ... 0x8f] = {SHAPE_PAIRS,  WIRE_MAP,    0, 0x0f},
	[0x90 ... 0x9f] = {SHAPE_ITEMS,  WIRE_ARRAY,  0, 0x0f},
	[0xa0 ... 0xbf] = {SHAPE_BYTES,  WIRE_STR,    0, 0x1f},
	[0xc0]          = {SHAPE_VALUE,  WIRE_NIL,    0, 0x00},
	[0xc2 ... 0xc3] = {SHAPE_VALUE,  WIRE_BOOL,   0, 0x01},
	[0xc4]          = {SHAPE_BYTES,  WIRE_BIN,    1, 0x00},
	[0xc5]          = {SHAPE_BYTES,  WIRE_BIN,    2, 0x00},
	[0xc6]          = {SHAPE_BYTES,  WIRE_BIN,    4, 0x00},
	[0xca]          = {SHAPE_FLOAT,  WIRE_DOUBLE, 4, 0x00},
	[0xcb]          = {SHAPE_FLOAT,  WIRE_DOUBLE, 8, 0x00},
	[0xcc]          = {SHAPE_VALUE,  WIRE_UINT,   1, 0x00},
	[0xcd]          = {SHAPE_VALUE,  WIRE_UINT,   2, 0x00},
	[0xce]          = {SHAPE_VALUE,  WIRE_UINT,   4, 0x00},
	[0xcf]          = {SHAPE_VALUE,  WIRE_UINT,   8, 0x00},
	[0xd0]          = {SHAPE_SIGNED, WIRE_INT,    1, 0x00},
	[0xd1]          = {SHAPE_SIGNED, WIRE_INT,    2, 0x00},
	[0xd2]          = {SHAPE_SIGNED, WIRE_INT,    4, 0x00},
	[0xd3]          = {SHAPE_SIGNED, WIRE_INT,    8, 0x00},
	[0xd9]          = {SHAPE_BYTES,  WIRE_STR,    1, 0x00},
	[0xda]          = {SHAPE_BYTES,  WIRE_STR,    2, 0x00},
	[0xdb]          = {SHAPE_BYTES,  WIRE_STR,    4, 0x00},
	[0xdc]          = {SHAPE_ITEMS,  WIRE_ARRAY,  2, 0x00},
	[0xdd]          = {SHAPE_ITEMS,  WIRE_ARRAY,  4, 0x00},
	[0xde]          = {SHAPE_PAIRS,  WIRE_MAP,    2, 0x00},
	[0xdf]          = {SHAPE_PAIRS,  WIRE_MAP,    4, 0x00},
	[0xe0 ... 0xff] = {SHAPE_SIGNED, WIRE_INT,    0, 0xff},
};
/* clang-format on */

/* One object without what is inside it. */
struct item {
	enum wire_type type;
	uint64_t arg;        /* value, two's complement or IEEE bits, count */
	const uint8_t *body; /* behind the head */
	uint64_t bytes;      /* of a str or bin */
	uint64_t children;   /* objects that follow */
	unsigned width;
};

static inline uint64_t
read_be(const uint8_t *p, unsigned width)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	if (width == 1)
		return *p;
	if (width == 2) {
		memcpy(&v16, p, sizeof(v16));
		return be16toh(v16);
	}
	if (width == 4) {
		memcpy(&v32, p, sizeof(v32));
		return be32toh(v32);
	}
	memcpy(&v64, p, sizeof(v64));
	return be64toh(v64);
}

static inline uint64_t
extend_sign(uint64_t v, unsigned width)
{
	unsigned shift = width ? 64 - 8 * width : 56;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

/*
 * Reads the head of the object at p and checks that what it claims fits in
 * the bytes left: an object takes one byte at least. 0, -ENODATA or
 * -EBADMSG; *ret is then undefined.
 */
static inline int
read_item(const uint8_t *p, const uint8_t *end, struct item *ret)
{
	const struct lead *lead;
	uint64_t left;

	if (p >= end)
		return -ENODATA;
	lead = &leads[*p];
	left = (uint64_t)(end - p) - 1;
	if (lead->width > left)
		return -ENODATA;
	ret->type = (enum wire_type)lead->type;
	ret->arg = lead->width ? read_be(p + 1, lead->width) : *p & lead->mask;
	ret->body = p + 1 + lead->width;
	ret->bytes = 0;
	ret->children = 0;
	ret->width = lead->width;
	left -= lead->width;
	switch ((enum shape)lead->shape) {
	case SHAPE_VALUE:
	case SHAPE_FLOAT:
		return 0;
	case SHAPE_SIGNED:
		ret->arg = extend_sign(ret->arg, lead->width);
		if (ret->arg <= INT64_MAX)
			ret->type = WIRE_UINT;
		return 0;
	case SHAPE_BYTES:
		ret->bytes = ret->arg;
		return ret->bytes <= left ? 0 : -ENODATA;
	case SHAPE_ITEMS:
		ret->children = ret->arg;
		return ret->children <= left ? 0 : -ENODATA;
	case SHAPE_PAIRS:
		ret->children = 2 * ret->arg;
		return ret->children <= left ? 0 : -ENODATA;
	case SHAPE_BAD:
		break;
	}
	return -EBADMSG;
}

static inline uint64_t
load_eight(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Eight bytes a step; the last step may overlap the one before. */
static inline bool
is_ascii(const uint8_t *p, size_t len)
{
	uint64_t seen = 0;
	size_t i = 0;

	if (len >= 8) {
		for (; i < len - 8; i += 8)
			seen |= load_eight(p + i);
		seen |= load_eight(p + len - 8);
	} else {
		for (; i < len; i++)
			seen |= p[i];
	}
	return (seen & UINT64_C(0x8080808080808080)) == 0;
}

static bool
is_utf8(const uint8_t *p, size_t len)
{
	size_t i = 0, n;

	if (is_ascii(p, len))
		return true;
	while (i < len) {
		n = p[i] < 0x80 ? 1 : escape_utf8_len(p + i, len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

int
wire_validate(const void *data, size_t len, unsigned max_depth)
{
	const uint8_t *p = data, *end = p + len;
	uint64_t left[WIRE_MAX_DEPTH + 1]; /* objects to come, by level */
	unsigned depth = 0;
	struct item it;
	int r;

	if (max_depth > WIRE_MAX_DEPTH)
		max_depth = WIRE_MAX_DEPTH;
	left[0] = 1;
	for (;;) {
		while (left[depth] == 0) {
			if (depth == 0)
				return p == end ? 0 : -EBADMSG;
			depth--;
		}
		left[depth]--;
		r = read_item(p, end, &it);
		if (r)
			return r;
		p = it.body + it.bytes;
		if (it.type == WIRE_STR && !is_utf8(it.body, it.bytes))
			return -EBADMSG;
		if (it.type == WIRE_ARRAY || it.type == WIRE_MAP) {
			if (depth == max_depth)
				return -E2BIG;
			left[++depth] = it.children;
		}
	}
}

void
wire_cursor_init(struct wire_cursor *c, const void *data, size_t len)
{
	c->p = data;
	c->end = len > 0 ? c->p + len : c->p; /* NULL + 0 is undefined */
}

enum wire_type
wire_peek(const struct wire_cursor *c)
{
	struct item it;

	return read_item(c->p, c->end, &it) ? WIRE_END : it.type;
}

/* Reads the next object if it is of `type` and moves behind its head (and
 * its bytes). */
static int
take(struct wire_cursor *c, enum wire_type type, struct item *ret)
{
	struct item it;

	if (read_item(c->p, c->end, &it) || it.type != type)
		return -EPROTO;
	c->p = it.body + it.bytes;
	*ret = it;
	return 0;
}

int
wire_get_nil(struct wire_cursor *c)
{
	struct item it;

	return take(c, WIRE_NIL, &it);
}

int
wire_get_bool(struct wire_cursor *c, bool *ret)
{
	struct item it;

	if (take(c, WIRE_BOOL, &it))
		return -EPROTO;
	*ret = it.arg != 0;
	return 0;
}

int
wire_get_uint(struct wire_cursor *c, uint64_t *ret)
{
	struct item it;

	if (take(c, WIRE_UINT, &it))
		return -EPROTO;
	*ret = it.arg;
	return 0;
}

int
wire_get_int(struct wire_cursor *c, int64_t *ret)
{
	struct wire_cursor next = *c;
	struct item it;

	if (take(&next, WIRE_INT, &it) &&
	    (take(&next, WIRE_UINT, &it) || it.arg > INT64_MAX))
		return -EPROTO;
	*c = next;
	*ret = (int64_t)it.arg;
	return 0;
}

static double
decode_float(const struct item *it)
{
	uint32_t bits = (uint32_t)it->arg;
	double d;
	float f;

	if (it->width == sizeof(f)) {
		memcpy(&f, &bits, sizeof(f));
		return f;
	}
	memcpy(&d, &it->arg, sizeof(d));
	return d;
}

int
wire_get_double(struct wire_cursor *c, double *ret)
{
	struct item it;

	if (take(c, WIRE_DOUBLE, &it) == 0)
		*ret = decode_float(&it);
	else if (take(c, WIRE_UINT, &it) == 0)
		*ret = (double)it.arg;
	else if (take(c, WIRE_INT, &it) == 0)
		*ret = (double)(int64_t)it.arg;
	else
		return -EPROTO;
	return 0;
}

int
wire_get_str(struct wire_cursor *c, const char **ret, size_t *ret_len)
{
	struct item it;

	if (take(c, WIRE_STR, &it))
		return -EPROTO;
	*ret = (const char *)it.body;
	*ret_len = it.bytes;
	return 0;
}

int
wire_get_bin(struct wire_cursor *c, const void **ret, size_t *ret_len)
{
	struct item it;

	if (take(c, WIRE_BIN, &it))
		return -EPROTO;
	*ret = it.body;
	*ret_len = it.bytes;
	return 0;
}

int
wire_get_array(struct wire_cursor *c, uint32_t *ret_count)
{
	struct item it;

	if (take(c, WIRE_ARRAY, &it))
		return -EPROTO;
	*ret_count = (uint32_t)it.arg;
	return 0;
}

int
wire_get_map(struct wire_cursor *c, uint32_t *ret_count)
{
	struct item it;

	if (take(c, WIRE_MAP, &it))
		return -EPROTO;
	*ret_count = (uint32_t)it.arg;
	return 0;
}

int
wire_get_cstr(struct wire_cursor *c, char *out, size_t cap)
{
	struct wire_cursor next = *c;
	const char *s;
	size_t len;

	if (wire_get_str(&next, &s, &len) || memchr(s, '\0', len))
		return -EPROTO;
	if (len >= cap)
		return -EMSGSIZE;
	memcpy(out, s, len);
	out[len] = '\0';
	*c = next;
	return 0;
}

int
wire_skip(struct wire_cursor *c)
{
	const uint8_t *p = c->p;
	uint64_t left = 1;
	struct item it;

	while (left > 0) {
		if (read_item(p, c->end, &it))
			return -EPROTO;
		p = it.body + it.bytes;
		left += it.children;
		left--;
	}
	c->p = p;
	return 0;
}

int
wire_map_find(
    const struct wire_cursor *c, const char *key, struct wire_cursor *ret)
{
	struct wire_cursor at = *c;
	size_t key_len = strlen(key), len;
	const char *s;
	uint32_t pairs;

	if (wire_get_map(&at, &pairs))
		return -EPROTO;
	while (pairs-- > 0) {
		if (wire_get_str(&at, &s, &len) == 0) {
			if (len == key_len && memcmp(s, key, len) == 0) {
				*ret = at;
				return 0;
			}
		} else if (wire_skip(&at)) {
			return -EPROTO;
		}
		if (wire_skip(&at))
			return -EPROTO;
	}
	return -ENOENT;
}

static int
write_packed(void *arg, const char *data, size_t len)
{
	return buf_append(arg, data, len);
}

static msgpack_packer
make_packer(struct buf *b)
{
	return (msgpack_packer){.data = b, .callback = write_packed};
}

/* msgpack's lengths have 32 bits. */
static bool
is_too_long(struct buf *b, size_t len)
{
	if (len <= UINT32_MAX)
		return false;
	if (!b->error)
		b->error = -EMSGSIZE;
	return true;
}

void
wire_put_nil(struct buf *b)
{
	msgpack_packer pk = make_packer(b);

	msgpack_pack_nil(&pk);
}

void
wire_put_bool(struct buf *b, bool v)
{
	msgpack_packer pk = make_packer(b);

	if (v)
		msgpack_pack_true(&pk);
	else
		msgpack_pack_false(&pk);
}

void
wire_put_uint(struct buf *b, uint64_t v)
{
	msgpack_packer pk = make_packer(b);

	msgpack_pack_uint64(&pk, v);
}

void
wire_put_int(struct buf *b, int64_t v)
{
	msgpack_packer pk = make_packer(b);

	msgpack_pack_int64(&pk, v);
}

void
wire_put_double(struct buf *b, double v)
{
	msgpack_packer pk = make_packer(b);

	msgpack_pack_double(&pk, v);
}

void
wire_put_str(struct buf *b, const char *s)
{
	if (s)
		wire_put_strn(b, s, strlen(s));
	else
		wire_put_nil(b);
}

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Writes s with its bad bytes replaced; only counts when b is NULL. */
static size_t
put_repaired(struct buf *b, const uint8_t *s, size_t len)
{
	size_t total = 0, i = 0, n;

	while (i < len) {
		n = escape_utf8_len(s + i, len - i);
		if (b && n > 0)
			buf_append(b, s + i, n);
		else if (b)
			buf_puts(b, replacement);
		total += n ? n : sizeof(replacement) - 1;
		i += n ? n : 1;
	}
	return total;
}

void
wire_put_strn(struct buf *b, const char *s, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)s;
	msgpack_packer pk = make_packer(b);
	size_t total;

	if (is_too_long(b, len))
		return;
	if (is_utf8(bytes, len)) {
		msgpack_pack_str_with_body(&pk, s, len);
		return;
	}
	total = put_repaired(NULL, bytes, len);
	if (is_too_long(b, total))
		return;
	msgpack_pack_str(&pk, total);
	put_repaired(b, bytes, len);
}

void
wire_put_bin(struct buf *b, const void *p, size_t len)
{
	msgpack_packer pk = make_packer(b);

	if (!is_too_long(b, len))
		msgpack_pack_bin_with_body(&pk, p, len);
}

void
wire_put_array(struct buf *b, uint32_t count)
{
	msgpack_packer pk = make_packer(b);

	msgpack_pack_array(&pk, count);
}

void
wire_put_map(struct buf *b, uint32_t pairs)
{
	msgpack_packer pk = make_packer(b);

	msgpack_pack_map(&pk, pairs);
}

void
wire_put_raw(struct buf *b, const void *p, size_t len)
{
	buf_append(b, p, len);
}
