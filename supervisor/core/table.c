/*
 * table: owns plugins, rows and the links between them. See table.h.
 *
 * Must never: change a row's state, or free one that a callback may still
 * hold (only destroyed rows go, and only from table_collect).
 */
#include "table.h"

#include "childlog.h"
#include "health.h"
#include "managed.h"
#include "notify.h"
#include "prepare.h"

#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table table;

static void
free_row(struct row *row)
{
	if (row == NULL)
		return;
	INVARIANT(row->child.pid == 0);
	prepare_forget(row);
	managed_free(row);
	health_free(row->watch);
	childlog_free(row->log);
	notify_listener_free(row->notify);
	image_fini(&row->image);
	restart_fini(&row->tally);
	free(row->exits);
	config_unref(row->config);
	row->magic = 0;
	free(row);
}

static void
free_plugin(struct plugin *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->nrows; i++)
		free_row(p->rows[i]);
	free(p->rows);
	free(p->deps);
	free(p->dependents);
	p->magic = 0;
	free(p);
}

/* "worker" when there is one instance, "worker:2" when there are several. */
static void
name_row(struct row *row, int64_t instances)
{
	if (instances == 1 && row->instance == 1)
		snprintf(row->name, sizeof(row->name), "%s", row->plugin->name);
	else
		snprintf(row->name, sizeof(row->name), "%s", row->id);
}

static struct row *
new_row(struct plugin *p, struct config *config, const struct plugin_conf *conf,
    unsigned instance)
{
	struct row *row = calloc(1, sizeof(*row));

	if (row == NULL)
		return NULL;
	row->magic = ROW_MAGIC;
	row->instance = instance;
	row->plugin = p;
	row->status_fd = -1;
	row->child.slot = -1;
	row->state = STATE_REGISTERED;
	row->wish = WISH_DOWN;
	snprintf(row->id, sizeof(row->id), "%s:%u", conf->name, instance);
	name_row(row, conf->instances);
	if (restart_init(&row->tally, &conf->restart) != 0) {
		free(row);
		return NULL;
	}
	row->config = config_ref(config);
	row->conf = conf;
	return row;
}

/* Rows up to the configured number exist afterwards; none is removed. */
static int
grow_rows(
    struct plugin *p, struct config *config, const struct plugin_conf *conf)
{
	size_t want = (size_t)conf->instances;
	struct row **rows;

	if (want <= p->nrows)
		return 0;
	rows = realloc(p->rows, want * sizeof(struct row *));
	if (rows == NULL)
		return -ENOMEM;
	p->rows = rows;
	while (p->nrows < want) {
		struct row *row =
		    new_row(p, config, conf, (unsigned)p->nrows + 1);

		if (row == NULL)
			return -ENOMEM;
		p->rows[p->nrows++] = row;
	}
	return 0;
}

static struct plugin *
new_plugin(struct config *config, const struct plugin_conf *conf)
{
	struct plugin *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->magic = PLUGIN_MAGIC;
	snprintf(p->name, sizeof(p->name), "%s", conf->name);
	if (grow_rows(p, config, conf) != 0) {
		free_plugin(p);
		return NULL;
	}
	p->conf = conf;
	return p;
}

struct plugin *
table_find_plugin(const char *name)
{
	for (size_t i = 0; i < table.n; i++) {
		if (strcmp(table.plugins[i]->name, name) == 0)
			return table.plugins[i];
	}
	return NULL;
}

static bool
add_missing(struct config *config)
{
	size_t at = table.n;
	struct plugin **all = realloc(table.plugins,
	    (table.n + config->nplugins + 1) * sizeof(struct plugin *));

	if (all == NULL)
		return false;
	table.plugins = all;
	for (size_t i = 0; i < config->nplugins; i++) {
		const struct plugin_conf *conf = config->plugins[i];
		struct plugin *p = table_find_plugin(conf->name);

		if (p != NULL) {
			if (grow_rows(p, config, conf) != 0)
				return false;
			continue;
		}
		p = new_plugin(config, conf);
		if (p == NULL)
			return false;
		all[at++] = p;
		table.n = at;
	}
	return true;
}

static void
unlink_plugin(struct plugin *p)
{
	free(p->deps);
	p->deps = NULL;
	p->ndeps = 0;
	p->ndependents = 0;
}

static bool
link_plugin(struct plugin *p)
{
	const struct plugin_conf *conf = p->conf;
	struct plugin **deps = calloc(conf->ndeps + 1, sizeof(struct plugin *));

	if (deps == NULL)
		return false;
	p->deps = deps;
	p->ndeps = conf->ndeps;
	for (size_t i = 0; i < conf->ndeps; i++)
		deps[i] = table_find_plugin(conf->deps[i].name);
	return true;
}

static bool
add_dependent(struct plugin *p, struct plugin *dependent)
{
	struct plugin **all = realloc(
	    p->dependents, (p->ndependents + 1) * sizeof(struct plugin *));

	if (all == NULL)
		return false;
	p->dependents = all;
	all[p->ndependents++] = dependent;
	return true;
}

static bool
link_all(void)
{
	for (size_t i = 0; i < table.n; i++)
		unlink_plugin(table.plugins[i]);
	for (size_t i = 0; i < table.n; i++) {
		struct plugin *p = table.plugins[i];

		if (p->removed)
			continue;
		if (!link_plugin(p))
			return false;
		for (size_t d = 0; d < p->ndeps; d++) {
			if (p->deps[d] != NULL && !add_dependent(p->deps[d], p))
				return false;
		}
	}
	return true;
}

/* Depth first; the configuration has no cycles. */
static void
visit(struct plugin *p, struct plugin **sorted, size_t *n)
{
	if (p->visited)
		return;
	p->visited = true;
	for (size_t i = 0; i < p->ndeps; i++) {
		if (p->deps[i] != NULL)
			visit(p->deps[i], sorted, n);
	}
	sorted[(*n)++] = p;
}

