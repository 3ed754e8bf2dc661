/*
 * calls: see calls.h. Owns the calls that are under way, each in four places: by
 * its number, by what its caller calls it, at who made it, at who serves it.
 *
 * Must never: send a call twice, keep one whose end nobody can tell any more,
 * or believe a result of somebody who was not asked.
 */
#include "calls.h"

#include "core.h"
#include "events.h"
#include "peer.h"
#include "peers.h"
#include "services.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/msgs.h"
#include "common/slots.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	SWEEP_MS = 1000,
	TEXT_MAX = 4096,
	NAMES_MAX = 255, /* of a plugin, a method, a traceparent */
	SMALL_MAX = 1024,
	RECORD_MAX = BATCH_RECORD_MAX + SMALL_MAX,
	CORE_DATA_MAX = 64 * 1024,
	BUCKET_BITS = 14,
};

/* Longer waits are cut to it: a year. */
#define TIMEOUT_MAX_MS (UINT64_C(366) * 24 * 3600 * 1000)

struct call {
	LIST_ENTRY(call) of_caller;
	LIST_ENTRY(call) of_callee;
	LIST_ENTRY(call) of_op;
	struct peer *caller;
	struct peer *callee; /* NULL: the supervisor */
	uint64_t number;     /* what the callee calls it */
	uint64_t op;         /* what the caller calls it */
	uint64_t frame;      /* that has carried it to the callee */
	int64_t late_ms;
};

struct text {
	const char *p;
	size_t len;
};

/* What a plugin wants to be called. */
struct wish {
	uint64_t op;
	struct text target;
	struct text method;
	const void *args;
	size_t args_len;
	uint64_t timeout_ms;
	struct text trace; /* NULL: none */
};

struct result {
	uint64_t op;
	uint64_t status;
	struct text text;
	const void *data;
	size_t len;
};

static struct slots calls;
static struct call_list by_op[1 << BUCKET_BITS];
static uint64_t seed; /* of the hash: a plugin chooses its numbers */
static struct event sweep_event;
static struct buf scratch; /* the record that is being written */

/* --- reading ----------------------------------------------------------- */

static int
read_text(struct wire_cursor *c, struct text *ret)
{
	return wire_get_str(c, &ret->p, &ret->len) == 0 && ret->len <= NAMES_MAX
	           ? 0
	           : -EBADMSG;
}

static int
read_raw(struct wire_cursor *c, const void **ret, size_t *ret_len)
{
	*ret = c->p;
	if (wire_skip(c) != 0)
		return -EBADMSG;
	*ret_len = (size_t)(c->p - (const uint8_t *)*ret);
	return 0;
}

static void
skip_rest(struct wire_cursor *c, uint32_t n, uint32_t known)
{
	for (; n > known; n--)
		(void)wire_skip(c);
}

/* [op plugin method args timeout_ms? trace?], or [op]: without a target */
static int
read_wish(struct wire_cursor *c, struct wish *w)
{
	uint32_t n;

	*w = (struct wish){.timeout_ms = CALLS_DEFAULT_MS};
	if (wire_get_array(c, &n) != 0 || wire_get_uint(c, &w->op) != 0 ||
	    w->op == 0)
		return -EBADMSG;
	if (n == 1)
		return 0;
	if (n < 4 || read_text(c, &w->target) != 0 ||
	    read_text(c, &w->method) != 0 ||
	    read_raw(c, &w->args, &w->args_len) != 0)
		return -EBADMSG;
	if (n > 4 && wire_get_nil(c) != 0 &&
	    wire_get_uint(c, &w->timeout_ms) != 0)
		return -EBADMSG;
	if (n > 5 && wire_get_nil(c) != 0 && read_text(c, &w->trace) != 0)
		return -EBADMSG;
	if (w->timeout_ms > TIMEOUT_MAX_MS)
		w->timeout_ms = TIMEOUT_MAX_MS;
	skip_rest(c, n, 6);
	return 0;
}

static bool
is_callees(uint64_t status)
{
	return status == CALL_OK || status == CALL_FAILED ||
	       status == CALL_UNKNOWN_METHOD || status == CALL_BUSY;
}

/* [op status text? data?] */
static int
read_result(struct wire_cursor *c, struct result *r)
{
	static const uint8_t nil = 0xc0;
	uint32_t n;

	*r = (struct result){.text = {"", 0}, .data = &nil, .len = 1};
	if (wire_get_array(c, &n) != 0 || n < 2 ||
	    wire_get_uint(c, &r->op) != 0 ||
	    wire_get_uint(c, &r->status) != 0 || !is_callees(r->status))
		return -EBADMSG;
	if (n > 2 && wire_get_nil(c) != 0 &&
	    (wire_get_str(c, &r->text.p, &r->text.len) != 0 ||
	        r->text.len > TEXT_MAX))
		return -EBADMSG;
	if (n > 3 && read_raw(c, &r->data, &r->len) != 0)
		return -EBADMSG;
	skip_rest(c, n, 4);
	return 0;
}

