/*
 * confhost: what a configuration says about the machine: users, groups,
 * programs, modules.
 *
 * A user that does not exist is an error. A program that is not there is a
 * warning only, since it may be installed later; so is a user that a daemon
 * without privileges cannot become. Looks things up on the disk and in the
 * user database, so it may block; only a load calls it.
 */
#include "bind.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
find_user(struct binder *b, const char *name, uid_t *ret)
{
	const struct passwd *pw;

	if (b->known_user != NULL && strcmp(b->known_user, name) == 0) {
		*ret = b->known_uid;
		return true;
	}
	pw = getpwnam(name);
	if (pw == NULL)
		return false;
	b->known_user = name;
	b->known_uid = pw->pw_uid;
	*ret = pw->pw_uid;
	return true;
}

static void
note_root(struct binder *b, const struct plugin_conf *p)
{
	size_t cap = sizeof(b->roots.names) / sizeof(*b->roots.names);

	if (b->roots.n == 0)
		b->roots.loc = p->loc;
	if (b->roots.n < cap)
		b->roots.names[b->roots.n] = p->name;
	b->roots.n++;
}

void
check_roots(struct binder *b)
{
	size_t cap = sizeof(b->roots.names) / sizeof(*b->roots.names);
	char names[512] = "";
	size_t used = 0;

	if (b->roots.n == 0)
		return;
	for (size_t i = 0; i < b->roots.n && i < cap; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
		    "%s%s", i == 0 ? "" : ", ", b->roots.names[i]);
	conf_warning_add(b->errs, b->roots.loc,
	    "plugins without a user: run as root: %s%s (%zu in all)", names,
	    b->roots.n > cap ? ", ..." : "", b->roots.n);
}

static void
check_user(struct binder *b, const struct node *n, const struct plugin_conf *p)
{
	struct conf_quoted q;
	uid_t uid = 0;

	if (p->user == NULL) {
		if (b->host->uid == 0 && n == NULL)
			note_root(b, p);
		return;
	}
	if (!find_user(b, p->user, &uid))
		conf_error_add(b->errs, node_loc(b->file, n),
		    "user: there is no user %s on this machine",
		    conf_quote(&q, p->user));
	else if (b->host->uid != 0 && uid != b->host->uid)
		conf_warning_add(b->errs, node_loc(b->file, n),
		    "user: the daemon is not root and cannot become %s",
		    conf_quote(&q, p->user));
}

static void
check_group(struct binder *b, const struct node *n, const struct plugin_conf *p)
{
	struct conf_quoted q;
	const struct group *gr;

	if (p->group == NULL)
		return;
	gr = getgrnam(p->group);
	if (gr == NULL)
		conf_error_add(b->errs, node_loc(b->file, n),
		    "group: there is no group %s on this machine",
		    conf_quote(&q, p->group));
	else if (b->host->uid != 0 && gr->gr_gid != b->host->gid)
		conf_warning_add(b->errs, node_loc(b->file, n),
		    "group: the daemon is not root and cannot join %s",
		    conf_quote(&q, p->group));
}

/* 0 or -errno. */
static int
test_file(const char *path, int mode)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EACCES;
	return access(path, mode) < 0 ? -errno : 0;
}

static int
test_in(const char *dir, size_t dir_len, const char *name, int mode)
{
	char path[4096 + 256];
	int len =
	    snprintf(path, sizeof(path), "%.*s/%s", (int)dir_len, dir, name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	return test_file(path, mode);
}

static bool
is_in_path(struct binder *b, const char *name)
{
	const char *dirs = b->host->env("PATH");

	if (b->known_program != NULL && strcmp(b->known_program, name) == 0)
		return true;
	if (dirs == NULL)
		dirs = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		       "/sbin:/bin";
	while (*dirs != '\0') {
		size_t len = strcspn(dirs, ":");

		if (len > 0 && test_in(dirs, len, name, X_OK) == 0) {
			b->known_program = name;
			return true;
		}
		dirs += len + (dirs[len] == ':');
	}
	return false;
}

static void
check_program(struct binder *b, const char *key, const struct node *n,
    const char *program)
{
	struct conf_quoted q;
	int err;

	if (n->kind == NODE_SEQ)
		n = n->first;
	conf_quote(&q, program);
	if (strchr(program, '/') == NULL) {
		if (!is_in_path(b, program))
			conf_warning_add(b->errs, node_loc(b->file, n),
			    "%s: there is no program %s in PATH", key, q.text);
		return;
	}
	err = test_file(program, X_OK);
	if (err < 0)
		conf_warning_add(b->errs, node_loc(b->file, n),
		    "%s: %s cannot be run: %s", key, q.text, strerror(-err));
}

static bool
is_module_there(const struct binder *b, const char *module)
{
	const struct strv *dirs = &b->config->module_path;

	if (strchr(module, '/') != NULL)
		return test_file(module, R_OK) == 0;
	for (size_t i = 0; i < dirs->n; i++)
		if (test_in(dirs->v[i], strlen(dirs->v[i]), module, R_OK) == 0)
			return true;
	return false;
}

void
check_host(struct binder *b, const struct node *n, const struct plugin_conf *p)
{
	const char *key = conf_kind_to_string(p->kind);
	const struct node *what = node_get(n, key);
	const struct strv *argv = plugin_conf_argv(p);
	struct conf_quoted q;

	/* Beyond the bound a complaint is only counted: save the look. */
	if (!b->host->look || b->errs->n == CONFIG_ERRORS_MAX)
		return;
	check_user(b, node_get(n, "user"), p);
	check_group(b, node_get(n, "group"), p);
	if (argv != NULL && argv->n > 0)
		check_program(b, key, what, argv->v[0]);
	if (p->module != NULL && !is_module_there(b, p->module))
		conf_warning_add(b->errs, node_loc(b->file, what),
		    "module: there is no %s%s", conf_quote(&q, p->module),
		    strchr(p->module, '/') == NULL ? " in module_path" : "");
}
