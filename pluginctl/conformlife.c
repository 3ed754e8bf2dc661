/*
 * conformlife: the rules of `conform` about commands, garbage, and the end of
 * the process. A rule is a function that plays a router to a process of its
 * own; true means that it is kept.
 */
#include "conformscript.h"

#include "common/msgs.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum {
	UNKNOWN_TYPE = 299,
	ARGS_MAX = CONFORM_CONFIG_MAX + (8 << 10),
	PAUSES = 10
};

/* --- commands ---------------------------------------------------------- */

/* "At once" is told from "when it is done" by a limit of its own. */
static bool
is_answered_at_once(struct script *s, unsigned type)
{
	static const char expected[] =
	    "an answer before the command is carried out";
	struct order o = script_send(s, type);
	const struct heard *h;
	int64_t took_ms;

	if (!script_answered(s, &o, FRAME_OK))
		return false;
	took_ms = script_answer(s, &o)->at_ms - o.sent_ms;
	if (took_ms > script_moment_ms(s))
		return script_fail(s, expected,
		    "the answer came after %" PRId64 " ms", took_ms);
	h = script_outcome(s, &o);
	if (h == NULL)
		return false;
	return h->code == OUTCOME_OK ||
	       script_fail(s, "an outcome with code 0",
	           "the outcome was code %" PRIu64 ", \"%s\"", h->code,
	           h->text);
}

static bool
initializes(struct script *s)
{
	return script_begin(s, STAGE_LINKED) &&
	       is_answered_at_once(s, MSG_INITIALIZE);
}

static bool
starts(struct script *s)
{
	return script_begin(s, STAGE_INITIALIZED) &&
	       is_answered_at_once(s, MSG_PLUGIN_START);
}

static bool
configures(struct script *s)
{
	if (!script_begin(s, STAGE_RUNNING))
		return false;
	if (!s->peer.can_configure)
		return script_skip(s, "hello names no capability `configure`");
	return script_do(s, MSG_CONFIGURE);
}

static bool
tells_its_health(struct script *s)
{
	return script_begin(s, STAGE_RUNNING) && script_do(s, MSG_HEALTH) &&
	       script_do(s, MSG_HEALTH) && script_do(s, MSG_HEALTH);
}

/* Whatever its outcome is: it is not running yet. */
static bool
tells_its_health_meanwhile(struct script *s)
{
	static const char expected[] =
	    "health is answered at once, whatever is unfinished";
	struct order start, health;
	int64_t took_ms;

	if (!script_begin(s, STAGE_INITIALIZED))
		return false;
	start = script_send(s, MSG_PLUGIN_START);
	health = script_send(s, MSG_HEALTH);
	if (!script_answered(s, &health, FRAME_OK) ||
	    script_outcome(s, &health) == NULL)
		return false;
	took_ms = script_outcome(s, &health)->at_ms - health.sent_ms;
	if (took_ms > script_moment_ms(s))
		return script_fail(s, expected,
		    "its outcome came after %" PRId64 " ms", took_ms);
	return script_answered(s, &start, FRAME_OK) &&
	       script_outcome(s, &start) != NULL;
}

static bool
knows_what_it_does_not_know(struct script *s)
{
	struct order o;
	struct buf args;
	uint64_t op;

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	op = conformpeer_new_op(&s->peer, UNKNOWN_TYPE);
	buf_init(&args, ARGS_MAX);
	wire_put_array(&args, 1);
	wire_put_uint(&args, op);
	o = script_send_args(s, UNKNOWN_TYPE, op, &args);
	buf_fini(&args);
	return script_answered(s, &o, FRAME_UNKNOWN_TYPE) && script_is_well(s);
}

/* health and initialize, each with something that it cannot have. */
static void
put_nothing(struct buf *b, uint64_t op)
{
	(void)op;
	wire_put_array(b, 0);
}

static void
put_text(struct buf *b, uint64_t op)
{
	(void)op;
	wire_put_array(b, 1);
	wire_put_str(b, "one");
}

