/*
 * files: the harness and the files of one test. See harness.h.
 *
 * Must never: touch a file outside of the test's directory.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void
it_path(const struct it *t, const char *name, char out[IT_PATH_MAX])
{
	snprintf(out, IT_PATH_MAX, "%s/%s", t->dir, name);
}

void
it_write(struct it *t, const char *name, const char *text)
{
	char path[IT_PATH_MAX];
	size_t len = strlen(text);
	int fd;

	it_path(t, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

bool
it_exists(struct it *t, const char *name)
{
	char path[IT_PATH_MAX];

	it_path(t, name, path);
	return access(path, F_OK) == 0;
}

void
it_remove(struct it *t, const char *name)
{
	char path[IT_PATH_MAX];

	it_path(t, name, path);
	ck_assert_msg(unlink(path) == 0, "%s: %s", path, strerror(errno));
}

const char *
it_read(struct it *t, const char *name)
{
	char path[IT_PATH_MAX];
	size_t len = 0;
	FILE *in;

	it_path(t, name, path);
	free(t->log);
	t->log = NULL;
	in = fopen(path, "re");
	if (in != NULL) {
		if (getdelim(&t->log, &len, '\0', in) < 0) {
			free(t->log);
			t->log = NULL;
		}
		(void)fclose(in);
	}
	return t->log != NULL ? t->log : "";
}

void
it_config(struct it *t, const char *plugins)
{
	static const char head[] = "runtime_dir: '%s/run'\n"
	                           "state_dir: '%s/state'\n"
	                           "log: {level: debug}\n"
	                           "plugins:\n%s";
	char *text = NULL;

	ck_assert_int_gt(asprintf(&text, head, t->dir, t->dir,
	                     plugins[0] != '\0' ? plugins : "  {}\n"),
	    0);
	it_write(t, "plugind.yaml", text);
	free(text);
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
it_remove_tree(const char *path)
{
	(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
