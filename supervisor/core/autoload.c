/*
 * autoload: owns the watch on the directory, the copies, and the copying.
 *
 * The copy is private: a module that is being written, or replaced under a
 * running process, is never what is executed. Changes are looked at when the
 * directory has been quiet for a moment, and copied a slice a turn of the
 * loop; only before there is anything to hold up is it done in one go.
 *
 * Must never: take modules from a directory that others may write to, follow a
 * link, or touch a plugin: a reload does.
 */
#include "autoload.h"

#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	QUIET_MS = 200,
	MODULES_MAX = 1024,
	MODULE_SIZE_MAX = 256 * 1024 * 1024,
	SLICE = 256 * 1024,
};

static const char part[] = ".part"; /* a copy that is not whole yet */

struct module {
	char name[CONFIG_NAME_MAX + 1];
	char copy[CONFIG_NAME_MAX + 64]; /* NAME@STAMP.so */
};

struct listing {
	struct module v[MODULES_MAX];
	size_t n;
};

/* One pass over the directory; NULL when there is none under way. */
struct pass {
	int from_dir;
	int to_dir;
	struct listing there; /* in the directory */
	struct listing had;   /* the copies as they were */
	size_t at;            /* in `there` */
	int from;             /* of the file that is being copied, -1: none */
	int to;
	bool changed;
};

static struct event_base *loop;
static void (*on_changed)(void);
static struct event notify_event;
static struct event quiet_event;
static struct event slice_event;
static int notify_fd = -1;
static bool enabled;
static bool hot_swap;
static bool fresh = true; /* nothing of this daemon's life is copied yet */
static struct pass *pass;
static char source[PATH_MAX];
static char target[PATH_MAX];

bool
autoload_name(const char *file, char *out, size_t cap)
{
	const char *at = strchr(file, '@');
	size_t len = strlen(file);

	if (at == NULL || len < 4 || strcmp(file + len - 3, ".so") != 0 ||
	    (size_t)(at - file) >= cap)
		return false;
	snprintf(out, cap, "%.*s", (int)(at - file), file);
	return config_name_valid(out);
}

/* --- what there is ------------------------------------------------------ */

/* Fills in a module from a directory entry; false when it is none. */
typedef bool describe_fn(int dir, const char *file, struct module *m);

static bool
describe_file(int dir, const char *file, struct module *m)
{
	size_t len = strlen(file);
	struct stat st;

	if (len < 4 || len - 3 > CONFIG_NAME_MAX ||
	    strcmp(file + len - 3, ".so") != 0)
		return false;
	snprintf(m->name, sizeof(m->name), "%.*s", (int)len - 3, file);
	if (!config_name_valid(m->name) ||
	    fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode) || st.st_size > MODULE_SIZE_MAX)
		return false;
	snprintf(m->copy, sizeof(m->copy), "%.*s@%llx.%lx.%llx.%llx.so",
	    (int)len - 3, file, (unsigned long long)st.st_mtim.tv_sec,
	    (unsigned long)st.st_mtim.tv_nsec, (unsigned long long)st.st_ino,
	    (unsigned long long)st.st_size);
	return true;
}

static bool
describe_copy(int dir, const char *file, struct module *m)
{
	(void)dir;
	return autoload_name(file, m->name, sizeof(m->name)) &&
	       (size_t)snprintf(m->copy, sizeof(m->copy), "%s", file) <
	           sizeof(m->copy);
}

static void
list(int dir, describe_fn *describe, struct listing *l)
{
	DIR *d = fdopendir(dup(dir));
	const struct dirent *e;

	l->n = 0;
	if (d == NULL)
		return;
	rewinddir(d);
	while (l->n < MODULES_MAX && (e = readdir(d)) != NULL)
		l->n += describe(dir, e->d_name, &l->v[l->n]);
	closedir(d);
}

static const struct module *
find(const struct listing *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->v[i].name, name) == 0)
			return &l->v[i];
	}
	return NULL;
}

/* --- copies ------------------------------------------------------------ */

static void
drop_gone(struct pass *p)
{
	for (size_t i = 0; i < p->had.n; i++) {
		const struct module *m = &p->had.v[i];

		if (find(&p->there, m->name) != NULL)
			continue;
		(void)unlinkat(p->to_dir, m->copy, 0);
		log_info(NULL, "autoload: module %s is gone", m->name);
		p->changed = true;
	}
}

static void
close_files(struct pass *p)
{
	if (p->from >= 0)
		close(p->from);
	if (p->to >= 0)
		close(p->to);
	p->from = p->to = -1;
}

/* The copy is whole, or r says why it never will be. */
static void
end_file(struct pass *p, int r)
{
	const struct module *m = &p->there.v[p->at++];
	const struct module *old = find(&p->had, m->name);

	close_files(p);
	if (r == 0 && renameat(p->to_dir, part, p->to_dir, m->copy) != 0)
		r = -errno;
	if (r != 0) {
		log_error(NULL, "autoload: cannot copy %s/%s.so to %s: %s",
		    source, m->name, target, strerror(-r));
		return;
	}
	if (old != NULL)
		(void)unlinkat(p->to_dir, old->copy, 0);
	log_info(NULL, "autoload: module %s %s", m->name,
	    old != NULL ? "was replaced" : "appeared");
	p->changed = true;
}

static bool
is_wanted(const struct pass *p)
{
	const struct module *m = &p->there.v[p->at];
	const struct module *old = find(&p->had, m->name);

	return old == NULL ||
	       (strcmp(old->copy, m->copy) != 0 && (hot_swap || fresh));
}

