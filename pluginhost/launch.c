/*
 * launch: turns this process, one image in hand, into a plugin's program. Runs
 * in a child that shares the launcher's memory until the exec: it has the
 * launcher to itself, which stands still meanwhile, and leaves nothing behind
 * in it. Default signal mask and handlers, a session of its own. Each step is
 * one function and one stage; the first that fails is reported on the status
 * descriptor and ends the process: a plugin never runs with less protection
 * than asked for.
 *
 * Ids are changed by raw system calls: the C library's wrappers are about all
 * threads of a process, and this is not one of the launcher's.
 *
 * Must never: allocate, print (stderr is the plugin's log), or continue after
 * a failure.
 */
#include "launch.h"

#include "common/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct launch {
	struct launch_head *head;
	char *base;
	char **argv;
	char **envp;
	const struct launch_request *request;
	int status_fd;
};

/* Strings of argv and environment together, NULLs included. Not on the heap:
 * the memory is the launcher's. */
static char *pointers[LAUNCH_STRINGS_MAX];

/* `count` strings from `offset` as a NULL-terminated vector at `v`; 0, or -1
 * when they leave the image. */
static int
index_strings(const struct launch_request *request, char **v, size_t offset,
    uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		size_t left =
		    offset < request->size ? request->size - offset : 0;
		size_t len = strnlen(request->image + offset, left);

		if (len == left)
			return -1;
		v[i] = request->image + offset;
		offset += len + 1;
	}
	v[count] = NULL;
	return 0;
}

struct launch_head *
launch_head(const struct launch_request *request)
{
	struct launch_head *h = (struct launch_head *)(void *)request->image;

	if (request->size < sizeof(*h) || h->magic != LAUNCH_MAGIC ||
	    h->size != request->size || h->ngroups > LAUNCH_GROUPS_MAX ||
	    h->nlimits > LAUNCH_LIMITS_MAX)
		return NULL;
	return h;
}

static int
read_image(struct launch *l, const struct launch_request *request)
{
	struct launch_head *h = launch_head(request);

	if (h == NULL)
		return -EBADMSG;
	if (h->argc == 0 || h->argc >= LAUNCH_STRINGS_MAX ||
	    h->envc >= LAUNCH_STRINGS_MAX ||
	    h->argc + h->envc + 2 > LAUNCH_STRINGS_MAX)
		return -E2BIG;
	l->head = h;
	l->base = request->image;
	l->argv = pointers;
	l->envp = pointers + h->argc + 1;
	if (index_strings(request, l->argv, h->argv, h->argc) != 0 ||
	    index_strings(request, l->envp, h->env, h->envc) != 0)
		return -EBADMSG;
	return 0;
}

static int
join_cgroup(struct launch *l)
{
	int fd;
	int r = 0;

	if (l->head->cgroup_procs == 0 || l->request->in_cgroup)
		return 0;
	fd = open(l->base + l->head->cgroup_procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) != 1)
		r = -errno;
	close(fd);
	return r;
}

/* The gift takes the place of whatever has its number; the status pipe is
 * needed after that. */
static int
take_gift(struct launch *l)
{
	int gift = l->request->fds[3];

	if (gift < 0)
		return 0;
	if (l->status_fd == LAUNCH_GIFT_FD)
		l->status_fd = fcntl(l->status_fd, F_DUPFD_CLOEXEC, gift + 1);
	if (l->status_fd < 0)
		return -errno;
	if (gift == LAUNCH_GIFT_FD)
		return fcntl(gift, F_SETFD, 0) == 0 ? 0 : -errno;
	return dup2(gift, LAUNCH_GIFT_FD) < 0 ? -errno : 0;
}

/* The three standard descriptors, the gift, and nothing else reach the
 * program. */
static int
set_stdio(struct launch *l)
{
	/* The launcher's own are /dev/null. */
	if ((l->request->fds[0] >= 0 && dup2(l->request->fds[0], 1) < 0) ||
	    (l->request->fds[1] >= 0 && dup2(l->request->fds[1], 2) < 0))
		return -errno;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		return -errno;
	return take_gift(l);
}

static int
set_limits(struct launch *l)
{
	for (uint32_t i = 0; i < l->head->nlimits; i++) {
		const struct launch_limit *from = &l->head->limits[i];
		struct rlimit to = {from->soft, from->hard};

		if (setrlimit((__rlimit_resource_t)from->resource, &to) != 0)
			return -errno;
	}
	return 0;
}

static int
set_groups(struct launch *l)
{
	const uint32_t *from =
	    (const uint32_t *)(const void *)(l->base + l->head->groups);
	gid_t groups[LAUNCH_GROUPS_MAX];

	if (l->head->uid == UINT32_MAX && l->head->gid == UINT32_MAX)
		return 0;
	for (uint32_t i = 0; i < l->head->ngroups; i++)
		groups[i] = from[i];
	return syscall(SYS_setgroups, l->head->ngroups, groups) == 0 ? 0
	                                                             : -errno;
}

static int
set_gid(struct launch *l)
{
	gid_t gid = l->head->gid;

	if (gid == UINT32_MAX)
		return 0;
	return syscall(SYS_setresgid, gid, gid, gid) == 0 ? 0 : -errno;
}

static int
set_uid(struct launch *l)
{
	uid_t uid = l->head->uid;

	if (uid == UINT32_MAX)
		return 0;
	return syscall(SYS_setresuid, uid, uid, uid) == 0 ? 0 : -errno;
}

/*
 * The parent-death signal is cleared by a change of uid, so it comes after;
 * and a core that died before it was set would never be noticed, so look.
 * It is the second net under plugind-guard, for the instant before the core
 * has written this process into the guard's table.
 */
static int
set_privileges(struct launch *l)
{
	if (l->head->no_new_privileges &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return -errno;
	return getppid() == l->head->parent ? 0 : -ESRCH;
}

static int
set_working_dir(struct launch *l)
{
	umask((mode_t)l->head->umask);
	if (l->head->working_dir == 0)
		return 0;
	return chdir(l->base + l->head->working_dir) == 0 ? 0 : -errno;
}

static int
exec_program(struct launch *l)
{
	int error;

	/* execvpe searches the PATH of `environ`: make it the plugin's, and
	 * the launcher's again if this returns. */
	environ = l->envp;
	execvpe(l->argv[0], l->argv, l->envp);
	error = errno;
	environ = NULL;
	return -error;
}

typedef int step_fn(struct launch *l);

static step_fn *const steps[LAUNCH_STAGE__COUNT] = {
    [LAUNCH_CGROUP] = join_cgroup,
    [LAUNCH_STDIO] = set_stdio,
    [LAUNCH_LIMITS] = set_limits,
    [LAUNCH_GROUPS] = set_groups,
    [LAUNCH_GID] = set_gid,
    [LAUNCH_UID] = set_uid,
    [LAUNCH_PRIVILEGES] = set_privileges,
    [LAUNCH_WORKING_DIR] = set_working_dir,
    [LAUNCH_EXEC] = exec_program,
};

int
launch_exec(const struct launch_request *request)
{
	struct launch l = {.request = request, .status_fd = request->fds[2]};
	struct launch_failure failure = {LAUNCH_IMAGE, 0};
	int r = read_image(&l, request);

	while (r == 0 && ++failure.stage < LAUNCH_STAGE__COUNT)
		r = steps[failure.stage](&l);
	failure.error = -r;
	if (write(l.status_fd, &failure, sizeof(failure)) < 0)
		return LAUNCH_EXIT_FAILED;
	return r == -ENOENT ? LAUNCH_EXIT_NOT_FOUND : LAUNCH_EXIT_FAILED;
}
