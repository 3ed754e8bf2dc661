/*
 * escalate: see escalate.h. Must never: decide whether something is stopped,
 * or what follows its exit.
 */
#include "escalate.h"

#include "cgroup.h"
#include "health.h"
#include "lifecycle.h"
#include "managed.h"

#include "common/log.h"
#include "common/units.h"

#include <signal.h>

enum { REKILL_MS = 10000 }; /* a process that SIGKILL has not ended yet */

/* To the whole process group; SIGCONT so that a stopped one can go. */
void
escalate_signal(struct row *row, int signal)
{
	if (row->child.pid == 0)
		return;
	kill(-row->child.pid, signal);
	if (signal != SIGKILL) {
		kill(-row->child.pid, SIGCONT);
	} else if (row->has_cgroup) {
		row->cgroup_killed = true;
		(void)cgroup_kill(row->id);
	}
}

/* Only a plugin that can hear it gets the command. */
static bool
stop_by_command(struct row *row)
{
	if (row->managed == NULL)
		return false;
	lifecycle_set_deadline(row, row->conf->stop.timeout_ms);
	return managed_stop(row);
}

/* Which step, and how long until the next, harder one. */
void
escalate_next(struct row *row)
{
	const struct stop_conf *stop = &row->conf->stop;
	int64_t patience_ms =
	    row->stop_commanded ? stop->kill_after_ms : stop->timeout_ms;
	char name[16];

	if (row->stop_step == STOP_BY_COMMAND) {
		row->stop_commanded = stop_by_command(row);
		if (!row->stop_commanded) {
			row->stop_step = STOP_BY_SIGNAL;
			escalate_next(row);
			return;
		}
	} else if (row->stop_step == STOP_BY_SIGNAL) {
		if (row->stop_commanded)
			log_warn(row->name,
			    "did not end %.1f s after the stop command; "
			    "sending SIG%s",
			    (double)stop->timeout_ms / 1000,
			    units_signal_name(
			        stop->signal, name, sizeof(name)));
		escalate_signal(row, stop->signal);
		lifecycle_set_deadline(row, patience_ms);
	} else {
		if (row->stop_step == STOP_BY_KILL)
			log_warn(row->name,
			    "did not end %.1f s after SIG%s; killing it",
			    (double)patience_ms / 1000,
			    units_signal_name(
			        stop->signal, name, sizeof(name)));
		else
			log_warn(row->name,
			    "pid %d does not end on SIGKILL: the kernel "
			    "cannot let go of it (disk or network file system "
			    "hangs?); still trying",
			    (int)row->child.pid);
		escalate_signal(row, SIGKILL);
		lifecycle_set_deadline(row, REKILL_MS);
	}
	row->stop_step++;
}

void
escalate_begin(struct row *row)
{
	health_stop(row);
	row->stop_step = STOP_BY_COMMAND;
	row->stop_commanded = false;
	log_info(row->name, "stopping pid %d: %s", (int)row->child.pid,
	    stop_reason_to_string(row->stop_reason));
	escalate_next(row);
}
