/*
 * control: owns the listening socket and the connections.
 *
 * Must never: block, keep more of a client than its limits allow, or let one
 * client's behaviour be felt by another.
 */
#include "control.h"

#include "cgroup.h"
#include "held.h"
#include "reaper.h"
#include "request.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/sp.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 256,
	OUTSTANDING_MAX = 16, /* requests of one connection */
	STRIKES_MAX = 3,
	GREETING_MS = 2000,
	STALLED_S = 30,                /* a client that does not read */
	OUTPUT_HIGH = 8 * 1024 * 1024, /* then its requests must wait */
	ACCEPT_PAUSE_MS = 1000,
	PEER_GROUPS_MAX = 1024,
};

#define CONN_MAGIC 0x636f6e31u

struct conn {
	uint32_t magic;
	struct bufferevent *bev;
	struct event greeting; /* deadline of it */
	bool greeted;
	bool closing; /* freed at the end of the turn */
	bool paused;  /* too much output */
	enum msg_role role;
	const char *refusal;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	unsigned outstanding;
	unsigned strikes;
	TAILQ_ENTRY(conn) link;
};

static struct event_base *loop;
static struct evconnlistener *listener;
static struct event resume_event;
static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static gid_t operator_gid = (gid_t)-1;
static TAILQ_HEAD(, conn) conns = TAILQ_HEAD_INITIALIZER(conns);
static size_t nconns;

/* --- connections ------------------------------------------------------- */

/* bufferevent_free inside its own callback is allowed: it is deferred. */
static void
close_conn(struct conn *c)
{
	held_drop(c);
	event_del(&c->greeting);
	bufferevent_free(c->bev);
	TAILQ_REMOVE(&conns, c, link);
	nconns--;
	c->magic = 0;
	free(c);
}

static void
on_greeting_late(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	INVARIANT(c->magic == CONN_MAGIC);
	close_conn(c);
}

/* --- who is it --------------------------------------------------------- */

static bool
has_operator_group(int fd, gid_t gid)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (operator_gid == (gid_t)-1)
		return false;
	if (gid == operator_gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++) {
		if (groups[i] == operator_gid)
			return true;
	}
	return false;
}

static void
authorize(struct conn *c, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	c->role = ROLE_NONE;
	c->refusal = "the kernel does not say who you are";
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return;
	c->uid = cred.uid;
	c->gid = cred.gid;
	c->pid = cred.pid;
	if (reaper_is_session(getsid(cred.pid)) ||
	    cgroup_contains_pid(cred.pid)) {
		c->refusal = "processes of a plugin may not give commands";
		return;
	}
	if (cred.uid == 0 || cred.uid == geteuid())
		c->role = ROLE_ADMIN;
	else if (has_operator_group(fd, cred.gid))
		c->role = ROLE_OPERATOR;
	c->refusal = "only root, the daemon's user and members of the group "
	             "`plugind` may; 'usermod -aG plugind USER' adds one";
}

/* --- requests ---------------------------------------------------------- */

static void
send_reply(struct conn *c, const struct request *req)
{
	struct evbuffer *output = bufferevent_get_output(c->bev);
	struct buf payload;
	struct buf head;

	buf_init(&payload, REPLY_MAX);
	buf_init(&head, SP_HEADER_LEN + REQUEST_TRACE_MAX);
	request_put_reply(req, &payload);
	sp_put_header(&head, req->trace, req->trace_len, payload.len);
	if (buf_error(&payload) != 0 || buf_error(&head) != 0 ||
	    evbuffer_add(output, head.data, head.len) != 0 ||
	    evbuffer_add(output, payload.data, payload.len) != 0)
		c->closing = true; /* half a reply would be worse than none */
	buf_fini(&payload);
	buf_fini(&head);
}

