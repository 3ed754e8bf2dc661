/*
 * conffile: configuration files on the disk.
 *
 * Opens, checks and reads them whole; blocks on the disk, so only a load
 * calls it. What root runs must not be for others to choose: as root, a file
 * or a directory above it that anyone may write to is refused, and one that
 * belongs to somebody else is warned about. Never parses.
 */
#include "conffile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct conf_loc
file_loc(const char *path)
{
	return (struct conf_loc){.file = path};
}

/* `name` is what `st` is about; `path` is the file that is read. */
static int
check_owner(const struct stat *st, const char *name, const char *path,
    struct conf_errors *errs)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

	if ((st->st_mode & S_IWOTH) != 0 && !sticky) {
		conf_error_add(errs, file_loc(path),
		    "anyone may write to %s, so root does not use it: chmod "
		    "o-w",
		    name);
		return -EINVAL;
	}
	if (st->st_uid != 0)
		conf_warning_add(errs, file_loc(path),
		    "%s belongs to user %u, who can run programs as root by "
		    "it",
		    name, (unsigned)st->st_uid);
	else if ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0)
		conf_warning_add(errs, file_loc(path),
		    "group %u may write to %s and run programs as root by it",
		    (unsigned)st->st_gid, name);
	return 0;
}

/* Every directory from that of the file up to the root. */
static int
check_above(const char *path, struct conf_errors *errs)
{
	char *dir = realpath(path, NULL);
	int err = 0;

	/* Gone again: what is open has been checked. */
	if (dir == NULL)
		return errno == ENOMEM ? -ENOMEM : 0;
	while (err == 0 && strcmp(dir, "/") != 0) {
		char *slash = strrchr(dir, '/');
		struct stat st;

		slash[slash == dir] = '\0';
		if (stat(dir, &st) == 0)
			err = check_owner(&st, dir, path, errs);
	}
	free(dir);
	return err;
}

static int
complain_errno(const char *path, int err, struct conf_errors *errs)
{
	if (err == -ENOMEM)
		return err;
	conf_error_add(
	    errs, file_loc(path), "cannot be read: %s", strerror(-err));
	return -EINVAL;
}

static int
check_file(const struct config_host *host, int fd, const char *path,
    struct conf_errors *errs)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return complain_errno(path, -errno, errs);
	if (!S_ISREG(st.st_mode)) {
		conf_error_add(errs, file_loc(path), "not a regular file");
		return -EINVAL;
	}
	if (host->uid != 0)
		return 0;
	err = check_owner(&st, "this file", path, errs);
	return err < 0 ? err : check_above(path, errs);
}

static int
read_all(int fd, char *data, size_t cap, size_t *ret_len)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, data + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int
conffile_read(const struct config_host *host, const char *path,
    struct conf_errors *errs, char **ret, size_t *ret_len)
{
	enum { CAP = CONFIG_FILE_MAX + 1 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *data = NULL;
	int err;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT
		                       : complain_errno(path, -errno, errs);
	err = check_file(host, fd, path, errs);
	if (err < 0)
		goto out;
	data = malloc(CAP);
	if (data == NULL) {
		err = -ENOMEM;
		goto out;
	}
	err = read_all(fd, data, CAP, ret_len);
	if (err < 0) {
		err = complain_errno(path, err, errs);
		goto out;
	}
	*ret = data;
	data = NULL;
out:
	free(data);
	(void)close(fd);
	return err;
}

static bool
is_wanted(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 &&
	       strcmp(name + len - 5, ".yaml") == 0;
}

void
conffile_list_fini(struct file_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct file_names){0};
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_names(
    DIR *d, const char *dir, struct conf_errors *errs, struct file_names *names)
{
	struct dirent *entry;

	while ((entry = readdir(d)) != NULL) {
		if (!is_wanted(entry->d_name))
			continue;
		if (names->n == CONFIG_FILES_MAX) {
			conf_error_add(errs, file_loc(dir),
			    "more than %d files", CONFIG_FILES_MAX);
			return -EINVAL;
		}
		names->v[names->n] = strdup(entry->d_name);
		if (names->v[names->n] == NULL)
			return -ENOMEM;
		names->n++;
	}
	return 0;
}

int
conffile_list(const struct config_host *host, const char *dir,
    struct conf_errors *errs, struct file_names *ret)
{
	struct file_names names = {0};
	struct stat st;
	DIR *d = opendir(dir);
	int err = 0;

	if (d == NULL && errno == ENOENT) {
		*ret = names;
		return 0;
	}
	if (d == NULL)
		return complain_errno(dir, -errno, errs);
	if (host->uid == 0 && fstat(dirfd(d), &st) == 0)
		err = check_owner(&st, "this directory", dir, errs);
	if (err < 0)
		goto out;
	names.v = calloc(CONFIG_FILES_MAX, sizeof(char *));
	err = names.v == NULL ? -ENOMEM : read_names(d, dir, errs, &names);
	if (err < 0)
		goto out;
	qsort(names.v, names.n, sizeof(char *), compare_names);
	*ret = names;
	names = (struct file_names){0};
out:
	conffile_list_fini(&names);
	(void)closedir(d);
	return err;
}
