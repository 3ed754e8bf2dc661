/*
 * reaper: the only caller of wait in the core. At SIGCHLD it looks at each
 * ended child, ends what is left of its process group and cgroup while the
 * number is still its own, clears the guard's slot, reaps it and tells its
 * owner. Adopted orphans are reaped without a word.
 */
#ifndef CORE_REAPER_H
#define CORE_REAPER_H

#include <stdbool.h>
#include <sys/types.h>

struct event_base;

/* `status` as from waitpid. Runs on the loop; may watch new children. */
typedef void reaper_fn(void *arg, pid_t pid, int status);

/* Embedded in its owner; all zero when idle. */
struct child {
	pid_t pid; /* 0: none; also the number of its group and session */
	int slot;  /* of the guard */
	const char *cgroup; /* borrowed; NULL: none of its own */
	bool cgroup_killed; /* its cgroup was not empty at its end */
	reaper_fn *fn;
	void *arg;
	struct child *next;
};

/* 0 or -errno. Becomes the subreaper of all descendants. */
int reaper_init(struct event_base *base);
void reaper_fini(void);

/* From now on `fn` hears of its end. A process that finds no place in the
 * guard's table is killed: -ENOSPC, but fn is called all the same. */
int reaper_watch(
    struct child *c, pid_t pid, const char *cgroup, reaper_fn *fn, void *arg);
/* Its owner goes away: the child is killed, and reaped silently later. */
void reaper_abandon(struct child *c);

/* True when `sid` is the session of a child. */
bool reaper_is_session(pid_t sid);

#endif
