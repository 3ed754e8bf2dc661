/*
 * rowput: writes rows for clients. See rowput.h.
 */
#include "rowput.h"

#include "cgroup.h"
#include "childlog.h"
#include "depend.h"
#include "exits.h"
#include "health.h"
#include "managed.h"
#include "prepare.h"

#include "common/clock.h"
#include "common/units.h"
#include "common/wire.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

void
put_key_str(struct buf *out, const char *key, const char *value)
{
	wire_put_str(out, key);
	if (value == NULL)
		wire_put_nil(out);
	else
		wire_put_strn(out, value, strlen(value));
}

void
put_key_int(struct buf *out, const char *key, int64_t value)
{
	wire_put_str(out, key);
	wire_put_int(out, value);
}

void
put_key_bool(struct buf *out, const char *key, bool value)
{
	wire_put_str(out, key);
	wire_put_bool(out, value);
}

void
put_key_opt(struct buf *out, const char *key, int64_t value)
{
	if (value >= 0)
		put_key_int(out, key, value);
	else
		put_key_str(out, key, NULL);
}

void
put_key_time(struct buf *out, const char *key, int64_t unix_ms)
{
	char text[40];

	put_key_str(out, key,
	    unix_ms > 0 ? units_format_time(unix_ms, text, sizeof(text))
	                : NULL);
}

/* Unix time of a row's pending restart, or 0. */
static int64_t
next_restart(const struct row *row)
{
	if (row->state != STATE_BACKOFF || row->due_ms == 0)
		return 0;
	return clock_real_ms() + row->due_ms - clock_mono_ms();
}

void
rowput_message(const struct row *row, char *out, size_t cap)
{
	char deps[150];
	char age[32];
	int64_t left = row->due_ms - clock_mono_ms();

	out[0] = '\0';
	if (row->state == STATE_WAITING && row->last_error[0] == '\0') {
		depend_describe(row, deps, sizeof(deps));
		if (deps[0] != '\0')
			snprintf(out, cap, "waiting for %s", deps);
	} else if (row->state == STATE_BACKOFF) {
		snprintf(out, cap, "%.150s; next start in %s", row->last_error,
		    units_format_age(left > 0 ? left : 0, age, sizeof(age)));
	} else if (row->state == STATE_FAILED || row->state == STATE_WAITING) {
		snprintf(out, cap, "%s", row->last_error);
	} else if (row->message[0] != '\0') {
		snprintf(out, cap, "%s", row->message);
	} else if (row->state == STATE_RUNNING &&
	           row->health == HEALTH_FAILING) {
		struct health_report report;

		health_report(row, &report);
		snprintf(out, cap, "%s", report.text);
	}
}

static void
put_last_exit(struct buf *out, const struct row *row)
{
	const struct exit_record *e = row_exit(row, 0);

	wire_put_str(out, "last_exit");
	if (e == NULL) {
		wire_put_nil(out);
		return;
	}
	wire_put_map(out, 2);
	put_key_str(out, "kind", exit_kind_to_string(e->kind));
	put_key_int(out, "value", e->value);
}

static void
put_depends_on(struct buf *out, const struct row *row)
{
	const struct plugin_conf *conf = row->plugin->conf;

	wire_put_str(out, "depends_on");
	wire_put_array(out, (uint32_t)conf->ndeps);
	for (size_t i = 0; i < conf->ndeps; i++)
		wire_put_str(out, conf->deps[i].name);
}

enum { STATUS_PAIRS = 19 };

static void
put_status_pairs(struct buf *out, const struct row *row)
{
	bool alive = row->child.pid != 0;
	char message[ROW_TEXT_MAX + 64];
	struct managed_report managed;

	managed_report(row, &managed);
	rowput_message(row, message, sizeof(message));
	put_key_str(out, "name", row->name);
	put_key_str(out, "kind", conf_kind_to_string(row->conf->kind));
	put_key_str(out, "type",
	    managed.type[0] != '\0' ? managed.type : row->conf->type);
	put_key_str(out, "state", plugin_state_to_string(row->state));
	put_key_str(out, "health", plugin_health_to_string(row->health));
	put_key_opt(out, "pid", alive ? row->child.pid : -1);
	put_key_int(out, "generation", (int64_t)row->generation);
	put_key_time(out, "started_at", alive ? row->started_real_ms : 0);
	put_key_opt(
	    out, "uptime_ms", alive ? clock_mono_ms() - row->started_ms : -1);
	put_key_int(out, "restarts", (int64_t)row->restarts);
	put_last_exit(out, row);
	put_key_str(out, "last_error",
	    row->last_error[0] != '\0' ? row->last_error : NULL);
	put_key_time(out, "next_restart_at", next_restart(row));
	put_depends_on(out, row);
	put_key_str(out, "version",
	    managed.version[0] != '\0' ? managed.version : NULL);
	put_key_str(out, "message", message);
	put_key_bool(out, "enabled", row->plugin->conf->enabled);
	put_key_str(out, "wish", plugin_wish_to_string(row->wish));
	put_key_time(
	    out, "since", clock_real_ms() - (clock_mono_ms() - row->since_ms));
}

void
rowput_status(struct buf *out, const struct row *row)
{
	wire_put_map(out, STATUS_PAIRS);
	put_status_pairs(out, row);
}

