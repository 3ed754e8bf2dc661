/*
 * conformproc: see conformproc.h. Owns the process, its descriptors and its
 * directory.
 *
 * The program gets what docs/PROTOCOL.md promises it: a session of its own,
 * the variables, and the cookie on a descriptor. What it leaves behind is
 * found by its session, and, since pluginctl is a subreaper meanwhile, among
 * our own children where it has left the session too. Children that we had
 * before, as when a shell has started something and then became pluginctl, and
 * what those have left us, are older or of our own session, which nobody can
 * enter.
 *
 * The process itself stays a zombie until the end, so that its number means
 * nobody else meanwhile.
 *
 * Between fork and exec only async-signal-safe calls. Must never wait for
 * the program, nor signal anything but processes that it started.
 */
#include "conformproc.h"

#include "common/units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
	VARIABLES = 6,
	VARIABLE_MAX = PATH_MAX + 32,
	OPEN_DIRS = 16,
	STAT_MAX = 512,
	SWEEPS_MAX = 100, /* a program that forks as fast as it is killed */
	EXEC_FAILED = 127,
};

/* The ends of the pipes, -1 where closed. */
struct ends {
	int cookie;      /* to read from */
	int output;      /* to write to */
	int exec_status; /* where the errno of exec goes */
	int null;
};

/* --- processes --------------------------------------------------------- */

int
conformproc_adopt(void)
{
	/* Of the clock in /proc/PID/stat: what is there is older than what
	 * will be started. */
	const struct timespec two_ticks = {
	    .tv_nsec = 2000000000L / sysconf(_SC_CLK_TCK)};

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return -errno;
	nanosleep(&two_ticks, NULL);
	return 0;
}

/* Of /proc/PID/stat. */
struct stat_line {
	pid_t pid;
	char state;
	int parent;
	int session;
	unsigned long long start; /* in ticks since the machine's */
};

static bool
read_stat(pid_t pid, struct stat_line *ret)
{
	char path[64], line[STAT_MAX];
	const char *s;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = '\0';
	ret->pid = pid;
	/* The name in brackets may hold anything. */
	s = strrchr(line, ')');
	return s != NULL &&
	       sscanf(s, /* NOLINT(cert-err34-c) */
	           ") %c %d %*d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
	           "%*s %*s %*s %*s %*s %llu",
	           &ret->state, &ret->parent, &ret->session, &ret->start) == 4;
}

/* Whether `it` is of the session of `own`, or has left it and was given to
 * us. */
static bool
belongs_to(const struct stat_line *it, const struct stat_line *own)
{
	if (it->session == own->pid)
		return true;
	return it->parent == getpid() && it->session != getsid(0) &&
	       it->start >= own->start;
}

/* False: it does not count. */
typedef bool process_fn(
    const struct stat_line *it, const struct stat_line *own);

static bool
kill_live(const struct stat_line *it, const struct stat_line *own)
{
	(void)own;
	if (it->state == 'Z' || it->state == 'X')
		return false;
	kill(it->pid, SIGKILL);
	return true;
}

/* But not itself. */
static bool
reap(const struct stat_line *it, const struct stat_line *own)
{
	return it->pid != own->pid && it->parent == getpid() &&
	       waitpid(it->pid, NULL, WNOHANG) > 0;
}

/* How many of itself and all that it has started count. */
static unsigned
for_all_of_it(const struct conformproc *p, process_fn *fn)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	struct stat_line it, own;
	unsigned n = 0;

	if (proc == NULL || !read_stat(p->pid, &own)) {
		if (proc != NULL)
			closedir(proc);
		return 0;
	}
	while ((entry = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && read_stat(pid, &it) && belongs_to(&it, &own))
			n += fn(&it, &own);
	}
	closedir(proc);
	return n;
}

/* --- directories ------------------------------------------------------- */

const char *
conformproc_place(void)
{
	enum { PLACE_MAX = 60 };
	const char *given = getenv("TMPDIR");

	if (given == NULL || given[0] != '/' || strlen(given) > PLACE_MAX)
		return "/tmp";
	return given;
}

