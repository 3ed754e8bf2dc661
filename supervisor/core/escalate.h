/*
 * escalate: how a process is stopped: the command over the bus where it hears
 * one, the signal, SIGKILL, each after a deadline of its own.
 */
#ifndef CORE_ESCALATE_H
#define CORE_ESCALATE_H

#include "table.h"

/* The first step, and with each deadline that comes the next. */
void escalate_begin(struct row *row);
void escalate_next(struct row *row);

/* To its whole process group, and with SIGKILL to its cgroup. */
void escalate_signal(struct row *row, int signal);

#endif
