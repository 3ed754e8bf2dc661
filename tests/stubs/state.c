/*
 * state: writes down everything a program inherits: arguments, environment,
 * limits, descriptors, signals, ids, umask, directory. Two starts of the same
 * plugin must find the same.
 *
 * Must never: print a value that changes by itself (pids, the generation).
 */
#include "stub.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
put_environment(FILE *out)
{
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	qsort(environ, n, sizeof(char *), compare);
	for (size_t i = 0; i < n; i++) {
		if (strncmp(environ[i], "PLUGIND_GENERATION=", 19) != 0)
			fprintf(out, "env %s\n", environ[i]);
	}
}

static void
put_limits(FILE *out)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit l;

		if (getrlimit((__rlimit_resource_t)i, &l) == 0)
			fprintf(out, "limit %d %lld %lld\n", i,
			    (long long)l.rlim_cur, (long long)l.rlim_max);
	}
}

/* "pipe:[123]" becomes "pipe". */
static void
put_descriptors(FILE *out)
{
	int own = fileno(out);

	for (int fd = 0; fd < 4096; fd++) {
		char path[32];
		char to[PATH_MAX];
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		if (n < 0 || fd == own)
			continue;
		to[n] = '\0';
		if (strchr(to, ':') != NULL)
			*strchr(to, ':') = '\0';
		fprintf(out, "fd %d %s\n", fd, to);
	}
}

static void
put_status(FILE *out)
{
	static const char *const keys[] = {"Uid", "Gid", "Groups", "SigBlk",
	    "SigIgn", "SigCgt", "ShdPnd", "NoNewPrivs", "CapEff", "Threads"};
	FILE *in = fopen("/proc/self/status", "r");
	char line[256];

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			size_t len = strlen(keys[i]);

			if (strncmp(line, keys[i], len) == 0 &&
			    line[len] == ':')
				fprintf(out, "status %s", line);
		}
	}
	if (in != NULL)
		(void)fclose(in);
}

static void
put_rest(FILE *out)
{
	char cwd[PATH_MAX] = "";
	mode_t mask = umask(0);
	int death = 0;

	prctl(PR_GET_PDEATHSIG, &death);
	fprintf(out, "umask %04o\n", (unsigned)mask);
	fprintf(out, "cwd %s\n", getcwd(cwd, sizeof(cwd)));
	fprintf(out, "session %d\n", getsid(0) == getpid());
	fprintf(out, "group %d\n", getpgrp() == getpid());
	fprintf(out, "nice %d\n", getpriority(PRIO_PROCESS, 0));
	fprintf(out, "death %d\n", death);
}

/* state FILE: writes to FILE.GENERATION */
int
stub_state(int argc, char **argv)
{
	char *text = NULL;
	size_t len = 0;
	char name[128];
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return 1;
	for (int i = 0; i < argc; i++)
		fprintf(out, "arg %s\n", argv[i]);
	put_environment(out);
	put_limits(out);
	put_descriptors(out);
	put_status(out);
	put_rest(out);
	(void)fclose(out);
	snprintf(
	    name, sizeof(name), "%s.%s", argv[1], getenv("PLUGIND_GENERATION"));
	stub_write(name, text);
	free(text);
	stub_pause();
}
