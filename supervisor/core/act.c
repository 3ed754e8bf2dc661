/*
 * act: carries out the requests that change something. Actions answer at once
 * with an operation; how it ends is told by op.wait.
 *
 * Must never: wait for an outcome, or touch a row but through lifecycle.c.
 */
#include "act.h"

#include "control.h"
#include "daemon.h"
#include "depend.h"
#include "lifecycle.h"
#include "managed.h"
#include "ops.h"
#include "reload.h"
#include "rowput.h"

#include "common/log.h"
#include "common/units.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASKER_MAX = 128 };

static void
fail_memory(struct request *req)
{
	request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
}

/* By which door, and who, where that is known. */
static const char *
get_asker(const struct request *req, char out[ASKER_MAX])
{
	if (req->conn != NULL)
		snprintf(out, ASKER_MAX, "over control.sock");
	else
		snprintf(out, ASKER_MAX, "by %s, over the bus", req->source);
	return out;
}

static void
log_command(const struct request *req, const struct selection *s)
{
	char asker[ASKER_MAX];

	log_info(NULL, "%s of %zu plugin%s, asked for %s", req->info->name,
	    s->n, s->n == 1 ? "" : "s", get_asker(req, asker));
}

/* Nothing new is begun any more. */
static bool
is_stopping(struct request *req)
{
	if (!daemon_is_stopping())
		return false;
	request_fail(req, MSG_CODE_FAILED, NULL, "plugind is stopping");
	return true;
}

/* What is asked of all plugins is not asked of the router; it is not for the
 * operator to stop, but may be replaced. */
static bool
leave_router(struct request *req, struct selection *s, bool stop)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		bool is_router = s->rows[i]->conf->kind == KIND_ROUTER;

		if (is_router && s->named && stop) {
			request_fail(req, MSG_CODE_FAILED, NULL,
			    "the router runs as long as there are managed "
			    "plugins; 'pluginctl restart " ROUTER_NAME
			    "' replaces it");
			free(s->rows);
			return false;
		}
		if (!is_router || s->named)
			s->rows[kept++] = s->rows[i];
	}
	s->n = kept;
	return true;
}

/* Which rows, and a fresh operation for them. */
static struct op *
begin(struct request *req, enum op_verb verb, struct selection *s)
{
	struct op *op;

	if (is_stopping(req) || !request_get_rows(req, s) ||
	    !leave_router(req, s, false))
		return NULL;
	op = ops_new(verb, s->n);
	if (op == NULL) {
		fail_memory(req);
		free(s->rows);
		return NULL;
	}
	log_command(req, s);
	return op;
}

static void
finish(struct request *req, struct op *op, struct selection *s)
{
	ops_settle(op);
	ops_put(&req->data, op);
	free(s->rows);
}

void
act_start(struct request *req)
{
	struct selection s;
	struct op *op = begin(req, OP_START, &s);

	if (op == NULL)
		return;
	for (size_t i = 0; i < s.n; i++)
		ops_add(op, s.rows[i]);
	for (size_t i = 0; i < s.n; i++)
		lifecycle_start(s.rows[i]);
	finish(req, op, &s);
}

void
act_restart(struct request *req)
{
	struct selection s;
	struct op *op = begin(req, OP_RESTART, &s);

	if (op == NULL)
		return;
	for (size_t i = 0; i < s.n; i++)
		ops_add(op, s.rows[i]);
	for (size_t i = 0; i < s.n; i++)
		lifecycle_restart(s.rows[i], STOP_RESTART);
	finish(req, op, &s);
}

/* --- stop -------------------------------------------------------------- */

static bool
is_selected(const struct selection *s, const struct row *row)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->rows[i] == row)
			return true;
	}
	return false;
}

