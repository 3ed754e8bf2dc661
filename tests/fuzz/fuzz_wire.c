/*
 * fuzz_wire: bytes that validate can be walked, shown as JSON and written
 * again with the same meaning; bytes that do not are an error everywhere and
 * never a read outside of them.
 */
#include "common/escape.h"
#include "common/json.h"
#include "common/wire.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

enum { JSON_LIMIT = 1 << 22, PREFIX_MAX = 128 };

static void
show_json(struct buf *out, const void *data, size_t len)
{
	struct wire_cursor c;
	struct json j;

	wire_cursor_init(&c, data, len);
	buf_init(out, JSON_LIMIT);
	json_init(&j, out, 0);
	MUST(json_wire(&j, &c) == 0);
	MUST(c.p == c.end);
	MUST(j.depth == 0);
	MUST(out->len > 0);
	MUST(escape_clean((const char *)out->data, out->len));
}

static void
copy_scalar(struct buf *out, struct wire_cursor *c)
{
	const void *bin;
	const char *s;
	uint64_t u;
	int64_t i;
	size_t len;
	double d;
	bool v;

	if (wire_get_nil(c) == 0)
		wire_put_nil(out);
	else if (wire_get_bool(c, &v) == 0)
		wire_put_bool(out, v);
	else if (wire_get_uint(c, &u) == 0)
		wire_put_uint(out, u);
	else if (wire_get_int(c, &i) == 0)
		wire_put_int(out, i);
	else if (wire_get_double(c, &d) == 0)
		wire_put_double(out, d);
	else if (wire_get_str(c, &s, &len) == 0)
		wire_put_strn(out, s, len);
	else if (wire_get_bin(c, &bin, &len) == 0)
		wire_put_bin(out, bin, len);
	else
		MUST(wire_peek(c) == WIRE_END);
}

/* Objects follow each other whatever their nesting: no stack is needed. */
static void
copy_objects(struct buf *out, const void *data, size_t len)
{
	struct wire_cursor c;
	uint32_t n;

	wire_cursor_init(&c, data, len);
	buf_init(out, SIZE_MAX);
	while (wire_peek(&c) != WIRE_END) {
		if (wire_get_array(&c, &n) == 0)
			wire_put_array(out, n);
		else if (wire_get_map(&c, &n) == 0)
			wire_put_map(out, n);
		else
			copy_scalar(out, &c);
	}
	MUST(c.p == c.end);
	MUST(buf_error(out) == 0);
}

static void
show_scalar(struct buf *out, struct wire_cursor *c)
{
	struct json j;

	json_init(&j, out, 0);
	MUST(json_wire(&j, c) == 0);
}

static void
check_same_scalar(struct wire_cursor *c1, struct wire_cursor *c2)
{
	struct buf b1, b2;

	buf_init(&b1, JSON_LIMIT);
	buf_init(&b2, JSON_LIMIT);
	show_scalar(&b1, c1);
	show_scalar(&b2, c2);
	MUST(b1.len == b2.len);
	MUST(memcmp(b1.data, b2.data, b1.len) == 0);
	buf_fini(&b1);
	buf_fini(&b2);
}

/* Same types, counts and values, object by object. */
static void
check_same(const uint8_t *data, size_t size, const struct buf *copy)
{
	struct wire_cursor c1, c2;
	uint32_t n1, n2;

	wire_cursor_init(&c1, data, size);
	wire_cursor_init(&c2, copy->data, copy->len);
	while (wire_peek(&c1) != WIRE_END) {
		MUST(wire_peek(&c1) == wire_peek(&c2));
		if (wire_get_array(&c1, &n1) == 0)
			MUST(wire_get_array(&c2, &n2) == 0 && n1 == n2);
		else if (wire_get_map(&c1, &n1) == 0)
			MUST(wire_get_map(&c2, &n2) == 0 && n1 == n2);
		else
			check_same_scalar(&c1, &c2);
	}
	MUST(wire_peek(&c2) == WIRE_END);
}

static void
check_valid(const uint8_t *data, size_t size)
{
	struct buf text, copy, copy_of_copy;
	struct wire_cursor c;
	int r;

	wire_cursor_init(&c, data, size);
	MUST(wire_skip(&c) == 0);
	MUST(c.p == c.end);
	show_json(&text, data, size);

	copy_objects(&copy, data, size);
	MUST(wire_validate(copy.data, copy.len, WIRE_MAX_DEPTH) == 0);
	check_same(data, size, &copy);
	copy_objects(&copy_of_copy, copy.data, copy.len);
	MUST(copy.len == copy_of_copy.len);
	MUST(memcmp(copy.data, copy_of_copy.data, copy.len) == 0);

	for (unsigned depth = 0; depth < WIRE_MAX_DEPTH; depth++) {
		r = wire_validate(data, size, depth);
		MUST(r == 0 || r == -E2BIG);
	}
	for (size_t n = 0; n < size && n < PREFIX_MAX; n++)
		MUST(wire_validate(data, n, WIRE_MAX_DEPTH) == -ENODATA);
	buf_fini(&text);
	buf_fini(&copy);
	buf_fini(&copy_of_copy);
}

/* Nobody reads bytes that were not validated, but if: an error, no more. */
static void
check_invalid(const uint8_t *data, size_t size)
{
	struct wire_cursor c, found;
	struct json j;
	struct buf b;

	wire_cursor_init(&c, data, size);
	(void)wire_map_find(&c, "a", &found);
	buf_init(&b, JSON_LIMIT);
	json_init(&j, &b, 2);
	(void)json_wire(&j, &c);
	MUST(c.p <= c.end);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int r = wire_validate(data, size, WIRE_MAX_DEPTH);

	MUST(r == 0 || r == -EBADMSG || r == -E2BIG || r == -ENODATA);
	if (r == 0)
		check_valid(data, size);
	else
		check_invalid(data, size);
	return 0;
}
