/*
 * usage: see usage.h. One file is read for each process: with a thousand of
 * them that is what a look at all costs.
 */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STAT_MAX = 1024,
	/* Of proc(5), counted from the one behind the name. */
	FIELD_UTIME = 14 - 3,
	FIELD_STIME = 15 - 3,
	FIELD_RSS = 24 - 3,
};

/* The number at `at`, -1 if there is none. */
static int64_t
read_number(const char *at)
{
	char *end = NULL;
	long long v = strtoll(at, &end, 10);

	return end != at && v >= 0 ? v : -1;
}

int
usage_parse(const char *stat, long ticks, long page, struct usage *ret)
{
	/* The name may hold anything, blanks and parentheses too. */
	const char *at = strrchr(stat, ')');
	int64_t utime = -1;
	int64_t stime = -1;
	int64_t pages = -1;

	for (int i = 0; at != NULL && i <= FIELD_RSS; i++) {
		at = strchr(at, ' ');
		if (at == NULL)
			break;
		at++;
		if (i == FIELD_UTIME)
			utime = read_number(at);
		else if (i == FIELD_STIME)
			stime = read_number(at);
		else if (i == FIELD_RSS)
			pages = read_number(at);
	}
	if (utime < 0 || stime < 0 || pages < 0)
		return -EBADMSG;
	ret->cpu_ms = (utime + stime) * 1000 / ticks;
	ret->rss_bytes = pages * page;
	return 0;
}

int
usage_read(pid_t pid, struct usage *ret)
{
	char path[40];
	char text[STAT_MAX];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -ESRCH;
	text[len] = '\0';
	return usage_parse(
	    text, sysconf(_SC_CLK_TCK), sysconf(_SC_PAGESIZE), ret);
}
