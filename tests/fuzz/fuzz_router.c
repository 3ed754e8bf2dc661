/*
 * fuzz_router: all that comes into the router, from the core by its link and
 * from plugins by their sockets, in any order, with connections that end and
 * come back and time that passes. Real are the router but for its main, and
 * the link; sockets, clock and files are stand-ins.
 *
 * Promises, after every step: what routercore.h says of the core's side; what
 * goes to a plugin is a frame; a request of somebody who is heard has one
 * answer in the same turn; counters and copies are within their bounds; a
 * plugin is linked if and only if its three sockets are up and its hello was
 * accepted; whoever lacks a socket has a timer that heals it; an outlaw stays
 * one. In the end, whatever has happened, a plugin that is no outlaw can link
 * and gets a command; and nothing is left once everything is detached.
 *
 * Input: steps, each a byte and what it reads, see `steps`. A step that says
 * something to a slot goes to slot N of three.
 */
#include "fakeclock.h"
#include "fakesock.h"
#include "fuzz.h"
#include "routerbus.h"
#include "routercalls.h"
#include "routersay.h"
#include "routersys.h"
#include "script.h"

#include "supervisor/router/canary.h"
#include "supervisor/router/peer.h"
#include "supervisor/router/peers.h"

#include "common/log.h"
#include "common/msgs.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
	BUF_MAX = 1 << 20,
	CREDIT_MAX = 256 * 1024,
	HEAL_MAX_MS = 4000,
	GONE_MS = 1000,
	FLOOD = 64,         /* messages at most */
	FLOOD_BYTES = 9000, /* of each: half of them are too much */
};

static struct event_base *base;
static bool has_passed; /* time, since the loop's last turn */
static unsigned canary_asked;
static unsigned commands_said;

/* --- peers ------------------------------------------------------------- */

static const struct {
	const char *file;
	enum sock_kind kind;
} files[PEER_SOCKS] = {
    [PEER_COMMAND] = {"command.sock", SOCK_REQ},
    [PEER_HUB] = {"hub.sock", SOCK_REP},
    [PEER_EVENTS] = {"events.sock", SOCK_PUB},
};

/* The newest sock of a slot, or NULL. */
static struct sock *
find_sock(unsigned slot, int which)
{
	char path[64];

	snprintf(
	    path, sizeof(path), "/fuzz/%u/%s", slot % SLOTS, files[which].file);
	return fakesock_find(path, files[which].kind);
}

static bool
is_canary(const struct sock *s)
{
	return fakesock_options(s)->arg == NULL;
}

static struct peer *
get_peer(const struct sock *s)
{
	return fakesock_options(s)->arg;
}

static void
check_answer(struct sock *hub, const void *data, size_t len)
{
	char text[SOCK_BODY_MAX / 64];
	uint64_t code;
	struct frame f;

	MUST(frame_parse(data, len, &f) == 0);
	MUST(frame_uint(&f, &code) == 0 && code < FRAME_CODE__COUNT);
	if (code != FRAME_OK) {
		MUST(f.nargs == 1);
		MUST(frame_str(&f, text, sizeof(text)) == 0 && text[0] != '\0');
	} else if (f.type == MSG_HELLO) {
		MUST(frame_uint(&f, &code) == 0 && code == 1);
		MUST(frame_str(&f, text, sizeof(text)) == 0);
		MUST(strcmp(text, peer_epoch()) == 0);
		routercore_find(get_peer(hub)->serial)->greeted =
		    fakesock_pipe(hub);
	}
}

static void
on_said(struct sock *s, uint32_t id, const void *data, size_t len)
{
	struct peer *p = get_peer(s);
	struct frame f;

	(void)id;
	if (is_canary(s)) {
		MUST(len == 1);
		canary_asked += fakesock_options(s)->kind == SOCK_REQ;
		return;
	}
	if (s == p->socks[PEER_HUB]) {
		check_answer(s, data, len);
		return;
	}
	if (s == p->socks[PEER_EVENTS]) {
		routerbus_heard(p, data, len);
		return;
	}
	MUST(s == p->socks[PEER_COMMAND] && p->is_up && !p->is_outlaw);
	MUST(frame_parse(data, len, &f) == 0);
	if (routercalls_heard(p, &f))
		return;
	MUST(p->unanswered < PEER_COMMANDS && f.id == p->last_id);
	commands_said++;
}

