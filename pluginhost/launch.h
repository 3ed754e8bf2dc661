/* launch: from an image to the program. See common/launch.h. */
#ifndef PLUGINHOST_LAUNCH_H
#define PLUGINHOST_LAUNCH_H

#include "common/launch.h"

#include <stddef.h>

struct launch_request {
	char *image; /* size bytes; changed in place */
	size_t size;
	int fds[LAUNCH_FDS]; /* out, err, status; -1: none */
};

/* Becomes the program. Returns only on failure, which it has reported on the
 * status descriptor, with the exit status to use. */
int launch_exec(const struct launch_request *request);

#endif
