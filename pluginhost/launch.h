/* launch: from an image to the program. See common/launch.h. */
#ifndef PLUGINHOST_LAUNCH_H
#define PLUGINHOST_LAUNCH_H

#include "common/launch.h"

#include <stdbool.h>
#include <stddef.h>

struct launch_request {
	char *image; /* size bytes; changed in place */
	size_t size;
	int fds[LAUNCH_FDS]; /* out, err, status, gift; -1: none */
	bool in_cgroup;      /* from birth */
};

/* The head of a request's image, or NULL when it is none. */
struct launch_head *launch_head(const struct launch_request *request);

/* Becomes the program. Returns only on failure, which it has reported on the
 * status descriptor, with the exit status to use. */
int launch_exec(const struct launch_request *request);

#endif
