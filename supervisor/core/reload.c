/*
 * reload: compares configurations and moves rows from one to the next. Also
 * brings the first configuration to life: every plugin is new then.
 *
 * Must never: touch a row whose configuration is the same, or change anything
 * because of a file that has errors.
 */
#include "reload.h"

#include "announce.h"
#include "autoload.h"
#include "cgroup.h"
#include "childlog.h"
#include "clients.h"
#include "daemon.h"
#include "depend.h"
#include "health.h"
#include "lifecycle.h"
#include "managed.h"
#include "prepare.h"
#include "router.h"
#include "rowput.h"

#include "common/log.h"
#include "common/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
reload_read(struct config **ret, struct buf *errors)
{
	struct conf_errors errs = {0};
	int r = config_load(daemon_source(), ret, &errs);

	conf_errors_print(&errs, errors);
	conf_errors_fini(&errs);
	if (r != 0 && errors->len == 0)
		buf_printf(errors, "configuration: %s\n", strerror(-r));
	return r;
}

/* --- plan -------------------------------------------------------------- */

static struct change *
add_change(struct plan *plan, const char *name, enum change_action action)
{
	struct change *c = &plan->v[plan->n++];

	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->action = action;
	return c;
}

static void
plan_daemon(struct plan *plan, const struct config *next)
{
	struct change *c;

	if (strcmp(next->runtime_dir, table.config->runtime_dir) == 0 &&
	    strcmp(next->state_dir, table.config->state_dir) == 0)
		return;
	c = add_change(plan, "plugind", CHANGE_DAEMON);
	snprintf(c->fields, sizeof(c->fields), "runtime_dir, state_dir");
	snprintf(c->reason, sizeof(c->reason),
	    "runtime_dir and state_dir change only when plugind is restarted");
}

static void
plan_bus(struct plan *plan, const struct config *next)
{
	struct change *c;

	if (memcmp(&next->bus, &table.config->bus, sizeof(next->bus)) == 0)
		return;
	c = add_change(plan, "plugind", CHANGE_UPDATE);
	snprintf(c->fields, sizeof(c->fields), "bus");
	snprintf(c->reason, sizeof(c->reason),
	    "bus changed; takes effect without a new process");
}

/* Whether there are processes, and each can take it as it is. */
static bool
can_reconfigure(const char *name)
{
	const struct plugin *p = table_find_plugin(name);

	for (size_t i = 0; p != NULL && i < p->nrows; i++) {
		if (!managed_can_reconfigure(p->rows[i]))
			return false;
	}
	return p != NULL && p->nrows > 0;
}

static void
plan_changed(struct plan *plan, const struct plugin_conf *old,
    const struct plugin_conf *new)
{
	struct buf fields;
	struct change *c;
	enum conf_change kind;

	buf_init(&fields, sizeof(c->fields) - 1);
	kind = plugin_conf_diff(old, new, &fields);
	if (kind == CONF_CONFIGURE)
		kind = can_reconfigure(new->name) ? CONF_LIVE : CONF_RESTART;
	if (kind != CONF_SAME) {
		c = add_change(plan, new->name,
		    kind == CONF_LIVE ? CHANGE_UPDATE : CHANGE_RESTART);
		snprintf(c->fields, sizeof(c->fields), "%s", buf_cstr(&fields));
		snprintf(c->reason, sizeof(c->reason), "%.140s changed%s",
		    c->fields,
		    kind == CONF_LIVE ? "; takes effect without a new process"
		                      : "");
	}
	buf_fini(&fields);
}

static void
plan_added(struct plan *plan, const struct plugin_conf *conf)
{
	struct change *c = add_change(plan, conf->name, CHANGE_ADD);

	snprintf(c->reason, sizeof(c->reason), "new in %.120s:%d%s",
	    conf->loc.file != NULL ? conf->loc.file : "(default)",
	    conf->loc.line,
	    conf->enabled ? "" : "; not started (enabled: false)");
}

int
reload_plan(const struct config *next, struct plan *ret)
{
	struct plan plan = {0};

	plan.v = calloc(
	    next->nplugins + table.config->nplugins + 2, sizeof(*plan.v));
	if (plan.v == NULL)
		return -ENOMEM;
	plan_daemon(&plan, next);
	plan_bus(&plan, next);
	for (size_t i = 0; i < table.config->nplugins; i++) {
		const struct plugin_conf *old = table.config->plugins[i];

		if (config_find(next, old->name) == NULL)
			snprintf(
			    add_change(&plan, old->name, CHANGE_REMOVE)->reason,
			    sizeof(plan.v->reason),
			    "no longer in the configuration");
	}
	for (size_t i = 0; i < next->nplugins; i++) {
		const struct plugin_conf *new = next->plugins[i];
		const struct plugin_conf *old =
		    config_find(table.config, new->name);

		if (old == NULL)
			plan_added(&plan, new);
		else
			plan_changed(&plan, old, new);
	}
	*ret = plan;
	return 0;
}

void
plan_fini(struct plan *plan)
{
	free(plan->v);
	plan->v = NULL;
	plan->n = 0;
}

void
plan_put(struct buf *out, const struct plan *plan)
{
	static const char *const actions[] = {
	    [CHANGE_ADD] = "add",
	    [CHANGE_REMOVE] = "remove",
	    [CHANGE_RESTART] = "restart",
	    [CHANGE_UPDATE] = "update",
	    [CHANGE_DAEMON] = "restart-daemon",
	};

	wire_put_array(out, (uint32_t)plan->n);
	for (size_t i = 0; i < plan->n; i++) {
		wire_put_map(out, 4);
		put_key_str(out, "name", plan->v[i].name);
		put_key_str(out, "action", actions[plan->v[i].action]);
		put_key_str(out, "reason", plan->v[i].reason);
		put_key_str(out, "fields", plan->v[i].fields);
	}
}

