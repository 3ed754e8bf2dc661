/*
 * confschema: the schema in two forms for people: JSON Schema 2020-12 for
 * editors, and the Markdown table of docs/CONFIG.md.
 *
 * Pure, generated from the table that the reader uses. The JSON Schema says
 * what a single value looks like; what involves several keys it says only
 * where JSON Schema has short words for it, the reader says the rest.
 */
#include "number.h"
#include "schema.h"

#include "common/json.h"

#include <stdio.h>
#include <string.h>

static void describe(struct json *j, const struct schema_key *k);

static void
put_types(struct json *j, const char *const *types)
{
	json_key(j, "type");
	json_array(j);
	for (; *types != NULL; types++)
		json_str(j, *types);
	json_end_array(j);
}

static void
put_type(struct json *j, const char *type)
{
	json_key(j, "type");
	json_str(j, type);
}

/* A key that may be empty. */
static void
put_map_type(struct json *j)
{
	static const char *const types[] = {"object", "null", NULL};

	put_types(j, types);
}

/* A text; YAML takes 10 and true for something else without quotes. */
static void
put_text_type(struct json *j)
{
	static const char *const types[] = {
	    "string", "number", "boolean", NULL};

	put_types(j, types);
}

static void
put_text(struct json *j)
{
	json_object(j);
	put_text_type(j);
	json_end_object(j);
}

static void
describe_bool(struct json *j, const struct schema_key *k)
{
	put_type(j, "boolean");
	if (k->def == NULL)
		return;
	json_key(j, "default");
	json_bool(j, strcmp(k->def, "true") == 0);
}

static void
put_range(struct json *j, int64_t min, int64_t max)
{
	json_key(j, "minimum");
	json_int(j, min);
	json_key(j, "maximum");
	json_int(j, max);
}

static void
put_default_text(struct json *j, const struct schema_key *k)
{
	if (k->def == NULL)
		return;
	json_key(j, "default");
	json_str(j, k->def);
}

static void
put_default_number(struct json *j, const struct schema_key *k)
{
	int64_t v = 0;

	if (k->def == NULL || number_type_get(VAL_INT)->parse(k->def, &v) < 0)
		return;
	json_key(j, "default");
	json_int(j, v);
}

static void
describe_int(struct json *j, const struct schema_key *k)
{
	put_type(j, "integer");
	put_range(j, k->min, k->max);
	put_default_number(j, k);
}

static void
describe_factor(struct json *j, const struct schema_key *k)
{
	put_type(j, "number");
	put_range(j, k->min / 1000, k->max / 1000);
	put_default_number(j, k);
}

static void
describe_unit(struct json *j, const struct schema_key *k)
{
	static const char *const types[] = {"string", "integer", NULL};

	put_types(j, types);
	json_key(j, "pattern");
	json_str(j, number_type_get(k->type)->pattern);
	put_default_text(j, k);
}

static void
describe_signal(struct json *j, const struct schema_key *k)
{
	static const char *const types[] = {"string", "integer", NULL};

	put_types(j, types);
	put_range(j, 1, 64);
	put_default_text(j, k);
}

static void
describe_words(struct json *j, const struct schema_key *k)
{
	json_key(j, "enum");
	json_array(j);
	for (const char *const *w = k->words; *w != NULL; w++)
		json_str(j, *w);
	json_end_array(j);
	put_default_text(j, k);
}

static void
describe_text(struct json *j, const struct schema_key *k)
{
	put_text_type(j);
	json_key(j, "minLength");
	json_int(j, k->min);
	json_key(j, "maxLength");
	json_int(j, k->max);
	put_default_text(j, k);
}

static void
put_array(struct json *j, int64_t least)
{
	put_type(j, "array");
	json_key(j, "minItems");
	json_int(j, least);
	json_key(j, "items");
	put_text(j);
}

static void
describe_list(struct json *j, const struct schema_key *k)
{
	(void)k;
	put_array(j, 0);
}

static void
describe_argv(struct json *j, const struct schema_key *k)
{
	(void)k;
	json_key(j, "anyOf");
	json_array(j);
	json_object(j);
	put_array(j, 1);
	json_end_object(j);
	json_object(j);
	put_type(j, "string");
	json_key(j, "pattern");
	json_str(j, "^[^ \\t\\r\\n]+$");
	json_end_object(j);
	json_end_array(j);
}

static void
describe_env(struct json *j, const struct schema_key *k)
{
	(void)k;
	put_map_type(j);
	json_key(j, "propertyNames");
	json_object(j);
	json_key(j, "pattern");
	json_str(j, "^[A-Za-z_][A-Za-z0-9_]*$");
	json_end_object(j);
	json_key(j, "additionalProperties");
	put_text(j);
}

static void
describe_free(struct json *j, const struct schema_key *k)
{
	(void)k;
	put_map_type(j);
}

static void
put_properties(struct json *j, const struct schema_map *map)
{
	put_map_type(j);
	json_key(j, "properties");
	json_object(j);
	for (size_t i = 0; i < map->n; i++) {
		json_key(j, map->keys[i].name);
		describe(j, &map->keys[i]);
	}
	json_end_object(j);
	json_key(j, "additionalProperties");
	json_bool(j, false);
	if (map->least > 0) {
		json_key(j, "minProperties");
		json_uint(j, map->least);
	}
	if (map->most > 0) {
		json_key(j, "maxProperties");
		json_uint(j, map->most);
	}
}

static void
describe_map(struct json *j, const struct schema_key *k)
{
	put_properties(j, k->map);
}

