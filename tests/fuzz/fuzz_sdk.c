/*
 * fuzz_sdk: all that comes into a plugin's end of the connection: markers,
 * connections that come and go, answers to hello and to what it told, commands
 * in any order, time that passes, and a plugin that does anything it may, see
 * sdkplugin.h. Real is the library but for what a process does once; sockets,
 * clock and marker are stand-ins.
 *
 * Promises: a command that can be read has one answer; the same command again
 * calls nothing; hello is said when all three sockets are up, and nothing else
 * before it was accepted; what goes out is well formed and speaks of commands
 * that came; lines of the log are lines. In the end, whatever has happened, a
 * plugin whose router comes back gets everything acknowledged, and stops when
 * it is told to.
 *
 * Input: which callbacks there are not (bits), whether it is blind for
 * markers, then steps, each a byte and what it reads, see `steps`.
 */
#include "fakeclock.h"
#include "fakesock.h"
#include "fuzz.h"
#include "script.h"
#include "sdkplugin.h"

#include "sdk/src/command.h"
#include "sdk/src/connect.h"
#include "sdk/src/marker.h"

#include "common/msgs.h"

#include <event2/event.h>
#include <string.h>

enum {
	ASKED = 64, /* requests that may wait for an answer */
	OPS = 4096,
	BUF_MAX = 1 << 20,
	HELLO_MAX = 4096,
	PATIENCE_MAX_MS = 16000,
	ROUNDS = 8,
	LAST_OP = 100000,
};

enum pipe_name { PIPE_COMMAND, PIPE_HUB, PIPE_EVENTS, PIPES };

static const struct {
	const char *path;
	enum sock_kind kind;
} files[PIPES] = {
    [PIPE_COMMAND] = {"/fuzz/command.sock", SOCK_REP},
    [PIPE_HUB] = {"/fuzz/hub.sock", SOCK_REQ},
    [PIPE_EVENTS] = {"/fuzz/events.sock", SOCK_SUB},
};

static struct plugind *p;
static struct connection *connection;

/* What was said and heard. */
static struct {
	bool is_welcome;
	bool is_hello_open; /* said, and neither answered nor lost */
	uint64_t hello_id;
	uint8_t ops[OPS]; /* that came in commands, by remainder */
	struct {
		uint64_t type, id;
	} asked[ASKED]; /* a ring */
	unsigned first, nasked;
} it;

/* --- the marker -------------------------------------------------------- */

struct marker {
	marker_fn *fn;
	void *arg;
};

static struct {
	struct marker *reader;
	bool is_blind;
	bool is_new;
	uint64_t epoch;
} sign;

int
marker_new(struct event_base *base, const char *dir, marker_fn *fn, void *arg,
    struct marker **ret)
{
	struct marker *m = calloc(1, sizeof(*m));

	MUST(m != NULL && base == p->base && strcmp(dir, "/fuzz") == 0);
	*m = (struct marker){fn, arg};
	*ret = sign.reader = m;
	return 0;
}

void
marker_free(struct marker *m)
{
	free(m);
}

void
marker_look(struct marker *m)
{
	if (!sign.is_new)
		return;
	sign.is_new = false;
	m->fn(m->arg, sign.epoch);
}

bool
marker_is_blind(const struct marker *m)
{
	(void)m;
	return sign.is_blind;
}

/* --- what the plugin says ---------------------------------------------- */

static struct sock *
get_sock(enum pipe_name name)
{
	struct sock *s = fakesock_find(files[name].path, files[name].kind);

	MUST(s != NULL);
	return s;
}

static bool
is_complete(void)
{
	for (unsigned i = 0; i < PIPES; i++) {
		if (!sock_is_up(get_sock((enum pipe_name)i)))
			return false;
	}
	return true;
}

static void
hear_hello(struct frame *f, size_t len)
{
	MUST(len <= HELLO_MAX && f->nargs == 9 && is_complete());
	it.is_welcome = false;
	it.is_hello_open = true;
	it.hello_id = f->id;
}

