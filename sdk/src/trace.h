/*
 * trace: the W3C traceparent of what this thread works on. Events that are
 * published and calls that are made meanwhile carry it on.
 */
#ifndef SDK_TRACE_H
#define SDK_TRACE_H

#include <stddef.h>

enum { TRACE_MAX = 255 };

/* NULL: none. Until the next trace_enter. */
const char *trace_current(void);

/* NULL or "": none. `len` bytes, not longer than TRACE_MAX, else none. */
void trace_enter(const char *traceparent, size_t len);
void trace_leave(void);

#endif
