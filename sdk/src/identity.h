/*
 * identity: which incarnation of which plugin this process is, as the daemon
 * said in the environment.
 */
#ifndef SDK_IDENTITY_H
#define SDK_IDENTITY_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IDENTITY_NAME_MAX = 48,
	IDENTITY_DIR_MAX = 94, /* "/command.sock" still fits behind it */
	IDENTITY_COOKIE_LEN = 16,
	IDENTITY_WHY_MAX = 512,
};

struct identity {
	char name[IDENTITY_NAME_MAX + 1];
	unsigned instance;
	uint64_t generation;
	char socket_dir[IDENTITY_DIR_MAX + 1];
	char state_dir[PATH_MAX];
	uint8_t cookie[IDENTITY_COOKIE_LEN];
};

/*
 * Reads the environment, and the cookie from its descriptor, which is closed
 * and forgotten: once a process. 0; or -ENOENT (not started by plugind) or
 * -EINVAL, with a sentence in `why`.
 */
int identity_read(struct identity *ret, char why[IDENTITY_WHY_MAX]);

#endif