static void
hear_outcome(struct frame *f)
{
	char text[PLUGIN_TEXT_MAX + 1];
	struct wire_cursor data;
	uint64_t op = 0, code = 0;
	const void *bytes;
	size_t len;

	if (f->type == MSG_OUTCOME) {
		MUST(frame_uint(f, &op) == 0 && it.ops[op % OPS] && op != 0);
	}
	MUST(frame_uint(f, &code) == 0 && code < FRAME_OUTCOME__COUNT);
	MUST(frame_str(f, text, sizeof(text)) == 0);
	if (f->type != MSG_OUTCOME)
		return;
	MUST(frame_raw(f, &bytes, &len) == 0);
	wire_cursor_init(&data, bytes, len);
	MUST((wire_peek(&data) == WIRE_ARRAY) == (code == OUTCOME_CONFIG));
}

static void
hear_request(const void *data, size_t len)
{
	unsigned last;
	struct frame f;

	MUST(len <= OUTBOX_FRAME_MAX && frame_parse(data, len, &f) == 0);
	if (it.nasked == ASKED)
		it.first = (it.first + 1) % ASKED;
	else
		it.nasked++;
	last = (it.first + it.nasked - 1) % ASKED;
	it.asked[last].type = f.type;
	it.asked[last].id = f.id;
	if (f.type == MSG_HELLO) {
		hear_hello(&f, len);
		return;
	}
	MUST(it.is_welcome);
	/* Nothing is subscribed to: that was all. */
	if (f.type == MSG_EVENTS_ACK)
		return;
	MUST(f.type == MSG_OUTCOME || f.type == MSG_PLUGIN_STATUS);
	hear_outcome(&f);
	MUST(!frame_next(&f));
}

static void
hear_answer(const void *data, size_t len)
{
	char sentence[256];
	struct frame f;
	uint64_t code;

	MUST(frame_parse(data, len, &f) == 0);
	MUST(frame_uint(&f, &code) == 0 && code < FRAME_CODE__COUNT);
	if (code == FRAME_OK)
		MUST(!frame_next(&f));
	else
		MUST(frame_str(&f, sentence, sizeof(sentence)) == 0);
}

static void
on_said(struct sock *s, uint32_t id, const void *data, size_t len)
{
	(void)id;
	if (s == get_sock(PIPE_HUB))
		hear_request(data, len);
	else
		hear_answer(data, len);
}

static void
on_down(struct sock *s)
{
	(void)s;
	it.is_welcome = false;
	it.is_hello_open = false;
}

static void
on_log(void *arg, enum plugind_level level, const char *text)
{
	(void)arg;
	MUST(level <= PLUGIND_DEBUG && strchr(text, '\n') == NULL);
}

/* Until nothing happens any more; an ended plugin's loop does not run. */
static void
turn(void)
{
	do {
		if (!p->ended)
			event_base_loop(p->base, EVLOOP_NONBLOCK);
	} while (!p->ended && fakesock_turn());
}

/* --- hub.sock ---------------------------------------------------------- */

/* What waited and does not any more was acknowledged by `f`, or is another
 * frame by now. */
static void
check_outbox(const struct outbox *was, const struct frame *f)
{
	for (int i = 0; i < OUTBOX_SLOT__COUNT; i++) {
		const struct outbox_entry *e = &p->outbox.entries[i];

		if (was->entries[i].waiting && !e->waiting &&
		    was->entries[i].id == e->id)
			MUST(f->type == e->type && f->id == e->id);
	}
}

static void
tell_hub(const void *data, size_t len)
{
	struct outbox was = p->outbox;
	struct frame f = {0};
	uint64_t code;
	struct sock *hub = get_sock(PIPE_HUB);

	if (!sock_is_up(hub))
		return;
	if (frame_parse(data, len, &f) == 0 && frame_uint(&f, &code) == 0 &&
	    f.type == MSG_HELLO && f.id == it.hello_id && it.is_hello_open) {
		it.is_hello_open = false;
		it.is_welcome = code == FRAME_OK;
	}
	fakesock_deliver(hub, 1, data, len);
	check_outbox(&was, &f);
	turn();
}

static void
answer(uint64_t type, uint64_t id, unsigned code)
{
	struct buf b;

	buf_init(&b, BUF_MAX);
	frame_put(&b, type, id, code == FRAME_OK ? 3 : 2);
	wire_put_uint(&b, code);
	if (code == FRAME_OK)
		wire_put_uint(&b, 1);
	wire_put_str(&b, "0123456789abcdef");
	tell_hub(b.data, b.len);
	buf_fini(&b);
}

