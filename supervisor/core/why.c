/*
 * why: answers `why NAME` in plain words: what the plugin waits for down to
 * the root, how it ended lately, when it starts next, which probe failed, and
 * what an operator can do.
 */
#include "daemon.h"
#include "depend.h"
#include "exits.h"
#include "health.h"
#include "look.h"
#include "rowput.h"

#include "common/clock.h"
#include "common/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SUMMARY_MAX = 700,
	SERIES = 8,
	CHAIN_MAX = 64,
	HINTS_MAX = 4,
	HINT_MAX = 256,
};

typedef void summary_fn(const struct row *row, char *out, size_t cap);

static void
sum_registered(const struct row *row, char *out, size_t cap)
{
	snprintf(out, cap, "%s was never started: %s.", row->name,
	    row->plugin->conf->enabled ? "its turn has not come yet"
	                               : "it is not enabled (enabled: false)");
}

static void
sum_waiting(const struct row *row, char *out, size_t cap)
{
	char deps[200];

	depend_describe(row, deps, sizeof(deps));
	if (deps[0] != '\0')
		snprintf(out, cap,
		    "%s is to run, but waits for %s; it starts by itself when "
		    "that is so.",
		    row->name, deps);
	else if (row->last_error[0] != '\0')
		snprintf(out, cap, "%s is to run, but %s.", row->name,
		    row->last_error);
	else
		snprintf(out, cap, "%s is about to start.", row->name);
}

static void
sum_coming_up(const struct row *row, char *out, size_t cap)
{
	struct health_report report;
	char age[32];
	char left[32];

	health_report(row, &report);
	snprintf(out, cap,
	    "%s runs as pid %d since %s, but is not ready yet: it waits for "
	    "%s, at most %s more.",
	    row->name, (int)row->child.pid,
	    units_format_age(
	        clock_mono_ms() - row->started_ms, age, sizeof(age)),
	    report.ready,
	    units_format_age(
	        row->due_ms - clock_mono_ms(), left, sizeof(left)));
}

static void
sum_running(const struct row *row, char *out, size_t cap)
{
	char age[32];

	snprintf(out, cap, "%s is running as pid %d since %s%s.", row->name,
	    (int)row->child.pid,
	    units_format_age(clock_mono_ms() - row->ready_ms, age, sizeof(age)),
	    row->health == HEALTH_FAILING ? ", but its health probe fails"
	                                  : "");
}

static void
sum_stopping(const struct row *row, char *out, size_t cap)
{
	static const char *const next[] = {
	    [STOP_BY_COMMAND] = "told to stop",
	    [STOP_BY_SIGNAL] = "sent its stop signal",
	    [STOP_BY_KILL] = "killed",
	    [STOP_BY_KILL + 1] = "killed again",
	};
	unsigned step = row->stop_step;
	char left[32];

	if (step > STOP_BY_KILL)
		step = STOP_BY_KILL + 1;
	snprintf(out, cap,
	    "%s (pid %d) is being stopped: %s; %s in %s if it does not end.",
	    row->name, (int)row->child.pid,
	    stop_reason_to_string(row->stop_reason), next[step],
	    units_format_age(
	        row->due_ms - clock_mono_ms(), left, sizeof(left)));
}

static void
sum_stopped(const struct row *row, char *out, size_t cap)
{
	const struct exit_record *e = row_exit(row, 0);
	char what[64];

	if (e == NULL)
		snprintf(
		    out, cap, "%s is stopped and has not run yet.", row->name);
	else if (e->asked)
		snprintf(out, cap, "%s is stopped: %s.", row->name,
		    stop_reason_to_string(row->stop_reason));
	else
		snprintf(out, cap,
		    "%s is stopped: it %s by itself, and its restart policy "
		    "(%s) does not restart that.",
		    row->name, exits_describe(e, what, sizeof(what)),
		    restart_policy_to_string(row->conf->restart.policy));
}

