/*
 * subtree: the free `config:` of a plugin, from nodes to a msgpack map.
 *
 * The schema knows nothing of what is in it, so here, and only here, the
 * look of a plain scalar decides its type, by the core rules of YAML 1.2:
 * null, bool, int, float, else text. Quoted scalars are text. Variables are
 * expanded first. Depth is bounded, so that the recursion and whatever the
 * map is packed into stay within the bounds of the wire.
 */
#include "bind.h"
#include "expand.h"

#include "common/wire.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUBTREE_DEPTH_MAX = 10 };

static void put_node(
    struct binder *b, const struct node *n, struct buf *out, unsigned depth);

static void
mark(struct binder *b, const struct node *n)
{
	const struct conf_mark place = {n->line, n->column};

	buf_append(b->marks, &place, sizeof(place));
}

static bool
is_one_of(const char *s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

static bool
put_word(const char *s, struct buf *out)
{
	static const char *const nulls[] = {
	    "", "~", "null", "Null", "NULL", NULL};
	static const char *const yes[] = {"true", "True", "TRUE", NULL};
	static const char *const no[] = {"false", "False", "FALSE", NULL};
	static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
	static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
	const char *bare = s + (s[0] == '-' || s[0] == '+');

	if (is_one_of(s, nulls))
		wire_put_nil(out);
	else if (is_one_of(s, yes) || is_one_of(s, no))
		wire_put_bool(out, is_one_of(s, yes));
	else if (is_one_of(s, nan))
		wire_put_double(out, NAN);
	else if (is_one_of(bare, inf))
		wire_put_double(out, s[0] == '-' ? -INFINITY : INFINITY);
	else
		return false;
	return true;
}

static bool
is_all(const char *s, const char *digits)
{
	return s[0] != '\0' && s[strspn(s, digits)] == '\0';
}

/* The base of a whole number and where its digits begin, or 0. */
static int
number_base(const char *s, const char **ret_digits)
{
	*ret_digits = s + 2;
	if (strncmp(s, "0x", 2) == 0 && is_all(s + 2, "0123456789abcdefABCDEF"))
		return 16;
	if (strncmp(s, "0o", 2) == 0 && is_all(s + 2, "01234567"))
		return 8;
	*ret_digits = s + (s[0] == '-' || s[0] == '+');
	return is_all(*ret_digits, "0123456789") ? 10 : 0;
}

/* 0, or -EINVAL (no whole number), -ERANGE, -EDOM (a leading zero). */
static int
put_whole(const char *s, struct buf *out)
{
	const char *digits;
	int base = number_base(s, &digits);
	unsigned long long v;

	if (base == 0)
		return -EINVAL;
	if (base == 10 && digits[0] == '0' && digits[1] != '\0')
		return -EDOM;
	errno = 0;
	v = strtoull(digits, NULL, base);
	if (errno != 0 || (s[0] == '-' && v > (uint64_t)INT64_MAX + 1))
		return -ERANGE;
	if (s[0] == '-')
		wire_put_int(out, (int64_t)(0 - v));
	else
		wire_put_uint(out, v);
	return 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool
is_float(const char *s)
{
	static const char digits[] = "0123456789";
	size_t before;
	size_t behind = 0;

	s += s[0] == '-' || s[0] == '+';
	before = strspn(s, digits);
	s += before;
	if (*s == '.') {
		behind = strspn(s + 1, digits);
		s += 1 + behind;
	}
	if (before + behind == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s += 1 + (s[1] == '-' || s[1] == '+');
		return is_all(s, digits);
	}
	return *s == '\0';
}

static void
put_plain(
    struct binder *b, const struct node *n, const char *s, struct buf *out)
{
	struct conf_quoted q;
	int err;

	if (put_word(s, out))
		return;
	err = put_whole(s, out);
	if (err == -EDOM)
		conf_error_add(b->errs, node_loc(b->file, n),
		    "config: %s has a leading zero: put it in quotes for a "
		    "text, or write 0o for octal",
		    conf_quote(&q, s));
	else if (err == -ERANGE)
		conf_error_add(b->errs, node_loc(b->file, n),
		    "config: %s does not fit in 64 bits: put it in quotes for "
		    "a text",
		    conf_quote(&q, s));
	else if (err < 0 && is_float(s))
		wire_put_double(out, strtod(s, NULL));
	else if (err < 0)
		wire_put_str(out, s);
}

static void
put_scalar(struct binder *b, const struct node *n, struct buf *out)
{
	const char *s = n->text;

	if (!node_is_null(n) && strchr(s, '$') != NULL)
		s = bind_text(b, "config", n);
	if (s == NULL)
		return;
	if (n->plain)
		put_plain(b, n, s, out);
	else
		wire_put_str(out, s);
}

static void
put_children(
    struct binder *b, const struct node *n, struct buf *out, unsigned depth)
{
	if (depth > SUBTREE_DEPTH_MAX) {
		conf_error_add(b->errs, node_loc(b->file, n),
		    "config: nested more than %d levels deep",
		    SUBTREE_DEPTH_MAX);
		return;
	}
	if (n->kind == NODE_MAP)
		wire_put_map(out, n->count);
	else
		wire_put_array(out, n->count);
	for (const struct node *v = n->first; v != NULL; v = v->next) {
		if (v->key != NULL) {
			mark(b, v->key);
			wire_put_str(out, v->key->text);
		}
		put_node(b, v, out, depth + 1);
	}
}

/* What is complained about leaves the bytes unsound: nobody will see them,
 * since there is no configuration after a complaint. */
static void
put_node(
    struct binder *b, const struct node *n, struct buf *out, unsigned depth)
{
	mark(b, n);
	if (n->kind == NODE_SCALAR)
		put_scalar(b, n, out);
	else if (n->kind != NODE_BROKEN)
		put_children(b, n, out, depth);
}

static void
keep_free(struct binder *b, struct plugin_conf *p, const struct buf *out,
    const struct buf *marks)
{
	p->config = bind_memory(b, arena_memdup(b->arena, out->data, out->len));
	p->config_marks =
	    bind_memory(b, arena_memdup(b->arena, marks->data, marks->len));
	if (p->config == NULL || p->config_marks == NULL)
		return;
	p->config_len = out->len;
	p->nconfig_marks = marks->len / sizeof(struct conf_mark);
}

void
bind_free(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	struct plugin_conf *p =
	    (struct plugin_conf *)((char *)field -
	                           offsetof(struct plugin_conf, config));
	struct buf marks;
	struct buf out;

	if (node_is_null(n))
		return;
	if (n->kind != NODE_MAP) {
		bind_expected(b, k->name, n, "a map of keys and values");
		return;
	}
	buf_init(&out, CONFIG_FILE_MAX + EXPAND_TOTAL_MAX);
	buf_init(&marks, CONFIG_NODES_MAX * sizeof(struct conf_mark));
	b->marks = &marks;
	put_node(b, n, &out, 1);
	b->marks = NULL;
	if (buf_error(&out) < 0 || buf_error(&marks) < 0)
		b->error = -ENOMEM;
	else if (out.len > CONFIG_SUBTREE_MAX)
		conf_error_add(b->errs, node_loc(b->file, n),
		    "config: more than %d KiB with its variables: put it in a "
		    "file of its own, and name that here",
		    CONFIG_SUBTREE_MAX / 1024);
	else
		keep_free(b, p, &out, &marks);
	buf_fini(&marks);
	buf_fini(&out);
}
