/*
 * look: answers the requests that only read: status, show, graph, failures,
 * configuration, waiting for a state. `why` is in why.c, `logs` in looklogs.c.
 *
 * Must never: change anything.
 */
#include "look.h"

#include "cgroup.h"
#include "daemon.h"
#include "exits.h"
#include "managed.h"
#include "rowput.h"

#include "common/clock.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
look_ping(struct request *req)
{
	wire_put_nil(&req->data);
}

void
look_version(struct request *req)
{
	struct buf *out = &req->data;
	const struct passwd *pw = getpwuid(geteuid());

	wire_put_map(out, 11);
	put_key_str(out, "version", PLUGIND_VERSION);
	put_key_int(out, "pid", getpid());
	put_key_int(out, "uptime_ms", daemon_uptime_ms());
	put_key_str(out, "config", table.config->path);
	put_key_str(out, "runtime_dir", table.config->runtime_dir);
	put_key_str(out, "state_dir", table.config->state_dir);
	put_key_int(out, "plugins", (int64_t)table_count_rows());
	put_key_bool(out, "settled", daemon_is_settled());
	put_key_str(out, "user", pw != NULL ? pw->pw_name : NULL);
	put_key_str(out, "cgroup", cgroup_root());
	put_key_int(out, "links", (int64_t)managed_links());
}

typedef void put_row_fn(struct buf *out, const struct row *row);

static void
put_rows(struct request *req, const struct selection *s, put_row_fn *put)
{
	wire_put_array(&req->data, (uint32_t)s->n);
	for (size_t i = 0; i < s->n; i++)
		put(&req->data, s->rows[i]);
}

static int
compare_rows(const void *a, const void *b)
{
	const struct row *const *x = a;
	const struct row *const *y = b;
	int r = strcmp((*x)->plugin->name, (*y)->plugin->name);

	if (r != 0)
		return r;
	return ((*x)->instance > (*y)->instance) -
	       ((*x)->instance < (*y)->instance);
}

void
look_status(struct request *req)
{
	struct selection s;

	if (!request_get_rows(req, &s))
		return;
	if (!s.named)
		qsort(s.rows, s.n, sizeof(struct row *), compare_rows);
	put_rows(req, &s, rowput_status);
	free(s.rows);
}

void
look_show(struct request *req)
{
	struct selection s;

	if (!request_get_row(req, &s))
		return;
	put_rows(req, &s, rowput_show);
	free(s.rows);
}

/* One state for all instances: the least far one says how far it is. */
static const char *
plugin_state(const struct plugin *p)
{
	for (size_t i = 0; i < p->nrows; i++) {
		if (p->rows[i]->state != STATE_RUNNING)
			return plugin_state_to_string(p->rows[i]->state);
	}
	return p->nrows > 0 ? "running" : "unknown";
}

static void
put_edges(struct buf *out, const struct plugin *p)
{
	wire_put_str(out, "depends_on");
	wire_put_array(out, (uint32_t)p->conf->ndeps);
	for (size_t i = 0; i < p->conf->ndeps; i++) {
		const struct dep_conf *d = &p->conf->deps[i];

		wire_put_map(out, 3);
		put_key_str(out, "name", d->name);
		put_key_str(
		    out, "condition", dep_condition_to_string(d->condition));
		put_key_bool(out, "restart", d->restart);
	}
}

void
look_graph(struct request *req)
{
	struct buf *out = &req->data;
	uint32_t n = 0;

	for (size_t i = 0; i < table.n; i++)
		n += !table.plugins[i]->removed;
	wire_put_array(out, n);
	for (size_t i = 0; i < table.n; i++) {
		const struct plugin *p = table.plugins[i];

		if (p->removed)
			continue;
		wire_put_map(out, 4);
		put_key_str(out, "name", p->name);
		put_key_str(out, "state", plugin_state(p));
		put_key_int(out, "instances", p->conf->instances);
		put_edges(out, p);
	}
}

