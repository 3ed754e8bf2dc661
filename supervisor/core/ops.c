/*
 * ops: owns the ring of operations. Each row points at the one operation that
 * waits for it; the observer judges the row's state against what was asked.
 *
 * Must never: give a command itself.
 */
#include "ops.h"

#include "depend.h"
#include "lifecycle.h"
#include "managed.h"

#include "common/clock.h"
#include "common/msgs.h"
#include "common/units.h"
#include "common/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct op *ring[OPS_KEPT];
static uint64_t last_id;
static op_done_fn *on_done;

enum { OPEN = -1 };

static const char *const verbs[OP_VERB__COUNT] = {
    [OP_START] = "start",
    [OP_STOP] = "stop",
    [OP_RESTART] = "restart",
    [OP_RELOAD] = "reload",
    [OP_RESET] = "reset",
    [OP_APPLY] = "apply",
};

static void
close_result(struct op *op, uint32_t i, int code, const char *message)
{
	struct op_result *r = &op->results[i];

	if (r->code != OPEN)
		return;
	r->code = code;
	snprintf(r->message, sizeof(r->message), "%s", message);
	op->open--;
}

static void
free_op(struct op *op)
{
	struct row *row;

	if (op == NULL)
		return;
	table_foreach(row, cursor) {
		if (row->op == op)
			row->op = NULL;
	}
	free(op->results);
	free(op);
}

struct op *
ops_new(enum op_verb verb, size_t n)
{
	struct op *op = calloc(1, sizeof(*op));
	struct op **slot;

	if (op == NULL)
		return NULL;
	op->results = calloc(n + 1, sizeof(*op->results));
	if (op->results == NULL) {
		free(op);
		return NULL;
	}
	op->room = (uint32_t)n;
	op->verb = verb;
	op->id = ++last_id;
	slot = &ring[op->id % OPS_KEPT];
	free_op(*slot);
	*slot = op;
	return op;
}

struct op *
ops_find(uint64_t id)
{
	struct op *op = ring[id % OPS_KEPT];

	return op != NULL && op->id == id ? op : NULL;
}

/* --- outcomes ---------------------------------------------------------- */

struct outcome {
	bool done;
	int code;
	char message[ROW_TEXT_MAX];
};

static void
tell_running(const struct row *row, struct outcome *o)
{
	char age[32];

	o->done = true;
	o->code = MSG_CODE_OK;
	snprintf(o->message, sizeof(o->message),
	    "running (pid %d, ready in %s)", (int)row->child.pid,
	    units_format_age(
	        row->ready_ms - row->started_ms, age, sizeof(age)));
}

/* A process that went on was asked to take its new configuration. */
static void
judge_configure(const struct row *row, struct outcome *o)
{
	if (managed_is_configuring(row))
		return;
	o->done = true;
	if (managed_has_refused(row)) {
		o->code = MSG_CODE_FAILED;
		snprintf(o->message, sizeof(o->message),
		    "keeps its old configuration: %.160s", row->last_error);
	} else {
		o->code = MSG_CODE_OK;
		snprintf(o->message, sizeof(o->message),
		    "has taken its new configuration (pid %d)",
		    (int)row->child.pid);
	}
}

/* start, restart and apply want a running process. */
static void
judge_up(const struct row *row, const struct op_result *r, struct outcome *o)
{
	bool fresh = row->generation > r->generation;
	char age[32];

	switch (row->state) {
	case STATE_RUNNING:
		if (!fresh && r->configure && row->wish == WISH_UP)
			judge_configure(row, o);
		else if (fresh || row->wish == WISH_UP)
			tell_running(row, o);
		return;
	case STATE_BACKOFF:
		o->done = fresh;
		o->code = MSG_CODE_FAILED;
		snprintf(o->message, sizeof(o->message),
		    "%.120s; trying again in %s", row->last_error,
		    units_format_duration(row->backoff_ms, age, sizeof(age)));
		return;
	case STATE_FAILED:
		o->done = true;
		o->code = MSG_CODE_FAILED;
		snprintf(o->message, sizeof(o->message), "failed: %.180s",
		    row->last_error);
		return;
	case STATE_STOPPED:
		o->done = true;
		o->code = MSG_CODE_OK;
		snprintf(o->message, sizeof(o->message), "%s",
		    fresh ? "completed" : "stopped");
		return;
	case STATE_DESTROYED:
		o->done = true;
		o->code = MSG_CODE_OK;
		snprintf(o->message, sizeof(o->message), "removed");
		return;
	case STATE_REGISTERED:
	case STATE_WAITING:
	case STATE_INITIALIZING:
	case STATE_INITIALIZED:
	case STATE_STARTING:
	case STATE_STOPPING:
	case STATE__COUNT:
		return;
	}
}

