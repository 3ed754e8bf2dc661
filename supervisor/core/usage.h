/*
 * usage: what a process uses, as the kernel says in /proc.
 */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct usage {
	int64_t cpu_ms; /* of all its threads, since it began */
	int64_t rss_bytes;
};

/* Of a process that was not reaped. 0 or -errno. */
int usage_read(pid_t pid, struct usage *ret);

/* Reads the text of /proc/PID/stat, `ticks` to the second and pages of `page`
 * bytes. 0 or -EBADMSG. */
int usage_parse(const char *stat, long ticks, long page, struct usage *ret);

#endif