void
look_failures(struct request *req)
{
	struct buf *out = &req->data;
	const struct failure *f;
	uint32_t n = 0;

	while (exits_failure(n) != NULL)
		n++;
	wire_put_array(out, n);
	for (uint32_t i = 0; i < n; i++) {
		f = exits_failure(i);
		wire_put_map(out, 7);
		put_key_int(out, "time_ms", f->exit.time_ms);
		put_key_str(out, "name", f->name);
		put_key_int(out, "generation", (int64_t)f->exit.generation);
		wire_put_str(out, "exit");
		wire_put_map(out, 2);
		put_key_str(out, "kind", exit_kind_to_string(f->exit.kind));
		put_key_int(out, "value", f->exit.value);
		put_key_str(out, "error", f->exit.error);
		put_key_int(out, "uptime_ms", f->exit.uptime_ms);
		put_key_opt(out, "next_restart_ms",
		    f->next_restart_ms > 0 ? f->next_restart_ms : -1);
	}
}

void
look_config(struct request *req)
{
	char name[ROW_NAME_MAX];
	const struct plugin_conf *conf = NULL;

	if (req->nargs > 0 && wire_peek(&req->args) == WIRE_STR) {
		if (!request_get_str(req, "name", name, sizeof(name)))
			return;
		name[strcspn(name, ":")] = '\0'; /* all instances share it */
		conf = config_find(table.config, name);
		if (conf == NULL) {
			request_fail(req, MSG_CODE_UNKNOWN_PLUGIN, NULL,
			    "unknown plugin '%s'", name);
			return;
		}
	}
	config_put(&req->data, table.config, conf, true);
}

/* --- state.wait -------------------------------------------------------- */

struct state_wait {
	char name[ROW_NAME_MAX];
	bool healthy; /* "healthy": running and well */
	enum plugin_state state;
};

static bool
has_reached(const struct row *row, const struct state_wait *w)
{
	return row->state == w->state &&
	       (!w->healthy || row->health == HEALTH_OK);
}

static bool
poll_state(struct request *req, bool expired)
{
	const struct state_wait *w = req->state;
	struct row **rows;
	size_t n;
	bool reached = true;

	if (table_find_rows(w->name, &rows, &n) != 0) {
		request_fail(req, MSG_CODE_UNKNOWN_PLUGIN, NULL,
		    "plugin '%s' is gone from the configuration", w->name);
		return true;
	}
	for (size_t i = 0; i < n; i++)
		reached = reached && has_reached(rows[i], w);
	if (!reached && !expired)
		return false;
	wire_put_map(&req->data, 2);
	put_key_bool(&req->data, "reached", reached);
	wire_put_str(&req->data, "states");
	wire_put_array(&req->data, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_put_map(&req->data, 2);
		put_key_str(&req->data, "name", rows[i]->name);
		put_key_str(&req->data, "state",
		    plugin_state_to_string(rows[i]->state));
	}
	return true;
}

static bool
parse_state(const char *text, struct state_wait *w)
{
	w->healthy = strcmp(text, "healthy") == 0;
	w->state = STATE_RUNNING;
	return w->healthy || strcmp(text, "ready") == 0 ||
	       plugin_state_from_string(text, &w->state) == 0;
}

void
look_state_wait(struct request *req)
{
	struct state_wait *w = calloc(1, sizeof(*w));
	char state[32];
	uint64_t timeout;
	struct row **rows;
	size_t n;

	if (w == NULL) {
		request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
		return;
	}
	if (!request_get_str(req, "name", w->name, sizeof(w->name)) ||
	    !request_get_str(req, "state", state, sizeof(state)) ||
	    !request_get_uint(req, "timeout_ms", &timeout))
		goto out;
	if (table_find_rows(w->name, &rows, &n) != 0) {
		request_fail(req, MSG_CODE_UNKNOWN_PLUGIN, NULL,
		    "unknown plugin '%s'", w->name);
		goto out;
	}
	if (!parse_state(state, w)) {
		request_fail(req, MSG_CODE_USAGE,
		    "states: registered waiting initializing starting running "
		    "stopping stopped backoff failed; also ready, healthy",
		    "unknown state '%s'", state);
		goto out;
	}
	request_hold(req, poll_state, w, timeout);
	return;
out:
	free(w);
}
