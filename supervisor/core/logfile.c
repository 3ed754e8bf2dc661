/*
 * logfile: owns the descriptors of the plugins' log files, one a path,
 * however many instances write to it, and renames NAME.log to NAME.log.1 and
 * so on when it is full. Size is what we count, asked from the kernel only
 * when the file is opened.
 *
 * A full or failing disk loses lines, nothing else: they are counted, the
 * operator is told once a minute, and the next write tries again. A write
 * that was cut in the middle of a line is ended before the next line starts,
 * so that no two lines run into each other. Must never hold up the loop with
 * tries of its own, keep what it could not write, or fail its caller.
 */
#include "logfile.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	FILES_MAX = 1000, /* old ones of a path */
	WARN_INTERVAL_MS = 60000,
};

struct logfile {
	LIST_ENTRY(logfile) link;
	unsigned refs;
	int fd;    /* -1: closed */
	bool torn; /* what is written last has no newline yet */
	int64_t size;
	int64_t max_size;
	int max_files;
	bool failing;      /* the last write failed */
	uint64_t lost;     /* and not forgotten */
	uint64_t unwarned; /* lost and not yet told to the operator */
	int64_t warned_ms; /* 0: never */
	char path[];
};

static LIST_HEAD(, logfile) files = LIST_HEAD_INITIALIZER(files);

