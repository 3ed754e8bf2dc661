/*
 * number: the types of the schema that are an int64_t.
 */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include "schema.h"

#include <stdbool.h>

enum { NUMBER_CAP = 40 };

struct number_type {
	const char *expected; /* for "expected ..." */
	bool only_plain;      /* quotes are an error */
	/* 0, -EINVAL or -ERANGE */
	int (*parse)(const char *s, int64_t *ret);
	/* The form that parse reads back; cap >= NUMBER_CAP. */
	const char *(*format)(int64_t value, char *out, size_t cap);
	const char *pattern; /* regular expression for the JSON Schema */
};

/* NULL for the types that are none. */
const struct number_type *number_type_get(enum value_type type);

#endif
