/*
 * conformhear: what the program says to the router of `conform`: read by a
 * table, compared with docs/PROTOCOL.md, kept as a record and answered.
 *
 * A reader gives a sentence about what is wrong, or NULL. All the same the
 * message is answered as if it were right, as far as it can be read, so that
 * what follows is tried as well. Pure but for what it answers. Must never
 * decide about a rule.
 */
#include "conformpeer.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/msgs.h"
#include "common/topic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	HELLO_MAX = 4 << 10,
	TEXT_MAX = 4 << 10,
	DATA_MAX = 64 << 10,
	VERSION_MAX = 63,
	METHOD_MAX = 63,
	STATUS_BUSY = 5, /* the last that a callee may say */
	PROTOCOL = 1,
	TYPE_FIRST = 300, /* of what a plugin may say */
	TYPE_LAST = 399,
};

/* Reads the arguments into the record: NULL, or what is wrong. */
typedef const char *hear_fn(
    struct conformpeer *p, struct frame *f, struct heard *h);

static hear_fn hear_hello;
static hear_fn hear_outcome;
static hear_fn hear_status;
static hear_fn hear_publish;
static hear_fn hear_pattern;
static hear_fn hear_ack;
static hear_fn hear_method;
static hear_fn hear_result;

static const struct hear_row {
	hear_fn *hear;
	unsigned type;
	enum conform_fault fault; /* of a wrong one */
} rows[] = {
    {hear_hello, MSG_HELLO, FAULT_HELLO},
    {hear_outcome, MSG_OUTCOME, FAULT_FORM},
    {hear_status, MSG_PLUGIN_STATUS, FAULT_FORM},
    {hear_publish, MSG_PUBLISH, FAULT_FORM},
    {hear_pattern, MSG_SUBSCRIBE, FAULT_FORM},
    {hear_pattern, MSG_UNSUBSCRIBE, FAULT_FORM},
    {hear_ack, MSG_EVENTS_ACK, FAULT_FORM},
    {hear_method, MSG_REGISTER, FAULT_FORM},
    {hear_method, MSG_UNREGISTER, FAULT_FORM},
    {hear_result, MSG_RESULT, FAULT_FORM},
};

/* --- arguments --------------------------------------------------------- */

/* A text of at most `max` bytes; what fits of it is kept in `out`. */
static bool
read_text(struct frame *f, size_t max, char out[CONFORM_TEXT_MAX])
{
	struct wire_cursor c = f->args;
	const char *s;
	const void *raw;
	size_t len, raw_len;

	out[0] = '\0';
	if (!frame_next(f) || wire_get_str(&c, &s, &len) != 0 || len > max)
		return false;
	snprintf(out, CONFORM_TEXT_MAX, "%.*s", (int)len, s);
	return frame_raw(f, &raw, &raw_len) == 0;
}

/* The same, but it may be absent. */
static bool
read_text_if(struct frame *f, size_t max, char out[CONFORM_TEXT_MAX])
{
	const void *raw;
	size_t len;

	if (!frame_next(f))
		return true;
	if (wire_peek(&f->args) == WIRE_NIL)
		return frame_raw(f, &raw, &len) == 0;
	return read_text(f, max, out);
}

/* --- hello ------------------------------------------------------------- */

static bool
is_known_type(const char *type)
{
	return strcmp(type, "service") == 0 ||
	       strcmp(type, "middleware") == 0 ||
	       strcmp(type, "transport") == 0;
}

static const char *
hear_capabilities(struct conformpeer *p, struct frame *f)
{
	static const char configure[] = "configure";
	struct wire_cursor c = f->args;
	uint32_t n = 0;
	const char *s;
	size_t len;

	if (!frame_next(f) || wire_get_array(&c, &n) != 0)
		return "`capabilities` is no array";
	for (; n > 0; n--) {
		if (wire_get_str(&c, &s, &len) != 0)
			return "`capabilities` holds something else than texts";
		if (len == strlen(configure) && memcmp(s, configure, len) == 0)
			p->can_configure = true;
	}
	return NULL;
}