void
rowput_exits(struct buf *out, const struct row *row)
{
	uint32_t n = row->nexits < ROW_EXITS ? row->nexits : ROW_EXITS;

	wire_put_str(out, "exits");
	wire_put_array(out, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct exit_record *e = row_exit(row, i);
		char text[64];

		wire_put_map(out, 6);
		put_key_int(out, "time_ms", e->time_ms);
		put_key_int(out, "generation", (int64_t)e->generation);
		put_key_str(out, "kind", exit_kind_to_string(e->kind));
		put_key_int(out, "value", e->value);
		put_key_int(out, "uptime_ms", e->uptime_ms);
		put_key_str(out, "error",
		    e->error[0] != '\0'
		        ? e->error
		        : exits_describe(e, text, sizeof(text)));
	}
}

static const char *
layer_name(void)
{
	switch (cgroup_get_layer()) {
	case CGROUP_FULL:
		return "cgroup v2";
	case CGROUP_KILL:
		return "rlimits (cgroup v2 without controllers: cgroup.kill "
		       "only)";
	case CGROUP_NONE:
		break;
	}
	return "rlimits (no writable cgroup v2 tree)";
}

static void
put_limits(struct buf *out, const struct limits_conf *l)
{
	wire_put_str(out, "limits");
	wire_put_map(out, 6);
	put_key_opt(out, "memory", l->memory);
	put_key_opt(out, "cpu", l->cpu_milli);
	put_key_opt(out, "processes", l->processes);
	put_key_opt(out, "open_files", l->open_files);
	put_key_opt(out, "core", l->core);
	put_key_str(out, "layer", layer_name());
}

static void
put_restart(struct buf *out, const struct row *row)
{
	const struct restart_conf *r = &row->conf->restart;

	wire_put_str(out, "restart");
	wire_put_map(out, 7);
	put_key_str(out, "policy", restart_policy_to_string(r->policy));
	put_key_int(out, "delay_ms", r->delay_ms);
	wire_put_str(out, "factor");
	wire_put_double(out, (double)r->factor_milli / 1000);
	put_key_int(out, "max_delay_ms", r->max_delay_ms);
	put_key_int(out, "max_restarts", r->max_restarts);
	put_key_int(out, "window_ms", r->window_ms);
	put_key_int(out, "restarts_in_window",
	    (int64_t)restart_in_window(&row->tally, r, clock_mono_ms()));
}

static void
put_strings(struct buf *out, const char *key, const struct strv *v)
{
	wire_put_str(out, key);
	if (v == NULL) {
		wire_put_nil(out);
		return;
	}
	wire_put_array(out, (uint32_t)v->n);
	for (size_t i = 0; i < v->n; i++)
		wire_put_strn(out, v->v[i], strlen(v->v[i]));
}

/* Values may be secrets. */
static void
put_environment(struct buf *out, const struct strv *v)
{
	wire_put_str(out, "environment");
	wire_put_array(out, (uint32_t)v->n);
	for (size_t i = 0; i < v->n; i++) {
		char masked[128];

		snprintf(masked, sizeof(masked), "%.*s=***",
		    (int)strcspn(v->v[i], "="), v->v[i]);
		wire_put_strn(out, masked, strlen(masked));
	}
}

static void
put_dependents(struct buf *out, const struct plugin *p)
{
	wire_put_str(out, "dependents");
	wire_put_array(out, (uint32_t)p->ndependents);
	for (size_t i = 0; i < p->ndependents; i++)
		wire_put_str(out, p->dependents[i]->name);
}

static void
put_places(struct buf *out, const struct row *row)
{
	char path[PATH_MAX];
	char where[PATH_MAX + 32];
	const char *root = row->has_cgroup ? cgroup_root() : NULL;

	put_key_str(
	    out, "log_path", row->log != NULL ? childlog_path(row->log) : NULL);
	put_key_str(
	    out, "state_dir", prepare_state_dir(row, path, sizeof(path)));
	if (root != NULL)
		snprintf(path, sizeof(path), "%s/%s", root, row->id);
	put_key_str(out, "cgroup", root != NULL ? path : NULL);
	snprintf(where, sizeof(where), "%s:%d",
	    row->plugin->conf->loc.file != NULL ? row->plugin->conf->loc.file
	                                        : "(default)",
	    row->plugin->conf->loc.line);
	put_key_str(out, "defined_at", where);
}

void
rowput_show(struct buf *out, const struct row *row)
{
	const struct plugin_conf *conf = row->conf;
	struct health_report report;

	health_report(row, &report);
	wire_put_map(out, STATUS_PAIRS + 17);
	put_status_pairs(out, row);
	put_strings(out, "argv", plugin_conf_argv(conf));
	put_key_str(out, "user", conf->user);
	put_key_str(out, "group", conf->group);
	put_key_str(out, "working_dir", conf->working_dir);
	put_environment(out, &conf->environment);
	put_limits(out, &conf->limits);
	put_restart(out, row);
	put_key_str(out, "ready", report.ready);
	put_key_str(
	    out, "probe", report.target[0] != '\0' ? report.target : NULL);
	put_key_int(out, "probe_failures", report.failures);
	put_key_int(out, "dropped_log_lines",
	    row->log != NULL ? (int64_t)childlog_dropped(row->log) : 0);
	put_places(out, row);
	put_dependents(out, row->plugin);
	rowput_exits(out, row);
}