static void
check_peer(const struct peer *p)
{
	const struct known *k = routercore_find(p->serial);
	bool is_complete = true;

	if (p->gone_ms != 0) {
		MUST(p->is_outlaw && !p->is_up);
		MUST(!event_pending(&p->heal, EV_TIMEOUT, NULL));
		return;
	}
	MUST(k != NULL);
	for (int i = 0; i < PEER_SOCKS; i++) {
		bool is_up = sock_is_up(p->socks[i]);

		is_complete = is_complete && is_up;
		MUST(!is_up || !p->is_outlaw);
	}
	MUST(p->is_up == (is_complete && p->welcome && !p->is_outlaw));
	MUST(p->is_up == k->is_up && p->is_outlaw == k->is_violator);
	MUST(!p->welcome || sock_is_up(p->socks[PEER_HUB]));
	/* Unless the answer to its hello was lost. */
	if (p->welcome && fakesock_failed() == 0)
		MUST(k->greeted == fakesock_pipe(p->socks[PEER_HUB]));
	MUST(p->is_outlaw == (p->strikes >= 3));
	MUST(p->unanswered <= PEER_COMMANDS);
	MUST(p->unanswered == 0 || p->is_up);
	MUST(p->hello_len <= PEER_HELLO_MAX);
	MUST(p->pending_len <= PEER_HELLO_MAX);
	MUST(p->pending == NULL || p->id.pid == 0);
	MUST(p->credit >= 0 && p->credit <= CREDIT_MAX);
	MUST(p->heal_ms > 0 && p->heal_ms <= HEAL_MAX_MS);
	if (!is_complete && !p->is_outlaw)
		MUST(event_pending(&p->heal, EV_TIMEOUT, NULL));
}

static void
check_all(void)
{
	size_t gone = 0;
	struct sock *s = NULL;

	while ((s = fakesock_next(s)) != NULL) {
		if (is_canary(s) || s != get_peer(s)->socks[PEER_HUB])
			continue;
		check_peer(get_peer(s));
		routercalls_check(get_peer(s));
		gone += get_peer(s)->gone_ms != 0;
	}
	MUST(gone <= GONE_MAX);
}

/* The loop itself has something to do only when bytes or time have come. */
void
router_turn(void)
{
	bool any = true;

	while (any && !routercore_is_over()) {
		if (has_passed || routercore_is_due())
			event_base_loop(base, EVLOOP_NONBLOCK);
		has_passed = false;
		any = !routercore_is_over() &&
		      (fakesock_turn() || routercore_drain());
	}
	routercore_check();
	if (!routercore_is_over()) {
		check_all();
		routerbus_check();
	}
}

static void
pass_time(int64_t ms)
{
	fakeclock_pass(ms);
	has_passed = true;
	router_turn();
}

/* --- what a plugin does ------------------------------------------------ */

/* slot which: 3 is all three; who */
static void
step_connect(struct script *s)
{
	static const unsigned uids[] = {UID, UID, UID, 0};
	unsigned slot = routersay_slot(s);
	unsigned which = script_byte(s) % (PEER_SOCKS + 1);
	unsigned who = script_byte(s);
	const pid_t pids[] = {
	    (pid_t)(PID + 10 * slot), (pid_t)(PID + 10 * slot + 5), 4242, -1};

	for (int i = 0; i < PEER_SOCKS; i++) {
		struct sock *sock = find_sock(slot, i);

		if (sock != NULL && (which == (unsigned)i || which == 3))
			fakesock_connect(
			    sock, pids[who % 4], uids[who / 4 % 4]);
	}
	router_turn();
}

/* slot which: 3 is all three */
static void
step_disconnect(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned which = script_byte(s) % (PEER_SOCKS + 1);

	for (int i = 0; i < PEER_SOCKS; i++) {
		struct sock *sock = find_sock(slot, i);

		if (sock != NULL && (which == (unsigned)i || which == 3))
			fakesock_disconnect(sock);
	}
	router_turn();
}

/* 0: no frame. */
static uint64_t
get_type(const void *data, size_t len)
{
	struct frame f;

	return frame_parse(data, len, &f) == 0 ? f.type : 0;
}

/* Its answer comes later, perhaps. */
static bool
may_wait(uint64_t type)
{
	return type == MSG_PUBLISH || type == MSG_SUBSCRIBE ||
	       type == MSG_UNSUBSCRIBE;
}

