/*
 * health: owns the probes, the readiness pattern and the one timer of a row.
 * See health.h. A row that asks for none of these has no struct health and no
 * timer.
 *
 * Must never: write a state, or leave a question open for a process that is
 * gone.
 */
#include "health.h"

#include "childlog.h"
#include "launcher.h"
#include "lifecycle.h"
#include "managed.h"
#include "prepare.h"
#include "probe.h"

#include "common/clock.h"
#include "common/escape.h"
#include "common/log.h"
#include "common/units.h"

#include <errno.h>
#include <event2/event.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_EVERY_MS = 250 };

enum phase { PHASE_IDLE, PHASE_READY, PHASE_WATCH };

struct health {
	struct row *row;
	enum phase phase;
	struct probe *ready; /* asked until it is good */
	struct probe *watch; /* asked while running */
	bool ready_is_watch; /* the health probe tells readiness, too */
	bool is_asked;       /* over the bus: an answer is due */
	int64_t asked_ms;
	regex_t pattern;
	bool has_pattern;
	struct event timer;
	struct image images[2]; /* of exec probes: of watch, of ready */
	struct child child;
	struct probe *asking; /* whose process `child` is */
	unsigned failures;    /* in a row */
	int64_t failed_at_ms; /* Unix */
	char text[256];
};

static struct event_base *loop;

void
health_init(struct event_base *base)
{
	loop = base;
}

static void
arm(struct health *h, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	if (event_add(&h->timer, &tv) != 0)
		log_error(h->row->name, "cannot arm a timer: out of memory");
}

/* --- exec probes ------------------------------------------------------- */

static void
on_probe_exit(void *arg, pid_t pid, int status)
{
	struct health *h = arg;
	struct probe *p = h->asking;

	h->asking = NULL;
	if (p != NULL)
		probe_exec_exited(p, pid, status);
}

/* Runs with the plugin's user, limits, environment and cgroup. */
static int
spawn_probe(void *arg, const struct strv *argv)
{
	struct health *h = arg;
	bool is_ready = h->phase == PHASE_READY && !h->ready_is_watch;
	struct image *image = &h->images[is_ready];
	char why[ROW_TEXT_MAX];
	struct launched s;
	int r = 0;

	if (h->child.pid != 0)
		return -EBUSY;
	if (image->head == NULL)
		r = prepare_probe_image(h->row, argv, image, why, sizeof(why));
	if (r != 0)
		return r;
	image_set_generation(image, h->row->generation);
	/* As its plugin does: who is born into such a group is killed. */
	image_set_join(image, h->row->has_cgroup && h->row->cgroup_killed);
	r = launcher_start(image, false, -1, &s);
	if (r != 0)
		return r;
	close(s.status_fd);
	(void)reaper_watch(&h->child, s.pid, NULL, on_probe_exit, h);
	h->asking = is_ready ? h->ready : h->watch;
	return (int)s.pid;
}

static void
kill_probe(void *arg, int pid)
{
	(void)arg;
	kill(-pid, SIGKILL);
}

/* --- answers ----------------------------------------------------------- */

static void
keep_text(struct health *h, const char *text)
{
	escape_text(h->text, sizeof(h->text), text, strlen(text), NULL);
	h->failed_at_ms = clock_real_ms();
}

static void
on_ready_answer(struct health *h, bool ok, const char *text)
{
	if (!ok) {
		h->failures++;
		keep_text(h, text);
		arm(h, READY_EVERY_MS);
		return;
	}
	h->failures = 0;
	if (h->ready_is_watch)
		h->row->health = HEALTH_OK;
	lifecycle_post(h->row, EVENT_READY);
}

static void
take_good(struct health *h, enum plugin_health health)
{
	h->failures = 0;
	lifecycle_set_health(h->row, health);
	arm(h, h->row->conf->health.interval_ms);
}

static void
take_bad(struct health *h, const char *text)
{
	const struct health_conf *conf = &h->row->conf->health;

	h->failures++;
	keep_text(h, text);
	log_warn(h->row->name, "health check failed (%u of %d): %s",
	    h->failures, (int)conf->failures, h->text);
	lifecycle_set_health(h->row, HEALTH_FAILING);
	if (h->failures < (uint64_t)conf->failures) {
		/* After the first failure ask at the pace of the timeout. */
		arm(h, conf->timeout_ms < conf->interval_ms
		           ? conf->timeout_ms
		           : conf->interval_ms);
		return;
	}
	h->row->stop_reason = STOP_UNHEALTHY;
	snprintf(h->row->last_error, sizeof(h->row->last_error),
	    "unhealthy: %.180s", h->text);
	lifecycle_post(h->row, EVENT_UNHEALTHY);
}

static void
on_answer(void *arg, bool ok, const char *text)
{
	struct health *h = arg;

	INVARIANT(h->row->magic == ROW_MAGIC);
	if (h->phase == PHASE_READY)
		on_ready_answer(h, ok, text);
	else if (h->phase == PHASE_WATCH && ok)
		take_good(h, HEALTH_OK);
	else if (h->phase == PHASE_WATCH)
		take_bad(h, text);
}

