/*
 * load: puts a configuration together from files or from bytes in memory.
 *
 * The main file comes first, then plugins.d/ in byte order, last what
 * pluginctl has written there. The tree of a file lives while it is bound
 * and is freed before the next one; the configuration has an arena of its
 * own. A fault in one file does not keep the others from being read: all
 * complaints come out of one run. Knows the order of things and the
 * defaults that depend on the machine; what a key means is in the schema.
 */
#include "load.h"

#include "conffile.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TREE_BLOCK = 64 * 1024,
	TREE_LIMIT = 16 * 1024 * 1024,
	CONFIG_BLOCK = 16 * 1024,
	CONFIG_LIMIT = 64 * 1024 * 1024,
	RUNTIME_DIR_MAX = 60, /* a socket's path below it must fit in 108 */
	PATIENCE = 10000,
	REGEX_BUDGET = 600 * 1000,
};

static int
begin(struct binder *b, const struct config_source *src,
    const struct config_host *host, struct conf_errors *errs)
{
	memset(b, 0, sizeof(*b));
	memset(errs, 0, sizeof(*errs));
	b->host = host;
	b->src = src;
	b->errs = errs;
	b->patience = PATIENCE;
	b->regex_budget = REGEX_BUDGET;
	b->arena = arena_new(CONFIG_BLOCK, CONFIG_LIMIT);
	b->rows = calloc(CONFIG_PLUGINS_MAX, sizeof(struct plugin_conf *));
	if (b->arena == NULL || b->rows == NULL)
		return -ENOMEM;
	b->config = arena_alloc(b->arena, sizeof(*b->config));
	if (b->config == NULL)
		return -ENOMEM;
	b->config->arena = b->arena;
	b->config->refs = 1;
	return 0;
}

static void
end(struct binder *b)
{
	arena_free(b->arena);
	free(b->rows);
	/* The trees are gone, but the heap keeps their pages. */
	(void)malloc_trim(0);
}

/* `path` as seen from where the daemon was started. */
static char *
from_here(struct binder *b, const char *path)
{
	const char *dir = b->dir;
	char cwd[PATH_MAX];
	char *absolute;

	if (getcwd(cwd, sizeof(cwd)) == NULL)
		cwd[0] = '\0';
	b->dir = cwd;
	absolute = bind_path(b, path);
	b->dir = dir;
	return absolute;
}

/* What stands in the command line has no line. */
static void
bind_given(
    struct binder *b, const struct schema_key *k, const char *text, void *base)
{
	struct node n = {.text = text};
	const char *file = b->file;

	b->file = "command line";
	scalar_binder(k->type)(b, k, &n, schema_field(k, base));
	b->file = file;
}

/* No variables: the shell has seen the text. */
static void
override_path(struct binder *b, const char *key, const char *given, char **at)
{
	struct conf_loc loc = {.file = "command line"};

	if (given == NULL)
		return;
	if (given[0] == '\0')
		conf_error_add(b->errs, loc, "%s: expected a directory", key);
	else
		*at = from_here(b, given);
}

