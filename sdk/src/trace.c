/*
 * trace: see trace.h. One text a thread; nothing is nested, since no handler
 * runs within another.
 */
#include "trace.h"

#include <plugind.h>
#include <string.h>

static _Thread_local char current[TRACE_MAX + 1];

const char *
trace_current(void)
{
	return current[0] == '\0' ? NULL : current;
}

void
trace_enter(const char *traceparent, size_t len)
{
	if (traceparent == NULL || len > TRACE_MAX)
		len = 0;
	if (len > 0)
		memcpy(current, traceparent, len);
	current[len] = '\0';
}

void
trace_leave(void)
{
	current[0] = '\0';
}

const char *
plugind_trace(void)
{
	return trace_current();
}

void
plugind_set_trace(const char *traceparent)
{
	trace_enter(traceparent, traceparent == NULL ? 0 : strlen(traceparent));
}