static void
forget_asked(void)
{
	it.first = (it.first + 1) % ASKED;
	it.nasked--;
}

/* code: to the oldest request that has no answer yet; 8 and more: and to all
 * after it */
static void
step_answer(struct script *s)
{
	unsigned code = script_byte(s);
	unsigned count = code < 8 ? 1 : it.nasked;

	for (; count > 0 && it.nasked > 0; count--) {
		uint64_t type = it.asked[it.first].type;
		uint64_t id = it.asked[it.first].id;

		forget_asked();
		answer(type, id, code % 8);
	}
}

/* back code: to the newest but so many, again */
static void
step_answer_newest(struct script *s)
{
	unsigned back = script_byte(s);
	unsigned code = script_byte(s);
	unsigned at;

	if (back >= it.nasked)
		return;
	at = (it.first + it.nasked - 1 - back) % ASKED;
	answer(it.asked[at].type, it.asked[at].id, code % 8);
}

/* blob */
static void
step_hub_bytes(struct script *s)
{
	size_t len;
	const uint8_t *bytes = script_blob(s, &len);

	tell_hub(bytes, len);
}

/* --- command.sock ------------------------------------------------------ */

/* Whether the plugin knows this very command already. */
static bool
is_known(const void *data, size_t len)
{
	const struct plugin_command *k;
	uint64_t op = 0;
	struct frame f;

	if (frame_parse(data, len, &f) != 0 || frame_uint(&f, &op) != 0)
		return false;
	it.ops[op % OPS] = 1;
	k = f.type == MSG_HEALTH ? &p->health : &p->life;
	return k->type != 0 && k->op == op;
}

static void
tell_command(const void *data, size_t len)
{
	struct sock *s = get_sock(PIPE_COMMAND);
	unsigned calls = sdkplugin_calls();
	struct frame f;
	bool is_again;
	uint32_t id;

	if (!sock_is_up(s))
		return;
	is_again = is_known(data, len);
	id = fakesock_deliver(s, 0, data, len);
	MUST((fakesock_answers(s, id) == 1) ==
	     (frame_parse(data, len, &f) == 0 && f.type <= UINT32_MAX));
	MUST(sdkplugin_calls() <= calls + !is_again);
	turn();
}

/* type op blob: its configuration, nil if it is empty */
static void
step_command(struct script *s)
{
	unsigned type = MSG_INITIALIZE + script_byte(s) % 6;
	unsigned op = script_byte(s);
	size_t len;
	const uint8_t *config = script_blob(s, &len);
	struct buf b;

	buf_init(&b, BUF_MAX);
	frame_put(&b, type, op, type == MSG_INITIALIZE ? 3 : 2);
	wire_put_uint(&b, op);
	if (type == MSG_PLUGIN_STOP)
		wire_put_uint(&b, 1000);
	else if (len == 0)
		wire_put_nil(&b);
	else
		wire_put_raw(&b, config, len);
	if (type == MSG_INITIALIZE)
		wire_put_str(&b, "/state");
	tell_command(b.data, b.len);
	buf_fini(&b);
}

/* blob */
static void
step_command_bytes(struct script *s)
{
	size_t len;
	const uint8_t *bytes = script_blob(s, &len);

	tell_command(bytes, len);
}

/* blob */
static void
step_event_bytes(struct script *s)
{
	size_t len;
	const uint8_t *bytes = script_blob(s, &len);

	fakesock_deliver(get_sock(PIPE_EVENTS), 0, bytes, len);
	turn();
}

/* --- the world --------------------------------------------------------- */

static void
connect_pipes(unsigned which, bool is_coming)
{
	for (unsigned i = 0; i < PIPES && !p->ended; i++) {
		struct sock *s = get_sock((enum pipe_name)i);

		if (which != i && which != PIPES)
			continue;
		if (is_coming)
			fakesock_connect(s, 1, 0);
		else
			fakesock_disconnect(s);
	}
	turn();
}

/* which: 3 is all three */
static void
step_connect(struct script *s)
{
	connect_pipes(script_byte(s) % (PIPES + 1), true);
}

static void
step_disconnect(struct script *s)
{
	connect_pipes(script_byte(s) % (PIPES + 1), false);
}

