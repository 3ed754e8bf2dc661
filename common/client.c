/*
 * client: owns the socket to the daemon and its two buffers. Speaks the
 * request side of the SP mapping (common/sp.c) and checks that a reply is
 * the one that was asked for. A late reply to an older request is skipped.
 *
 * Must never print, retry a request, or trust a length or a byte of the
 * peer: what listens at the path may be anything.
 */
#include "common/client.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/sp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEM_SOCKET "/run/plugind/control.sock"

enum {
	MAX_REPLY = 4 << 20,
	MAX_REQUEST = 64 << 10,
	READ_CHUNK = 64 << 10,
	TRACE_LEN = 4,
	/* A unix socket whose backlog is full refuses at once; ask again. */
	BACKLOG_PAUSE_MS = 20,
};

struct client {
	char *path;
	int fd;
	int interrupt_fd;
	uint32_t last_id;
	size_t used; /* bytes of `in` that the last reply took */
	struct buf in;
	struct buf out;
};

/* Not root: a daemon of one's own first, then the system's. */
char *
client_find_socket(const char *given)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *own = NULL;

	if (!given || !*given)
		given = getenv("PLUGIND_SOCKET");
	if (given && *given)
		return strdup(given);
	if (geteuid() == 0 || !runtime || !*runtime)
		return strdup(SYSTEM_SOCKET);
	if (asprintf(&own, "%s/plugind/control.sock", runtime) < 0)
		return NULL;
	if (access(own, F_OK) < 0 && access(SYSTEM_SOCKET, F_OK) == 0) {
		free(own);
		return strdup(SYSTEM_SOCKET);
	}
	return own;
}

struct client *
client_new(const char *path)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = -1;
	c->interrupt_fd = -1;
	buf_init(&c->in, MAX_REPLY + 2 * READ_CHUNK);
	buf_init(&c->out, MAX_REQUEST + SP_HEADER_LEN);
	c->path = strdup(path);
	if (!c->path) {
		client_free(c);
		return NULL;
	}
	return c;
}

static void
drop_connection(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->used = 0;
	buf_reset(&c->in);
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	drop_connection(c);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c->path);
	free(c);
}

void
client_set_interrupt(struct client *c, int fd)
{
	c->interrupt_fd = fd;
}

/* Waits until the socket (-1: nothing) is ready for `events`. 0, -EINTR,
 * -ETIMEDOUT or another -errno. */
static int
wait_ready(struct client *c, int fd, short events, int64_t deadline_ms)
{
	struct pollfd p[2] = {
	    {.fd = fd, .events = events},
	    {.fd = c->interrupt_fd, .events = POLLIN},
	};

	for (;;) {
		int64_t left = deadline_ms - clock_mono_ms();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(p, 2, left > 60000 ? 60000 : (int)left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && p[1].revents)
			return -EINTR;
		if (n > 0 && p[0].revents)
			return 0;
	}
}

static int
send_all(struct client *c, const uint8_t *data, size_t len, int64_t deadline_ms)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
		int err;

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EPIPE)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_ready(c, c->fd, POLLOUT, deadline_ms);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Adds what there is to `in`; waits when there is nothing. */
static int
receive_some(struct client *c, int64_t deadline_ms)
{
	uint8_t *room = buf_reserve(&c->in, READ_CHUNK);

	if (!room)
		return buf_error(&c->in);
	for (;;) {
		ssize_t n = recv(c->fd, room, READ_CHUNK, 0);
		int err;

		if (n > 0) {
			c->in.len += (size_t)n;
			return 0;
		}
		if (n == 0)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_ready(c, c->fd, POLLIN, deadline_ms);
		if (err < 0)
			return err;
	}
}

static int
exchange_greetings(struct client *c, int64_t deadline_ms)
{
	uint8_t hello[SP_GREETING_LEN];
	int err;

	sp_greeting(hello, SP_PROTO_REQ);
	err = send_all(c, hello, sizeof(hello), deadline_ms);
	if (err < 0)
		return err;
	for (;;) {
		err = sp_check_greeting(c->in.data, c->in.len, SP_PROTO_REP);
		if (err == 0) {
			buf_consume(&c->in, SP_GREETING_LEN);
			return 0;
		}
		if (err != -EAGAIN)
			return -EPROTO;
		err = receive_some(c, deadline_ms);
		if (err < 0)
			return err;
	}
}

static int
open_socket(struct client *c, int64_t deadline_ms)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(c->path);

	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, c->path, len + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	while (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int64_t pause_end = clock_mono_ms() + BACKLOG_PAUSE_MS;
		int err;

		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (pause_end > deadline_ms)
			return -ETIMEDOUT;
		err = wait_ready(c, -1, 0, pause_end);
		if (err != -ETIMEDOUT)
			return err;
	}
	return exchange_greetings(c, deadline_ms);
}

static void
put_trace(uint8_t out[TRACE_LEN], uint32_t id)
{
	id |= UINT32_C(0x80000000);
	for (int i = 0; i < TRACE_LEN; i++)
		out[i] = (uint8_t)(id >> (24 - 8 * i));
}