static void
sum_backoff(const struct row *row, char *out, size_t cap)
{
	char left[32];
	int64_t ms = row->due_ms - clock_mono_ms();

	snprintf(out, cap, "%s is down (%s) and starts again in %s.", row->name,
	    row->last_error,
	    units_format_age(ms > 0 ? ms : 0, left, sizeof(left)));
}

static void
sum_failed(const struct row *row, char *out, size_t cap)
{
	const struct restart_conf *r = &row->conf->restart;
	char window[32];

	if (row->nexits == 0)
		snprintf(out, cap, "%s cannot start: %s.", row->name,
		    row->last_error);
	else if (row->stop_reason == STOP_REFUSED)
		snprintf(out, cap,
		    "%s refuses its configuration: %s; it is not tried again "
		    "until that changes.",
		    row->name, row->last_error);
	else if (r->policy == RESTART_NEVER)
		snprintf(out, cap,
		    "%s failed (%s) and its restart policy is never.",
		    row->name, row->last_error);
	else
		snprintf(out, cap,
		    "%s failed: %s; it was given up after %zu restarts within "
		    "%s.",
		    row->name, row->last_error, row->tally.n,
		    units_format_duration(
		        r->window_ms, window, sizeof(window)));
}

static summary_fn *const summaries[STATE__COUNT] = {
    [STATE_REGISTERED] = sum_registered,
    [STATE_WAITING] = sum_waiting,
    [STATE_INITIALIZING] = sum_coming_up,
    [STATE_INITIALIZED] = sum_coming_up,
    [STATE_STARTING] = sum_coming_up,
    [STATE_RUNNING] = sum_running,
    [STATE_STOPPING] = sum_stopping,
    [STATE_STOPPED] = sum_stopped,
    [STATE_BACKOFF] = sum_backoff,
    [STATE_FAILED] = sum_failed,
    [STATE_DESTROYED] = sum_stopped,
};

/* --- chain ------------------------------------------------------------- */

struct chain {
	struct buf entries;
	uint32_t n;
};

static void
put_link(struct chain *chain, const struct plugin *dep,
    const struct dep_conf *edge, unsigned depth)
{
	const struct row *row = dep->nrows > 0 ? dep->rows[0] : NULL;
	struct buf *out = &chain->entries;
	char text[SUMMARY_MAX] = "";

	for (size_t i = 0; i < dep->nrows; i++) {
		row = dep->rows[i];
		if (row->state != STATE_RUNNING)
			break;
	}
	if (row != NULL)
		summaries[row->state](row, text, sizeof(text));
	wire_put_map(out, 6);
	put_key_str(out, "name", dep->name);
	put_key_str(out, "state",
	    row != NULL ? plugin_state_to_string(row->state) : "unknown");
	put_key_str(out, "condition", dep_condition_to_string(edge->condition));
	put_key_bool(out, "met", depend_is_met(dep, edge->condition));
	put_key_int(out, "depth", depth);
	put_key_str(out, "text", text);
	chain->n++;
}

/* All direct dependencies, and below each that is not met its own. */
static void
walk(struct chain *chain, const struct plugin *p, unsigned depth)
{
	for (size_t i = 0; i < p->conf->ndeps && chain->n < CHAIN_MAX; i++) {
		struct plugin *dep = p->deps[i];
		const struct dep_conf *edge = &p->conf->deps[i];

		if (dep == NULL)
			continue;
		put_link(chain, dep, edge, depth);
		if (!depend_is_met(dep, edge->condition))
			walk(chain, dep, depth + 1);
	}
}

static void
put_chain(struct buf *out, const struct row *row)
{
	struct chain chain = {.n = 0};

	buf_init(&chain.entries, REPLY_MAX / 4);
	walk(&chain, row->plugin, 0);
	wire_put_str(out, "chain");
	if (buf_error(&chain.entries) == 0) {
		wire_put_array(out, chain.n);
		wire_put_raw(out, chain.entries.data, chain.entries.len);
	} else {
		wire_put_array(out, 0);
	}
	buf_fini(&chain.entries);
}

