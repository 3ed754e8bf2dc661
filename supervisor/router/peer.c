/*
 * peer: owns the sockets of one incarnation and the words with it.
 *
 * Three malformed frames make it an outlaw: the core is told, and whatever it
 * says from then on is not heard. nng 1.5.2 loses a listener for ever when a
 * peer leaves before its handshake is done, so one that has no pipe for a
 * while is made anew, and the marker written again, which makes the plugin
 * dial. Nothing here is periodic once all is up.
 *
 * Must never: wait, keep a request unanswered (an answer says "received"), or
 * take anything but a hello from somebody who has not said it.
 */
#include "peer.h"

#include "brake.h"
#include "calls.h"
#include "core.h"
#include "events.h"
#include "outlet.h"
#include "peerbus.h"
#include "replay.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/log.h"
#include "common/msgs.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STRIKES_MAX = 3,
	HEAL_FIRST_MS = 250,
	HEAL_MAX_MS = 4000,
	LOAD_MS = 2000, /* until a plugin is expected to connect */
	TEXT_MAX = 4096,
	DATA_MAX = 64 * 1024,
	FRAME_MAX = 1024 * 1024,
	EPOCH_LEN = 16,
	/* An event has two levels more around it when it is delivered. */
	HUB_DEPTH_MAX = WIRE_MAX_DEPTH - 2,
	/* What one plugin may say to the core: a thousand short messages a
	 * second. */
	CREDIT_MAX = 256 * 1024,
	CREDIT_PER_MS = 256,
	MESSAGE_COST = 256, /* and its bytes */
};

static struct event_base *loop;
static char epoch[EPOCH_LEN + 1];

int
peer_init(struct event_base *base)
{
	uint64_t random;

	loop = base;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	snprintf(epoch, sizeof(epoch), "%016" PRIx64, random);
	return 0;
}

const char *
peer_epoch(void)
{
	return epoch;
}

bool
peer_is_named(const struct peer *p, const char *name, size_t len)
{
	size_t own = strlen(p->id.name);
	char number[16];

	if (len < own || memcmp(p->id.name, name, own) != 0)
		return false;
	if (len == own)
		return true;
	snprintf(number, sizeof(number), ":%u", p->id.instance);
	return strlen(number) == len - own &&
	       memcmp(number, name + own, len - own) == 0;
}

/* --- to the core ------------------------------------------------------- */

static void
tell(const struct peer *p, enum msg_type type, const char *text)
{
	struct buf b;

	buf_init(&b, FRAME_MAX);
	frame_put(&b, type, p->serial, 2);
	wire_put_uint(&b, p->serial);
	wire_put_str(&b, text);
	core_send(&b);
}

static void
tell_up(const struct peer *p, struct frame hello)
{
	const void *data;
	size_t len;
	struct buf b;

	buf_init(&b, FRAME_MAX);
	frame_put(&b, MSG_LINK_UP, p->serial, 6);
	wire_put_uint(&b, p->serial);
	wire_put_uint(&b, (uint64_t)p->hub_pid);
	for (int i = 0; i < 9; i++) {
		bool is_there = frame_raw(&hello, &data, &len) == 0;

		/* abi, version, type and capabilities of the hello */
		if (i != 2 && i != 4 && i != 5 && i != 8)
			continue;
		if (is_there)
			wire_put_raw(&b, data, len);
		else
			wire_put_nil(&b);
	}
	core_send(&b);
}

/* --- strikes ----------------------------------------------------------- */

static void
drop_all(struct peer *p)
{
	for (int i = 0; i < PEER_SOCKS; i++)
		sock_drop(p->socks[i]);
}

static void
strike(struct peer *p, const char *what)
{
	log_warn(p->id.name, "%s (strike %u of %d)", what, p->strikes + 1,
	    STRIKES_MAX);
	if (++p->strikes < STRIKES_MAX || p->is_outlaw)
		return;
	p->is_outlaw = true;
	subs_remove_all(&p->subscriber);
	brake_forget(p);
	tell(p, MSG_VIOLATION, what);
	drop_all(p);
}

/* --- the link ---------------------------------------------------------- */

static bool
is_complete(const struct peer *p)
{
	for (int i = 0; i < PEER_SOCKS; i++) {
		if (!sock_is_up(p->socks[i]))
			return false;
	}
	return true;
}

