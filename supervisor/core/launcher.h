/*
 * launcher: starts processes through the launcher (plugind-launcher --serve),
 * which this file starts, watches and replaces. No code of ours runs between
 * fork and exec in the core; no heap of ours on the way.
 */
#ifndef CORE_LAUNCHER_H
#define CORE_LAUNCHER_H

#include "image.h"

#include <stdbool.h>
#include <sys/types.h>

struct event_base;

/* Called on the loop when a launcher that was busy is free, or replaced. */
typedef void launcher_free_fn(void);

/* Starts the launcher; `path` is its program, kept by reference. After
 * reaper_init and cgroup_init (it must be in our leaf). 0 or -errno. */
int launcher_init(
    struct event_base *base, const char *path, launcher_free_fn *free_fn);
void launcher_fini(void);
/* False while the last child has not executed its program yet: the callback
 * will follow, after a second at most. */
bool launcher_is_free(void);

struct launched {
	pid_t pid;  /* our child, leads a new session and group */
	int out_fd; /* read ends, non-blocking; -1 when not captured */
	int err_fd;
	int status_fd; /* EOF: the program runs; else a launch_failure */
};

/* Starts a process; with `capture` stdout and stderr come back as pipes, else
 * they are /dev/null. `gift_fd`, if not -1, is inherited as LAUNCH_GIFT_FD
 * (with capture only) and stays the caller's. Waits for the launcher's answer, a quarter of a second
 * at most; one that does not answer is killed and replaced. 0, or -errno and
 * nothing was started nor left open: short of something, try later (-EBUSY:
 * not free, and 50 ms have not changed that). */
int launcher_start(
    const struct image *image, bool capture, int gift_fd, struct launched *ret);

/*
 * Reads the launcher's word. 0: the program runs (or the process is gone
 * without a word); -EAGAIN: not yet; -EPROTO with *ret filled: it failed.
 */
int launcher_read_status(int status_fd, struct launch_failure *ret);

/* "cannot execute x: No such file or directory", for last_error. */
const char *launcher_describe(const struct launch_failure *failure,
    const struct image *image, char *out, size_t cap);

#endif
