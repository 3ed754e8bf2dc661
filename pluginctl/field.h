/*
 * field: reads the maps of a reply as text for people. Every text is
 * escaped, never NULL ("" when the field is missing or nil) and borrowed
 * until field_release().
 */
#ifndef PLUGINCTL_FIELD_H
#define PLUGINCTL_FIELD_H

#include "common/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds `path` ("limits.memory") in a map; false when missing or nil. */
bool field_find(
    const struct wire_cursor *map, const char *path, struct wire_cursor *ret);

const char *field_text(const struct wire_cursor *map, const char *path);
bool field_int(const struct wire_cursor *map, const char *path, int64_t *ret);
/* False too when it is missing or no boolean. */
bool field_bool(const struct wire_cursor *map, const char *path);
/* Number of elements, the cursor at the first; 0 when it is no array. */
uint32_t field_list(
    const struct wire_cursor *map, const char *path, struct wire_cursor *ret);
/* The elements of an array as text, with `between` in between. */
const char *field_join(
    const struct wire_cursor *map, const char *path, const char *between);

/* Milliseconds as an age ("3m12s"), Unix milliseconds as a time with its
 * distance from now, {kind: exit|signal, value} in words. */
const char *field_age(const struct wire_cursor *map, const char *path);
const char *field_time(const struct wire_cursor *map, const char *path);
const char *field_exit(const struct wire_cursor *map, const char *path);

/* The object at the cursor as text: scalars only, else "". */
const char *field_value(const struct wire_cursor *at);
/* Bytes of outside as text. */
const char *field_escape(const char *s, size_t len);
const char *field_printf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* Frees every text given out so far. */
void field_release(void);

#endif
