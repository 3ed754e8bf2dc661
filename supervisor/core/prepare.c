/*
 * prepare: does the slow and fallible part of a start when a row is made, so
 * that none of it stands between an exit and a respawn. Touches the disk.
 */
#include "prepare.h"

#include "cgroup.h"
#include "childlog.h"
#include "health.h"
#include "lifecycle.h"
#include "managed.h"
#include "notify.h"
#include "program.h"
#include "sockdir.h"

#include "common/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct event_base *loop;
static const char *runtime_dir;
static const char *state_dir;
static uid_t router_uid;

static int
make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	return -errno;
}

static int
make_sub_dir(const char *parent, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/%s", parent, name);
	r = make_dir(path, mode);
	if (r != 0)
		log_error(
		    NULL, "cannot make directory %s: %s", path, strerror(-r));
	return r;
}

int
prepare_init(struct event_base *base, const struct prepare_dirs *dirs)
{
	int r;

	loop = base;
	runtime_dir = dirs->runtime_dir;
	state_dir = dirs->state_dir;
	r = make_sub_dir(runtime_dir, "notify", 0711);
	if (r == 0)
		r = sockdir_init(runtime_dir);
	if (r == 0)
		r = make_sub_dir(state_dir, "plugins", 0711);
	if (r == 0)
		r = make_sub_dir(state_dir, "logs", 0750);
	return r;
}

const char *
prepare_state_dir(const struct row *row, char *out, size_t cap)
{
	snprintf(out, cap, "%s/plugins/%s", state_dir, row->plugin->name);
	return out;
}

static int
prepare_own_dir(struct row *row, const struct account *account)
{
	char path[PATH_MAX];
	int r = make_dir(prepare_state_dir(row, path, sizeof(path)), 0700);

	if (r == 0 && account->uid != UINT32_MAX &&
	    lchown(path, account->uid, account->gid) != 0)
		r = -errno;
	if (r != 0)
		snprintf(row->last_error, sizeof(row->last_error),
		    "state directory %.100s: %s", path, strerror(-r));
	return r;
}

int
prepare_cgroup(struct row *row)
{
	const struct cgroup_limits limits = {
	    .memory = row->conf->limits.memory,
	    .cpu_milli = row->conf->limits.cpu_milli,
	    .processes = row->conf->limits.processes,
	};
	int r;

	row->has_cgroup = false;
	if (cgroup_get_layer() == CGROUP_NONE)
		return 0;
	r = cgroup_create(row->id);
	if (r == 0)
		r = cgroup_limit(row->id, &limits);
	if (r != 0) {
		snprintf(row->last_error, sizeof(row->last_error), "cgroup: %s",
		    strerror(-r));
		return r;
	}
	row->has_cgroup = true;
	row->oom_kills = cgroup_oom_kills(row->id);
	return 0;
}

int
prepare_log(struct row *row)
{
	char dir[PATH_MAX];
	const struct childlog_options options = {
	    .directory = dir,
	    .plugin = row->plugin->name,
	    .name = row->name,
	    .max_size = row->conf->log.max_size,
	    .max_files = row->conf->log.max_files,
	};

	snprintf(dir, sizeof(dir), "%s/logs", state_dir);
	if (row->log != NULL)
		return childlog_configure(row->log, &options);
	return childlog_new(loop, &options, &row->log);
}

static void
on_notify(void *arg, const struct notify_message *m)
{
	struct row *row = arg;

	INVARIANT(row->magic == ROW_MAGIC);
	/* A sender that is still there must belong to this incarnation. */
	if (m->pid > 0 && getsid(m->pid) > 0 &&
	    getsid(m->pid) != row->child.pid)
		return;
	if (m->status != NULL)
		lifecycle_set_message(row, m->status);
	if (m->extend_ms >= 0)
		lifecycle_extend(row, m->extend_ms);
	if (m->ready)
		lifecycle_catch_up(row);
	if (m->ready && row->state == STATE_STARTING)
		lifecycle_post(row, EVENT_READY);
}

static const char *
notify_path(const struct row *row, char *out, size_t cap)
{
	snprintf(out, cap, "%s/notify/%s", runtime_dir, row->id);
	return out;
}

static int
prepare_notify(struct row *row, const struct account *account)
{
	char path[PATH_MAX];
	uid_t uid = account->uid == UINT32_MAX ? geteuid() : account->uid;
	int r;

	notify_listener_free(row->notify);
	row->notify = NULL;
	if (row->conf->ready.kind != READY_NOTIFY)
		return 0;
	r = notify_listen(loop, notify_path(row, path, sizeof(path)), uid,
	    on_notify, row, &row->notify);
	if (r != 0)
		snprintf(row->last_error, sizeof(row->last_error),
		    "notify socket %.100s: %s", path, strerror(-r));
	return r;
}

