/*
 * sdkplugin: the plugin of fuzz_sdk: callbacks that do whatever it is in the
 * mood for, and promise what plugind.h says of when they are called.
 */
#ifndef TESTS_FUZZ_SDKPLUGIN_H
#define TESTS_FUZZ_SDKPLUGIN_H

#include "sdk/src/plugin.h"

/* What it may do, as bits. */
enum sdkplugin_act {
	ACT_DONE = 1,
	ACT_EXIT = 2,
	ACT_DEGRADED = 4,
	ACT_FAIL = 8,
	ACT_TIMER = 16,
	ACT_WATCH = 32,
	ACT_CONFIG_ERROR = 64,
	ACT_LOG = 128,
};

/* A new life; a bit of `without` for each callback that there is not. */
const struct plugind_descriptor *sdkplugin_begin(unsigned without);
/* Frees its timers and watches. */
void sdkplugin_end(void);

/* From now on each callback does `acts` and returns result number `result`. */
void sdkplugin_mood(unsigned result, unsigned acts);
/* Does it now, outside of any callback. */
void sdkplugin_act(struct plugind *p, unsigned acts);
/* How many callbacks were called. */
unsigned sdkplugin_calls(void);

#endif
