/*
 * launcher: starts one launcher with an image. posix_spawn only: no code of
 * ours runs between fork and exec. No heap of ours.
 */
#ifndef CORE_LAUNCHER_H
#define CORE_LAUNCHER_H

#include "image.h"

#include <stdbool.h>

/* `launcher` is the path of pluginhost, kept by reference. 0 or -errno. */
int launcher_init(const char *launcher);
void launcher_fini(void);

struct spawned {
	pid_t pid;  /* leads a new session and group of that number */
	int out_fd; /* read ends, non-blocking; -1 when not captured */
	int err_fd;
	int status_fd; /* EOF: the program runs; else a launch_failure */
};

/* Starts; with `capture` stdout and stderr come back as pipes, else they are
 * /dev/null. 0, or -errno and nothing was started nor left open (-EMFILE,
 * -ENFILE, -ENOMEM, -EAGAIN: short of resources, try later). */
int launcher_start(struct image *image, bool capture, struct spawned *ret);

/*
 * Reads the launcher's word. 0: the program runs (or the process is gone
 * without a word); -EAGAIN: not yet; -EPROTO with *ret filled: it failed.
 */
int launcher_read_status(int status_fd, struct launch_failure *ret);

/* "exec: No such file or directory", for last_error. */
const char *launcher_describe(const struct launch_failure *failure,
    const struct image *image, char *out, size_t cap);

#endif
