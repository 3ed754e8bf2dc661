/*
 * cgroup, the start: finds a place for the plugins' groups, ends what an
 * earlier life of the daemon left there, and gets controllers where that is
 * allowed.
 *
 * The kernel has no processes beside groups with controllers, so the daemon
 * has to leave its own group for a leaf first. That is done only in a group
 * that was given to us (delegated, or we are alone in it): elsewhere it
 * would change the life of strangers. Runs before the loop, so it may wait
 * for killed processes, a second at most. Nothing here is fatal: the worst
 * is CGROUP_NONE.
 */
#include "cgroupfs.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	LEFTOVER_WAIT_MS = 1000,
	PROCS_MAX = 4096, /* bytes of cgroup.procs */
	TAG_CAP = 32,
};

static const char leaf_name[] = "supervisor";

const char *const cgroup_controllers[CGROUP_CONTROLLERS] = {
    "memory", "cpu", "pids"};

/* --- the place --------------------------------------------------------- */

static bool
is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static const char *
find_mount(void)
{
	static const char *const mounts[] = {
	    "/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		if (is_cgroup2(mounts[i]))
			return mounts[i];
	}
	return NULL;
}

static int
format(char out[CGROUP_PATH_MAX], const char *a, const char *b, const char *c)
{
	int n = snprintf(out, CGROUP_PATH_MAX, "%s%s%s", a, b, c);

	return n < CGROUP_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* FNV-1a: the same for every life of a daemon, another for its neighbour. */
static void
make_tag(const char *runtime_dir, char out[TAG_CAP])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *runtime_dir; runtime_dir++) {
		h ^= (unsigned char)*runtime_dir;
		h *= UINT64_C(0x100000001b3);
	}
	snprintf(out, TAG_CAP, "/plugind-%016" PRIx64, h);
}

/* An earlier life may have been re-executed in its leaf: up again. */
static void
leave_leaf_name(const char *mount, char group[CGROUP_PATH_MAX], const char *tag)
{
	char path[CGROUP_PATH_MAX];
	char *slash = strrchr(group, '/');

	if (!slash || strcmp(slash + 1, leaf_name) != 0)
		return;
	*slash = '\0';
	if (format(path, mount, group, tag) != 0 || access(path, F_OK) != 0)
		*slash = '/';
}

/* Fills own, root and proc_prefix of the place. */
static int
find_place(const char *tag, const char *override)
{
	struct cgroup_place *p = &cgroup_place;
	const char *mount = find_mount();
	char group[CGROUP_PATH_MAX];
	int r;

	if (override) {
		r = format(p->own, override, "", "");
		return r != 0 ? r : format(p->root, override, tag, "");
	}
	if (!mount)
		return -ENOENT;
	r = cgroupfs_group_of(0, group);
	if (r != 0)
		return r;
	/* "/../x": we are outside of what this mount shows. */
	if (group[0] != '/' || strncmp(group, "/..", 3) == 0)
		return -ENOENT;
	leave_leaf_name(mount, group, tag);
	if (strcmp(group, "/") == 0)
		group[0] = '\0';
	if (format(p->own, mount, group, "") != 0 ||
	    format(p->root, p->own, tag, "") != 0)
		return -ENAMETOOLONG;
	return format(p->proc_prefix, group, tag, "/");
}

/* --- files of a group -------------------------------------------------- */

static int
write_in(const char *group, const char *file, const char *value)
{
	char path[CGROUP_PATH_MAX];
	int r = format(path, group, "/", file);

	return r != 0 ? r : cgroupfs_write(path, value);
}

static int
read_in(const char *group, const char *file, char *out, size_t cap)
{
	char path[CGROUP_PATH_MAX];
	int r = format(path, group, "/", file);

	return r != 0 ? r : cgroupfs_read(path, out, cap);
}

static bool
may_write(const char *group, const char *file)
{
	char path[CGROUP_PATH_MAX];

	return format(path, group, "/", file) == 0 && access(path, W_OK) == 0;
}

/* --- what an earlier life left ----------------------------------------- */

static int
kill_group(const char *path, void *arg)
{
	int *count = arg;

	++*count;
	(void)write_in(path, "cgroup.kill", "1");
	return 0;
}

static int
remove_group(const char *path, void *arg)
{
	int *failed = arg;
	int r = cgroupfs_remove_tree(path);

	if (r != 0 && r != -ENOENT) {
		++*failed;
		log_warn(NULL,
		    "cannot remove the cgroup %s of an earlier life: %s", path,
		    strerror(-r));
	}
	return 0;
}

/* The kernel reports a change of cgroup.events as POLLPRI. */
static void
await_empty(const char *group, int64_t timeout_ms)
{
	int64_t end_ms = clock_mono_ms() + timeout_ms;
	char path[CGROUP_PATH_MAX];
	struct pollfd pfd = {.events = POLLPRI};
	int64_t left_ms;

	if (format(path, group, "/", "cgroup.events") != 0)
		return;
	pfd.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (pfd.fd < 0)
		return;
	while (cgroupfs_read_counter(path, "populated") != 0) {
		left_ms = end_ms - clock_mono_ms();
		if (left_ms <= 0)
			break;
		/* Not for all of it: a change may come before the poll. */
		(void)poll(&pfd, 1, left_ms < 10 ? (int)left_ms : 10);
	}
	close(pfd.fd);
}

static void
end_leftovers(const char *root)
{
	int count = 0;
	int failed = 0;

	if (cgroupfs_each(root, kill_group, &count) != 0 || count == 0)
		return;
	await_empty(root, LEFTOVER_WAIT_MS);
	(void)cgroupfs_each(root, remove_group, &failed);
	log_info(NULL, "ended %d groups that an earlier life left", count);
}