/* To hub.sock; does not take the loop's turn. */
static void
tell_hub(struct sock *hub, const void *data, size_t len)
{
	unsigned answers, messages = routercore_heard()->messages;
	unsigned failed = fakesock_failed();
	struct peer *p = hub != NULL ? get_peer(hub) : NULL;
	uint64_t type = get_type(data, len);
	bool was_outlaw, is_due;
	uint32_t id;

	if (p == NULL || hub != p->socks[PEER_HUB])
		return;
	was_outlaw = p->is_outlaw;
	is_due = !was_outlaw && (p->welcome || len <= PEER_HELLO_MAX) &&
	         (type != MSG_HELLO || p->id.pid != 0);
	id = fakesock_deliver(hub, 0, data, len);
	answers = id != 0 ? fakesock_answers(hub, id) : 0;
	if (was_outlaw)
		MUST(answers == 0 && messages == routercore_heard()->messages);
	if (is_due && id != 0 && failed == fakesock_failed())
		MUST(answers == 1 || (may_wait(type) && answers == 0));
}

static void
tell(unsigned slot, struct buf *b)
{
	MUST(buf_error(b) == 0);
	tell_hub(find_sock(slot, PEER_HUB), b->data, b->len);
	buf_fini(b);
	router_turn();
}

void
router_tell(unsigned slot, struct buf *b)
{
	tell(slot, b);
}

const struct peer *
router_peer(unsigned slot)
{
	const struct sock *s = find_sock(slot, PEER_HUB);

	return s != NULL ? get_peer(s) : NULL;
}

static void
put_hello(struct buf *b, const struct peer_identity *id, unsigned wrong)
{
	uint8_t bytes[PEER_COOKIE];

	memcpy(bytes, id->cookie, sizeof(bytes));
	bytes[wrong % PEER_COOKIE] ^= wrong == 1 ? 4 : 0;
	frame_put(b, MSG_HELLO, wrong, wrong == 2 ? 7 : wrong == 9 ? 8 : 9);
	wire_put_uint(b, wrong == 3 ? 2 : 1);
	wire_put_uint(b, wrong == 4 ? 0 : 1);
	wire_put_uint(b, 1);
	wire_put_str(b, wrong == 5 ? "other" : id->name);
	wire_put_str(b, "1.2.3");
	wire_put_str(b, "service");
	wire_put_uint(b, id->generation + (wrong == 6));
	if (wrong == 2)
		return;
	wire_put_bin(b, bytes, wrong == 7 ? 15 : PEER_COOKIE);
	if (wrong == 9)
		return;
	wire_put_array(b, wrong == 8 ? 1000 : 2);
	for (int i = 0; i < (wrong == 8 ? 1000 : 2); i++)
		wire_put_str(b, wrong == 8 ? "12345" : "health");
}

/* slot wrong: 0 and from 9 on it is right */
static void
step_hello(struct script *s)
{
	unsigned slot = routersay_slot(s);
	struct sock *hub = find_sock(slot, PEER_HUB);
	unsigned wrong = script_byte(s);
	struct buf b;

	if (hub == NULL)
		return;
	buf_init(&b, BUF_MAX);
	put_hello(&b, &get_peer(hub)->id, wrong);
	tell(slot, &b);
}

static void
put_bytes(struct buf *b, size_t len, bool is_text)
{
	static uint8_t bytes[UINT8_MAX * 300];

	MUST(len <= sizeof(bytes));
	if (bytes[0] == '\0')
		memset(bytes, 'x', sizeof(bytes));
	if (is_text)
		wire_put_strn(b, (const char *)bytes, len);
	else
		wire_put_bin(b, bytes, len);
}

/* slot op code text data */
static void
step_outcome(struct script *s)
{
	unsigned slot = routersay_slot(s);
	struct buf b;

	routersay_begin(&b, MSG_OUTCOME, script_byte(s), 4);
	wire_put_uint(&b, script_byte(s));
	wire_put_uint(&b, script_byte(s));
	put_bytes(&b, (size_t)script_byte(s) * 17, true);
	put_bytes(&b, (size_t)script_byte(s) * 300, false);
	tell(slot, &b);
}

/* slot code text */
static void
step_status(struct script *s)
{
	unsigned slot = routersay_slot(s);
	struct buf b;

	routersay_begin(&b, MSG_PLUGIN_STATUS, 7, 2);
	wire_put_uint(&b, script_byte(s));
	put_bytes(&b, (size_t)script_byte(s) * 17, true);
	tell(slot, &b);
}

