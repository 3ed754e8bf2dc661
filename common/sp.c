/*
 * sp: frames of the SP request/reply protocol, so that the one well-known
 * listener needs no thread of nng's.
 *
 * Pure: bytes in, pointers into them out. The first byte that is wrong
 * decides, so that a peer which is not SP is told apart before it has sent
 * a whole greeting, and a length that is too long before its body is
 * buffered. Must never look behind `len`, and must never give a different
 * answer for a stream because it came in other pieces. Nothing is fatal
 * here.
 */
#include "sp.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const size_t ID_LEN = 4;

enum {
	MESSAGE_BYTE = 0x01,
	ID_LAST = 0x80, /* top bit of the last id's first byte */
	PROTO_AT = 4,   /* where the greeting holds the protocol */
};

void
sp_greeting(uint8_t out[SP_GREETING_LEN], uint16_t protocol)
{
	const uint8_t greeting[SP_GREETING_LEN] = {
	    0, 'S', 'P', 0, (uint8_t)(protocol >> 8), (uint8_t)protocol, 0, 0};

	memcpy(out, greeting, sizeof(greeting));
}

int
sp_check_greeting(const uint8_t *data, size_t len, uint16_t expected)
{
	uint8_t want[SP_GREETING_LEN];

	sp_greeting(want, expected);
	for (size_t i = 0; i < SP_GREETING_LEN; i++) {
		if (i == len)
			return -EAGAIN;
		if (data[i] == want[i])
			continue;
		return i == PROTO_AT || i == PROTO_AT + 1 ? -EPROTOTYPE
		                                          : -EPROTO;
	}
	return 0;
}

/* Length of the backtrace at the front of a body, or 0 when there is none. */
static size_t
measure_trace(const uint8_t *body, size_t len)
{
	for (size_t at = 0; at < SP_MAX_HOPS * ID_LEN; at += ID_LEN) {
		if (len - at < ID_LEN)
			return 0;
		if (body[at] & ID_LAST)
			return at + ID_LEN;
	}
	return 0;
}

int
sp_parse(
    const uint8_t *data, size_t len, size_t max_body, struct sp_message *ret)
{
	uint64_t body_len;
	size_t trace_len;

	if (len > 0 && data[0] != MESSAGE_BYTE)
		return -EPROTO;
	if (len < SP_HEADER_LEN)
		return -EAGAIN;
	memcpy(&body_len, data + 1, sizeof(body_len));
	body_len = be64toh(body_len);
	if (body_len > max_body)
		return -EMSGSIZE;
	if (body_len < ID_LEN)
		return -EPROTO;
	if (len - SP_HEADER_LEN < body_len)
		return -EAGAIN;
	trace_len = measure_trace(data + SP_HEADER_LEN, body_len);
	if (trace_len == 0)
		return -EPROTO;
	*ret = (struct sp_message){
	    .trace = data + SP_HEADER_LEN,
	    .trace_len = trace_len,
	    .payload = data + SP_HEADER_LEN + trace_len,
	    .payload_len = body_len - trace_len,
	    .total = SP_HEADER_LEN + body_len,
	};
	return 0;
}

void
sp_put_header(
    struct buf *out, const uint8_t *trace, size_t trace_len, size_t payload_len)
{
	uint64_t body_len = htobe64((uint64_t)trace_len + payload_len);

	buf_putc(out, MESSAGE_BYTE);
	buf_append(out, &body_len, sizeof(body_len));
	buf_append(out, trace, trace_len);
}
