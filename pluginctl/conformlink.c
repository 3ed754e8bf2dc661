/*
 * conformlink: the rules of `conform` about connections: the marker, the
 * sockets, hello, and what is said again afterwards. A rule is a function
 * that plays a router to a process of its own; true means that it is kept.
 */
#include "conformscript.h"

#include "common/msgs.h"

/* For a plugin to notice that a connection has ended; a router takes as long
 * to write its marker again. */
enum { NOTICE_MS = 250 };

static bool
waits_for_the_marker(struct script *s)
{
	if (!script_start(s))
		return false;
	/* Not before it has had time to start. */
	(void)script_rest(s, script_moment_ms(s));
	for (int i = 0; i < PIPE__COUNT; i++) {
		if (s->peer.conn[i].count > 0)
			return script_fail(s,
			    "no connection before there is a file `router`",
			    "it has connected before the marker was there");
	}
	return script_mark(s) && script_hello(s, 1);
}

static bool
has_no_fault(struct script *s, enum conform_fault fault, const char *expected)
{
	if (s->peer.fault[fault][0] == '\0')
		return true;
	return script_fail(s, expected, "%s", s->peer.fault[fault]);
}

static bool
greets_on_all_three(struct script *s)
{
	return script_begin(s, STAGE_LINKED) &&
	       has_no_fault(s, FAULT_GREETING,
	           "00 53 50 00, the plugin's number of the socket, 00 00");
}

static bool
says_hello_first(struct script *s)
{
	return script_begin(s, STAGE_RUNNING) &&
	       has_no_fault(s, FAULT_ORDER,
	           "hello as the first message, once all three sockets are "
	           "connected");
}

static bool
says_hello_right(struct script *s)
{
	return script_begin(s, STAGE_LINKED) &&
	       has_no_fault(s, FAULT_HELLO,
	           "protocol_min protocol_max abi name version type generation "
	           "cookie capabilities, as the page says");
}

static bool
closes_the_cookie(struct script *s)
{
	static const char expected[] =
	    "the descriptor of the cookie is closed before hello";

	if (!script_begin(s, STAGE_LINKED))
		return false;
	if (!conformproc_holds_cookie(&s->proc, s->peer.hub_pid))
		return true;
	return script_fail(
	    s, expected, "the process that said hello has it open");
}

/* The loss is noticed before the marker comes, as it would be. */
static bool
comes_back(struct script *s)
{
	unsigned hellos;

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	hellos = s->peer.hellos;
	conformpeer_drop(&s->peer, PIPE_EVENTS);
	(void)script_rest(s, NOTICE_MS);
	return script_mark(s) && script_hello(s, hellos + 1) &&
	       script_is_well(s);
}

static bool
outlives_its_router(struct script *s)
{
	static const char expected[] =
	    "it goes on without a router, and connects to the next one";
	unsigned hellos;

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	hellos = s->peer.hellos;
	conformpeer_drop_all(&s->peer);
	if (!script_rest(s, script_pause_ms(s)))
		return script_fail(s, expected, "all connections had ended");
	conformpeer_renew(&s->peer);
	return script_mark(s) && script_hello(s, hellos + 1) &&
	       script_is_well(s);
}

static bool
connects_anew(struct script *s)
{
	static const char expected[] =
	    "three new connections when the marker is written again";
	unsigned hellos, counts[PIPE__COUNT];

	if (!script_begin(s, STAGE_RUNNING))
		return false;
	hellos = s->peer.hellos;
	for (int i = 0; i < PIPE__COUNT; i++)
		counts[i] = s->peer.conn[i].count;
	if (!script_mark(s) || !script_hello(s, hellos + 1))
		return false;
	for (int i = 0; i < PIPE__COUNT; i++) {
		if (s->peer.conn[i].count == counts[i])
			return script_fail(s, expected,
			    "not all sockets were connected again before "
			    "hello");
	}
	return script_is_well(s);
}

/* An outcome, to which the router says `code` the first time. */
static bool
say_once(struct script *s, int code, struct order *ret)
{
	if (!script_begin(s, STAGE_INITIALIZED))
		return false;
	s->peer.outcome_answer = code;
	s->peer.outcome_times = 1;
	*ret = script_send(s, MSG_PLUGIN_START);
	return script_outcome(s, ret) != NULL;
}

/* The same outcome, after as much as had been heard. */
static const struct heard *
hear_again(struct script *s, const struct order *o, size_t since)
{
	const struct heard *h = script_hear(s, MSG_OUTCOME, o->op, 0, since);

	if (h == NULL)
		script_fail(
		    s, "the same outcome again", "it did not come again");
	return h;
}

static bool
says_hello_when_told(struct script *s)
{
	struct order o;
	unsigned hellos;
	size_t since;

	if (!say_once(s, FRAME_HELLO_REQUIRED, &o))
		return false;
	since = s->peer.heard_count;
	hellos = s->peer.hellos;
	return script_hello(s, hellos + 1) && hear_again(s, &o, since) != NULL;
}

static bool
repeats_after_busy(struct script *s)
{
	struct order o;

	return say_once(s, FRAME_BUSY, &o) &&
	       hear_again(s, &o, s->peer.heard_count) != NULL;
}

static bool
repeats_the_unanswered(struct script *s)
{
	const struct heard *h;
	struct order o;
	size_t since;
	uint64_t id;

	if (!say_once(s, CONFORM_SILENCE, &o))
		return false;
	id = script_outcome(s, &o)->id;
	since = s->peer.heard_count;
	conformpeer_drop(&s->peer, PIPE_HUB);
	h = script_relink(s) ? hear_again(s, &o, since) : NULL;
	if (h == NULL || h->id == id)
		return h != NULL;
	return script_fail(
	    s, "the same outcome with the same id", "it had another id");
}

#define CONNECT "When to connect"
#define HELLO "Hello: 3xx, from the plugin"

/* clang-format off */
const struct conform_rule conform_link_rules[] = {
	{"connects when the router's marker is there, and not before", CONNECT, waits_for_the_marker},
	{"greets on each of the three sockets with its own number", "Sockets", greets_on_all_three},
	{"says hello once all three are connected, and nothing before", HELLO, says_hello_first},
	{"hello has the right fields", HELLO, says_hello_right},
	{"closes the descriptor of the cookie", "What a plugin is started with", closes_the_cookie},
	{"connects again what was lost, and says hello again", CONNECT, comes_back},
	{"outlives its router, and connects to the next", CONNECT, outlives_its_router},
	{"connects all three anew when the marker is written again", CONNECT, connects_anew},
	{"says hello when told to, and repeats what it had said", "Frames", says_hello_when_told},
	{"says again what was answered with busy", "Frames", repeats_after_busy},
	{"sends an unanswered outcome again after the next hello", HELLO, repeats_the_unanswered},
};
/* clang-format on */

const size_t conform_link_count =
    sizeof(conform_link_rules) / sizeof(conform_link_rules[0]);
