/*
 * probe: asks one question at a time and owns the socket or the process that
 * it takes: GET over a connection that is closed as soon as the status is
 * known, a TCP connect, or a program whose exit status is the answer.
 *
 * What comes back is not trusted: at most HEAD_MAX bytes are read. The
 * answer always comes from the loop, also when the question could not even
 * be put, so that an owner need not expect it inside of probe_ask. Must
 * never resolve a name, keep a connection, or count failures: what a wrong
 * answer means is the owner's business.
 */
#include "probe.h"

#include "common/log.h"
#include "common/units.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROBE_MAGIC = 0x70726f62,
	HEAD_MAX = 13, /* "HTTP/1.1 200 " */
	REST_MAX = 256 * 1024,
	REST_MS = 100, /* for the rest of an answer */
	TARGET_MAX = 320,
	TEXT_MAX = 512,
};

struct probe {
	uint32_t magic;
	struct event_base *base;
	const struct probe_conf *conf;
	struct probe_ops ops;
	bool open;
	int error;          /* why it could not be asked; the timer says so */
	struct event timer; /* deadline, or at once with an error */
	int64_t timeout_ms;
	int fd; /* -1: none */
	struct event io;
	char *request; /* http; NULL else */
	size_t sent;
	char head[HEAD_MAX + 1];
	size_t head_len;
	size_t rest_len;
	int pid; /* exec; 0: none */
};

/* --- words ------------------------------------------------------------- */

static void
join_argv(const struct strv *argv, char *out, size_t cap)
{
	size_t len = 0;
	int n;

	out[0] = '\0';
	for (size_t i = 0; i < argv->n && len < cap; i++) {
		n = snprintf(
		    out + len, cap - len, "%s%s", i ? " " : "", argv->v[i]);
		if (n < 0)
			return;
		len += (size_t)n;
	}
}

const char *
probe_describe(const struct probe_conf *conf, char *out, size_t cap)
{
	char command[TARGET_MAX];
	const char *kind = "";
	const char *target = "";

	if (conf->kind == PROBE_HTTP) {
		kind = "http ";
		target = conf->http;
	} else if (conf->kind == PROBE_TCP) {
		kind = "tcp ";
		target = conf->tcp;
	} else if (conf->kind == PROBE_EXEC) {
		kind = "exec ";
		join_argv(&conf->exec, command, sizeof(command));
		target = command;
	}
	snprintf(out, cap, "%s%s", kind, target);
	return out;
}

/* What was asked, as the answer quotes it. */
static void
quote_question(const struct probe_conf *conf, char out[TARGET_MAX])
{
	if (conf->kind == PROBE_HTTP)
		snprintf(out, TARGET_MAX, "GET %s", conf->http);
	else
		probe_describe(conf, out, TARGET_MAX);
}

/* --- the end of a question --------------------------------------------- */

static void
close_socket(struct probe *p)
{
	if (p->fd < 0)
		return;
	event_del(&p->io);
	close(p->fd);
	p->fd = -1;
}

static void
forget(struct probe *p)
{
	event_del(&p->timer);
	close_socket(p);
	p->pid = 0;
	p->error = 0;
	p->open = false;
}

