/*
 * confshow: the effective configuration as one msgpack map, by the table.
 *
 * Keys are those of the file and values read back as they are written here,
 * so the dump is itself a configuration; keys that are not set, or that do
 * not concern the kind of a plugin, are left out. With `mask`, secrets are
 * "***": every value of `environment`, and whatever has a telling key in the
 * free part. Pure.
 */
#include "number.h"
#include "schema.h"

#include "common/units.h"
#include "common/wire.h"

#include <string.h>
#include <strings.h>

static const char masked[] = "***";

struct show {
	struct buf *out;
	bool mask;
	enum conf_kind kind; /* of the plugin that is being written */
};

static void put_value(
    const struct show *s, const struct schema_key *k, const void *field);

static const struct plugin_conf *
owner(const struct schema_key *k, const void *field)
{
	return (const struct plugin_conf *)((const char *)field - k->offset);
}

static bool is_shown(
    const struct show *s, const struct schema_key *k, const void *field);

static uint32_t
count_shown(
    const struct show *s, const struct schema_map *map, const void *base)
{
	uint32_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		n += is_shown(
		    s, &map->keys[i], schema_field_const(&map->keys[i], base));
	return n;
}

/* Numbers are set from 0 on, booleans without a default when true. */
static bool
is_set(const struct show *s, const struct schema_key *k, const void *field)
{
	if (k->type >= VAL_INT && k->type <= VAL_FACTOR)
		return *(const int64_t *)field >= 0;
	if (k->type >= VAL_WORD && k->type <= VAL_PROGRAM)
		return *(char *const *)field != NULL;
	if (k->type == VAL_BOOL)
		return k->def != NULL || *(const bool *)field;
	if (k->type == VAL_SIGNAL)
		return *(const int *)field != 0;
	if (k->type == VAL_ARGV || k->type == VAL_ENV)
		return ((const struct strv *)field)->n > 0;
	if (k->type == VAL_MAP)
		return count_shown(s, k->map, field) > 0;
	if (k->type == VAL_DEPS)
		return owner(k, field)->ndeps > 0;
	if (k->type == VAL_FREE)
		return owner(k, field)->config != NULL;
	return k->type != VAL_DEFAULTS;
}

static bool
is_shown(const struct show *s, const struct schema_key *k, const void *field)
{
	return !schema_out_of_scope(k, s->kind) && is_set(s, k, field);
}

static void
put_map(const struct show *s, const struct schema_map *map, const void *base)
{
	wire_put_map(s->out, count_shown(s, map, base));
	for (size_t i = 0; i < map->n; i++) {
		const struct schema_key *k = &map->keys[i];
		const void *field = schema_field_const(k, base);

		if (!is_shown(s, k, field))
			continue;
		wire_put_str(s->out, k->name);
		put_value(s, k, field);
	}
}

static void
put_submap(const struct show *s, const struct schema_key *k, const void *field)
{
	put_map(s, k->map, field);
}

static void
put_bool(const struct show *s, const struct schema_key *k, const void *field)
{
	(void)k;
	wire_put_bool(s->out, *(const bool *)field);
}

static void
put_int(const struct show *s, const struct schema_key *k, const void *field)
{
	(void)k;
	wire_put_int(s->out, *(const int64_t *)field);
}

static void
put_number(const struct show *s, const struct schema_key *k, const void *field)
{
	char text[NUMBER_CAP];

	wire_put_str(s->out, number_type_get(k->type)->format(
	                         *(const int64_t *)field, text, sizeof(text)));
}

static void
put_factor(const struct show *s, const struct schema_key *k, const void *field)
{
	int64_t milli = *(const int64_t *)field;

	(void)k;
	if (milli % 1000 == 0)
		wire_put_int(s->out, milli / 1000);
	else
		wire_put_double(s->out, (double)milli / 1000);
}

static void
put_signal(const struct show *s, const struct schema_key *k, const void *field)
{
	char text[16];

	(void)k;
	wire_put_str(
	    s->out, units_signal_name(*(const int *)field, text, sizeof(text)));
}

static void
put_enum(const struct show *s, const struct schema_key *k, const void *field)
{
	int i;

	memcpy(&i, field, sizeof(i));
	wire_put_str(s->out, k->words[i]);
}

static void
put_text(const struct show *s, const struct schema_key *k, const void *field)
{
	const char *text = *(char *const *)field;

	(void)k;
	wire_put_strn(s->out, text, strlen(text));
}

static void
put_list(const struct show *s, const struct schema_key *k, const void *field)
{
	const struct strv *list = field;

	(void)k;
	wire_put_array(s->out, (uint32_t)list->n);
	for (size_t i = 0; i < list->n; i++)
		wire_put_strn(s->out, list->v[i], strlen(list->v[i]));
}

