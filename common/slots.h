/*
 * slots: things by a number that is never used twice: where it is in a table,
 * and how often that place was taken before. 0 is no number.
 */
#ifndef COMMON_SLOTS_H
#define COMMON_SLOTS_H

#include <stddef.h>
#include <stdint.h>

enum { SLOTS_MAX = 1 << 20 };

struct slot;

struct slots {
	struct slot *v;
	size_t n;      /* places that there are */
	size_t used;   /* taken ones */
	uint32_t free; /* the first free one, counted from 1; 0: none */
};

void slots_fini(struct slots *s); /* forgets, frees no thing */

/* Its number; 0: out of memory, or SLOTS_MAX are there. */
uint64_t slots_add(struct slots *s, void *thing);
/* NULL: no such number, or not any more. */
void *slots_get(const struct slots *s, uint64_t number);
void slots_remove(struct slots *s, uint64_t number);
/* The thing in place `i` below n; NULL: free. */
void *slots_at(const struct slots *s, size_t i);

#endif
