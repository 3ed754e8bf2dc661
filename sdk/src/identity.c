/*
 * identity: see identity.h. Runs before any code of the plugin does.
 *
 * Touches the environment (PLUGIND_*) and one descriptor, the pipe with the
 * cookie: read to its 16 bytes, closed, and its number removed from the
 * environment, so that neither the plugin nor what it starts finds either.
 * Must never print: its callers know what the program is called.
 */
#include "identity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COOKIE_VARIABLE "PLUGIND_COOKIE_FD"

/* What is wrong with one variable. */
static int
refuse(char *why, const char *variable, const char *what)
{
	snprintf(why, IDENTITY_WHY_MAX,
	    "%s in the environment is %s: it is set by plugind, which must be "
	    "of the same version as this libplugind",
	    variable, what);
	return -EINVAL;
}

static int
read_text(const char *variable, char *out, size_t cap, char *why)
{
	const char *s = getenv(variable);

	if (s == NULL || s[0] == '\0')
		return refuse(why, variable, "missing");
	if (strlen(s) >= cap)
		return refuse(why, variable, "too long");
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

static int
read_number(const char *variable, uint64_t max, uint64_t *ret, char *why)
{
	const char *s = getenv(variable);
	unsigned long long v;
	char *end;

	if (s == NULL)
		return refuse(why, variable, "missing");
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno != 0 || s[0] < '0' || s[0] > '9' || *end != '\0' || v > max)
		return refuse(why, variable, "not such a number");
	*ret = v;
	return 0;
}

static bool
read_bytes(int fd, uint8_t *out, size_t len)
{
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		n = read(fd, out + have, len - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static int
read_cookie(uint8_t *out, char *why)
{
	uint64_t fd;
	int r = read_number(COOKIE_VARIABLE, INT_MAX, &fd, why);

	if (r != 0)
		return r;
	unsetenv(COOKIE_VARIABLE);
	/* Not a standard descriptor, whatever is written there. */
	if (fd <= STDERR_FILENO ||
	    !read_bytes((int)fd, out, IDENTITY_COOKIE_LEN))
		return refuse(
		    why, COOKIE_VARIABLE, "not a descriptor with a cookie");
	close((int)fd);
	return 0;
}

int
identity_read(struct identity *ret, char why[IDENTITY_WHY_MAX])
{
	struct identity id = {0};
	uint64_t instance = 0;
	int r;

	if (getenv("PLUGIND_SOCKET_DIR") == NULL) {
		snprintf(why, IDENTITY_WHY_MAX,
		    "there is no PLUGIND_SOCKET_DIR in the environment");
		return -ENOENT;
	}
	r = read_cookie(id.cookie, why);
	if (r == 0)
		r = read_text("PLUGIND_SOCKET_DIR", id.socket_dir,
		    sizeof(id.socket_dir), why);
	if (r == 0)
		r = read_text("PLUGIND_NAME", id.name, sizeof(id.name), why);
	if (r == 0)
		r = read_text("PLUGIND_STATE_DIR", id.state_dir,
		    sizeof(id.state_dir), why);
	if (r == 0)
		r = read_number("PLUGIND_INSTANCE", UINT_MAX, &instance, why);
	if (r == 0)
		r = read_number(
		    "PLUGIND_GENERATION", UINT64_MAX, &id.generation, why);
	id.instance = (unsigned)instance;
	if (r == 0)
		*ret = id;
	explicit_bzero(id.cookie, sizeof(id.cookie));
	return r;
}
