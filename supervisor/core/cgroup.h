/*
 * cgroup: one cgroup v2 group a plugin instance, where a writable tree
 * exists. Files only: reads and writes under the cgroup mount, which never
 * block. What is not available is reported, never fatal.
 *
 * Tree: <own cgroup>/plugind-<tag>/<name>; `tag` is derived from runtime_dir,
 * so that two daemons never meet and a new life finds what a dead one left.
 */
#ifndef CORE_CGROUP_H
#define CORE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cgroup_layer {
	CGROUP_NONE, /* no writable v2 tree: process groups and rlimits */
	CGROUP_KILL, /* grouping and cgroup.kill, no controllers */
	CGROUP_FULL, /* and some of memory, cpu, pids */
};

struct cgroup_limits { /* -1: none */
	int64_t memory;
	int64_t cpu_milli;
	int64_t processes;
};

/*
 * Finds the v2 mount (pure, or hybrid at .../unified) and the own group, makes
 * the daemon's directory, moves the daemon to a leaf and enables controllers
 * where that is permitted (systemd: Delegate=yes; a group that holds only
 * us), and ends and removes what an earlier life left. `root` overrides the
 * search (tests: a fake tree). Returns the layer that is in force.
 */
enum cgroup_layer cgroup_init(const char *runtime_dir, const char *root);
/* Removes the daemon's empty directory. */
void cgroup_fini(void);

enum cgroup_layer cgroup_get_layer(void);
/* "memory", "cpu", "pids": is this controller enabled for plugins? */
bool cgroup_has(const char *controller);
/* The daemon's directory, or NULL with CGROUP_NONE. */
const char *cgroup_root(void);

/* Makes (or takes over) the group of `name`; name is "worker" or "worker:2". */
int cgroup_create(const char *name);
/* Sets what the layer can set; 0, or the first -errno. */
int cgroup_limit(const char *name, const struct cgroup_limits *limits);
/* Absolute path of its cgroup.procs, for the launcher. NULL when it does not
 * fit in cap or there is no layer. */
const char *cgroup_procs_path(const char *name, char *out, size_t cap);
/* SIGKILL to everything in it, atomically. 0, -ENOENT, -errno. */
int cgroup_kill(const char *name);
/* True while a process is in it. */
bool cgroup_populated(const char *name);
/* Out-of-memory kills in it since it was made. */
uint64_t cgroup_oom_kills(const char *name);
/* rmdir; -EBUSY while populated. */
int cgroup_remove(const char *name);
/* True when the process is in a plugin's group of this daemon. */
bool cgroup_contains_pid(int pid);

#endif
