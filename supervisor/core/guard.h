/*
 * guard: plugind-guard, a process forked before the first plugin that ends
 * every child once the core is gone, however it went (even by SIGKILL).
 *
 * Core and guard share one mapped table of live process groups. The core
 * alone writes it; the guard reads it once, when its pipe reports that the
 * core's end has closed. No heap, no library call but system calls there.
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

enum { GUARD_SLOTS = 16384, GUARD_NONE = -1 };

/* Maps the table and forks the guard. `title` is the argv area, so that ps
 * shows what it is (NULL: leave). `lock` is the descriptor that holds the lock
 * on runtime_dir (-1: none): the guard keeps it until it is done. 0 or -errno. */
int guard_init(char *title, size_t title_len, int lock);
/* Ends the guard quietly: for an orderly exit with no child left. */
void guard_fini(void);

/* Where the groups of `guard_enter` live; NULL: no cgroups. */
void guard_set_cgroup_root(const char *path);

/* Notes a live process group. Returns its slot, or GUARD_NONE when all are
 * taken (the caller must then end the process). */
int guard_enter(pid_t pgid, const char *cgroup);
/* Must precede the reaping of the group's leader: after it the number may
 * belong to somebody else. GUARD_NONE is fine. */
void guard_leave(int slot);

/* True when `pid` was the guard: it has been reaped and a new one runs. */
bool guard_reaped(pid_t pid);

#endif
