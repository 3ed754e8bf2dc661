/*
 * fuzz_sp: a stream gives the same messages and the same error whether it
 * comes at once or byte by byte, and a message written again is the same
 * bytes. The first byte of the input chooses the longest body.
 */
#include "common/sp.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

static void
check_message(
    const uint8_t *at, size_t left, size_t max_body, const struct sp_message *m)
{
	struct buf again;

	MUST(m->total <= left);
	MUST(m->trace == at + SP_HEADER_LEN);
	MUST(m->payload == m->trace + m->trace_len);
	MUST(m->total == SP_HEADER_LEN + m->trace_len + m->payload_len);
	MUST(m->trace_len + m->payload_len <= max_body);
	MUST(m->trace_len > 0 && m->trace_len % 4 == 0);
	MUST(m->trace_len / 4 <= SP_MAX_HOPS);
	MUST(m->trace[m->trace_len - 4] & 0x80);

	buf_init(&again, m->total);
	sp_put_header(&again, m->trace, m->trace_len, m->payload_len);
	buf_append(&again, m->payload, m->payload_len);
	MUST(buf_error(&again) == 0);
	MUST(again.len == m->total);
	MUST(memcmp(again.data, at, m->total) == 0);
	buf_fini(&again);
}

/* Moves `*at` behind the next message; 0 or the verdict on the rest. */
static int
next_message(const uint8_t *data, size_t size, size_t max_body, size_t *at)
{
	struct sp_message m;
	int r = sp_parse(data + *at, size - *at, max_body, &m);

	if (r) {
		MUST(r == -EAGAIN || r == -EPROTO || r == -EMSGSIZE);
		return r;
	}
	check_message(data + *at, size - *at, max_body, &m);
	*at += m.total;
	return 0;
}

static int
parse_at_once(
    const uint8_t *data, size_t size, size_t max_body, size_t *ret_used)
{
	int r;

	do {
		r = next_message(data, size, max_body, ret_used);
	} while (r == 0);
	return r;
}

/* As a connection does it: append, parse, consume. */
static int
parse_byte_by_byte(
    const uint8_t *data, size_t size, size_t max_body, size_t *ret_used)
{
	size_t used;
	struct buf in;
	int r = -EAGAIN;

	buf_init(&in, SP_HEADER_LEN + max_body);
	for (size_t i = 0; i < size && r == -EAGAIN; i++) {
		MUST(buf_append(&in, &data[i], 1) == 0);
		used = 0;
		r = parse_at_once(in.data, in.len, max_body, &used);
		buf_consume(&in, used);
		*ret_used += used;
	}
	buf_fini(&in);
	return r;
}

/* The first wrong byte decides, for good. */
static void
check_greeting(const uint8_t *data, size_t size)
{
	int last = -EAGAIN, r;

	for (size_t n = 0; n <= size && n <= SP_GREETING_LEN + 1; n++) {
		r = sp_check_greeting(data, n, SP_PROTO_REQ);
		MUST(last == -EAGAIN || r == last);
		MUST(
		    r == 0 || r == -EAGAIN || r == -EPROTO || r == -EPROTOTYPE);
		MUST(n < SP_GREETING_LEN ? r != 0 : r != -EAGAIN);
		last = r;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t max_body, used_once = 0, used_bytes = 0;
	int once, bytes;

	check_greeting(data, size);
	if (size == 0)
		return 0;
	max_body = data[0];
	once = parse_at_once(data + 1, size - 1, max_body, &used_once);
	bytes = parse_byte_by_byte(data + 1, size - 1, max_body, &used_bytes);
	MUST(once == bytes);
	MUST(used_once == used_bytes);
	return 0;
}
