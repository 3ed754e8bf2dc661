/*
 * marker: see marker.h. Owns an inotify descriptor, and the memory of which
 * marker was the last.
 *
 * A marker is replaced by a rename, so what tells two apart is the file, not
 * what is in it: the same epoch again means that some listeners were made
 * anew. An event of inotify is only a reason to look, so that one that is late
 * or lost does no harm. Must never write anything there.
 */
#include "marker.h"

#include "common/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MARKER_MAGIC = 0x6d61726b,
	EPOCH_DIGITS = 16,
	EVENTS_BYTES = 4096,
};

struct marker {
	uint32_t magic;
	char path[PATH_MAX];
	marker_fn *fn;
	void *arg;
	int fd; /* inotify; -1: blind */
	struct event *event;
	/* The last one: */
	ino_t inode;
	struct timespec changed;
};

/* 16 hex digits, and perhaps an end of line. */
static bool
read_epoch(int fd, uint64_t *ret)
{
	char text[EPOCH_DIGITS + 2] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n < EPOCH_DIGITS || (n > EPOCH_DIGITS && text[n - 1] != '\n'))
		return false;
	text[EPOCH_DIGITS] = '\0';
	if (strspn(text, "0123456789abcdef") != EPOCH_DIGITS)
		return false;
	*ret = strtoull(text, NULL, 16);
	return true;
}

static bool
is_new(const struct marker *m, const struct stat *st)
{
	return st->st_ino != m->inode ||
	       st->st_mtim.tv_sec != m->changed.tv_sec ||
	       st->st_mtim.tv_nsec != m->changed.tv_nsec;
}

void
marker_look(struct marker *m)
{
	int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint64_t epoch;
	struct stat st;
	bool found;

	if (fd < 0)
		return;
	found = fstat(fd, &st) == 0 && is_new(m, &st) && read_epoch(fd, &epoch);
	close(fd);
	if (!found)
		return;
	m->inode = st.st_ino;
	m->changed = st.st_mtim;
	m->fn(m->arg, epoch);
}

static void
on_events(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(struct inotify_event) char bytes[EVENTS_BYTES];
	struct marker *m = arg;

	(void)what;
	INVARIANT(m->magic == MARKER_MAGIC);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue;
	marker_look(m);
}

/* A user may have 128 watchers, by default: the one after that is blind. */
static bool
is_used_up(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOSPC;
}

static int
watch(struct marker *m, struct event_base *base, const char *dir)
{
	m->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (m->fd < 0)
		return is_used_up(errno) ? 0 : -errno;
	if (inotify_add_watch(m->fd, dir, IN_MOVED_TO | IN_ONLYDIR) < 0) {
		int error = errno;

		close(m->fd);
		m->fd = -1;
		return is_used_up(error) ? 0 : -error;
	}
	m->event = event_new(base, m->fd, EV_READ | EV_PERSIST, on_events, m);
	return m->event == NULL || event_add(m->event, NULL) != 0 ? -ENOMEM : 0;
}

int
marker_new(struct event_base *base, const char *dir, marker_fn *fn, void *arg,
    struct marker **ret)
{
	struct marker *m = calloc(1, sizeof(*m));
	int r;

	if (m == NULL)
		return -ENOMEM;
	m->magic = MARKER_MAGIC;
	m->fn = fn;
	m->arg = arg;
	snprintf(m->path, sizeof(m->path), "%s/router", dir);
	r = watch(m, base, dir);
	if (r == 0)
		*ret = m;
	else
		marker_free(m);
	return r;
}

void
marker_free(struct marker *m)
{
	if (m == NULL)
		return;
	if (m->event != NULL)
		event_free(m->event);
	if (m->fd >= 0)
		close(m->fd);
	m->magic = 0;
	free(m);
}

bool
marker_is_blind(const struct marker *m)
{
	return m->fd < 0;
}