/* Running plugins that need what is being stopped: the operator should know. */
static void
note_dependents(struct op *op, const struct selection *s)
{
	size_t at = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct plugin *p = s->rows[i]->plugin;

		for (size_t d = 0; d < p->ndependents; d++) {
			const struct plugin *dependent = p->dependents[d];

			if (dependent->nrows == 0 ||
			    dependent->rows[0]->child.pid == 0 ||
			    dependent->rows[0]->state == STATE_STOPPING ||
			    is_selected(s, dependent->rows[0]) ||
			    at + CONFIG_NAME_MAX + 64 >= sizeof(op->note))
				continue;
			at += (size_t)snprintf(op->note + at,
			    sizeof(op->note) - at, "%s%s",
			    at == 0 ? "still running although they depend on "
			              "it: "
			            : ", ",
			    dependent->name);
		}
	}
	if (at > 0)
		snprintf(op->note + at, sizeof(op->note) - at,
		    " (stop --cascade stops them first)");
}

/* Adds what depends on the selection; the rows are then in drain marks. */
static bool
add_cascade(struct selection *s)
{
	struct row *row;
	struct row **all;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		depend_mark_cascade(s->rows[i]->plugin);
	all = calloc(table_count_rows() + 1, sizeof(struct row *));
	if (all == NULL)
		return false;
	table_foreach(row, cursor) {
		if (row->draining)
			all[n++] = row;
	}
	free(s->rows);
	s->rows = all;
	s->n = n;
	return true;
}

void
act_stop(struct request *req)
{
	struct selection s;
	struct op *op;
	bool cascade;

	if (is_stopping(req) || !request_get_rows(req, &s) ||
	    !leave_router(req, &s, true))
		return;
	if (!request_opt_bool(req, "cascade", &cascade)) {
		free(s.rows);
		return;
	}
	for (size_t i = 0; i < s.n; i++)
		depend_mark(s.rows[i], STOP_OPERATOR);
	op = !cascade || add_cascade(&s) ? ops_new(OP_STOP, s.n) : NULL;
	if (op == NULL) {
		for (size_t i = 0; i < s.n; i++)
			s.rows[i]->draining = false;
		fail_memory(req);
		free(s.rows);
		return;
	}
	log_command(req, &s);
	for (size_t i = 0; i < s.n; i++)
		ops_add(op, s.rows[i]);
	depend_drain();
	note_dependents(op, &s);
	finish(req, op, &s);
}

/* --- at once ----------------------------------------------------------- */

static void
reload_managed(struct op *op, struct row *row)
{
	bool sent = managed_reconfigure(row);

	if (!sent && row->child.pid != 0)
		lifecycle_restart(row, STOP_CONFIG);
	ops_add_result(op, row->name,
	    sent || row->child.pid != 0 ? MSG_CODE_OK : MSG_CODE_FAILED,
	    sent                  ? "configuration sent"
	    : row->child.pid != 0 ? "cannot reconfigure itself: restarting it"
	                          : "it is not running");
}

static void
reload_row(struct op *op, struct row *row)
{
	char name[16];
	char text[ROW_TEXT_MAX];
	int r;

	units_signal_name(row->conf->reload_signal, name, sizeof(name));
	r = lifecycle_signal(row, row->conf->reload_signal);
	if (r == 0)
		snprintf(text, sizeof(text), "sent SIG%s to pid %d", name,
		    (int)row->child.pid);
	else
		snprintf(text, sizeof(text), "cannot send SIG%s: %s", name,
		    r == -ESRCH ? "it is not running" : strerror(-r));
	ops_add_result(
	    op, row->name, r == 0 ? MSG_CODE_OK : MSG_CODE_FAILED, text);
}

void
act_reload(struct request *req)
{
	struct selection s;
	struct op *op = begin(req, OP_RELOAD, &s);

	if (op == NULL)
		return;
	for (size_t i = 0; i < s.n; i++) {
		if (s.rows[i]->managed != NULL)
			reload_managed(op, s.rows[i]);
		else if (s.named || s.rows[i]->child.pid != 0)
			reload_row(op, s.rows[i]);
	}
	finish(req, op, &s);
}