/* Of the router, too: the private socket by which it hears itself. */
static const char *
name_sockets(const struct row *row, char out[SOCKDIR_MAX + 1])
{
	if (row->managed == NULL && row->conf->kind != KIND_ROUTER)
		return NULL;
	sockdir_prefix(row->name, row->instance, out);
	return out;
}

static int
build_image(const struct row *row, const struct strv *argv, struct image *image,
    char *why, size_t cap)
{
	char state[PATH_MAX];
	char socket[PATH_MAX];
	char procs[PATH_MAX];
	char sockets[SOCKDIR_MAX + 1];
	const struct image_input in = {
	    .conf = row->conf,
	    .sockets = name_sockets(row, sockets),
	    .argv = argv,
	    .instance = row->instance,
	    .state_dir = prepare_state_dir(row, state, sizeof(state)),
	    .notify_path = row->notify != NULL
	                       ? notify_path(row, socket, sizeof(socket))
	                       : NULL,
	    .cgroup_procs = row->has_cgroup ? cgroup_procs_path(
	                                          row->id, procs, sizeof(procs))
	                                    : NULL,
	    .rlimit_processes = !cgroup_has("pids"),
	    .rlimit_memory = !cgroup_has("memory"),
	};

	return image_build(&in, image, why, cap);
}

int
prepare_probe_image(const struct row *row, const struct strv *argv,
    struct image *image, char *why, size_t cap)
{
	return build_image(row, argv, image, why, cap);
}

uid_t
prepare_router_uid(void)
{
	return router_uid;
}

static bool
is_member(const struct account *a, gid_t gid)
{
	bool found = a->gid == gid;

	for (uint32_t i = 0; i < a->ngroups; i++)
		found = found || a->groups[i] == gid;
	return found;
}

static bool
may_enter(const char *path, const struct account *a)
{
	struct stat st;

	if (a->uid == 0 || a->uid == UINT32_MAX || stat(path, &st) != 0)
		return true;
	if (st.st_uid == a->uid)
		return (st.st_mode & S_IXUSR) != 0;
	return (st.st_mode & (is_member(a, st.st_gid) ? S_IXGRP : S_IXOTH)) !=
	       0;
}

/* The router is not root: a runtime_dir below a private directory is out of
 * its reach, and nothing that depends on it would ever work. */
static void
check_reach(const struct row *row, const struct account *a)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", runtime_dir);
	for (char *slash = strrchr(path, '/'); slash != NULL && slash != path;
	     slash = strrchr(path, '/')) {
		*slash = '\0';
		if (may_enter(path, a))
			continue;
		log_error(row->name,
		    "user %s cannot enter %s, and so not runtime_dir: put "
		    "runtime_dir elsewhere, or chmod o+x %s",
		    a->user, path, path);
		return;
	}
}

/* The daemon's own ids stand for "as the daemon". */
static int
prepare_bus(struct row *row, const struct account *a)
{
	uid_t uid = a->uid == UINT32_MAX ? geteuid() : a->uid;
	gid_t gid = a->gid == UINT32_MAX ? getegid() : a->gid;

	if (plugin_conf_is_managed(row->conf))
		return managed_prepare(row, uid, gid);
	managed_free(row); /* it may have been, with another configuration */
	if (row->conf->kind != KIND_ROUTER)
		return 0;
	router_uid = uid;
	check_reach(row, a);
	if (row->conf->user != NULL && strcmp(row->conf->user, "nobody") == 0)
		log_warn(row->name, "there is no user plugind on this machine; "
		                    "it runs as nobody");
	return 0;
}

static int
build_program(struct row *row)
{
	struct program program;
	int r = program_find(row->config, row->conf, &program, row->last_error,
	    sizeof(row->last_error));

	if (r == 0)
		r = build_image(row, &program.argv, &row->image,
		    row->last_error, sizeof(row->last_error));
	return r;
}

static int
prepare_all(struct row *row)
{
	struct account account;
	int r = account_lookup(
	    row->conf, &account, row->last_error, sizeof(row->last_error));

	if (r == 0)
		r = prepare_own_dir(row, &account);
	if (r == 0)
		r = prepare_cgroup(row);
	if (r == 0)
		r = prepare_notify(row, &account);
	if (r == 0)
		r = prepare_bus(row, &account);
	if (r == 0)
		r = build_program(row);
	if (r == 0)
		r = health_configure(row);
	if (r == 0)
		r = restart_init(&row->tally, &row->conf->restart);
	return r;
}

int
prepare_row(struct row *row)
{
	int r;

	row->last_error[0] = '\0';
	r = prepare_log(row);
	if (r == 0)
		r = prepare_all(row);
	if (r != 0 && row->last_error[0] == '\0')
		snprintf(row->last_error, sizeof(row->last_error),
		    "its start cannot be prepared: %s", strerror(-r));
	if (r != 0)
		image_fini(&row->image);
	return r;
}

void
prepare_forget(struct row *row)
{
	if (row->has_cgroup)
		(void)cgroup_remove(row->id);
}
