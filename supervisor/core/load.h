/*
 * load: puts a configuration together from files or from bytes in memory.
 */
#ifndef CORE_LOAD_H
#define CORE_LOAD_H

#include "bind.h"

/* config_load on a machine of the caller's choice. */
int load_files(const struct config_source *src, const struct config_host *host,
    struct config **ret, struct conf_errors *errs);

/* A main file that is in memory already. */
struct load_bytes {
	const char *file; /* as complaints name it */
	const char *dir;  /* absolute, that it is said to lie in */
	const char *data;
	size_t len;
};

/* The same for such a file; touches no disk if host->look is false. */
int load_bytes(const struct load_bytes *in, const struct config_host *host,
    struct config **ret, struct conf_errors *errs);

/* Where modules are if `module_path` does not say it. */
const char *load_module_dir(void);

#endif