/* slot count: outcomes, all in one turn */
static void
step_flood(struct script *s)
{
	struct sock *hub = find_sock(routersay_slot(s), PEER_HUB);
	unsigned count = script_byte(s) % FLOOD;
	struct known *k = hub ? routercore_find(get_peer(hub)->serial) : NULL;
	unsigned long told = k != NULL ? k->told : 0;
	struct buf b;

	routersay_begin(&b, MSG_OUTCOME, 8, 4);
	wire_put_uint(&b, 1);
	wire_put_uint(&b, 0);
	wire_put_str(&b, "");
	put_bytes(&b, FLOOD_BYTES, false);
	for (unsigned i = 0; i < count; i++)
		tell_hub(hub, b.data, b.len);
	buf_fini(&b);
	if (k != NULL)
		MUST(k->told - told <= CREDIT_MAX);
	router_turn();
}

/* slot type blob: a frame with arguments that may be anything */
static void
step_hub_frame(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned type = MSG_HELLO + script_byte(s) % 4;
	size_t len;
	const uint8_t *args = script_blob(s, &len);
	struct buf b;

	buf_init(&b, BUF_MAX);
	frame_put_args(&b, type, 9, args, len);
	tell(slot, &b);
}

/* slot blob */
static void
step_hub_bytes(struct script *s)
{
	unsigned slot = routersay_slot(s);
	size_t len;
	const uint8_t *bytes = script_blob(s, &len);

	tell_hub(find_sock(slot, PEER_HUB), bytes, len);
	router_turn();
}

static void
tell_command(unsigned slot, const void *data, size_t len)
{
	struct sock *sock = find_sock(slot, PEER_COMMAND);
	struct peer *p = sock != NULL ? get_peer(sock) : NULL;
	unsigned messages = routercore_heard()->messages;
	unsigned unanswered = p != NULL ? p->unanswered : 0;
	bool was_outlaw = p != NULL && p->is_outlaw;
	unsigned was_struck = p != NULL ? p->strikes : 0;

	if (p == NULL || fakesock_deliver(sock, 7, data, len) == 0)
		return;
	if (was_outlaw)
		MUST(messages == routercore_heard()->messages);
	else if (unanswered == 0 && p->strikes == was_struck)
		MUST(messages == routercore_heard()->messages);
	router_turn();
}

/* slot back code text: an answer to the command so many before the last */
static void
step_answer(struct script *s)
{
	unsigned slot = routersay_slot(s);
	struct sock *sock = find_sock(slot, PEER_COMMAND);
	uint64_t last = sock != NULL ? get_peer(sock)->last_id : 0;
	uint64_t back = script_byte(s);
	unsigned code = script_byte(s);
	struct buf b;

	routersay_begin(&b, MSG_HEALTH, last - back, 2);
	wire_put_uint(&b, code);
	put_bytes(&b, (size_t)script_byte(s) * 17, true);
	tell_command(slot, b.data, b.len);
	buf_fini(&b);
}

void
router_answer(unsigned slot, const struct buf *b)
{
	tell_command(slot, b->data, b->len);
}

/* slot blob */
static void
step_answer_bytes(struct script *s)
{
	unsigned slot = routersay_slot(s);
	size_t len;
	const uint8_t *bytes = script_blob(s, &len);

	tell_command(slot, bytes, len);
}

/* --- the world --------------------------------------------------------- */

static void
step_time(struct script *s)
{
	pass_time(script_number(s));
}

/* opens sends files: the next so many fail */
static void
step_fail(struct script *s)
{
	unsigned opens = script_byte(s) % 16;

	fakesock_fail(opens, script_byte(s) % 16);
	routersys_fail(script_byte(s) % 16);
}

/* what: connect the canary, end a half of it, or carry what it sings */
static void
step_canary(struct script *s)
{
	struct sock *ends[] = {fakesock_find("/fuzz/canary.sock", SOCK_REP),
	    fakesock_find("/fuzz/canary.sock", SOCK_REQ)};
	unsigned what = script_byte(s) % 5;
	unsigned pongs = routercore_heard()->pongs;

	if (what < 2) {
		fakesock_disconnect(ends[what]);
	} else if (what == 2) {
		for (int i = 0; i < 2; i++)
			fakesock_connect(ends[i], getpid(), geteuid());
	} else if (canary_asked > 0) {
		canary_asked = 0;
		if (fakesock_deliver(ends[0], 0, "?", 1) != 0)
			fakesock_deliver(ends[1], 1, "!", 1);
		MUST(routercore_heard()->pongs <= pongs + 1);
		pongs = routercore_heard()->pongs;
	}
	router_turn();
	MUST(routercore_heard()->pongs == pongs);
}