/* --- the rest ---------------------------------------------------------- */

static void
put_backoff(struct buf *out, const struct row *row)
{
	const struct restart_conf *r = &row->conf->restart;
	int64_t left = row->due_ms - clock_mono_ms();

	wire_put_str(out, "backoff");
	wire_put_map(out, 8);
	put_key_str(out, "policy", restart_policy_to_string(r->policy));
	put_key_int(out, "delay_ms", row->backoff_ms);
	put_key_opt(out, "next_start_ms",
	    row->state == STATE_BACKOFF ? (left > 0 ? left : 0) : -1);
	put_key_int(out, "in_window",
	    (int64_t)restart_in_window(&row->tally, r, clock_mono_ms()));
	put_key_int(out, "max_restarts", r->max_restarts);
	put_key_int(out, "window_ms", r->window_ms);
	put_key_int(out, "stable_after_ms", r->stable_after_ms);
	wire_put_str(out, "series_ms");
	wire_put_array(out, SERIES);
	for (unsigned i = 0; i < SERIES; i++)
		wire_put_int(out, restart_delay(r, i));
}

static void
put_probe(struct buf *out, const struct row *row)
{
	struct health_report report;

	health_report(row, &report);
	wire_put_str(out, "probe");
	if (report.kind[0] == '\0') {
		wire_put_nil(out);
		return;
	}
	wire_put_map(out, 6);
	put_key_str(out, "kind", report.kind);
	put_key_str(out, "target", report.target);
	put_key_int(out, "failures", report.failures);
	put_key_int(out, "max_failures", row->conf->health.failures);
	put_key_str(out, "text", report.text);
	put_key_opt(out, "at_ms", report.at_ms > 0 ? report.at_ms : -1);
}

static uint32_t
collect_hints(const struct row *row, char hints[HINTS_MAX][HINT_MAX])
{
	uint32_t n = 0;

	if (row->state == STATE_FAILED || row->state == STATE_BACKOFF ||
	    row->nexits > 0)
		snprintf(hints[n++], HINT_MAX,
		    "pluginctl logs %s -n 50  shows what it wrote before",
		    row->name);
	if (row->state == STATE_FAILED)
		snprintf(hints[n++], HINT_MAX,
		    "pluginctl start %s  tries again from a clean slate",
		    row->name);
	else if (row->state == STATE_BACKOFF)
		snprintf(hints[n++], HINT_MAX,
		    "pluginctl start %s  starts it now", row->name);
	else if (row->state == STATE_STOPPED || row->state == STATE_REGISTERED)
		snprintf(hints[n++], HINT_MAX,
		    "pluginctl start %s  starts it until the daemon ends; "
		    "pluginctl enable --now %s for good",
		    row->name, row->plugin->name);
	return n;
}

static void
put_why(struct buf *out, const struct row *row)
{
	char summary[SUMMARY_MAX];
	char hints[HINTS_MAX][HINT_MAX];
	uint32_t n = collect_hints(row, hints);

	summaries[row->state](row, summary, sizeof(summary));
	wire_put_map(out, 10);
	put_key_str(out, "name", row->name);
	put_key_str(out, "state", plugin_state_to_string(row->state));
	put_key_str(out, "wish", plugin_wish_to_string(row->wish));
	put_key_int(out, "since_ms",
	    clock_real_ms() - (clock_mono_ms() - row->since_ms));
	put_key_str(out, "summary", summary);
	put_chain(out, row);
	rowput_exits(out, row);
	put_backoff(out, row);
	put_probe(out, row);
	wire_put_str(out, "hints");
	wire_put_array(out, n);
	for (uint32_t i = 0; i < n; i++)
		wire_put_str(out, hints[i]);
}

void
look_why(struct request *req)
{
	struct selection s;

	if (!request_get_row(req, &s))
		return;
	wire_put_array(&req->data, (uint32_t)s.n);
	for (size_t i = 0; i < s.n; i++)
		put_why(&req->data, s.rows[i]);
	free(s.rows);
}
