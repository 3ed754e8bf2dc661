/*
 * bindplugin: the plugins of a file, their dependencies, and the settings
 * that pluginctl keeps in a file of its own.
 *
 * Owns the rows of a load: each begins as a copy of what a plugin has that
 * says nothing itself, then the file speaks. The same name in two files is
 * found later, when all files have been read (config.c).
 */
#include "bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
bind_dep_details(struct binder *b, const struct schema_key *k,
    const struct node *n, struct dep_conf *dep)
{
	if (n->kind == NODE_MAP || node_is_null(n))
		bind_map(b, k->map, n, dep);
	else if (n->kind != NODE_BROKEN)
		bind_expected(
		    b, dep->name, n, "a map such as {condition: ready}");
}

static bool
is_repeated(const struct dep_conf *deps, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(deps[i].name, name) == 0)
			return true;
	return false;
}

/* Elements of a list and keys of a map. */
static void
bind_dep(struct binder *b, const struct schema_key *k, const struct node *n,
    struct dep_conf *deps, size_t *count)
{
	const struct node *name = n->key != NULL ? n->key : n;
	struct dep_conf *dep = &deps[*count];
	struct conf_quoted q;

	if (name->kind != NODE_SCALAR || node_is_null(name)) {
		if (name->kind != NODE_BROKEN)
			bind_expected(b, k->name, name, "a name of a plugin");
		return;
	}
	if (!config_name_valid(name->text)) {
		conf_error_add(b->errs, node_loc(b->file, name),
		    "%s: %s is no name of a plugin", k->name,
		    conf_quote(&q, name->text));
		return;
	}
	if (is_repeated(deps, *count, name->text)) {
		conf_error_add(b->errs, node_loc(b->file, name),
		    "%s: %s stands there twice", k->name, name->text);
		return;
	}
	dep->name = bind_memory(b, arena_strdup(b->arena, name->text));
	if (dep->name == NULL)
		return;
	dep->loc = node_loc(b->file, name);
	bind_defaults(b, k->map, dep);
	if (n->key != NULL)
		bind_dep_details(b, k, n, dep);
	(*count)++;
}

void
bind_deps(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	struct plugin_conf *p =
	    (struct plugin_conf *)((char *)field -
	                           offsetof(struct plugin_conf, deps));
	struct conf_loc loc = node_loc(b->file, n);
	size_t count = 0;

	if (node_is_null(n) || (n->kind != NODE_SCALAR && n->count == 0))
		return;
	if (n->kind == NODE_SCALAR) {
		bind_expected(b, k->name, n, "a list such as [redis]");
		return;
	}
	if (n->count > CONFIG_DEPS_MAX) {
		conf_error_add(b->errs, loc, "%s: more than %d plugins",
		    k->name, CONFIG_DEPS_MAX);
		return;
	}
	p->deps =
	    bind_memory(b, arena_alloc(b->arena, n->count * sizeof(*p->deps)));
	if (p->deps == NULL)
		return;
	for (const struct node *v = n->first; v != NULL; v = v->next)
		bind_dep(b, k, v, p->deps, &count);
	p->ndeps = count;
}

static bool
check_name(struct binder *b, const struct node *key)
{
	struct conf_quoted q;
	struct conf_loc loc = node_loc(b->file, key);

	if (config_name_valid(key->text))
		return true;
	conf_quote(&q, key->text);
	if (strcmp(key->text, "plugind") == 0 ||
	    strcmp(key->text, ROUTER_NAME) == 0 ||
	    strcmp(key->text, "status") == 0 ||
	    strcmp(key->text, "events") == 0)
		conf_error_add(b->errs, loc,
		    "a plugin cannot be called %s: that name is taken", q.text);
	else
		conf_error_add(b->errs, loc,
		    "%s is no name of a plugin: a letter, then letters, "
		    "digits, _ and -, all in lower case, %d at most",
		    q.text, CONFIG_NAME_MAX);
	return false;
}

/* A plugin that says nothing itself, at the end of the rows. */
static struct plugin_conf *
add_row(struct binder *b, const struct node *key)
{
	struct plugin_conf *p;

	if (b->nrows == CONFIG_PLUGINS_MAX) {
		if (!b->full)
			conf_error_add(b->errs, node_loc(b->file, key),
			    "more than %d plugins", CONFIG_PLUGINS_MAX);
		b->full = true;
		return NULL;
	}
	p = bind_memory(b, arena_memdup(b->arena, &b->base, sizeof(*p)));
	if (p == NULL)
		return NULL;
	p->name = bind_memory(b, arena_strdup(b->arena, key->text));
	if (p->name == NULL)
		return NULL;
	p->loc = node_loc(b->file, key);
	b->rows[b->nrows++] = p;
	return p;
}

static void
bind_plugin(struct binder *b, const struct schema_key *k, const struct node *n)
{
	bool named = check_name(b, n->key);
	struct plugin_conf *p;

	if (n->kind == NODE_BROKEN)
		return;
	if (n->kind != NODE_MAP && !node_is_null(n)) {
		bind_expected(
		    b, n->key->text, n, "a map such as {command: [sleep, 10]}");
		return;
	}
	p = add_row(b, n->key);
	if (p == NULL)
		return;
	bind_map(b, k->map, n, p);
	check_plugin(b, n, p);
	if (!named)
		b->nrows--;
}

void
bind_plugins(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	(void)field;
	if (n->kind != NODE_MAP && !node_is_null(n)) {
		bind_expected(b, k->name, n, "a map from names to plugins");
		return;
	}
	for (const struct node *v = n->first; v != NULL; v = v->next)
		bind_plugin(b, k, v);
}

static void
bind_override(struct binder *b, const struct node *n)
{
	struct plugin_conf *p = config_find(b->config, n->key->text);
	struct plugin_conf nobody;
	struct conf_quoted q;

	if (n->kind != NODE_MAP && !node_is_null(n)) {
		bind_expected(
		    b, n->key->text, n, "a map such as {enabled: false}");
		return;
	}
	if (p == NULL && !b->incomplete)
		conf_warning_add(b->errs, node_loc(b->file, n->key),
		    "no other file has a plugin %s: remove this entry",
		    conf_quote(&q, n->key->text));
	bind_map(b, &schema_override, n, p == NULL ? &nobody : p);
}

void
bind_overrides(struct binder *b, const struct node *root)
{
	const struct node *plugins = node_get(root, "plugins");

	for (const struct node *v = root->first; v != NULL; v = v->next)
		if (v != plugins)
			conf_error_add(b->errs, node_loc(b->file, v->key),
			    "this file belongs to pluginctl and holds "
			    "plugins: only");
	if (plugins == NULL || node_is_null(plugins))
		return;
	if (plugins->kind != NODE_MAP) {
		bind_expected(
		    b, "plugins", plugins, "a map from names to plugins");
		return;
	}
	for (const struct node *v = plugins->first; v != NULL; v = v->next)
		if (v->kind != NODE_BROKEN)
			bind_override(b, v);
}
