/*
 * tree: a configuration that a test puts together by path, as msgpack.
 */
#ifndef MOCK_TREE_H
#define MOCK_TREE_H

#include "common/buf.h"
#include "common/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct tree;

/* A scalar. */
struct tree_value {
	enum wire_type type; /* WIRE_NIL, _BOOL, _INT, _DOUBLE or _STR */
	union {
		bool truth;
		int64_t number;
		double fraction;
		const char *text; /* copied */
	} as;
};

struct tree *tree_new(void);    /* NULL: no memory */
void tree_free(struct tree *t); /* NULL is fine */

/* 0; -EINVAL (no path, or a map where it needs a list or the reverse), -E2BIG
 * (an element beyond TREE_LIST_MAX) or -ENOMEM. */
int tree_set(struct tree *t, const char *path, const struct tree_value *v);

void tree_put(const struct tree *t, struct buf *b);

enum { TREE_LIST_MAX = 10000 };

#endif
