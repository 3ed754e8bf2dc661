/*
 * arena: memory that is handed out piece by piece and freed all at once.
 *
 * Owns a list of heap blocks, newest first. Objects are cut from the front
 * of the newest block; what is larger than a quarter of a block gets one of
 * its own, so that little is wasted. Blocks come from malloc, so that the
 * leak checkers see them. Never frees a single object, never logs; out of
 * memory is NULL, and the caller reports it.
 */
#include "arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	size_t used;
	size_t size;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct block *blocks; /* the first is the one that is filled */
	size_t block_size;
	size_t total;
	size_t limit;
};

struct arena *
arena_new(size_t block_size, size_t limit)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->block_size = block_size;
	a->limit = limit;
	return a;
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	while (a->blocks != NULL) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	free(a);
}

/* A block of its own goes behind the one that is being filled. */
static struct block *
add_block(struct arena *a, size_t size, bool of_its_own)
{
	struct block *b;

	if (size > a->limit || a->total > a->limit - size)
		return NULL;
	b = malloc(sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	b->used = 0;
	b->size = size;
	a->total += size;
	if (of_its_own && a->blocks != NULL) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	return b;
}

static void *
cut(struct arena *a, size_t size, size_t align)
{
	struct block *b = a->blocks;
	size_t start;

	if (size > a->block_size / 4) {
		b = add_block(a, size, true);
		if (b == NULL)
			return NULL;
		b->used = size;
		return b->bytes;
	}
	start = b == NULL ? 0 : (b->used + align - 1) & ~(align - 1);
	if (b == NULL || start > b->size || size > b->size - start) {
		b = add_block(a, a->block_size, false);
		start = 0;
	}
	if (b == NULL)
		return NULL;
	b->used = start + size;
	return b->bytes + start;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	void *p = cut(a, size, alignof(max_align_t));

	if (p != NULL)
		memset(p, 0, size);
	return p;
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = cut(a, len + 1, 1);

	if (p == NULL)
		return NULL;
	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

void *
arena_memdup(struct arena *a, const void *p, size_t len)
{
	void *copy = arena_alloc(a, len);

	if (copy != NULL && len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return NULL;
	p = cut(a, (size_t)len + 1, 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return p;
}

size_t
arena_size(const struct arena *a)
{
	return a->total;
}
