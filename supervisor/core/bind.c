/*
 * bind: from the tree of a file into the structs of config.h, by the table.
 *
 * Owns maps and lists: finds the row of each key, reports the keys that have
 * none, and hands single values to scalar.c and what belongs to plugins to
 * bindplugin.c. Never stops at a fault: one run finds them all. Neither
 * reads files nor looks at the machine.
 */
#include "bind.h"

#include <stdio.h>
#include <string.h>

static bind_fn *find_binder(enum value_type type);

void
bind_defaults(struct binder *b, const struct schema_map *map, void *base)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct schema_key *k = &map->keys[i];
		struct node n = {.text = k->def, .plain = true};
		void *field = schema_field(k, base);

		if (k->type == VAL_MAP)
			bind_defaults(b, k->map, field);
		else if (k->def != NULL)
			find_binder(k->type)(b, k, &n, field);
		else if (k->type >= VAL_INT && k->type <= VAL_FACTOR)
			*(int64_t *)field = -1;
	}
}

static void
list_names(const struct schema_map *map, char *out, size_t cap)
{
	size_t used = 0;

	for (size_t i = 0; i < map->n && used < cap; i++)
		used += (size_t)snprintf(out + used, cap - used, "%s%s",
		    i == 0 ? "" : ", ", map->keys[i].name);
}

/* True for a plugin that stands where only settings may stand. */
static bool
looks_like_plugin(const struct schema_map *map, const struct node *n)
{
	return (map == &schema_main || map == &schema_dropin) &&
	       (node_get(n, "command") != NULL || node_get(n, "exec") != NULL ||
	           node_get(n, "module") != NULL);
}

static void
report_unknown(
    struct binder *b, const struct schema_map *map, const struct node *n)
{
	struct conf_loc loc = node_loc(b->file, n->key);
	const char *meant = NULL;
	char names[512];
	struct conf_quoted q;

	/* Beyond the bound a complaint is only counted: save the search. */
	if (b->errs->n < CONFIG_ERRORS_MAX)
		meant = schema_suggest(map, n->key->text);
	list_names(map, names, sizeof(names));
	conf_quote(&q, n->key->text);
	if (meant != NULL)
		conf_error_add(b->errs, loc,
		    "unknown key %s (did you mean %s?)", q.text, meant);
	else if (looks_like_plugin(map, n))
		conf_error_add(b->errs, loc,
		    "unknown key %s: a plugin stands under plugins:", q.text);
	else if (map == &schema_dropin &&
	         schema_find(&schema_main, n->key->text) != NULL)
		conf_error_add(b->errs, loc,
		    "%s belongs in the main file: a file in plugins.d holds "
		    "plugins: only",
		    q.text);
	else
		conf_error_add(b->errs, loc,
		    "unknown key %s: known here are %s", q.text, names);
}

void
bind_map(struct binder *b, const struct schema_map *map, const struct node *n,
    void *base)
{
	if (n == NULL || node_is_null(n))
		return;
	for (const struct node *v = n->first; v != NULL; v = v->next)
		if (schema_find(map, v->key->text) == NULL)
			report_unknown(b, map, v);
	/* In the order of the table: plugins need what comes before them. */
	for (size_t i = 0; i < map->n; i++) {
		const struct schema_key *k = &map->keys[i];
		const struct node *v = node_get(n, k->name);

		if (v != NULL && v->kind != NODE_BROKEN)
			find_binder(k->type)(b, k, v, schema_field(k, base));
	}
}

static void
bind_submap(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	if (n->kind != NODE_MAP && !node_is_null(n)) {
		bind_expected(b, k->name, n, "a map of keys and values");
		return;
	}
	bind_map(b, k->map, n, field);
}

static void
bind_default_map(struct binder *b, const struct schema_key *k,
    const struct node *n, void *field)
{
	(void)field;
	bind_submap(b, k, n, &b->base);
}

static char **
new_vector(struct binder *b, size_t n)
{
	return bind_memory(b, arena_alloc(b->arena, (n + 1) * sizeof(char *)));
}

/* The elements of a list, each checked; false after a complaint. */
static bool
bind_elements(struct binder *b, const struct schema_key *k,
    const struct node *n, struct strv *out)
{
	bool good = true;

	*out = (struct strv){0};
	if (n->count == 0)
		return true;
	out->v = new_vector(b, n->count);
	if (out->v == NULL)
		return false;
	for (const struct node *e = n->first; e != NULL; e = e->next) {
		char *text =
		    e->kind == NODE_BROKEN ? NULL : bind_checked(b, k, e);

		out->v[out->n++] = text;
		good = good && text != NULL;
	}
	return good;
}

static void
bind_list(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	struct strv list;

	if (n->kind != NODE_SEQ)
		bind_expected(b, k->name, n, "a list such as [one, two]");
	else if (bind_elements(b, k, n, &list))
		*(struct strv *)field = list;
}