static void
begin_file(struct pass *p)
{
	char file[CONFIG_NAME_MAX + 4];

	if (!is_wanted(p)) {
		p->at++;
		return;
	}
	snprintf(file, sizeof(file), "%s.so", p->there.v[p->at].name);
	(void)unlinkat(p->to_dir, part, 0);
	p->from = openat(p->from_dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (p->from >= 0)
		p->to = openat(p->to_dir, part,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (p->to < 0)
		end_file(p, -errno);
}

/* Bytes, 0 at the end, or -errno. */
static ssize_t
copy_slice(struct pass *p)
{
	static char bytes[SLICE];
	ssize_t n = read(p->from, bytes, sizeof(bytes));
	ssize_t done = 0;

	if (n < 0)
		return -errno;
	while (done < n) {
		ssize_t w = write(p->to, bytes + done, (size_t)(n - done));

		if (w < 0)
			return -errno;
		done += w;
	}
	return n;
}

/* A little of the pass; false when there is no more to do. */
static bool
go_on(struct pass *p)
{
	ssize_t n;

	if (p->at == p->there.n)
		return false;
	if (p->from < 0) {
		begin_file(p);
		return true;
	}
	n = copy_slice(p);
	if (n <= 0)
		end_file(p, (int)n);
	return true;
}

/* -1 after a word about it. */
static int
open_source(void)
{
	int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		log_warn(NULL, "autoload: %s: %s", source, strerror(errno));
		return -1;
	}
	if ((st.st_mode & 0002) == 0 &&
	    (st.st_uid == 0 || st.st_uid == geteuid()))
		return fd;
	log_error(NULL,
	    "autoload: %s is refused: others may put modules there; chmod o-w "
	    "it, and let it belong to the daemon's user",
	    source);
	close(fd);
	return -1;
}

static int
open_target(void)
{
	if (mkdir(target, 0755) != 0 && errno != EEXIST)
		return -1;
	return open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* NULL: nothing to look at, or out of memory. */
static struct pass *
begin_pass(void)
{
	struct pass *p;
	int from = enabled ? open_source() : -1;
	int to = from >= 0 || !enabled ? open_target() : -1;

	p = to >= 0 ? calloc(1, sizeof(*p)) : NULL;
	if (p == NULL) {
		if (from >= 0)
			close(from);
		if (to >= 0)
			close(to);
		return NULL;
	}
	p->from_dir = from;
	p->to_dir = to;
	p->from = p->to = -1;
	if (from >= 0)
		list(from, describe_file, &p->there);
	list(to, describe_copy, &p->had);
	drop_gone(p);
	return p;
}

/* True when the copies have changed. */
static bool
end_pass(struct pass *p)
{
	bool changed = p->changed;

	close_files(p);
	close(p->to_dir);
	if (p->from_dir >= 0)
		close(p->from_dir);
	free(p);
	fresh = false;
	return changed;
}

/* --- the watch --------------------------------------------------------- */

static void
on_slice(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now = {0, 0};
	bool changed;

	(void)fd;
	(void)what;
	(void)arg;
	if (go_on(pass)) {
		event_add(&slice_event, &now);
		return;
	}
	changed = end_pass(pass);
	pass = NULL;
	if (changed)
		on_changed();
}

static void
look_soon(void)
{
	const struct timeval quiet = {0, QUIET_MS * 1000};

	event_add(&quiet_event, &quiet);
}

static void
on_quiet(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (pass != NULL) { /* what is new is for the next one */
		look_soon();
		return;
	}
	pass = begin_pass();
	if (pass != NULL)
		event_active(&slice_event, EV_TIMEOUT, 0);
}

static void
on_notify(evutil_socket_t fd, short what, void *arg)
{
	char events[4096];

	(void)what;
	(void)arg;
	while (read(fd, events, sizeof(events)) > 0)
		;
	look_soon();
}

static void
unwatch(void)
{
	if (notify_fd < 0)
		return;
	event_del(&notify_event);
	close(notify_fd);
	notify_fd = -1;
}

static void
watch(void)
{
	notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (notify_fd < 0 || inotify_add_watch(notify_fd, source,
	                         IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
	                             IN_DELETE | IN_ONLYDIR) < 0)
		log_warn(NULL,
		    "autoload: cannot watch %s: %s; SIGHUP looks at it", source,
		    strerror(errno));
	if (notify_fd < 0)
		return;
	event_assign(&notify_event, loop, notify_fd, EV_READ | EV_PERSIST,
	    on_notify, NULL);
	event_add(&notify_event, NULL);
}

/* Takes what the configuration says; false when there is nothing to do. */
static bool
take(const struct config *config)
{
	bool was = enabled;
	bool moved = strcmp(source, config->autoload.directory) != 0;

	enabled = config->autoload.enabled;
	hot_swap = config->autoload.hot_swap;
	snprintf(source, sizeof(source), "%s", config->autoload.directory);
	snprintf(target, sizeof(target), "%s/autoload", config->state_dir);
	if (!enabled || moved)
		unwatch();
	if (enabled && notify_fd < 0)
		watch();
	return enabled || was;
}

bool
autoload_start(const struct config *config)
{
	struct pass *p = take(config) ? begin_pass() : NULL;

	if (p == NULL)
		return false;
	while (go_on(p))
		;
	return end_pass(p);
}

void
autoload_follow(const struct config *config)
{
	if (take(config))
		look_soon();
}

void
autoload_init(struct event_base *base, void (*changed)(void))
{
	loop = base;
	on_changed = changed;
	event_assign(&quiet_event, base, -1, 0, on_quiet, NULL);
	event_assign(&slice_event, base, -1, 0, on_slice, NULL);
}

void
autoload_fini(void)
{
	unwatch();
	event_del(&quiet_event);
	event_del(&slice_event);
	if (pass != NULL)
		(void)end_pass(pass);
	pass = NULL;
}