int
conformproc_init(
    struct conformproc *p, char **argv, const char *name, uint64_t generation)
{
	static const char state[] = "/state";

	*p = (struct conformproc){.argv = argv,
	    .name = name,
	    .generation = generation,
	    .pidfd = -1,
	    .output_fd = -1};
	if (getrandom(p->cookie, sizeof(p->cookie), 0) != CONFORM_COOKIE)
		return -EIO;
	snprintf(p->dir, sizeof(p->dir), "%s/plugind-conform.XXXXXX",
	    conformproc_place());
	if (mkdtemp(p->dir) == NULL) {
		p->dir[0] = '\0';
		return -errno;
	}
	memcpy(p->state_dir, p->dir, sizeof(p->dir));
	memcpy(p->state_dir + strlen(p->dir), state, sizeof(state));
	return mkdir(p->state_dir, 0700) == 0 ? 0 : -errno;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	(void)remove(path);
	return 0;
}

void
conformproc_fini(struct conformproc *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		(void)conformproc_sweep(p);
		/* What became our child when its parent went; itself last. */
		(void)for_all_of_it(p, reap);
		waitpid(p->pid, NULL, 0);
	}
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->output_fd >= 0)
		close(p->output_fd);
	if (p->dir[0] != '\0')
		nftw(p->dir, remove_entry, OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
}

/* --- start ------------------------------------------------------------- */

struct environment {
	char variable[VARIABLES][VARIABLE_MAX];
	char **all;
};

static bool
is_ours(const char *variable)
{
	return strncmp(variable, "PLUGIND_", strlen("PLUGIND_")) == 0;
}

/* What pluginctl has, and what the daemon would set. Caller frees ->all. */
static int
build_environment(
    const struct conformproc *p, int cookie, struct environment *e)
{
	size_t n = 0;

	for (char **v = environ; *v != NULL; v++)
		n++;
	e->all = calloc(n + VARIABLES + 1, sizeof(*e->all));
	if (e->all == NULL)
		return -ENOMEM;
	snprintf(e->variable[0], VARIABLE_MAX, "PLUGIND_NAME=%s", p->name);
	snprintf(e->variable[1], VARIABLE_MAX, "PLUGIND_INSTANCE=1");
	snprintf(e->variable[2], VARIABLE_MAX, "PLUGIND_GENERATION=%llu",
	    (unsigned long long)p->generation);
	snprintf(
	    e->variable[3], VARIABLE_MAX, "PLUGIND_STATE_DIR=%s", p->state_dir);
	snprintf(e->variable[4], VARIABLE_MAX, "PLUGIND_SOCKET_DIR=%s", p->dir);
	snprintf(e->variable[5], VARIABLE_MAX, "PLUGIND_COOKIE_FD=%d", cookie);
	n = 0;
	for (int i = 0; i < VARIABLES; i++)
		e->all[n++] = e->variable[i];
	for (char **v = environ; *v != NULL; v++) {
		if (!is_ours(*v))
			e->all[n++] = *v;
	}
	return 0;
}

/* In the child: does not return. */
static void
become(const struct conformproc *p, const struct ends *e, char **env)
{
	sigset_t none;
	int error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(e->null, STDIN_FILENO) >= 0 &&
	    dup2(e->output, STDOUT_FILENO) >= 0 &&
	    dup2(e->output, STDERR_FILENO) >= 0 &&
	    fcntl(e->cookie, F_SETFD, 0) == 0)
		execvpe(p->argv[0], p->argv, env);
	error = errno;
	(void)!write(e->exec_status, &error, sizeof(error));
	_exit(EXEC_FAILED);
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What is closed of the standard descriptors becomes it as well, so that no
 * pipe takes their place. */
static int
open_null(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd;
}

static int
open_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/* The pipe is larger than a cookie: this does not wait. */
static int
open_cookie(struct conformproc *p, int *ret)
{
	struct stat st;
	int to = -1;
	int r = open_pipe(ret, &to);

	if (r != 0)
		return r;
	if (fstat(*ret, &st) != 0 ||
	    write(to, p->cookie, sizeof(p->cookie)) != CONFORM_COOKIE)
		r = -EIO;
	else
		p->cookie_pipe = st.st_ino;
	close(to);
	return r;
}

