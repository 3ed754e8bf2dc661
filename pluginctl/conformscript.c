/*
 * conformscript: see conformscript.h. Owns the one loop in which everything
 * that the program does is noticed, and every deadline.
 *
 * A wait ends at its deadline, when the process has ended (nothing more can
 * come then) or when the user interrupts; so nothing hangs. Must never print:
 * a verdict is kept for conform.c.
 */
#include "conformscript.h"

#include "common/clock.h"
#include "common/msgs.h"
#include "common/topic.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARGS_MAX = CONFORM_CONFIG_MAX + (16 << 10),
	FIRST_ID = 7000, /* unlike any op or request */
	MOMENTS = 5,     /* in the time for anything */
	PAUSE_MS = 1000,
	TURN_MS = 1000, /* of the loop, at most */
};

static const char name[] = "conform";

bool
script_init(struct script *s, struct conform *conform)
{
	struct conform_identity identity;
	int r;

	s->conform = conform;
	s->verdict = VERDICT_GOOD;
	s->seen[0] = '\0';
	s->expected = "";
	r = conformproc_init(
	    &s->proc, conform->argv, name, ++conform->generation);
	identity = (struct conform_identity){
	    name, s->proc.generation, s->proc.cookie, CONFORM_COOKIE};
	conformpeer_init(&s->peer, &identity);
	if (r == 0)
		r = conformpeer_listen(&s->peer, s->proc.dir);
	if (r == 0)
		return true;
	conform->is_unusable = true;
	return script_fail(s, "a private directory with three sockets",
	    "cannot make a directory with three sockets in %s: %s; set TMPDIR "
	    "to a directory that can be written to",
	    conformproc_place(), strerror(-r));
}

void
script_fini(struct script *s)
{
	struct conform *conform = s->conform;
	const char *form = s->peer.fault[FAULT_FORM];

	conform->has_hello = conform->has_hello || s->peer.hellos > 0;
	if (conform->form[0] == '\0')
		memcpy(conform->form, form, sizeof(conform->form));
	conformpeer_fini(&s->peer);
	conformproc_fini(&s->proc);
}

/* --- verdicts ---------------------------------------------------------- */

bool
script_fail(struct script *s, const char *expected, const char *fmt, ...)
{
	char how[64];
	size_t len;
	va_list ap;

	s->verdict = VERDICT_BAD;
	s->expected = expected;
	va_start(ap, fmt);
	vsnprintf(s->seen, sizeof(s->seen), fmt, ap);
	va_end(ap);
	len = strlen(s->seen);
	if (conformproc_has_ended(&s->proc))
		snprintf(s->seen + len, sizeof(s->seen) - len,
		    "; the program %s",
		    conformproc_how(&s->proc, how, sizeof(how)));
	return false;
}

bool
script_skip(struct script *s, const char *why)
{
	s->verdict = VERDICT_SKIPPED;
	snprintf(s->seen, sizeof(s->seen), "%s", why);
	return false;
}

/* --- the loop ---------------------------------------------------------- */

int64_t
script_moment_ms(const struct script *s)
{
	return s->conform->timeout_ms / MOMENTS;
}

int64_t
script_pause_ms(const struct script *s)
{
	int64_t ms = script_moment_ms(s);

	return ms < PAUSE_MS ? ms : PAUSE_MS;
}

static bool
is_over(struct script *s)
{
	return s->conform->is_interrupted || conformproc_has_ended(&s->proc);
}

/* One turn, `ms` at most. */
static void
turn(struct script *s, int64_t ms)
{
	enum { OUTPUT = CONFORM_POLLED, PROCESS, INTERRUPT, ALL };
	struct pollfd fds[ALL];

	conformpeer_poll(&s->peer, fds);
	fds[OUTPUT] =
	    (struct pollfd){.fd = s->proc.output_fd, .events = POLLIN};
	fds[PROCESS] = (struct pollfd){.fd = s->proc.pidfd, .events = POLLIN};
	fds[INTERRUPT] =
	    (struct pollfd){.fd = s->conform->interrupt_fd, .events = POLLIN};
	if (poll(fds, ALL, (int)(ms < TURN_MS ? ms : TURN_MS)) <= 0)
		return;
	if (fds[INTERRUPT].revents != 0)
		s->conform->is_interrupted = true;
	conformpeer_hear(&s->peer);
	conformproc_hear(&s->proc);
}

typedef bool condition_fn(const struct script *s, const void *arg);

