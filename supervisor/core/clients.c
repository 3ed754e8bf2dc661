/*
 * clients: see clients.h. Owns them, and their directories of sockets.
 *
 * A client is known by its cookie and by its uid, and by its process, which
 * asked for it: the router lets in that one, and what is in a session that it
 * leads. What it may do on the bus depends on who it is to control.sock.
 *
 * Must never: take a place away from one that is connected, or keep one for a
 * process that is gone when another needs it.
 */
#include "clients.h"

#include "daemon.h"
#include "peersay.h"
#include "prepare.h"
#include "router.h"
#include "rowput.h"
#include "sockdir.h"

#include "common/clock.h"
#include "common/escape.h"
#include "common/log.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

/* A plugin may be called client, and client:2, but never client:2:3. */
#define NAME_PREFIX "client:"

#define CLIENT_MAGIC 0x636c6e74u

/* Serials of plugins do not get there: see managed.c. */
#define SERIAL_BIT (UINT64_C(1) << 63)

enum {
	NAME_MAX_BYTES = 48,
	PROGRAM_MAX = 64,
	GENERATION = 1,
	GONE_MS = 10000,  /* without a connection */
	ALONE_MS = 30000, /* without a router */
};

struct client {
	TAILQ_ENTRY(client) link;
	uint32_t magic;
	uint64_t serial;
	char name[NAME_MAX_BYTES];
	char program[PROGRAM_MAX]; /* what it calls itself, escaped */
	uid_t uid;
	pid_t pid;
	enum msg_role role;
	uint8_t cookie[PEERSAY_COOKIE];
	char dir[SOCKDIR_MAX + 1];
	int64_t since_ms; /* Unix */
	bool up;
	struct event late;
};

static struct event_base *loop;
/* The oldest first. */
static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static size_t nclients;
static uint64_t last_number;

/* --- to the router ----------------------------------------------------- */

static void
say_attach(const struct client *c)
{
	peersay_attach(&(struct peersay_who){
	    .serial = c->serial,
	    .name = c->name,
	    .instance = 1,
	    .generation = GENERATION,
	    .uid = c->uid,
	    .dir = c->dir,
	    .cookie = c->cookie,
	    .pid = c->pid,
	});
}

/* What belongs to the supervisor or to a plugin the router refuses to all. */
static void
say_policy(const struct client *c)
{
	static char every[] = ">", custom[] = "custom.>", anybody[] = "*";
	static char *everys[] = {every, NULL}, *customs[] = {custom, NULL},
	            *anybodies[] = {anybody, NULL};
	static const struct strv all = {everys, 1}, own = {customs, 1},
	                         calls = {anybodies, 1};

	peersay_policy(
	    c->serial, &(struct peersay_rights){
	                   .source = c->name,
	                   .publish = c->role == ROLE_ADMIN ? &all : &own,
	                   .subscribe = &all,
	                   .calls = &calls,
	                   .bus = &table.config->bus,
	               });
}

/* --- a client ---------------------------------------------------------- */

static void
forget(struct client *c)
{
	log_debug(c->name, "%s is gone", c->program);
	peersay_detach(c->name, c->serial);
	sockdir_remove(c->dir);
	event_del(&c->late);
	TAILQ_REMOVE(&clients, c, link);
	nclients--;
	explicit_bzero(c, sizeof(*c));
	free(c);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	INVARIANT(c->magic == CLIENT_MAGIC);
	forget(c);
}

static void
limit(struct client *c, int ms)
{
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(&c->late, &tv);
}

static void
name_client(struct client *c, const char *program)
{
	size_t len;

	c->serial = SERIAL_BIT | ++last_number;
	snprintf(c->name, sizeof(c->name), NAME_PREFIX "%lu:%llu",
	    (unsigned long)c->uid, (unsigned long long)last_number);
	escape_text(
	    c->program, sizeof(c->program), program, strlen(program), NULL);
	sockdir_prefix(c->name, (unsigned)last_number, c->dir);
	len = strlen(c->dir);
	snprintf(c->dir + len, sizeof(c->dir) - len, "%d", GENERATION);
}

/* Whoever may go anywhere, and the router's own user, needs no group. */
static gid_t
choose_group(const struct request *req)
{
	return req->uid == 0 || req->uid == prepare_router_uid() ? (gid_t)-1
	                                                         : req->gid;
}

/* 0 or -errno. */
static int
add(const struct request *req, const char *program, struct client **ret)
{
	struct client *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL)
		return -ENOMEM;
	c->magic = CLIENT_MAGIC;
	c->uid = req->uid;
	c->pid = req->pid;
	c->role = req->role;
	c->since_ms = clock_real_ms();
	name_client(c, program);
	r = getrandom(c->cookie, PEERSAY_COOKIE, 0) == PEERSAY_COOKIE ? 0
	                                                              : -errno;
	if (r == 0)
		r = sockdir_make(
		    c->dir, prepare_router_uid(), choose_group(req));
	if (r != 0) {
		free(c);
		return r;
	}
	event_assign(&c->late, loop, -1, 0, on_late, c);
	TAILQ_INSERT_TAIL(&clients, c, link);
	nclients++;
	*ret = c;
	return 0;
}

/* The place of one that is still waited for, and whose process is gone. */
static bool
make_room(void)
{
	struct client *c;

	if (nclients < CLIENTS_MAX)
		return true;
	TAILQ_FOREACH(c, &clients, link) {
		if (!c->up && kill(c->pid, 0) != 0 && errno == ESRCH) {
			forget(c);
			return true;
		}
	}
	return false;
}

