/*
 * launcher: the program that makes the children, plugind-launcher. Started by
 * plugind only.
 *
 *   plugind-launcher --serve FD   for the core at the other end of FD
 *
 * Must never link anything: what it maps is what every start pays for.
 */
#include "serve.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "plugind-launcher is started by plugind, not by hand.\n"
    "To run a plugin, write it into plugind.yaml: see plugind.yaml(5).\n";

int
main(int argc, char **argv)
{
	char *end = NULL;
	long fd = 0;

	if (argc == 3 && strcmp(argv[1], "--serve") == 0) {
		errno = 0;
		fd = strtol(argv[2], &end, 10);
		if (errno == 0 && *end == '\0' && fd > 2 && fd < INT_MAX)
			return serve((int)fd);
	}
	if (write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0)
		return 1;
	return 2;
}
