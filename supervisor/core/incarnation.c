/*
 * incarnation: the table. Must never: be needed for a command.
 */
#include "incarnation.h"

#include "managed.h"
#include "router.h"

#include <stddef.h>

struct ops {
	int (*begin)(struct row *row, int *ret_gift);
	void (*spawned)(struct row *row);
	void (*end)(struct row *row);
};

/* By what the row is now: a new configuration may say something else already,
 * which the next one will be. */
static const struct ops *
get_ops(const struct row *row)
{
	static const struct ops managed = {
	    managed_begin, managed_spawned, managed_end};
	static const struct ops router = {
	    router_begin, router_spawned, router_end};

	if (row->managed != NULL)
		return &managed;
	return row->conf->kind == KIND_ROUTER ? &router : NULL;
}

int
incarnation_begin(struct row *row, int *ret_gift)
{
	const struct ops *ops = get_ops(row);

	return ops != NULL ? ops->begin(row, ret_gift) : 0;
}

void
incarnation_spawned(struct row *row)
{
	const struct ops *ops = get_ops(row);

	if (ops != NULL)
		ops->spawned(row);
}

void
incarnation_end(struct row *row)
{
	const struct ops *ops = get_ops(row);

	if (ops != NULL)
		ops->end(row);
}
