/*
 * router: see router.h. Owns the link and its timer.
 *
 * Must never: wait for the router, or keep one that is in doubt: plugins
 * outlive it.
 */
#include "router.h"

#include "clients.h"
#include "corecall.h"
#include "counters.h"
#include "lifecycle.h"
#include "managed.h"
#include "prepare.h"
#include "sockdir.h"

#include "common/clock.h"
#include "common/link.h"
#include "common/log.h"
#include "common/msgs.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PING_MS = 5000,
	MISSES_MAX = 2,
	/* Replaced for the silence of most plugins it is not again. */
	PARDON_MS = 60000,
	APART_MS = 200, /* of pings that are asked for */
};

static struct event_base *loop;
static struct row *router; /* with a process, or NULL */
static struct link *link_up;
static struct event ping_event;
static uint64_t asked;    /* number of the last ping */
static uint64_t answered; /* and of the last pong */
static int64_t asked_ms;  /* when that ping was sent */
static bool is_poked;     /* that ping may be too old: another one */
static int64_t answered_ping_ms;
static int64_t started_ms;
static int64_t misses_from_ms;
static size_t misses;
static int64_t replaced_ms; /* for silence; 0: never */
static char dir[SOCKDIR_MAX + 1];

static void
drop_link(void)
{
	if (link_up == NULL)
		return;
	event_del(&ping_event);
	corecall_router_lost();
	counters_router_lost();
	link_free(link_up);
	link_up = NULL;
	managed_router_lost();
	clients_router_lost();
}

static void
kill_router(const char *why)
{
	if (router == NULL)
		return;
	log_warn(router->name, "%s: replacing it; plugins go on", why);
	answered = 0; /* what it said counts no more */
	(void)lifecycle_signal(router, SIGKILL);
}

bool
router_send(const struct buf *frame)
{
	int r = link_up != NULL ? link_send(link_up, frame) : -EPIPE;

	/* What it was not told it will not know; its successor hears it all. */
	if (r == -ENOBUFS)
		kill_router("it does not read what it is sent");
	else if (r != 0 && r != -EPIPE)
		kill_router(strerror(-r));
	return r == 0;
}

void
router_follow(void)
{
	const struct bus_conf *bus = &table.config->bus;
	struct buf b;

	buf_init(&b, 256);
	frame_put(&b, MSG_RETAIN, 0, 2);
	wire_put_uint(&b, (uint64_t)bus->retain);
	wire_put_uint(&b, (uint64_t)bus->retain_bytes);
	if (buf_error(&b) == 0)
		(void)router_send(&b);
	buf_fini(&b);
}

void
router_catch_up(void)
{
	if (link_up != NULL)
		link_catch_up(link_up);
}

static void
ping(void)
{
	const struct timeval pause = {PING_MS / 1000, 0};
	struct buf b;

	buf_init(&b, 256);
	frame_put(&b, MSG_LINK_PING, ++asked, 1);
	wire_put_uint(&b, asked);
	(void)router_send(&b);
	buf_fini(&b);
	asked_ms = clock_mono_ms();
	event_add(&ping_event, &pause);
}

/* Soon, and not too often. */
static void
ping_soon(void)
{
	int64_t ms = asked_ms + APART_MS - clock_mono_ms();
	const struct timeval soon = {0, (ms > 0 ? ms : 0) * 1000};

	is_poked = false;
	event_add(&ping_event, &soon);
}

void
router_poke(void)
{
	if (link_up == NULL)
		return;
	if (asked == answered)
		ping_soon();
	else
		is_poked = true;
}

static void
on_ping(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (asked - answered >= MISSES_MAX)
		kill_router("it has not answered two pings");
	else
		ping();
}

static void
on_frame(void *arg, struct frame *f)
{
	uint64_t number = 0;

	(void)arg;
	if (f->type != MSG_LINK_PONG) {
		if (!corecall_take(f) && !counters_take(f) && !clients_take(f))
			managed_take(f);
		return;
	}
	if (frame_uint(f, &number) != 0 || number != asked)
		return;
	answered = number;
	answered_ping_ms = asked_ms;
	if (router != NULL && router->state == STATE_RUNNING)
		lifecycle_set_health(router, HEALTH_OK);
	else
		is_poked = true;
	if (is_poked)
		ping_soon();
}

static void
on_end(void *arg, const char *why)
{
	(void)arg;
	drop_link();
	/* Mostly its exit, which follows; else it is of no more use. */
	log_debug(ROUTER_NAME, "link: %s", why);
	if (router != NULL)
		(void)lifecycle_signal(router, SIGKILL);
}

int
router_init(struct event_base *base)
{
	loop = base;
	return event_assign(&ping_event, base, -1, 0, on_ping, NULL);
}

int
router_begin(struct row *row, int *ret_gift)
{
	static const struct link_ops ops = {on_frame, on_end};
	int fds[2];
	int r;

	drop_link();
	snprintf(dir, sizeof(dir), "%s%llu", row->image.sockets,
	    (unsigned long long)row->generation + 1);
	r = sockdir_make(dir, prepare_router_uid(), (gid_t)-1);
	if (r != 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	        fds) != 0) {
		r = -errno;
		sockdir_remove(dir);
		return r;
	}
	r = link_new(loop, fds[0], &ops, NULL, &link_up);
	if (r != 0) {
		link_up = NULL;
		close(fds[1]);
		sockdir_remove(dir);
		return r;
	}
	*ret_gift = fds[1];
	return 0;
}

void
router_spawned(struct row *row)
{
	router = row;
	started_ms = clock_mono_ms();
	asked = answered = 0;
	is_poked = false;
	misses = 0;
	router_follow(); /* first: events may come next */
	managed_replay();
	clients_replay();
	ping();
}

void
router_end(struct row *row)
{
	(void)row;
	drop_link();
	router = NULL;
	if (dir[0] != '\0')
		sockdir_remove(dir);
	dir[0] = '\0';
}

bool
router_answered_since(int64_t since_ms)
{
	return link_up != NULL && answered != 0 && answered_ping_ms >= since_ms;
}

int64_t
router_age_ms(void)
{
	return router != NULL ? clock_mono_ms() - started_ms : -1;
}

void
router_note_miss(size_t linked)
{
	int64_t now_ms = clock_mono_ms();

	if (router_age_ms() < ROUTER_SETTLE_MS ||
	    (replaced_ms != 0 && now_ms - replaced_ms < PARDON_MS))
		return;
	if (now_ms - misses_from_ms > ROUTER_SILENCE_MS) {
		misses_from_ms = now_ms;
		misses = 0;
	}
	misses++;
	if (misses <= 2 || misses <= linked / 2)
		return;
	replaced_ms = now_ms;
	kill_router("most plugins miss their health checks at once");
}

void
router_fini(void)
{
	drop_link();
}
