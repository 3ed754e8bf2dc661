/*
 * exits: owns the list of failures; fills the exit ring of rows.
 *
 * Must never: decide what follows an exit.
 */
#include "exits.h"

#include "cgroup.h"
#include "childlog.h"
#include "managed.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct failure failures[FAILURES_MAX];
static size_t nfailures; /* ever */

const struct failure *
exits_failure(size_t n)
{
	if (n >= nfailures || n >= FAILURES_MAX)
		return NULL;
	return &failures[(nfailures - 1 - n) % FAILURES_MAX];
}

const char *
exits_describe(const struct exit_record *e, char *out, size_t cap)
{
	char name[16];

	if (e->kind == EXIT_KIND_SIGNAL)
		snprintf(out, cap, "killed by SIG%s%s",
		    units_signal_name(e->value, name, sizeof(name)),
		    e->core_dumped ? " (core dumped)" : "");
	else
		snprintf(out, cap, "exited with status %d", e->value);
	return out;
}

static bool
was_out_of_memory(struct row *row)
{
	uint64_t kills;

	if (!row->has_cgroup || !cgroup_has("memory"))
		return false;
	kills = cgroup_oom_kills(row->id);
	if (kills <= row->oom_kills)
		return false;
	row->oom_kills = kills;
	return true;
}

static bool
is_failure(const struct row *row, const struct exit_record *e)
{
	if (e->asked && !stop_reason_is_failure(row->stop_reason))
		return false;
	return e->asked || e->kind == EXIT_KIND_SIGNAL || e->value != 0;
}

static struct exit_record *
next_record(struct row *row)
{
	static struct exit_record spare;

	if (row->exits == NULL)
		row->exits = calloc(ROW_EXITS, sizeof(*row->exits));
	if (row->exits == NULL)
		return &spare;
	return &row->exits[row->nexits++ % ROW_EXITS];
}

/* Words that were there before the exit (launch failure, failed probe, start
 * timeout) say more than its status. */
static void
set_error(struct row *row, struct exit_record *e)
{
	char text[64];

	exits_describe(e, text, sizeof(text));
	if (was_out_of_memory(row))
		snprintf(e->error, sizeof(e->error),
		    "out of memory (limit %s): %s",
		    units_format_size(
		        row->conf->limits.memory, (char[32]){0}, 32),
		    text);
	else if (row->launch_failed || e->asked)
		snprintf(e->error, sizeof(e->error), "%s",
		    row->last_error[0] != '\0' ? row->last_error : text);
	else
		snprintf(e->error, sizeof(e->error), "%s%s%.130s", text,
		    managed_last_words(row)[0] != '\0' ? ": " : "",
		    managed_last_words(row));
	snprintf(row->last_error, sizeof(row->last_error), "%s", e->error);
}

struct exit_record *
exits_record(struct row *row, int status)
{
	struct exit_record *e = next_record(row);

	memset(e, 0, sizeof(*e));
	e->time_ms = clock_real_ms();
	e->generation = row->generation;
	e->uptime_ms = clock_mono_ms() - row->started_ms;
	e->asked = row->state == STATE_STOPPING;
	if (WIFSIGNALED(status)) {
		e->kind = EXIT_KIND_SIGNAL;
		e->value = WTERMSIG(status);
		e->core_dumped = WCOREDUMP(status);
	} else {
		e->kind = EXIT_KIND_EXIT;
		e->value = WEXITSTATUS(status);
	}
	if (is_failure(row, e))
		set_error(row, e);
	return e;
}

static void
list_failure(
    const struct row *row, const struct exit_record *e, enum fsm_event follows)
{
	struct failure *f = &failures[nfailures++ % FAILURES_MAX];

	snprintf(f->name, sizeof(f->name), "%s", row->name);
	f->exit = *e;
	f->next_restart_ms = 0;
	if (follows == EVENT_EXIT_BACKOFF)
		f->next_restart_ms = e->time_ms + row->backoff_ms;
	else if (follows == EVENT_EXIT_AGAIN)
		f->next_restart_ms = e->time_ms;
}

static void
describe_outlook(const struct row *row, enum fsm_event follows, bool counted,
    char *out, size_t cap)
{
	const struct restart_conf *conf = &row->conf->restart;
	char a[32];
	char b[32];
	int n;

	out[0] = '\0';
	if (follows == EVENT_EXIT_GIVE_UP && row->stop_reason == STOP_REFUSED) {
		snprintf(out, cap, "; not tried again until it changes");
		return;
	}
	if (follows == EVENT_EXIT_GIVE_UP && conf->policy == RESTART_NEVER) {
		snprintf(out, cap, "; its policy is never to restart");
		return;
	}
	if (follows == EVENT_EXIT_GIVE_UP) {
		snprintf(out, cap,
		    "; giving up after %zu restarts within %s ('pluginctl "
		    "start %s' tries again)",
		    row->tally.n,
		    units_format_duration(conf->window_ms, a, sizeof(a)),
		    row->name);
		return;
	}
	if (follows == EVENT_EXIT_AGAIN)
		n = snprintf(out, cap, "; starting again now");
	else if (follows == EVENT_EXIT_BACKOFF)
		n = snprintf(out, cap, "; starting again in %s",
		    units_format_duration(row->backoff_ms, a, sizeof(a)));
	else
		return;
	if (row->tally.cap > 0 && counted && n > 0 && (size_t)n < cap)
		snprintf(out + n, cap - (size_t)n,
		    " (restart %zu of %zu in %s)", row->tally.n, row->tally.cap,
		    units_format_duration(conf->window_ms, b, sizeof(b)));
}

void
exits_tell(struct row *row, const struct exit_record *e, pid_t pid,
    enum fsm_event follows)
{
	char what[64];
	char age[32];
	char outlook[160];
	bool failed = is_failure(row, e);
	const char *words = failed && !e->asked ? managed_last_words(row) : "";

	describe_outlook(row, follows, failed, outlook, sizeof(outlook));
	exits_describe(e, what, sizeof(what));
	units_format_age(e->uptime_ms, age, sizeof(age));
	if (row->launch_failed)
		words = row->last_error;
	log_write(failed ? LOG_WARN : LOG_INFO, row->name,
	    "pid %d %s after %s%s%s%s", (int)pid, what, age,
	    words[0] != '\0' ? ": " : "", words, outlook);
	childlog_note(row->log, "%s after %s", what, age);
	if (failed)
		list_failure(row, e, follows);
}
