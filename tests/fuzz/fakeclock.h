/*
 * fakeclock: every clock but CLOCK_REALTIME stands still until it is told to
 * go on: common/clock.h and libevent's timers alike.
 */
#ifndef TESTS_FUZZ_FAKECLOCK_H
#define TESTS_FUZZ_FAKECLOCK_H

#include <stdint.h>

/* Back to where every input begins. No timer may be pending. */
void fakeclock_reset(void);
void fakeclock_pass(int64_t ms);
int64_t fakeclock_ms(void);

#endif
