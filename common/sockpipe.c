/*
 * sockpipe: the pipes of a sock, see sockpipe.h.
 *
 * Pure: a small table without heap, since nng's threads write to it and have
 * no way to say that there was no memory. Must never grow, so a flood of
 * connections costs nothing but themselves, and must never call anybody.
 */
#include "sockpipe.h"

static struct sockpipe *
find(struct sockpipe_table *t, uint32_t id)
{
	for (size_t i = 0; i < SOCKPIPE_MAX; i++) {
		if (t->at[i].id == id)
			return &t->at[i];
	}
	return NULL;
}

/* A free place, or that of the oldest one which was never added, or is given
 * up: nng 1.5.2 may hang before it says that such a pipe is gone. */
static struct sockpipe *
find_place(struct sockpipe_table *t)
{
	struct sockpipe *oldest = find(t, 0), *p;

	if (oldest)
		return oldest;
	for (size_t i = 0; i < SOCKPIPE_MAX; i++) {
		p = &t->at[i];
		if ((!p->is_added || p->is_dropped) &&
		    (!oldest || p->order < oldest->order))
			oldest = p;
	}
	return oldest;
}

bool
sockpipe_new(
    struct sockpipe_table *t, uint32_t id, const struct sock_peer *peer)
{
	struct sockpipe *p = find_place(t);

	if (!p)
		return false;
	*p = (struct sockpipe){.id = id, .order = ++t->orders, .peer = *peer};
	return true;
}

bool
sockpipe_added(struct sockpipe_table *t, uint32_t id)
{
	struct sockpipe *p = find(t, id);

	if (p)
		p->is_added = true;
	return p != NULL;
}

bool
sockpipe_gone(struct sockpipe_table *t, uint32_t id)
{
	struct sockpipe *p = find(t, id);

	if (p)
		p->is_gone = true;
	return p != NULL;
}

void
sockpipe_drop(struct sockpipe_table *t, uint32_t id)
{
	struct sockpipe *p = find(t, id);

	if (p)
		p->is_dropped = true;
}

void
sockpipe_drop_all(struct sockpipe_table *t)
{
	for (size_t i = 0; i < SOCKPIPE_MAX; i++)
		t->at[i].is_dropped = true;
}

bool
sockpipe_admit(struct sockpipe_table *t, uint32_t id, uint64_t order)
{
	struct sockpipe *p = find(t, id);

	if (!p || p->is_dropped || p->order <= order)
		return false;
	p->is_added = true;
	return true;
}

bool
sockpipe_look(struct sockpipe_table *t, uint32_t current, uint64_t order,
    struct sockpipe *ret_newest)
{
	bool is_lost = false;
	struct sockpipe *p;

	*ret_newest = (struct sockpipe){.order = order};
	for (size_t i = 0; i < SOCKPIPE_MAX; i++) {
		p = &t->at[i];
		if (p->id == 0)
			continue;
		if (p->is_gone) {
			is_lost = is_lost || p->id == current;
			p->id = 0;
		} else if (p->is_added && !p->is_dropped &&
		           p->order > ret_newest->order) {
			*ret_newest = *p;
		}
	}
	return is_lost;
}