void
act_reset(struct request *req)
{
	struct selection s;
	struct op *op = begin(req, OP_RESET, &s);

	if (op == NULL)
		return;
	for (size_t i = 0; i < s.n; i++) {
		bool failed = s.rows[i]->state == STATE_FAILED;

		if (s.rows[i]->state != STATE_DESTROYED)
			lifecycle_reset(s.rows[i]);
		ops_add_result(op, s.rows[i]->name, MSG_CODE_OK,
		    failed ? "reset; it stays down until it is started"
		           : "past failures forgotten");
	}
	finish(req, op, &s);
}

static bool
get_signal(struct request *req, int *ret)
{
	char text[32];
	uint64_t number;

	if (req->nargs > 0 && wire_peek(&req->args) == WIRE_UINT) {
		if (!request_get_uint(req, "signal", &number))
			return false;
		snprintf(
		    text, sizeof(text), "%llu", (unsigned long long)number);
	} else if (!request_get_str(req, "signal", text, sizeof(text))) {
		return false;
	}
	if (units_parse_signal(text, ret) == 0)
		return true;
	request_fail(req, MSG_CODE_USAGE, "a name such as TERM or a number",
	    "unknown signal '%s'", text);
	return false;
}

void
act_kill(struct request *req)
{
	struct selection s;
	int signal;
	uint32_t sent = 0;

	if (!request_get_row(req, &s))
		return;
	if (!get_signal(req, &signal))
		goto out;
	for (size_t i = 0; i < s.n; i++) {
		if (s.rows[i]->child.pid != 0)
			sent++;
	}
	if (sent == 0) {
		request_fail(req, MSG_CODE_NOT_RUNNING, NULL,
		    "%s is not running (%s)", s.rows[0]->name,
		    plugin_state_to_string(s.rows[0]->state));
		goto out;
	}
	log_command(req, &s);
	wire_put_array(&req->data, sent);
	for (size_t i = 0; i < s.n; i++) {
		if (s.rows[i]->child.pid == 0)
			continue;
		(void)lifecycle_signal(s.rows[i], signal);
		wire_put_str(&req->data, s.rows[i]->name);
	}
out:
	free(s.rows);
}

/* --- configuration ----------------------------------------------------- */

static void
fail_config(struct request *req, struct buf *errors)
{
	req->code = MSG_CODE_CONFIG;
	buf_reset(&req->data);
	wire_put_map(&req->data, 3);
	put_key_str(&req->data, "error", "the configuration has errors");
	put_key_str(&req->data, "hint", "nothing has been changed");
	put_key_str(&req->data, "errors", buf_cstr(errors));
}

/* Reads the files; false after a failure reply. */
static bool
read_next(struct request *req, struct config **ret)
{
	struct buf errors;
	bool ok;

	buf_init(&errors, 256 * 1024);
	ok = reload_read(ret, &errors) == 0;
	if (!ok)
		fail_config(req, &errors);
	buf_fini(&errors);
	return ok;
}

void
act_plan(struct request *req)
{
	struct config *next;
	struct plan plan;

	if (!read_next(req, &next))
		return;
	if (reload_plan(next, &plan) == 0) {
		plan_put(&req->data, &plan);
		plan_fini(&plan);
	} else {
		fail_memory(req);
	}
	config_unref(next);
}

/* Reads, compares, changes; the reply is the operation and the plan. */
static void
apply_files(struct request *req)
{
	struct config *next;
	struct plan plan;
	struct op *op;
	struct buf *out = &req->data;
	char asker[ASKER_MAX];

	if (is_stopping(req) || !read_next(req, &next))
		return;
	if (reload_plan(next, &plan) != 0) {
		config_unref(next);
		fail_memory(req);
		return;
	}
	log_info(NULL, "apply: %zu change%s, asked for %s", plan.n,
	    plan.n == 1 ? "" : "s", get_asker(req, asker));
	if (reload_apply(next, &op) == 0) {
		wire_put_map(out, 2);
		wire_put_str(out, "operation");
		ops_put(out, op);
		wire_put_str(out, "changes");
		plan_put(out, &plan);
	} else {
		fail_memory(req);
	}
	plan_fini(&plan);
	config_unref(next);
}