static void
look(struct peer *p)
{
	struct frame hello;
	bool is_up = is_complete(p) && p->welcome && !p->is_outlaw;

	if (is_up == p->is_up)
		return;
	p->is_up = is_up;
	p->unanswered = 0;
	if (!is_up) {
		calls_unlink(p);
		replay_forget(p); /* it is asked for again */
		brake_forget(p);
		tell(p, MSG_LINK_DOWN, "a connection has ended");
		return;
	}
	outlet_resend(p->outlet);
	if (frame_parse(p->hello, p->hello_len, &hello) == 0)
		tell_up(p, hello);
}

static void
arm_heal(struct peer *p)
{
	const struct timeval tv = {p->heal_ms / 1000, p->heal_ms % 1000 * 1000};

	if (!event_pending(&p->heal, EV_TIMEOUT, NULL))
		event_add(&p->heal, &tv);
}

/* Whole or not at all: the plugin may be reading. */
static int
write_marker(const struct peer *p)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	int r = 0;
	int fd;

	snprintf(from, sizeof(from), "%s/.router", p->id.directory);
	snprintf(to, sizeof(to), "%s/router", p->id.directory);
	fd = open(
	    from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	/* The plugin may run as another user; the directory is the guard. */
	if (fchmod(fd, 0644) != 0)
		r = -errno;
	else if (write(fd, epoch, EPOCH_LEN) != EPOCH_LEN)
		r = -EIO;
	close(fd);
	if (r == 0 && rename(from, to) != 0)
		r = -errno;
	return r;
}

static int
listen_missing(struct peer *p)
{
	int r = 0;

	for (int i = 0; i < PEER_SOCKS && r == 0; i++) {
		if (!sock_is_up(p->socks[i]))
			r = sock_listen(p->socks[i]);
	}
	return r == 0 ? write_marker(p) : r;
}

/* It has not been heard of, and may load for a while: what is made anew in the
 * instant in which it connects at last is lost, see peers.c. */
static bool
may_load(const struct peer *p)
{
	for (int i = 0; i < PEER_SOCKS; i++) {
		if (sock_is_up(p->socks[i]))
			return false;
	}
	return clock_mono_ms() - p->made_ms < LOAD_MS;
}

static void
on_heal(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	int r;

	(void)fd;
	(void)what;
	if (is_complete(p) || p->is_outlaw)
		return;
	if (may_load(p)) {
		arm_heal(p);
		return;
	}
	r = listen_missing(p);
	if (r != 0)
		log_warn(p->id.name, "sockets: %s; trying again", strerror(-r));
	if (p->heal_ms < HEAL_MAX_MS)
		p->heal_ms *= 2;
	arm_heal(p);
}

/* --- from the plugin --------------------------------------------------- */

/* Without a peer there is nobody to answer. */
void
peer_reply(const struct peer_request *q, struct buf *b)
{
	if (buf_error(b) == 0)
		(void)sock_reply(q->p->socks[PEER_HUB], q->to, b->data, b->len);
	buf_fini(b);
}

static void
answer(const struct peer_request *q, enum frame_code code, const char *text)
{
	struct buf b;

	buf_init(&b, FRAME_MAX);
	frame_put(&b, q->frame.type, q->frame.id, text != NULL ? 2 : 1);
	wire_put_uint(&b, code);
	if (text != NULL)
		wire_put_str(&b, text);
	peer_reply(q, &b);
}

static void
answer_hello(const struct peer_request *q)
{
	struct buf b;

	buf_init(&b, FRAME_MAX);
	frame_put(&b, MSG_HELLO, q->frame.id, 3);
	wire_put_uint(&b, FRAME_OK);
	wire_put_uint(&b, 1);
	wire_put_str(&b, epoch);
	peer_reply(q, &b);
}

static void
forget_pending(struct peer *p)
{
	free(p->pending);
	p->pending = NULL;
	p->pending_len = 0;
}

static void
accept_pending(struct peer *p)
{
	free(p->hello);
	p->hello = p->pending;
	p->hello_len = p->pending_len;
	p->pending = NULL;
	p->pending_len = 0;
	p->welcome = true;
}

/* The one that is pending; the process is known. */
static void
judge_hello(struct peer *p)
{
	struct peer_request q = {.p = p, .to = &p->pending_to};
	const char *fault = peer_check_hello(p, p->pending, p->pending_len);

	if (frame_parse(p->pending, p->pending_len, &q.frame) != 0)
		return;
	if (fault != NULL) {
		answer(&q, FRAME_REFUSED, fault);
		forget_pending(p);
		strike(p, fault);
		return;
	}
	answer_hello(&q);
	accept_pending(p);
	look(p);
}