static void
bind_paths(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	struct strv list;

	if (n->kind != NODE_SEQ) {
		bind_expected(
		    b, k->name, n, "a list of paths such as [/a, /b]");
		return;
	}
	if (!bind_elements(b, k, n, &list))
		return;
	for (size_t i = 0; i < list.n; i++) {
		list.v[i] = bind_path(b, list.v[i]);
		if (list.v[i] == NULL)
			return;
	}
	*(struct strv *)field = list;
}

/* "a b c" as the list that was meant. */
static void
report_blanks(
    struct binder *b, const struct schema_key *k, const struct node *n)
{
	char list[160];
	size_t used = 0;
	const char *s = n->text + strspn(n->text, " \t\r\n");

	while (*s != '\0' && used < sizeof(list)) {
		size_t len = strcspn(s, " \t\r\n");
		bool bare = strcspn(s, "[]{},:#&*!|>'\"%@`$") >= len &&
		            strchr("-0123456789?", s[0]) == NULL;

		used += (size_t)snprintf(list + used, sizeof(list) - used,
		    "%s%s%.*s%s", used == 0 ? "" : ", ", bare ? "" : "'",
		    (int)len, s, bare ? "" : "'");
		s += len + strspn(s + len, " \t\r\n");
	}
	if (used >= sizeof(list))
		(void)snprintf(
		    list, sizeof(list), "program, argument, argument");
	conf_error_add(b->errs, node_loc(b->file, n),
	    "%s: no shell splits this text: write a list, %s: [%s]", k->name,
	    k->name, list);
}

static void
bind_argv(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	struct node one = *n;
	struct node list = {.kind = NODE_SEQ, .count = 1, .first = &one};
	struct strv argv;

	if (n->kind == NODE_SCALAR && !node_is_null(n)) {
		if (strpbrk(n->text, " \t\r\n") != NULL) {
			report_blanks(b, k, n);
			return;
		}
		one.next = NULL;
		n = &list;
	}
	if (n->kind != NODE_SEQ || n->count == 0) {
		bind_expected(b, k->name, n,
		    "a program and its arguments such as [sleep, 10]");
		return;
	}
	if (!bind_elements(b, k, n, &argv))
		return;
	if (argv.v[0][0] == '\0') {
		bind_expected(b, k->name, n->first, "a program");
		return;
	}
	argv.v[0] = bind_program_path(b, argv.v[0]);
	if (argv.v[0] != NULL)
		*(struct strv *)field = argv;
}

static bool
is_variable_name(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                              "abcdefghijklmnopqrstuvwxyz_";

	if (s[0] == '\0' || strchr(letters, s[0]) == NULL)
		return false;
	for (; *s != '\0'; s++)
		if (strchr(letters, *s) == NULL &&
		    strchr("0123456789", *s) == NULL)
			return false;
	return true;
}

/* KEY=value, or NULL after a complaint. */
static char *
bind_variable(struct binder *b, const struct node *n)
{
	const char *name = n->key->text;
	struct conf_quoted q;
	char *value;

	if (!is_variable_name(name)) {
		conf_error_add(b->errs, node_loc(b->file, n->key),
		    "%s is no name for a variable: letters, digits and _",
		    conf_quote(&q, name));
		return NULL;
	}
	if (strncmp(name, "PLUGIND_", 8) == 0) {
		conf_error_add(b->errs, node_loc(b->file, n->key),
		    "%s: PLUGIND_ variables are set by the daemon",
		    conf_quote(&q, name));
		return NULL;
	}
	if (n->kind == NODE_BROKEN)
		return NULL;
	if (node_is_null(n)) {
		bind_expected(b, name, n, "a text (\"\" for an empty one)");
		return NULL;
	}
	value = bind_text(b, name, n);
	if (value == NULL)
		return NULL;
	return bind_memory(b, arena_printf(b->arena, "%s=%s", name, value));
}

static void
bind_env(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	struct strv env = {0};

	if (n->kind != NODE_MAP && !node_is_null(n)) {
		bind_expected(b, k->name, n, "a map such as {NAME: value}");
		return;
	}
	env.v = new_vector(b, n->count);
	if (env.v == NULL)
		return;
	for (const struct node *v = n->first; v != NULL; v = v->next) {
		char *pair = bind_variable(b, v);

		if (pair != NULL)
			env.v[env.n++] = pair;
	}
	if (env.n == 0)
		env.v = NULL;
	*(struct strv *)field = env;
}

static bind_fn *const binders[VALUE_TYPE__COUNT] = {
    [VAL_ARGV] = bind_argv,
    [VAL_LIST] = bind_list,
    [VAL_PATHS] = bind_paths,
    [VAL_ENV] = bind_env,
    [VAL_DEPS] = bind_deps,
    [VAL_FREE] = bind_free,
    [VAL_MAP] = bind_submap,
    [VAL_DEFAULTS] = bind_default_map,
    [VAL_PLUGINS] = bind_plugins,
};

static bind_fn *
find_binder(enum value_type type)
{
	return binders[type] != NULL ? binders[type] : scalar_binder(type);
}
