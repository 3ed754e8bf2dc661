/*
 * lifecycle: owns the state of every row and the queue of rows to spawn. See
 * lifecycle.h. What follows what is fsm.c's; whether a restart is due is
 * restart.c's; this file carries out.
 *
 * Must never: block, allocate on the way from an exit to the respawn, or
 * write row->state anywhere but in set_state.
 */
#include "lifecycle.h"

#include "cgroup.h"
#include "childlog.h"
#include "depend.h"
#include "escalate.h"
#include "exits.h"
#include "health.h"
#include "incarnation.h"
#include "launcher.h"
#include "managed.h"
#include "notify.h"
#include "prepare.h"
#include "router.h"

#include "common/clock.h"
#include "common/escape.h"
#include "common/log.h"
#include "common/units.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	OBSERVERS_MAX = 8,
	SPAWN_SLICE_US = 10000, /* of a loop turn, then others get theirs */
	SPAWN_RETRY_MS = 1000,
};

static struct event_base *loop;
static row_changed_fn *observers[OBSERVERS_MAX];
static size_t nobservers;
static struct event spawn_event;
static TAILQ_HEAD(, row) spawn_queue = TAILQ_HEAD_INITIALIZER(spawn_queue);
static size_t unsettled;
static size_t processes;

/* --- state ------------------------------------------------------------- */

static void
tell_observers(struct row *row, enum plugin_state old)
{
	for (size_t i = 0; i < nobservers; i++)
		observers[i](row, old);
}

static bool
is_coming_up(enum plugin_state s)
{
	return s == STATE_INITIALIZING || s == STATE_INITIALIZED ||
	       s == STATE_STARTING;
}

static void
cancel_deadline(struct row *row)
{
	event_del(&row->deadline);
	row->due_ms = 0;
}

void
lifecycle_set_deadline(struct row *row, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	row->due_ms = clock_mono_ms() + ms;
	if (event_add(&row->deadline, &tv) == 0)
		return;
	/* Out of memory. A deadline that never comes would leave the row where
	 * it is for ever; one that comes at once only hurries. */
	log_error(row->name, "cannot arm a timer: out of memory");
	if (!is_coming_up(row->state))
		event_active(&row->deadline, EV_TIMEOUT, 0);
}

/* Work is under way in it that ends by itself. */
static void
count_unsettled(struct row *row)
{
	bool now = row->queued ||
	           (!fsm_is_settled(row->state) && row->state != STATE_WAITING);

	if (now != row->unsettled)
		unsettled += now ? 1 : (size_t)-1;
	row->unsettled = now;
}

static void
unqueue(struct row *row)
{
	if (!row->queued)
		return;
	TAILQ_REMOVE(&spawn_queue, row, spawn_link);
	row->queued = false;
}

static void
set_state(struct row *row, enum plugin_state next)
{
	enum plugin_state old = row->state;

	if (!(is_coming_up(old) && is_coming_up(next)))
		cancel_deadline(row);
	if (next != STATE_WAITING)
		unqueue(row);
	row->state = next;
	row->since_ms = clock_mono_ms();
	if (next == STATE_RUNNING) {
		row->ready_ms = row->since_ms;
		row->was_ready = true;
	} else {
		row->health = HEALTH_UNKNOWN;
	}
	count_unsettled(row);
	log_debug(row->name, "%s -> %s", plugin_state_to_string(old),
	    plugin_state_to_string(next));
	tell_observers(row, old);
}

void
lifecycle_observe(row_changed_fn *fn)
{
	INVARIANT(nobservers < OBSERVERS_MAX);
	observers[nobservers++] = fn;
}

/* --- actions ----------------------------------------------------------- */

typedef void action_fn(struct row *row);

static void
do_nothing(struct row *row)
{
	(void)row;
}

static void
queue_spawn(struct row *row)
{
	if (row->queued)
		return;
	TAILQ_INSERT_TAIL(&spawn_queue, row, spawn_link);
	row->queued = true;
	event_active(&spawn_event, EV_TIMEOUT, 0);
}

