/*
 * incarnation: what the kinds of plugins have beyond a process, around its
 * life: nothing (command), a place on the bus (module, exec), the link to the
 * core (router).
 */
#ifndef CORE_INCARNATION_H
#define CORE_INCARNATION_H

#include "table.h"

/* Before a spawn. *ret_gift is a descriptor that the process inherits and the
 * caller closes, or stays as it is. 0 or -errno. */
int incarnation_begin(struct row *row, int *ret_gift);
/* It has a pid. */
void incarnation_spawned(struct row *row);
/* After its exit, or a spawn that failed. */
void incarnation_end(struct row *row);

#endif
