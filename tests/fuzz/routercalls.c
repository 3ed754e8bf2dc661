/*
 * routercalls: see routercalls.h. Frames are right by construction, with a
 * field here and there that is not, or have arguments of the input: then what
 * is known of calls counts for nothing any more.
 */
#include "routercalls.h"

#include "routerbus.h"

#include "fuzz.h"

#include "supervisor/router/peer.h"

#include "common/msgs.h"

#include <stdio.h>
#include <string.h>

enum { BUF_MAX = 1 << 20, CALLS_MAX = 64, OPS_MAX = 4096 };

static const char *const methods[] = {"a", "b.c", "d", "..", "stop", ""};
static const char *const targets[] = {
    "worker", "worker:1", "worker:2", "plugind", "nobody", "*"};

enum {
	METHODS = sizeof(methods) / sizeof(methods[0]),
	TARGETS = sizeof(targets) / sizeof(targets[0]),
};

enum fate { FATE_NONE, FATE_MADE, FATE_CANCELLED, FATE_ENDED };

static struct {
	const struct peer *p; /* who has made it */
	enum fate fate;
} made[OPS_MAX];
static uint64_t last_op;
static uint64_t last_id;
static bool is_wild; /* anything may have been said */

/* What was given to somebody to execute, the last ones. */
static uint64_t served[SLOTS][8];
static unsigned nserved[SLOTS];

void
routercalls_reset(void)
{
	memset(made, 0, sizeof(made));
	memset(served, 0, sizeof(served));
	memset(nserved, 0, sizeof(nserved));
	last_op = last_id = 0;
	is_wild = false;
}

/* --- what comes -------------------------------------------------------- */

static void
hear_returns(const struct peer *p, struct wire_cursor c, uint32_t n)
{
	uint64_t op, status;
	const char *text;
	uint32_t fields;
	size_t len;

	for (; n > 0; n--) {
		MUST(wire_get_array(&c, &fields) == 0 && fields == 4);
		MUST(wire_get_uint(&c, &op) == 0 && op != 0);
		MUST(wire_get_uint(&c, &status) == 0 &&
		     status < FRAME_CALL__COUNT);
		MUST(wire_get_str(&c, &text, &len) == 0 && wire_skip(&c) == 0);
		if (is_wild)
			continue;
		MUST(op <= last_op);
		MUST(made[op % OPS_MAX].p == p);
		MUST(made[op % OPS_MAX].fate == FATE_MADE ||
		     made[op % OPS_MAX].fate == FATE_CANCELLED);
		made[op % OPS_MAX].fate = FATE_ENDED;
	}
	MUST(wire_peek(&c) == WIRE_END);
}

static void
hear_serve(const struct peer *p, struct wire_cursor c, uint32_t n)
{
	unsigned slot = (unsigned)p->serial % SLOTS;
	uint64_t op, timeout_ms;
	const char *text;
	uint32_t fields;
	size_t len;

	for (; n > 0; n--) {
		MUST(wire_get_array(&c, &fields) == 0);
		MUST(wire_get_uint(&c, &op) == 0 && op != 0);
		if (fields == 1)
			continue;
		MUST(fields == 6);
		MUST(wire_get_str(&c, &text, &len) == 0 && len > 0);
		MUST(wire_get_str(&c, &text, &len) == 0 && len > 0);
		MUST(wire_skip(&c) == 0);
		MUST(wire_get_uint(&c, &timeout_ms) == 0 && wire_skip(&c) == 0);
		served[slot][nserved[slot]++ % 8] = op;
	}
	MUST(wire_peek(&c) == WIRE_END);
}

bool
routercalls_heard(const struct peer *p, const struct frame *received)
{
	struct frame f = *received;
	uint32_t n;

	if (f.type != MSG_SERVE && f.type != MSG_RETURNS)
		return false;
	MUST(p->is_up && !p->is_outlaw && f.nargs == 1);
	MUST(p->calls.serve.unanswered <= BATCH_WINDOW);
	MUST(p->calls.returns.unanswered <= BATCH_WINDOW);
	MUST(wire_get_array(&f.args, &n) == 0 && n > 0);
	if (f.type == MSG_SERVE)
		hear_serve(p, f.args, n);
	else
		hear_returns(p, f.args, n);
	return true;
}

void
routercalls_check(const struct peer *p)
{
	const struct call *k;

	MUST(p->calls.nmade <= CALLS_MADE_MAX);
	MUST(p->nservices <= SERVICES_MAX);
	MUST(p->is_up || (p->calls.nmade == 0 && p->calls.nserving == 0));
	k = LIST_FIRST(&p->calls.made);
	MUST((k == NULL) == (p->calls.nmade == 0));
	k = LIST_FIRST(&p->calls.serving);
	MUST((k == NULL) == (p->calls.nserving == 0));
	if (p->is_up)
		return;
	for (uint64_t op = 1; op <= last_op && op < OPS_MAX; op++) {
		if (made[op].p == p)
			made[op].fate = FATE_ENDED;
	}
}

/* --- what is said ------------------------------------------------------ */

