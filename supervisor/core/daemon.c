/*
 * daemon: brings everything up, runs the loop, and takes everything down in
 * order. See daemon.h.
 *
 * Fatal here: what fails before the loop starts. After that nothing ends the
 * daemon but a signal, an essential plugin, or a broken invariant.
 */
#include "daemon.h"

#include "announce.h"
#include "autoload.h"
#include "cgroup.h"
#include "childlog.h"
#include "clients.h"
#include "control.h"
#include "depend.h"
#include "guard.h"
#include "health.h"
#include "held.h"
#include "launcher.h"
#include "lifecycle.h"
#include "notify.h"
#include "ops.h"
#include "prepare.h"
#include "reaper.h"
#include "reload.h"
#include "router.h"
#include "sibling.h"
#include "table.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 5000, LOCK_EVERY_MS = 20 };

static struct event_base *loop;
static struct daemon_args args;
static struct event signals[5];
static struct event collect_event;
static struct event report_event;
static struct event reload_event;
static int64_t started_ms;
static bool stopping;
static bool settled;
static int exit_code;
static int lock_fd = -1;
static char launcher_path[PATH_MAX];
static char runtime_dir[PATH_MAX];
static char state_dir[PATH_MAX];

bool
daemon_is_stopping(void)
{
	return stopping;
}

bool
daemon_is_settled(void)
{
	return settled;
}

int64_t
daemon_uptime_ms(void)
{
	return clock_mono_ms() - started_ms;
}

const struct config_source *
daemon_source(void)
{
	return &args.source;
}

void
daemon_collect(void)
{
	event_active(&collect_event, EV_TIMEOUT, 0);
}

void
daemon_reload(void)
{
	event_active(&reload_event, EV_TIMEOUT, 0);
}

/* --- settled, essential, the end --------------------------------------- */

static void
count_states(size_t counts[STATE__COUNT])
{
	struct row *row;

	table_foreach(row, cursor)
		counts[row->state]++;
}

static void
report_status(void)
{
	size_t counts[STATE__COUNT] = {0};

	count_states(counts);
	notify_send("STATUS=%zu running, %zu waiting, %zu backoff, %zu failed",
	    counts[STATE_RUNNING], counts[STATE_WAITING], counts[STATE_BACKOFF],
	    counts[STATE_FAILED]);
}

/* Once a turn of the loop, however many rows changed in it. */
static void
on_report(evutil_socket_t fd, short what, void *arg)
{
	char age[32];

	(void)fd;
	(void)what;
	(void)arg;
	if (stopping && lifecycle_processes() == 0)
		event_base_loopexit(loop, NULL);
	if (!stopping && !settled && lifecycle_unsettled() == 0) {
		settled = true;
		announce_system(ANNOUNCE_STARTED);
		log_info(NULL, "settled after %s",
		    units_format_age(daemon_uptime_ms(), age, sizeof(age)));
		notify_send("READY=1");
	}
	report_status();
	held_wake();
}

static void
on_row_changed(struct row *row, enum plugin_state old)
{
	event_active(&report_event, EV_TIMEOUT, 0);
	if (row->state == STATE_DESTROYED)
		daemon_collect();
	if (row->state != STATE_FAILED || old == STATE_FAILED || stopping ||
	    !depend_is_essential(row))
		return;
	log_error(row->name,
	    "is essential, or an essential plugin depends on "
	    "it, and has failed: stopping the daemon with "
	    "exit code %d",
	    DAEMON_ESSENTIAL);
	daemon_stop(DAEMON_ESSENTIAL);
}

static void
on_op_done(const struct op *op)
{
	(void)op;
	held_wake();
}

static void
on_collect(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	table_collect();
}

void
daemon_stop(int code)
{
	struct row *row;

	if (stopping)
		return;
	stopping = true;
	exit_code = code;
	log_info(NULL, "stopping %zu process%s", lifecycle_processes(),
	    lifecycle_processes() == 1 ? "" : "es");
	notify_send("STOPPING=1");
	announce_system(ANNOUNCE_STOPPED);
	table_foreach(row, cursor)
		depend_mark(row, STOP_SHUTDOWN);
	depend_drain();
	event_active(&report_event, EV_TIMEOUT, 0);
}

/* --- signals ----------------------------------------------------------- */

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (!stopping) {
		log_info(NULL, "SIG%s: stopping; once more kills at once",
		    sig == SIGINT ? "INT" : "TERM");
		daemon_stop(DAEMON_OK);
		return;
	}
	log_warn(NULL, "second SIG%s: killing everything",
	    sig == SIGINT ? "INT" : "TERM");
	lifecycle_kill_all();
}

static void
log_lines(struct buf *text)
{
	char *save = NULL;
	char *copy = strdup(buf_cstr(text));
	char *line = copy != NULL ? strtok_r(copy, "\n", &save) : NULL;

	for (; line != NULL; line = strtok_r(NULL, "\n", &save))
		log_error(NULL, "%s", line);
	free(copy);
}

