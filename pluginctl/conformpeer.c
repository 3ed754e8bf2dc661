/*
 * conformpeer: see conformpeer.h. Owns the sockets, the marker and the bytes
 * that have come in; what a message means is conformhear.c's.
 *
 * A newer connection of a socket takes the place of an older one, and all are
 * accepted before any is read, so that what is missing at a hello was missing.
 * Answers to commands are read before the hub, since an outcome may overtake
 * its answer only there. Must never wait.
 */
#include "conformpeer.h"

#include "common/clock.h"
#include "common/sp.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BODY_MAX = (1 << 20) + (4 << 10),
	READ_BYTES = 64 << 10,
	IN_MAX = BODY_MAX + SP_HEADER_LEN + READ_BYTES,
	BACKLOG = 8,
	ID_LEN = 4,
	PROTO_PUB = 0x20,
	PROTO_SUB = 0x21,
};

#define REQUEST_BIT UINT32_C(0x80000000)

static const struct pipe_row {
	const char *file;
	uint16_t ours;
	uint16_t theirs;
} pipe_rows[PIPE__COUNT] = {
    [PIPE_COMMAND] = {"command.sock", SP_PROTO_REQ, SP_PROTO_REP},
    [PIPE_HUB] = {"hub.sock", SP_PROTO_REP, SP_PROTO_REQ},
    [PIPE_EVENTS] = {"events.sock", PROTO_PUB, PROTO_SUB},
};

void
conformpeer_fault(
    struct conformpeer *p, enum conform_fault fault, const char *fmt, ...)
{
	va_list ap;

