/* sibling: see sibling.h. Called at start-up only. */
#include "sibling.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Cuts the last component off. */
static void
go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash != NULL)
		*slash = '\0';
}

int
sibling_find(const char *name, const char *built, char *out, size_t cap)
{
	char dir[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	if (n < 0)
		return -errno;
	dir[n] = '\0';
	go_up(dir); /* PREFIX/sbin */
	go_up(dir); /* PREFIX, or BUILD/supervisor */
	if (snprintf(out, cap, "%s/libexec/plugind/%s", dir, name) > 0 &&
	    access(out, X_OK) == 0)
		return 0;
	go_up(dir); /* BUILD */
	if (snprintf(out, cap, "%s/%s", dir, built) > 0 &&
	    access(out, X_OK) == 0)
		return 0;
	return -ENOENT;
}