static void finish(struct probe *p, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The last thing a callback does: `done` may free the probe. */
static void
finish(struct probe *p, bool ok, const char *fmt, ...)
{
	char question[TARGET_MAX];
	char text[TEXT_MAX];
	va_list ap;
	int n;

	forget(p);
	quote_question(p->conf, question);
	n = snprintf(text, sizeof(text), "%s: ", question);
	if (n > 0 && (size_t)n < sizeof(text)) {
		va_start(ap, fmt);
		vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
		va_end(ap);
	}
	p->ops.done(p->ops.arg, ok, text);
}

/* "connection refused", not "Connection refused". */
static void
fail(struct probe *p, int error)
{
	char text[128];

	snprintf(text, sizeof(text), "%s", strerror(error));
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
		text[0] = (char)(text[0] - 'A' + 'a');
	finish(p, false, "%s", text);
}

static void set_timer(struct probe *p, int64_t ms);

/* --- http -------------------------------------------------------------- */

static void
judge_head(struct probe *p)
{
	int status;

	if (strncmp(p->head, "HTTP/1.", 7) != 0 || p->head[8] != ' ' ||
	    strspn(p->head + 9, "0123456789") != 3) {
		finish(p, false, "the answer is not HTTP");
		return;
	}
	status = atoi(p->head + 9); /* NOLINT(cert-err34-c): three digits */
	finish(p, status >= 200 && status < 400, "status %d", status);
}

/*
 * The status line is the answer; the rest is read and thrown away, since a
 * close with unread bytes is a reset, which servers complain about in their
 * log. A body beyond a bound of size or time is left alone.
 */
static void
read_answer(struct probe *p)
{
	char rest[4096];
	bool in_head = p->head_len < HEAD_MAX;
	ssize_t n =
	    in_head ? read(p->fd, p->head + p->head_len, HEAD_MAX - p->head_len)
	            : read(p->fd, rest, sizeof(rest));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!in_head) {
		if (n > 0 && (p->rest_len += (size_t)n) < REST_MAX)
			return;
		judge_head(p);
	} else if (n < 0) {
		fail(p, errno);
	} else if (n == 0) {
		finish(p, false, "connection closed without an answer");
	} else {
		p->head_len += (size_t)n;
		p->head[p->head_len] = '\0';
		if (p->head_len == HEAD_MAX)
			set_timer(p, REST_MS);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *arg);

static int
wait_socket(struct probe *p, short what)
{
	event_assign(&p->io, p->base, p->fd, what | EV_PERSIST, on_socket, p);
	return event_add(&p->io, NULL) == 0 ? 0 : -ENOMEM;
}

static void
send_request(struct probe *p)
{
	size_t left = strlen(p->request + p->sent);
	ssize_t n = send(p->fd, p->request + p->sent, left, MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			fail(p, errno);
		return;
	}
	p->sent += (size_t)n;
	if ((size_t)n < left)
		return;
	event_del(&p->io);
	if (wait_socket(p, EV_READ) != 0)
		fail(p, ENOMEM);
}

/* --- connections ------------------------------------------------------- */

/* A connect to a free port of the ephemeral range can meet itself. */
static bool
is_self(int fd)
{
	struct sockaddr_storage here = {0};
	struct sockaddr_storage there = {0};
	socklen_t here_len = sizeof(here);
	socklen_t there_len = sizeof(there);

	return getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
	       getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 &&
	       here_len == there_len && memcmp(&here, &there, here_len) == 0;
}

static int
get_socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error == 0 && is_self(fd) ? ECONNREFUSED : error;
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	int error;

	INVARIANT(p->magic == PROBE_MAGIC && p->open);
	if (what & EV_READ) {
		read_answer(p);
		return;
	}
	error = p->sent == 0 ? get_socket_error(fd) : 0;
	if (error != 0)
		fail(p, error);
	else if (p->request)
		send_request(p);
	else
		finish(p, true, "connected");
}

static int
open_socket(struct probe *p, const struct addrinfo *a)
{
	p->fd =
	    socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return -errno;
	if (connect(p->fd, a->ai_addr, a->ai_addrlen) != 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return wait_socket(p, EV_WRITE);
}

/* Numeric addresses only: this asks no name server. */
static int
start_connect(struct probe *p)
{
	const struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	    .ai_socktype = SOCK_STREAM};
	struct addrinfo *a = NULL;
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", (unsigned)p->conf->port);
	r = getaddrinfo(p->conf->host, port, &hints, &a);
	if (r != 0)
		return r == EAI_MEMORY ? -ENOMEM : -EADDRNOTAVAIL;
	r = open_socket(p, a);
	freeaddrinfo(a);
	return r;
}

