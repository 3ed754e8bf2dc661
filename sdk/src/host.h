/*
 * host: gives a program that is no plugin the life of one: no daemon tells it
 * to initialize, to start, or that it is over.
 */
#ifndef SDK_HOST_H
#define SDK_HOST_H

#include "plugin.h"

struct host;

/* From now on `p` is told. 0 or -ENOMEM. */
int host_new(struct plugind *p, struct host **ret);
void host_free(struct host *h); /* NULL is fine */

#endif
