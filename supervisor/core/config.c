/*
 * config: references to a configuration and the load from this machine.
 *
 * The thin public side. The loading itself is in load.c, with the machine as
 * an argument, so that it can be tested on another one.
 */
#include "config.h"

#include "load.h"

#include <stdlib.h>
#include <unistd.h>

static const char *
get_env(const char *name)
{
	return getenv(name);
}

int
config_load(const struct config_source *src, struct config **ret,
    struct conf_errors *errs)
{
	struct config_host host = {
	    .uid = geteuid(), .gid = getegid(), .env = get_env, .look = true};

	return load_files(src, &host, ret, errs);
}

struct config *
config_ref(struct config *c)
{
	c->refs++;
	return c;
}

void
config_unref(struct config *c)
{
	if (c != NULL && --c->refs == 0)
		arena_free(c->arena);
}

size_t
config_count(const struct config *c)
{
	return c->nplugins - (config_find(c, ROUTER_NAME) != NULL);
}

const struct strv *
plugin_conf_argv(const struct plugin_conf *p)
{
	if (p->kind == KIND_EXEC)
		return &p->exec;
	/* The router is a command of ours. */
	return p->kind == KIND_MODULE ? NULL : &p->command;
}

bool
plugin_conf_is_managed(const struct plugin_conf *p)
{
	return p->kind == KIND_MODULE || p->kind == KIND_EXEC;
}
