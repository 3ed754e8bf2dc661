/*
 * ask: a plugin that asks for the status on control.sock and writes the bytes
 * of the answer to a file, in hex. Bytes by hand: the point is what the core
 * does with a peer that belongs to one of its own plugins.
 *
 * Must never: wait for an answer for ever (the core closes on a refusal or
 * answers; either ends it).
 */
#include "stub.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
dial(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%.100s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ask FILE SOCKET [escape]: from the session of the plugin, or, escaped, from
 * one of its own */
int
stub_ask(int argc, char **argv)
{
	/* greeting of a REQ; [1, 403, 1, []] */
	static const unsigned char request[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0,
	    1, 0, 0, 0, 0, 0, 0, 0, 11, 0x80, 0, 0, 1, 0x94, 1, 0xcd, 0x01,
	    0x93, 1, 0x90};
	unsigned char reply[4096];
	char hex[2 * sizeof(reply) + 1] = "none";
	size_t len = 0;
	int fd;

	if (argc > 3) {
		if (fork() != 0)
			stub_pause();
		setsid();
	}
	fd = dial(argv[2]);
	if (fd >= 0 && write(fd, request, sizeof(request)) > 0) {
		ssize_t n;

		while (len < 8 + 9 + 8 &&
		       (n = read(fd, reply + len, sizeof(reply) - len)) > 0)
			len += (size_t)n;
		for (size_t i = 0; i < len; i++)
			snprintf(hex + 2 * i, 3, "%02x", reply[i]);
	}
	stub_write(argv[1], hex);
	stub_pause();
}
