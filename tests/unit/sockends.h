/*
 * sockends: what the tests of sock.h share: two socks of one process and what
 * they were told, and raw unix sockets that speak just as much of the protocol
 * as a case needs. nng starts in the checked fixture: it does not survive a
 * fork.
 */
#ifndef TESTS_UNIT_SOCKENDS_H
#define TESTS_UNIT_SOCKENDS_H

#include "common/sock.h"
#include "common/sp.h"

#include "unit.h"

#include "loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
	PROTO_REQ = 0x30,
	PROTO_REP = 0x31,
	GREETING = 8,
	HEAD = 9, /* type and length in front of each message */
};

/* A sock and what it was told. */
struct end {
	struct sock *s;
	struct sock_options options;
	unsigned ups, downs, messages;
	unsigned messages_at_down; /* of the last one */
	struct sock_peer peer;
	uint8_t data[64];
	size_t len;
	uint32_t id;
	struct sock_return answer;
	bool answers;
	bool close_in_up, close_in_down, close_in_message, drop_in_message;
};

static struct end a, b;
static char path[108];

static inline void
close_end(struct end *e)
{
	sock_close(e->s);
	e->s = NULL;
}

static inline void
on_up(void *arg, const struct sock_peer *peer)
{
	struct end *e = arg;

	ck_assert_ptr_nonnull(e->s);
	e->ups++;
	e->peer = *peer;
	ck_assert(sock_is_up(e->s));
	if (e->close_in_up)
		close_end(e);
}

static inline void
on_down(void *arg)
{
	struct end *e = arg;

	ck_assert_ptr_nonnull(e->s);
	e->downs++;
	e->messages_at_down = e->messages;
	ck_assert_uint_eq(e->ups, e->downs);
	ck_assert(!sock_is_up(e->s));
	if (e->close_in_down)
		close_end(e);
}

static inline void
on_message(void *arg, const struct sock_message *m)
{
	struct end *e = arg;

	ck_assert_ptr_nonnull(e->s);
	ck_assert_uint_gt(e->ups, e->downs);
	e->messages++;
	e->len = m->len;
	memcpy(e->data, m->data,
	    m->len < sizeof(e->data) ? m->len : sizeof(e->data));
	e->id = m->id;
	e->answer = m->answer;
	if (e->answers)
		ck_assert_int_eq(
		    sock_reply(e->s, &m->answer, m->data, m->len), 0);
	if (e->drop_in_message)
		sock_drop(e->s);
	if (e->close_in_message)
		close_end(e);
}

static inline void
open_end(struct end *e, enum sock_kind kind)
{
	e->options.kind = kind;
	e->options.path = path;
	e->options.ops = (struct sock_ops){on_up, on_down, on_message};
	e->options.arg = e;
	ck_assert_int_eq(sock_new(&e->options, &e->s), 0);
}

static inline void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	loop_setup();
	snprintf(path, sizeof(path), "%s/x.sock", scratch);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	ck_assert_int_eq(sock_init(base), 0);
}

static bool may_hang; /* nng, while it closes; see sock.h */

static inline void
teardown(void)
{
	close_end(&a);
	close_end(&b);
	sock_fini();
	ck_assert(may_hang || sock_close_hangs() == 0);
	loop_teardown();
}

static inline bool
are_up(void *arg)
{
	(void)arg;
	return sock_is_up(a.s) && sock_is_up(b.s);
}

static inline bool
has_ups(void *arg)
{
	return ((struct end *)arg)->ups > 0;
}

static inline bool
has_downs(void *arg)
{
	return ((struct end *)arg)->downs > 0;
}

static inline bool
has_messages(void *arg)
{
	return ((struct end *)arg)->messages > 0;
}

static inline bool
none_closes(void *arg)
{
	(void)arg;
	return sock_close_hangs() == 0;
}

/* a listens, b dials. */
static inline void
join(enum sock_kind listens, enum sock_kind dials)
{
	open_end(&a, listens);
	open_end(&b, dials);
	ck_assert_int_eq(sock_listen(a.s), 0);
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(are_up, NULL);
}

/* --- raw peers --------------------------------------------------------- */

static inline int
raw_connect(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(to.sun_path, path, sizeof(to.sun_path));
	ck_assert_int_eq(
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

struct raw_read {
	int fd;
	uint8_t *out;
	size_t want, got;
	bool is_over;
};

static inline bool
raw_has_read(void *arg)
{
	struct raw_read *r = arg;
	ssize_t n =
	    recv(r->fd, r->out + r->got, r->want - r->got, MSG_DONTWAIT);

	if (n > 0)
		r->got += (size_t)n;
	r->is_over = n == 0 || (n < 0 && errno != EAGAIN);
	return r->is_over || r->got == r->want;
}

/* Reads `len` bytes; false at the end of the stream. */
static inline bool
raw_read(int fd, void *out, size_t len)
{
	struct raw_read r = {.fd = fd, .out = out, .want = len};

	loop_until(raw_has_read, &r);
	return !r.is_over;
}

/* Connected and greeted; both sides have a pipe then. */
static inline int
raw_join(uint16_t proto)
{
	uint8_t greeting[GREETING], theirs[GREETING];
	int fd = raw_connect();

	sp_greeting(greeting, proto);
	ck_assert_int_eq(send(fd, greeting, GREETING, 0), GREETING);
	ck_assert(raw_read(fd, theirs, GREETING));
	return fd;
}

static inline void
raw_send(int fd, const char *hex)
{
	uint8_t out[HEAD + 64] = {1};
	size_t len = unit_unhex(hex, out + HEAD, 64);

	out[HEAD - 1] = (uint8_t)len;
	ck_assert_int_eq(send(fd, out, HEAD + len, 0), (ssize_t)(HEAD + len));
}

static inline void
raw_expect_end(int fd)
{
	uint8_t c;

	while (raw_read(fd, &c, 1))
		;
	close(fd);
}

static inline TCase *
make_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

#endif
