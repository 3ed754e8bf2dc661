/*
 * confcheck: what several keys, or several plugins, say together.
 *
 * check_plugin sees one plugin with its tree, so that it can point at the
 * key that is one too many; check_graph sees all plugins when every file has
 * been read. Derives what is not in the file: kind, readiness, probe
 * targets, rights on the bus. Looks at nothing but the configuration; the
 * machine is the business of confhost.c.
 */
#include "bind.h"
#include "number.h"
#include "target.h"

#include "common/units.h"

#include <errno.h>
#include <string.h>

static const char *const kind_keys[] = {"command", "exec", "module", NULL};
static const char *const probe_keys[] = {"http", "tcp", "exec", NULL};
static const char *const ready_keys[] = {
    "notify", "log", "probe", "after", NULL};

/* The place among `keys` of the first in the file that is there, or -1;
 * complains of the others. */
static int
find_only(struct binder *b, const char *what, const struct node *map,
    const char *const *keys)
{
	const struct node *first = NULL;
	int found = -1;

	if (map->kind != NODE_MAP)
		return -1;
	for (const struct node *v = map->first; v != NULL; v = v->next) {
		int i = 0;

		while (keys[i] != NULL && strcmp(keys[i], v->key->text) != 0)
			i++;
		if (keys[i] == NULL)
			continue;
		if (first != NULL)
			conf_error_add(b->errs, node_loc(b->file, v->key),
			    "%s: %s is too much beside %s of line %u: keep "
			    "one of them",
			    what, v->key->text, first->key->text,
			    first->key->line);
		else
			found = i;
		first = first == NULL ? v : first;
	}
	return found;
}

/* True when an unknown key was probably meant to be one of these, which has
 * been said already. */
static bool
is_mistyped(const struct node *map, const char *const *keys)
{
	for (const struct node *v = map->first; v != NULL; v = v->next)
		for (size_t i = 0; keys[i] != NULL; i++)
			if (strlen(v->key->text) < 12 &&
			    schema_distance(v->key->text, keys[i]) <= 2)
				return true;
	return false;
}

static bool
derive_kind(struct binder *b, const struct node *n, struct plugin_conf *p)
{
	int found = find_only(b, p->name, n, kind_keys);

	if (found >= 0) {
		p->kind = (enum conf_kind)found;
		return true;
	}
	if (!is_mistyped(n, kind_keys))
		conf_error_add(b->errs, p->loc,
		    "%s: what to run is missing: one of command: [program, "
		    "argument], exec: [program, argument] or module: name.so",
		    p->name);
	return false;
}

static void
check_scope(struct binder *b, const struct schema_map *map,
    const struct node *n, const struct plugin_conf *p)
{
	for (const struct node *v = n->first; v != NULL; v = v->next) {
		const struct schema_key *k = schema_find(map, v->key->text);

		if (k == NULL)
			continue;
		if (k->type == VAL_MAP && v->kind == NODE_MAP)
			check_scope(b, k->map, v, p);
		if (!schema_out_of_scope(k, p->kind))
			continue;
		conf_error_add(b->errs, node_loc(b->file, v->key),
		    k->scope == SCOPE_COMMAND
		        ? "%s: only for a command plugin: %s has %s and says "
		          "it by the plugin protocol"
		        : "%s: not for a command plugin, which has no bus: "
		          "%s has %s",
		    k->name, p->name, conf_kind_to_string(p->kind));
	}
}

static void
check_probe(struct binder *b, const struct node *map, struct probe_conf *probe)
{
	const struct node *n = node_get(map, "probe");

	if (n == NULL)
		return;
	if (n->count == 0 && (n->kind == NODE_MAP || node_is_null(n)))
		conf_error_add(b->errs, node_loc(b->file, n->key),
		    "probe: one of http, tcp or exec is missing");
	else
		(void)find_only(b, "probe", n, probe_keys);
	if (target_resolve(b->arena, probe) < 0)
		b->error = -ENOMEM;
}

/* Compiling takes its time, and a file can hold thousands. */
static void
check_regex(struct binder *b, const struct node *n, const char *regex)
{
	struct conf_loc loc = node_loc(b->file, n);
	unsigned long cost = target_regex_cost(regex);
	const char *problem;
	struct conf_quoted q;

	if (cost > b->regex_budget) {
		conf_error_add(b->errs, loc,
		    "log: the patterns of all plugins together repeat too "
		    "much: use simpler ones");
		return;
	}
	b->regex_budget -= cost;
	problem = target_compile_regex(regex);
	if (problem != NULL)
		conf_error_add(b->errs, loc, "log: %s: %s",
		    conf_quote(&q, regex), problem);
}

static void
check_ready(struct binder *b, const struct node *n, struct ready_conf *ready)
{
	static const enum ready_kind which[] = {
	    READY_NOTIFY, READY_LOG, READY_PROBE, READY_AFTER};
	int found;

	if (n == NULL)
		return;
	found = find_only(b, "ready", n, ready_keys);
	if (found >= 0)
		ready->kind = which[found];
	if (ready->kind == READY_NOTIFY && !ready->notify)
		ready->kind = READY_DEFAULT;
	if (ready->log != NULL)
		check_regex(b, node_get(n, "log"), ready->log);
	check_probe(b, n, &ready->probe);
}

