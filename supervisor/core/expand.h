/*
 * expand: ${VAR} and ${VAR:-default} in a text.
 */
#ifndef CORE_EXPAND_H
#define CORE_EXPAND_H

#include "common/buf.h"

enum {
	EXPAND_TEXT_MAX = 64 * 1024,   /* one value */
	EXPAND_TOTAL_MAX = 1024 * 1024 /* of one load */
};

/*
 * Appends `text` to `out` with its variables replaced; "$$" is a "$", a "$"
 * before anything but a "{" stays. 0, or -EINVAL and in `why` what is wrong.
 * Errors of `out` are its own.
 */
int expand_text(struct buf *out, const char *text,
    const char *(*env)(const char *name), struct buf *why);

#endif