/* A moment's want of something that this machine has. */
static bool
will_pass(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EAGAIN ||
	       r == -ENOBUFS || r == -ENOSPC;
}

static void
spawn_retry(struct row *row)
{
	lifecycle_set_deadline(row, SPAWN_RETRY_MS);
}

static void
gate(struct row *row)
{
	int r = row->image.head == NULL ? prepare_row(row) : 0;

	if (will_pass(r)) {
		unqueue(row);
		count_unsettled(row);
		log_warn(row->name, "%s; trying again", row->last_error);
		spawn_retry(row);
		return;
	}
	if (r != 0) {
		/* Nothing to run: as if the policy were exhausted. */
		log_error(row->name, "cannot start: %s", row->last_error);
		set_state(row, STATE_FAILED);
		return;
	}
	if (depend_gate_open(row))
		queue_spawn(row);
	else
		unqueue(row);
	count_unsettled(row);
}

static void
clear(struct row *row)
{
	restart_clear(&row->tally);
	if (!fsm_has_process(row->state))
		row->last_error[0] = '\0';
}

static void
clear_gate(struct row *row)
{
	clear(row);
	gate(row);
}

static void on_child_exit(void *arg, pid_t pid, int status);
static void on_status(evutil_socket_t fd, short what, void *arg);

/* A new incarnation begins. */
static void
adopt(struct row *row, const struct launched *s)
{
	row->started_ms = clock_mono_ms();
	row->started_real_ms = clock_real_ms();
	row->ready_ms = 0;
	row->was_ready = false;
	row->stop_reason = STOP_NONE;
	row->stop_step = 0;
	row->message[0] = '\0';
	if (row->wish == WISH_AGAIN)
		row->wish = WISH_UP;
	if (row->generation > 1)
		row->restarts++;
	processes++;
	row->status_fd = s->status_fd;
}

/*
 * False when the cgroup must be joined after birth. One that has seen
 * cgroup.kill is made anew where that is possible: it may still hold a process
 * that is on its way out.
 */
static bool
renew_cgroup(struct row *row)
{
	if (!row->has_cgroup || !row->cgroup_killed)
		return true;
	if (cgroup_remove(row->id) != 0 || prepare_cgroup(row) != 0)
		return false;
	row->cgroup_killed = false;
	return true;
}

static int
launch(struct row *row, struct launched *ret)
{
	int gift = -1;
	int r = incarnation_begin(row, &gift);

	if (r != 0)
		return r;
	r = launcher_start(&row->image, true, gift, ret);
	if (gift >= 0)
		close(gift);
	if (r != 0)
		incarnation_end(row);
	return r;
}

static void
spawn(struct row *row)
{
	struct launched s;
	int r;

	image_set_generation(&row->image, row->generation + 1);
	image_set_join(&row->image, !renew_cgroup(row));
	r = launch(row, &s);
	if (r != 0) {
		snprintf(row->last_error, sizeof(row->last_error),
		    "cannot start a process: %s; trying again", strerror(-r));
		log_warn(row->name, "%s", row->last_error);
		lifecycle_post(row, EVENT_SPAWN_FAILED);
		return;
	}
	row->generation++;
	adopt(row, &s);
	event_assign(
	    &row->status_event, loop, s.status_fd, EV_READ, on_status, row);
	event_add(&row->status_event, NULL);
	childlog_attach(row->log, s.out_fd, s.err_fd);
	health_begin(row);
	lifecycle_set_deadline(row, row->conf->start_timeout_ms);
	(void)reaper_watch(&row->child, s.pid, row->has_cgroup ? row->id : NULL,
	    on_child_exit, row);
	incarnation_spawned(row);
}

static void
await_ready(struct row *row)
{
	health_await_ready(row);
}

static void
running(struct row *row)
{
	char age[32];

	log_info(row->name, "running (pid %d, ready in %s)",
	    (int)row->child.pid,
	    units_format_age(
	        row->ready_ms - row->started_ms, age, sizeof(age)));
	health_watch(row);
}

