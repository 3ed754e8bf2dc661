/*
 * serve: the launcher stays and starts one process a request, so that a start
 * costs one exec and not two: exec is most of a restart.
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
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_SIZE = 64 * 1024 };

static _Alignas(struct launch_head) char image[LAUNCH_IMAGE_MAX];

static bool
answer(int fd, int32_t value)
{
	return send(fd, &value, sizeof(value), MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(value);
}

/* One descriptor is the status pipe; three are stdout, stderr and status, and
 * a fourth is the gift. */
static int
take_fds(struct msghdr *msg, int fds[LAUNCH_FDS])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t n;
	int got[LAUNCH_FDS];

	if (c == NULL || c->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (n != 1 && n != LAUNCH_FDS - 1 && n != LAUNCH_FDS)
		return -EBADMSG;
	memcpy(got, CMSG_DATA(c), n * sizeof(int));
	fds[0] = n > 1 ? got[0] : -1;
	fds[1] = n > 1 ? got[1] : -1;
	fds[2] = n > 1 ? got[2] : got[0];
	fds[3] = n == LAUNCH_FDS ? got[3] : -1;
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

struct start {
	int fd; /* to the core */
	const struct launch_request *request;
};

static int
become(void *arg)
{
	const struct start *s = arg;

	setsid();
	if (!answer(s->fd, (int32_t)syscall(SYS_getpid)))
		_exit(LAUNCH_EXIT_FAILED);
	_exit(launch_exec(s->request));
}

static _Alignas(16) char stack[STACK_SIZE];

/*
 * clone3 for a child with a stack of its own, which the C library offers for
 * clone only. The child calls fn, which does not return. Negative errno.
 */
#if defined(__x86_64__)
static long
call_clone3(struct clone_args *args, int (*fn)(void *), void *arg)
{
	register void *r8 __asm__("r8") = (void *)(uintptr_t)fn;
	register void *r9 __asm__("r9") = arg;
	long ret;

	__asm__ volatile("syscall\n\t"
	                 "testq %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xorl %%ebp, %%ebp\n\t"
	                 "movq %%r9, %%rdi\n\t"
	                 "callq *%%r8\n\t"
	                 "hlt\n"
	                 "1:"
	                 : "=a"(ret)
	                 : "0"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)),
	                 "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}
#else
static long
call_clone3(struct clone_args *args, int (*fn)(void *), void *arg)
{
	(void)args;
	(void)fn;
	(void)arg;
	return -ENOSYS;
}
#endif

/* The directory of the child's cgroup, or -1. */
static int
open_cgroup(const struct launch_request *request)
{
	static const char file[] = "/cgroup.procs";
	const struct launch_head *h = launch_head(request);
	char *path;
	size_t len;
	int fd;

	if (h == NULL || h->cgroup_procs == 0 || h->cgroup_join != 0 ||
	    h->cgroup_procs >= request->size)
		return -1;
	path = request->image + h->cgroup_procs;
	len = strnlen(path, request->size - h->cgroup_procs);
	if (len < sizeof(file) || len == request->size - h->cgroup_procs)
		return -1;
	len -= sizeof(file) - 1;
	path[len] = '\0';
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	path[len] = '/';
	return fd;
}

/*
 * Born in its cgroup. A child that joins by a write to cgroup.procs waits for
 * an RCU grace period first: a fraction of a millisecond at best, ten and more
 * on a busy or an ordinary machine (measured). False where that is not to be
 * had: filters that restrict namespaces refuse clone3.
 *
 * The core asks for the slow way (cgroup_join) after it has used cgroup.kill
 * on the group: Linux 6.18 was seen to kill every later child that is born into
 * it from outside.
 */
static bool
start_in_cgroup(struct start *s, struct launch_request *request)
{
	int fd = open_cgroup(request);
	struct clone_args args = {
	    .flags = CLONE_PARENT | CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
	    .stack = (uintptr_t)stack,
	    .stack_size = sizeof(stack),
	    .cgroup = (uint64_t)fd,
	};
	long r;

	if (fd < 0)
		return false;
	request->in_cgroup = true;
	r = call_clone3(&args, become, s);
	request->in_cgroup = r > 0;
	close(fd);
	return r > 0;
}

/*
 * As posix_spawn does it: the child has this memory and a stack of its own,
 * and we stand still until it has executed its program, so nothing is copied.
 * A plain fork costs a millisecond more in page faults.
 */
static pid_t
start_child(struct start *s)
{
	return clone(become, stack + sizeof(stack),
	    CLONE_PARENT | CLONE_VM | CLONE_VFORK | SIGCHLD, s);
}

static void
close_fds(const struct launch_request *request)
{
	for (int i = 0; i < LAUNCH_FDS; i++) {
		if (request->fds[i] >= 0)
			close(request->fds[i]);
	}
}

/* What a plugin inherits when it has no pipe of its own. */
static int
take_null(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0)
		return -errno;
	return null > 2 ? close(null) : 0;
}

int
serve(int fd)
{
	if (take_null() != 0)
		return 1;
	for (;;) {
		struct launch_request request = {.fds = {-1, -1, -1, -1}};
		int r = receive(fd, &request);
		struct start start = {fd, &request};

		if (r == -EPIPE)
			return 0;
		if (r == 0 && !start_in_cgroup(&start, &request) &&
		    start_child(&start) < 0)
			r = -errno;
		close_fds(&request);
		if (r != 0 && !answer(fd, r))
			return 1;
		if (!answer(fd, 0)) /* ready for the next */
			return 1;
	}
}
