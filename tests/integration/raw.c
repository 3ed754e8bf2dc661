/*
 * raw: owns nothing; reads and writes what it is told to. See raw.h.
 *
 * Must never: hide a byte that it did not expect.
 */
#include "raw.h"

#include "common/sp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void
await(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	ck_assert_msg(poll(&p, 1, (int)it_limit(IT_DEADLINE_MS)) == 1,
	    "control.sock does not move");
}

bool
raw_send(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Exactly so many bytes; false at the end. */
static bool
receive(int fd, void *data, size_t len)
{
	char *p = data;

	while (len > 0) {
		ssize_t n;

		await(fd, POLLIN);
		n = recv(fd, p, len, 0);
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

void
raw_greet(int fd)
{
	uint8_t ours[SP_GREETING_LEN];
	uint8_t theirs[SP_GREETING_LEN];

	sp_greeting(ours, SP_PROTO_REQ);
	ck_assert(raw_send(fd, ours, sizeof(ours)));
	ck_assert(receive(fd, theirs, sizeof(theirs)));
	ck_assert_int_eq(
	    sp_check_greeting(theirs, sizeof(theirs), SP_PROTO_REP), 0);
}

static void
put_trace(uint8_t out[4], uint32_t id)
{
	id |= UINT32_C(0x80000000);
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(id >> (24 - 8 * i));
}

bool
raw_request(int fd, uint32_t id, const void *payload, size_t len)
{
	uint8_t trace[4];
	struct buf out;
	bool ok;

	put_trace(trace, id);
	buf_init(&out, len + 64);
	sp_put_header(&out, trace, sizeof(trace), len);
	buf_append(&out, payload, len);
	ck_assert_int_eq(buf_error(&out), 0);
	ok = raw_send(fd, out.data, out.len);
	buf_fini(&out);
	return ok;
}

bool
raw_ask(int fd, uint32_t id, enum msg_type type, const char *args, size_t len)
{
	struct buf b;
	bool ok;

	buf_init(&b, 4096);
	wire_put_array(&b, 4);
	wire_put_uint(&b, MSG_VERSION);
	wire_put_uint(&b, (uint64_t)type);
	wire_put_uint(&b, id);
	if (len > 0)
		wire_put_raw(&b, args, len);
	else
		wire_put_array(&b, 0);
	ok = raw_request(fd, id, b.data, b.len);
	buf_fini(&b);
	return ok;
}

bool
raw_reply(int fd, uint32_t *ret_id, unsigned *ret_code)
{
	uint8_t head[SP_HEADER_LEN + 4];
	struct wire_cursor c;
	uint64_t len = 0;
	uint64_t code;
	uint32_t n;
	uint8_t *body;

	if (!receive(fd, head, sizeof(head)))
		return false;
	ck_assert_uint_eq(head[0], 1);
	for (int i = 1; i < SP_HEADER_LEN; i++)
		len = len << 8 | head[i];
	ck_assert_uint_gt(len, 4);
	ck_assert_uint_le(len, 5 << 20);
	*ret_id = 0;
	for (int i = 0; i < 4; i++)
		*ret_id = *ret_id << 8 | head[SP_HEADER_LEN + i];
	*ret_id &= UINT32_C(0x7fffffff);
	body = malloc(len);
	ck_assert_ptr_nonnull(body);
	ck_assert(receive(fd, body, len - 4));
	ck_assert_int_eq(wire_validate(body, len - 4, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&c, body, len - 4);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(wire_skip(&c), 0);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	ck_assert_int_eq(wire_get_uint(&c, &code), 0);
	*ret_code = (unsigned)code;
	free(body);
	return true;
}

void
raw_closed(int fd)
{
	char dropped[4096];

	do {
		await(fd, POLLIN);
	} while (recv(fd, dropped, sizeof(dropped), 0) > 0);
}