/* slot method endpoint: none, a good one, bad ones */
void
routercalls_register(struct script *s)
{
	static const char *const verbs[] = {NULL, "GET", "get", "PUT"};
	static const char *const paths[] = {NULL, "/x", "x y", "/"};
	unsigned slot = routersay_slot(s);
	unsigned method = script_byte(s) % METHODS;
	unsigned endpoint = script_byte(s);
	struct buf b;

	routersay_begin(&b, MSG_REGISTER, ++last_id, 4);
	wire_put_str(&b, methods[method]);
	wire_put_str(&b, endpoint % 3 == 0 ? NULL : "help");
	wire_put_str(&b, verbs[endpoint % 4]);
	wire_put_str(&b, paths[endpoint / 4 % 4]);
	router_tell(slot, &b);
}

void
routercalls_unregister(struct script *s)
{
	unsigned slot = routersay_slot(s);
	struct buf b;

	routersay_begin(&b, MSG_UNREGISTER, ++last_id, 1);
	wire_put_str(&b, methods[script_byte(s) % METHODS]);
	router_tell(slot, &b);
}

static uint64_t
new_op(unsigned slot)
{
	const struct peer *p = router_peer(slot);

	if (++last_op >= OPS_MAX)
		is_wild = true;
	made[last_op % OPS_MAX].p = p;
	made[last_op % OPS_MAX].fate = FATE_MADE;
	return last_op;
}

/* slot count, and of each: target method size timeout */
void
routercalls_call(struct script *s)
{
	static const uint8_t zeros[UINT8_MAX * 64];
	unsigned slot = routersay_slot(s);
	unsigned n = script_byte(s) % CALLS_MAX;
	struct buf b;

	routersay_begin(&b, MSG_CALL, ++last_id, 1);
	wire_put_array(&b, n);
	for (unsigned i = 0; i < n; i++) {
		unsigned timeout;

		wire_put_array(&b, 5);
		wire_put_uint(&b, new_op(slot));
		wire_put_str(&b, targets[script_byte(s) % TARGETS]);
		wire_put_str(&b, methods[script_byte(s) % METHODS]);
		wire_put_bin(&b, zeros, (size_t)script_byte(s) * 64);
		timeout = script_byte(s);
		if (timeout == 0)
			wire_put_nil(&b);
		else
			wire_put_uint(&b, timeout * 100);
	}
	router_tell(slot, &b);
}

/* slot back: so many before the last */
void
routercalls_cancel(struct script *s)
{
	unsigned slot = routersay_slot(s);
	uint64_t back = script_byte(s);
	uint64_t op = back < last_op ? last_op - back : 1;
	struct buf b;

	if (made[op % OPS_MAX].p == router_peer(slot) &&
	    made[op % OPS_MAX].fate == FATE_MADE)
		made[op % OPS_MAX].fate = FATE_CANCELLED;
	routersay_begin(&b, MSG_CALL, ++last_id, 1);
	wire_put_array(&b, 1);
	wire_put_array(&b, 1);
	wire_put_uint(&b, op);
	router_tell(slot, &b);
}

/* slot whose back status size: a result of what was given to `whose` */
void
routercalls_result(struct script *s)
{
	static const uint8_t zeros[UINT8_MAX * 64];
	unsigned slot = routersay_slot(s);
	unsigned whose = script_byte(s) % SLOTS;
	unsigned back = script_byte(s) % 8;
	unsigned status = script_byte(s) % 9;
	struct buf b;

	routersay_begin(&b, MSG_RESULT, ++last_id, 1);
	wire_put_array(&b, 1);
	wire_put_array(&b, 4);
	wire_put_uint(&b, served[whose][(nserved[whose] - 1 - back) % 8]);
	wire_put_uint(&b, status);
	wire_put_str(&b, status == 0 ? NULL : "text");
	wire_put_bin(&b, zeros, (size_t)script_byte(s) * 64);
	router_tell(slot, &b);
}

/* slot type code: an answer to a frame of calls; beyond 7, to a later one */
void
routercalls_answer(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned type = script_byte(s) % 2 == 0 ? MSG_SERVE : MSG_RETURNS;
	unsigned code = script_byte(s);
	struct buf b;

	routersay_begin(&b, type, 1 + code / 8, 1);
	wire_put_uint(&b, code % 8);
	router_answer(slot, &b);
	buf_fini(&b);
}

/* slot plugin method */
void
routercalls_discover(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned plugin = script_byte(s) % TARGETS;
	unsigned method = script_byte(s) % METHODS;
	struct buf b;

	routersay_begin(&b, MSG_DISCOVER, ++last_id, 2);
	wire_put_str(&b, plugin == 5 ? NULL : targets[plugin]);
	wire_put_str(&b, methods[method][0] == '\0' ? NULL : methods[method]);
	router_tell(slot, &b);
}

/* place turn status: the core's result */
void
routercalls_core(struct script *s)
{
	uint64_t place = script_byte(s);
	uint64_t turn = script_byte(s);
	struct buf b;

	routersay_begin(&b, MSG_CORE_RESULT, 0, 4);
	wire_put_uint(&b, turn << 20 | place);
	wire_put_uint(&b, script_byte(s) % 2);
	wire_put_str(&b, "text");
	wire_put_nil(&b);
	routersay_frame(&b);
}

/* slot type blob: arguments that may be anything */
void
routercalls_frame(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned type = MSG_CALL + script_byte(s) % 5;
	size_t len;
	const uint8_t *args = script_blob(s, &len);
	struct buf b;

	is_wild = true;
	buf_init(&b, BUF_MAX);
	frame_put_args(&b, type, ++last_id, args, len);
	router_tell(slot, &b);
}
