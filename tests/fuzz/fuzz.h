/*
 * fuzz: the entry point of a target, and what a broken promise does: an
 * abort that both libFuzzer and the replay tell apart from a pass.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(
    const uint8_t *data, size_t size);

#define MUST(x)                                                        \
	do {                                                           \
		if (!(x)) {                                            \
			fprintf(stderr, "%s:%d: broken promise: %s\n", \
			    __FILE__, __LINE__, #x);                   \
			abort();                                       \
		}                                                      \
	} while (0)

#endif