static void
describe_deps(struct json *j, const struct schema_key *k)
{
	json_key(j, "anyOf");
	json_array(j);
	json_object(j);
	put_array(j, 0);
	json_key(j, "uniqueItems");
	json_bool(j, true);
	json_end_object(j);
	json_object(j);
	put_map_type(j);
	json_key(j, "additionalProperties");
	json_object(j);
	put_properties(j, k->map);
	json_end_object(j);
	json_end_object(j);
	json_end_array(j);
}

/* Exactly one of the keys that say what to run. */
static void
put_kinds(struct json *j)
{
	json_key(j, "oneOf");
	json_array(j);
	for (int i = 0; i < KIND_ROUTER; i++) {
		json_object(j);
		json_key(j, "required");
		json_array(j);
		json_str(j, conf_kind_to_string((enum conf_kind)i));
		json_end_array(j);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
describe_plugins(struct json *j, const struct schema_key *k)
{
	put_map_type(j);
	json_key(j, "patternProperties");
	json_object(j);
	json_key(j, "^[a-z][a-z0-9_-]{0,47}$");
	json_object(j);
	put_properties(j, k->map);
	put_kinds(j);
	json_end_object(j);
	json_end_object(j);
	json_key(j, "additionalProperties");
	json_bool(j, false);
}

typedef void describe_fn(struct json *j, const struct schema_key *k);

static const struct {
	describe_fn *describe;
	const char *name; /* in the Markdown table; NULL: the words */
} types[VALUE_TYPE__COUNT] = {
    [VAL_BOOL] = {describe_bool, "true or false"},
    [VAL_INT] = {describe_int, "number"},
    [VAL_OCTAL] = {describe_unit, "octal number"},
    [VAL_DURATION] = {describe_unit, "duration"},
    [VAL_SIZE] = {describe_unit, "size"},
    [VAL_PERCENT] = {describe_unit, "percentage"},
    [VAL_FACTOR] = {describe_factor, "number"},
    [VAL_SIGNAL] = {describe_signal, "signal"},
    [VAL_ENUM] = {describe_words, NULL},
    [VAL_WORD] = {describe_words, NULL},
    [VAL_STRING] = {describe_text, "text"},
    [VAL_PATH] = {describe_text, "path"},
    [VAL_PROGRAM] = {describe_text, "file"},
    [VAL_ARGV] = {describe_argv, "program and arguments"},
    [VAL_LIST] = {describe_list, "list"},
    [VAL_PATHS] = {describe_list, "list of paths"},
    [VAL_ENV] = {describe_env, "map"},
    [VAL_DEPS] = {describe_deps, "list or map"},
    [VAL_FREE] = {describe_free, "map"},
    [VAL_MAP] = {describe_map, "map"},
    [VAL_DEFAULTS] = {describe_map, "map"},
    [VAL_PLUGINS] = {describe_plugins, "map"},
};

static void
describe(struct json *j, const struct schema_key *k)
{
	json_object(j);
	json_key(j, "description");
	json_str(j, k->help);
	types[k->type].describe(j, k);
	json_end_object(j);
}

void
config_put_json_schema(struct buf *out)
{
	struct json j;

	json_init(&j, out, 2);
	json_object(&j);
	json_key(&j, "$schema");
	json_str(&j, "https://json-schema.org/draft/2020-12/schema");
	json_key(&j, "title");
	json_str(&j, "plugind configuration");
	put_properties(&j, &schema_main);
	json_end_object(&j);
	buf_putc(out, '\n');
}

static void
put_type_name(struct buf *out, const struct schema_key *k)
{
	if (types[k->type].name != NULL) {
		buf_puts(out, types[k->type].name);
		return;
	}
	for (const char *const *w = k->words; *w != NULL; w++)
		buf_printf(out, "%s`%s`", w == k->words ? "" : ", ", *w);
}

static const char *
scope_note(const struct schema_key *k)
{
	if (k->scope == SCOPE_COMMAND)
		return " (`command` only)";
	return k->scope == SCOPE_MANAGED ? " (`module` and `exec` only)" : "";
}

static const char *
change_name(enum conf_change change)
{
	if (change == CONF_SAME)
		return "";
	return change < CONF_RESTART ? "live" : "restart";
}

static void
put_row(struct buf *out, const char *path, const struct schema_key *k)
{
	buf_printf(out, "| `%s%s` | ", path, k->name);
	put_type_name(out, k);
	if (k->def != NULL)
		buf_printf(out, " | `%s` | ", k->def);
	else
		buf_printf(out, " | %s | ", k->shown == NULL ? "" : k->shown);
	buf_printf(out, "%s | %s%s |\n", change_name(k->change), k->help,
	    scope_note(k));
}

static void
put_rows(struct buf *out, const char *path, const struct schema_map *map)
{
	char below[96];

	for (size_t i = 0; i < map->n; i++) {
		const struct schema_key *k = &map->keys[i];
		const char *name = k->type == VAL_PLUGINS || k->type == VAL_DEPS
		                       ? "NAME."
		                       : "";

		put_row(out, path, k);
		/* What may stand below `defaults` stands below plugins. */
		if (k->map == NULL || k->type == VAL_DEFAULTS)
			continue;
		(void)snprintf(
		    below, sizeof(below), "%s%s.%s", path, k->name, name);
		put_rows(out, below, k->map);
	}
}

void
config_put_docs(struct buf *out)
{
	buf_puts(out, "| key | value | default | change | meaning |\n"
	              "|---|---|---|---|---|\n");
	put_rows(out, "", &schema_main);
}
