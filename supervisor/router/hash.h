/*
 * hash: FNV-1a, for the tables of the router. What is hashed is short, and its
 * tables are of names that rights and limits keep few.
 */
#ifndef ROUTER_HASH_H
#define ROUTER_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_PRIME = 16777619 };
#define HASH_FIRST 2166136261u

/* Goes on from `h`, which is HASH_FIRST in the beginning. */
static inline uint32_t
hash_bytes(uint32_t h, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * HASH_PRIME;
	return h;
}

#endif