/* A blind one finds it by itself, in a while. */
static void
put_marker(uint64_t epoch)
{
	sign.epoch = epoch;
	sign.is_new = true;
	if (!sign.is_blind && !p->ended)
		marker_look(sign.reader);
	turn();
}

/* epoch */
static void
step_marker(struct script *s)
{
	put_marker(script_byte(s));
}

static void
step_time(struct script *s)
{
	fakeclock_pass(script_number(s));
	turn();
}

/* opens sends: the next so many fail */
static void
step_fail(struct script *s)
{
	unsigned opens = script_byte(s) % 16;

	fakesock_fail(opens, script_byte(s) % 16);
}

/* result acts */
static void
step_mood(struct script *s)
{
	unsigned result = script_byte(s);

	sdkplugin_mood(result, script_byte(s));
}

/* acts */
static void
step_act(struct script *s)
{
	sdkplugin_act(p, script_byte(s));
	turn();
}

static void
step_signal(struct script *s)
{
	(void)s;
	if (!p->ended)
		command_stop(p);
	turn();
}

typedef void step_fn(struct script *s);

/* The numbers are those of the seeds. */
static step_fn *const steps[] = {
    step_connect,
    step_disconnect,
    step_marker,
    step_answer,
    step_answer_newest,
    step_hub_bytes,
    step_command,
    step_command_bytes,
    step_event_bytes,
    step_time,
    step_fail,
    step_mood,
    step_act,
    step_signal,
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

/* --- the end ----------------------------------------------------------- */

static bool
is_settled(void)
{
	return p->ended || (is_complete() && it.is_welcome &&
	                       outbox_is_empty(&p->outbox) && !p->status_news);
}

static void
answer_all(void)
{
	while (it.nasked > 0 && !p->ended) {
		uint64_t type = it.asked[it.first].type;
		uint64_t id = it.asked[it.first].id;

		forget_asked();
		answer(type, id, FRAME_OK);
	}
}

/* Whoever leaves waits for acknowledgements, but not for ever. */
static void
check_leaving(void)
{
	fakeclock_pass(PLUGIN_LEAVE_MS);
	turn();
	MUST(p->ended);
}

/* A router that is replaced, and does as it should from then on. */
static void
check_recovery(void)
{
	fakesock_fail(0, 0);
	sdkplugin_mood(0, 0);
	connect_pipes(PIPES, false);
	put_marker(sign.epoch + 1);
	it.nasked = 0;
	for (int i = 0; i < ROUNDS && !is_settled(); i++) {
		fakeclock_pass(PATIENCE_MAX_MS);
		turn();
		connect_pipes(PIPES, true);
		answer_all();
	}
	MUST(is_settled());
}

static void
check_stop(void)
{
	struct buf b;

	buf_init(&b, BUF_MAX);
	frame_put(&b, MSG_PLUGIN_STOP, 1, 1);
	wire_put_uint(&b, LAST_OP);
	tell_command(b.data, b.len);
	buf_fini(&b);
	if (p->life.unfinished)
		plugind_done(p, PLUGIND_OK);
	answer_all();
	fakeclock_pass(PLUGIN_LEAVE_MS);
	turn();
	MUST(p->ended);
	MUST(plugin_run(p) == p->exit_status);
}

static void
begin(struct script *s)
{
	static const struct identity id = {.name = "fuzz",
	    .instance = 1,
	    .generation = 1,
	    .socket_dir = "/fuzz",
	    .state_dir = "/state"};
	const struct plugind_descriptor *d = sdkplugin_begin(script_byte(s));

	memset(&it, 0, sizeof(it));
	memset(&sign, 0, sizeof(sign));
	sign.is_blind = script_byte(s) & 1;
	connection = NULL;
	MUST(plugin_new(d, &id, connection_send, &connection, &p) == 0);
	p->log = on_log;
	MUST(connection_new(p, &connection) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fakesock_hooks hooks = {on_said, on_down};
	struct script s = {data, size};

	fakesock_reset(&hooks);
	fakeclock_reset();
	begin(&s);
	while (s.left > 0)
		steps[script_byte(&s) % STEPS](&s);
	if (p->leaving)
		check_leaving();
	if (!p->ended)
		check_recovery();
	if (!p->ended)
		check_stop();
	connection_free(connection);
	sdkplugin_end();
	MUST(fakesock_next(NULL) == NULL);
	plugin_free(p);
	return 0;
}