static void
take_hello(struct peer_request *q, const struct sock_message *m)
{
	struct peer *p = q->p;
	uint8_t *copy;

	if (m->len > PEER_HELLO_MAX) {
		answer(q, FRAME_MALFORMED, "hello is too long");
		strike(p, "hello is too long");
		return;
	}
	copy = malloc(m->len);
	if (copy == NULL) {
		answer(q, FRAME_BUSY, "out of memory");
		return;
	}
	memcpy(copy, m->data, m->len);
	forget_pending(p);
	p->pending = copy;
	p->pending_len = m->len;
	p->pending_to = m->answer;
	if (p->id.pid != 0)
		judge_hello(p); /* else when the core has named it */
}

static bool
copy_text(struct frame *f, struct buf *out)
{
	char text[TEXT_MAX + 1] = "";

	if (frame_str(f, text, sizeof(text)) == -EBADMSG)
		return false;
	wire_put_str(out, text);
	return true;
}

/* op code text data */
static bool
copy_outcome(struct frame *f, struct buf *out)
{
	uint64_t op, code;
	const void *data;
	size_t len;

	if (frame_uint(f, &op) != 0 || frame_uint(f, &code) != 0 ||
	    code >= FRAME_OUTCOME__COUNT)
		return false;
	wire_put_uint(out, op);
	wire_put_uint(out, code);
	if (!copy_text(f, out))
		return false;
	if (frame_raw(f, &data, &len) != 0)
		wire_put_nil(out);
	else if (len > DATA_MAX)
		return false;
	else
		wire_put_raw(out, data, len);
	return true;
}

/* code text */
static bool
copy_status(struct frame *f, struct buf *out)
{
	uint64_t code;

	if (frame_uint(f, &code) != 0 || code >= FRAME_OUTCOME__COUNT)
		return false;
	wire_put_uint(out, code);
	return copy_text(f, out);
}

static const struct {
	enum msg_type from;
	enum msg_type to;
	uint32_t nargs;
	bool (*copy)(struct frame *f, struct buf *out);
} forwards[] = {
    {MSG_OUTCOME, MSG_LINK_OUTCOME, 5, copy_outcome},
    {MSG_PLUGIN_STATUS, MSG_LINK_STATUS, 3, copy_status},
};

/* The core is one for all, and its link is bounded: nobody fills it alone. */
bool
peer_take_credit(struct peer *p, size_t len)
{
	int64_t now_ms = clock_mono_ms();
	int64_t cost = MESSAGE_COST + (int64_t)len;

	p->credit += (now_ms - p->credit_ms) * CREDIT_PER_MS;
	if (p->credit > CREDIT_MAX)
		p->credit = CREDIT_MAX;
	p->credit_ms = now_ms;
	if (p->credit < cost)
		return false;
	p->credit -= cost;
	return true;
}

static int
forward(struct peer_request *q)
{
	struct frame f = q->frame;
	struct buf b;
	size_t i = 0;

	while (forwards[i].from != f.type)
		i++;
	buf_init(&b, FRAME_MAX);
	frame_put(&b, forwards[i].to, q->p->serial, forwards[i].nargs);
	wire_put_uint(&b, q->p->serial);
	if (!forwards[i].copy(&f, &b)) {
		buf_fini(&b);
		q->why = "a message with arguments of another type";
		return FRAME_MALFORMED;
	}
	if (!peer_take_credit(q->p, b.len)) {
		buf_fini(&b);
		q->why = "more than the daemon can hear";
		return FRAME_BUSY;
	}
	core_send(&b);
	return FRAME_OK;
}

static const struct {
	int (*fn)(struct peer_request *q);
	enum msg_type type;
	bool asks_policy;
} handlers[] = {
    {forward, MSG_OUTCOME, false},
    {forward, MSG_PLUGIN_STATUS, false},
    {events_publish, MSG_PUBLISH, true},
    {events_subscribe, MSG_SUBSCRIBE, true},
    {events_unsubscribe, MSG_UNSUBSCRIBE, false},
    {events_acknowledge, MSG_EVENTS_ACK, true},
    {calls_call, MSG_CALL, true},
    {calls_result, MSG_RESULT, false},
    {services_register, MSG_REGISTER, false},
    {services_unregister, MSG_UNREGISTER, false},
    {services_discover, MSG_DISCOVER, false},
};