enum msg_role
clients_role(const char *source)
{
	const struct client *c;

	if (strncmp(source, NAME_PREFIX, strlen(NAME_PREFIX)) != 0 ||
	    strchr(source + strlen(NAME_PREFIX), ':') == NULL)
		return ROLE_ADMIN; /* a plugin: none has such a name */
	TAILQ_FOREACH(c, &clients, link) {
		if (strcmp(c->name, source) == 0)
			return c->role;
	}
	return ROLE_NONE;
}

/* --- requests ---------------------------------------------------------- */

/* True after request_fail. */
static bool
refuse(struct request *req)
{
	if (daemon_is_stopping())
		request_fail(
		    req, MSG_CODE_FAILED, NULL, "the daemon is stopping");
	else if (table_find_plugin(ROUTER_NAME) == NULL)
		request_fail(req, MSG_CODE_FAILED,
		    "it begins with the first plugin that is a module: or an "
		    "exec:",
		    "there are no events here: no plugin is on the bus");
	else if (req->conn == NULL)
		request_fail(req, MSG_CODE_DENIED, NULL,
		    "who calls is on the bus already: clients attach over "
		    "control.sock");
	else if (req->pid == 0)
		request_fail(req, MSG_CODE_DENIED, NULL,
		    "permission denied: the daemon cannot see your process, "
		    "which is in another pid namespace");
	else if (!make_room())
		request_fail(req, MSG_CODE_FAILED,
		    "'pluginctl clients' lists them",
		    "%d clients are attached, which is the limit", CLIENTS_MAX);
	return request_failed(req);
}

static void
put_attached(struct buf *out, const struct client *c)
{
	wire_put_map(out, 4);
	put_key_str(out, "name", c->name);
	put_key_int(out, "generation", GENERATION);
	put_key_str(out, "sockets", c->dir);
	wire_put_str(out, "cookie");
	wire_put_bin(out, c->cookie, sizeof(c->cookie));
}

void
clients_attach(struct request *req)
{
	char program[PROGRAM_MAX];
	struct client *c;
	int r;

	if (!request_get_str(req, "program", program, sizeof(program)) ||
	    refuse(req))
		return;
	r = add(req, program, &c);
	if (r != 0) {
		request_fail(req, MSG_CODE_FAILED, NULL,
		    "cannot make a directory of sockets for you: %s",
		    strerror(-r));
		return;
	}
	log_debug(c->name, "%s (pid %d) is attached", c->program, (int)c->pid);
	limit(c, router_age_ms() >= 0 ? GONE_MS : ALONE_MS);
	say_attach(c);
	say_policy(c);
	put_attached(&req->data, c);
}

void
clients_list(struct request *req)
{
	const struct client *c;

	wire_put_array(&req->data, (uint32_t)nclients);
	TAILQ_FOREACH(c, &clients, link) {
		wire_put_map(&req->data, 6);
		put_key_str(&req->data, "name", c->name);
		put_key_str(&req->data, "program", c->program);
		put_key_int(&req->data, "uid", c->uid);
		put_key_int(&req->data, "pid", c->pid);
		put_key_bool(&req->data, "linked", c->up);
		put_key_int(&req->data, "since_ms", c->since_ms);
	}
}

size_t
clients_linked(void)
{
	const struct client *c;
	size_t n = 0;

	TAILQ_FOREACH(c, &clients, link)
		n += c->up;
	return n;
}

void
clients_each_linked(
    void (*fn)(void *arg, const struct clients_report *c), void *arg)
{
	const struct client *c;

	TAILQ_FOREACH(c, &clients, link) {
		if (c->up)
			fn(arg, &(struct clients_report){
			            c->name, c->serial, c->pid});
	}
}

/* --- from the router, and about it ------------------------------------- */

static void
take_up(struct client *c, struct frame *f)
{
	(void)f;
	c->up = true;
	event_del(&c->late);
}

static void
take_down(struct client *c, struct frame *f)
{
	(void)f;
	c->up = false;
	limit(c, GONE_MS);
}

static void
take_violation(struct client *c, struct frame *f)
{
	char text[ROW_TEXT_MAX] = "";

	(void)frame_str(f, text, sizeof(text));
	log_warn(c->name, "%s (pid %d) broke the protocol: %s", c->program,
	    (int)c->pid, text);
	forget(c);
}

static struct client *
find_serial(uint64_t serial)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, link) {
		if (c->serial == serial)
			return c;
	}
	return NULL;
}

bool
clients_take(const struct frame *received)
{
	static const struct {
		uint64_t type;
		void (*fn)(struct client *c, struct frame *f);
	} takers[] = {
	    {MSG_LINK_UP, take_up},
	    {MSG_LINK_DOWN, take_down},
	    {MSG_VIOLATION, take_violation},
	};
	struct frame f = *received;
	uint64_t serial = 0;
	struct client *c;

	if (frame_uint(&f, &serial) != 0 || !(serial & SERIAL_BIT))
		return false;
	c = find_serial(serial);
	for (size_t i = 0; c != NULL && i < sizeof(takers) / sizeof(takers[0]);
	     i++) {
		if (takers[i].type == f.type) {
			takers[i].fn(c, &f);
			break;
		}
	}
	return true;
}

void
clients_replay(void)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, link) {
		say_attach(c);
		say_policy(c);
		limit(c, GONE_MS);
	}
}

void
clients_router_lost(void)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, link) {
		c->up = false;
		limit(c, ALONE_MS);
	}
}

void
clients_rights_changed(void)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, link)
		say_policy(c);
}

/* --- set-up ------------------------------------------------------------ */

void
clients_init(struct event_base *base)
{
	loop = base;
}

void
clients_fini(void)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&clients)) != NULL)
		forget(c);
}
