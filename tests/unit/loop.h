/*
 * loop: what tests of the core's I/O files share: a loop that runs until
 * something is so, and a directory of their own.
 */
#ifndef TESTS_UNIT_LOOP_H
#define TESTS_UNIT_LOOP_H

#include "common/clock.h"

#include <check.h>
#include <event2/event.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOP_DEADLINE_MS = 20000, LOOP_QUIET_MS = 150, LOOP_TICK_US = 2000 };

static struct event_base *base;
static char scratch[64];

static inline void
loop_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Turns the loop until is_so says so; false after `ms`. */
static inline bool
loop_until_ms(bool (*is_so)(void *arg), void *arg, int64_t ms)
{
	const struct timeval tick = {.tv_usec = LOOP_TICK_US};
	int64_t end_ms = clock_mono_ms() + ms;
	struct event *e = event_new(base, -1, EV_PERSIST, loop_tick, NULL);
	bool so;

	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(event_add(e, &tick), 0);
	while (!(so = is_so(arg)) && clock_mono_ms() < end_ms)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(e);
	return so;
}

static inline void
loop_until(bool (*is_so)(void *arg), void *arg)
{
	ck_assert_msg(loop_until_ms(is_so, arg, LOOP_DEADLINE_MS),
	    "nothing happened within %d ms", (int)LOOP_DEADLINE_MS);
}

static inline bool
loop_never(void *arg)
{
	(void)arg;
	return false;
}

/* Long enough to see what should not happen on most runs. */
static inline void
stay_quiet(void)
{
	loop_until_ms(loop_never, NULL, LOOP_QUIET_MS);
}

static inline void
loop_setup(void)
{
	snprintf(scratch, sizeof(scratch), "/tmp/plugind-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
}

static inline int
loop_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
loop_teardown(void)
{
	event_base_free(base);
	nftw(scratch, loop_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
