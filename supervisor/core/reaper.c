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
#include <sys/wait.h>

enum { BUCKETS = 4096 };

static struct child *buckets[BUCKETS];
static struct event sigchld;

static struct child **
find_link(pid_t pid)
{
	struct child **link = &buckets[(unsigned)pid % BUCKETS];

	while (*link != NULL && (*link)->pid != pid)
		link = &(*link)->next;
	return link;
}

static void
end_group(const struct child *c)
{
	if (c->cgroup != NULL)
		(void)cgroup_kill(c->cgroup);
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
on_sigchld(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	for (;;) {
		siginfo_t info;

		memset(&info, 0, sizeof(info));
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid == 0)
			return;
		reap(info.si_pid);
	}
}

int
reaper_init(struct event_base *base)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return -errno;
	if (event_assign(&sigchld, base, SIGCHLD, EV_SIGNAL | EV_PERSIST,
	        on_sigchld, NULL) != 0 ||
	    event_add(&sigchld, NULL) != 0)
		return -ENOMEM;
	return 0;
}

void
reaper_fini(void)
{
	event_del(&sigchld);
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