static void
ask_probe(struct health *h)
{
	struct probe *p =
	    h->phase == PHASE_READY && !h->ready_is_watch ? h->ready : h->watch;
	int r = probe_ask(p, h->row->conf->health.timeout_ms);

	/* Short of descriptors or memory says nothing about the plugin. */
	if (r != 0)
		arm(h, h->row->conf->health.interval_ms);
}

/* --- over the bus ------------------------------------------------------ */

static void
ask_managed(struct health *h)
{
	h->is_asked = true;
	h->asked_ms = clock_mono_ms();
	managed_ask_health(h->row);
	arm(h, h->row->conf->health.timeout_ms);
}

/* The answer is late. While the router is in doubt that says nothing. */
static void
miss_managed(struct health *h)
{
	int64_t timeout_ms = h->row->conf->health.timeout_ms;
	char text[64];
	char limit[32];

	h->is_asked = false;
	if (!managed_is_to_blame(h->row, h->asked_ms)) {
		ask_managed(h);
		return;
	}
	snprintf(text, sizeof(text), "no answer within %s",
	    units_format_duration(timeout_ms, limit, sizeof(limit)));
	take_bad(h, text);
	/* The time until the next question is over already. */
	if (h->phase == PHASE_WATCH)
		ask_managed(h);
}

void
health_answer(struct row *row, enum plugin_health health, const char *text)
{
	struct health *h = row->watch;

	if (h == NULL || h->phase != PHASE_WATCH || !h->is_asked)
		return;
	h->is_asked = false;
	if (health == HEALTH_FAILING) {
		take_bad(h, text[0] != '\0' ? text : "it says that it fails");
		return;
	}
	if (text[0] != '\0' || !managed_has_refused(row))
		lifecycle_set_message(row, text);
	take_good(h, health);
}

/* --- asking ------------------------------------------------------------ */

static void
ask(struct health *h)
{
	if (h->row->managed != NULL)
		ask_managed(h);
	else
		ask_probe(h);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;

	(void)fd;
	(void)what;
	INVARIANT(h->row->magic == ROW_MAGIC);
	if (h->phase == PHASE_READY && h->row->conf->ready.kind == READY_AFTER)
		lifecycle_post(h->row, EVENT_READY);
	else if (h->is_asked)
		miss_managed(h);
	else if (h->phase != PHASE_IDLE)
		ask(h);
}

static void
on_line(void *arg, enum childlog_stream stream, const char *line, size_t len)
{
	struct health *h = arg;

	(void)stream;
	(void)len;
	lifecycle_catch_up(h->row);
	if (h->phase != PHASE_READY ||
	    regexec(&h->pattern, line, 0, NULL, 0) != 0)
		return;
	childlog_watch(h->row->log, NULL, NULL);
	lifecycle_post(h->row, EVENT_READY);
}

static void
on_words(void *arg, enum childlog_stream stream, const char *line, size_t len)
{
	if (stream == CHILDLOG_ERR)
		managed_hear(arg, line, len);
}

/* --- phases ------------------------------------------------------------ */

void
health_begin(struct row *row)
{
	struct health *h = row->watch;

	if (h != NULL && h->has_pattern)
		childlog_watch(row->log, on_line, h);
	else if (row->managed != NULL)
		childlog_watch(row->log, on_words, row);
}

void
health_await_ready(struct row *row)
{
	struct health *h = row->watch;

	if (row->conf->ready.kind == READY_NOTIFY || row->managed != NULL)
		return; /* prepare.c's listener posts it, or managed.c */
	if (h == NULL) {
		lifecycle_post(row, EVENT_READY);
		return;
	}
	h->phase = PHASE_READY;
	h->failures = 0;
	if (row->conf->ready.kind == READY_AFTER)
		arm(h, row->conf->ready.after_ms);
	else if (h->has_pattern)
		childlog_watch(row->log, on_line, h);
	else if (h->ready != NULL || h->ready_is_watch)
		ask(h);
	else
		lifecycle_post(row, EVENT_READY);
}

void
health_watch(struct row *row)
{
	struct health *h = row->watch;

	if (h == NULL)
		return;
	h->phase = PHASE_IDLE;
	if (row->managed != NULL)
		childlog_watch(row->log, NULL, NULL);
	else if (h->watch == NULL)
		return;
	h->phase = PHASE_WATCH;
	h->failures = 0;
	if (h->ready_is_watch)
		arm(h, row->conf->health.interval_ms);
	else
		ask(h); /* nothing is known yet: `healthy` waits for it */
}

