/*
 * launcher: owns the launcher process, its socket, and the descriptors of a
 * start while it is under way.
 *
 * Must never: run code of ours between fork and exec, allocate, or leave a
 * descriptor open on a failure.
 */
#include "launcher.h"

#include "reaper.h"

#include "common/log.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ANSWER_MS = 250, /* of a launcher that is free */
	BUSY_WAIT_MS = 50,
	STUCK_MS = 1000,
};

enum { OUT, ERR, STATUS, GIFT }; /* places in LAUNCH_FDS */

static const char *launcher_path;
static struct child server = {.slot = -1};
static int server_fd = -1;
static bool busy; /* its last child has not executed its program yet */
static struct event_base *loop;
static struct event free_event;  /* it says that it is free */
static struct event stuck_event; /* it has not said so for too long */
static launcher_free_fn *on_free;

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- the process ------------------------------------------------------- */

static int
init_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all;
	sigset_t none;
	int r = posix_spawnattr_init(attributes);

	if (r != 0)
		return -r;
	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setflags(
		    attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
		                    POSIX_SPAWN_SETSID);
	if (r != 0)
		posix_spawnattr_destroy(attributes);
	return -r;
}

static int
spawn_server(int fd, pid_t *ret)
{
	static char arg0[] = "plugind-launcher";
	static char arg1[] = "--serve";
	char arg2[16];
	char *argv[] = {arg0, arg1, arg2, NULL};
	char *envp[] = {NULL};
	posix_spawnattr_t attributes;
	int r = init_attributes(&attributes);

	if (r != 0)
		return r;
	snprintf(arg2, sizeof(arg2), "%d", fd);
	r = -posix_spawn(ret, launcher_path, NULL, &attributes, argv, envp);
	posix_spawnattr_destroy(&attributes);
	return r;
}

static void
forget_server(void)
{
	if (server_fd >= 0)
		event_del(&free_event);
	event_del(&stuck_event);
	close_fd(&server_fd);
	busy = false;
}

static void
drop_server(void)
{
	forget_server();
	reaper_abandon(&server);
}

static void
on_server_exit(void *arg, pid_t pid, int status)
{
	(void)arg;
	(void)status;
	log_warn(NULL,
	    "the launcher (pid %d) has ended; the next start brings another",
	    (int)pid);
	forget_server();
	on_free();
}

/* Takes the launcher's word that it is free, if it is there. */
static void
read_word(void)
{
	int32_t word;

	while (server_fd >= 0 && recv(server_fd, &word, sizeof(word),
	                             MSG_DONTWAIT) == (ssize_t)sizeof(word)) {
		if (word == 0)
			busy = false;
	}
	if (!busy)
		event_del(&stuck_event);
}

static void
on_word(evutil_socket_t fd, short what, void *arg)
{
	int32_t word;

	(void)what;
	(void)arg;
	if (recv(fd, &word, sizeof(word), MSG_DONTWAIT | MSG_PEEK) == 0) {
		event_del(&free_event); /* its end; its exit follows */
		return;
	}
	read_word();
	if (!busy)
		on_free();
}

/* The start that hangs is left to its start_timeout: killing the launcher
 * does not end it. */
static void
on_stuck(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_warn(NULL,
	    "a start hangs before its program runs (a file system that does "
	    "not answer?); the launcher is replaced so that others go on");
	drop_server();
	on_free();
}

bool
launcher_is_free(void)
{
	const struct timeval stuck = {STUCK_MS / 1000, STUCK_MS % 1000 * 1000};

	if (busy)
		read_word();
	if (busy && !event_pending(&stuck_event, EV_TIMEOUT, NULL))
		event_add(&stuck_event, &stuck);
	return !busy;
}

static int
limit_waits(int fd)
{
	const struct timeval answer = {0, ANSWER_MS * 1000};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer, sizeof(answer)) !=
	        0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &answer, sizeof(answer)) !=
	        0)
		return -errno;
	return 0;
}