static void
on_reload(evutil_socket_t sig, short what, void *arg)
{
	struct config *next = NULL;
	struct buf errors;

	(void)sig;
	(void)what;
	(void)arg;
	if (stopping)
		return;
	notify_reloading();
	buf_init(&errors, 256 * 1024);
	if (reload_read(&next, &errors) != 0) {
		log_lines(&errors);
		log_error(NULL, "reload: the configuration has errors; nothing "
		                "was changed");
	} else if (reload_apply(next, NULL) != 0) {
		log_error(NULL, "reload: out of memory");
	} else {
		log_set_level(next->log.level);
		log_info(NULL, "reload: done");
	}
	config_unref(next);
	buf_fini(&errors);
	notify_send("READY=1");
}

static void
on_usr1(evutil_socket_t sig, short what, void *arg)
{
	struct row *row;

	(void)sig;
	(void)what;
	(void)arg;
	(void)log_reopen();
	table_foreach(row, cursor) {
		if (row->log != NULL)
			childlog_reopen(row->log);
	}
	log_info(NULL, "SIGUSR1: logs reopened");
}

static void
on_usr2(evutil_socket_t sig, short what, void *arg)
{
	struct row *row;

	(void)sig;
	(void)what;
	(void)arg;
	log_info(NULL, "SIGUSR2: %zu plugins, %zu processes",
	    table_count_rows(), lifecycle_processes());
	table_foreach(row, cursor)
		log_info(row->name,
		    "state %s, wish %s, pid %d, generation %llu, restarts "
		    "%llu%s%s",
		    plugin_state_to_string(row->state),
		    plugin_wish_to_string(row->wish), (int)row->child.pid,
		    (unsigned long long)row->generation,
		    (unsigned long long)row->restarts,
		    row->last_error[0] != '\0' ? ", last error: " : "",
		    row->last_error);
}

