/* core: what the router says to the core over its link. */
#ifndef ROUTER_CORE_H
#define ROUTER_CORE_H

#include "common/buf.h"

struct event_base;

/* Takes over `fd`. 0 or -errno. */
int core_init(struct event_base *base, int fd);

/* Sends the frame in `b` and frees it. What cannot be sent ends the router:
 * it is of no more use, and another one is told everything again. */
void core_send(struct buf *b);

#endif
