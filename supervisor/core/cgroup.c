/*
 * cgroup: owns <own group>/plugind-<tag> and the groups below it, one a
 * plugin instance. Finding a place for them is cgroupinit.c's; here is what
 * is done with them afterwards.
 *
 * Everything is a small file in a kernel file system: no call here waits for
 * a process. The kernel may refuse anything (a container, a controller that
 * is not delegated); that is handed to the caller as -errno and is never
 * fatal, since process groups and rlimits still hold. Must never touch a
 * group outside of the daemon's own directory.
 */
#include "cgroup.h"
#include "cgroupfs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CPU_PERIOD_US = 100000,
	CPU_QUOTA_MIN_US = 1000, /* the kernel takes no less */
};

struct cgroup_place cgroup_place;

enum cgroup_layer
cgroup_get_layer(void)
{
	return cgroup_place.layer;
}

bool
cgroup_has(const char *controller)
{
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		if (strcmp(cgroup_controllers[i], controller) == 0)
			return cgroup_place.enabled[i];
	}
	return false;
}

const char *
cgroup_root(void)
{
	return cgroup_place.layer == CGROUP_NONE ? NULL : cgroup_place.root;
}

/* Path of the group, or of a file in it. -ENOENT without a layer. */
static int
name_path(const char *name, const char *file, char out[CGROUP_PATH_MAX])
{
	int n;

	if (cgroup_place.layer == CGROUP_NONE)
		return -ENOENT;
	/* Names come from a checked configuration; this is the last fence. */
	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/'))
		return -EINVAL;
	n = snprintf(out, CGROUP_PATH_MAX, "%s/%s%s%s", cgroup_place.root, name,
	    file ? "/" : "", file ? file : "");
	return n < CGROUP_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int
cgroup_create(const char *name)
{
	char path[CGROUP_PATH_MAX];
	int r = name_path(name, NULL, path);

	if (r != 0)
		return r;
	return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

static int
set(const char *name, const char *file, const char *value)
{
	char path[CGROUP_PATH_MAX];
	int r = name_path(name, file, path);

	return r != 0 ? r : cgroupfs_write(path, value);
}

/* "max" for no limit: the group may have had one. */
static int
set_number(const char *name, const char *file, int64_t value)
{
	char text[24];

	if (value < 0)
		return set(name, file, "max");
	snprintf(text, sizeof(text), "%" PRId64, value);
	return set(name, file, text);
}

static int
limit_memory(const char *name, const struct cgroup_limits *limits)
{
	int first = set_number(name, "memory.max", limits->memory);
	int r = set(name, "memory.oom.group", "1");

	return first != 0 ? first : r;
}

static int
limit_cpu(const char *name, const struct cgroup_limits *limits)
{
	/* Thousandths of a percent are microseconds of 100 ms. */
	int64_t quota_us = limits->cpu_milli;
	char text[48];

	if (quota_us < 0)
		return set(name, "cpu.max", "max 100000");
	if (quota_us < CPU_QUOTA_MIN_US)
		quota_us = CPU_QUOTA_MIN_US;
	snprintf(
	    text, sizeof(text), "%" PRId64 " %d", quota_us, (int)CPU_PERIOD_US);
	return set(name, "cpu.max", text);
}

static int
limit_processes(const char *name, const struct cgroup_limits *limits)
{
	return set_number(name, "pids.max", limits->processes);
}

typedef int limit_fn(const char *name, const struct cgroup_limits *limits);

int
cgroup_limit(const char *name, const struct cgroup_limits *limits)
{
	static const struct {
		const char *controller;
		limit_fn *fn;
	} rows[] = {
	    {"memory", limit_memory},
	    {"cpu", limit_cpu},
	    {"pids", limit_processes},
	};
	int first = 0;
	int r;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!cgroup_has(rows[i].controller))
			continue;
		r = rows[i].fn(name, limits);
		if (first == 0)
			first = r;
	}
	return first;
}

const char *
cgroup_procs_path(const char *name, char *out, size_t cap)
{
	char path[CGROUP_PATH_MAX];
	size_t size;

	if (name_path(name, "cgroup.procs", path) != 0)
		return NULL;
	size = strlen(path) + 1;
	if (size > cap)
		return NULL;
	return memcpy(out, path, size);
}

int
cgroup_kill(const char *name)
{
	return set(name, "cgroup.kill", "1");
}

/* The value behind `key` in a file of "key value" lines, or 0. */
static uint64_t
get_counter(const char *name, const char *file, const char *key)
{
	char path[CGROUP_PATH_MAX];

	if (name_path(name, file, path) != 0)
		return 0;
	return cgroupfs_read_counter(path, key);
}

bool
cgroup_populated(const char *name)
{
	return get_counter(name, "cgroup.events", "populated") != 0;
}

uint64_t
cgroup_oom_kills(const char *name)
{
	return get_counter(name, "memory.events", "oom_kill");
}

int
cgroup_remove(const char *name)
{
	char path[CGROUP_PATH_MAX];
	int r = name_path(name, NULL, path);

	if (r != 0)
		return r;
	if (rmdir(path) == 0)
		return 0;
	if (errno != EBUSY || cgroup_populated(name))
		return -errno;
	/* No process, but groups that the plugin has made for itself. */
	return cgroupfs_remove_tree(path);
}

bool
cgroup_contains_pid(int pid)
{
	char path[CGROUP_PATH_MAX];
	size_t len = strlen(cgroup_place.proc_prefix);

	if (cgroup_place.layer == CGROUP_NONE || len == 0 ||
	    cgroupfs_group_of(pid, path) != 0)
		return false;
	return strncmp(path, cgroup_place.proc_prefix, len) == 0;
}