static void
put_zero(struct buf *b, uint64_t op)
{
	(void)op;
	wire_put_array(b, 1);
	wire_put_uint(b, 0);
}

static void
put_config_number(struct buf *b, uint64_t op)
{
	wire_put_array(b, 2);
	wire_put_uint(b, op);
	wire_put_uint(b, 7);
}

static const struct malformed {
	const char *what;
	unsigned type;
	void (*put)(struct buf *b, uint64_t op);
} malformed[] = {
    {"health without an op", MSG_HEALTH, put_nothing},
    {"health with a text as its op", MSG_HEALTH, put_text},
    {"health with 0 as its op", MSG_HEALTH, put_zero},
    {"initialize with a number as its config", MSG_INITIALIZE,
        put_config_number},
};

static bool
refuses(struct script *s, const struct malformed *m)
{
	uint64_t op = conformpeer_new_op(&s->peer, m->type);
	struct order o;
	struct buf args;
	const struct heard *h;

	buf_init(&args, ARGS_MAX);
	m->put(&args, op);
	o = script_send_args(s, m->type, op, &args);
	buf_fini(&args);
	h = script_answer(s, &o);
	if (h == NULL)
		return script_fail(s, "an answer with code 5, malformed",
		    "%s was not answered", m->what);
	return h->code == FRAME_MALFORMED ||
	       script_fail(s, "an answer with code 5, malformed",
	           "%s was answered with code %" PRIu64, m->what, h->code);
}

static bool
refuses_the_malformed(struct script *s)
{
	if (!script_begin(s, STAGE_RUNNING))
		return false;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		if (!refuses(s, &malformed[i]))
			return false;
	}
	return script_is_well(s);
}

/* `type` with two more arguments than it has. */
static bool
does_with_more(struct script *s, unsigned type)
{
	uint64_t op = conformpeer_new_op(&s->peer, type);
	const struct heard *h;
	struct order o;
	struct buf args;

	buf_init(&args, ARGS_MAX);
	wire_put_array(&args, type == MSG_INITIALIZE ? 5 : 3);
	wire_put_uint(&args, op);
	if (type == MSG_INITIALIZE) {
		script_put_config(s, &args);
		wire_put_str(&args, s->proc.state_dir);
	}
	wire_put_str(&args, "of a later version");
	wire_put_map(&args, 0);
	o = script_send_args(s, type, op, &args);
	buf_fini(&args);
	if (!script_answered(s, &o, FRAME_OK))
		return false;
	h = script_outcome(s, &o);
	if (h == NULL)
		return false;
	return h->code == OUTCOME_OK || h->code == OUTCOME_DEGRADED ||
	       script_fail(s, "what is unknown at the end is skipped",
	           "the outcome of type %u was code %" PRIu64 ", \"%s\"", type,
	           h->code, h->text);
}

static bool
skips_what_it_does_not_know(struct script *s)
{
	return script_begin(s, STAGE_LINKED) &&
	       does_with_more(s, MSG_INITIALIZE) &&
	       does_with_more(s, MSG_PLUGIN_START) &&
	       does_with_more(s, MSG_HEALTH);
}

static bool
runs_nothing_twice(struct script *s)
{
	static const char expected[] =
	    "the same op again: the same outcome, and nothing is done";
	struct order first, second;
	const struct heard *was, *is;

	if (!script_begin(s, STAGE_INITIALIZED))
		return false;
	first = script_send(s, MSG_PLUGIN_START);
	was = script_outcome(s, &first);
	if (was == NULL || !script_do(s, MSG_HEALTH))
		return false;
	second = script_send_again(s, &first);
	if (!script_answered(s, &second, FRAME_OK))
		return false;
	is = script_outcome(s, &second);
	if (is == NULL)
		return false;
	if (is->code != was->code || strcmp(is->text, was->text) != 0)
		return script_fail(s, expected,
		    "code %" PRIu64 ", \"%s\" became code %" PRIu64 ", \"%s\"",
		    was->code, was->text, is->code, is->text);
	return script_is_well(s);
}

