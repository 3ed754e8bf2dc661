/*
 * peers: owns the list of incarnations, and of those that are gone.
 *
 * These leave in their own time. nng (1.5.2 and 1.10) forgets a connection for
 * ever, and its listener with it, if that is closed while the connection shakes
 * hands: when our greeting is out and nng's thread has yet to look at it. Now
 * that the process is dead its connections fail by themselves, so that a
 * moment later there is none in that state.
 *
 * Must never: hear one that the core has detached, or keep many of them.
 */
#include "peers.h"

#include "core.h"
#include "counters.h"
#include "peer.h"
#include "peerbus.h"

#include "common/clock.h"
#include "common/link.h"
#include "common/log.h"
#include "common/msgs.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>
#include <sys/queue.h>

enum {
	PEERS_MAX = 2 * 4096, /* those that are going, too */
	GONE_MS = 1000,
	GONE_MAX = 64, /* then the oldest goes at once */
};

TAILQ_HEAD(peer_list, peer);

static struct peer_list peers = TAILQ_HEAD_INITIALIZER(peers);
static size_t npeers;
static struct peer_list gone = TAILQ_HEAD_INITIALIZER(gone); /* oldest first */
static size_t ngone;
static struct event gone_event;

/* --- those that are gone ----------------------------------------------- */

static void
free_oldest(void)
{
	struct peer *p = TAILQ_FIRST(&gone);

	TAILQ_REMOVE(&gone, p, link);
	ngone--;
	peer_free(p);
}

static void
arm_gone(const struct peer *oldest, int64_t now_ms)
{
	int64_t ms = oldest->gone_ms + GONE_MS - now_ms;
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(&gone_event, &tv);
}

static void
on_gone(evutil_socket_t fd, short what, void *arg)
{
	int64_t now_ms = clock_mono_ms();
	struct peer *p;

	(void)fd;
	(void)what;
	(void)arg;
	while ((p = TAILQ_FIRST(&gone)) && now_ms - p->gone_ms >= GONE_MS)
		free_oldest();
	if (p != NULL)
		arm_gone(p, now_ms);
}

static void
let_go(struct peer *p)
{
	peer_mute(p);
	p->gone_ms = clock_mono_ms();
	TAILQ_INSERT_TAIL(&gone, p, link);
	if (++ngone > GONE_MAX)
		free_oldest();
	if (!event_pending(&gone_event, EV_TIMEOUT, NULL))
		arm_gone(TAILQ_FIRST(&gone), p->gone_ms);
}

int
peers_init(struct event_base *base)
{
	return event_assign(&gone_event, base, -1, 0, on_gone, NULL);
}

/* --- from the core ----------------------------------------------------- */

static struct peer *
find(struct frame *f)
{
	uint64_t serial = 0;
	struct peer *p;

	if (frame_uint(f, &serial) != 0)
		return NULL;
	TAILQ_FOREACH(p, &peers, link) {
		if (p->serial == serial)
			return p;
	}
	return NULL;
}

/* Reads what ATTACH says; false when something is missing. */
static bool
read_identity(struct frame *f, struct peer_identity *id)
{
	uint64_t instance, uid, pid;
	const void *cookie;
	size_t len;

	if (frame_uint(f, &id->serial) != 0 ||
	    frame_str(f, id->name, sizeof(id->name)) != 0 ||
	    frame_uint(f, &instance) != 0 ||
	    frame_uint(f, &id->generation) != 0 || frame_uint(f, &uid) != 0 ||
	    frame_str(f, id->directory, sizeof(id->directory)) != 0 ||
	    frame_bin(f, &cookie, &len) != 0 || len != sizeof(id->cookie) ||
	    frame_uint(f, &pid) != 0)
		return false;
	memcpy(id->cookie, cookie, len);
	id->instance = (unsigned)instance;
	id->uid = (uid_t)uid;
	id->pid = (pid_t)pid;
	return true;
}

void
peers_attach(struct frame *f)
{
	struct peer_identity id;
	struct peer *p;
	int r;

	if (!read_identity(f, &id))
		return;
	r = npeers < PEERS_MAX ? peer_new(&id, &p) : -ENOSPC;
	if (r != 0) {
		/* It will be killed for not being ready in time. */
		log_error(id.name, "its sockets in %s: %s", id.directory,
		    strerror(-r));
		return;
	}
	TAILQ_INSERT_TAIL(&peers, p, link);
	npeers++;
}

void
peers_policy(struct frame *f)
{
	struct peer *p = find(f);

	if (p != NULL)
		peerbus_set_policy(p, f);
}

void
peers_spawned(struct frame *f)
{
	struct peer *p = find(f);
	uint64_t pid = 0;
	char cgroup[PEER_PATH_MAX] = "";

	if (p == NULL || frame_uint(f, &pid) != 0)
		return;
	(void)frame_str(f, cgroup, sizeof(cgroup));
	peer_set_process(p, (pid_t)pid, cgroup);
}

void
peers_detach(struct frame *f)
{
	struct peer *p = find(f);

	if (p == NULL)
		return;
	TAILQ_REMOVE(&peers, p, link);
	npeers--;
	counters_keep(p);
	let_go(p);
}

void
peers_command(struct frame *f)
{
	struct peer *p = find(f);
	uint64_t type = 0;
	const void *args;
	size_t len;

	if (p != NULL && frame_uint(f, &type) == 0 &&
	    frame_raw(f, &args, &len) == 0)
		peer_command(p, type, args, len);
}

/* All in one frame: a hundred bytes each at most. */
void
peers_count(struct frame *f)
{
	uint64_t number = 0;
	const struct peer *p;
	struct buf b;

	if (frame_uint(f, &number) != 0)
		return;
	buf_init(&b, LINK_FRAME_MAX);
	frame_put(&b, MSG_COUNTERS, 0, 2);
	wire_put_uint(&b, number);
	wire_put_array(&b, (uint32_t)npeers + 1);
	counters_begin();
	TAILQ_FOREACH(p, &peers, link)
		counters_put(&b, p);
	counters_end(&b);
	core_send(&b);
}

bool
peers_is_up(const char *name, size_t len)
{
	const struct peer *p;

	TAILQ_FOREACH(p, &peers, link) {
		if (p->is_up && peer_is_named(p, name, len))
			return true;
	}
	return false;
}
