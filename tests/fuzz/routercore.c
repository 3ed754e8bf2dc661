/*
 * routercore: see routercore.h. Stands between core.c and link.c by the
 * linker's --wrap: what link_new is given is called through here, and what
 * link_send is given is judged in the moment in which it is said.
 *
 * The router's process would end with its link: here, nothing of it runs any
 * more. That it ends itself for any other reason is a broken promise.
 */
#include "routercore.h"

#include "fuzz.h"

#include "supervisor/router/core.h"

#include "common/frame.h"
#include "common/link.h"
#include "common/msgs.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, DATA_MAX = 64 * 1024, HEAD_LEN = 4 };

int __real_link_new(struct event_base *base, int fd, const struct link_ops *ops,
    void *arg, struct link **ret);
int __wrap_link_new(struct event_base *base, int fd, const struct link_ops *ops,
    void *arg, struct link **ret);
int __real_link_send(struct link *l, const struct buf *b);
int __wrap_link_send(struct link *l, const struct buf *b);
_Noreturn void __wrap__exit(int status);

static TAILQ_HEAD(, known) known = TAILQ_HEAD_INITIALIZER(known);
static struct routercore_heard heard;
static struct event_base *loop;
static struct link *router_link;
static struct link_ops router_ops;
static int fd = -1;
static bool is_over;
static bool is_closed; /* by the core */
static bool is_due;
/* What was written, as another reader sees it. */
static struct buf written;    /* of a frame that is not whole yet */
static unsigned whole, taken; /* frames, and those that came */
static bool is_bad;           /* what follows is nobody's */
static size_t owed;           /* bytes that the link has still to bring */

struct known *
routercore_find(uint64_t serial)
{
	struct known *k;

	TAILQ_FOREACH(k, &known, link) {
		if (k->serial == serial)
			return k;
	}
	return NULL;
}

struct known *
routercore_first(void)
{
	return TAILQ_FIRST(&known);
}

const struct routercore_heard *
routercore_heard(void)
{
	return &heard;
}

bool
routercore_is_over(void)
{
	return is_over;
}

/* --- what the router is told ------------------------------------------- */

static void
attach(uint64_t serial)
{
	struct known *k = calloc(1, sizeof(*k));

	MUST(k != NULL);
	k->serial = serial;
	TAILQ_INSERT_HEAD(&known, k, link);
}

static void
detach(struct known *k)
{
	if (k == NULL)
		return;
	TAILQ_REMOVE(&known, k, link);
	free(k);
}

/* From the link to the router; nobody is attached twice. */
static void
on_frame(void *arg, struct frame *f)
{
	struct frame copy = *f;
	uint64_t first = 0;
	bool has_first = frame_uint(&copy, &first) == 0;

	taken++;
	if (f->type == MSG_ATTACH && has_first) {
		if (routercore_find(first) != NULL)
			return;
		attach(first);
	}
	if (f->type == MSG_LINK_PING && has_first)
		heard.ping = first;
	router_ops.frame(arg, f);
	if (f->type == MSG_DETACH && has_first)
		detach(routercore_find(first));
}

static void
on_end(void *arg, const char *why)
{
	(void)arg;
	MUST(why[0] != '\0');
	is_over = true;
	event_base_loopbreak(loop);
}

int
__wrap_link_new(struct event_base *base, int link_fd,
    const struct link_ops *ops, void *arg, struct link **ret)
{
	static const struct link_ops ours = {on_frame, on_end};
	int r = __real_link_new(base, link_fd, &ours, arg, ret);

	router_ops = *ops;
	router_link = *ret;
	return r;
}

_Noreturn void
__wrap__exit(int status)
{
	MUST(status == -1); /* never */
	abort();
}

/* --- what the router says ---------------------------------------------- */

static void
must_number(struct frame *f)
{
	uint64_t v;

	MUST(frame_uint(f, &v) == 0);
}

static void
must_code(struct frame *f)
{
	uint64_t code;

	MUST(frame_uint(f, &code) == 0 && code < FRAME_OUTCOME__COUNT);
}

static void
must_text(struct frame *f, size_t max)
{
	char text[TEXT_MAX + 1];

	MUST(frame_str(f, text, max + 1) == 0);
}

static void
must_raw(struct frame *f, size_t max)
{
	const void *p;
	size_t len;

	MUST(frame_raw(f, &p, &len) == 0 && len <= max);
}

static void
hear_up(struct known *k, struct frame *f)
{
	MUST(!k->is_up && !k->is_violator);
	k->is_up = true;
	must_number(f);
	must_number(f);
	must_text(f, 63);
	must_text(f, 15);
	must_raw(f, TEXT_MAX);
}

static void
hear_down(struct known *k, struct frame *f)
{
	MUST(k->is_up);
	k->is_up = false;
	must_text(f, TEXT_MAX);
}

