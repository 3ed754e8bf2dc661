/*
 * request: the harness as a client of control.sock. See harness.h.
 *
 * Must never: return from a request that the daemon did not answer.
 */
#include "harness.h"

#include "common/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 2000 };

/* --- encoding ---------------------------------------------------------- */

static void
put_names(struct buf *args, const char *names)
{
	char copy[4096];
	char *save = NULL;
	uint32_t n = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		n++;
	wire_put_array(args, n);
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		wire_put_str(args, w);
}

static void
put_arguments(struct buf *args, const char *shape, va_list ap)
{
	buf_init(args, 1 << 16);
	wire_put_array(args, (uint32_t)strlen(shape));
	for (; *shape != '\0'; shape++) {
		switch (*shape) {
		case 's':
			wire_put_str(args, va_arg(ap, const char *));
			break;
		case 'u':
			wire_put_uint(args, va_arg(ap, uint64_t));
			break;
		case 'b':
			wire_put_bool(args, va_arg(ap, int) != 0);
			break;
		case 'n':
			wire_put_nil(args);
			break;
		case 'r': {
			const struct buf *raw = va_arg(ap, struct buf *);

			wire_put_raw(args, raw->data, raw->len);
			break;
		}
		case 'N':
			put_names(args, va_arg(ap, const char *));
			break;
		default:
			ck_abort_msg("bad shape '%c'", *shape);
		}
	}
}

/* --- asking ------------------------------------------------------------ */

const char *
it_str(const struct wire_cursor *map, const char *key, char *out, size_t cap)
{
	struct wire_cursor at;
	const char *s;
	size_t len;

	out[0] = '\0';
	if (wire_map_find(map, key, &at) == 0 &&
	    wire_get_str(&at, &s, &len) == 0)
		snprintf(out, cap, "%.*s", (int)len, s);
	return out;
}

int64_t
it_int(const struct wire_cursor *map, const char *key)
{
	struct wire_cursor at;
	int64_t v;

	if (wire_map_find(map, key, &at) != 0 || wire_get_int(&at, &v) != 0)
		return -1;
	return v;
}

/* Takes the arguments always. */
static struct it_reply
call(struct it *t, enum msg_type type, struct buf *args)
{
	struct it_reply r = {0};
	struct client_reply reply;
	int err = client_call(t->client, type, args,
	    clock_mono_ms() + it_limit(IT_DEADLINE_MS), &reply);

	buf_fini(args);
	ck_assert_msg(
	    err == 0, "%s: %s", msg_find((unsigned)type)->name, strerror(-err));
	r.code = reply.code;
	r.data = reply.data;
	it_str(&r.data, "error", r.error, sizeof(r.error));
	it_str(&r.data, "hint", r.hint, sizeof(r.hint));
	return r;
}

struct it_reply
it_call(struct it *t, enum msg_type type, const char *shape, ...)
{
	struct buf args;
	va_list ap;

	va_start(ap, shape);
	put_arguments(&args, shape, ap);
	va_end(ap);
	return call(t, type, &args);
}

static void
must(const struct it_reply *r, enum msg_type type)
{
	ck_assert_msg(r->code == 0, "%s: code %u: %s",
	    msg_find((unsigned)type)->name, r->code, r->error);
}

struct it_reply
it_ok(struct it *t, enum msg_type type, const char *shape, ...)
{
	struct it_reply r;
	struct buf args;
	va_list ap;

	va_start(ap, shape);
	put_arguments(&args, shape, ap);
	va_end(ap);
	r = call(t, type, &args);
	must(&r, type);
	return r;
}

int
it_try(struct it *t, enum msg_type type, const char *names)
{
	struct client_reply reply;
	struct buf args;
	int err;

	buf_init(&args, 1 << 16);
	wire_put_array(&args, names != NULL);
	if (names != NULL)
		put_names(&args, names);
	err = client_call(
	    t->client, type, &args, clock_mono_ms() + it_limit(1000), &reply);
	buf_fini(&args);
	return err != 0 ? err : (int)reply.code;
}

/* --- operations -------------------------------------------------------- */

static void
read_results(struct wire_cursor *at, struct it_op *op)
{
	size_t used = 0;
	uint32_t n;

	ck_assert_int_eq(wire_get_array(at, &n), 0);
	while (n-- > 0) {
		char name[80];
		char message[256];
		int64_t code = it_int(at, "code");

		if (code > op->worst)
			op->worst = (unsigned)code;
		it_str(at, "name", name, sizeof(name));
		it_str(at, "message", message, sizeof(message));
		if (used < sizeof(op->messages))
			used += (size_t)snprintf(op->messages + used,
			    sizeof(op->messages) - used, "%s%s: %s",
			    used > 0 ? "; " : "", name, message);
		ck_assert_int_eq(wire_skip(at), 0);
	}
}