/* --- exec -------------------------------------------------------------- */

static int
start_exec(struct probe *p)
{
	int pid = p->ops.spawn(p->ops.arg, &p->conf->exec);

	if (pid < 0)
		return pid;
	p->pid = pid;
	return 0;
}

void
probe_exec_exited(struct probe *p, int pid, int status)
{
	char name[16];

	if (!p->open || p->pid == 0 || p->pid != pid)
		return;
	p->pid = 0;
	if (WIFSIGNALED(status))
		finish(p, false, "killed by %s",
		    units_signal_name(WTERMSIG(status), name, sizeof(name)));
	else
		finish(p, WEXITSTATUS(status) == 0, "exit status %d",
		    WEXITSTATUS(status));
}

void
probe_rebind(struct probe *p, const struct probe_conf *conf)
{
	if (p == NULL)
		return;
	INVARIANT(p->conf->kind == conf->kind);
	p->conf = conf;
}

/* --- questions --------------------------------------------------------- */

typedef int start_fn(struct probe *p);

static start_fn *const starters[] = {
    [PROBE_HTTP] = start_connect,
    [PROBE_TCP] = start_connect,
    [PROBE_EXEC] = start_exec,
};

static void
set_timer(struct probe *p, int64_t ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_add(&p->timer, &tv);
}

static void
kill_process(struct probe *p)
{
	int pid = p->pid;

	p->pid = 0;
	if (pid > 0)
		p->ops.kill(p->ops.arg, pid);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	char age[40];

	(void)fd;
	(void)what;
	INVARIANT(p->magic == PROBE_MAGIC && p->open);
	if (p->error != 0) {
		fail(p, p->error);
		return;
	}
	if (p->head_len == HEAD_MAX) {
		judge_head(p); /* a body without an end */
		return;
	}
	kill_process(p);
	finish(p, false, "no answer within %s",
	    units_format_duration(p->timeout_ms, age, sizeof(age)));
}

int
probe_ask(struct probe *p, int64_t timeout_ms)
{
	int r;

	if (p->open)
		return -EBUSY;
	p->open = true;
	p->sent = 0;
	p->head_len = 0;
	p->rest_len = 0;
	p->timeout_ms = timeout_ms;
	set_timer(p, timeout_ms);
	r = starters[p->conf->kind](p);
	if (r != 0) {
		p->error = -r;
		close_socket(p);
		set_timer(p, 0);
	}
	return 0;
}

void
probe_cancel(struct probe *p)
{
	if (!p->open)
		return;
	kill_process(p);
	forget(p);
}

bool
probe_is_open(const struct probe *p)
{
	return p->open;
}

static int
make_request(struct probe *p)
{
	const struct probe_conf *c = p->conf;
	bool v6;

	if (c->kind != PROBE_HTTP)
		return 0;
	v6 = strchr(c->host, ':') != NULL;
	if (asprintf(&p->request,
	        "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\n"
	        "User-Agent: plugind\r\nConnection: close\r\n\r\n",
	        c->path, v6 ? "[" : "", c->host, v6 ? "]" : "",
	        (unsigned)c->port) < 0) {
		p->request = NULL;
		return -ENOMEM;
	}
	return 0;
}

int
probe_new(struct event_base *base, const struct probe_conf *conf,
    const struct probe_ops *ops, struct probe **ret)
{
	struct probe *p = calloc(1, sizeof(*p));
	int r;

	INVARIANT(conf->kind != PROBE_NONE);
	if (!p)
		return -ENOMEM;
	p->magic = PROBE_MAGIC;
	p->base = base;
	p->conf = conf;
	p->ops = *ops;
	p->fd = -1;
	event_assign(&p->timer, base, -1, 0, on_timer, p);
	r = make_request(p);
	if (r != 0) {
		free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void
probe_free(struct probe *p)
{
	if (!p)
		return;
	probe_cancel(p);
	free(p->request);
	p->magic = 0;
	free(p);
}
