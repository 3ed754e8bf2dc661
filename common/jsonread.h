/*
 * jsonread: JSON as people write it, to msgpack. Pure. Strict (RFC 8259): one
 * value and blanks around it, no comments, no commas too many; texts in
 * UTF-8. Whole numbers from INT64_MIN to UINT64_MAX stay whole, others become
 * doubles.
 */
#ifndef COMMON_JSONREAD_H
#define COMMON_JSONREAD_H

#include "common/buf.h"

#include <stddef.h>

struct jsonread_fault {
	const char *why; /* static */
	size_t line;     /* from 1 on */
	size_t column;   /* in bytes, from 1 on */
};

/* Appends one object to `out`. 0; -EBADMSG and *ret_fault; or the error of
 * `out`. After a failure something may have been appended. */
int jsonread(const char *text, size_t len, struct buf *out,
    struct jsonread_fault *ret_fault);

#endif