static void
check_restart(
    struct binder *b, const struct node *n, const struct restart_conf *r)
{
	const struct node *delay = node_get(n, "delay");
	const struct node *max = node_get(n, "max_delay");
	const struct node *at = max != NULL ? max : delay;

	char shorter[NUMBER_CAP];
	char longer[NUMBER_CAP];

	if (at == NULL || r->delay_ms <= r->max_delay_ms)
		return;
	conf_error_add(b->errs, node_loc(b->file, at),
	    "restart: max_delay (%s) is shorter than delay (%s)",
	    units_format_duration(r->max_delay_ms, shorter, sizeof(shorter)),
	    units_format_duration(r->delay_ms, longer, sizeof(longer)));
}

static struct strv
make_list(struct binder *b, char *first, char *second)
{
	struct strv list = {.n = second == NULL ? 1 : 2};

	list.v = bind_memory(
	    b, arena_alloc(b->arena, (list.n + 1) * sizeof(char *)));
	if (list.v == NULL)
		return (struct strv){0};
	list.v[0] = first;
	list.v[1] = second;
	return list;
}

/* What a plugin may do on the bus that does not say it. */
void
fill_rights(struct binder *b, const struct node *n, struct plugin_conf *p)
{
	const struct node *events = node_get(n, "events");

	if (node_get(events, "publish") == NULL)
		p->events.publish = make_list(b,
		    bind_memory(b, arena_strdup(b->arena, "custom.>")),
		    bind_memory(b, arena_printf(b->arena, "%s.>", p->name)));
	if (node_get(events, "subscribe") == NULL)
		p->events.subscribe = make_list(
		    b, bind_memory(b, arena_strdup(b->arena, ">")), NULL);
}

void
check_plugin(struct binder *b, const struct node *n, struct plugin_conf *p)
{
	if (derive_kind(b, n, p)) {
		check_scope(b, &schema_plugin, n, p);
		check_host(b, n, p);
	}
	check_restart(b, node_get(n, "restart"), &p->restart);
	check_probe(b, node_get(n, "health"), &p->health.probe);
	check_ready(b, node_get(n, "ready"), &p->ready);
	if (p->kind != KIND_COMMAND)
		fill_rights(b, n, p);
}

/* The name that was probably meant, or NULL. */
static const char *
closest_plugin(struct binder *b, const char *name)
{
	unsigned best = (unsigned)(strlen(name) / 3) + 1;
	const char *found = NULL;

	for (size_t i = 0; i < b->config->nplugins && b->patience > 0; i++) {
		const char *other = b->config->plugins[i]->name;
		unsigned d = schema_distance(name, other);

		b->patience--;
		if (d < best) {
			best = d;
			found = other;
		}
	}
	return found;
}

static void
report_missing(struct binder *b, const struct dep_conf *dep)
{
	const char *meant = closest_plugin(b, dep->name);

	if (meant != NULL)
		conf_error_add(b->errs, dep->loc,
		    "depends_on: there is no plugin %s (did you mean %s?)",
		    dep->name, meant);
	else
		conf_error_add(b->errs, dep->loc,
		    "depends_on: there is no plugin %s", dep->name);
}

/* Conditions that would never come true. */
static void
check_condition(struct binder *b, const struct dep_conf *dep,
    const struct plugin_conf *target)
{
	if (dep->condition == DEP_HEALTHY && target->kind == KIND_COMMAND &&
	    target->health.probe.kind == PROBE_NONE)
		conf_warning_add(b->errs, dep->loc,
		    "depends_on: %s has no health: probe:, so nobody knows "
		    "when it is healthy",
		    dep->name);
	if (dep->condition == DEP_COMPLETED &&
	    target->restart.policy == RESTART_ALWAYS)
		conf_warning_add(b->errs, dep->loc,
		    "depends_on: %s is always restarted, so it is never "
		    "completed",
		    dep->name);
}

static void
check_deps(struct binder *b, const struct plugin_conf *p)
{
	for (size_t i = 0; i < p->ndeps; i++) {
		const struct dep_conf *dep = &p->deps[i];
		const struct plugin_conf *target =
		    config_find(b->config, dep->name);

		if (target == p)
			conf_error_add(b->errs, dep->loc,
			    "depends_on: %s depends on itself", p->name);
		else if (target != NULL)
			check_condition(b, dep, target);
		else if (!b->incomplete)
			report_missing(b, dep);
	}
}

static void
check_instances(struct binder *b)
{
	int64_t sum = 0;
	int64_t managed = 0;

	for (size_t i = 0; i < b->config->nplugins; i++) {
		const struct plugin_conf *p = b->config->plugins[i];
		bool on_bus = plugin_conf_is_managed(p);

		sum += p->instances;
		managed += on_bus ? p->instances : 0;
		if (sum > CONFIG_INSTANCES_MAX) {
			conf_error_add(b->errs, p->loc,
			    "instances: with %s there are more than %d of all "
			    "plugins together",
			    p->name, CONFIG_INSTANCES_MAX);
			return;
		}
		if (on_bus && managed > CONFIG_MANAGED_MAX) {
			conf_error_add(b->errs, p->loc,
			    "instances: with %s there are more than %d of all "
			    "module: and exec: plugins together",
			    p->name, CONFIG_MANAGED_MAX);
			return;
		}
	}
}

void
check_graph(struct binder *b)
{
	for (size_t i = 0; i < b->config->nplugins; i++)
		check_deps(b, b->config->plugins[i]);
	check_instances(b);
	check_cycles(b);
}
