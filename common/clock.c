/*
 * clock: the two clocks of the system.
 *
 * Owns nothing. clock_gettime() on these clocks cannot fail on Linux, so
 * there is no error to report. Must never be called by the pure modules
 * (state machine, parsers): they are given the time.
 */
#include "clock.h"

#include <time.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
clock_real_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}
