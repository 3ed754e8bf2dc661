/*
 * host: the program that a module runs in, pluginhost. Started by plugind.
 *
 *   pluginhost MODULE.so             runs it
 *   pluginhost MODULE.so --version   says what it is, without plugind
 *
 * Loads one shared object and hands its descriptor to the SDK, which checks
 * it. What the daemon handed over is taken before the object is loaded, since
 * code of it may run by then. Each failure is one line on stderr, for whoever
 * asks why the plugin is not running, and PLUGIND_EXIT_UNUSABLE.
 *
 * Must never unload the object: its threads and exit handlers may live on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <plugind.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char symbol[] = "plugind_plugin";

static const char usage[] =
    "pluginhost runs a module for plugind, not by hand.\n"
    "To run a module, write it into plugind.yaml: see plugind.yaml(5).\n"
    "To see what is in it: pluginhost ./MODULE.so --version\n";

/* dlerror's texts begin with the path, mostly. */
static void
explain_load(const char *path)
{
	const char *why = dlerror();
	size_t len = strlen(path);

	if (why == NULL)
		why = "unknown reason";
	if (strncmp(why, path, len) == 0 && strncmp(why + len, ": ", 2) == 0)
		why += len + 2;
	fprintf(stderr,
	    "%s: cannot load the module: %s; see what `ldd %s` misses, or "
	    "build it for this system\n",
	    path, why, path);
}

static void *
load(const char *path)
{
	void *module;

	if (strchr(path, '/') == NULL) {
		fprintf(stderr,
		    "%s: cannot load the module: give a path with a slash in "
		    "it, such as ./%s\n",
		    path, path);
		return NULL;
	}
	if (access(path, R_OK) != 0) {
		fprintf(stderr,
		    "%s: cannot load the module: %s; check the path, and that "
		    "the plugin's user may read it\n",
		    path, strerror(errno));
		return NULL;
	}
	module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (module == NULL)
		explain_load(path);
	return module;
}

static const struct plugind_descriptor *
find_descriptor(const char *path)
{
	const struct plugind_descriptor *d;
	void *module = load(path);

	if (module == NULL)
		return NULL;
	d = dlsym(module, symbol);
	if (d == NULL)
		fprintf(stderr,
		    "%s: not a module of plugind: it has no symbol %s; define "
		    "it with PLUGIND_PLUGIN of plugind.h\n",
		    path, symbol);
	return d;
}

int
main(int argc, char **argv)
{
	const struct plugind_descriptor *d;
	int status;

	if (argc < 2 || argv[1][0] == '-') {
		fputs(usage, stderr);
		return PLUGIND_EXIT_USAGE;
	}
	if (argc == 2) {
		status = plugind_prepare();
		if (status != 0)
			return status;
	}
	d = find_descriptor(argv[1]);
	if (d == NULL)
		return PLUGIND_EXIT_UNUSABLE;
	return plugind_main(argc - 1, argv + 1, d);
}
