/*
 * program: see program.h. Must never be needed between an exit and a respawn.
 */
#include "program.h"

#include "sibling.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
find_own(const char *name, const char *built, char *out, char *why, size_t cap)
{
	int r = sibling_find(name, built, out, PATH_MAX);

	if (r != 0)
		snprintf(why, cap,
		    "cannot find %s beside plugind (libexec/plugind/%s): the "
		    "installation is incomplete",
		    name, name);
	return r;
}

static int
find_module(const struct config *config, const char *name, char *out, char *why,
    size_t cap)
{
	const struct strv *dirs = &config->module_path;

	if (strchr(name, '/') != NULL) {
		snprintf(out, PATH_MAX, "%s", name);
		return 0;
	}
	for (size_t i = 0; i < dirs->n; i++) {
		snprintf(out, PATH_MAX, "%s/%s", dirs->v[i], name);
		if (access(out, R_OK) == 0)
			return 0;
	}
	snprintf(why, cap, "module %.64s is in none of module_path (%.64s%s)",
	    name, dirs->n > 0 ? dirs->v[0] : "empty",
	    dirs->n > 1 ? ", ..." : "");
	return -ENOENT;
}

static int
find_host(const struct config *config, const struct plugin_conf *conf,
    struct program *p, char *why, size_t cap)
{
	int r =
	    find_own("pluginhost", "pluginhost/pluginhost", p->path, why, cap);

	if (r == 0)
		r = find_module(config, conf->module, p->module, why, cap);
	p->args[0] = p->path;
	p->args[1] = p->module;
	p->argv = (struct strv){p->args, 2};
	return r;
}

static int
find_router(
    const struct plugin_conf *conf, struct program *p, char *why, size_t cap)
{
	int r = find_own(
	    ROUTER_NAME, "supervisor/router/" ROUTER_NAME, p->path, why, cap);

	p->args[0] = p->path;
	for (size_t i = 1; i < conf->command.n && i < PROGRAM_ARGS - 1; i++)
		p->args[i] = conf->command.v[i];
	p->argv = (struct strv){p->args, conf->command.n};
	return r;
}

int
program_find(const struct config *config, const struct plugin_conf *conf,
    struct program *ret, char *why, size_t cap)
{
	memset(ret->args, 0, sizeof(ret->args));
	if (conf->kind == KIND_MODULE)
		return find_host(config, conf, ret, why, cap);
	if (conf->kind == KIND_ROUTER)
		return find_router(conf, ret, why, cap);
	ret->argv = *plugin_conf_argv(conf);
	return 0;
}