static void
backoff(struct row *row)
{
	lifecycle_set_deadline(row, row->backoff_ms);
}

static void
ended(struct row *row)
{
	if (row->state == STATE_STOPPED)
		row->wish = WISH_DOWN;
}

static action_fn *const actions[ACTION__COUNT] = {
    [ACTION_INVALID] = do_nothing,
    [ACTION_NONE] = do_nothing,
    [ACTION_GATE] = gate,
    [ACTION_CLEAR_GATE] = clear_gate,
    [ACTION_CLEAR] = clear,
    [ACTION_SPAWN] = spawn,
    [ACTION_SPAWN_RETRY] = spawn_retry,
    [ACTION_AWAIT_READY] = await_ready,
    [ACTION_START_MANAGED] = managed_start,
    [ACTION_RUNNING] = running,
    [ACTION_STOP] = escalate_begin,
    [ACTION_ESCALATE] = escalate_next,
    [ACTION_BACKOFF] = backoff,
    [ACTION_ENDED] = ended,
    [ACTION_FORGET] = do_nothing,
};

void
lifecycle_post(struct row *row, enum fsm_event event)
{
	struct fsm_cell cell = fsm_step(row->state, event);

	INVARIANT(row->magic == ROW_MAGIC);
	if (cell.action == ACTION_INVALID) {
		log_error(row->name,
		    "event %s in state %s: a bug, please report",
		    fsm_event_to_string(event),
		    plugin_state_to_string(row->state));
		return;
	}
	if (cell.next != row->state)
		set_state(row, cell.next);
	actions[cell.action](row);
}

/* --- spawning ---------------------------------------------------------- */

/* A thousand starts take a second; clients and exits get their turn between
 * slices, which a timer of zero gives them and event_active would not. */
static void
on_spawn(evutil_socket_t fd, short what, void *arg)
{
	int64_t end_us = clock_mono_us() + SPAWN_SLICE_US;
	struct timeval now = {0, 0};
	struct row *row;

	(void)fd;
	(void)what;
	(void)arg;
	/* While the launcher is busy the queue stands; its word goes on with it
	 * (lifecycle_launcher_free). */
	while (
	    (row = TAILQ_FIRST(&spawn_queue)) != NULL && launcher_is_free()) {
		if (clock_mono_us() >= end_us) {
			event_add(&spawn_event, &now);
			return;
		}
		unqueue(row);
		/* It may have closed again while the row stood in line. */
		if (depend_gate_open(row))
			lifecycle_post(row, EVENT_GATE_OPEN);
		else
			count_unsettled(row);
	}
}

void
lifecycle_launcher_free(void)
{
	if (!TAILQ_EMPTY(&spawn_queue))
		event_active(&spawn_event, EV_TIMEOUT, 0);
}

static void
close_status(struct row *row)
{
	if (row->status_fd < 0)
		return;
	event_del(&row->status_event);
	close(row->status_fd);
	row->status_fd = -1;
}

/* True when the launcher said that it failed; last_error then tells. */
static bool
read_launch_failure(struct row *row)
{
	struct launch_failure failure;
	char text[ROW_TEXT_MAX];

	if (row->status_fd < 0 ||
	    launcher_read_status(row->status_fd, &failure) != -EPROTO)
		return false;
	launcher_describe(&failure, &row->image, text, sizeof(text));
	escape_text(
	    row->last_error, sizeof(row->last_error), text, strlen(text), NULL);
	return true;
}

static void
on_status(evutil_socket_t fd, short what, void *arg)
{
	struct row *row = arg;

	(void)fd;
	(void)what;
	INVARIANT(row->magic == ROW_MAGIC);
	if (read_launch_failure(row)) {
		/* Its exit follows and says what is to be done. */
		row->launch_failed = true;
		close_status(row);
		return;
	}
	close_status(row);
	/* A managed plugin says itself how far it has come. */
	if (row->managed == NULL)
		lifecycle_post(row, EVENT_EXECED);
}