/* What it said before it ended is heard after its end. */
static bool
wait_until(struct script *s, condition_fn *is_met, const void *arg, int64_t ms)
{
	int64_t until_ms = clock_mono_ms() + ms;
	bool was_over = false;

	for (;;) {
		int64_t left_ms = until_ms - clock_mono_ms();

		if (is_met(s, arg))
			return true;
		if (was_over || left_ms <= 0)
			return false;
		was_over = is_over(s);
		turn(s, was_over ? 0 : left_ms);
	}
}

static bool
is_never(const struct script *s, const void *arg)
{
	(void)s;
	(void)arg;
	return false;
}

bool
script_rest(struct script *s, int64_t ms)
{
	(void)wait_until(s, is_never, NULL, ms);
	return !is_over(s);
}

/* --- what is sent ------------------------------------------------------ */

void
script_put_config(const struct script *s, struct buf *b)
{
	const struct buf *config = s->conform->config;

	wire_put_raw(b, config->data, config->len);
}

static void
put_args(struct script *s, struct buf *b, unsigned type, uint64_t op)
{
	/* From initialize to health. */
	static const uint8_t nargs[] = {3, 1, 2, 2, 1};

	wire_put_array(b, nargs[type - MSG_INITIALIZE]);
	wire_put_uint(b, op);
	if (type == MSG_INITIALIZE || type == MSG_CONFIGURE)
		script_put_config(s, b);
	if (type == MSG_INITIALIZE)
		wire_put_str(b, s->proc.state_dir);
	if (type == MSG_PLUGIN_STOP)
		wire_put_uint(b, (uint64_t)s->conform->timeout_ms);
}

struct order
script_send_args(
    struct script *s, unsigned type, uint64_t op, const struct buf *args)
{
	struct order o = {.type = type,
	    .op = op,
	    .id = FIRST_ID + s->peer.last_request,
	    .sent_ms = clock_mono_ms(),
	    .since = s->peer.heard_count};
	struct buf frame;

	buf_init(&frame, 2 * ARGS_MAX);
	frame_put_args(&frame, type, o.id, args->data, args->len);
	o.request = conformpeer_request(&s->peer, &frame);
	buf_fini(&frame);
	return o;
}

static struct order
send_op(struct script *s, unsigned type, uint64_t op)
{
	struct order o;
	struct buf args;

	buf_init(&args, ARGS_MAX);
	put_args(s, &args, type, op);
	o = script_send_args(s, type, op, &args);
	buf_fini(&args);
	return o;
}

struct order
script_send(struct script *s, unsigned type)
{
	return send_op(s, type, conformpeer_new_op(&s->peer, type));
}

struct order
script_send_again(struct script *s, const struct order *first)
{
	return send_op(s, first->type, first->op);
}

/* --- what is waited for ------------------------------------------------ */

struct wanted {
	enum conform_pipe pipe;
	uint64_t type;    /* 0: any */
	uint64_t op;      /* 0: any */
	uint64_t id;      /* 0: any */
	uint64_t request; /* 0: any */
	size_t since;
};

static const struct heard *
find(const struct script *s, const struct wanted *w)
{
	for (size_t i = w->since; i < s->peer.heard_count; i++) {
		const struct heard *h = &s->peer.heard[i];

		if (h->pipe == w->pipe &&
		    (w->type == 0 || h->type == w->type) &&
		    (w->op == 0 || h->op == w->op) &&
		    (w->id == 0 || h->id == w->id) &&
		    (w->request == 0 || h->request == w->request))
			return h;
	}
	return NULL;
}

static bool
is_found(const struct script *s, const void *arg)
{
	return find(s, arg) != NULL;
}

static const struct heard *
await(struct script *s, const struct wanted *w, int64_t ms)
{
	(void)wait_until(s, is_found, w, ms);
	return find(s, w);
}

const struct heard *
script_hear(
    struct script *s, unsigned type, uint64_t op, uint64_t id, size_t since)
{
	const struct wanted w = {
	    .pipe = PIPE_HUB, .type = type, .op = op, .id = id, .since = since};

	return await(s, &w, s->conform->timeout_ms);
}

const struct heard *
script_hear_unasked(struct script *s, unsigned type)
{
	const struct wanted w = {.pipe = PIPE_HUB, .type = type};

	return await(s, &w, script_moment_ms(s) / 2);
}

static const char *
name_of(unsigned type)
{
	const struct msg_info *info = msg_find(type);

	return info == NULL ? "an unknown command" : info->name;
}

