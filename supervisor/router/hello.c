/*
 * hello: whether the process at the other end is the incarnation that the
 * core has started. The uid was checked when it connected; here it is who the
 * process is, and whether it holds the cookie that was handed to it.
 *
 * Must never: compare the cookie in a time that depends on it.
 */
#include "peer.h"

#include "common/frame.h"
#include "common/msgs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROTOCOL = 1 };

static bool
is_same_cookie(const uint8_t *a, const uint8_t *b)
{
	unsigned diff = 0;

	for (size_t i = 0; i < PEER_COOKIE; i++)
		diff |= (unsigned)(a[i] ^ b[i]);
	return diff == 0;
}

/* Wrappers like `sh -c` start the plugin as a child of theirs. */
static bool
is_in_cgroup(const char *path, pid_t pid)
{
	FILE *file = path[0] != '\0' ? fopen(path, "re") : NULL;
	char line[32];
	bool found = false;

	while (
	    file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
		found = strtol(line, NULL, 10) == pid;
	if (file != NULL)
		(void)fclose(file);
	return found;
}

static bool
is_its_process(const struct peer *p)
{
	return p->hub_pid == p->id.pid || getsid(p->hub_pid) == p->id.pid ||
	       is_in_cgroup(p->cgroup, p->hub_pid);
}

struct claims {
	uint64_t min, max, abi, generation;
	char name[PEER_NAME_MAX];
	char version[64];
	char type[16];
	const void *cookie;
	size_t cookie_len;
};

static bool
read_claims(struct frame *f, struct claims *c)
{
	return frame_uint(f, &c->min) == 0 && frame_uint(f, &c->max) == 0 &&
	       frame_uint(f, &c->abi) == 0 &&
	       frame_str(f, c->name, sizeof(c->name)) == 0 &&
	       frame_str(f, c->version, sizeof(c->version)) == 0 &&
	       frame_str(f, c->type, sizeof(c->type)) == 0 &&
	       frame_uint(f, &c->generation) == 0 &&
	       frame_bin(f, &c->cookie, &c->cookie_len) == 0;
}

const char *
peer_check_hello(const struct peer *p, const void *data, size_t len)
{
	struct frame f;
	struct claims c;

	if (frame_parse(data, len, &f) != 0 || !read_claims(&f, &c))
		return "hello: arguments are missing or of another type";
	if (c.cookie_len != PEER_COOKIE ||
	    !is_same_cookie(c.cookie, p->id.cookie))
		return "hello: wrong cookie";
	if (c.generation != p->id.generation)
		return "hello: of another generation";
	if (strcmp(c.name, p->id.name) != 0)
		return "hello: under another name than plugind gave it";
	if (!is_its_process(p))
		return "hello: from a process that plugind has not started";
	if (c.min > PROTOCOL || c.max < PROTOCOL)
		return "hello: no common protocol version; this plugind "
		       "speaks 1: rebuild the plugin, or update plugind";
	return NULL;
}
