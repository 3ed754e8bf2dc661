/*
 * leaky: for LeakSanitizer. nng 1.5.2 loses a pipe that shakes hands when it is
 * closed, and a message that comes in that moment.
 */
#ifndef TESTS_UNIT_LEAKY_H
#define TESTS_UNIT_LEAKY_H

#include <stdbool.h>

/* Set by a test that closes what is busy; each test is a process. */
static bool is_leaky;

__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return is_leaky;
}

#endif
