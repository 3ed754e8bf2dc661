/* clock: the two clocks, in milliseconds. Never fails. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC: for every deadline */
int64_t clock_mono_us(void);
int64_t clock_real_ms(void); /* Unix time: for people only */

#endif
