/*
 * lifecycle: turns commands, exits and deadlines into events of the state
 * machine and carries out its actions. The one writer of row->state.
 *
 * Everything runs on the loop. A state change is told to the observers, in
 * the order in which they were added, before the action of the new state
 * runs; observers may post events for any row.
 */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include "table.h"

struct event_base;

/* 0 or -ENOMEM. */
int lifecycle_init(struct event_base *base);
void lifecycle_fini(void);

typedef void row_changed_fn(struct row *row, enum plugin_state old);
void lifecycle_observe(row_changed_fn *fn); /* at most 8 */

/* Before anything else is done with a new row. */
void lifecycle_take_row(struct row *row);

/* Commands. Each sets the wish and posts. */
void lifecycle_start(struct row *row); /* and whatever it depends on */
void lifecycle_stop(struct row *row, enum stop_reason reason);
void lifecycle_restart(struct row *row, enum stop_reason reason);
void lifecycle_reset(struct row *row);
void lifecycle_remove(struct row *row);
/* Sends a signal to the main process. 0, -ESRCH (no process), -errno. */
int lifecycle_signal(struct row *row, int signal);
/* SIGKILL to everything, now: the second TERM. */
void lifecycle_kill_all(void);

/* From health.c, depend.c and the reaper. */
void lifecycle_post(struct row *row, enum fsm_event event);
/* Health became ok, degraded, failing; observers hear of it with old ==
 * row->state. */
void lifecycle_set_health(struct row *row, enum plugin_health health);
/* STATUS of the plugin; escaped and cut here. */
void lifecycle_set_message(struct row *row, const char *text);
/* Something that operations wait for, with the state as it was. */
void lifecycle_changed(struct row *row);
/* A word of the program itself is here, so it runs, although the launcher may
 * hold its end of the status pipe a moment longer. */
void lifecycle_catch_up(struct row *row);
/* The one deadline of the present state. */
void lifecycle_set_deadline(struct row *row, int64_t ms);
/* Puts off the deadline of a row that is coming up (EXTEND_TIMEOUT_USEC). */
void lifecycle_extend(struct row *row, int64_t ms);
/* A row that runs has something to end until then: managed_late follows. 0:
 * no more. */
void lifecycle_limit(struct row *row, int64_t ms);

/* launcher.c's word that the next row may be started. */
void lifecycle_launcher_free(void);

/* Rows that are initializing, starting, stopping or about to be spawned. */
size_t lifecycle_unsettled(void);
/* Rows with a process. */
size_t lifecycle_processes(void);

#endif