/* --- apply ------------------------------------------------------------- */

static void
take_config(struct row *row)
{
	config_ref(table.config);
	config_unref(row->config);
	row->config = table.config;
	row->conf = row->plugin->conf;
}

/* What a running process need not notice. */
static void
update_live(struct row *row)
{
	const struct cgroup_limits limits = {
	    .memory = row->conf->limits.memory,
	    .cpu_milli = row->conf->limits.cpu_milli,
	    .processes = row->conf->limits.processes,
	};

	if (health_configure(row) != 0 ||
	    restart_init(&row->tally, &row->conf->restart) != 0 ||
	    prepare_log(row) != 0)
		log_error(row->name, "new settings: out of memory");
	if (row->has_cgroup && cgroup_limit(row->id, &limits) != 0)
		log_warn(row->name, "new limits: %s", strerror(errno));
	image_fini(&row->image); /* the next start has all of it */
	managed_rights_changed(row);
	if (row->state == STATE_RUNNING)
		health_watch(row);
	else if (row->state == STATE_STARTING)
		health_await_ready(row);
}

static void
begin_row(struct row *row, struct op *op)
{
	row->taken = true;
	lifecycle_take_row(row);
	if (prepare_row(row) != 0)
		log_error(row->name, "cannot be started: %s", row->last_error);
	if (!row->conf->enabled)
		return;
	if (op != NULL)
		ops_add(op, row);
}

static void
follow_enabled(struct row *row, bool was, struct op *op)
{
	bool is = row->conf->enabled;

	if (was == is)
		return;
	if (op != NULL)
		ops_add(op, row);
	if (is)
		lifecycle_start(row);
	else
		lifecycle_stop(row, STOP_CONFIG);
}

/* On its way out when it was configured again: let it come back. */
static bool
is_wanted_back(const struct row *row)
{
	return row->state == STATE_STOPPING &&
	       row->stop_reason == STOP_REMOVED && row->conf->enabled;
}

static void
change_row(struct row *row, struct op *op)
{
	const struct plugin_conf *old = row->conf;
	bool was_enabled = old->enabled;
	enum conf_change kind = plugin_conf_diff(old, row->plugin->conf, NULL);
	struct config *keep = config_ref(row->config);

	take_config(row);
	if (is_wanted_back(row)) {
		image_fini(&row->image);
		if (op != NULL)
			ops_add(op, row);
		lifecycle_start(row);
	} else if (kind == CONF_SAME) {
		health_rebind(row);
	} else if (kind == CONF_LIVE ||
	           (kind == CONF_CONFIGURE && managed_reconfigure(row))) {
		if (op != NULL && managed_is_configuring(row))
			ops_add_configure(op, row);
		update_live(row);
		follow_enabled(row, was_enabled, op);
	} else {
		image_fini(&row->image);
		if (row->wish != WISH_DOWN) {
			if (op != NULL)
				ops_add(op, row);
			lifecycle_restart(row, STOP_CONFIG);
		}
		follow_enabled(row, was_enabled, op);
	}
	if (memcmp(&keep->bus, &row->config->bus, sizeof(keep->bus)) != 0)
		managed_rights_changed(row);
	/* Probes pointed into it until here. */
	config_unref(keep);
}

static void
remove_row(struct row *row, struct op *op)
{
	if (row->state == STATE_DESTROYED)
		return;
	if (op != NULL)
		ops_add(op, row);
	if (!row->taken)
		return;
	if (row->conf->kind == KIND_ROUTER)
		depend_mark(row, STOP_REMOVED); /* after those who need it */
	else
		lifecycle_remove(row);
}

/* Rows that are new start when all of them are known, dependencies first. */
static void
start_new(void)
{
	struct row *row;

	table_foreach(row, cursor) {
		if (row->state == STATE_REGISTERED && row->wish == WISH_DOWN &&
		    row->conf->enabled && !row->removed && row->generation == 0)
			lifecycle_start(row);
	}
}

/* New dependencies may open gates. */
static void
look_at_gates(void)
{
	struct row *row;

	table_foreach(row, cursor) {
		if (row->state == STATE_WAITING)
			lifecycle_post(row, EVENT_START);
	}
}

int
reload_apply(struct config *next, struct op **ret_op)
{
	struct op *op = NULL;
	struct row *row;
	int r;

	/* What an earlier change has ended must not be found again. */
	table_collect();
	r = table_apply(next);
	if (r != 0)
		return r;
	if (ret_op != NULL) {
		op = ops_new(OP_APPLY, table_count_rows() * 2);
		if (op == NULL)
			return -ENOMEM;
	}
	table_foreach(row, cursor) {
		if (row->removed)
			remove_row(row, op);
		else if (!row->taken)
			begin_row(row, op);
		else
			change_row(row, op);
	}
	clients_rights_changed();
	router_follow();
	depend_drain();
	start_new();
	look_at_gates();
	if (op != NULL) {
		ops_settle(op);
		*ret_op = op;
	}
	daemon_collect();
	autoload_follow(table.config);
	announce_system(ANNOUNCE_CONFIG_CHANGED);
	return 0;
}
