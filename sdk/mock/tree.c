/*
 * tree: see tree.h. Pure but for the heap.
 *
 * A node is a scalar until a path leads through it, which makes it a map or a
 * list; it does not change again. The root is a map. Depth is that of the
 * paths a test writes, so putting it recurses.
 */
#include "tree.h"

#include "sdk/src/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tree {
	struct tree *next; /* its sibling */
	struct tree *first;
	uint32_t count; /* of children */
	char *key;      /* in a map */
	struct tree_value value;
	char *text; /* of the value */
};

struct tree *
tree_new(void)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->value.type = WIRE_MAP;
	return t;
}

void
tree_free(struct tree *t)
{
	struct tree *next;

	if (t == NULL)
		return;
	for (struct tree *child = t->first; child != NULL; child = next) {
		next = child->next;
		tree_free(child);
	}
	free(t->text);
	free(t->key);
	free(t);
}

static struct tree *
append(struct tree *parent, const char *key, size_t key_len)
{
	struct tree **end = &parent->first;
	struct tree *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->value.type = WIRE_NIL;
	if (key != NULL)
		t->key = strndup(key, key_len);
	if (key != NULL && t->key == NULL) {
		free(t);
		return NULL;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = t;
	parent->count++;
	return t;
}

static struct tree *
find_key(const struct tree *parent, const struct config_step *step)
{
	struct tree *t = parent->first;

	while (t != NULL && (strlen(t->key) != step->key_len ||
	                        memcmp(t->key, step->key, step->key_len) != 0))
		t = t->next;
	return t;
}

static struct tree *
find_element(const struct tree *parent, unsigned long i)
{
	struct tree *t = parent->first;

	for (; t != NULL && i > 0; i--)
		t = t->next;
	return t;
}

/* The child that `step` leads to, made if there is none. */
static int
take_step(struct tree *t, const struct config_step *step, struct tree **ret)
{
	enum wire_type type = step->key != NULL ? WIRE_MAP : WIRE_ARRAY;
	struct tree *child = NULL;

	if (t->value.type == WIRE_NIL)
		t->value.type = type;
	if (t->value.type != type)
		return -EINVAL;
	if (step->key == NULL && step->element >= TREE_LIST_MAX)
		return -E2BIG;
	while (step->key == NULL && t->count <= step->element) {
		if (append(t, NULL, 0) == NULL)
			return -ENOMEM;
	}
	child = step->key != NULL ? find_key(t, step)
	                          : find_element(t, step->element);
	if (child == NULL)
		child = append(t, step->key, step->key_len);
	*ret = child;
	return child == NULL ? -ENOMEM : 0;
}

static int
set_value(struct tree *t, const struct tree_value *v)
{
	char *text = NULL;

	if (t->value.type == WIRE_MAP || t->value.type == WIRE_ARRAY)
		return -EINVAL;
	if (v->type == WIRE_STR) {
		text = strdup(v->as.text);
		if (text == NULL)
			return -ENOMEM;
	}
	free(t->text);
	t->text = text;
	t->value = *v;
	return 0;
}

int
tree_set(struct tree *t, const char *path, const struct tree_value *v)
{
	struct config_step step;
	size_t done = 0;
	size_t len;
	int r;

	while (path[done] != '\0') {
		len = config_read_step(path + done, done == 0, &step);
		if (len == 0)
			return -EINVAL;
		r = take_step(t, &step, &t);
		if (r != 0)
			return r;
		done += len;
	}
	return set_value(t, v);
}

static void
put_scalar(const struct tree *t, struct buf *b)
{
	if (t->value.type == WIRE_BOOL)
		wire_put_bool(b, t->value.as.truth);
	else if (t->value.type == WIRE_INT)
		wire_put_int(b, t->value.as.number);
	else if (t->value.type == WIRE_DOUBLE)
		wire_put_double(b, t->value.as.fraction);
	else if (t->value.type == WIRE_STR)
		wire_put_str(b, t->text);
	else
		wire_put_nil(b);
}

void
tree_put(const struct tree *t, struct buf *b)
{
	if (t->value.type == WIRE_MAP) {
		wire_put_map(b, t->count);
	} else if (t->value.type == WIRE_ARRAY) {
		wire_put_array(b, t->count);
	} else {
		put_scalar(t, b);
		return;
	}
	for (const struct tree *c = t->first; c != NULL; c = c->next) {
		if (c->key != NULL)
			wire_put_str(b, c->key);
		tree_put(c, b);
	}
}