/* --- controllers ------------------------------------------------------- */

/* systemd marks what it has delegated; a group of another owner than root
 * was given to that user by somebody. */
static bool
is_delegated(const char *own)
{
	struct stat st;
	char value[4];

	return getxattr(own, "user.delegate", value, sizeof(value)) > 0 ||
	       getxattr(own, "trusted.delegate", value, sizeof(value)) > 0 ||
	       (geteuid() != 0 && stat(own, &st) == 0 &&
	           st.st_uid == geteuid());
}

/* The one group of a machine that may have both. */
static bool
is_top(const char *own)
{
	char path[CGROUP_PATH_MAX];

	return format(path, own, "/", "cgroup.type") == 0 &&
	       access(path, F_OK) != 0;
}

/* The processes of a group, one a line. Never half a list: the last number
 * in it could be that of a stranger. */
static int
read_pids(const char *group, char out[PROCS_MAX])
{
	int r = read_in(group, "cgroup.procs", out, PROCS_MAX);

	if (r == 0 && strlen(out) == PROCS_MAX - 1)
		r = -E2BIG;
	return r;
}

static int
move_all(char *pids, const char *leaf)
{
	char *state = NULL;
	int r = 0;

	for (char *pid = strtok_r(pids, "\n", &state); pid && r == 0;
	     pid = strtok_r(NULL, "\n", &state)) {
		r = write_in(leaf, "cgroup.procs", pid);
		if (r == -ESRCH)
			r = 0; /* it has ended meanwhile */
	}
	return r;
}

static bool
is_alone(const char *pids)
{
	char self[16];

	snprintf(self, sizeof(self), "%d\n", (int)getpid());
	return strcmp(pids, self) == 0;
}

/* Empties our own group where that is our right. */
static int
move_to_leaf(void)
{
	struct cgroup_place *p = &cgroup_place;
	char pids[PROCS_MAX];
	int r = read_pids(p->own, pids);

	if (r != 0 || pids[0] == '\0')
		return r;
	if (!is_delegated(p->own) && !is_alone(pids))
		return -EPERM;
	r = format(p->leaf, p->own, "/", leaf_name);
	if (r == 0 && mkdir(p->leaf, 0755) != 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = move_all(pids, p->leaf);
	return r;
}

/* Enables one controller for the children of a group. */
static bool
enable(const char *group, const char *controller)
{
	char text[PROCS_MAX];
	char value[16];

	if (read_in(group, "cgroup.subtree_control", text, sizeof(text)) == 0 &&
	    cgroupfs_has_word(text, controller))
		return true;
	snprintf(value, sizeof(value), "+%s", controller);
	return write_in(group, "cgroup.subtree_control", value) == 0;
}

static bool
enable_all(void)
{
	struct cgroup_place *p = &cgroup_place;
	bool any = false;

	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		p->enabled[i] = enable(p->own, cgroup_controllers[i]) &&
		                enable(p->root, cgroup_controllers[i]);
		any = any || p->enabled[i];
	}
	return any;
}

static bool
offers_controllers(const char *own)
{
	char text[PROCS_MAX];

	if (read_in(own, "cgroup.controllers", text, sizeof(text)) != 0)
		return false;
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		if (cgroupfs_has_word(text, cgroup_controllers[i]))
			return true;
	}
	return false;
}

static bool
get_controllers(void)
{
	struct cgroup_place *p = &cgroup_place;
	int r;

	if (!offers_controllers(p->own) ||
	    !may_write(p->own, "cgroup.subtree_control"))
		return false;
	r = is_top(p->own) ? 0 : move_to_leaf();
	if (r != 0)
		log_debug(NULL, "no cgroup controllers in %s: %s", p->own,
		    strerror(-r));
	return r == 0 && enable_all();
}

/* --- start and end ----------------------------------------------------- */

static int
make_root(void)
{
	struct cgroup_place *p = &cgroup_place;

	if (!may_write(p->own, "cgroup.procs"))
		return -EACCES;
	if (mkdir(p->root, 0755) != 0 && errno != EEXIST)
		return -errno;
	if (may_write(p->root, "cgroup.procs") &&
	    may_write(p->root, "cgroup.kill"))
		return 0;
	(void)rmdir(p->root);
	return -EOPNOTSUPP;
}

enum cgroup_layer
cgroup_init(const char *runtime_dir, const char *root)
{
	struct cgroup_place *p = &cgroup_place;
	char tag[TAG_CAP];
	int r;

	*p = (struct cgroup_place){.layer = CGROUP_NONE};
	make_tag(runtime_dir, tag);
	r = find_place(tag, root);
	if (r == 0)
		r = make_root();
	if (r != 0) {
		log_debug(NULL, "no cgroups for plugins: %s", strerror(-r));
		return CGROUP_NONE;
	}
	end_leftovers(p->root);
	p->layer = get_controllers() ? CGROUP_FULL : CGROUP_KILL;
	return p->layer;
}

/* Back to where we were, so that the leaf can go too. */
static void
move_back(void)
{
	struct cgroup_place *p = &cgroup_place;
	char pids[PROCS_MAX];
	char value[16];

	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		snprintf(value, sizeof(value), "-%s", cgroup_controllers[i]);
		(void)write_in(p->own, "cgroup.subtree_control", value);
	}
	if (read_pids(p->leaf, pids) == 0 && move_all(pids, p->own) == 0)
		(void)rmdir(p->leaf);
}

void
cgroup_fini(void)
{
	struct cgroup_place *p = &cgroup_place;

	if (p->layer == CGROUP_NONE)
		return;
	(void)rmdir(p->root);
	if (p->leaf[0])
		move_back();
	p->layer = CGROUP_NONE;
}
