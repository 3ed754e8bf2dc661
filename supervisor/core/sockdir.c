/*
 * sockdir: see sockdir.h.
 *
 * Must never: follow a link, or go deeper than the files of one directory:
 * what is in there belongs to the router, which is not trusted.
 */
#include "sockdir.h"

#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILES_MAX = 64, /* in one directory: sockets and the router's marker */
	TAIL_MAX = 21,  /* of the generation */
	LOOKS_MAX = 3,
	MODE = 0750, /* the guard of all that is in there */
};

static const char *root;

static bool
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void
empty(int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *e;

	if (dir == NULL) {
		close(fd);
		return;
	}
	for (int n = 0; n < FILES_MAX && (e = readdir(dir)) != NULL; n++) {
		if (!is_dot(e->d_name))
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	}
	closedir(dir);
}

static void
remove_at(int parent, const char *name)
{
	int fd = openat(parent, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		empty(fd);
	if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno == ENOTDIR)
		(void)unlinkat(parent, name, 0);
}

static int
wipe(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	if (dir == NULL)
		return -errno;
	while ((e = readdir(dir)) != NULL) {
		if (!is_dot(e->d_name))
			remove_at(dirfd(dir), e->d_name);
	}
	closedir(dir);
	return 0;
}

int
sockdir_init(const char *runtime_dir)
{
	char path[SOCKDIR_MAX + 1];
	int r = 0;

	root = runtime_dir;
	snprintf(path, sizeof(path), "%s/p", root);
	if (mkdir(path, 0711) != 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = wipe(path);
	if (r != 0)
		log_error(
		    NULL, "cannot make directory %s: %s", path, strerror(-r));
	return r;
}

void
sockdir_prefix(const char *name, unsigned number, char out[SOCKDIR_MAX + 1])
{
	int room = SOCKDIR_MAX - TAIL_MAX;
	char mark[16] = ".";
	int n = snprintf(NULL, 0, "%s/p/%s.", root, name);

	if (n > room)
		snprintf(mark, sizeof(mark), "~%u.", number);
	room -= (int)strlen(mark);
	n = snprintf(NULL, 0, "%s/p/", root);
	snprintf(out, SOCKDIR_MAX + 1, "%s/p/%.*s%s", root,
	    n < room ? room - n : 0, name, mark);
}

int
sockdir_make(const char *path, uid_t owner, gid_t group)
{
	int r = 0;

	if (mkdir(path, 0700) != 0) {
		if (errno != EEXIST)
			return -errno;
		/* Of an incarnation that never came to be. */
		sockdir_remove(path);
		if (mkdir(path, 0700) != 0)
			return -errno;
	}
	if (lchown(path, owner, group) != 0 || chmod(path, MODE) != 0)
		r = -errno;
	if (r != 0)
		(void)rmdir(path);
	return r;
}

/* Under another name first: the router may not know yet that it is over, and
 * make files there by the old one. What it was in the middle of is why this
 * may take a second look. */
void
sockdir_remove(const char *path)
{
	const char *slash = strrchr(path, '/');
	char hidden[SOCKDIR_MAX + 2];
	struct stat st;

	if (slash == NULL)
		return;
	snprintf(hidden, sizeof(hidden), "%.*s/.%s", (int)(slash - path), path,
	    slash + 1);
	if (rename(path, hidden) != 0) {
		remove_at(AT_FDCWD, path);
		return;
	}
	for (int i = 0; i < LOOKS_MAX && lstat(hidden, &st) == 0; i++)
		remove_at(AT_FDCWD, hidden);
}