static void
override_level(struct binder *b)
{
	const struct schema_key *log = schema_find(&schema_main, "log");
	const struct schema_key *level = schema_find(log->map, "level");
	const char *env = b->host->env("LOG_LEVEL");
	enum log_level seen;
	char lower[16];
	struct conf_quoted q;

	if (b->src->log_level != NULL) {
		bind_given(b, level, b->src->log_level, &b->config->log);
		return;
	}
	if (env == NULL || env[0] == '\0')
		return;
	(void)snprintf(lower, sizeof(lower), "%s", env);
	for (char *p = lower; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (strcmp(lower, "warning") == 0)
		(void)strcpy(lower, "warn");
	/* Others use the variable too: what we do not know is not an error. */
	if (log_level_from_string(lower, &seen) == 0)
		b->config->log.level = seen;
	else
		conf_warning_add(b->errs,
		    (struct conf_loc){.file = "environment"},
		    "LOG_LEVEL: %s is not one of error, warn, info, debug: "
		    "ignored",
		    conf_quote(&q, env));
}

typedef void use_fn(struct binder *b, const struct node *root);

/* Parses and binds what belongs to b->file in b->dir. */
static int
bind_bytes(struct binder *b, const char *data, size_t len, use_fn *use)
{
	struct arena *arena = arena_new(TREE_BLOCK, TREE_LIMIT);
	struct node *root = NULL;
	int err;

	if (arena == NULL)
		return -ENOMEM;
	err = tree_parse(arena, b->file, data, len, b->errs, &root);
	if (err == 0 && root != NULL && !node_is_null(root)) {
		if (root->kind == NODE_MAP)
			use(b, root);
		else if (root->kind != NODE_BROKEN)
			bind_expected(b, "the file", root, "keys and values");
	}
	arena_free(arena);
	if (err == -EINVAL)
		b->incomplete = true;
	return err == -EINVAL ? 0 : err;
}

static void
check_runtime_dir(struct binder *b, struct conf_loc loc)
{
	struct conf_quoted q;
	const char *path = b->config->runtime_dir;

	if (path != NULL && strlen(path) > RUNTIME_DIR_MAX)
		conf_error_add(b->errs, loc,
		    "runtime_dir: %s is longer than %d bytes: paths of "
		    "sockets below it would not fit",
		    conf_quote(&q, path), RUNTIME_DIR_MAX);
}

static void
use_main(struct binder *b, const struct node *root)
{
	const struct node *n = node_get(root, "runtime_dir");

	bind_map(b, &schema_main, root, b->config);
	if (n != NULL && b->src->runtime_dir == NULL)
		check_runtime_dir(b, node_loc(b->file, n));
}

static void
use_dropin(struct binder *b, const struct node *root)
{
	bind_map(b, &schema_dropin, root, b->config);
}

/* The main file, and around it what it may leave out or be told. */
static int
bind_main(struct binder *b, const char *data, size_t len)
{
	struct config *c = b->config;
	int err;

	bind_defaults(b, &schema_plugin, &b->base);
	bind_defaults(b, &schema_main, c);
	fill_module_path(b);
	err = bind_bytes(b, data, len, use_main);
	if (err < 0)
		return err;
	override_path(b, "runtime_dir", b->src->runtime_dir, &c->runtime_dir);
	override_path(b, "state_dir", b->src->state_dir, &c->state_dir);
	override_level(b);
	if (b->src->runtime_dir != NULL)
		check_runtime_dir(b, (struct conf_loc){.file = "command line"});
	if (c->runtime_dir == NULL) {
		fill_runtime_dir(b);
		check_runtime_dir(b, (struct conf_loc){.file = "default"});
	}
	if (c->state_dir == NULL)
		fill_state_dir(b);
	return 0;
}

static int
compare_rows(const void *a, const void *b)
{
	const struct plugin_conf *x = *(struct plugin_conf *const *)a;
	const struct plugin_conf *y = *(struct plugin_conf *const *)b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	/* The same name again: in the order of the files. */
	return strcmp(x->loc.file, y->loc.file);
}

/* Who sorts the rows adds it: the router, where anybody needs one. */
static void
add_router(struct binder *b)
{
	bool wanted = b->config->autoload.enabled;
	struct plugin_conf *p;

	for (size_t i = 0; i < b->nrows && !wanted; i++)
		wanted = plugin_conf_is_managed(b->rows[i]);
	if (!wanted || b->nrows == CONFIG_PLUGINS_MAX)
		return;
	p = bind_memory(b, arena_alloc(b->arena, sizeof(*p)));
	if (p == NULL)
		return;
	bind_defaults(b, &schema_plugin, p);
	p->kind = KIND_ROUTER;
	p->name = bind_memory(b, arena_strdup(b->arena, ROUTER_NAME));
	p->loc.file = "(" ROUTER_NAME ")";
	fill_router(b, p);
	if (p->name != NULL && b->error == 0)
		b->rows[b->nrows++] = p;
}

/* Sorts the rows into the configuration; a name that comes again is out. */
static void
merge_rows(struct binder *b)
{
	struct config *c = b->config;

	add_autoloaded(b);
	add_router(b);
	qsort(b->rows, b->nrows, sizeof(struct plugin_conf *), compare_rows);
	if (b->nrows > 0)
		c->plugins = bind_memory(
		    b, arena_alloc(
		           b->arena, b->nrows * sizeof(struct plugin_conf *)));
	for (size_t i = 0; i < b->nrows && c->plugins != NULL; i++) {
		struct plugin_conf *p = b->rows[i];
		struct plugin_conf *last =
		    c->nplugins == 0 ? NULL : c->plugins[c->nplugins - 1];

		if (last == NULL || strcmp(last->name, p->name) != 0)
			c->plugins[c->nplugins++] = p;
		else
			conf_error_add(b->errs, p->loc,
			    "plugin %s is already defined at %s:%d:%d", p->name,
			    last->loc.file, last->loc.line, last->loc.column);
	}
}

/* 0 and *ret, or what the complaints amount to. */
static int
finish(struct binder *b, struct config **ret)
{
	check_graph(b);
	check_roots(b);
	conf_errors_sort(b->errs);
	if (b->error < 0)
		return b->error;
	if (b->errs->nerrors > 0)
		return -EINVAL;
	*ret = b->config;
	b->arena = NULL;
	return 0;
}

int
load_bytes(const struct load_bytes *in, const struct config_host *host,
    struct config **ret, struct conf_errors *errs)
{
	static const struct config_source nothing_said;
	struct binder b;
	int err = begin(&b, &nothing_said, host, errs);

	if (err < 0)
		goto out;
	b.dir = bind_memory(&b, arena_strdup(b.arena, in->dir));
	b.file = bind_memory(&b, arena_strdup(b.arena, in->file));
	if (b.error == 0)
		b.config->path = bind_path(&b, in->file);
	err = b.error;
	if (err == 0)
		err = bind_main(&b, in->data, in->len);
	if (err < 0)
		goto out;
	merge_rows(&b);
	err = finish(&b, ret);
out:
	end(&b);
	return err;
}

/* Where the main file is looked for, in the arena. */
static char *
find_main(struct binder *b)
{
	const char *given = b->host->env("PLUGIND_CONFIG");
	const char *xdg = b->host->env("XDG_CONFIG_HOME");
	const char *home = b->host->env("HOME");

	if (b->src->path != NULL)
		return bind_memory(b, arena_strdup(b->arena, b->src->path));
	if (given != NULL && given[0] != '\0')
		return bind_memory(b, arena_strdup(b->arena, given));
	if (b->host->uid != 0 && xdg != NULL && xdg[0] == '/')
		return bind_memory(
		    b, arena_printf(b->arena, "%s/plugind/plugind.yaml", xdg));
	if (b->host->uid != 0 && home != NULL && home[0] == '/')
		return bind_memory(
		    b, arena_printf(
		           b->arena, "%s/.config/plugind/plugind.yaml", home));
	return bind_memory(
	    b, arena_strdup(b->arena, "/etc/plugind/plugind.yaml"));
}

/* Names the main file and its directory. */
static int
place_main(struct binder *b)
{
	char *path = find_main(b);
	char *absolute = path == NULL ? NULL : from_here(b, path);
	const char *slash = absolute == NULL ? NULL : strrchr(absolute, '/');

	if (slash == NULL)
		return -ENOMEM;
	b->file = path;
	b->config->path = absolute;
	b->dir = bind_memory(
	    b, arena_strndup(b->arena, absolute,
	           slash == absolute ? 1 : (size_t)(slash - absolute)));
	return b->error;
}

/* Reads the file that b->file names and hands its bytes on. */
static int
read_main(struct binder *b)
{
	char *data = NULL;
	size_t len = 0;
	int err = conffile_read(b->host, b->file, b->errs, &data, &len);

	if (err == -ENOENT)
		conf_error_add(b->errs, (struct conf_loc){.file = b->file},
		    "there is no such file: write one, or name another by "
		    "--config FILE or in $PLUGIND_CONFIG");
	if (err == -ENOENT || err == -ENOMEM)
		return err;
	if (err < 0)
		b->incomplete = true;
	/* What cannot be read counts as empty: drop-ins are looked at. */
	err = bind_main(b, data == NULL ? "" : data, data == NULL ? 0 : len);
	free(data);
	return err;
}

/* Reads the file that b->file names, in plugins.d. */
static int
read_dropin(struct binder *b, use_fn *use)
{
	char *data = NULL;
	size_t len = 0;
	int err = conffile_read(b->host, b->file, b->errs, &data, &len);

	/* One that vanished since the directory was read is gone. */
	if (err == -ENOENT)
		return 0;
	if (err == -EINVAL)
		b->incomplete = true;
	else if (err == 0)
		err = bind_bytes(b, data, len, use);
	free(data);
	return err == -EINVAL ? 0 : err;
}

/* `dir` is plugins.d as the operator would name it. */
static int
read_named(struct binder *b, const char *dir, const char *name, use_fn *use)
{
	b->file = bind_memory(b, arena_printf(b->arena, "%s/%s", dir, name));
	return b->file == NULL ? -ENOMEM : read_dropin(b, use);
}

static int
read_dropins(struct binder *b, const char *dir)
{
	struct file_names names = {0};
	bool overridden = false;
	int err = conffile_list(b->host, dir, b->errs, &names);

	if (err == -EINVAL)
		b->incomplete = true;
	else if (err < 0)
		return err;
	err = 0;
	for (size_t i = 0; i < names.n && err == 0; i++) {
		if (strcmp(names.v[i], CONFFILE_OVERRIDE) == 0)
			overridden = true;
		else
			err = read_named(b, dir, names.v[i], use_dropin);
	}
	conffile_list_fini(&names);
	merge_rows(b);
	if (err == 0 && overridden)
		err = read_named(b, dir, CONFFILE_OVERRIDE, bind_overrides);
	return err;
}

static int
read_all_dropins(struct binder *b)
{
	const char *slash = strrchr(b->file, '/');
	int before = slash == NULL ? 0 : (int)(slash - b->file) + 1;
	const char *dir = bind_memory(
	    b, arena_printf(b->arena, "%.*splugins.d", before, b->file));

	if (dir == NULL)
		return -ENOMEM;
	b->dir = bind_path(b, "plugins.d");
	return b->dir == NULL ? -ENOMEM : read_dropins(b, dir);
}

int
load_files(const struct config_source *src, const struct config_host *host,
    struct config **ret, struct conf_errors *errs)
{
	struct binder b;
	int err = begin(&b, src, host, errs);

	if (err == 0)
		err = place_main(&b);
	if (err == 0)
		err = read_main(&b);
	if (err == 0)
		err = read_all_dropins(&b);
	if (err == 0)
		err = finish(&b, ret);
	end(&b);
	return err;
}