static void
refuse(struct conn *c, struct request *req)
{
	if (c->role == ROLE_NONE)
		request_fail(req, MSG_CODE_DENIED, NULL,
		    "permission denied: %s", c->refusal);
	else if (req->info == NULL)
		request_fail(req, MSG_CODE_USAGE,
		    "client and daemon are of different versions",
		    "unknown request type or protocol version");
	else if (c->role < req->info->role)
		request_fail(req, MSG_CODE_DENIED, NULL,
		    "permission denied: %s changes the configuration, which "
		    "only root or the daemon's user may do",
		    req->info->name);
	else if (c->outstanding >= OUTSTANDING_MAX)
		request_fail(req, MSG_CODE_BUSY, NULL,
		    "more than %d requests at once on one connection",
		    (int)OUTSTANDING_MAX);
}

static void
answer_late(struct request *req)
{
	req->conn->outstanding--;
	send_reply(req->conn, req);
}

static void
serve(struct conn *c, const struct sp_message *m)
{
	struct request req = {.conn = c,
	    .role = c->role,
	    .uid = c->uid,
	    .gid = c->gid,
	    .pid = c->pid,
	    .reply = answer_late};
	request_fn *handler;

	if (held_has(c, m->trace, m->trace_len))
		return;
	memcpy(req.trace, m->trace, m->trace_len);
	req.trace_len = m->trace_len;
	if (request_parse(&req, m->payload, m->payload_len) != 0) {
		if (++c->strikes >= STRIKES_MAX)
			c->closing = true;
		return;
	}
	refuse(c, &req);
	handler = req.info != NULL ? request_handler(req.info->type) : NULL;
	if (!request_failed(&req) && handler != NULL)
		handler(&req);
	if (req.poll != NULL) {
		if (held_keep(&req) == 0) {
			c->outstanding++;
			return;
		}
		c->closing = true;
		request_fini(&req);
		return;
	}
	send_reply(c, &req);
	request_fini(&req);
}

static void
close_closing(void)
{
	struct conn *c = TAILQ_FIRST(&conns);

	while (c != NULL) {
		struct conn *next = TAILQ_NEXT(c, link);

		if (c->closing)
			close_conn(c);
		c = next;
	}
}

/* --- reading ----------------------------------------------------------- */

static bool
read_greeting(struct conn *c, struct evbuffer *input)
{
	uint8_t greeting[SP_GREETING_LEN];
	ssize_t n = evbuffer_copyout(input, greeting, sizeof(greeting));
	int r =
	    sp_check_greeting(greeting, n < 0 ? 0 : (size_t)n, SP_PROTO_REQ);

	if (r == -EAGAIN)
		return false;
	if (r != 0) {
		c->closing = true;
		return false;
	}
	evbuffer_drain(input, sizeof(greeting));
	event_del(&c->greeting);
	c->greeted = true;
	return true;
}

/* One message, if it is there. */
static bool
read_message(struct conn *c, struct evbuffer *input)
{
	uint8_t *data = evbuffer_pullup(input, -1);
	struct sp_message m;
	int r = sp_parse(data, evbuffer_get_length(input), REQUEST_MAX, &m);

	if (r == -EAGAIN)
		return false;
	if (r != 0 || m.trace_len > REQUEST_TRACE_MAX) {
		c->closing = true;
		return false;
	}
	serve(c, &m);
	evbuffer_drain(input, m.total);
	return true;
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	struct evbuffer *output = bufferevent_get_output(bev);

	INVARIANT(c->magic == CONN_MAGIC);
	if (!c->greeted && !read_greeting(c, input)) {
		if (c->closing)
			close_conn(c);
		return;
	}
	while (!c->closing && evbuffer_get_length(output) < OUTPUT_HIGH &&
	       read_message(c, input))
		continue;
	if (c->closing) {
		close_conn(c);
		return;
	}
	if (evbuffer_get_length(output) >= OUTPUT_HIGH) {
		c->paused = true;
		bufferevent_disable(bev, EV_READ);
	}
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	INVARIANT(c->magic == CONN_MAGIC);
	if (!c->paused)
		return;
	c->paused = false;
	bufferevent_enable(bev, EV_READ);
	on_readable(bev, c);
}

static void
on_gone(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	(void)what;
	INVARIANT(c->magic == CONN_MAGIC);
	close_conn(c);
}

/* --- accepting --------------------------------------------------------- */

