/*
 * sp: the SP ("scalability protocols") mapping of nng over a stream socket,
 * for the request/reply pair only. Pure: no sockets, no clock, no heap of
 * its own beyond the caller's buffer.
 *
 * On the wire each side first sends an 8-byte greeting
 *     00 'S' 'P' 00 <protocol u16 BE> 00 00
 * and then messages: 01 <length u64 BE> <body>. The body of a request
 * begins with a backtrace of u32 BE ids, the last of which has its top bit
 * set (the request id); a reply carries the same backtrace back.
 */
#ifndef COMMON_SP_H
#define COMMON_SP_H

#include "common/buf.h"

#include <stddef.h>
#include <stdint.h>

enum {
	SP_GREETING_LEN = 8,
	SP_HEADER_LEN = 9,
	SP_PROTO_REQ = 0x30,
	SP_PROTO_REP = 0x31,
	SP_MAX_HOPS = 8,
};

/* Writes the greeting of `protocol`. */
void sp_greeting(uint8_t out[SP_GREETING_LEN], uint16_t protocol);

/* What the front of a byte stream holds. */
struct sp_message {
	const uint8_t *trace; /* backtrace, trace_len bytes, a multiple of 4 */
	size_t trace_len;
	const uint8_t *payload; /* behind the backtrace */
	size_t payload_len;
	size_t total; /* bytes of the stream this message used */
};

/*
 * Checks a peer's greeting against the protocol it must speak.
 * 0 with 8 bytes used; -EAGAIN (fewer than 8 bytes, all good so far);
 * -EPROTO (not SP: decided at the first wrong byte) or -EPROTOTYPE (SP, but
 * another protocol).
 */
int sp_check_greeting(const uint8_t *data, size_t len, uint16_t expected);

/*
 * Splits the first message off `data`. 0 and *ret (pointers into data);
 * -EAGAIN (incomplete; *ret untouched); -EMSGSIZE (body above max_body, told
 * from the header alone); -EPROTO (bad type byte, or a backtrace that is
 * missing, longer than SP_MAX_HOPS or without an end).
 */
int sp_parse(
    const uint8_t *data, size_t len, size_t max_body, struct sp_message *ret);

/* Writes header and backtrace of a message of trace_len + payload_len bytes
 * to `out`; the caller then appends the payload. Errors stick in `out`. */
void sp_put_header(struct buf *out, const uint8_t *trace, size_t trace_len,
    size_t payload_len);

#endif