/* `generation`, `cookie` and what follows. */
static const char *
hear_hello_end(struct conformpeer *p, struct frame *f)
{
	const struct conform_identity *want = &p->identity;
	uint64_t generation;
	const void *cookie;
	size_t len;

	if (frame_uint(f, &generation) != 0)
		return "`generation` is no number";
	if (generation != want->generation)
		return "`generation` is not PLUGIND_GENERATION";
	if (frame_bin(f, &cookie, &len) != 0)
		return "`cookie` is not msgpack bin";
	if (len != want->cookie_len || memcmp(cookie, want->cookie, len) != 0)
		return "`cookie` is not what was to be read from "
		       "PLUGIND_COOKIE_FD";
	return hear_capabilities(p, f);
}

static const char *
hear_hello(struct conformpeer *p, struct frame *f, struct heard *h)
{
	uint64_t min, max, abi;
	char text[CONFORM_TEXT_MAX];

	if (frame_uint(f, &min) != 0 || frame_uint(f, &max) != 0)
		return "`protocol_min` and `protocol_max` are no numbers";
	if (min > PROTOCOL || max < PROTOCOL)
		return "`protocol_min` to `protocol_max` has no 1 in it";
	if (frame_uint(f, &abi) != 0)
		return "`abi` is no number";
	if (!read_text(f, CONFORM_TEXT_MAX - 1, text) ||
	    strcmp(text, p->identity.name) != 0)
		return "`name` is not PLUGIND_NAME";
	if (!read_text(f, VERSION_MAX, h->text))
		return "`version` is no text of at most 63 bytes";
	if (!read_text(f, CONFORM_TEXT_MAX - 1, text) || !is_known_type(text))
		return "`type` is none of service, middleware and transport";
	return hear_hello_end(p, f);
}

/* --- everything else --------------------------------------------------- */

/* An array of [path, text, of_key?]. */
static bool
is_list_of_errors(struct wire_cursor c)
{
	uint32_t n, fields;
	const char *s;
	size_t len;

	if (wire_get_array(&c, &n) != 0)
		return false;
	for (; n > 0; n--) {
		if (wire_get_array(&c, &fields) != 0 || fields < 2 ||
		    wire_get_str(&c, &s, &len) != 0 ||
		    wire_get_str(&c, &s, &len) != 0)
			return false;
		for (; fields > 2; fields--)
			(void)wire_skip(&c);
	}
	return true;
}

/* Which codes fit to which command. */
static bool
is_code_of(uint64_t code, unsigned type)
{
	if (code == OUTCOME_DEGRADED)
		return type == MSG_HEALTH;
	if (code == OUTCOME_CONFIG)
		return type == MSG_INITIALIZE || type == MSG_CONFIGURE;
	return code == OUTCOME_OK || code == OUTCOME_FAILED;
}

static const char *
hear_outcome(struct conformpeer *p, struct frame *f, struct heard *h)
{
	struct wire_cursor data;
	const void *raw;
	size_t len = 0;

	if (frame_uint(f, &h->op) != 0 || h->op == 0 || h->op > p->last_op)
		return "the `op` of an outcome was that of no command";
	if (frame_uint(f, &h->code) != 0 ||
	    !is_code_of(h->code, p->op_type[h->op]))
		return "the `code` of an outcome is none for its command";
	if (!read_text_if(f, TEXT_MAX, h->text))
		return "the `text` of an outcome is no text of at most 4 KiB";
	data = f->args;
	if (frame_next(f) && frame_raw(f, &raw, &len) == 0 && len > DATA_MAX)
		return "the `data` of an outcome is larger than 64 KiB";
	if (h->code == OUTCOME_CONFIG && (len == 0 || !is_list_of_errors(data)))
		return "the `data` of an outcome with code 3 is no array of "
		       "[path, text]";
	return NULL;
}

static const char *
hear_status(struct conformpeer *p, struct frame *f, struct heard *h)
{
	(void)p;
	if (frame_uint(f, &h->code) != 0 ||
	    (h->code != OUTCOME_OK && h->code != OUTCOME_DEGRADED))
		return "the `code` of a plugin.status is neither 0 nor 2";
	if (!read_text_if(f, TEXT_MAX, h->text))
		return "the `text` of a plugin.status is no text";
	return NULL;
}