static int
catch_signals(void)
{
	static const struct {
		int signal;
		event_callback_fn fn;
	} table_of[] = {
	    {SIGTERM, on_term},
	    {SIGINT, on_term},
	    {SIGHUP, on_reload},
	    {SIGUSR1, on_usr1},
	    {SIGUSR2, on_usr2},
	};
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log at the limit is a write error */
	for (size_t i = 0; i < sizeof(table_of) / sizeof(table_of[0]); i++) {
		if (event_assign(&signals[i], loop, table_of[i].signal,
		        EV_SIGNAL | EV_PERSIST, table_of[i].fn, NULL) != 0 ||
		    event_add(&signals[i], NULL) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* --- start ------------------------------------------------------------- */

static int
make_dirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(part, mode) != 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static int
make_daemon_dirs(void)
{
	int r = make_dirs(runtime_dir, 0755);

	if (r != 0) {
		log_error(NULL, "cannot make runtime_dir %s: %s", runtime_dir,
		    strerror(-r));
		return r;
	}
	r = make_dirs(state_dir, 0755);
	if (r != 0)
		log_error(NULL, "cannot make state_dir %s: %s", state_dir,
		    strerror(-r));
	return r;
}

static pid_t
read_lock_owner(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

/*
 * One daemon a runtime_dir. A guard that is still ending the children of a
 * killed daemon holds the lock too: that is worth a short wait.
 */
static int
take_lock(void)
{
	char path[PATH_MAX + 8];
	char text[16];
	int64_t end = clock_mono_ms() + LOCK_WAIT_MS;
	int n;

	snprintf(path, sizeof(path), "%s/lock", runtime_dir);
	lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (lock_fd < 0) {
		log_error(NULL, "cannot open %s: %s", path, strerror(errno));
		return DAEMON_FAILURE;
	}
	while (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
		pid_t owner = read_lock_owner(lock_fd);
		bool alive =
		    owner > 0 && (kill(owner, 0) == 0 || errno == EPERM);

		if (alive || clock_mono_ms() >= end) {
			log_error(NULL,
			    "another plugind (pid %d) uses %s; give this one "
			    "a --runtime-dir of its own",
			    (int)owner, runtime_dir);
			return DAEMON_RUNNING;
		}
		usleep(LOCK_EVERY_MS * 1000);
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(lock_fd, 0) != 0 ||
	    pwrite(lock_fd, text, (size_t)n, 0) < 0)
		log_warn(NULL, "%s: %s", path, strerror(errno));
	return DAEMON_OK;
}

static void
raise_open_files(void)
{
	struct rlimit limit;

	image_note_limits();
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn(NULL, "cannot raise the limit of open files: %s",
		    strerror(errno));
}

static int
make_loop(void)
{
	struct event_config *config = event_config_new();

	if (config == NULL)
		return -ENOMEM;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	/* A delay counts from when it is asked for, not from when the loop
	 * last woke: a start in between takes milliseconds. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
	loop = event_base_new_with_config(config);
	event_config_free(config);
	if (loop == NULL)
		return -ENOMEM;
	event_assign(&collect_event, loop, -1, 0, on_collect, NULL);
	event_assign(&report_event, loop, -1, 0, on_report, NULL);
	event_assign(&reload_event, loop, -1, 0, on_reload, NULL);
	return 0;
}

static int
find_launcher(void)
{
	int r = sibling_find("plugind-launcher", "pluginhost/plugind-launcher",
	    launcher_path, sizeof(launcher_path));

	if (r != 0)
		log_error(NULL, "cannot find plugind-launcher beside this "
		                "program (libexec/plugind/plugind-launcher): "
		                "the installation is incomplete");
	return r;
}

/* Everything that has no children yet, in the order in which it is needed. */
static int
start_modules(void)
{
	const struct prepare_dirs dirs = {runtime_dir, state_dir};
	sigset_t none;
	int r = make_loop();

	/* A parent may have left anything blocked. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (r == 0)
		r = catch_signals();
	if (r == 0)
		r = reaper_init(loop);
	if (r == 0)
		r = find_launcher();
	if (r == 0)
		r = prepare_init(loop, &dirs);
	if (r == 0)
		r = lifecycle_init(loop);
	if (r == 0)
		r = notify_init(loop);
	if (r != 0)
		return r;
	if (router_init(loop) != 0)
		return -ENOMEM;
	clients_init(loop);
	autoload_init(loop, daemon_reload);
	health_init(loop);
	ops_init(on_op_done);
	depend_init();
	lifecycle_observe(on_row_changed);
	announce_init();
	cgroup_init(runtime_dir, getenv("PLUGIND_CGROUP_ROOT"));
	guard_set_cgroup_root(cgroup_root());
	r = launcher_init(loop, launcher_path, lifecycle_launcher_free);
	if (r != 0) {
		log_error(
		    NULL, "cannot start %s: %s", launcher_path, strerror(-r));
		return r;
	}
	return control_init(loop, runtime_dir);
}

static void
stop_modules(void)
{
	control_fini();
	autoload_fini();
	ops_fini();
	clients_fini();
	table_free();
	router_fini();
	lifecycle_fini();
	launcher_fini();
	reaper_fini();
	notify_fini();
	cgroup_fini();
	guard_fini();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		event_del(&signals[i]);
	event_base_free(loop);
	close(lock_fd);
}

static int
open_log(const struct config *config)
{
	int r;

	log_set_level(config->log.level);
	log_set_format(config->log.format);
	r = log_open(config->log.path, config->log.file.max_size,
	    (int)config->log.file.max_files);
	if (r != 0)
		log_error(NULL, "cannot open the log %s: %s", config->log.path,
		    strerror(-r));
	return r;
}

/* The configuration with the modules that lie in the directory now. */
static struct config *
bring_modules(struct config *config)
{
	struct config *next = NULL;
	struct buf errors;

	if (!autoload_start(config))
		return config;
	buf_init(&errors, 256 * 1024);
	if (reload_read(&next, &errors) == 0)
		config_unref(config);
	else
		next = config; /* somebody is editing it: as it was read */
	buf_fini(&errors);
	return next;
}

static int
run(struct config *config)
{
	int r;

	log_info(NULL, "plugind %s, %zu plugin%s from %s", PLUGIND_VERSION,
	    config_count(config), config_count(config) == 1 ? "" : "s",
	    config->path);
	config = bring_modules(config);
	r = reload_apply(config, NULL);
	if (r != 0) {
		log_error(
		    NULL, "cannot take the configuration: %s", strerror(-r));
		daemon_stop(DAEMON_FAILURE);
	}
	config_unref(config);
	malloc_trim(0); /* what reading the files has left behind */
	event_active(&report_event, EV_TIMEOUT, 0);
	event_base_dispatch(loop);
	log_info(NULL, "stopped, exit code %d", exit_code);
	return exit_code;
}

int
daemon_run(const struct daemon_args *given, struct config *config)
{
	int code = DAEMON_FAILURE;

	args = *given;
	started_ms = clock_mono_ms();
	snprintf(runtime_dir, sizeof(runtime_dir), "%s", config->runtime_dir);
	snprintf(state_dir, sizeof(state_dir), "%s", config->state_dir);
	srand((unsigned)clock_mono_us());
	raise_open_files();
	if (open_log(config) != 0 || make_daemon_dirs() != 0)
		goto out;
	code = take_lock();
	if (code != DAEMON_OK)
		goto out;
	code = DAEMON_FAILURE;
	if (guard_init(args.title, args.title_len, lock_fd) != 0) {
		log_error(
		    NULL, "cannot start plugind-guard: %s", strerror(errno));
		goto out;
	}
	if (start_modules() != 0)
		goto out;
	code = run(config);
	config = NULL;
	stop_modules();
out:
	config_unref(config);
	return code;
}
