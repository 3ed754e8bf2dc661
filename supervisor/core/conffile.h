/*
 * conffile: configuration files on the disk.
 */
#ifndef CORE_CONFFILE_H
#define CORE_CONFFILE_H

#include "bind.h"

/* The name of the file that belongs to pluginctl. */
#define CONFFILE_OVERRIDE "90-pluginctl.yaml"

struct file_names {
	char **v;
	size_t n;
};

/*
 * Reads at most CONFIG_FILE_MAX + 1 bytes. 0 and *ret, heap, the caller
 * frees; -ENOENT and nothing else said; -EINVAL after a complaint in errs;
 * -ENOMEM. For root a file that others may change is refused.
 */
int conffile_read(const struct config_host *host, const char *path,
    struct conf_errors *errs, char **ret, size_t *ret_len);

/*
 * The *.yaml of a directory in byte order, without those that begin with a
 * dot. 0 (none if there is no such directory), -EINVAL after a complaint,
 * -ENOMEM.
 */
int conffile_list(const struct config_host *host, const char *dir,
    struct conf_errors *errs, struct file_names *ret);
void conffile_list_fini(struct file_names *names);

#endif