/* To a new router its plugins may come between the core's first word about them
 * and the next: they would subscribe in vain, and be awaited when they have
 * said all. */
static int
call_handler(struct peer_request *q, size_t i)
{
	q->why = "the daemon has not said yet what it may do";
	if (handlers[i].asks_policy && !policy_is_known(&q->p->policy))
		return FRAME_BUSY;
	return handlers[i].fn(q);
}

static void
handle(struct peer_request *q, size_t i)
{
	int code = call_handler(q, i);

	if (code == PEER_LATER)
		return;
	answer(q, (enum frame_code)code, code == FRAME_OK ? NULL : q->why);
	if (code == FRAME_MALFORMED)
		strike(q->p, q->why);
}

static void
take_request(struct peer_request *q)
{
	size_t i = 0;

	while (i < sizeof(handlers) / sizeof(handlers[0]) &&
	       handlers[i].type != q->frame.type)
		i++;
	if (!q->p->welcome)
		answer(q, FRAME_HELLO_REQUIRED, "hello comes first");
	else if (i == sizeof(handlers) / sizeof(handlers[0]))
		answer(q, FRAME_UNKNOWN_TYPE, "no such message");
	else
		handle(q, i);
}

static void
on_hub_message(void *arg, const struct sock_message *m)
{
	struct peer *p = arg;
	struct peer_request q = {.p = p, .to = &m->answer};

	if (p->is_outlaw)
		return;
	if (!p->welcome && m->len > PEER_HELLO_MAX) {
		strike(p, "a message of more than 4 KiB before hello");
	} else if (frame_parse_depth(
	               m->data, m->len, HUB_DEPTH_MAX, &q.frame) != 0) {
		answer(&q, FRAME_MALFORMED, "not a frame");
		strike(p, "bytes that are not a frame");
	} else if (q.frame.type == MSG_HELLO) {
		take_hello(&q, m);
	} else {
		take_request(&q);
	}
}

/* What was not even taken has come to nothing: nobody else will say so. */
static void
tell_refused(const struct peer *p, uint64_t id, const char *text)
{
	struct buf b;

	if (id == 0 || id > p->last_id || p->last_id - id >= PEER_COMMANDS)
		return;
	buf_init(&b, FRAME_MAX);
	frame_put(&b, MSG_LINK_OUTCOME, p->serial, 5);
	wire_put_uint(&b, p->serial);
	wire_put_uint(&b, p->ops[id % PEER_COMMANDS]);
	wire_put_uint(&b, OUTCOME_FAILED);
	wire_put_str(&b, text);
	wire_put_nil(&b);
	core_send(&b);
}

/* The answer to a command: it was received, or not taken. */
static void
on_command_message(void *arg, const struct sock_message *m)
{
	struct peer *p = arg;
	char text[TEXT_MAX + 1] = "the plugin did not take the command";
	uint64_t code = FRAME_OK;
	struct frame f;
	bool is_due;

	if (p->is_outlaw)
		return;
	if (frame_parse(m->data, m->len, &f) != 0 ||
	    frame_uint(&f, &code) == -EBADMSG) {
		strike(p, "an answer that is not a frame");
		return;
	}
	if (calls_answered(p, &f, code))
		return;
	/* More answers than commands say nothing. */
	is_due = p->unanswered > 0;
	p->unanswered -= is_due;
	if (is_due && code != FRAME_OK) {
		(void)frame_str(&f, text, sizeof(text));
		tell_refused(p, f.id, text);
	}
}

/* The third strike may come on one connection before the others are known. */
static void
greet(struct peer *p)
{
	if (p->is_outlaw) {
		drop_all(p);
		return;
	}
	look(p);
	if (!is_complete(p)) {
		/* The others are on their way, and not to be disturbed. */
		event_del(&p->heal);
		arm_heal(p);
	}
}

static void
on_up(void *arg, const struct sock_peer *from)
{
	(void)from;
	greet(arg);
}

static void
on_hub_up(void *arg, const struct sock_peer *from)
{
	struct peer *p = arg;

	p->hub_pid = from->pid;
	p->welcome = false;
	forget_pending(p); /* somebody else said it */
	greet(p);
}