/* Waits for exec, no longer: 0 or what it failed with. */
static int
read_exec_status(int fd)
{
	int error;
	ssize_t n;

	do {
		n = read(fd, &error, sizeof(error));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? -error : 0;
}

static int
spawn(struct conformproc *p, struct ends *e, int exec_status)
{
	struct environment env = {0};
	int r = build_environment(p, e->cookie, &env);

	if (r != 0)
		return r;
	p->pid = fork();
	if (p->pid == 0)
		become(p, e, env.all);
	r = p->pid < 0 ? -errno : 0;
	free(env.all);
	if (r != 0) {
		p->pid = 0;
		return r;
	}
	close_end(&e->exec_status);
	r = read_exec_status(exec_status);
	p->pidfd = pidfd_open(p->pid, 0);
	return r == 0 && p->pidfd < 0 ? -errno : r;
}

int
conformproc_start(struct conformproc *p)
{
	struct ends e = {-1, -1, -1, -1};
	int exec_status = -1;
	int r;

	e.null = open_null();
	r = e.null < 0 ? -errno : open_cookie(p, &e.cookie);
	if (r == 0)
		r = open_pipe(&p->output_fd, &e.output);
	if (r == 0)
		r = open_pipe(&exec_status, &e.exec_status);
	if (r == 0 && fcntl(p->output_fd, F_SETFL, O_NONBLOCK) != 0)
		r = -errno;
	if (r == 0)
		r = spawn(p, &e, exec_status);
	close_end(&exec_status);
	close_end(&e.cookie);
	close_end(&e.output);
	close_end(&e.exec_status);
	close_end(&e.null);
	return r;
}

/* --- while it runs ----------------------------------------------------- */

static void
keep(struct conformproc *p, const char *bytes, size_t len)
{
	size_t room = sizeof(p->said) - p->said_len;
	size_t n = len < room ? len : room;

	memcpy(p->said + p->said_len, bytes, n);
	p->said_len += n;
	p->said_more = p->said_more || n < len;
}

void
conformproc_hear(struct conformproc *p)
{
	enum { READS_MAX = 64 }; /* in a row: it may write without end */
	char bytes[4096];
	ssize_t n = -1;

	for (int i = 0; i < READS_MAX && p->output_fd >= 0; i++) {
		n = read(p->output_fd, bytes, sizeof(bytes));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			close_end(&p->output_fd);
		else
			keep(p, bytes, (size_t)n);
	}
}

bool
conformproc_has_ended(struct conformproc *p)
{
	siginfo_t info = {0};

	if (p->pid == 0 || p->has_ended)
		return p->has_ended;
	if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	        0 &&
	    info.si_pid == p->pid) {
		p->has_ended = true;
		p->was_killed = info.si_code != CLD_EXITED;
		p->status = info.si_status;
	}
	return p->has_ended;
}

const char *
conformproc_how(const struct conformproc *p, char *out, size_t cap)
{
	char name[32];

	if (p->was_killed)
		snprintf(out, cap, "was killed by SIG%s",
		    units_signal_name(p->status, name, sizeof(name)));
	else
		snprintf(out, cap, "exited with status %d", p->status);
	return out;
}

/* --- what it holds, and leaves ----------------------------------------- */

bool
conformproc_holds_cookie(const struct conformproc *p, pid_t pid)
{
	char path[64];
	const struct dirent *entry;
	struct stat st;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL)
		found = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
		        S_ISFIFO(st.st_mode) && st.st_ino == p->cookie_pipe;
	if (dir != NULL)
		closedir(dir);
	return found;
}

unsigned
conformproc_sweep(struct conformproc *p)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
	unsigned found = for_all_of_it(p, kill_live);
	unsigned left = found;

	for (int i = 0; i < SWEEPS_MAX && left > 0; i++) {
		nanosleep(&pause, NULL);
		left = for_all_of_it(p, kill_live);
	}
	return found;
}
