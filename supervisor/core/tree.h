/*
 * tree: one YAML file as a tree of nodes, each with its place.
 *
 * Much less than YAML: no aliases, anchors, tags or merge keys, one
 * document, keys are text and unique, depth and number of nodes bounded.
 * Nodes are not typed; that is the business of whoever reads them.
 */
#ifndef CORE_TREE_H
#define CORE_TREE_H

#include "arena.h"
#include "conferr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_kind {
	NODE_SCALAR,
	NODE_MAP,
	NODE_SEQ,
	NODE_BROKEN, /* reported already; take no notice of it */
};

struct node {
	const char *text;   /* scalar; never holds a NUL byte */
	struct node *key;   /* a value in a map: the scalar before it */
	struct node *first; /* map: its values; seq: its elements */
	struct node *next;
	uint32_t count; /* of the children */
	uint32_t line;  /* from 1 */
	uint32_t column;
	uint8_t kind; /* enum node_kind */
	bool plain;   /* scalar without quotes and not in block style */
};

/*
 * Reads `len` bytes. All complaints go to `errs` under the name `file`.
 * 0 and *ret, which is NULL for a file without content; there may have been
 * complaints, but the rest of the tree is sound. -EINVAL: it is not; -ENOMEM.
 */
int tree_parse(struct arena *arena, const char *file, const char *data,
    size_t len, struct conf_errors *errs, struct node **ret);

/* The value of `key` in a map, or NULL. NULL and other nodes have none. */
const struct node *node_get(const struct node *map, const char *key);

/* A plain scalar that means nothing: empty, ~ or null. */
bool node_is_null(const struct node *n);

struct conf_loc node_loc(const char *file, const struct node *n);

#endif
