/*
 * daemon: finds plugind: beside us where it was installed, in the tree it
 * was built in, in /usr/sbin, in PATH. So that the reader of configurations
 * exists once, everything that needs one runs the daemon's program. Must
 * never start a daemon.
 */
#include "daemon.h"

#include "ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Relative to the folder of pluginctl. */
static const char *const places[] = {
    "../sbin/plugind",
    "../supervisor/core/plugind",
};

/* Puts the folder of this program into `out`; false when unknown. */
static bool
find_own_folder(char *out, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", out, cap - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

int
daemon_exec(char **argv)
{
	char folder[PATH_MAX];
	char path[PATH_MAX + 64];
	static char name[] = "plugind";

	argv[0] = name;
	if (find_own_folder(folder, sizeof(folder))) {
		for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
			snprintf(
			    path, sizeof(path), "%s/%s", folder, places[i]);
			execv(path, argv);
		}
	}
	execv("/usr/sbin/plugind", argv);
	execvp(name, argv);
	return ctl_fail(MSG_CODE_BUSY,
	    "cannot run plugind: %s; it is neither beside pluginctl, nor in "
	    "/usr/sbin, nor in PATH",
	    strerror(errno));
}

char *
daemon_config_path(void)
{
	const char *given = getenv("PLUGIND_CONFIG");
	const char *xdg = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;
	int n;

	if (given && *given)
		return strdup(given);
	if (geteuid() == 0)
		return strdup("/etc/plugind/plugind.yaml");
	if (xdg && *xdg)
		n = asprintf(&path, "%s/plugind/plugind.yaml", xdg);
	else
		n = asprintf(
		    &path, "%s/.config/plugind/plugind.yaml", home ? home : "");
	return n < 0 ? NULL : path;
}