/* [topic, data, target?] each. */
static const char *
check_events(struct wire_cursor c)
{
	uint32_t n, fields;
	const char *s;
	size_t len;

	if (wire_get_array(&c, &n) != 0)
		return "`events` of a publish is no array";
	for (; n > 0; n--) {
		if (wire_get_array(&c, &fields) != 0 || fields < 2 ||
		    wire_get_str(&c, &s, &len) != 0)
			return "an event of a publish is not [topic, data]";
		if (topic_check(s, len) != NULL)
			return "an event of a publish has a topic that is "
			       "none";
		for (; fields > 1; fields--)
			(void)wire_skip(&c);
	}
	return NULL;
}

static const char *
hear_publish(struct conformpeer *p, struct frame *f, struct heard *h)
{
	struct wire_cursor c;
	uint64_t time_ms;
	const void *raw;
	size_t len;

	(void)p;
	if (frame_uint(f, &time_ms) != 0)
		return "`time` of a publish is no number";
	if (frame_raw(f, &raw, &len) != 0 || !frame_next(f))
		return "a publish has less than four arguments";
	c = f->args;
	if (wire_get_bool(&c, &h->again) != 0 && wire_get_nil(&c) != 0)
		return "`again` of a publish is neither true nor false";
	(void)frame_raw(f, &raw, &len);
	if (!frame_next(f))
		return "a publish has less than four arguments";
	return check_events(f->args);
}

static const char *
hear_pattern(struct conformpeer *p, struct frame *f, struct heard *h)
{
	(void)p;
	if (!read_text(f, TOPIC_MAX, h->text) ||
	    topic_check_pattern(h->text, strlen(h->text)) != NULL)
		return "`pattern` of a subscription is none";
	return NULL;
}

static const char *
hear_ack(struct conformpeer *p, struct frame *f, struct heard *h)
{
	(void)p;
	if (!read_text(f, CONFORM_EPOCH_MAX - 1, h->text) ||
	    frame_uint(f, &h->op) != 0)
		return "an events.ack is not `epoch` and `number`";
	return NULL;
}

static const char *
hear_method(struct conformpeer *p, struct frame *f, struct heard *h)
{
	(void)p;
	if (!read_text(f, METHOD_MAX, h->text) ||
	    topic_check(h->text, strlen(h->text)) != NULL)
		return "`method` of a register is none";
	return NULL;
}

/* [op, status, text, data] each; the first is kept. */
static const char *
hear_result(struct conformpeer *p, struct frame *f, struct heard *h)
{
	static const char wrong[] =
	    "a result is not [op, status, text, data] with status 0, 1, 4 or "
	    "5";
	struct wire_cursor c = f->args;
	uint32_t n = 0, fields;
	uint64_t op, status;

	(void)p;
	if (!frame_next(f) || wire_get_array(&c, &n) != 0)
		return "`results` is no array";
	for (uint32_t i = 0; i < n; i++) {
		if (wire_get_array(&c, &fields) != 0 || fields < 2 ||
		    wire_get_uint(&c, &op) != 0 ||
		    wire_get_uint(&c, &status) != 0 || status > STATUS_BUSY ||
		    status == 2 || status == 3)
			return wrong;
		for (; fields > 2; fields--)
			(void)wire_skip(&c);
		h->op = i == 0 ? op : h->op;
		h->code = i == 0 ? status : h->code;
	}
	return NULL;
}

/* --- what comes in ----------------------------------------------------- */

static const struct hear_row *
find_row(uint64_t type)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].type == type)
			return &rows[i];
	}
	return NULL;
}

/* Rules ask for the first of these after a hello, and what is behind them must
 * find room. */
static bool
is_one_too_many(struct conformpeer *p, const struct heard *h)
{
	if (h->pipe == PIPE_HUB && h->type == MSG_PUBLISH)
		return ++p->published > CONFORM_CHATTER_MAX;
	if (h->pipe == PIPE_HUB && h->type == MSG_EVENTS_ACK)
		return ++p->acknowledged > CONFORM_CHATTER_MAX;
	return false;
}

static void
record(struct conformpeer *p, const struct heard *h)
{
	if (is_one_too_many(p, h) || p->heard_count == CONFORM_HEARD_MAX)
		p->unheard++;
	else
		p->heard[p->heard_count++] = *h;
}