/* The one argument, an array: its elements. */
static int
read_array(const struct peer_request *q, struct wire_cursor *ret, uint32_t *n)
{
	struct frame f = q->frame;

	if (!frame_next(&f) || wire_get_array(&f.args, n) != 0 ||
	    *n > CALLS_FRAME_MAX)
		return -EBADMSG;
	*ret = f.args;
	return 0;
}

/* --- to plugins -------------------------------------------------------- */

static int
send_command(void *arg, const void *data, size_t len)
{
	struct peer *p = arg;
	uint32_t id;

	if (!p->is_up)
		return -ENOTCONN;
	return sock_request(p->socks[PEER_COMMAND], data, len, &id);
}

static int
put_result(struct peer *to, const struct result *r, bool urgent)
{
	struct buf *b = &scratch;

	buf_reset(b);
	wire_put_array(b, 4);
	wire_put_uint(b, r->op);
	wire_put_uint(b, r->status);
	wire_put_strn(b, r->text.p, r->text.len);
	wire_put_raw(b, r->data, r->len);
	if (buf_error(b) != 0)
		return buf_error(b);
	return batch_put(&to->calls.returns, b->data, b->len, urgent);
}

/* A short one, without data. Who does not take even these is not there. */
static void
tell(struct peer *to, uint64_t op, enum frame_call status, const char *text)
{
	static const uint8_t nil = 0xc0;
	const struct result r = {op, status, {text, strlen(text)}, &nil, 1};

	if (to->calls.returns.bytes > 2 * CALLS_BYTES) {
		log_warn(to->id.name, "does not take what its calls return: "
		                      "its connection is ended");
		batch_reset(&to->calls.returns);
		sock_drop(to->socks[PEER_COMMAND]);
	} else if (put_result(to, &r, true) != 0) {
		log_error(to->id.name, "a call of it: out of memory");
	}
}

static void
tell_cancelled(struct peer *to, uint64_t number)
{
	uint8_t storage[16];
	struct buf b;

	buf_init_fixed(&b, storage, sizeof(storage));
	wire_put_array(&b, 1);
	wire_put_uint(&b, number);
	/* If it cannot be told, it works for nothing. */
	(void)batch_put(&to->calls.serve, b.data, b.len, false);
}

static int
put_wish(struct call *k, const struct wish *w)
{
	struct batch *to = &k->callee->calls.serve;
	struct buf *b = &scratch;
	int r;

	buf_reset(b);
	wire_put_array(b, 6);
	wire_put_uint(b, k->number);
	wire_put_str(b, k->caller->policy.source);
	wire_put_strn(b, w->method.p, w->method.len);
	wire_put_raw(b, w->args, w->args_len);
	wire_put_uint(b, w->timeout_ms);
	if (w->trace.p == NULL)
		wire_put_nil(b);
	else
		wire_put_strn(b, w->trace.p, w->trace.len);
	if (buf_error(b) != 0)
		return buf_error(b);
	r = batch_put(to, b->data, b->len, false);
	if (r == 0)
		k->frame = to->last_id;
	return r;
}

/* --- to the supervisor ------------------------------------------------- */

static int
put_core_wish(const struct call *k, const struct wish *w)
{
	struct buf b;

	if (w->args_len > CORE_DATA_MAX)
		return -EMSGSIZE;
	if (!peer_take_credit(k->caller, w->args_len))
		return -EAGAIN;
	buf_init(&b, CORE_DATA_MAX + SMALL_MAX);
	frame_put(&b, MSG_CORE_CALL, 0, 5);
	wire_put_uint(&b, k->number);
	wire_put_str(&b, k->caller->policy.source);
	wire_put_strn(&b, w->method.p, w->method.len);
	wire_put_raw(&b, w->args, w->args_len);
	wire_put_uint(&b, w->timeout_ms);
	core_send(&b);
	return 0;
}

/* --- calls under way --------------------------------------------------- */

static void
sweep_later(void)
{
	const struct timeval tv = {SWEEP_MS / 1000, SWEEP_MS % 1000 * 1000};

	if (!event_pending(&sweep_event, EV_TIMEOUT, NULL))
		event_add(&sweep_event, &tv);
}

static struct call_list *
bucket(const struct peer *caller, uint64_t op)
{
	uint64_t h = (op ^ seed) + caller->serial;

	return &by_op[h * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BUCKET_BITS)];
}

