/*
 * conformcalls: the rules of `conform` about calls, for programs that offer
 * methods. A rule is a function that plays a router to a process of its own;
 * true means that it is kept. Must never call a method that is offered: what
 * it does to the world is not known here.
 */
#include "conformscript.h"

#include "common/msgs.h"

#include <inttypes.h>
#include <string.h>

enum { ARGS_MAX = 4 << 10, STATUS_UNKNOWN = 4, CALL_OP = 90, OTHER_OP = 91 };

/* It runs, and offers something. */
static bool
begin_offering(struct script *s)
{
	if (s->conform->offers == OFFERS_NOTHING)
		return script_skip(s, "it offers no method");
	if (!script_begin(s, STAGE_RUNNING))
		return false;
	if (s->conform->offers == OFFERS_UNKNOWN &&
	    script_hear_unasked(s, MSG_REGISTER) != NULL)
		s->conform->offers = OFFERS_METHODS;
	if (s->conform->offers == OFFERS_METHODS)
		return true;
	s->conform->offers = OFFERS_NOTHING;
	return script_skip(s, "it offers no method");
}

static bool
offers_again(struct script *s)
{
	const struct heard *h;
	size_t since;

	if (!begin_offering(s))
		return false;
	since = s->peer.heard_count;
	conformpeer_drop(&s->peer, PIPE_HUB);
	if (!script_relink(s))
		return false;
	h = script_hear(s, MSG_REGISTER, 0, 0, since);
	return h != NULL || script_fail(s, "register (322) after every hello",
	                        "it did not come again");
}

/* [op, source, method, args, timeout_ms, trace] */
static void
put_call(struct buf *b, uint64_t op)
{
	wire_put_array(b, 6);
	wire_put_uint(b, op);
	wire_put_str(b, "conform");
	wire_put_str(b, "no-such-method");
	wire_put_nil(b);
	wire_put_uint(b, 1000);
	wire_put_nil(b);
}

/* One call, perhaps behind word that nobody waits for another. */
static bool
serve(struct script *s, bool with_cancel)
{
	struct order o;
	struct buf args;

	buf_init(&args, ARGS_MAX);
	wire_put_array(&args, 1);
	wire_put_array(&args, with_cancel ? 2 : 1);
	if (with_cancel) {
		wire_put_array(&args, 1);
		wire_put_uint(&args, OTHER_OP);
	}
	put_call(&args, CALL_OP);
	o = script_send_args(s, MSG_SERVE, CALL_OP, &args);
	buf_fini(&args);
	return script_answered(s, &o, FRAME_OK);
}

static bool
has_result(struct script *s, size_t since)
{
	static const char expected[] =
	    "result (321) with the op and status 4, unknown method";
	const struct heard *h = script_hear(s, MSG_RESULT, CALL_OP, 0, since);

	if (h == NULL)
		return script_fail(s, expected, "no result came");
	return h->code == STATUS_UNKNOWN ||
	       script_fail(
	           s, expected, "the result has status %" PRIu64, h->code);
}

static bool
knows_no_such_method(struct script *s)
{
	size_t since;

	if (!begin_offering(s))
		return false;
	since = s->peer.heard_count;
	return serve(s, false) && has_result(s, since) && script_is_well(s);
}

static bool
lets_go_of_calls(struct script *s)
{
	size_t since;

	if (!begin_offering(s))
		return false;
	since = s->peer.heard_count;
	return serve(s, true) && has_result(s, since) && script_is_well(s);
}

#define CALLS "Calls: 32x, from the plugin, and 22x to it"

/* clang-format off */
const struct conform_rule conform_call_rules[] = {
	{"offers its methods again after every hello", CALLS, offers_again},
	{"a call of a method that it has not comes to status 4", CALLS, knows_no_such_method},
	{"a call that nobody waits for any more is no trouble", CALLS, lets_go_of_calls},
};
/* clang-format on */

const size_t conform_call_count =
    sizeof(conform_call_rules) / sizeof(conform_call_rules[0]);