static void
hear_outcome(struct known *k, struct frame *f)
{
	MUST(!k->is_violator);
	heard.outcomes++;
	must_number(f);
	must_code(f);
	must_text(f, TEXT_MAX);
	must_raw(f, DATA_MAX);
}

static void
hear_status(struct known *k, struct frame *f)
{
	MUST(!k->is_violator);
	must_code(f);
	must_text(f, TEXT_MAX);
}

static void
hear_violation(struct known *k, struct frame *f)
{
	MUST(!k->is_violator);
	k->is_violator = true;
	must_text(f, TEXT_MAX);
}

static const struct {
	enum msg_type type;
	uint32_t nargs;
	bool is_from_plugin; /* and has its price */
	void (*hear)(struct known *k, struct frame *f);
} kinds[] = {
    {MSG_LINK_UP, 6, false, hear_up},
    {MSG_LINK_DOWN, 2, false, hear_down},
    {MSG_LINK_OUTCOME, 5, true, hear_outcome},
    {MSG_LINK_STATUS, 3, true, hear_status},
    {MSG_VIOLATION, 2, false, hear_violation},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void
hear_pong(struct frame *f)
{
	uint64_t number;

	MUST(f->nargs == 1 && frame_uint(f, &number) == 0);
	MUST(number != 0 && number == heard.ping);
	heard.ping = 0; /* once */
	heard.pongs++;
}

static void
hear_about(struct frame *f, size_t len)
{
	struct known *k;
	uint64_t serial;
	size_t i = 0;

	while (i < KINDS && kinds[i].type != f->type)
		i++;
	MUST(i < KINDS && f->nargs == kinds[i].nargs);
	MUST(frame_uint(f, &serial) == 0);
	k = routercore_find(serial);
	MUST(k != NULL);
	kinds[i].hear(k, f);
	if (kinds[i].is_from_plugin)
		k->told += len;
	MUST(!frame_next(f));
}

int
__wrap_link_send(struct link *l, const struct buf *b)
{
	struct frame f;

	MUST(l == router_link && !is_over);
	MUST(buf_error(b) == 0);
	MUST(frame_parse(b->data, b->len, &f) == 0);
	heard.messages++;
	if (f.type == MSG_LINK_PONG)
		hear_pong(&f);
	else if (f.type == MSG_CORE_CALL)
		MUST(f.nargs == 5);
	else
		hear_about(&f, b->len);
	owed += HEAD_LEN + b->len;
	return __real_link_send(l, b);
}

/* --- the socketpair ---------------------------------------------------- */

void
routercore_begin(struct event_base *base)
{
	int fds[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	         fds) == 0);
	memset(&heard, 0, sizeof(heard));
	loop = base;
	fd = fds[0];
	is_over = is_closed = is_bad = false;
	is_due = true;
	owed = 0;
	taken = whole = 0;
	buf_init(&written, 2 * LINK_FRAME_MAX);
	MUST(core_init(base, fds[1]) == 0);
}

void
routercore_end(struct event_base *base)
{
	struct known *k, *next;

	for (k = TAILQ_FIRST(&known); k != NULL; k = next) {
		next = TAILQ_NEXT(k, link);
		detach(k);
	}
	MUST(is_over || owed == 0);
	buf_fini(&written);
	link_free(router_link);
	close(fd);
	/* Libevent frees in the loop's next turn. */
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
read_written(void)
{
	struct frame f;
	size_t len;

	while (!is_bad && written.len >= HEAD_LEN) {
		len = (size_t)written.data[0] << 24 | written.data[1] << 16 |
		      written.data[2] << 8 | written.data[3];
		is_bad = len > LINK_FRAME_MAX;
		if (is_bad || written.len < HEAD_LEN + len)
			return;
		is_bad = frame_parse(written.data + HEAD_LEN, len, &f) != 0;
		whole += !is_bad;
		buf_consume(&written, HEAD_LEN + len);
	}
}

void
routercore_check(void)
{
	MUST(taken == whole);
	MUST(is_over == (is_bad || is_closed));
}

void
routercore_write(const void *data, size_t len)
{
	if (len == 0 || is_over)
		return;
	MUST(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
	is_due = true;
	MUST(buf_append(&written, data, len) == 0);
	read_written();
}

bool
routercore_is_due(void)
{
	bool was = is_due;

	is_due = false;
	return was || owed > 0;
}

void
routercore_close(void)
{
	(void)shutdown(fd, SHUT_WR);
	is_due = is_closed = true;
}

bool
routercore_drain(void)
{
	static uint8_t bytes[64 * 1024];
	bool any = false;
	ssize_t n;

	while (owed > 0 && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		MUST((size_t)n <= owed);
		owed -= (size_t)n;
		any = true;
	}
	return any;
}
