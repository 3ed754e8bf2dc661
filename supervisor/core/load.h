/*
 * load: puts a configuration together from files or from bytes in memory.
 */
#ifndef CORE_LOAD_H
#define CORE_LOAD_H

#include "bind.h"

/* config_load on a machine of the caller's choice. */
int load_files(const struct config_source *src, const struct config_host *host,
    struct config **ret, struct conf_errors *errs);

/* The same for one main file that is in memory already and is said to be
 * `file` in the directory `dir`; touches no disk if host->look is false. */
int load_bytes(const char *file, const char *dir, const char *data, size_t len,
    const struct config_host *host, struct config **ret,
    struct conf_errors *errs);

/* Where modules are if `module_path` does not say it. */
const char *load_module_dir(void);

#endif
