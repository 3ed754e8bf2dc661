/*
 * serve: the launcher stays and starts one process a request. A process that
 * is tiny, static and already running forks in a tenth of the time in which
 * another exec of a launcher would be done, and that is half of a restart.
 *
 * The new process is a child of the core, not of the launcher
 * (CLONE_PARENT): the core reaps it, and it dies with the core, not with this.
 * It tells its pid itself before it does anything else: when the launcher is
 * killed between fork and answer the core knows the child all the same, and
 * a child that cannot tell is nobody's and ends.
 *
 * Must never: keep anything of one request for the next, or outlive the core.
 */
#include "serve.h"

#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Alignas(struct launch_head) char image[LAUNCH_IMAGE_MAX];

static bool
answer(int fd, int32_t value)
{
	return send(fd, &value, sizeof(value), MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(value);
}

/* One descriptor is the status pipe; three are stdout, stderr and status. */
static int
take_fds(struct msghdr *msg, int fds[LAUNCH_FDS])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t n;
	int got[LAUNCH_FDS];

	if (c == NULL || c->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (n != 1 && n != LAUNCH_FDS)
		return -EBADMSG;
	memcpy(got, CMSG_DATA(c), n * sizeof(int));
	fds[0] = n > 1 ? got[0] : -1;
	fds[1] = n > 1 ? got[1] : -1;
	fds[2] = got[n - 1];
	return 0;
}

/* 0, -EPIPE (the core is gone), or another -errno. */
static int
receive(int fd, struct launch_request *request)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(LAUNCH_FDS * sizeof(int))];
	} control;
	struct iovec part = {image, sizeof(image)};
	struct msghdr msg = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	request->image = image;
	request->size = (size_t)n;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EMSGSIZE;
	return take_fds(&msg, request->fds);
}

/* A plain fork but for the parent. clone3 would do, but filters that restrict
 * namespaces must refuse it. */
static pid_t
fork_for_parent(void)
{
	return (pid_t)syscall(
	    SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
}

static _Noreturn void
become(int fd, const struct launch_request *request)
{
	setsid();
	if (!answer(fd, (int32_t)getpid()))
		_exit(LAUNCH_EXIT_FAILED);
	_exit(launch_exec(request));
}

static void
close_fds(const struct launch_request *request)
{
	for (int i = 0; i < LAUNCH_FDS; i++) {
		if (request->fds[i] >= 0)
			close(request->fds[i]);
	}
}

int
serve(int fd)
{
	for (;;) {
		struct launch_request request = {.fds = {-1, -1, -1}};
		int r = receive(fd, &request);
		pid_t pid = 0;

		if (r == -EPIPE)
			return 0;
		if (r == 0)
			pid = fork_for_parent();
		if (r == 0 && pid == 0)
			become(fd, &request);
		if (pid < 0)
			r = -errno;
		close_fds(&request);
		if (r != 0 && !answer(fd, r))
			return 1;
	}
}
