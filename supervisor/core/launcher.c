/*
 * launcher: owns the descriptors of a start while it is under way.
 *
 * Must never: run code in the child, allocate, or leave a descriptor open on
 * a failure. The four descriptors that the launcher needs lose close-on-exec
 * only around the one posix_spawn: the core has one thread.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *launcher_path;
static posix_spawnattr_t attributes;

int
launcher_init(const char *launcher)
{
	sigset_t all;
	sigset_t none;
	int r = posix_spawnattr_init(&attributes);

	launcher_path = launcher;
	sigfillset(&all);
	sigemptyset(&none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setflags(&attributes,
		    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
		        POSIX_SPAWN_SETSID);
	return -r;
}

void
launcher_fini(void)
{
	posix_spawnattr_destroy(&attributes);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The ends of one start: ours, and the launcher's. */
struct ends {
	int ours[3]; /* out, err, status */
	int theirs[3];
	int image;
};

static void
close_ends(int fds[3])
{
	for (int i = 0; i < 3; i++)
		close_fd(&fds[i]);
}

static int
open_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) {
		int saved = errno;

		close(fds[0]);
		close(fds[1]);
		return -saved;
	}
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

static int
open_image(const struct image *image, int *ret)
{
	const char *p = (const char *)image->head;
	size_t left = image->head->size;
	int fd = memfd_create("plugind-image", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (left > 0) {
		ssize_t n = write(fd, p, left);

		if (n < 0) {
			int saved = errno;

			close(fd);
			return -saved;
		}
		p += n;
		left -= (size_t)n;
	}
	*ret = fd;
	return 0;
}

static int
open_ends(struct image *image, bool capture, struct ends *e)
{
	int r = 0;

	for (int i = capture ? 0 : 2; i < 3 && r == 0; i++)
		r = open_pipe(&e->ours[i], &e->theirs[i]);
	if (r != 0)
		return r;
	image->head->fd_out = e->theirs[0];
	image->head->fd_err = e->theirs[1];
	image->head->fd_status = e->theirs[2];
	return open_image(image, &e->image);
}

static int
share_ends(const struct ends *e)
{
	const int fds[] = {e->theirs[0], e->theirs[1], e->theirs[2], e->image};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0 && fcntl(fds[i], F_SETFD, 0) != 0)
			return -errno;
	}
	return 0;
}

static int
run_launcher(int image_fd, pid_t *ret)
{
	static char arg0[] = "pluginhost";
	static char arg1[] = "--exec";
	char arg2[16];
	char *argv[] = {arg0, arg1, arg2, NULL};
	char *envp[] = {NULL};

	snprintf(arg2, sizeof(arg2), "%d", image_fd);
	return -posix_spawn(ret, launcher_path, NULL, &attributes, argv, envp);
}

int
launcher_start(struct image *image, bool capture, struct spawned *ret)
{
	struct ends e = {{-1, -1, -1}, {-1, -1, -1}, -1};
	pid_t pid = 0;
	int r = open_ends(image, capture, &e);

	if (r == 0)
		r = share_ends(&e);
	if (r == 0)
		r = run_launcher(e.image, &pid);
	close_ends(e.theirs);
	close_fd(&e.image);
	if (r != 0) {
		close_ends(e.ours);
		return r;
	}
	*ret = (struct spawned){pid, e.ours[0], e.ours[1], e.ours[2]};
	return 0;
}

int
launcher_read_status(int status_fd, struct launch_failure *ret)
{
	struct launch_failure failure;
	ssize_t n = read(status_fd, &failure, sizeof(failure));

	if (n == (ssize_t)sizeof(failure)) {
		*ret = failure;
		return -EPROTO;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	return 0;
}

const char *
launcher_describe(const struct launch_failure *failure,
    const struct image *image, char *out, size_t cap)
{
	static const char *const stages[LAUNCH_STAGE__COUNT] = {
	    [LAUNCH_IMAGE] = "reading the launch image",
	    [LAUNCH_CGROUP] = "joining its cgroup",
	    [LAUNCH_STDIO] = "setting up stdin, stdout and stderr",
	    [LAUNCH_LIMITS] = "setting limits",
	    [LAUNCH_GROUPS] = "setting supplementary groups",
	    [LAUNCH_GID] = "switching to its group",
	    [LAUNCH_UID] = "switching to its user",
	    [LAUNCH_PRIVILEGES] = "dropping privileges",
	    [LAUNCH_WORKING_DIR] = "changing to working_dir",
	    [LAUNCH_EXEC] = "cannot execute",
	};
	const char *base = (const char *)image->head;
	const char *object = "";

	if (failure->stage < 0 || failure->stage >= LAUNCH_STAGE__COUNT) {
		snprintf(out, cap, "the launcher failed in an unknown way");
		return out;
	}
	if (image->head == NULL)
		object = ""; /* a new configuration has replaced it */
	else if (failure->stage == LAUNCH_EXEC)
		object = base + image->head->argv;
	else if (failure->stage == LAUNCH_WORKING_DIR)
		object = base + image->head->working_dir;
	else if (failure->stage == LAUNCH_CGROUP)
		object = base + image->head->cgroup_procs;
	snprintf(out, cap, "%s%s%s: %s", stages[failure->stage],
	    object[0] != '\0' ? " " : "", object, strerror(failure->error));
	return out;
}
