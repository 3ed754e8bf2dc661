/*
 * bind: from the tree of a file into the structs of config.h, by the table
 * in schema.h. Shared by scalar.c, bind.c, bindplugin.c and confcheck.c.
 */
#ifndef CORE_BIND_H
#define CORE_BIND_H

#include "arena.h"
#include "conferr.h"
#include "config.h"
#include "schema.h"
#include "tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The machine that a configuration is read on; tests and the fuzzer have
 * their own. */
struct config_host {
	uid_t uid;
	gid_t gid;
	const char *(*env)(const char *name);
	/* Look whether users, programs and modules exist. */
	bool look;
};

/* What one load collects. */
struct binder {
	const struct config_host *host;
	const struct config_source *src; /* what the command line says */
	struct arena *arena;             /* of the configuration */
	struct conf_errors *errs;
	struct config *config;
	struct plugin_conf base;   /* one that says nothing itself */
	struct plugin_conf **rows; /* heap: plugins in order of arrival */
	size_t nrows;
	bool full;         /* there are too many plugins: said once */
	size_t expanded;   /* bytes that came from variables */
	unsigned patience; /* names that may yet be compared for a hint */
	unsigned long regex_budget;
	bool incomplete;  /* a file is unreadable: names may be missing */
	int error;        /* -ENOMEM, sticks */
	const char *file; /* being read */
	const char *dir;  /* that it lies in, absolute */
	struct {
		size_t n; /* plugins that would run as root unasked */
		const char *names[8];
		struct conf_loc loc; /* of the first */
	} roots;
	const char *known_user; /* the last that was looked up, and found */
	uid_t known_uid;
	struct buf *marks;         /* places of the values of one `config:` */
	const char *known_program; /* likewise, in PATH */
};

typedef void bind_fn(struct binder *b, const struct schema_key *k,
    const struct node *n, void *field);

/* Rows of the table for single values; NULL for the others. */
bind_fn *scalar_binder(enum value_type type);

/*
 * Fill `base` from the defaults of the table, and from a map of the file. A
 * NULL node and an empty one leave everything. Complaints go to b->errs, out
 * of memory to b->error; the fields stay sound in both cases.
 */
void bind_defaults(struct binder *b, const struct schema_map *map, void *base);
void bind_map(struct binder *b, const struct schema_map *map,
    const struct node *n, void *base);

/* bindplugin.c */
void bind_deps(struct binder *b, const struct schema_key *k,
    const struct node *n, void *field);
void bind_free(struct binder *b, const struct schema_key *k,
    const struct node *n, void *field);
void bind_plugins(struct binder *b, const struct schema_key *k,
    const struct node *n, void *field);
/* The entries of 90-pluginctl.yaml. */
void bind_overrides(struct binder *b, const struct node *root);

/* confcheck.c: what several keys of one plugin say together. */
void check_plugin(
    struct binder *b, const struct node *n, struct plugin_conf *p);
/* What the plugins say together; they are sorted by now. confcheck.c and
 * confcycle.c. */
void check_graph(struct binder *b);
void check_cycles(struct binder *b);
/* confhost.c: users, programs and modules of one plugin; and a summary. */
void check_host(
    struct binder *b, const struct node *n, const struct plugin_conf *p);
void check_roots(struct binder *b);

/* confdefault.c: what the table leaves to the machine. */
void fill_runtime_dir(struct binder *b);
void fill_state_dir(struct binder *b);
void fill_module_path(struct binder *b);
void fill_router(struct binder *b, struct plugin_conf *p);
/* confcheck.c: `n` is its entry, or NULL. */
void fill_rights(struct binder *b, const struct node *n, struct plugin_conf *p);
/* confautoload.c: plugins that are there because their module is. */
void add_autoloaded(struct binder *b);

/* The text of a string-like scalar with its variables expanded, in the
 * arena; NULL when that has been reported. */
char *bind_text(struct binder *b, const char *name, const struct node *n);
/* The same, if the row of the schema has nothing against it. */
char *bind_checked(
    struct binder *b, const struct schema_key *k, const struct node *n);
/* `path` as seen from b->dir, in the arena; NULL: out of memory. */
char *bind_path(struct binder *b, const char *path);
/* A program: a path if it holds a slash, else a name for PATH. */
char *bind_program_path(struct binder *b, char *text);

/* Complains: "NAME: expected WHAT, not VALUE". */
void bind_expected(
    struct binder *b, const char *name, const struct node *n, const char *what);
/* Takes note of a NULL from the arena; returns p. */
void *bind_memory(struct binder *b, void *p);

/* `words` as "a, b or c". */
struct conf_words {
	char text[256];
};
const char *conf_join(struct conf_words *out, const char *const *words);

#endif