static int
start_server(void)
{
	int fds[2];
	pid_t pid;
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	r = limit_waits(fds[0]);
	/* One thread: nothing else is started while this may be inherited. */
	if (r == 0 && fcntl(fds[1], F_SETFD, 0) != 0)
		r = -errno;
	if (r == 0)
		r = spawn_server(fds[1], &pid);
	close(fds[1]);
	if (r != 0) {
		close(fds[0]);
		return r;
	}
	server_fd = fds[0];
	event_assign(
	    &free_event, loop, server_fd, EV_READ | EV_PERSIST, on_word, NULL);
	event_add(&free_event, NULL);
	return reaper_watch(&server, pid, NULL, on_server_exit, NULL);
}

int
launcher_init(
    struct event_base *base, const char *path, launcher_free_fn *free_fn)
{
	loop = base;
	launcher_path = path;
	on_free = free_fn;
	event_assign(&stuck_event, base, -1, 0, on_stuck, NULL);
	return start_server();
}

void
launcher_fini(void)
{
	drop_server();
}

/* --- a start ----------------------------------------------------------- */

/* The ends of one start: ours and the launcher's, for out, err, status. The
 * gift, if there is one, is the caller's. */
struct ends {
	int ours[LAUNCH_FDS];
	int theirs[LAUNCH_FDS];
};

static void
close_ends(int fds[LAUNCH_FDS])
{
	for (int i = 0; i < LAUNCH_FDS; i++)
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
open_ends(bool capture, struct ends *e)
{
	int r = 0;

	for (int i = capture ? 0 : STATUS; i <= STATUS && r == 0; i++)
		r = open_pipe(&e->ours[i], &e->theirs[i]);
	return r;
}

static int
send_request(const struct image *image, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(LAUNCH_FDS * sizeof(int))];
	} control = {.space = {0}};
	struct iovec part = {image->head, image->head->size};
	struct msghdr msg = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(nfds * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	return sendmsg(server_fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The pid, or -errno. -EPIPE and -EAGAIN: the launcher is not to be trusted
 * any more. */
static int
receive_answer(void)
{
	int32_t answer;
	ssize_t n;

	do {
		n = recv(server_fd, &answer, sizeof(answer), 0);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(answer))
		return answer != 0 ? answer : -EPIPE;
	return n < 0 ? -errno : -EPIPE;
}

/* An exec takes a millisecond: worth a short wait where there is no queue. */
static int
await_free(void)
{
	struct pollfd p = {.fd = server_fd, .events = POLLIN};

	if (!launcher_is_free()) {
		(void)poll(&p, 1, BUSY_WAIT_MS);
		(void)launcher_is_free();
	}
	return busy ? -EBUSY : 0;
}

static int
ask_server(const struct image *image, const struct ends *e, bool capture)
{
	const int *fds = capture ? e->theirs : &e->theirs[STATUS];
	size_t nfds = capture ? STATUS + 1 : 1;
	int r = await_free();

	if (r == 0 && server_fd < 0)
		r = start_server();
	if (r == 0)
		r = send_request(image, fds, nfds + (e->theirs[GIFT] >= 0));
	if (r == 0) {
		busy = true;
		r = receive_answer();
	}
	if (r == -EPIPE || r == -EAGAIN || r == -ECONNRESET) {
		log_warn(NULL, "the launcher does not answer; replacing it");
		drop_server();
		r = -EAGAIN;
	}
	return r;
}

int
launcher_start(
    const struct image *image, bool capture, int gift_fd, struct launched *ret)
{
	struct ends e = {{-1, -1, -1, -1}, {-1, -1, -1, -1}};
	int r = open_ends(capture, &e);

	e.theirs[GIFT] = capture ? gift_fd : -1;
	if (r == 0)
		r = ask_server(image, &e, capture);
	e.theirs[GIFT] = -1;
	close_ends(e.theirs);
	if (r < 0) {
		close_ends(e.ours);
		return r;
	}
	*ret = (struct launched){r, e.ours[OUT], e.ours[ERR], e.ours[STATUS]};
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
