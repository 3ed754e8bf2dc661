/*
 * guard: owns the shared table and the guard process. See guard.h.
 *
 * The guard must never: allocate, log, run core code, or act while the core
 * lives. It keeps every descriptor that the core had at the fork closed but
 * its pipe and the lock on runtime_dir: while it still kills, no new plugind
 * can start there.
 */
#include "guard.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	CGROUP_NAME_MAX = 64,
	CGROUP_ROOT_MAX = 512,
	LOCK_FD = 3,
	PIPE_FD = 4,
	REMOVE_TRIES = 20,
	REMOVE_EVERY_US = 10000,
};

struct guard_slot {
	_Atomic pid_t pgid; /* 0: free */
	char cgroup[CGROUP_NAME_MAX];
};

struct guard_table {
	char root[CGROUP_ROOT_MAX]; /* "" : no cgroups */
	_Atomic int used;           /* slots ever used: the guard's scan ends */
	struct guard_slot slots[GUARD_SLOTS];
};

static struct guard_table *table;
static int pipe_write = -1;
static int pipe_read = -1;
static int lock_fd = -1;
static pid_t guard_pid;
static int next_free; /* where the search for a free slot begins */
static char *title_at;
static size_t title_size;

typedef char group_path[CGROUP_ROOT_MAX + CGROUP_NAME_MAX + 16];

/* root/name and a suffix, without the C library's formatting. */
static void
make_path(group_path out, const char *name, const char *suffix)
{
	size_t root = strnlen(table->root, CGROUP_ROOT_MAX);
	size_t len = strnlen(name, CGROUP_NAME_MAX);

	memcpy(out, table->root, root);
	out[root] = '/';
	memcpy(out + root + 1, name, len);
	memcpy(out + root + 1 + len, suffix, strlen(suffix) + 1);
}

/* cgroup.kill ends everything in the group at once, forks included. */
static void
kill_cgroup(const char *name)
{
	group_path path;
	int fd;

	make_path(path, name, "/cgroup.kill");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) == 1) {
		/* The kernel has them all; nothing more to do here. */
	}
	close(fd);
}

static bool
has_cgroup(int slot)
{
	return table->root[0] != '\0' && table->slots[slot].cgroup[0] != '\0';
}

static void
kill_everything(void)
{
	int used = atomic_load(&table->used);

	for (int i = 0; i < used; i++) {
		pid_t pgid = atomic_load(&table->slots[i].pgid);

		if (pgid <= 1)
			continue;
		if (has_cgroup(i))
			kill_cgroup(table->slots[i].cgroup);
		kill(-pgid, SIGKILL);
	}
}

/* Groups can be removed once the kernel has let go of what was in them. */
static void
remove_cgroups(void)
{
	int used = atomic_load(&table->used);

	for (int tried = 0; tried < REMOVE_TRIES; tried++) {
		for (int i = 0; i < used; i++) {
			group_path path;

			if (!has_cgroup(i))
				continue;
			make_path(path, table->slots[i].cgroup, "");
			rmdir(path);
		}
		if (table->root[0] == '\0' || rmdir(table->root) == 0 ||
		    errno == ENOENT)
			return;
		usleep(REMOVE_EVERY_US);
	}
}

static void
set_title(void)
{
	static const char name[] = "plugind-guard";

	prctl(PR_SET_NAME, name);
	if (title_at == NULL || title_size < sizeof(name))
		return;
	memset(title_at, 0, title_size);
	memcpy(title_at, name, sizeof(name));
}

/* Moves the two descriptors it needs to fixed places and closes the rest. */
static void
keep_descriptors(void)
{
	int high_lock = lock_fd >= 0 ? fcntl(lock_fd, F_DUPFD, 16) : -1;
	int high_pipe = fcntl(pipe_read, F_DUPFD, 17);

	dup2(high_pipe, PIPE_FD);
	if (high_lock >= 0)
		dup2(high_lock, LOCK_FD);
	else
		close(LOCK_FD);
	close_range(PIPE_FD + 1, ~0U, 0);
	close_range(0, 2, 0);
}

static _Noreturn void
run_guard(void)
{
	static const int ignored[] = {
	    SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
	sigset_t none;
	char byte;
	ssize_t n;

	setsid();
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	set_title();
	keep_descriptors();
	do {
		n = read(PIPE_FD, &byte, 1);
	} while (n < 0 && errno == EINTR);
	/* A byte is the core's word that it leaves nothing behind. */
	if (n == 0) {
		kill_everything();
		remove_cgroups();
	}
	_exit(0);
}

static int
fork_guard(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_guard();
	guard_pid = pid;
	return 0;
}

int
guard_init(char *title, size_t title_len, int lock)
{
	int fds[2];
	void *p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	if (pipe2(fds, O_CLOEXEC) != 0) {
		int saved = errno;

		munmap(p, sizeof(*table));
		return -saved;
	}
	table = p;
	pipe_read = fds[0];
	pipe_write = fds[1];
	lock_fd = lock;
	title_at = title;
	title_size = title_len;
	return fork_guard();
}

void
guard_fini(void)
{
	if (pipe_write < 0)
		return;
	if (write(pipe_write, "", 1) != 1)
		log_debug(NULL, "guard: %s", strerror(errno));
	close(pipe_write);
	close(pipe_read);
	pipe_write = pipe_read = -1;
	guard_pid = 0;
}

void
guard_set_cgroup_root(const char *path)
{
	size_t len = path != NULL ? strlen(path) : 0;

	if (len >= CGROUP_ROOT_MAX)
		len = 0;
	if (len > 0)
		memcpy(table->root, path, len);
	table->root[len] = '\0';
}

int
guard_enter(pid_t pgid, const char *cgroup)
{
	for (int tried = 0; tried < GUARD_SLOTS; tried++) {
		int i = next_free;

		next_free = (next_free + 1) % GUARD_SLOTS;
		if (atomic_load(&table->slots[i].pgid) != 0)
			continue;
		snprintf(table->slots[i].cgroup, CGROUP_NAME_MAX, "%s",
		    cgroup != NULL ? cgroup : "");
		atomic_store(&table->slots[i].pgid, pgid);
		if (i >= atomic_load(&table->used))
			atomic_store(&table->used, i + 1);
		return i;
	}
	return GUARD_NONE;
}

void
guard_leave(int slot)
{
	if (slot == GUARD_NONE)
		return;
	INVARIANT(slot >= 0 && slot < GUARD_SLOTS);
	atomic_store(&table->slots[slot].pgid, 0);
	if (slot < next_free)
		next_free =
		    slot; /* low slots first: a short scan, little memory */
}

bool
guard_reaped(pid_t pid)
{
	int r;

	if (guard_pid == 0 || pid != guard_pid)
		return false;
	guard_pid = 0;
	log_warn(NULL, "plugind-guard (pid %d) was killed; starting another",
	    (int)pid);
	r = fork_guard();
	if (r < 0)
		log_error(NULL,
		    "cannot fork plugind-guard: %s; children would outlive a "
		    "crash of the daemon until the next restart of the guard",
		    strerror(-r));
	return true;
}