static int
send_request(struct client *c, enum msg_type type, const struct buf *args,
    int64_t deadline_ms)
{
	struct buf body;
	uint8_t trace[TRACE_LEN];
	int err;

	put_trace(trace, c->last_id);
	buf_reset(&c->out);
	buf_init(&body, MAX_REQUEST - TRACE_LEN);
	frame_put_args(&body, type, c->last_id, args->data, args->len);
	err = buf_error(args) ? buf_error(args) : buf_error(&body);
	if (err == 0) {
		sp_put_header(&c->out, trace, sizeof(trace), body.len);
		buf_append(&c->out, body.data, body.len);
		err = buf_error(&c->out);
	}
	buf_fini(&body);
	if (err == -EMSGSIZE)
		return -E2BIG;
	if (err < 0)
		return err;
	return send_all(c, c->out.data, c->out.len, deadline_ms);
}

/* Reads [1, type, id, [code, data]]. */
static int
parse_reply(const struct sp_message *m, enum msg_type type, uint32_t id,
    struct client_reply *ret)
{
	struct frame f;
	uint64_t code;

	if (frame_parse(m->payload, m->payload_len, &f) != 0 || f.id != id ||
	    f.nargs < 2 || frame_uint(&f, &code) != 0 || code > 255)
		return -EBADMSG;
	/* A daemon that does not know the request refuses it as type 0. */
	if (f.type != type && (f.type != 0 || code == MSG_CODE_OK))
		return -EBADMSG;
	ret->code = (unsigned)code;
	ret->data = f.args;
	return 0;
}

static int
receive_reply(struct client *c, enum msg_type type, int64_t deadline_ms,
    struct client_reply *ret)
{
	uint8_t want[TRACE_LEN];

	put_trace(want, c->last_id);
	for (;;) {
		struct sp_message m;
		int err =
		    sp_parse(c->in.data, c->in.len, MAX_REPLY + TRACE_LEN, &m);

		if (err == -EAGAIN) {
			err = receive_some(c, deadline_ms);
			if (err < 0)
				return err;
			continue;
		}
		if (err == -EMSGSIZE)
			return err;
		if (err < 0)
			return -EBADMSG;
		if (m.trace_len == TRACE_LEN &&
		    memcmp(m.trace, want, TRACE_LEN) == 0) {
			c->used = m.total;
			return parse_reply(&m, type, c->last_id, ret);
		}
		buf_consume(&c->in, m.total);
	}
}

int
client_call(struct client *c, enum msg_type type, const struct buf *args,
    int64_t deadline_ms, struct client_reply *ret)
{
	int err = 0;

	buf_consume(&c->in, c->used);
	c->used = 0;
	c->last_id = (c->last_id + 1) & UINT32_C(0x7fffffff);
	if (c->fd < 0)
		err = open_socket(c, deadline_ms);
	if (err == 0)
		err = send_request(c, type, args, deadline_ms);
	if (err == 0)
		err = receive_reply(c, type, deadline_ms, ret);
	if (err < 0)
		drop_connection(c);
	return err;
}

/* A text is `before` the path `after`, with the error's name if asked. */
static const struct explanation {
	int error;
	int exit_code;
	bool named;
	const char *before;
	const char *after;
} explanations[] = {
    {EACCES, MSG_CODE_DENIED, true, "cannot open the control socket ",
        "; run this as root, or add yourself to the group plugind "
        "(usermod -aG plugind USER) and log in again"},
    {ETIMEDOUT, MSG_CODE_TIMEOUT, false, "plugind at ",
        " did not answer in time; it may be very busy, or --timeout too "
        "short"},
    {ECONNRESET, MSG_CODE_BUSY, false, "plugind at ",
        " closed the connection before it answered; see its log"},
    {EPROTO, MSG_CODE_BUSY, false, "what listens at ",
        " is not plugind's control socket; check --socket and "
        "$PLUGIND_SOCKET"},
    {EMSGSIZE, MSG_CODE_BUSY, false, "plugind at ",
        " announced a reply above 4 MiB; ask for less, or check that it "
        "is plugind"},
    {EBADMSG, MSG_CODE_BUSY, false, "plugind at ",
        " sent a reply that cannot be read; is it of another version than "
        "this program?"},
    {E2BIG, MSG_CODE_USAGE, false, "the request to plugind at ",
        " is above 64 KiB; name fewer plugins"},
    {EINTR, 130, false, "interrupted while waiting for plugind at ", ""},
    {0, MSG_CODE_BUSY, true, "cannot reach plugind at ",
        "; is the daemon running? (systemctl status plugind, or plugind "
        "--config FILE)"},
};

int
client_explain(const struct client *c, int error, struct buf *text)
{
	const struct explanation *e = explanations;

	while (e->error != 0 && e->error != -error)
		e++;
	buf_printf(text, "%s%s", e->before, c->path);
	if (e->named)
		buf_printf(text, ": %s", strerror(-error));
	buf_puts(text, e->after);
	return e->exit_code;
}