void
lifecycle_catch_up(struct row *row)
{
	if (row->state == STATE_INITIALIZING && row->managed == NULL)
		on_status(row->status_fd, EV_READ, row);
}

/* --- exits ------------------------------------------------------------- */

static enum fsm_event
apply_policy(struct row *row, bool clean, bool refused)
{
	const struct restart_exit e = {
	    .clean = clean,
	    .refused = refused,
	    .uptime_ms = row->was_ready ? clock_mono_ms() - row->ready_ms : 0,
	};
	struct restart_verdict v = restart_decide(&row->tally,
	    &row->conf->restart, &e, clock_mono_ms(), (uint32_t)rand());

	row->backoff_ms = v.delay_ms;
	switch (v.kind) {
	case RESTART_NOW:
		return EVENT_EXIT_AGAIN;
	case RESTART_LATER:
		return EVENT_EXIT_BACKOFF;
	case RESTART_GIVE_UP:
		return EVENT_EXIT_GIVE_UP;
	case RESTART_STAY:
		break;
	}
	return EVENT_EXIT_STAY;
}

static enum fsm_event
judge_exit(struct row *row, const struct exit_record *e)
{
	bool clean = e->kind == EXIT_KIND_EXIT && e->value == 0;
	bool refused = e->kind == EXIT_KIND_EXIT && e->value == 125;

	if (row->removed)
		return EVENT_EXIT_REMOVED;
	if (row->state != STATE_STOPPING)
		return apply_policy(row, clean, refused);
	if (row->wish == WISH_DOWN)
		return EVENT_EXIT_STAY;
	if (row->stop_reason == STOP_REFUSED)
		return EVENT_EXIT_GIVE_UP;
	if (stop_reason_is_failure(row->stop_reason))
		return apply_policy(row, false, false);
	return EVENT_EXIT_AGAIN;
}

static void
on_child_exit(void *arg, pid_t pid, int status)
{
	struct row *row = arg;
	struct exit_record *e;
	enum fsm_event event;

	INVARIANT(row->magic == ROW_MAGIC);
	if (row->managed != NULL)
		router_catch_up();
	processes--;
	/* Ours, or one that we do not know of: a process killed before it ran. */
	if (row->child.cgroup_killed ||
	    (row->state == STATE_INITIALIZING && WIFSIGNALED(status)))
		row->cgroup_killed = true;
	row->child.cgroup_killed = false;
	if (read_launch_failure(row))
		row->launch_failed = true;
	else if (row->status_fd >= 0 && row->state == STATE_INITIALIZING &&
	         row->managed == NULL)
		lifecycle_post(row, EVENT_EXECED); /* it ran, however shortly */
	close_status(row);
	health_stop(row);
	childlog_detach(row->log);
	notify_listener_discard(row->notify);
	incarnation_end(row);
	e = exits_record(row, status);
	event = judge_exit(row, e);
	exits_tell(row, e, pid, event);
	row->launch_failed = false;
	lifecycle_post(row, event);
}

/* --- deadlines --------------------------------------------------------- */

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct row *row = arg;

	(void)fd;
	(void)what;
	INVARIANT(row->magic == ROW_MAGIC);
	row->due_ms = 0;
	if (is_coming_up(row->state)) {
		char limit[32];

		row->stop_reason = STOP_START_TIMEOUT;
		snprintf(row->last_error, sizeof(row->last_error),
		    "not ready within start_timeout (%s)%s",
		    units_format_duration(
		        row->conf->start_timeout_ms, limit, sizeof(limit)),
		    managed_silence(row));
		log_warn(row->name, "%s", row->last_error);
	}
	/* Nothing else has a deadline while it runs. */
	if (row->state == STATE_RUNNING)
		managed_late(row);
	else
		lifecycle_post(row, EVENT_TIMEOUT);
}

