/*
 * program: what is executed for a row: its own argv, pluginhost with the path
 * of a module, or plugind-router.
 */
#ifndef CORE_PROGRAM_H
#define CORE_PROGRAM_H

#include "config.h"

#include <limits.h>

enum { PROGRAM_ARGS = 4 };

struct program {
	struct strv argv; /* of the configuration, or of what follows */
	char *args[PROGRAM_ARGS];
	char path[PATH_MAX];
	char module[PATH_MAX];
};

/* Fills *ret (do not copy it: it points into itself). 0, or -ENOENT with a
 * sentence in `why`. Looks at the disk. */
int program_find(const struct config *config, const struct plugin_conf *conf,
    struct program *ret, char *why, size_t cap);

#endif