static void
answer(struct conformpeer *p, uint32_t request, const struct heard *h, int code)
{
	char storage[256];
	struct buf b;

	if (code == CONFORM_SILENCE)
		return;
	buf_init_fixed(&b, storage, sizeof(storage));
	frame_put(&b, h->type, h->id,
	    code != FRAME_OK ? 2 : (h->type == MSG_HELLO ? 3 : 1));
	wire_put_uint(&b, (uint64_t)code);
	if (code != FRAME_OK)
		wire_put_str(&b, "as pluginctl conform wishes");
	else if (h->type == MSG_HELLO) {
		wire_put_uint(&b, PROTOCOL);
		wire_put_str(&b, p->epoch);
	}
	conformpeer_answer(p, request, &b);
}

/* Where none is prescribed, all is well. */
static int
choose_code(struct conformpeer *p, const struct heard *h)
{
	if (!p->is_welcome)
		return FRAME_HELLO_REQUIRED;
	if (h->type == MSG_PUBLISH)
		return p->publish_answer;
	if (h->type == MSG_OUTCOME && p->outcome_times > 0) {
		p->outcome_times--;
		return p->outcome_answer;
	}
	if (h->type < TYPE_FIRST || h->type > TYPE_LAST ||
	    msg_find((unsigned)h->type) == NULL)
		return FRAME_UNKNOWN_TYPE;
	return FRAME_OK;
}

/* False where another connection has taken the place of this one. */
static bool
welcome(struct conformpeer *p, size_t len)
{
	unsigned count = p->conn[PIPE_HUB].count;

	if (len > HELLO_MAX)
		conformpeer_fault(p, FAULT_HELLO,
		    "hello had %zu bytes, more than 4 KiB", len);
	/* One may have connected since we looked. */
	conformpeer_accept(p);
	if (p->conn[PIPE_HUB].count != count)
		return false;
	for (int i = 0; i < PIPE__COUNT; i++) {
		if (p->conn[i].fd < 0)
			conformpeer_fault(p, FAULT_ORDER,
			    "hello came while not all three sockets were "
			    "connected");
	}
	p->is_welcome = true;
	p->hellos++;
	p->published = p->acknowledged = 0;
	return true;
}

static void
check_order(struct conformpeer *p, const struct heard *h)
{
	if (p->hellos == 0 && h->type != MSG_HELLO)
		conformpeer_fault(p, FAULT_ORDER,
		    "a message of type %" PRIu64 " came before the first "
		    "hello",
		    h->type);
}

void
conformhear_hub(
    struct conformpeer *p, uint32_t request, const void *payload, size_t len)
{
	struct heard h = {.pipe = PIPE_HUB, .at_ms = clock_mono_ms()};
	const struct hear_row *row;
	const char *wrong = NULL;
	struct frame f = {0};
	int r = frame_parse(payload, len, &f);

	if (r != 0) {
		conformpeer_fault(p, FAULT_FORM,
		    "what came on hub.sock was no frame: %s",
		    r == -EPROTO ? "it begins with another version than 1"
		                 : "see \"Frames\"");
		answer(p, request, &h, FRAME_MALFORMED);
		return;
	}
	h.type = f.type;
	h.id = f.id;
	check_order(p, &h);
	row = find_row(f.type);
	if (row != NULL)
		wrong = row->hear(p, &f, &h);
	if (wrong != NULL)
		conformpeer_fault(p, row->fault, "%s", wrong);
	if (f.type == MSG_HELLO && !welcome(p, len))
		return;
	record(p, &h);
	answer(p, request, &h, choose_code(p, &h));
}

void
conformhear_answer(
    struct conformpeer *p, uint32_t request, const void *payload, size_t len)
{
	struct heard h = {
	    .pipe = PIPE_COMMAND, .request = request, .at_ms = clock_mono_ms()};
	struct frame f = {0};

	if (frame_parse(payload, len, &f) != 0 || frame_uint(&f, &h.code)) {
		conformpeer_fault(p, FAULT_FORM,
		    "an answer on command.sock was no frame with a code");
		return;
	}
	h.type = f.type;
	h.id = f.id;
	record(p, &h);
}