static struct call *
add(struct peer *caller, struct peer *callee, const struct wish *w)
{
	struct call *k = malloc(sizeof(*k));

	if (k == NULL)
		return NULL;
	*k = (struct call){.caller = caller,
	    .callee = callee,
	    .op = w->op,
	    .late_ms =
	        clock_mono_ms() + (int64_t)w->timeout_ms + CALLS_LATE_MS};
	k->number = slots_add(&calls, k);
	if (k->number == 0) {
		free(k);
		return NULL;
	}
	LIST_INSERT_HEAD(bucket(caller, k->op), k, of_op);
	LIST_INSERT_HEAD(&caller->calls.made, k, of_caller);
	caller->calls.nmade++;
	if (callee != NULL) {
		LIST_INSERT_HEAD(&callee->calls.serving, k, of_callee);
		callee->calls.nserving++;
	}
	sweep_later();
	return k;
}

static void
end(struct call *k)
{
	slots_remove(&calls, k->number);
	LIST_REMOVE(k, of_op);
	LIST_REMOVE(k, of_caller);
	k->caller->calls.nmade--;
	if (k->callee != NULL) {
		LIST_REMOVE(k, of_callee);
		k->callee->calls.nserving--;
		k->callee->calls.served++;
	}
	free(k);
}

static void
give_up(struct call *k)
{
	if (k->callee != NULL)
		tell_cancelled(k->callee, k->number);
	end(k);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	int64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	(void)arg;
	for (size_t i = 0; i < calls.n; i++) {
		struct call *k = slots_at(&calls, i);

		if (k == NULL || k->late_ms > now_ms)
			continue;
		tell(k->caller, k->op, CALL_TIMEOUT, "no result came in time");
		give_up(k);
	}
	if (calls.used > 0)
		sweep_later();
}

/* --- calling ----------------------------------------------------------- */

struct refusal {
	enum frame_call status;
	const char *text;
};

static struct refusal
explain_nobody(const struct wish *w)
{
	if (peers_is_up(w->target.p, w->target.len))
		return (struct refusal){CALL_UNKNOWN_METHOD,
		    "the plugin offers no such method; see 'pluginctl "
		    "services'"};
	return (struct refusal){CALL_UNAVAILABLE,
	    "no such plugin, or it is not running; see 'pluginctl status'"};
}

/* Who gets it, NULL is the supervisor; or why nobody does. */
static struct refusal
choose(struct peer *from, const struct wish *w, struct peer **ret)
{
	static const char self[] = "plugind";
	bool is_core = w->target.len == sizeof(self) - 1 &&
	               memcmp(w->target.p, self, w->target.len) == 0;

	*ret = NULL;
	if (from->calls.nmade >= CALLS_MADE_MAX)
		return (struct refusal){CALL_BUSY,
		    "more than 4096 calls of this plugin are under way: wait "
		    "for some of them"};
	if (!policy_may_call(&from->policy, w->target.p, w->target.len))
		return (struct refusal){CALL_DENIED,
		    "a plugin that it may not call: see calls of this plugin "
		    "in the configuration"};
	if (w->args_len > from->policy.largest)
		return (struct refusal){CALL_DENIED,
		    "its arguments are larger than bus.max_frame allows"};
	if (is_core)
		return (struct refusal){0};
	*ret = services_pick(
	    w->target.p, w->target.len, w->method.p, w->method.len);
	if (*ret == NULL)
		return explain_nobody(w);
	if ((*ret)->calls.nserving >= CALLS_SERVED_MAX)
		return (struct refusal){CALL_BUSY,
		    "more than 4096 calls wait there: call again later"};
	return (struct refusal){0};
}

static void
start(struct peer *from, const struct wish *w)
{
	struct peer *to;
	struct refusal no = choose(from, w, &to);
	struct call *k;
	int r;

	if (no.status != CALL_OK) {
		tell(from, w->op, no.status, no.text);
		return;
	}
	k = add(from, to, w);
	if (k == NULL) {
		tell(from, w->op, CALL_BUSY, "out of memory");
		return;
	}
	r = to != NULL ? put_wish(k, w) : put_core_wish(k, w);
	if (r == 0) {
		from->calls.called++;
		return;
	}
	end(k);
	if (r == -EMSGSIZE)
		tell(from, w->op, CALL_UNAVAILABLE,
		    "its arguments are too large: 1 MiB, and 64 KiB for "
		    "plugind, at most");
	else
		tell(from, w->op, CALL_BUSY,
		    "too much waits there: call again later");
}

static void
cancel(struct peer *from, uint64_t op)
{
	struct call *k;

	LIST_FOREACH(k, bucket(from, op), of_op) {
		if (k->caller == from && k->op == op) {
			give_up(k);
			return;
		}
	}
}