static void
on_down(void *arg)
{
	struct peer *p = arg;

	if (!sock_is_up(p->socks[PEER_HUB])) {
		p->welcome = false;
		/* Nobody is left to hear the answers. */
		forget_pending(p);
		brake_forget(p);
	}
	look(p);
	p->heal_ms = HEAL_FIRST_MS;
	if (!p->is_outlaw)
		arm_heal(p);
}

/* --- from the core ----------------------------------------------------- */

void
peer_set_process(struct peer *p, pid_t pid, const char *cgroup)
{
	p->id.pid = pid;
	snprintf(p->cgroup, sizeof(p->cgroup), "%s", cgroup);
	if (p->pending != NULL)
		judge_hello(p);
}

void
peer_command(struct peer *p, uint64_t type, const void *args, size_t len)
{
	struct wire_cursor c;
	uint64_t op = 0;
	struct buf b;
	uint32_t n;
	uint32_t id;
	int r;

	wire_cursor_init(&c, args, len);
	if (!p->is_up || wire_get_array(&c, &n) != 0)
		return;
	if (p->unanswered >= PEER_COMMANDS) {
		log_warn(p->id.name,
		    "leaves %d commands unanswered: its "
		    "connection is ended",
		    PEER_COMMANDS);
		sock_drop(p->socks[PEER_COMMAND]);
		return;
	}
	if (n > 0)
		(void)wire_get_uint(&c, &op);
	buf_init(&b, FRAME_MAX);
	frame_put_args(&b, type, ++p->last_id, args, len);
	p->ops[p->last_id % PEER_COMMANDS] = op;
	r = buf_error(&b);
	if (r == 0)
		r = sock_request(p->socks[PEER_COMMAND], b.data, b.len, &id);
	buf_fini(&b);
	if (r == 0)
		p->unanswered++;
	else if (r != -ENOTCONN)
		log_warn(p->id.name, "command: %s", strerror(-r));
}

static int
open_sock(struct peer *p, int which)
{
	static const struct {
		const char *name;
		enum sock_kind kind;
		struct sock_ops ops;
	} kinds[PEER_SOCKS] = {
	    [PEER_COMMAND] = {"command.sock", SOCK_REQ,
	        {on_up, on_down, on_command_message}},
	    [PEER_HUB] = {"hub.sock", SOCK_REP,
	        {on_hub_up, on_down, on_hub_message}},
	    [PEER_EVENTS] = {"events.sock", SOCK_PUB, {on_up, on_down, NULL}},
	};
	char path[PATH_MAX];
	const struct sock_options options = {
	    .kind = kinds[which].kind,
	    .path = path,
	    .check_uid = true,
	    .uid = p->id.uid,
	    .ops = kinds[which].ops,
	    .arg = p,
	};

	snprintf(
	    path, sizeof(path), "%s/%s", p->id.directory, kinds[which].name);
	return sock_new(&options, &p->socks[which]);
}

void
peer_answer(struct peer *p, const struct sock_return *to, uint64_t type,
    uint64_t id, enum frame_code code, const char *text)
{
	const struct peer_request q = {
	    .p = p, .frame = {.type = type, .id = id}, .to = to};

	if (!p->is_outlaw)
		answer(&q, code, text);
}

int
peer_new(const struct peer_identity *id, struct peer **ret)
{
	struct peer *p = calloc(1, sizeof(*p));
	int r = 0;

	if (p == NULL)
		return -ENOMEM;
	p->serial = id->serial;
	p->id = *id;
	p->made_ms = clock_mono_ms();
	p->heal_ms = HEAL_FIRST_MS;
	event_assign(&p->heal, loop, -1, 0, on_heal, p);
	r = peerbus_open(p, loop);
	for (int i = 0; i < PEER_SOCKS && r == 0; i++)
		r = open_sock(p, i);
	if (r == 0)
		r = listen_missing(p);
	if (r != 0) {
		peer_free(p);
		return r;
	}
	arm_heal(p);
	*ret = p;
	return 0;
}

void
peer_mute(struct peer *p)
{
	p->is_outlaw = true;
	p->is_up = false; /* it does not change any more */
	event_del(&p->heal);
	peerbus_close(p);
}

void
peer_free(struct peer *p)
{
	event_del(&p->heal);
	for (int i = 0; i < PEER_SOCKS; i++)
		sock_close(p->socks[i]);
	peerbus_close(p);
	free(p->hello);
	free(p->pending);
	free(p);
}