	if (p->fault[fault][0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(p->fault[fault], sizeof(p->fault[fault]), fmt, ap);
	va_end(ap);
}

/* --- sockets and the marker -------------------------------------------- */

static int
listen_at(const char *dir, const char *file)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", dir, file);
	int fd, error;

	if (n < 0 || (size_t)n >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

void
conformpeer_init(struct conformpeer *p, const struct conform_identity *identity)
{
	memset(p, 0, sizeof(*p));
	p->identity = *identity;
	for (int i = 0; i < PIPE__COUNT; i++) {
		p->listen_fd[i] = -1;
		p->conn[i].fd = -1;
		buf_init(&p->conn[i].in, IN_MAX);
	}
	conformpeer_renew(p);
}

int
conformpeer_listen(struct conformpeer *p, const char *dir)
{
	p->dir = dir;
	for (int i = 0; i < PIPE__COUNT; i++) {
		p->listen_fd[i] = listen_at(dir, pipe_rows[i].file);
		if (p->listen_fd[i] < 0)
			return p->listen_fd[i];
	}
	return 0;
}

void
conformpeer_fini(struct conformpeer *p)
{
	conformpeer_vanish(p);
	for (int i = 0; i < PIPE__COUNT; i++)
		buf_fini(&p->conn[i].in);
}

void
conformpeer_renew(struct conformpeer *p)
{
	uint64_t epoch = (uint64_t)clock_mono_us();

	(void)!getrandom(&epoch, sizeof(epoch), 0);
	snprintf(p->epoch, sizeof(p->epoch), "%016" PRIx64, epoch);
}

int
conformpeer_mark(struct conformpeer *p)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/router", p->dir);
	snprintf(temporary, sizeof(temporary), "%s/.router", p->dir);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	n = write(fd, p->epoch, strlen(p->epoch));
	if (close(fd) != 0 || n != (ssize_t)strlen(p->epoch))
		return -EIO;
	return rename(temporary, path) == 0 ? 0 : -errno;
}

void
conformpeer_drop(struct conformpeer *p, enum conform_pipe pipe)
{
	struct conform_conn *c = &p->conn[pipe];

	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->is_greeted = false;
	buf_reset(&c->in);
	if (pipe == PIPE_HUB)
		p->is_welcome = false;
}

void
conformpeer_drop_all(struct conformpeer *p)
{
	for (unsigned i = 0; i < PIPE__COUNT; i++)
		conformpeer_drop(p, (enum conform_pipe)i);
}

void
conformpeer_vanish(struct conformpeer *p)
{
	conformpeer_drop_all(p);
	for (int i = 0; i < PIPE__COUNT; i++) {
		if (p->listen_fd[i] >= 0)
			close(p->listen_fd[i]);
		p->listen_fd[i] = -1;
	}
}

bool
conformpeer_is_complete(const struct conformpeer *p)
{
	for (int i = 0; i < PIPE__COUNT; i++) {
		if (p->conn[i].fd < 0 || !p->conn[i].is_greeted)
			return false;
	}
	return true;
}

/* --- out --------------------------------------------------------------- */

void
conformpeer_send_raw(
    struct conformpeer *p, enum conform_pipe pipe, const void *data, size_t len)
{
	int fd = p->conn[pipe].fd;

	if (fd < 0)
		return;
	/* All that is ever under way fits into the socket; who does not read
	 * it is not there. */
	if (send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
		conformpeer_drop(p, pipe);
}

static void
send_message(struct conformpeer *p, enum conform_pipe pipe,
    const uint8_t *trace, size_t trace_len, const struct buf *payload)
{
	struct buf b;

	buf_init(&b, IN_MAX);
	sp_put_header(&b, trace, trace_len, payload->len);
	buf_append(&b, payload->data, payload->len);
	if (buf_error(&b) == 0)
		conformpeer_send_raw(p, pipe, b.data, b.len);
	else
		conformpeer_drop(p, pipe);
	buf_fini(&b);
}

static void
send_with_id(struct conformpeer *p, enum conform_pipe pipe, uint32_t request,
    const struct buf *payload)
{
	const uint8_t trace[ID_LEN] = {(uint8_t)(request >> 24),
	    (uint8_t)(request >> 16), (uint8_t)(request >> 8),
	    (uint8_t)request};

	send_message(p, pipe, trace, sizeof(trace), payload);
}

uint32_t
conformpeer_request(struct conformpeer *p, const struct buf *payload)
{
	uint32_t request = ++p->last_request | REQUEST_BIT;

	send_with_id(p, PIPE_COMMAND, request, payload);
	return request;
}

void
conformpeer_answer(
    struct conformpeer *p, uint32_t request, const struct buf *payload)
{
	send_with_id(p, PIPE_HUB, request, payload);
}

void
conformpeer_publish(struct conformpeer *p, const struct buf *payload)
{
	static const uint8_t none;

	send_message(p, PIPE_EVENTS, &none, 0, payload);
}

uint64_t
conformpeer_new_op(struct conformpeer *p, unsigned type)
{
	if (p->last_op + 1 < CONFORM_OPS_MAX)
		p->op_type[++p->last_op] = type;
	return p->last_op;
}

/* --- in ---------------------------------------------------------------- */

/* False when there is none. */
static bool
accept_one(struct conformpeer *p, enum conform_pipe pipe)
{
	struct conform_conn *c = &p->conn[pipe];
	uint8_t greeting[SP_GREETING_LEN];
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	int fd = accept4(
	    p->listen_fd[pipe], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return false;
	conformpeer_drop(p, pipe);
	c->fd = fd;
	c->count++;
	if (pipe == PIPE_HUB &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		p->hub_pid = who.pid;
	sp_greeting(greeting, pipe_rows[pipe].ours);
	conformpeer_send_raw(p, pipe, greeting, sizeof(greeting));
	return true;
}

/* Whether it has come; another number is taken, and remembered. */
static bool
take_greeting(struct conformpeer *p, enum conform_pipe pipe)
{
	struct conform_conn *c = &p->conn[pipe];
	int r =
	    sp_check_greeting(c->in.data, c->in.len, pipe_rows[pipe].theirs);

	if (r == -EAGAIN)
		return false;
	if (r == -EPROTOTYPE && c->in.len < SP_GREETING_LEN)
		return false;
	if (r != 0)
		conformpeer_fault(p, FAULT_GREETING,
		    r == -EPROTOTYPE
		        ? "the greeting on %s had the number of another "
		          "socket"
		        : "what came on %s was no greeting",
		    pipe_rows[pipe].file);
	if (r != 0 && r != -EPROTOTYPE) {
		conformpeer_drop(p, pipe);
		return false;
	}
	buf_consume(&c->in, SP_GREETING_LEN);
	c->is_greeted = true;
	return true;
}

/* Whether there was one. */
static bool
take_message(struct conformpeer *p, enum conform_pipe pipe)
{
	struct conform_conn *c = &p->conn[pipe];
	unsigned count = c->count;
	struct sp_message m;
	uint32_t request;
	int r = sp_parse(c->in.data, c->in.len, BODY_MAX, &m);

	if (r == -EAGAIN)
		return false;
	if (r != 0 || pipe == PIPE_EVENTS) {
		conformpeer_fault(p, FAULT_FORM, "%s on %s",
		    r == -EMSGSIZE ? "a message that is too long came"
		    : r != 0       ? "bytes that are no message came"
		                   : "a message came",
		    pipe_rows[pipe].file);
		conformpeer_drop(p, pipe);
		return false;
	}
	memcpy(&request, m.trace + m.trace_len - ID_LEN, ID_LEN);
	request = be32toh(request);
	if (pipe == PIPE_HUB)
		conformhear_hub(p, request, m.payload, m.payload_len);
	else
		conformhear_answer(p, request, m.payload, m.payload_len);
	if (c->fd < 0 || c->count != count)
		return false;
	buf_consume(&c->in, m.total);
	return true;
}

static void
read_one(struct conformpeer *p, enum conform_pipe pipe)
{
	struct conform_conn *c = &p->conn[pipe];
	uint8_t *room = buf_reserve(&c->in, READ_BYTES);
	ssize_t n;

	if (room == NULL) {
		conformpeer_drop(p, pipe);
		return;
	}
	n = recv(c->fd, room, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conformpeer_drop(p, pipe);
		return;
	}
	c->in.len += (size_t)n;
	if (!c->is_greeted && !take_greeting(p, pipe))
		return;
	while (take_message(p, pipe))
		continue;
}

void
conformpeer_poll(const struct conformpeer *p, struct pollfd fds[CONFORM_POLLED])
{
	for (int i = 0; i < PIPE__COUNT; i++) {
		fds[i] =
		    (struct pollfd){.fd = p->listen_fd[i], .events = POLLIN};
		fds[PIPE__COUNT + i] =
		    (struct pollfd){.fd = p->conn[i].fd, .events = POLLIN};
	}
}

void
conformpeer_accept(struct conformpeer *p)
{
	for (unsigned i = 0; i < PIPE__COUNT; i++) {
		while (
		    p->listen_fd[i] >= 0 && accept_one(p, (enum conform_pipe)i))
			continue;
	}
}

void
conformpeer_hear(struct conformpeer *p)
{
	conformpeer_accept(p);
	for (unsigned i = 0; i < PIPE__COUNT; i++) {
		if (p->conn[i].fd >= 0)
			read_one(p, (enum conform_pipe)i);
	}
}