static bool
read_op(const struct wire_cursor *map, struct it_op *op)
{
	struct wire_cursor at;
	bool done = false;
	uint32_t n;
	const char *note;
	size_t len;

	memset(op, 0, sizeof(*op));
	ck_assert_int_eq(wire_map_find(map, "done", &at), 0);
	ck_assert_int_eq(wire_get_bool(&at, &done), 0);
	ck_assert_int_eq(wire_map_find(map, "results", &at), 0);
	read_results(&at, op);
	ck_assert_int_eq(wire_map_find(map, "notes", &at), 0);
	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	if (n > 0 && wire_get_str(&at, &note, &len) == 0)
		snprintf(op->notes, sizeof(op->notes), "%.*s", (int)len, note);
	return done;
}

struct it_op
it_outcome(struct it *t, uint64_t id)
{
	int64_t end = clock_mono_ms() + it_limit(IT_DEADLINE_MS);
	struct it_op op;

	for (;;) {
		struct it_reply r =
		    it_ok(t, MSG_OP_WAIT, "uu", id, (uint64_t)WAIT_MS);

		if (read_op(&r.data, &op))
			return op;
		ck_assert_msg(clock_mono_ms() < end, "operation still open: %s",
		    op.messages);
	}
}

static uint64_t
begin(struct it *t, enum msg_type type, struct buf *args)
{
	struct it_reply r = call(t, type, args);
	struct wire_cursor inner;
	int64_t id;

	must(&r, type);
	id = it_int(&r.data, "op");
	if (id < 0 && wire_map_find(&r.data, "operation", &inner) == 0)
		id = it_int(&inner, "op");
	ck_assert_int_gt(id, 0);
	return (uint64_t)id;
}

uint64_t
it_begin(struct it *t, enum msg_type type, const char *shape, ...)
{
	struct buf args;
	va_list ap;

	va_start(ap, shape);
	put_arguments(&args, shape, ap);
	va_end(ap);
	return begin(t, type, &args);
}

struct it_op
it_act(struct it *t, enum msg_type type, const char *shape, ...)
{
	struct buf args;
	va_list ap;

	va_start(ap, shape);
	put_arguments(&args, shape, ap);
	va_end(ap);
	return it_outcome(t, begin(t, type, &args));
}

/* --- rows -------------------------------------------------------------- */

int64_t
it_links(struct it *t)
{
	struct it_reply r = it_ok(t, MSG_GET_VERSION, "");

	return it_int(&r.data, "links");
}

struct it_row
it_row(struct it *t, const char *name)
{
	struct it_reply r = it_ok(t, MSG_STATUS, "N", name);
	struct it_row row = {0};
	struct wire_cursor at = r.data;
	struct wire_cursor last;
	uint32_t n;

	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	ck_assert_msg(n == 1, "%s is %u rows", name, n);
	it_str(&at, "state", row.state, sizeof(row.state));
	it_str(&at, "health", row.health, sizeof(row.health));
	it_str(&at, "wish", row.wish, sizeof(row.wish));
	row.pid = it_int(&at, "pid");
	row.generation = it_int(&at, "generation");
	row.restarts = it_int(&at, "restarts");
	it_str(&at, "last_error", row.error, sizeof(row.error));
	it_str(&at, "message", row.message, sizeof(row.message));
	if (wire_map_find(&at, "last_exit", &last) == 0) {
		it_str(&last, "kind", row.exit_kind, sizeof(row.exit_kind));
		row.exit_value = it_int(&last, "value");
	}
	return row;
}

bool
it_is(struct it *t, const char *name, const char *state)
{
	return strcmp(it_row(t, name).state, state) == 0;
}

static bool
reaches(struct it *t, const char *name, const char *state)
{
	struct it_reply r =
	    it_ok(t, MSG_STATE_WAIT, "ssu", name, state, (uint64_t)WAIT_MS);
	struct wire_cursor at;
	bool reached = false;

	ck_assert_int_eq(wire_map_find(&r.data, "reached", &at), 0);
	ck_assert_int_eq(wire_get_bool(&at, &reached), 0);
	return reached;
}

struct it_row
it_wait(struct it *t, const char *name, const char *state)
{
	int64_t end = clock_mono_ms() + it_limit(IT_DEADLINE_MS);

	while (!reaches(t, name, state)) {
		struct it_row row = it_row(t, name);

		ck_assert_msg(clock_mono_ms() < end,
		    "%s does not become %s: it is %s (%s)", name, state,
		    row.state, row.message);
	}
	return it_row(t, name);
}

struct it_row
it_wait_newer(struct it *t, const char *name, int64_t generation)
{
	struct it_row row;

	IT_UNTIL((row = it_row(t, name)).generation > generation &&
	         strcmp(row.state, "running") == 0);
	return row;
}