/* The numbers are those of the seeds. */
static step_fn *const steps[] = {
    routersay_attach,
    routersay_spawned,
    routersay_detach,
    routersay_command,
    routersay_ping,
    routersay_link_frame,
    routersay_link_bytes,
    step_connect,
    step_disconnect,
    step_hello,
    step_outcome,
    step_status,
    step_flood,
    step_hub_frame,
    step_hub_bytes,
    step_answer,
    step_answer_bytes,
    step_time,
    step_fail,
    step_canary,
    routersay_churn,
    routersay_link_end,
    routersay_command_args,
    routerbus_policy,
    routerbus_retain,
    routerbus_publish,
    routerbus_subscribe,
    routerbus_acknowledge,
    routerbus_frame,
    routercalls_register,
    routercalls_unregister,
    routercalls_call,
    routercalls_cancel,
    routercalls_result,
    routercalls_answer,
    routercalls_discover,
    routercalls_core,
    routercalls_frame,
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

/* --- the end ----------------------------------------------------------- */

/* The core's words, past a link that may hold half a frame. */
static void
tell_peers(void (*fn)(struct frame *), struct buf *b)
{
	struct frame f;

	MUST(frame_parse(b->data, b->len, &f) == 0);
	fn(&f);
	buf_fini(b);
}

static void
check_heals(const struct peer *p)
{
	for (int i = 0; i < PEER_SOCKS; i++)
		MUST(fakesock_is_open(p->socks[i]));
}

static void
check_links(struct peer *p)
{
	const pid_t pid = PID;
	struct buf b;

	routersay_begin(&b, MSG_SPAWNED, 1, 2);
	wire_put_uint(&b, p->serial);
	wire_put_uint(&b, (uint64_t)pid);
	tell_peers(peers_spawned, &b);
	router_turn();
	if (p->is_outlaw) /* a hello that waited */
		return;
	for (int i = 0; i < PEER_SOCKS; i++)
		MUST(fakesock_connect(p->socks[i], pid, p->id.uid));
	buf_init(&b, BUF_MAX);
	put_hello(&b, &p->id, 0);
	tell_hub(p->socks[PEER_HUB], b.data, b.len);
	buf_fini(&b);
	router_turn();
	MUST(p->is_up);
	commands_said = 0;
	routersay_begin(&b, MSG_COMMAND, 1, 3);
	wire_put_uint(&b, p->serial);
	wire_put_uint(&b, MSG_HEALTH);
	wire_put_array(&b, 1);
	wire_put_uint(&b, 1);
	tell_peers(peers_command, &b);
	MUST(commands_said == 1);
	router_turn();
}

static void
check_recovery(void)
{
	struct sock *s = NULL;

	fakesock_fail(0, 0);
	routersys_fail(0);
	pass_time(HEAL_MAX_MS);
	while ((s = fakesock_next(s)) != NULL) {
		if (is_canary(s) || s != get_peer(s)->socks[PEER_HUB] ||
		    get_peer(s)->is_outlaw)
			continue;
		check_heals(get_peer(s));
		check_links(get_peer(s));
	}
}

static void
detach_all(void)
{
	struct sock *s = NULL;
	struct buf b;

	for (struct known *k = routercore_first(); k; k = TAILQ_NEXT(k, link)) {
		routersay_begin(&b, MSG_DETACH, 1, 1);
		wire_put_uint(&b, k->serial);
		tell_peers(peers_detach, &b);
	}
	/* They leave in their own time. */
	fakeclock_pass(GONE_MS);
	event_base_loop(base, EVLOOP_NONBLOCK);
	while ((s = fakesock_next(s)) != NULL)
		MUST(is_canary(s));
}

static void
set_up(void)
{
	signal(SIGPIPE, SIG_IGN);
	MUST(log_open("/dev/null", 1 << 30, 1) == 0);
	base = event_base_new();
	MUST(base != NULL && peer_init(base) == 0);
	MUST(peers_init(base) == 0 && calls_init(base) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fakesock_hooks hooks = {.said = on_said};
	struct script s = {data, size};

	if (base == NULL)
		set_up();
	routersys_enter();
	canary_asked = 0;
	routersay_reset();
	routerbus_reset();
	routercalls_reset();
	fakesock_reset(&hooks);
	fakeclock_reset();
	routercore_begin(base);
	MUST(canary_init("/fuzz") == 0);
	while (s.left > 0 && !routercore_is_over())
		steps[script_byte(&s) % STEPS](&s);
	if (!routercore_is_over())
		router_turn();
	if (!routercore_is_over())
		check_recovery();
	detach_all();
	canary_sing(0);
	routercore_end(base);
	fakesock_reset(&hooks);
	routersys_leave();
	return 0;
}
