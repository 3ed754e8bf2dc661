/*
 * confdiff: how two versions of one plugin differ, by the table.
 *
 * Pure. Compares what was written, not what was derived from it, and not
 * where it was written: moving a plugin to another file changes nothing.
 */
#include "schema.h"

#include <string.h>

typedef bool equal_fn(const struct schema_key *k, const void *a, const void *b);

static equal_fn *const equals[VALUE_TYPE__COUNT];

static bool
equal_bool(const struct schema_key *k, const void *a, const void *b)
{
	(void)k;
	return *(const bool *)a == *(const bool *)b;
}

static bool
equal_number(const struct schema_key *k, const void *a, const void *b)
{
	(void)k;
	return *(const int64_t *)a == *(const int64_t *)b;
}

/* Signals and enums. */
static bool
equal_int(const struct schema_key *k, const void *a, const void *b)
{
	(void)k;
	return memcmp(a, b, sizeof(int)) == 0;
}

static bool
is_same(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool
equal_text(const struct schema_key *k, const void *a, const void *b)
{
	(void)k;
	return is_same(*(char *const *)a, *(char *const *)b);
}

static bool
equal_list(const struct schema_key *k, const void *a, const void *b)
{
	const struct strv *x = a;
	const struct strv *y = b;

	(void)k;
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->v[i], y->v[i]) != 0)
			return false;
	return true;
}

static const struct plugin_conf *
owner(const void *field, size_t offset)
{
	return (const struct plugin_conf *)((const char *)field - offset);
}

static bool
equal_deps(const struct schema_key *k, const void *a, const void *b)
{
	const struct plugin_conf *x = owner(a, k->offset);
	const struct plugin_conf *y = owner(b, k->offset);

	if (x->ndeps != y->ndeps)
		return false;
	for (size_t i = 0; i < x->ndeps; i++)
		if (strcmp(x->deps[i].name, y->deps[i].name) != 0 ||
		    x->deps[i].condition != y->deps[i].condition ||
		    x->deps[i].restart != y->deps[i].restart)
			return false;
	return true;
}

static bool
equal_free(const struct schema_key *k, const void *a, const void *b)
{
	const struct plugin_conf *x = owner(a, k->offset);
	const struct plugin_conf *y = owner(b, k->offset);

	return x->config_len == y->config_len &&
	       (x->config_len == 0 ||
	           memcmp(x->config, y->config, x->config_len) == 0);
}

static bool
equal_map(const struct schema_key *k, const void *a, const void *b)
{
	for (size_t i = 0; i < k->map->n; i++) {
		const struct schema_key *sub = &k->map->keys[i];

		if (!equals[sub->type](sub, schema_field_const(sub, a),
		        schema_field_const(sub, b)))
			return false;
	}
	return true;
}

/* Types that no plugin has are left out. */
static equal_fn *const equals[VALUE_TYPE__COUNT] = {
    [VAL_BOOL] = equal_bool,
    [VAL_INT] = equal_number,
    [VAL_OCTAL] = equal_number,
    [VAL_DURATION] = equal_number,
    [VAL_SIZE] = equal_number,
    [VAL_PERCENT] = equal_number,
    [VAL_FACTOR] = equal_number,
    [VAL_SIGNAL] = equal_int,
    [VAL_ENUM] = equal_int,
    [VAL_WORD] = equal_text,
    [VAL_STRING] = equal_text,
    [VAL_PATH] = equal_text,
    [VAL_PROGRAM] = equal_text,
    [VAL_ARGV] = equal_list,
    [VAL_LIST] = equal_list,
    [VAL_ENV] = equal_list,
    [VAL_DEPS] = equal_deps,
    [VAL_FREE] = equal_free,
    [VAL_MAP] = equal_map,
};

enum conf_change
plugin_conf_diff(const struct plugin_conf *a, const struct plugin_conf *b,
    struct buf *fields)
{
	enum conf_change change = CONF_SAME;

	for (size_t i = 0; i < schema_plugin.n; i++) {
		const struct schema_key *k = &schema_plugin.keys[i];

		if (equals[k->type](
		        k, schema_field_const(k, a), schema_field_const(k, b)))
			continue;
		if (fields != NULL)
			buf_printf(fields, "%s%s",
			    change == CONF_SAME ? "" : ", ", k->name);
		if (k->change > change)
			change = k->change;
	}
	return change;
}
