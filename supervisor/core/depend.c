/*
 * depend: gates, recovery and ordered stops. See depend.h.
 *
 * Must never: do I/O, or write a row's state.
 */
#include "depend.h"

#include "lifecycle.h"

#include <stdio.h>
#include <string.h>

static bool
has_completed(const struct row *row)
{
	const struct exit_record *e = row_exit(row, 0);

	return row->state == STATE_STOPPED && e != NULL &&
	       e->kind == EXIT_KIND_EXIT && e->value == 0 && !e->asked;
}

static bool
row_meets(const struct row *row, enum dep_condition condition)
{
	switch (condition) {
	case DEP_STARTED:
		return row->state == STATE_STARTING ||
		       row->state == STATE_RUNNING;
	case DEP_READY:
		return row->state == STATE_RUNNING;
	case DEP_HEALTHY:
		return row->state == STATE_RUNNING && row->health == HEALTH_OK;
	case DEP_COMPLETED:
		return has_completed(row);
	case DEP_CONDITION__COUNT:
		break;
	}
	return false;
}

bool
depend_is_met(const struct plugin *dep, enum dep_condition condition)
{
	for (size_t i = 0; i < dep->nrows; i++) {
		if (!dep->rows[i]->removed &&
		    !row_meets(dep->rows[i], condition))
			return false;
	}
	return true;
}

bool
depend_gate_open(const struct row *row)
{
	const struct plugin *p = row->plugin;

	for (size_t i = 0; i < p->ndeps; i++) {
		if (p->deps[i] != NULL &&
		    !depend_is_met(p->deps[i], p->conf->deps[i].condition))
			return false;
	}
	return true;
}

void
depend_describe(const struct row *row, char *out, size_t cap)
{
	const struct plugin *p = row->plugin;
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->ndeps && at < cap; i++) {
		const struct dep_conf *d = &p->conf->deps[i];

		if (p->deps[i] == NULL ||
		    depend_is_met(p->deps[i], d->condition))
			continue;
		at += (size_t)snprintf(out + at, cap - at, "%s%s (%s)",
		    at > 0 ? ", " : "", d->name,
		    dep_condition_to_string(d->condition));
	}
}

/* The edge from dependent `p` to `dep`. */
static const struct dep_conf *
find_edge(const struct plugin *p, const struct plugin *dep)
{
	for (size_t i = 0; i < p->ndeps; i++) {
		if (p->deps[i] == dep)
			return &p->conf->deps[i];
	}
	return NULL;
}

static void
tell_dependent(struct plugin *dependent, const struct plugin *dep, bool lost)
{
	const struct dep_conf *edge = find_edge(dependent, dep);

	for (size_t i = 0; i < dependent->nrows; i++) {
		struct row *row = dependent->rows[i];

		if (row->state == STATE_WAITING)
			lifecycle_post(row, EVENT_START);
		else if (lost && edge != NULL && edge->restart &&
		         row->wish != WISH_DOWN &&
		         fsm_has_process(row->state) &&
		         row->state != STATE_STOPPING)
			lifecycle_restart(row, STOP_DEPENDENCY);
	}
}

/* It carries the stop commands of the others. */
static bool
is_needed_router(const struct plugin *p)
{
	struct row *row;

	if (p->conf->kind != KIND_ROUTER)
		return false;
	table_foreach(row, cursor) {
		if (row->managed != NULL && row->child.pid != 0)
			return true;
	}
	return false;
}

/* A dependent that is in the same ordered stop and not gone yet. */
static bool
is_blocked(const struct plugin *p)
{
	if (is_needed_router(p))
		return true;
	for (size_t d = 0; d < p->ndependents; d++) {
		const struct plugin *dependent = p->dependents[d];

		for (size_t i = 0; i < dependent->nrows; i++) {
			const struct row *row = dependent->rows[i];

			if (row->child.pid != 0 &&
			    (row->draining || row->state == STATE_STOPPING))
				return true;
		}
	}
	return false;
}

static void
drain_plugin(struct plugin *p)
{
	if (is_blocked(p))
		return;
	for (size_t i = 0; i < p->nrows; i++) {
		struct row *row = p->rows[i];

		if (!row->draining)
			continue;
		row->draining = false;
		if (row->removed)
			lifecycle_remove(row);
		else
			lifecycle_stop(row, row->stop_reason);
	}
}

void
depend_drain(void)
{
	/* What has no process goes first: it cannot block anybody. */
	for (size_t i = table.n; i-- > 0;)
		drain_plugin(table.plugins[i]);
}

static void
on_row_changed(struct row *row, enum plugin_state old)
{
	struct plugin *p = row->plugin;
	bool lost = old == STATE_RUNNING && row->state != STATE_RUNNING;

	for (size_t i = 0; i < p->ndependents; i++)
		tell_dependent(p->dependents[i], p, lost);
	if (fsm_has_process(row->state))
		return;
	for (size_t i = 0; i < p->ndeps; i++) {
		if (p->deps[i] != NULL)
			drain_plugin(p->deps[i]);
	}
	if (row->managed != NULL && table_find_plugin(ROUTER_NAME) != NULL)
		drain_plugin(table_find_plugin(ROUTER_NAME));
}

void
depend_init(void)
{
	lifecycle_observe(on_row_changed);
}

void
depend_mark(struct row *row, enum stop_reason reason)
{
	if (row->state == STATE_DESTROYED)
		return;
	row->draining = true;
	/* Kept until its turn comes; a stop under way keeps its own. */
	if (row->state != STATE_STOPPING)
		row->stop_reason = reason;
}

static void
clear_visited(void)
{
	for (size_t i = 0; i < table.n; i++)
		table.plugins[i]->visited = false;
}

static void
mark(struct plugin *p)
{
	if (p->visited)
		return;
	p->visited = true;
	for (size_t i = 0; i < p->nrows; i++)
		depend_mark(p->rows[i], STOP_OPERATOR);
	for (size_t i = 0; i < p->ndependents; i++)
		mark(p->dependents[i]);
}

void
depend_mark_cascade(struct plugin *p)
{
	clear_visited();
	mark(p);
}

static bool
needed_by_essential(struct plugin *p)
{
	if (p->visited)
		return false;
	p->visited = true;
	if (p->conf->essential)
		return true;
	for (size_t i = 0; i < p->ndependents; i++) {
		if (needed_by_essential(p->dependents[i]))
			return true;
	}
	return false;
}

bool
depend_is_essential(const struct row *row)
{
	clear_visited();
	return needed_by_essential(row->plugin);
}
