/*
 * cgroupfs: reads, writes and removes in a cgroup v2 mount, by path.
 *
 * Owns nothing. Must never create a file (a wrong path would then look like
 * success) and never remove one: only empty groups go, by rmdir, which the
 * kernel refuses while a process is in them.
 */
#include "cgroupfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 4096, DEPTH_MAX = 16 };

int
cgroupfs_write(const char *path, const char *value)
{
	size_t len = strlen(value);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, len) != (ssize_t)len)
		r = errno != 0 ? -errno : -EIO;
	close(fd);
	return r;
}

int
cgroupfs_read(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;
	int r = 0;

	if (fd < 0)
		return -errno;
	while (len < cap - 1) {
		n = read(fd, out + len, cap - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (n < 0)
		r = -errno;
	out[len] = '\0';
	close(fd);
	return r;
}

uint64_t
cgroupfs_read_counter(const char *path, const char *key)
{
	size_t key_len = strlen(key);
	char text[FILE_MAX];
	const char *p = text;

	if (cgroupfs_read(path, text, sizeof(text)) != 0)
		return 0;
	while (p) {
		if (strncmp(p, key, key_len) == 0 && p[key_len] == ' ')
			return strtoull(p + key_len + 1, NULL, 10);
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return 0;
}

bool
cgroupfs_has_word(const char *text, const char *word)
{
	static const char blank[] = " \n";
	size_t len = strlen(word);

	while (*text) {
		text += strspn(text, blank);
		if (strncmp(text, word, len) == 0 &&
		    (text[len] == '\0' || strchr(blank, text[len])))
			return true;
		text += strcspn(text, blank);
	}
	return false;
}

int
cgroupfs_each(const char *path, cgroupfs_fn *fn, void *arg)
{
	char child[CGROUP_PATH_MAX];
	DIR *dir = opendir(path);
	const struct dirent *e;
	int r = 0;
	int n;

	if (!dir)
		return -errno;
	while (r == 0 && (e = readdir(dir)) != NULL) {
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		n = snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
		r = n < CGROUP_PATH_MAX ? fn(child, arg) : -ENAMETOOLONG;
	}
	closedir(dir);
	return r;
}

static int
remove_below(const char *path, void *arg)
{
	int *depth = arg;
	int r;

	if (*depth >= DEPTH_MAX)
		return -ELOOP;
	++*depth;
	r = cgroupfs_each(path, remove_below, depth);
	--*depth;
	if (r == 0 && rmdir(path) != 0)
		r = -errno;
	return r;
}

int
cgroupfs_remove_tree(const char *path)
{
	int depth = 0;

	return remove_below(path, &depth);
}

/* The line of the v2 hierarchy is "0::/path". */
static int
find_group(const char *text, char out[CGROUP_PATH_MAX])
{
	const char *p = text;
	size_t len;

	while (p && strncmp(p, "0::", 3) != 0) {
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	if (!p)
		return -ENOENT;
	p += 3;
	len = strcspn(p, "\n");
	if (len >= CGROUP_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, p, len);
	out[len] = '\0';
	return 0;
}

int
cgroupfs_group_of(int pid, char out[CGROUP_PATH_MAX])
{
	char path[40] = "/proc/self/cgroup";
	char text[FILE_MAX];
	int r;

	if (pid != 0)
		snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	r = cgroupfs_read(path, text, sizeof(text));
	return r != 0 ? r : find_group(text, out);
}
