/*
 * reaper: owns the map from pid to child. See reaper.h.
 *
 * Must never: block, allocate, or reap a known child before its group was
 * ended (afterwards the number may be anyone's).
 */
#include "reaper.h"

#include "cgroup.h"
#include "common/log.h"
#include "guard.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUCKETS = 4096 };

static struct child *buckets[BUCKETS];
static struct event sigchld;
static int signal_fd = -1;

static struct child **
find_link(pid_t pid)
{
	struct child **link = &buckets[(unsigned)pid % BUCKETS];

	while (*link != NULL && (*link)->pid != pid)
		link = &(*link)->next;
	return link;
}

static void
end_group(struct child *c)
{
	/* Only if something is left: a group that has seen cgroup.kill is not
	 * as good as new (pluginhost/serve.c). */
	if (c->cgroup != NULL && cgroup_populated(c->cgroup)) {
		c->cgroup_killed = true;
		(void)cgroup_kill(c->cgroup);
	}
	kill(-c->pid, SIGKILL);
}

/* One ended process, still a zombie. */
static void
reap(pid_t pid)
{
	struct child **link = find_link(pid);
	struct child *c = *link;
	int status = 0;

	if (c != NULL) {
		end_group(c);
		guard_leave(c->slot);
		*link = c->next;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (c == NULL) {
		if (!guard_reaped(pid))
			log_debug(NULL, "reaped orphan %d", (int)pid);
		return;
	}
	c->pid = 0;
	c->next = NULL;
	c->fn(c->arg, pid, status);
}

static void
reap_all(void)
{
	for (;;) {
		siginfo_t info;

		memset(&info, 0, sizeof(info));
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid == 0)
			return;
		reap(info.si_pid);
	}
}

static void
on_sigchld(evutil_socket_t fd, short what, void *arg)
{
	struct signalfd_siginfo info;

	(void)what;
	(void)arg;
	/* Signals merge: one read empties it, waitid knows them all. */
	while (read(fd, &info, sizeof(info)) > 0)
		continue;
	reap_all();
}

/* Not libevent's own: a handler, a pipe and a second turn of the loop are a
 * tenth of a restart. */
static int
open_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd < 0 ? -errno : 0;
}

int
reaper_init(struct event_base *base)
{
	int r = open_signalfd();

	if (r != 0)
		return r;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return -errno;
	if (event_assign(&sigchld, base, signal_fd, EV_READ | EV_PERSIST,
	        on_sigchld, NULL) != 0 ||
	    event_add(&sigchld, NULL) != 0)
		return -ENOMEM;
	return 0;
}

void
reaper_fini(void)
{
	event_del(&sigchld);
	close(signal_fd);
	signal_fd = -1;
}

int
reaper_watch(
    struct child *c, pid_t pid, const char *cgroup, reaper_fn *fn, void *arg)
{
	struct child **link = find_link(pid);

	INVARIANT(*link == NULL && c->pid == 0);
	c->pid = pid;
	c->cgroup = cgroup;
	c->fn = fn;
	c->arg = arg;
	c->next = NULL;
	c->slot = guard_enter(pid, cgroup);
	*link = c;
	if (c->slot == GUARD_NONE) {
		log_error(NULL, "more than %d live children; killing pid %d",
		    (int)GUARD_SLOTS, (int)pid);
		kill(-pid, SIGKILL);
		return -ENOSPC;
	}
	return 0;
}

void
reaper_abandon(struct child *c)
{
	struct child **link;

	if (c->pid == 0)
		return;
	/* Unwatched, it is reaped like an orphan; its slot must go first. */
	link = find_link(c->pid);
	INVARIANT(*link == c);
	end_group(c);
	guard_leave(c->slot);
	*link = c->next;
	c->pid = 0;
	c->next = NULL;
}

bool
reaper_is_session(pid_t sid)
{
	return sid > 0 && *find_link(sid) != NULL;
}