int
calls_call(struct peer_request *q)
{
	struct wire_cursor all, c;
	struct wish w;
	uint32_t n;

	q->why = "calls are up to 16384 of [op, plugin, method, args, "
	         "timeout_ms, trace]";
	if (read_array(q, &all, &n) != 0)
		return FRAME_MALFORMED;
	c = all;
	for (uint32_t i = 0; i < n; i++) {
		if (read_wish(&c, &w) != 0)
			return FRAME_MALFORMED;
	}
	q->why = "not all three connections are there";
	if (!q->p->is_up)
		return FRAME_BUSY;
	for (uint32_t i = 0; i < n; i++) {
		(void)read_wish(&all, &w);
		if (w.target.p == NULL)
			cancel(q->p, w.op);
		else
			start(q->p, &w);
	}
	return FRAME_OK;
}

/* --- results ----------------------------------------------------------- */

/* Of `from`; NULL: of the supervisor. One that nobody waits for any more, or
 * that somebody else was asked for, is nothing. */
static void
finish(const struct peer *from, struct result *r)
{
	struct call *k = slots_get(&calls, r->op);

	if (k == NULL || k->callee != from)
		return;
	if (k->callee != NULL)
		k->callee->calls.answered++;
	r->op = k->op;
	if (from != NULL && r->len > from->policy.largest)
		tell(k->caller, k->op, CALL_LOST,
		    "its result is larger than bus.max_frame allows");
	else if (put_result(k->caller, r, false) != 0)
		tell(k->caller, k->op, CALL_LOST,
		    "there was no room for its result");
	end(k);
}

int
calls_result(struct peer_request *q)
{
	struct wire_cursor all, c;
	struct result r;
	uint32_t n;

	q->why = "results are [op, status, text, data]";
	if (read_array(q, &all, &n) != 0)
		return FRAME_MALFORMED;
	c = all;
	for (uint32_t i = 0; i < n; i++) {
		if (read_result(&c, &r) != 0)
			return FRAME_MALFORMED;
	}
	for (uint32_t i = 0; i < n; i++) {
		(void)read_result(&all, &r);
		finish(q->p, &r);
	}
	return FRAME_OK;
}

/* op status text data */
void
calls_core_result(struct frame *f)
{
	char text[TEXT_MAX + 1] = "";
	struct result r = {0};

	if (frame_uint(f, &r.op) != 0 || frame_uint(f, &r.status) != 0 ||
	    frame_str(f, text, sizeof(text)) == -EBADMSG ||
	    frame_raw(f, &r.data, &r.len) != 0)
		return;
	r.text = (struct text){text, strlen(text)};
	finish(NULL, &r);
}

/* It was not taken: nobody will say what became of the calls in it. */
static void
lose_refused(struct peer *p, uint64_t frame, uint64_t code)
{
	struct call *k, *next;
	char text[SMALL_MAX];

	snprintf(text, sizeof(text),
	    "the plugin refused the call: code %" PRIu64, code);
	for (k = LIST_FIRST(&p->calls.serving); k != NULL; k = next) {
		next = LIST_NEXT(k, of_callee);
		if (k->frame != frame)
			continue;
		tell(k->caller, k->op, CALL_LOST, text);
		end(k);
	}
}

bool
calls_answered(struct peer *p, const struct frame *f, uint64_t code)
{
	struct batch *const all[] = {&p->calls.serve, &p->calls.returns};

	/* More answers than frames say nothing. */
	if (f->type == MSG_SERVE && code != FRAME_OK &&
	    p->calls.serve.unanswered > 0)
		lose_refused(p, f->id, code);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i]->type == f->type) {
			batch_answered(all[i]);
			return true;
		}
	}
	/* There is room for one message more, perhaps for one of these. */
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		batch_flush(all[i]);
	return false;
}

/* --- peers ------------------------------------------------------------- */

int
calls_init(struct event_base *base)
{
	buf_init(&scratch, RECORD_MAX);
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -errno;
	return event_assign(&sweep_event, base, -1, 0, on_sweep, NULL);
}

void
calls_open(struct peer *p)
{
	struct peer_calls *k = &p->calls;

	LIST_INIT(&k->made);
	LIST_INIT(&k->serving);
	batch_init(&k->serve, MSG_SERVE, CALLS_BYTES, send_command, p);
	batch_init(&k->returns, MSG_RETURNS, CALLS_BYTES, send_command, p);
}

void
calls_unlink(struct peer *p)
{
	struct call *k, *next;

	batch_reset(&p->calls.serve);
	batch_reset(&p->calls.returns);
	for (k = LIST_FIRST(&p->calls.made); k != NULL; k = next) {
		next = LIST_NEXT(k, of_caller);
		give_up(k);
	}
	for (k = LIST_FIRST(&p->calls.serving); k != NULL; k = next) {
		next = LIST_NEXT(k, of_callee);
		tell(k->caller, k->op, CALL_LOST,
		    "the plugin that had it has ended, or lost its "
		    "connection");
		end(k);
	}
	batch_reset(&p->calls.serve);
}