/* --- garbage ----------------------------------------------------------- */

/* What it makes of it is its own business, if it lives. */
static bool
survives(struct script *s, const char *what)
{
	static const char expected[] =
	    "it goes on, connected again if the connection has ended";

	if (!script_rest(s, script_pause_ms(s) / PAUSES))
		return script_fail(s, expected, "%s came", what);
	return script_is_well(s);
}

static void
send_no_frames(struct script *s, enum conform_pipe pipe)
{
	static const uint8_t bytes[] = {0xc1, 0xff, 0x00, 0x93, 0xdd, 0xff};
	/* An array that says it has four billion elements, and has none. */
	static const uint8_t bomb[] = {0xdd, 0xff, 0xff, 0xff, 0xff};
	struct buf b;

	buf_init(&b, ARGS_MAX);
	for (int i = 0; i < 3; i++) {
		buf_reset(&b);
		if (i > 0)
			buf_append(&b, i == 1 ? bytes : bomb,
			    i == 1 ? sizeof(bytes) : sizeof(bomb));
		if (pipe == PIPE_COMMAND)
			(void)conformpeer_request(&s->peer, &b);
		else if (pipe == PIPE_HUB)
			conformpeer_answer(&s->peer, UINT32_C(0x80000001), &b);
		else
			conformpeer_publish(&s->peer, &b);
	}
	buf_fini(&b);
}

static bool
survives_garbage_on(struct script *s, enum conform_pipe pipe)
{
	/* The header of a message of eight exabytes, and what is no header. */
	static const uint8_t huge[] = {0x01, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0x80, 0x00, 0x00, 0x01};
	static const char http[] = "GET / HTTP/1.1\r\n\r\n";

	send_no_frames(s, pipe);
	if (!survives(s, "a message that is no frame"))
		return false;
	conformpeer_send_raw(&s->peer, pipe, huge, sizeof(huge));
	(void)script_rest(s, script_pause_ms(s) / PAUSES);
	conformpeer_drop(&s->peer, pipe);
	if (!survives(s, "a message that is too long"))
		return false;
	conformpeer_send_raw(&s->peer, pipe, http, sizeof(http) - 1);
	(void)script_rest(s, script_pause_ms(s) / PAUSES);
	conformpeer_drop(&s->peer, pipe);
	return survives(s, "what is no message");
}

static bool
survives_bad_commands(struct script *s)
{
	return script_begin(s, STAGE_RUNNING) &&
	       survives_garbage_on(s, PIPE_COMMAND);
}

static bool
survives_bad_answers(struct script *s)
{
	return script_begin(s, STAGE_RUNNING) &&
	       survives_garbage_on(s, PIPE_HUB);
}

static bool
survives_bad_events(struct script *s)
{
	return script_begin(s, STAGE_RUNNING) &&
	       survives_garbage_on(s, PIPE_EVENTS);
}

/* --- the end ----------------------------------------------------------- */

static bool
stops(struct script *s)
{
	struct order o;
	const struct heard *h;

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	o = script_send(s, MSG_PLUGIN_STOP);
	if (!script_answered(s, &o, FRAME_OK))
		return false;
	h = script_outcome(s, &o);
	if (h == NULL)
		return false;
	if (h->code != OUTCOME_OK)
		return script_fail(s, "an outcome with code 0",
		    "the outcome was code %" PRIu64 ", \"%s\"", h->code,
		    h->text);
	return script_exits(s, "after its outcome it exits with 0, in time");
}

static bool
stops_at_once(struct script *s)
{
	struct order o;

	if (!script_begin(s, STAGE_LINKED))
		return false;
	o = script_send(s, MSG_PLUGIN_STOP);
	return script_answered(s, &o, FRAME_OK) &&
	       script_exits(s, "plugin.stop may come before initialize, too");
}

static bool
stops_meanwhile(struct script *s)
{
	struct order o;

	if (!script_begin(s, STAGE_INITIALIZED))
		return false;
	(void)script_send(s, MSG_PLUGIN_START);
	o = script_send(s, MSG_PLUGIN_STOP);
	return script_answered(s, &o, FRAME_OK) &&
	       script_exits(
	           s, "plugin.stop is obeyed while a command is unfinished");
}

