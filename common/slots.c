/*
 * slots: see slots.h. Owns the table, not what is in it. Must never: give a
 * number out a second time.
 */
#include "common/slots.h"

#include <stdlib.h>

enum { PLACE_BITS = 20, FIRST = 64 };

struct slot {
	void *thing; /* NULL: free */
	uint64_t turn;
	uint32_t next; /* free one */
};

void
slots_fini(struct slots *s)
{
	free(s->v);
	*s = (struct slots){0};
}

static int
grow(struct slots *s)
{
	size_t n = s->n == 0 ? FIRST : 2 * s->n;
	struct slot *v;

	if (n > SLOTS_MAX)
		return -1;
	v = realloc(s->v, n * sizeof(*v));
	if (v == NULL)
		return -1;
	s->v = v;
	/* The lowest is the first to be taken. */
	for (size_t i = n; i > s->n; i--) {
		v[i - 1] = (struct slot){.next = s->free};
		s->free = (uint32_t)i;
	}
	s->n = n;
	return 0;
}

uint64_t
slots_add(struct slots *s, void *thing)
{
	struct slot *k;
	uint32_t i;

	if (s->free == 0 && grow(s) != 0)
		return 0;
	i = s->free - 1;
	k = &s->v[i];
	s->free = k->next;
	s->used++;
	k->thing = thing;
	k->turn++;
	return k->turn << PLACE_BITS | i;
}

static struct slot *
find(const struct slots *s, uint64_t number)
{
	size_t i = number & (SLOTS_MAX - 1);

	if (i >= s->n || s->v[i].thing == NULL ||
	    s->v[i].turn != number >> PLACE_BITS)
		return NULL;
	return &s->v[i];
}

void *
slots_get(const struct slots *s, uint64_t number)
{
	const struct slot *k = find(s, number);

	return k == NULL ? NULL : k->thing;
}

void
slots_remove(struct slots *s, uint64_t number)
{
	struct slot *k = find(s, number);

	if (k == NULL)
		return;
	k->thing = NULL;
	k->next = s->free;
	s->free = (uint32_t)(k - s->v) + 1;
	s->used--;
}

void *
slots_at(const struct slots *s, size_t i)
{
	return i < s->n ? s->v[i].thing : NULL;
}
