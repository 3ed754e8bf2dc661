/*
 * target: short texts with a grammar of their own: probe targets, topics,
 * regular expressions, names.
 */
#ifndef CORE_TARGET_H
#define CORE_TARGET_H

#include "arena.h"
#include "config.h"

/* NULL when the text will do, else what is wrong with it (constant). */
const char *target_check_http(const char *url);
const char *target_check_tcp(const char *address);
const char *target_check_topic(const char *pattern);
const char *target_check_regex(const char *pattern);
const char *target_check_callee(const char *name);

/* How long it takes at most to compile a regular expression, in units of
 * some 20 to 60 ns, and what the C library has against it (valid until the
 * next call). */
unsigned long target_regex_cost(const char *pattern);
const char *target_compile_regex(const char *pattern);

/* Fills kind, host, port and path of a probe from its checked `http`, `tcp`
 * or `exec`. 0 or -ENOMEM. */
int target_resolve(struct arena *arena, struct probe_conf *probe);

#endif