static bool
stops_unheard(struct script *s)
{
	struct order o;

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	s->peer.outcome_answer = CONFORM_SILENCE;
	s->peer.outcome_times = UINT32_MAX;
	o = script_send(s, MSG_PLUGIN_STOP);
	if (script_outcome(s, &o) == NULL)
		return false;
	conformpeer_vanish(&s->peer);
	return script_exits(
	    s, "it exits in time although nobody has heard its outcome");
}

static bool
obeys_the_signal(struct script *s)
{
	if (!script_begin(s, STAGE_RUNNING))
		return false;
	kill(-s->proc.pid, SIGTERM);
	return script_exits(s, "SIGTERM means stop: it exits with 0");
}

static bool
obeys_the_signal_alone(struct script *s)
{
	if (!script_begin(s, STAGE_RUNNING))
		return false;
	conformpeer_vanish(&s->peer);
	kill(-s->proc.pid, SIGTERM);
	return script_exits(
	    s, "SIGTERM means stop, whether there is a router or not");
}

/* However it has ended: that is another rule's. */
static bool
leaves_nothing(struct script *s)
{
	unsigned n;

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	(void)script_send(s, MSG_PLUGIN_STOP);
	while (script_rest(s, s->conform->timeout_ms) &&
	       kill(s->proc.pid, SIGKILL) == 0)
		continue;
	n = conformproc_sweep(&s->proc);
	return n == 0 || script_fail(s, "nothing that it has started lives on",
	                     "%u process%s of it did", n, n == 1 ? "" : "es");
}

/* Of all processes so far. */
static bool
was_well_formed(struct script *s)
{
	return s->conform->form[0] == '\0' ||
	       script_fail(
	           s, "messages as the page says", "%s", s->conform->form);
}

#define COMMANDS "Commands: 2xx, to the plugin"
#define LIFE "A life"

/* clang-format off */
const struct conform_rule conform_life_rules[] = {
	{"initialize is answered at once, and succeeds", COMMANDS, initializes},
	{"plugin.start is answered at once, and succeeds", COMMANDS, starts},
	{"health is answered", LIFE, tells_its_health},
	{"health is answered while a command is unfinished", COMMANDS, tells_its_health_meanwhile},
	{"configure succeeds with the same configuration", COMMANDS, configures},
	{"the same op again runs nothing twice", COMMANDS, runs_nothing_twice},
	{"a command of unknown type is answered with 3", "Frames", knows_what_it_does_not_know},
	{"malformed arguments are answered with 5", "Frames", refuses_the_malformed},
	{"unknown arguments at the end are skipped", "Frames", skips_what_it_does_not_know},
	{"garbage on command.sock does no harm", "Sockets", survives_bad_commands},
	{"garbage on hub.sock does no harm", "Sockets", survives_bad_answers},
	{"garbage on events.sock does no harm", "Sockets", survives_bad_events},
};

const struct conform_rule conform_end_rules[] = {
	{"plugin.stop has an outcome, and the process exits with 0", LIFE, stops},
	{"plugin.stop is obeyed before anything else", LIFE, stops_at_once},
	{"plugin.stop is obeyed while a command is unfinished", LIFE, stops_meanwhile},
	{"plugin.stop is obeyed though its outcome is not answered", LIFE, stops_unheard},
	{"SIGTERM is obeyed", "What a plugin is started with", obeys_the_signal},
	{"SIGTERM is obeyed without a router", "What a plugin is started with", obeys_the_signal_alone},
	{"no process is left behind", "A life", leaves_nothing},
	{"everything that it said was well-formed", "Frames", was_well_formed},
};
/* clang-format on */

const size_t conform_life_count =
    sizeof(conform_life_rules) / sizeof(conform_life_rules[0]);
const size_t conform_end_count =
    sizeof(conform_end_rules) / sizeof(conform_end_rules[0]);