static void
judge_down(const struct row *row, struct outcome *o)
{
	const struct exit_record *e = row_exit(row, 0);

	if (fsm_has_process(row->state) || row->wish != WISH_DOWN)
		return;
	o->done = true;
	o->code = MSG_CODE_OK;
	snprintf(o->message, sizeof(o->message), "%s",
	    row->state == STATE_FAILED ? "not running (failed)" : "stopped");
	if (e != NULL && e->asked && e->kind == EXIT_KIND_SIGNAL &&
	    row->stop_step > STOP_BY_KILL)
		snprintf(o->message, sizeof(o->message),
		    "stopped (had to be killed)");
}

static void
judge(const struct row *row, const struct op *op, struct outcome *o)
{
	const struct op_result *r = &op->results[row->op_index];

	memset(o, 0, sizeof(*o));
	if (row->state == STATE_DESTROYED || op->verb != OP_STOP)
		judge_up(row, r, o);
	else
		judge_down(row, o);
}

static void
look_at(struct row *row)
{
	struct op *op = row->op;
	struct outcome o;

	if (op == NULL)
		return;
	judge(row, op, &o);
	if (!o.done)
		return;
	row->op = NULL;
	close_result(op, row->op_index, o.code, o.message);
	if (op->open == 0 && on_done != NULL)
		on_done(op);
}

static void
on_row_changed(struct row *row, enum plugin_state old)
{
	(void)old;
	look_at(row);
}

/* --- building ---------------------------------------------------------- */

static struct op_result *
next_result(struct op *op, const char *name)
{
	struct op_result *r;

	if (op->nresults == op->room)
		return NULL;
	r = &op->results[op->nresults++];
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->code = OPEN;
	op->open++;
	return r;
}

void
ops_add_configure(struct op *op, struct row *row)
{
	ops_add(op, row);
	if (row->op == op)
		op->results[row->op_index].configure = true;
}

void
ops_add(struct op *op, struct row *row)
{
	struct op_result *r = next_result(op, row->name);

	if (r == NULL)
		return;
	if (row->op != NULL) {
		struct op *earlier = row->op;
		char text[64];

		snprintf(text, sizeof(text), "superseded by a later %s",
		    verbs[op->verb]);
		close_result(earlier, row->op_index, MSG_CODE_FAILED, text);
		if (earlier->open == 0 && on_done != NULL)
			on_done(earlier);
	}
	r->generation = row->generation;
	row->op = op;
	row->op_index = op->nresults - 1;
}

void
ops_add_result(struct op *op, const char *name, int code, const char *message)
{
	if (next_result(op, name) != NULL)
		close_result(op, op->nresults - 1, code, message);
}

void
ops_settle(struct op *op)
{
	struct row *row;

	table_foreach(row, cursor) {
		if (row->op == op)
			look_at(row);
	}
}

void
ops_init(op_done_fn *done)
{
	on_done = done;
	lifecycle_observe(on_row_changed);
}

void
ops_fini(void)
{
	for (size_t i = 0; i < OPS_KEPT; i++) {
		free_op(ring[i]);
		ring[i] = NULL;
	}
}

/* --- wire -------------------------------------------------------------- */

/* An open result says what it waits for. */
static void
put_open_message(struct buf *out, const char *name)
{
	struct row **rows;
	size_t n;
	char text[ROW_TEXT_MAX];

	if (table_find_rows(name, &rows, &n) != 0 || n != 1) {
		wire_put_str(out, "");
		return;
	}
	snprintf(
	    text, sizeof(text), "%s", plugin_state_to_string(rows[0]->state));
	if (rows[0]->state == STATE_WAITING) {
		char deps[150];

		depend_describe(rows[0], deps, sizeof(deps));
		snprintf(text, sizeof(text), "waiting for %s", deps);
	}
	wire_put_str(out, text);
}

static void
put_result(struct buf *out, const struct op_result *r)
{
	struct row **rows;
	size_t n = 0;

	wire_put_map(out, 4);
	wire_put_str(out, "name");
	wire_put_str(out, r->name);
	wire_put_str(out, "state");
	if (table_find_rows(r->name, &rows, &n) == 0 && n > 0)
		wire_put_str(out, plugin_state_to_string(rows[0]->state));
	else
		wire_put_str(out, "unknown");
	wire_put_str(out, "code");
	if (r->code == OPEN)
		wire_put_nil(out);
	else
		wire_put_int(out, r->code);
	wire_put_str(out, "message");
	if (r->code == OPEN)
		put_open_message(out, r->name);
	else
		wire_put_str(out, r->message);
}

void
ops_put(struct buf *out, const struct op *op)
{
	wire_put_map(out, 5);
	wire_put_str(out, "op");
	wire_put_uint(out, op->id);
	wire_put_str(out, "verb");
	wire_put_str(out, verbs[op->verb]);
	wire_put_str(out, "done");
	wire_put_bool(out, op->open == 0);
	wire_put_str(out, "results");
	wire_put_array(out, op->nresults);
	for (uint32_t i = 0; i < op->nresults; i++)
		put_result(out, &op->results[i]);
	wire_put_str(out, "notes");
	wire_put_array(out, op->note[0] != '\0');
	if (op->note[0] != '\0')
		wire_put_str(out, op->note);
}