const struct heard *
script_answer(struct script *s, const struct order *o)
{
	const struct wanted w = {
	    .pipe = PIPE_COMMAND, .request = o->request, .since = o->since};
	const struct heard *h = await(s, &w, s->conform->timeout_ms);

	if (h == NULL)
		script_fail(s,
		    "an answer on command.sock, with its request's "
		    "4 bytes in front",
		    "%s (type %u) was not answered", name_of(o->type), o->type);
	else if (h->type != o->type || h->id != o->id)
		conformpeer_fault(&s->peer, FAULT_FORM,
		    "the answer to a command of type %u had another type or "
		    "id",
		    o->type);
	return h;
}

const struct heard *
script_outcome(struct script *s, const struct order *o)
{
	const struct wanted w = {.pipe = PIPE_HUB,
	    .type = MSG_OUTCOME,
	    .op = o->op,
	    .since = o->since};
	const struct heard *h = await(s, &w, s->conform->timeout_ms);

	if (h == NULL)
		script_fail(s, "an outcome (302) with its op on hub.sock",
		    "%s had no outcome", name_of(o->type));
	return h;
}

bool
script_answered(struct script *s, const struct order *o, unsigned code)
{
	static const char *const expected[FRAME_CODE__COUNT] = {
	    [FRAME_OK] = "an answer with code 0, received",
	    [FRAME_UNKNOWN_TYPE] = "an answer with code 3, unknown type",
	    [FRAME_MALFORMED] = "an answer with code 5, malformed",
	};
	const struct heard *h = script_answer(s, o);

	if (h == NULL)
		return false;
	if (h->code == code)
		return true;
	return script_fail(s, expected[code],
	    "%s (type %u) was answered with code %llu", name_of(o->type),
	    o->type, (unsigned long long)h->code);
}

bool
script_do(struct script *s, unsigned type)
{
	struct order o = script_send(s, type);
	const struct heard *h;

	if (!script_answered(s, &o, FRAME_OK))
		return false;
	h = script_outcome(s, &o);
	if (h == NULL)
		return false;
	if (h->code == OUTCOME_OK ||
	    (type == MSG_HEALTH && h->code == OUTCOME_DEGRADED))
		return true;
	return script_fail(s,
	    "an outcome with code 0; --settings gives the configuration that "
	    "it needs",
	    "the outcome of %s was code %llu, \"%s\"", name_of(type),
	    (unsigned long long)h->code, h->text);
}

/* --- stages ------------------------------------------------------------ */

bool
script_start(struct script *s)
{
	int r = conformproc_start(&s->proc);

	if (r == 0)
		return true;
	s->conform->is_unusable = true;
	return script_fail(s, "a program that can be executed",
	    "%s cannot be started: %s", s->conform->argv[0], strerror(-r));
}

bool
script_mark(struct script *s)
{
	int r = conformpeer_mark(&s->peer);

	if (r == 0)
		return true;
	return script_fail(s, "a directory that can be written to",
	    "cannot write the marker in %s: %s", s->proc.dir, strerror(-r));
}

static bool
has_hello(const struct script *s, const void *arg)
{
	const unsigned *n = arg;

	return s->peer.hellos >= *n;
}

bool
script_hello(struct script *s, unsigned n)
{
	if (wait_until(s, has_hello, &n, s->conform->timeout_ms))
		return true;
	return script_fail(s,
	    "hello (301) on hub.sock, once all three sockets "
	    "are connected",
	    "%s", n == 1 ? "no hello came" : "no hello came again");
}

bool
script_begin(struct script *s, enum conform_stage until)
{
	if (!script_mark(s) || !script_start(s))
		return false;
	if (until >= STAGE_LINKED && !script_hello(s, 1))
		return false;
	if (until >= STAGE_INITIALIZED && !script_do(s, MSG_INITIALIZE))
		return false;
	return until < STAGE_RUNNING || script_do(s, MSG_PLUGIN_START);
}

bool
script_relink(struct script *s)
{
	unsigned n = s->peer.hellos + 1;

	if (!script_mark(s))
		return false;
	if (wait_until(s, has_hello, &n, s->conform->timeout_ms))
		return true;
	conformpeer_drop_all(&s->peer);
	conformpeer_renew(&s->peer);
	return script_mark(s) && script_hello(s, n);
}

bool
script_is_well(struct script *s)
{
	if (!conformpeer_is_complete(&s->peer) && !script_relink(s))
		return false;
	return script_do(s, MSG_HEALTH);
}

bool
script_exits(struct script *s, const char *expected)
{
	(void)wait_until(s, is_never, NULL, s->conform->timeout_ms);
	if (!conformproc_has_ended(&s->proc))
		return script_fail(s, expected, "it goes on running");
	if (s->proc.was_killed || s->proc.status != 0)
		return script_fail(s, expected, "it did not exit with 0");
	return true;
}