void
lifecycle_extend(struct row *row, int64_t ms)
{
	if (is_coming_up(row->state))
		lifecycle_set_deadline(row, ms);
}

void
lifecycle_limit(struct row *row, int64_t ms)
{
	if (row->state == STATE_RUNNING && ms > 0)
		lifecycle_set_deadline(row, ms);
	else if (row->state == STATE_RUNNING)
		cancel_deadline(row);
}

/* --- commands ---------------------------------------------------------- */

static void
start_dependencies(struct row *row)
{
	const struct plugin *p = row->plugin;

	for (size_t i = 0; i < p->ndeps; i++) {
		struct plugin *dep = p->deps[i];

		if (dep == NULL ||
		    depend_is_met(dep, p->conf->deps[i].condition))
			continue;
		for (size_t r = 0; r < dep->nrows; r++) {
			if (dep->rows[r]->wish == WISH_DOWN ||
			    dep->rows[r]->state == STATE_FAILED)
				lifecycle_start(dep->rows[r]);
		}
	}
}

void
lifecycle_start(struct row *row)
{
	row->draining = false;
	if (row->removed)
		return;
	row->wish = WISH_UP;
	start_dependencies(row);
	lifecycle_post(row, EVENT_START);
}

void
lifecycle_stop(struct row *row, enum stop_reason reason)
{
	row->draining = false;
	row->wish = WISH_DOWN;
	row->stop_reason = reason;
	lifecycle_post(row, EVENT_STOP);
}

void
lifecycle_restart(struct row *row, enum stop_reason reason)
{
	static const enum fsm_event events[STOP_REASON__COUNT] = {
	    [STOP_RESTART] = EVENT_RESTART,
	    [STOP_CONFIG] = EVENT_CONFIG,
	    [STOP_DEPENDENCY] = EVENT_DEP_LOST,
	};

	if (row->removed)
		return;
	if (reason == STOP_RESTART && row->wish == WISH_DOWN &&
	    !fsm_has_process(row->state)) {
		lifecycle_start(row);
		return;
	}
	if (fsm_has_process(row->state))
		row->wish = WISH_AGAIN;
	row->stop_reason = reason;
	lifecycle_post(row, events[reason]);
}

void
lifecycle_reset(struct row *row)
{
	lifecycle_post(row, EVENT_RESET);
}

void
lifecycle_remove(struct row *row)
{
	row->removed = true;
	row->wish = WISH_DOWN;
	row->stop_reason = STOP_REMOVED;
	lifecycle_post(row, EVENT_REMOVE);
}

int
lifecycle_signal(struct row *row, int signal)
{
	if (row->child.pid == 0)
		return -ESRCH;
	/* Not reaped yet, so the number is still its own. */
	return kill(row->child.pid, signal) == 0 ? 0 : -errno;
}

void
lifecycle_kill_all(void)
{
	struct row *row;

	table_foreach(row, cursor)
		escalate_signal(row, SIGKILL);
}

void
lifecycle_set_health(struct row *row, enum plugin_health health)
{
	if (row->health == health)
		return;
	row->health = health;
	tell_observers(row, row->state);
}

void
lifecycle_changed(struct row *row)
{
	tell_observers(row, row->state);
}

void
lifecycle_set_message(struct row *row, const char *text)
{
	escape_text(
	    row->message, sizeof(row->message), text, strlen(text), NULL);
}

size_t
lifecycle_unsettled(void)
{
	return unsettled;
}

size_t
lifecycle_processes(void)
{
	return processes;
}

/* --- set-up ------------------------------------------------------------ */

int
lifecycle_init(struct event_base *base)
{
	loop = base;
	return event_assign(&spawn_event, base, -1, 0, on_spawn, NULL) == 0
	           ? 0
	           : -ENOMEM;
}

void
lifecycle_take_row(struct row *row)
{
	event_assign(&row->deadline, loop, -1, 0, on_deadline, row);
}

void
lifecycle_fini(void)
{
	event_del(&spawn_event);
}
