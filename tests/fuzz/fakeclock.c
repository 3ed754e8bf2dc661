/*
 * fakeclock: see fakeclock.h. Takes the place of clock_gettime() in the whole
 * process, since libevent reads it, too. The time of day stays the system's:
 * the fuzzer measures itself by it.
 */
#include "fakeclock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BEGIN_MS = 1000000 };

static int64_t now_ms = BEGIN_MS;

__attribute__((visibility("default"))) int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = now_ms / 1000;
	ts->tv_nsec = now_ms % 1000 * 1000000;
	return 0;
}

void
fakeclock_reset(void)
{
	now_ms = BEGIN_MS;
}

void
fakeclock_pass(int64_t ms)
{
	now_ms += ms;
}

int64_t
fakeclock_ms(void)
{
	return now_ms;
}
