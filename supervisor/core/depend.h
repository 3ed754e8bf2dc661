/*
 * depend: who waits for whom. Decides from the table alone; posts events for
 * dependents when a row changes.
 */
#ifndef CORE_DEPEND_H
#define CORE_DEPEND_H

#include "common/buf.h"
#include "table.h"

/* Registers its observer. */
void depend_init(void);

/* True when every dependency meets its condition. */
bool depend_gate_open(const struct row *row);
/* Does this one dependency meet its condition? */
bool depend_is_met(const struct plugin *dep, enum dep_condition condition);
/* "redis (ready), db:2 (healthy)": what the gate still waits for. */
void depend_describe(const struct row *row, char *out, size_t cap);

/* Ordered stop of a set of rows: those whose `draining` is set go when none
 * of their dependents has a process any more. */
void depend_drain(void);
/* Puts a row into the set. */
void depend_mark(struct row *row, enum stop_reason reason);
/* Marks a plugin's rows and those of everything that needs it. */
void depend_mark_cascade(struct plugin *p);
/* True when the row, or a plugin that needs it, is essential. */
bool depend_is_essential(const struct row *row);

#endif
