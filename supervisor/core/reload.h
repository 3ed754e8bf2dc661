/*
 * reload: the way from one configuration to the next: what would change
 * (plan), and the change itself (apply). Untouched plugins keep their pid.
 */
#ifndef CORE_RELOAD_H
#define CORE_RELOAD_H

#include "common/buf.h"
#include "config.h"
#include "ops.h"

enum change_action {
	CHANGE_ADD,
	CHANGE_REMOVE,
	CHANGE_RESTART,
	CHANGE_UPDATE,
	CHANGE_DAEMON, /* a setting that only a restart of plugind can change */
};

struct change {
	char name[CONFIG_NAME_MAX + 1];
	enum change_action action;
	char reason[200];
	char fields[160];
};

struct plan {
	struct change *v;
	size_t n;
};

/* Reads the files again. 0 and *ret; -EINVAL with every error in `errors`,
 * -ENOENT, -ENOMEM likewise. */
int reload_read(struct config **ret, struct buf *errors);

/* What changing to `next` would do. 0 or -ENOMEM. */
int reload_plan(const struct config *next, struct plan *ret);
void plan_fini(struct plan *plan);
void plan_put(struct buf *out, const struct plan *plan);

/* Changes to `next` (a reference of its own). *ret_op (may be NULL) is an
 * operation that ends when every plugin touched has settled. 0 or -ENOMEM. */
int reload_apply(struct config *next, struct op **ret_op);

#endif
