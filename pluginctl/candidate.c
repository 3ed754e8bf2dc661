/*
 * candidate: builds a folder of symbolic links that looks like the folder of
 * the configuration, but for one file, and has plugind check it. The folder
 * stands beside the real one where it may, so that relative paths in the
 * files mean the same. It is gone again when candidate_check() returns.
 */
#include "candidate.h"

#include "daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DROP_INS "plugins.d"

enum { MAX_REPORT = 1 << 20 };

struct candidate {
	const char *target;
	const char *copy;
	char folder[PATH_MAX]; /* the real one */
	char twin[PATH_MAX];
};

static int
join_path(char *out, const char *folder, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int
make_twin(struct candidate *c)
{
	const char *tmp = getenv("TMPDIR");
	char *slash = strrchr(c->folder, '/');
	int n = snprintf(c->twin, sizeof(c->twin), "%.*s/.pluginctl-XXXXXX",
	    slash ? (int)(slash - c->folder) : 0, c->folder);

	if (n < (int)sizeof(c->twin) && mkdtemp(c->twin))
		return 0;
	n = snprintf(c->twin, sizeof(c->twin), "%s/pluginctl-XXXXXX",
	    tmp && *tmp ? tmp : "/tmp");
	if (n >= (int)sizeof(c->twin))
		return -ENAMETOOLONG;
	return mkdtemp(c->twin) ? 0 : -errno;
}

/* A link for every entry of `from`, the copy's for the target; the drop-ins
 * are left out at the top, where they get a folder of their own. */
static int
link_entries(
    const struct candidate *c, const char *from, const char *to, bool top)
{
	DIR *dir = opendir(from);
	struct dirent *e;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (err == 0 && (e = readdir(dir)) != NULL) {
		char old[PATH_MAX];
		char new[PATH_MAX];

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    (top && strcmp(e->d_name, DROP_INS) == 0))
			continue;
		err = join_path(old, from, e->d_name);
		if (err == 0)
			err = join_path(new, to, e->d_name);
		if (err == 0 &&
		    symlink(strcmp(old, c->target) == 0 ? c->copy : old, new) <
		        0)
			err = -errno;
	}
	closedir(dir);
	return err;
}

static int
fill_twin(const struct candidate *c)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	int err = link_entries(c, c->folder, c->twin, true);

	if (err == 0)
		err = join_path(from, c->folder, DROP_INS);
	if (err == 0)
		err = join_path(to, c->twin, DROP_INS);
	if (err == 0 && mkdir(to, 0700) < 0)
		err = -errno;
	if (err == 0)
		err = link_entries(c, from, to, false);
	return err;
}

/* Removes a folder that holds links only. */
static void
remove_links(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir)
		closedir(dir);
	rmdir(folder);
}

static void
remove_twin(const struct candidate *c)
{
	char drop_ins[PATH_MAX];

	if (join_path(drop_ins, c->twin, DROP_INS) == 0)
		remove_links(drop_ins);
	remove_links(c->twin);
}

/* In the child: everything that plugind says goes to `fd`. */
static _Noreturn void
become_plugind(int fd, char *main_path)
{
	char check[] = "--check-config";
	char config[] = "--config";
	char *argv[] = {NULL, check, config, main_path, NULL};

	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	_exit(daemon_exec(argv));
}

/* Runs plugind and collects what it says. Its exit code or -errno. */
static int
run_check(char *main_path, struct buf *said)
{
	int fds[2];
	int status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become_plugind(fds[1], main_path);
	close(fds[1]);
	while (pid > 0) {
		uint8_t *room = buf_reserve(said, 4096);
		ssize_t n = room ? read(fds[0], room, 4096) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		said->len += (size_t)n;
	}
	close(fds[0]);
	if (pid < 0)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Appends `said` with the real folder for the twin's name. */
static void
put_real_names(const struct candidate *c, struct buf *said, struct buf *report)
{
	const char *s = buf_cstr(said);
	const char *hit;

	while ((hit = strstr(s, c->twin)) != NULL) {
		buf_append(report, s, (size_t)(hit - s));
		buf_puts(report, c->folder);
		s = hit + strlen(c->twin);
	}
	buf_puts(report, s);
}

int
candidate_check(const char *main_path, const char *target, const char *copy,
    struct buf *report)
{
	struct candidate c = {.target = target, .copy = copy};
	const char *slash = strrchr(main_path, '/');
	char twin_main[PATH_MAX];
	struct buf said;
	int code;

	if (!slash || strlen(main_path) >= sizeof(c.folder))
		return -EINVAL;
	memcpy(c.folder, main_path, (size_t)(slash - main_path));
	code = make_twin(&c);
	if (code < 0)
		return code;
	buf_init(&said, MAX_REPORT);
	code = fill_twin(&c);
	if (code == 0)
		code = join_path(twin_main, c.twin, slash + 1);
	if (code == 0)
		code = run_check(twin_main, &said);
	put_real_names(&c, &said, report);
	remove_twin(&c);
	buf_fini(&said);
	return code;
}