static bool
sort_all(void)
{
	struct plugin **sorted = calloc(table.n + 1, sizeof(struct plugin *));
	size_t n = 0;

	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < table.n; i++)
		table.plugins[i]->visited = false;
	for (size_t i = 0; i < table.n; i++)
		visit(table.plugins[i], sorted, &n);
	free(table.plugins);
	table.plugins = sorted;
	return true;
}

/* NULL: the plugin is no longer configured. */
static void
take_conf(struct plugin *p, const struct plugin_conf *conf)
{
	p->removed = conf == NULL;
	/* A removed plugin keeps what its last row runs with. */
	if (conf != NULL)
		p->conf = conf;
	else if (p->nrows > 0)
		p->conf = p->rows[0]->conf;
	for (size_t i = 0; i < p->nrows; i++) {
		struct row *row = p->rows[i];

		row->removed =
		    conf == NULL || row->instance > (uint64_t)conf->instances;
		if (conf != NULL)
			name_row(row, conf->instances);
	}
}

int
table_apply(struct config *config)
{
	if (!add_missing(config))
		return -ENOMEM;
	/* From here on plugins point into the new configuration. Rows hold
	 * references of their own to what they run with. */
	config_ref(config);
	config_unref(table.config);
	table.config = config;
	for (size_t i = 0; i < table.n; i++)
		take_conf(table.plugins[i],
		    config_find(config, table.plugins[i]->name));
	return link_all() && sort_all() ? 0 : -ENOMEM;
}

static bool
is_gone(const struct row *row)
{
	return row->removed && row->state == STATE_DESTROYED &&
	       row->child.pid == 0;
}

static void
collect_rows(struct plugin *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->nrows; i++) {
		if (is_gone(p->rows[i]))
			free_row(p->rows[i]);
		else
			p->rows[kept++] = p->rows[i];
	}
	p->nrows = kept;
}

void
table_collect(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < table.n; i++) {
		struct plugin *p = table.plugins[i];

		collect_rows(p);
		if (p->removed && p->nrows == 0)
			free_plugin(p);
		else
			table.plugins[kept++] = p;
	}
	table.n = kept;
}

void
table_free(void)
{
	for (size_t i = 0; i < table.n; i++)
		free_plugin(table.plugins[i]);
	free(table.plugins);
	config_unref(table.config);
	memset(&table, 0, sizeof(table));
}

int
table_find_rows(const char *name, struct row ***ret_rows, size_t *ret_n)
{
	char plugin[ROW_NAME_MAX];
	const char *colon = strchr(name, ':');
	size_t len = colon != NULL ? (size_t)(colon - name) : strlen(name);
	struct plugin *p;

	if (len >= sizeof(plugin))
		return -ENOENT;
	memcpy(plugin, name, len);
	plugin[len] = '\0';
	p = table_find_plugin(plugin);
	if (p == NULL)
		return -ENOENT;
	if (colon == NULL) {
		*ret_rows = p->rows;
		*ret_n = p->nrows;
		return 0;
	}
	for (size_t i = 0; i < p->nrows; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", p->rows[i]->instance);
		if (strcmp(number, colon + 1) == 0) {
			*ret_rows = &p->rows[i];
			*ret_n = 1;
			return 0;
		}
	}
	return -ENOENT;
}

size_t
table_count_rows(void)
{
	size_t n = 0;

	for (size_t i = 0; i < table.n; i++)
		n += table.plugins[i]->nrows;
	return n;
}

struct row *
table_next(struct table_cursor *c)
{
	while (c->plugin < table.n) {
		struct plugin *p = table.plugins[c->plugin];

		if (c->row < p->nrows)
			return p->rows[c->row++];
		c->plugin++;
		c->row = 0;
	}
	return NULL;
}

const struct exit_record *
row_exit(const struct row *row, unsigned n)
{
	if (row->exits == NULL || n >= row->nexits || n >= ROW_EXITS)
		return NULL;
	return &row->exits[(row->nexits - 1 - n) % ROW_EXITS];
}

static const char *const health_names[HEALTH__COUNT] = {
    [HEALTH_UNKNOWN] = "unknown",
    [HEALTH_OK] = "ok",
    [HEALTH_DEGRADED] = "degraded",
    [HEALTH_FAILING] = "failing",
};

static const char *const reason_names[STOP_REASON__COUNT] = {
    [STOP_NONE] = "none",
    [STOP_OPERATOR] = "stop requested",
    [STOP_RESTART] = "restart requested",
    [STOP_CONFIG] = "configuration changed",
    [STOP_DEPENDENCY] = "a dependency went away",
    [STOP_UNHEALTHY] = "unhealthy",
    [STOP_START_TIMEOUT] = "not ready in time",
    [STOP_START_FAILED] = "its start failed",
    [STOP_REFUSED] = "it refuses its configuration",
    [STOP_REMOVED] = "removed from the configuration",
    [STOP_SHUTDOWN] = "plugind is stopping",
};

const char *
plugin_health_to_string(enum plugin_health h)
{
	return h < HEALTH__COUNT ? health_names[h] : "unknown";
}

const char *
stop_reason_to_string(enum stop_reason r)
{
	return r < STOP_REASON__COUNT ? reason_names[r] : "unknown";
}

bool
stop_reason_is_failure(enum stop_reason r)
{
	return r == STOP_UNHEALTHY || r == STOP_START_TIMEOUT ||
	       r == STOP_START_FAILED || r == STOP_REFUSED;
}

const char *
exit_kind_to_string(enum exit_kind k)
{
	return k == EXIT_KIND_SIGNAL ? "signal" : "exit";
}