void
act_apply(struct request *req)
{
	apply_files(req);
}

static bool
write_override(
    struct request *req, const char *name, int enabled, int64_t instances)
{
	int r = config_override(table.config, name, enabled, instances);

	if (r == 0)
		return true;
	request_fail(req, MSG_CODE_FAILED,
	    "the daemon writes plugins.d/90-pluginctl.yaml beside its "
	    "configuration file; check that the directory is writable",
	    "cannot write the setting of %s: %s", name, strerror(-r));
	return false;
}

/* Instances of one plugin stand together. */
static bool
is_first_of_plugin(const struct selection *s, size_t i)
{
	return i == 0 || s->rows[i]->plugin != s->rows[i - 1]->plugin;
}

static void
put_override_path(struct buf *out)
{
	char path[PATH_MAX];
	int dir = (int)(strrchr(table.config->path, '/') - table.config->path);

	snprintf(path, sizeof(path), "%.*s/plugins.d/90-pluginctl.yaml", dir,
	    table.config->path);
	put_key_str(out, "path", path);
}

void
act_enable(struct request *req)
{
	struct selection s;
	bool enabled;
	struct buf *out = &req->data;
	uint32_t n = 0;

	if (!request_get_rows(req, &s))
		return;
	/* No defaults here: a short request would disable everything. */
	if (!s.named || req->nargs == 0) {
		request_fail(req, MSG_CODE_USAGE, NULL,
		    "enable wants names, and true or false");
		goto out;
	}
	if (!request_opt_bool(req, "enabled", &enabled))
		goto out;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_first_of_plugin(&s, i))
			continue;
		n++;
		if (!write_override(req, s.rows[i]->plugin->name, enabled, -1))
			goto out;
	}
	wire_put_map(out, 2);
	wire_put_str(out, "changed");
	wire_put_array(out, n);
	for (size_t i = 0; i < s.n; i++) {
		if (is_first_of_plugin(&s, i))
			wire_put_str(out, s.rows[i]->plugin->name);
	}
	put_override_path(out);
out:
	free(s.rows);
}

void
act_scale(struct request *req)
{
	char name[ROW_NAME_MAX];
	uint64_t count;

	if (!request_get_str(req, "name", name, sizeof(name)) ||
	    !request_get_uint(req, "count", &count))
		return;
	if (table_find_plugin(name) == NULL) {
		request_fail(req, MSG_CODE_UNKNOWN_PLUGIN, NULL,
		    "unknown plugin '%s'", name);
		return;
	}
	if (count < 1 || count > CONFIG_INSTANCES_MAX) {
		request_fail(req, MSG_CODE_USAGE,
		    "'pluginctl stop' stops all, 'pluginctl disable' for good",
		    "the number of instances is 1 to %d",
		    (int)CONFIG_INSTANCES_MAX);
		return;
	}
	if (write_override(req, name, -1, (int64_t)count))
		apply_files(req);
}

/* --- op.wait ----------------------------------------------------------- */

static bool
poll_op(struct request *req, bool expired)
{
	const uint64_t *id = req->state;
	struct op *op = ops_find(*id);

	if (op == NULL) {
		request_fail(req, MSG_CODE_FAILED, NULL,
		    "operation %llu is too old: only the last %d are kept",
		    (unsigned long long)*id, (int)OPS_KEPT);
		return true;
	}
	if (op->open > 0 && !expired)
		return false;
	ops_put(&req->data, op);
	return true;
}

void
act_op_wait(struct request *req)
{
	uint64_t *id = malloc(sizeof(*id));
	uint64_t timeout;

	if (id == NULL) {
		fail_memory(req);
		return;
	}
	if (!request_get_uint(req, "op", id) ||
	    !request_get_uint(req, "timeout_ms", &timeout)) {
		free(id);
		return;
	}
	request_hold(req, poll_op, id, timeout);
}