void
health_stop(struct row *row)
{
	struct health *h = row->watch;

	if (h == NULL)
		return;
	h->phase = PHASE_IDLE;
	h->is_asked = false;
	event_del(&h->timer);
	/* The last words of a managed plugin come after this. */
	if (row->log != NULL && row->managed == NULL)
		childlog_watch(row->log, NULL, NULL);
	if (h->ready != NULL)
		probe_cancel(h->ready);
	if (h->watch != NULL)
		probe_cancel(h->watch);
	h->asking = NULL;
	reaper_abandon(&h->child);
}

/* --- set-up ------------------------------------------------------------ */

static int
compile_pattern(struct health *h, const char *pattern)
{
	if (regcomp(&h->pattern, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return -EINVAL;
	h->has_pattern = true;
	return 0;
}

static int
new_health(struct row *row, struct health **ret)
{
	const struct plugin_conf *conf = row->conf;
	struct health *h = calloc(1, sizeof(*h));
	const struct probe_ops ops = {on_answer, spawn_probe, kill_probe, h};
	int r = 0;

	if (h == NULL)
		return -ENOMEM;
	h->row = row;
	h->child.slot = -1;
	event_assign(&h->timer, loop, -1, 0, on_timer, h);
	if (conf->ready.kind == READY_LOG)
		r = compile_pattern(h, conf->ready.log);
	if (r == 0 && conf->ready.kind == READY_PROBE)
		r = probe_new(loop, &conf->ready.probe, &ops, &h->ready);
	if (r == 0 && conf->health.probe.kind != PROBE_NONE)
		r = probe_new(loop, &conf->health.probe, &ops, &h->watch);
	if (r != 0) {
		health_free(h);
		return r;
	}
	h->ready_is_watch =
	    conf->ready.kind == READY_DEFAULT && h->watch != NULL;
	*ret = h;
	return 0;
}

int
health_configure(struct row *row)
{
	const struct plugin_conf *conf = row->conf;
	bool needed = plugin_conf_is_managed(conf) ||
	              conf->health.probe.kind != PROBE_NONE ||
	              (conf->ready.kind != READY_DEFAULT &&
	                  conf->ready.kind != READY_NOTIFY);
	struct health *h = NULL;

	if (needed) {
		int r = new_health(row, &h);

		if (r != 0)
			return r;
	}
	if (row->watch != NULL)
		health_stop(row);
	health_free(row->watch);
	row->watch = h;
	return 0;
}

void
health_rebind(struct row *row)
{
	if (row->watch == NULL)
		return;
	probe_rebind(row->watch->ready, &row->conf->ready.probe);
	probe_rebind(row->watch->watch, &row->conf->health.probe);
}

void
health_free(struct health *h)
{
	if (h == NULL)
		return;
	event_del(&h->timer);
	probe_free(h->ready);
	probe_free(h->watch);
	reaper_abandon(&h->child);
	if (h->has_pattern)
		regfree(&h->pattern);
	image_fini(&h->images[0]);
	image_fini(&h->images[1]);
	free(h);
}

/* --- report ------------------------------------------------------------ */

static const char *
describe_ready(const struct plugin_conf *conf, char *out, size_t cap)
{
	char target[256];

	switch (conf->ready.kind) {
	case READY_NOTIFY:
		snprintf(out, cap, "notify");
		break;
	case READY_LOG:
		snprintf(out, cap, "log %s", conf->ready.log);
		break;
	case READY_PROBE:
		snprintf(out, cap, "probe %s",
		    probe_describe(&conf->ready.probe, target, sizeof(target)));
		break;
	case READY_AFTER:
		snprintf(
		    out, cap, "after %lld ms", (long long)conf->ready.after_ms);
		break;
	case READY_DEFAULT:
		snprintf(out, cap, "%s",
		    plugin_conf_is_managed(conf) ? "its own word"
		    : conf->health.probe.kind != PROBE_NONE
		        ? "health probe"
		        : "program started");
		break;
	}
	return out;
}

void
health_report(const struct row *row, struct health_report *ret)
{
	static const char *const kinds[] = {
	    [PROBE_NONE] = "",
	    [PROBE_HTTP] = "http",
	    [PROBE_TCP] = "tcp",
	    [PROBE_EXEC] = "exec",
	};
	const struct probe_conf *probe =
	    row->conf->health.probe.kind != PROBE_NONE
	        ? &row->conf->health.probe
	        : &row->conf->ready.probe;
	const struct health *h = row->watch;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->kind, sizeof(ret->kind), "%s",
	    row->managed != NULL ? "bus" : kinds[probe->kind]);
	if (row->managed != NULL)
		snprintf(ret->target, sizeof(ret->target),
		    "asked over the bus every %s",
		    units_format_duration(
		        row->conf->health.interval_ms, (char[32]){0}, 32));
	else if (probe->kind != PROBE_NONE)
		probe_describe(probe, ret->target, sizeof(ret->target));
	describe_ready(row->conf, ret->ready, sizeof(ret->ready));
	if (h == NULL)
		return;
	ret->failures = h->failures;
	ret->at_ms = h->failed_at_ms;
	snprintf(ret->text, sizeof(ret->text), "%s", h->text);
}
