/*
 * corecall: calls of plugins to `plugind` itself: what control.sock answers,
 * by the names of its messages. Who may is decided by `calls:`.
 */
#ifndef CORE_CORECALL_H
#define CORE_CORECALL_H

#include "common/frame.h"

/* MSG_CORE_CALL. False: another one. */
bool corecall_take(const struct frame *f);

/* Nobody is left who waits for a result. */
void corecall_router_lost(void);

#endif