static struct logfile *
find(const char *path)
{
	struct logfile *f;

	LIST_FOREACH(f, &files, link) {
		if (strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

int
logfile_ref(const char *path, struct logfile **ret)
{
	size_t size = strlen(path) + 1;
	struct logfile *f = find(path);

	if (!f) {
		f = calloc(1, sizeof(*f) + size);
		if (!f)
			return -ENOMEM;
		f->fd = -1;
		memcpy(f->path, path, size);
		LIST_INSERT_HEAD(&files, f, link);
	}
	f->refs++;
	*ret = f;
	return 0;
}

void
logfile_unref(struct logfile *f)
{
	if (!f || --f->refs > 0)
		return;
	logfile_reopen(f);
	LIST_REMOVE(f, link);
	free(f);
}

const char *
logfile_path(const struct logfile *f)
{
	return f->path;
}

void
logfile_reopen(struct logfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* "PATH.N", or PATH itself for 0; false when that is too long. */
static bool
name_file(const struct logfile *f, int n, char out[PATH_MAX])
{
	int len = n ? snprintf(out, PATH_MAX, "%s.%d", f->path, n)
	            : snprintf(out, PATH_MAX, "%s", f->path);

	return len < PATH_MAX;
}

static void
remove_surplus(const struct logfile *f)
{
	char name[PATH_MAX];

	for (int n = f->max_files + 1; n <= FILES_MAX; n++) {
		if (!name_file(f, n, name) || unlink(name) != 0)
			return;
	}
}

void
logfile_configure(struct logfile *f, int64_t max_size, int64_t max_files)
{
	f->max_size = max_size > 0 ? max_size : INT64_MAX;
	if (max_files < 0)
		max_files = 0;
	f->max_files = max_files < FILES_MAX ? (int)max_files : FILES_MAX;
	remove_surplus(f);
}

static int
open_once(struct logfile *f)
{
	struct stat st;
	char last;

	/* O_NONBLOCK: what is not a file must not stop us. Read access is for
	 * a look at the last byte: an earlier life may have left a torn line. */
	f->fd = open(f->path,
	    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    0640);
	if (f->fd < 0)
		return -errno;
	f->size = fstat(f->fd, &st) == 0 ? st.st_size : 0;
	f->torn = f->size > 0 && pread(f->fd, &last, 1, f->size - 1) == 1 &&
	          last != '\n';
	return 0;
}

static int
make_directory(const struct logfile *f)
{
	char name[PATH_MAX];
	char *slash;

	if (!name_file(f, 0, name))
		return -ENAMETOOLONG;
	slash = strrchr(name, '/');
	if (!slash || slash == name)
		return -ENOENT;
	*slash = '\0';
	return mkdir(name, 0750) == 0 ? 0 : -errno;
}

/* A directory that somebody removed is made again. */
static int
open_file(struct logfile *f)
{
	int r = f->fd >= 0 ? 0 : open_once(f);

	if (r == -ENOENT && make_directory(f) == 0)
		r = open_once(f);
	return r;
}

/*
 * Moves every file one number up. A failure keeps the old file in use and
 * counts its size from 0 again, so that the next try is not at the next line.
 */
static int
rotate(struct logfile *f)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	bool moved = true;

	f->size = 0;
	if (f->max_files == 0)
		moved = unlink(f->path) == 0;
	for (int n = f->max_files; n > 0; n--) {
		if (!name_file(f, n - 1, from) || !name_file(f, n, to))
			return 0;
		moved = rename(from, to) == 0;
	}
	if (!moved)
		return 0;
	logfile_reopen(f);
	return open_file(f);
}

/* Whole lines at the front of data that fit in `room`. */
static size_t
fit_lines(const char *data, size_t len, int64_t room)
{
	const char *nl;

	if (room <= 0)
		return 0;
	if ((int64_t)len <= room)
		return len;
	nl = memrchr(data, '\n', (size_t)room);
	return nl ? (size_t)(nl + 1 - data) : 0;
}

/* Bytes to write next; 0 when the file is full. A line that is longer than
 * a whole file has one for itself. */
static size_t
choose_piece(const struct logfile *f, const char *data, size_t len)
{
	size_t n = fit_lines(data, len, f->max_size - f->size);
	const char *nl;

	if (n > 0 || f->size > 0)
		return n;
	nl = memchr(data, '\n', len);
	return nl ? (size_t)(nl + 1 - data) : len;
}

/* 0, or -errno; *ret_done says how much of data is in the file either way. */
static int
write_piece(struct logfile *f, const char *data, size_t len, size_t *ret_done)
{
	static const char newline[] = {'\n'};
	struct iovec v[2];
	size_t extra = f->torn ? 1 : 0;
	ssize_t n;

	/* writev takes them as const, its type does not say so. */
	v[0].iov_base = (void *)(uintptr_t)newline;
	v[0].iov_len = extra;
	v[1].iov_base = (void *)(uintptr_t)data;
	v[1].iov_len = len;
	do
		n = writev(f->fd, v, 2);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	f->size += n;
	*ret_done = (size_t)n > extra ? (size_t)n - extra : 0;
	if (*ret_done > 0)
		f->torn = data[*ret_done - 1] != '\n';
	else if (n > 0)
		f->torn = false;
	return *ret_done == len ? 0 : -ENOSPC;
}

/* Writes as much as it can; *ret_done bytes of data are in the file. */
static int
write_lines(struct logfile *f, const char *data, size_t len, size_t *ret_done)
{
	size_t done = 0;
	size_t piece;
	size_t n;
	int r = open_file(f);

	while (r == 0 && done < len) {
		piece = choose_piece(f, data + done, len - done);
		if (piece == 0) {
			r = rotate(f);
			continue;
		}
		n = 0;
		r = write_piece(f, data + done, piece, &n);
		done += n;
	}
	*ret_done = done;
	return r;
}

static uint64_t
count_lines(const char *data, size_t len)
{
	const char *end = data + len;
	uint64_t n = 0;

	while (data < end) {
		data = memchr(data, '\n', (size_t)(end - data));
		if (!data)
			break;
		data++;
		n++;
	}
	return n;
}

static void
warn_lost(struct logfile *f, int error)
{
	int64_t now_ms = clock_mono_ms();

	if (f->warned_ms != 0 && now_ms - f->warned_ms < WARN_INTERVAL_MS)
		return;
	log_warn(NULL,
	    "cannot write %s: %s; %" PRIu64 " lines of plugins lost, still "
	    "trying: make room, or check the directory",
	    f->path, strerror(-error), f->unwarned);
	f->warned_ms = now_ms;
	f->unwarned = 0;
}

uint64_t
logfile_append(struct logfile *f, const char *data, size_t len)
{
	size_t done = 0;
	uint64_t lost;
	int r = write_lines(f, data, len, &done);

	f->failing = r != 0;
	if (r == 0)
		return 0;
	lost = count_lines(data + done, len - done);
	f->lost += lost;
	f->unwarned += lost;
	warn_lost(f, r);
	logfile_reopen(f); /* the next one of this name may be sound */
	return lost;
}

uint64_t
logfile_lost(const struct logfile *f)
{
	return f->failing ? 0 : f->lost;
}

void
logfile_forget_lost(struct logfile *f)
{
	f->lost = 0;
}
