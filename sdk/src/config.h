/*
 * config: the `config:` of a plugin while a callback reads it: struct
 * plugind_config is a place in it. Owns everything that it hands out, and the
 * errors that were recorded.
 */
#ifndef SDK_CONFIG_H
#define SDK_CONFIG_H

#include "common/wire.h"

#include <plugind.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_ERRORS_MAX = 32, CONFIG_PATH_MAX = 256, CONFIG_TEXT_MAX = 1000 };

struct config;

struct plugind_config {
	struct config *whole;
	struct wire_cursor at; /* p == end: there is no value */
	const char *path;      /* from the root; "" is the root */
};

/* `map` borrows bytes that validate; an empty cursor is an empty map. 0 or
 * -ENOMEM. */
int config_new(const struct wire_cursor *map, struct config **ret);
void config_free(struct config *c); /* NULL is fine */

const struct plugind_config *config_top(const struct config *c);

bool config_has_errors(const struct config *c);
/* Something could not be handed out or recorded. */
bool config_is_short_of_memory(const struct config *c);
/* How many there are, and the first. */
void config_summary(const struct config *c, char *out, size_t cap);
/* An array of [path, text, whether it is about the key]. */
void config_put_errors(const struct config *c, struct buf *b);
size_t config_error_count(const struct config *c);
/* "path: text" of error `i`; valid as long as c. */
const char *config_error_text(const struct config *c, size_t i);

/* For value.c. */

/* One step of a path: a key, or the number of an element. */
struct config_step {
	const char *key; /* NULL: an element */
	size_t key_len;
	unsigned long element;
};

/* Reads the step that `s` begins with: its length, or 0 when it is none. */
size_t config_read_step(const char *s, bool is_first, struct config_step *ret);

/* What a value is, in words: "a list". */
const char *config_type_name(enum wire_type type);

/* The value at `path` below `c`: 0 and *ret; -ENOENT (none, or null); -EPROTO
 * (the path leads through something else: recorded). */
int config_find(
    const struct plugind_config *c, const char *path, struct wire_cursor *ret);
/* Records one that is about the key itself, and not about its value. */
void config_key_error(const struct plugind_config *c, const char *key,
    const char *fmt, ...) PLUGIND_PRINTF(3, 4);
/* The full name of `path` below `c`, kept as long as the whole. */
const char *config_join(const struct plugind_config *c, const char *path);
/* `len` bytes and a NUL, kept as long as the whole; NULL: no memory, noted. */
char *config_keep(struct config *whole, const char *s, size_t len);
/* A place, kept as long as the whole; never NULL. */
const struct plugind_config *config_place(
    struct config *whole, const struct wire_cursor *at, const char *path);

#endif
