/*
 * look: the harness as an onlooker: logs, /proc, a raw connection. See
 * harness.h.
 *
 * Must never: ask the daemon anything.
 */
#include "harness.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ENVIRON_MAX = 65536 };

bool
it_logged(struct it *t, const char *text)
{
	return strstr(it_read(t, "log"), text) != NULL;
}

bool
it_printed(struct it *t, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "state/logs/%s.log", name);
	return strstr(it_read(t, path), text) != NULL;
}

/* Reads at most cap - 1 bytes of a file below /proc/PID. */
static size_t
read_proc(pid_t pid, const char *name, char *out, size_t cap)
{
	char path[64];
	size_t len = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < cap - 1 &&
	       (n = read(fd, out + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	out[len] = '\0';
	return len;
}

/* The text of /proc/PID/stat behind the name: "S 1 2 ...". */
static const char *
read_stat(pid_t pid, char *out, size_t cap)
{
	char *paren;

	if (read_proc(pid, "stat", out, cap) == 0)
		return NULL;
	paren = strrchr(out, ')');
	return paren != NULL && paren[1] == ' ' ? paren + 2 : NULL;
}

bool
it_alive(pid_t pid)
{
	char text[1024];
	const char *stat = read_stat(pid, text, sizeof(text));

	return stat != NULL && stat[0] != 'Z' && stat[0] != 'X';
}

size_t
it_count_fds(pid_t pid)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* The next process that is alive and whose environment names the directory; 0
 * at the end. */
static pid_t
next_of(DIR *proc, const struct it *t)
{
	static char text[ENVIRON_MAX];
	struct dirent *e;

	while ((e = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		size_t len;

		if (!isdigit((unsigned char)e->d_name[0]) || !it_alive(pid))
			continue;
		len = read_proc(pid, "environ", text, sizeof(text));
		if (memmem(text, len, t->dir, strlen(t->dir)) != NULL)
			return pid;
	}
	return 0;
}

int
it_occurrences(const char *text, const char *word)
{
	size_t len = strlen(word);
	int n = 0;

	for (; (text = strstr(text, word)) != NULL; text += len)
		n++;
	return n;
}

size_t
it_count_processes(struct it *t)
{
	DIR *proc = opendir("/proc");
	size_t n = 0;

	ck_assert_ptr_nonnull(proc);
	while (next_of(proc, t) != 0)
		n++;
	closedir(proc);
	return n;
}

pid_t
it_guard_pid(struct it *t)
{
	DIR *proc = opendir("/proc");
	char name[64];
	pid_t pid;

	ck_assert_ptr_nonnull(proc);
	while ((pid = next_of(proc, t)) != 0) {
		read_proc(pid, "comm", name, sizeof(name));
		if (strcmp(name, "plugind-guard\n") == 0)
			break;
	}
	closedir(proc);
	return pid;
}

pid_t
it_launcher_pid(struct it *t)
{
	char name[64];
	char text[4096];
	char *save = NULL;

	snprintf(name, sizeof(name), "task/%d/children", (int)t->pid);
	read_proc(t->pid, name, text, sizeof(text));
	for (char *w = strtok_r(text, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		pid_t pid = (pid_t)strtol(w, NULL, 10);

		read_proc(pid, "comm", name, sizeof(name));
		if (strcmp(name, "plugind-launche\n") == 0 && it_alive(pid))
			return pid;
	}
	return 0;
}

int64_t
it_cpu_ms(pid_t pid)
{
	char text[1024];
	const char *stat = read_stat(pid, text, sizeof(text));
	char *save = NULL;
	char *word;
	int64_t ticks = 0;

	ck_assert_ptr_nonnull(stat);
	word = strtok_r(text + (stat - text), " ", &save);
	/* State is field 3; utime and stime are fields 14 and 15. */
	for (int field = 3; word != NULL && field <= 15; field++) {
		if (field >= 14)
			ticks += strtol(word, NULL, 10);
		word = strtok_r(NULL, " ", &save);
	}
	return ticks * 1000 / sysconf(_SC_CLK_TCK);
}

int
it_dial(struct it *t)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	ck_assert_int_ge(fd, 0);
	snprintf(
	    to.sun_path, sizeof(to.sun_path), "%s/run/control.sock", t->dir);
	r = connect(fd, (struct sockaddr *)&to, sizeof(to));
	ck_assert_msg(r == 0, "%s: cannot connect", to.sun_path);
	return fd;
}
