/*
 * operation: what an action answers with, and waiting for its end.
 */
#ifndef PLUGINCTL_OPERATION_H
#define PLUGINCTL_OPERATION_H

#include "common/buf.h"
#include "common/msgs.h"
#include "common/wire.h"

struct ctl;

/*
 * Sends the request of an action (takes args always), waits until every
 * result is in (but for --no-wait) and prints them, a line each, notes to
 * stderr. Returns the exit code: 1 when a result says so, 75 when the time
 * was over, 130 when interrupted.
 */
int operation_run(struct ctl *ctl, enum msg_type type, struct buf *args);

/* Prints an array of plan entries, a line each; returns their number. */
unsigned operation_print_changes(const struct wire_cursor *array);

#endif
