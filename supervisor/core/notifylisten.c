/*
 * notify, downwards: one datagram socket a plugin that says by itself when
 * it is ready (sd_notify). Says what arrived and from which process; who may
 * be believed is for the owner to decide.
 *
 * Everything here comes from outside: the kernel's credentials are required,
 * descriptors that ride along are closed, keys that are not known are
 * skipped. Must never read more than TURN_MAX datagrams in one turn of the
 * loop, and must not leave its socket file behind.
 */
#include "notify.h"

#include "common/log.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LISTENER_MAGIC = 0x6e6f7466,
	DATAGRAM_MAX = 4096,
	TURN_MAX = 32,
	DISCARD_MAX = 1024, /* more than the kernel queues */
	FDS_MAX = 16,       /* the kernel closes what does not fit */
};

struct notify_listener {
	uint32_t magic;
	struct event event;
	int fd;
	bool in_turn; /* fn may be running: free later */
	bool freed;
	notify_message_fn *fn;
	void *arg;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

struct datagram {
	bool sound;
	struct ucred from;
	char text[DATAGRAM_MAX + 1];
};

/* --- what a message says ----------------------------------------------- */

/* A number from 0 to INT64_MAX, or -1. */
static int64_t
parse_number(const char *s)
{
	char *end;
	long long n;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	n = strtoll(s, &end, 10);
	return errno == 0 && *end == '\0' ? n : -1;
}

static bool
is_one(const char *value)
{
	return strcmp(value, "1") == 0;
}

static void
take_ready(struct notify_message *m, const char *value)
{
	m->ready = is_one(value);
}

static void
take_reloading(struct notify_message *m, const char *value)
{
	m->reloading = is_one(value);
}

static void
take_stopping(struct notify_message *m, const char *value)
{
	m->stopping = is_one(value);
}

static void
take_watchdog(struct notify_message *m, const char *value)
{
	m->watchdog = is_one(value);
}

static void
take_status(struct notify_message *m, const char *value)
{
	m->status = value;
}

static void
take_main_pid(struct notify_message *m, const char *value)
{
	int64_t pid = parse_number(value);

	if (pid > 0 && pid <= INT_MAX)
		m->main_pid = pid;
}

static void
take_extend(struct notify_message *m, const char *value)
{
	int64_t us = parse_number(value);

	if (us >= 0)
		m->extend_ms = us / 1000 + (us % 1000 != 0);
}

typedef void take_fn(struct notify_message *m, const char *value);

static const struct {
	const char *name;
	take_fn *fn;
} keys[] = {
    {"READY", take_ready},
    {"RELOADING", take_reloading},
    {"STOPPING", take_stopping},
    {"WATCHDOG", take_watchdog},
    {"STATUS", take_status},
    {"MAINPID", take_main_pid},
    {"EXTEND_TIMEOUT_USEC", take_extend},
};

static void
take_line(struct notify_message *m, char *line)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return;
	*equals = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(line, keys[i].name) == 0)
			keys[i].fn(m, equals + 1);
	}
}

static void
tell(struct notify_listener *l, struct datagram *d)
{
	struct notify_message m = {
	    .pid = d->from.pid, .uid = d->from.uid, .extend_ms = -1};
	char *rest = d->text;

	while (rest)
		take_line(&m, strsep(&rest, "\n"));
	l->fn(l->arg, &m);
}

/* --- datagrams --------------------------------------------------------- */

/* Closes descriptors; true when the sender is known and sent none. */
static bool
take_control(struct msghdr *msg, struct ucred *ret)
{
	bool known = false;
	bool clean = true;
	struct cmsghdr *c;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(ret, CMSG_DATA(c), sizeof(*ret));
			known = true;
		}
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		clean = false;
		for (size_t at = CMSG_LEN(0); at + sizeof(fd) <= c->cmsg_len;
		     at += sizeof(fd)) {
			memcpy(&fd, (const char *)c + at, sizeof(fd));
			close(fd);
		}
	}
	return known && clean && ret->pid > 0;
}

/* False when the queue is empty. */
static bool
receive(struct notify_listener *l, struct datagram *d)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) +
		           CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec v = {.iov_base = d->text, .iov_len = DATAGRAM_MAX};
	struct msghdr msg = {.msg_iov = &v,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(l->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return false;
	d->sound = take_control(&msg, &d->from) &&
	           !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	           !memchr(d->text, '\0', (size_t)n);
	d->text[n] = '\0';
	return true;
}

static void
destroy(struct notify_listener *l)
{
	l->magic = 0;
	free(l);
}

static void
on_datagram(evutil_socket_t fd, short what, void *arg)
{
	struct notify_listener *l = arg;
	struct datagram d;

	(void)fd;
	(void)what;
	INVARIANT(l->magic == LISTENER_MAGIC);
	l->in_turn = true;
	for (int i = 0; i < TURN_MAX && !l->freed && receive(l, &d); i++) {
		if (d.sound)
			tell(l, &d);
	}
	l->in_turn = false;
	if (l->freed)
		destroy(l);
}

/* --- life cycle -------------------------------------------------------- */

/* For another user than ours the file has to be theirs; where we may not
 * give it away, everybody may write: the credentials still tell. */
static int
set_owner(const char *path, uid_t uid)
{
	if (uid == geteuid() || chown(path, uid, (gid_t)-1) == 0)
		return 0;
	return chmod(path, 0622) == 0 ? 0 : -errno;
}

static int
bind_socket(int fd, const char *path, uid_t uid)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const int on = 1;
	int r;

	memcpy(a.sun_path, path, strlen(path) + 1);
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0)
		return -errno;
	/* The mode of the socket is that of the file: never open to others,
	 * not even between bind and chmod. */
	if (fchmod(fd, 0600) != 0)
		return -errno;
	if (unlink(path) != 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return -errno;
	r = set_owner(path, uid);
	if (r != 0)
		unlink(path);
	return r;
}

int
notify_listen(struct event_base *base, const char *path, uid_t uid,
    notify_message_fn *fn, void *arg, struct notify_listener **ret)
{
	struct notify_listener *l;
	size_t size = strlen(path) + 1;
	int r;

	if (size > sizeof(l->path))
		return -ENAMETOOLONG;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->magic = LISTENER_MAGIC;
	l->fn = fn;
	l->arg = arg;
	l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = l->fd < 0 ? -errno : bind_socket(l->fd, path, uid);
	if (r != 0)
		goto out;
	memcpy(l->path, path, size);
	event_assign(
	    &l->event, base, l->fd, EV_READ | EV_PERSIST, on_datagram, l);
	if (event_add(&l->event, NULL) != 0) {
		unlink(path);
		r = -ENOMEM;
		goto out;
	}
	*ret = l;
	l = NULL;
out:
	if (l && l->fd >= 0)
		close(l->fd);
	free(l);
	return r;
}

void
notify_listener_free(struct notify_listener *l)
{
	if (!l)
		return;
	event_del(&l->event);
	close(l->fd);
	unlink(l->path);
	if (l->in_turn)
		l->freed = true;
	else
		destroy(l);
}

void
notify_listener_discard(struct notify_listener *l)
{
	struct datagram d;

	for (int i = 0; l && i < DISCARD_MAX && receive(l, &d); i++)
		continue;
}