static struct conn *
oldest_without_greeting(void)
{
	struct conn *c;

	TAILQ_FOREACH(c, &conns, link) {
		if (!c->greeted)
			return c;
	}
	return NULL;
}

static bool
make_room(void)
{
	struct conn *victim;

	if (nconns < CONNECTIONS_MAX)
		return true;
	victim = oldest_without_greeting();
	if (victim == NULL) {
		log_warn(NULL, "control.sock: %d clients; one more refused",
		    (int)CONNECTIONS_MAX);
		return false;
	}
	close_conn(victim);
	return true;
}

static void
greet(struct conn *c)
{
	static const struct timeval stalled = {STALLED_S, 0};
	static const struct timeval late = {
	    GREETING_MS / 1000, GREETING_MS % 1000 * 1000};
	uint8_t greeting[SP_GREETING_LEN];

	sp_greeting(greeting, SP_PROTO_REP);
	bufferevent_setcb(c->bev, on_readable, on_written, on_gone, c);
	bufferevent_set_timeouts(c->bev, NULL, &stalled);
	bufferevent_setwatermark(
	    c->bev, EV_READ, 0, REQUEST_MAX + SP_HEADER_LEN + 1);
	evbuffer_add(
	    bufferevent_get_output(c->bev), greeting, sizeof(greeting));
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	event_assign(&c->greeting, loop, -1, 0, on_greeting_late, c);
	event_add(&c->greeting, &late);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *addr,
    int len, void *arg)
{
	struct conn *c = NULL;

	(void)l;
	(void)addr;
	(void)len;
	(void)arg;
	if (!make_room() || (c = calloc(1, sizeof(*c))) == NULL)
		goto out;
	c->bev = bufferevent_socket_new(loop, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL)
		goto out;
	c->magic = CONN_MAGIC;
	authorize(c, fd);
	greet(c);
	TAILQ_INSERT_TAIL(&conns, c, link);
	nconns++;
	return;
out:
	free(c);
	close(fd);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	evconnlistener_enable(listener);
}

static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	struct timeval tv = {
	    ACCEPT_PAUSE_MS / 1000, ACCEPT_PAUSE_MS % 1000 * 1000};

	(void)arg;
	log_warn(NULL,
	    "control.sock: cannot accept a client: %s; next try "
	    "in one second",
	    strerror(errno));
	evconnlistener_disable(l);
	event_add(&resume_event, &tv);
}

/* --- set-up ------------------------------------------------------------ */

/* The lock on runtime_dir is ours, so what is there is a dead one's. */
static int
bind_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t old;
	int fd;
	int r;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	old = umask(0117); /* 0660 from the first instant on */
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(old);
	if (r != 0 || listen(fd, SOMAXCONN) != 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static void
set_group(const char *path)
{
	struct group *gr = getgrnam("plugind");

	if (gr == NULL)
		return;
	operator_gid = gr->gr_gid;
	if (geteuid() == 0 && chown(path, (uid_t)-1, gr->gr_gid) != 0)
		log_warn(NULL, "%s: cannot give it to the group plugind: %s",
		    path, strerror(errno));
}

int
control_init(struct event_base *base, const char *runtime_dir)
{
	int fd;
	int n = snprintf(
	    socket_path, sizeof(socket_path), "%s/control.sock", runtime_dir);

	if (n < 0 || (size_t)n >= sizeof(socket_path))
		return -ENAMETOOLONG;
	fd = bind_socket(socket_path);
	if (fd < 0) {
		log_error(NULL, "cannot listen on %s: %s", socket_path,
		    strerror(-fd));
		return fd;
	}
	set_group(socket_path);
	loop = base;
	event_assign(&resume_event, base, -1, 0, on_resume, NULL);
	(void)held_init(base, close_closing);
	listener = evconnlistener_new(base, on_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (listener == NULL) {
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(listener, on_accept_error);
	return 0;
}

void
control_fini(void)
{
	struct conn *c;
	struct conn *next;

	if (listener == NULL)
		return;
	for (c = TAILQ_FIRST(&conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		close_conn(c);
	}
	event_del(&resume_event);
	held_fini();
	evconnlistener_free(listener);
	listener = NULL;
	(void)unlink(socket_path);
}
