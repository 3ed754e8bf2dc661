/*
 * confdefault: defaults that depend on the machine, where the table of the
 * schema has a text only.
 *
 * Root has the places of the system, everybody else those of the XDG base
 * directories. A program that runs from its build tree takes the modules
 * from there. Reads the environment through the host, and for the build tree
 * the disk; writes nothing.
 */
#include "load.h"

#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

const char *
load_module_dir(void)
{
	return PLUGIND_MODULE_DIR;
}

void
fill_runtime_dir(struct binder *b)
{
	const char *xdg = b->host->env("XDG_RUNTIME_DIR");
	char **at = &b->config->runtime_dir;

	if (b->host->uid == 0)
		*at = bind_memory(b, arena_strdup(b->arena, "/run/plugind"));
	else if (xdg != NULL && xdg[0] == '/')
		*at = bind_memory(b, arena_printf(b->arena, "%s/plugind", xdg));
	else
		*at = bind_memory(b, arena_printf(b->arena, "/tmp/plugind-%u",
		                         (unsigned)b->host->uid));
}

void
fill_state_dir(struct binder *b)
{
	const char *xdg = b->host->env("XDG_STATE_HOME");
	const char *home = b->host->env("HOME");
	char **at = &b->config->state_dir;

	if (b->host->uid == 0)
		*at =
		    bind_memory(b, arena_strdup(b->arena, "/var/lib/plugind"));
	else if (xdg != NULL && xdg[0] == '/')
		*at = bind_memory(b, arena_printf(b->arena, "%s/plugind", xdg));
	else if (home != NULL && home[0] == '/')
		*at = bind_memory(
		    b, arena_printf(b->arena, "%s/.local/state/plugind", home));
	else
		*at = bind_memory(
		    b, arena_printf(b->arena, "/tmp/plugind-%u/state",
		           (unsigned)b->host->uid));
}

/* The directory of the modules of a build tree, when run from one. */
static const char *
built_module_dir(char *out, size_t cap)
{
	static const char tail[] = "/supervisor/core";
	ssize_t len = readlink("/proc/self/exe", out, cap - sizeof("/plugins"));
	char *slash;

	if (len <= 0)
		return NULL;
	out[len] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL || (size_t)(slash - out) < sizeof(tail))
		return NULL;
	slash -= sizeof(tail) - 1;
	if (strncmp(slash, tail, sizeof(tail) - 1) != 0)
		return NULL;
	memcpy(slash, "/plugins", sizeof("/plugins"));
	return access(out, R_OK | X_OK) == 0 ? out : NULL;
}

/*
 * Expendable: it is always started again, soon, and never given up. Not root:
 * it reads what plugins send.
 */
void
fill_router(struct binder *b, struct plugin_conf *p)
{
	static char name[] = ROUTER_NAME;
	static char option[] = "--link";
	static char fd[] = "3";
	static char *argv[] = {name, option, fd, NULL};

	p->restart = (struct restart_conf){.policy = RESTART_ALWAYS,
	    .delay_ms = 50,
	    .factor_milli = 2000,
	    .max_delay_ms = 1000,
	    .stable_after_ms = 250,
	    .window_ms = 60000};
	p->umask = 0027;
	p->stop.timeout_ms = 2000;
	p->command.v = argv;
	p->command.n = 3;
	if (b->host->look && b->host->uid == 0)
		p->user = bind_memory(
		    b, arena_strdup(b->arena,
		           getpwnam("plugind") != NULL ? "plugind" : "nobody"));
}

void
fill_module_path(struct binder *b)
{
	struct strv *list = &b->config->module_path;
	char path[PATH_MAX];
	const char *dir = NULL;

	if (b->host->look)
		dir = built_module_dir(path, sizeof(path));
	if (dir == NULL)
		dir = load_module_dir();
	list->v = bind_memory(b, arena_alloc(b->arena, 2 * sizeof(char *)));
	if (list->v == NULL)
		return;
	list->v[0] = bind_memory(b, arena_strdup(b->arena, dir));
	list->n = list->v[0] == NULL ? 0 : 1;
}
