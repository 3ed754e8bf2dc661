/*
 * cgroupfs: small files and directories of a cgroup v2 mount, and what
 * cgroup.c and cgroupinit.c share. Private to the two.
 */
#ifndef CORE_CGROUPFS_H
#define CORE_CGROUPFS_H

#include "cgroup.h"

enum {
	CGROUP_PATH_MAX = 1024, /* the launcher's image takes no longer one */
	CGROUP_CONTROLLERS = 3,
};

extern const char *const cgroup_controllers[CGROUP_CONTROLLERS];

/* Where the daemon's groups are; written by cgroupinit.c. */
struct cgroup_place {
	enum cgroup_layer layer;
	bool enabled[CGROUP_CONTROLLERS]; /* for plugins */
	char own[CGROUP_PATH_MAX];        /* the group that was ours at start */
	char root[CGROUP_PATH_MAX];       /* own/plugind-<tag> */
	char leaf[CGROUP_PATH_MAX];       /* where we moved to, or "" */
	char proc_prefix[CGROUP_PATH_MAX]; /* root/ as in /proc/PID/cgroup */
};
extern struct cgroup_place cgroup_place;

/* Writes a value to a file that exists. 0 or -errno. */
int cgroupfs_write(const char *path, const char *value);
/* Reads at most cap - 1 bytes and ends them with a NUL. 0 or -errno. */
int cgroupfs_read(const char *path, char *out, size_t cap);
/* The value behind `key` in a file of "key value" lines, or 0. */
uint64_t cgroupfs_read_counter(const char *path, const char *key);
/* True when `word` is one of the words in the text. */
bool cgroupfs_has_word(const char *text, const char *word);

/* Calls fn with the path of each group below; stops at the first that is not
 * 0 and returns it. */
typedef int cgroupfs_fn(const char *path, void *arg);
int cgroupfs_each(const char *path, cgroupfs_fn *fn, void *arg);
/* rmdir of a group and all below it. 0 or -errno. */
int cgroupfs_remove_tree(const char *path);

/* The v2 group of a process (0: ours), as /proc says it. 0 or -errno. */
int cgroupfs_group_of(int pid, char out[CGROUP_PATH_MAX]);

#endif
