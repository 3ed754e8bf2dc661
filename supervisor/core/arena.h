/*
 * arena: memory that is handed out piece by piece and freed all at once.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* Grows by blocks of `block_size` bytes and refuses to hold more than
 * `limit`. NULL: out of memory. */
struct arena *arena_new(size_t block_size, size_t limit);
void arena_free(struct arena *a); /* NULL is fine */

/*
 * Each returns memory that lives as long as the arena, or NULL when out of
 * memory or beyond the limit. arena_alloc gives zeroed bytes aligned for
 * any object; the strings are not aligned.
 */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
void *arena_memdup(struct arena *a, const void *p, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes taken from the heap. */
size_t arena_size(const struct arena *a);

#endif
