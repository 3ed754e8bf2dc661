/*
 * confautoload: makes a plugin of each copy in state_dir/autoload that no
 * entry of a file is called like. See autoload.h.
 *
 * Looks at the disk, like the rest of a load; changes nothing.
 */
#include "autoload.h"
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
is_configured(const struct binder *b, const char *name)
{
	for (size_t i = 0; i < b->nrows; i++) {
		if (strcmp(b->rows[i]->name, name) == 0)
			return true;
	}
	return false;
}

static void
add(struct binder *b, const char *name, const char *dir, const char *file)
{
	struct plugin_conf *p;

	if (b->nrows == CONFIG_PLUGINS_MAX)
		return;
	p = bind_memory(b, arena_memdup(b->arena, &b->base, sizeof(*p)));
	if (p == NULL)
		return;
	p->kind = KIND_MODULE;
	p->name = bind_memory(b, arena_strdup(b->arena, name));
	p->module = bind_memory(b, arena_printf(b->arena, "%s/%s", dir, file));
	p->loc.file = b->config->autoload.directory;
	fill_rights(b, NULL, p);
	if (b->error == 0)
		b->rows[b->nrows++] = p;
}

void
add_autoloaded(struct binder *b)
{
	const struct dirent *e;
	char name[CONFIG_NAME_MAX + 1];
	const char *dir;
	DIR *d;

	if (!b->config->autoload.enabled || !b->host->look)
		return;
	dir = bind_memory(
	    b, arena_printf(b->arena, "%s/autoload", b->config->state_dir));
	d = dir != NULL ? opendir(dir) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (autoload_name(e->d_name, name, sizeof(name)) &&
		    !is_configured(b, name))
			add(b, name, dir, e->d_name);
	}
	if (d != NULL)
		closedir(d);
}
