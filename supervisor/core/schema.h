/*
 * schema: the one table of what may stand in a configuration file.
 *
 * The reader, the comparison of two versions, `config show`, the JSON
 * Schema and the table in docs/CONFIG.md all walk it; a key exists because
 * it has a row here.
 */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include "config.h"

#include <stddef.h>
#include <stdint.h>

enum value_type {
	VAL_BOOL,     /* bool */
	VAL_INT,      /* int64_t; -1 is unset, as in the five below */
	VAL_OCTAL,    /* int64_t */
	VAL_DURATION, /* int64_t, milliseconds */
	VAL_SIZE,     /* int64_t, bytes */
	VAL_PERCENT,  /* int64_t, thousandths of a percent */
	VAL_FACTOR,   /* int64_t, thousandths */
	VAL_SIGNAL,   /* int; 0 is unset */
	VAL_ENUM,     /* an enum, by its place in `words` */
	VAL_WORD,     /* char *, one of `words` */
	VAL_STRING,   /* char * */
	VAL_PATH,     /* char *, made absolute; a word of `words` stays */
	VAL_PROGRAM,  /* char *, made absolute if it holds a slash */
	VAL_ARGV,     /* struct strv; the first is a VAL_PROGRAM */
	VAL_LIST,     /* struct strv */
	VAL_PATHS,    /* struct strv, made absolute */
	VAL_ENV,      /* struct strv of KEY=value, from a map */
	VAL_DEPS,     /* deps and ndeps of a plugin */
	VAL_FREE,     /* config and config_len of a plugin */
	VAL_MAP,      /* a part of the same struct, by the rows of `map` */
	VAL_DEFAULTS, /* a VAL_MAP about what plugins do not say */
	VAL_PLUGINS,  /* names and plugins, by the rows of `map` */
	VALUE_TYPE__COUNT
};

/* Which kinds of plugin may have the key. */
enum key_scope { SCOPE_ALL, SCOPE_COMMAND, SCOPE_MANAGED };

struct schema_map;

/* NULL when `text` will do, else what is wrong with it. */
typedef const char *schema_check_fn(const char *text);

struct schema_key {
	const char *name;
	enum value_type type;
	size_t offset;   /* of the field; of a VAL_MAP: of its struct */
	const char *def; /* as it would stand in the file; NULL: unset */
	int64_t min;     /* strings: of the length */
	int64_t max;
	const char *const *words; /* ends with NULL */
	const struct schema_map *map;
	schema_check_fn *check;  /* strings and elements of lists */
	enum conf_change change; /* keys of a plugin */
	enum key_scope scope;
	const char *shown; /* the default in words, where it is computed */
	const char *help;
};

struct schema_map {
	const struct schema_key *keys;
	size_t n;
	/* How many may be given at once, where that is not any number; for
	 * the JSON Schema, the reader says it in better words. */
	unsigned least;
	unsigned most;
};

extern const struct schema_map schema_main;     /* struct config */
extern const struct schema_map schema_dropin;   /* a file in plugins.d */
extern const struct schema_map schema_override; /* an entry of pluginctl's */
extern const struct schema_map schema_plugin;   /* struct plugin_conf */
extern const struct schema_map schema_dep;      /* struct dep_conf */

const struct schema_key *schema_find(
    const struct schema_map *map, const char *name);

/* The name of `map` that `name` may have been meant for, or NULL. */
const char *schema_suggest(const struct schema_map *map, const char *name);

/* How far two words are apart: insertions, deletions, replacements and
 * swaps of neighbours; words longer than 63 are infinitely far. */
unsigned schema_distance(const char *a, const char *b);

static inline void *
schema_field(const struct schema_key *k, void *base)
{
	return (char *)base + k->offset;
}

static inline const void *
schema_field_const(const struct schema_key *k, const void *base)
{
	return (const char *)base + k->offset;
}

/* True when the row does not concern a plugin of that kind. */
static inline bool
schema_out_of_scope(const struct schema_key *k, enum conf_kind kind)
{
	return (k->scope == SCOPE_COMMAND && kind != KIND_COMMAND &&
	           kind != KIND_ROUTER) ||
	       (k->scope == SCOPE_MANAGED && kind == KIND_COMMAND);
}

#endif