static void
put_env(const struct show *s, const struct schema_key *k, const void *field)
{
	const struct strv *env = field;

	(void)k;
	wire_put_map(s->out, (uint32_t)env->n);
	for (size_t i = 0; i < env->n; i++) {
		const char *value = strchr(env->v[i], '=') + 1;

		wire_put_strn(
		    s->out, env->v[i], (size_t)(value - env->v[i]) - 1);
		if (s->mask)
			value = masked;
		wire_put_strn(s->out, value, strlen(value));
	}
}

static void
put_deps(const struct show *s, const struct schema_key *k, const void *field)
{
	const struct plugin_conf *p = owner(k, field);

	wire_put_map(s->out, (uint32_t)p->ndeps);
	for (size_t i = 0; i < p->ndeps; i++) {
		wire_put_str(s->out, p->deps[i].name);
		put_map(s, k->map, &p->deps[i]);
	}
}

static bool
is_secret(const char *key, size_t len)
{
	static const char *const words[] = {"pass", "secret", "token", "key"};

	for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++) {
		size_t n = strlen(words[w]);

		for (size_t i = 0; i + n <= len; i++)
			if (strncasecmp(key + i, words[w], n) == 0)
				return true;
	}
	return false;
}

/* Depth is bounded by the reader (subtree.c). */
static void
put_masked(struct buf *out, struct wire_cursor *c)
{
	const uint8_t *start = c->p;
	uint32_t n = 0;

	if (wire_get_array(c, &n) == 0) {
		wire_put_array(out, n);
		while (n-- > 0)
			put_masked(out, c);
		return;
	}
	if (wire_get_map(c, &n) < 0) {
		(void)wire_skip(c);
		wire_put_raw(out, start, (size_t)(c->p - start));
		return;
	}
	wire_put_map(out, n);
	while (n-- > 0) {
		const char *key = "";
		size_t len = 0;

		(void)wire_get_str(c, &key, &len);
		wire_put_strn(out, key, len);
		if (is_secret(key, len)) {
			wire_put_str(out, masked);
			(void)wire_skip(c);
		} else {
			put_masked(out, c);
		}
	}
}

static void
put_free(const struct show *s, const struct schema_key *k, const void *field)
{
	const struct plugin_conf *p = owner(k, field);
	struct wire_cursor c;

	if (!s->mask) {
		wire_put_raw(s->out, p->config, p->config_len);
		return;
	}
	wire_cursor_init(&c, p->config, p->config_len);
	put_masked(s->out, &c);
}

static void
put_plugin(const struct show *s, const struct plugin_conf *p)
{
	struct show one = *s;

	one.kind = p->kind;
	put_map(&one, &schema_plugin, p);
}

/* The row has no offset: `field` is the whole configuration. */
static void
put_plugins(const struct show *s, const struct schema_key *k, const void *field)
{
	const struct config *c = field;

	(void)k;
	wire_put_map(s->out, (uint32_t)config_count(c));
	for (size_t i = 0; i < c->nplugins; i++) {
		if (c->plugins[i]->kind == KIND_ROUTER)
			continue;
		wire_put_str(s->out, c->plugins[i]->name);
		put_plugin(s, c->plugins[i]);
	}
}

typedef void put_fn(
    const struct show *s, const struct schema_key *k, const void *field);

static put_fn *const writers[VALUE_TYPE__COUNT] = {
    [VAL_BOOL] = put_bool,
    [VAL_INT] = put_int,
    [VAL_OCTAL] = put_number,
    [VAL_DURATION] = put_number,
    [VAL_SIZE] = put_number,
    [VAL_PERCENT] = put_number,
    [VAL_FACTOR] = put_factor,
    [VAL_SIGNAL] = put_signal,
    [VAL_ENUM] = put_enum,
    [VAL_WORD] = put_text,
    [VAL_STRING] = put_text,
    [VAL_PATH] = put_text,
    [VAL_PROGRAM] = put_text,
    [VAL_ARGV] = put_list,
    [VAL_LIST] = put_list,
    [VAL_PATHS] = put_list,
    [VAL_ENV] = put_env,
    [VAL_DEPS] = put_deps,
    [VAL_FREE] = put_free,
    [VAL_MAP] = put_submap,
    [VAL_PLUGINS] = put_plugins,
};

static void
put_value(const struct show *s, const struct schema_key *k, const void *field)
{
	writers[k->type](s, k, field);
}

void
config_put(struct buf *out, const struct config *c,
    const struct plugin_conf *plugin, bool mask)
{
	struct show s = {.out = out, .mask = mask, .kind = KIND_COMMAND};

	if (plugin != NULL)
		put_plugin(&s, plugin);
	else
		put_map(&s, &schema_main, c);
}
