/*
 * tree: one YAML file as a tree of nodes, each with its place.
 *
 * The only file that includes <yaml.h>. Drives libyaml's event parser and
 * hangs each event into the tree; the stack is an array, nothing recurses.
 * libyaml has no limit on nesting and is quadratic in it, so the depth is
 * watched event by event and the parser is left at the first level too deep.
 * Everything it allocates lives in the caller's arena. Must never look at
 * what a key means: that is bind.c.
 */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct level {
	struct node *node; /* map or seq */
	struct node *tail;
	struct node *key; /* map: the key whose value comes next */
};

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	const char *file;
	const char *data;
	size_t len;
	struct conf_errors *errs;
	struct level levels[CONFIG_DEPTH_MAX];
	unsigned depth;
	unsigned nodes;
	unsigned documents;
	struct node *root;
	bool done;
};

/* What libyaml says, in words that help. */
static const struct {
	const char *problem;
	const char *text;
} problem_words[] = {
    {"found character that cannot start any token",
        "this character cannot begin a value: put the value in quotes"},
    {"mapping values are not allowed in this context",
        "a \": \" is not allowed here: check the indentation, or put the "
        "value in quotes"},
    {"could not find expected ':'", "expected \"key: value\""},
    {"did not find expected key", "expected a key here: check the indentation"},
    {"did not find expected '-' indicator",
        "expected \"- \" here: check the indentation"},
    {"did not find expected ',' or ']'",
        "expected \",\" or \"]\": a list is not closed"},
    {"did not find expected ',' or '}'",
        "expected \",\" or \"}\": a map is not closed"},
    {"found unexpected end of stream", "the quotes are not closed"},
    {"did not find expected <document start>",
        "expected the end of the file: check the indentation"},
    {"block sequence entries are not allowed in this context",
        "a list is not allowed here: begin it on a line of its own"},
};

struct conf_loc
node_loc(const char *file, const struct node *n)
{
	return (struct conf_loc){
	    .file = file, .line = (int)n->line, .column = (int)n->column};
}

static struct conf_loc
mark_loc(const struct reader *r, const yaml_mark_t *m)
{
	return (struct conf_loc){.file = r->file,
	    .line = (int)m->line + 1,
	    .column = (int)m->column + 1};
}

/* Where the byte at `offset` stands. */
static struct conf_loc
offset_loc(const struct reader *r, size_t offset)
{
	struct conf_loc loc = {.file = r->file, .line = 1, .column = 1};

	for (size_t i = 0; i < offset && i < r->len; i++) {
		unsigned char c = (unsigned char)r->data[i];

		if (c == '\n') {
			loc.line++;
			loc.column = 1;
		} else if ((c & 0xc0) != 0x80) {
			loc.column++;
		}
	}
	return loc;
}

static void
report_reader(const struct reader *r)
{
	struct conf_loc loc = offset_loc(r, r->parser.problem_offset);

	if (r->parser.problem_value > 0 &&
	    strstr(r->parser.problem, "control") != NULL)
		conf_error_add(r->errs, loc,
		    "control character 0x%02x is not allowed",
		    (unsigned)r->parser.problem_value);
	else
		conf_error_add(
		    r->errs, loc, "invalid UTF-8: save the file in UTF-8");
}

/* A tab at the place, with nothing but blanks before it on its line. */
static bool
is_tab_at(const struct reader *r, const yaml_mark_t *m)
{
	const char *p = r->data;
	const char *end = r->data + r->len;
	size_t column = 0;

	for (size_t line = 0; line < m->line && p < end; p++)
		line += *p == '\n';
	while (column < m->column && p < end && (*p == ' ' || *p == '\t')) {
		column++;
		p++;
	}
	return column == m->column && p < end && *p == '\t';
}

static void
report_syntax(const struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct conf_loc loc = mark_loc(r, &p->problem_mark);
	const char *text = p->problem;

	if (is_tab_at(r, &p->problem_mark)) {
		conf_error_add(
		    r->errs, loc, "a tab cannot indent in YAML: use spaces");
		return;
	}
	for (size_t i = 0; i < sizeof(problem_words) / sizeof(*problem_words);
	     i++)
		if (strcmp(p->problem, problem_words[i].problem) == 0)
			text = problem_words[i].text;
	if (p->context != NULL)
		conf_error_add(r->errs, loc, "%s (%s of line %zu)", text,
		    p->context, p->context_mark.line + 1);
	else
		conf_error_add(r->errs, loc, "%s", text);
}

static int
report_parser(const struct reader *r)
{
	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (r->parser.error == YAML_READER_ERROR)
		report_reader(r);
	else
		report_syntax(r);
	return -EINVAL;
}

static int
new_node(struct reader *r, const yaml_event_t *ev, enum node_kind kind,
    struct node **ret)
{
	struct node *n;

	if (++r->nodes > CONFIG_NODES_MAX) {
		conf_error_add(r->errs, mark_loc(r, &ev->start_mark),
		    "more than %d values in one file: split it",
		    CONFIG_NODES_MAX);
		return -E2BIG;
	}
	n = arena_alloc(r->arena, sizeof(*n));
	if (n == NULL)
		return -ENOMEM;
	n->kind = (uint8_t)kind;
	n->line = (uint32_t)ev->start_mark.line + 1;
	n->column = (uint32_t)ev->start_mark.column + 1;
	*ret = n;
	return 0;
}

static int
check_key(const struct reader *r, struct node *n)
{
	struct conf_loc loc = node_loc(r->file, n);

	if (n->kind != NODE_SCALAR) {
		if (n->kind != NODE_BROKEN)
			conf_error_add(
			    r->errs, loc, "a key must be a single word");
		return -EINVAL;
	}
	if (n->plain && strcmp(n->text, "<<") == 0)
		conf_error_add(r->errs, loc,
		    "merge keys (<<) are not supported: use defaults:, or "
		    "write it out");
	else if (n->text[0] == '\0')
		conf_error_add(r->errs, loc, "a key is empty");
	else if (strlen(n->text) > CONFIG_KEY_MAX)
		conf_error_add(r->errs, loc, "a key is longer than %d bytes",
		    CONFIG_KEY_MAX);
	else
		return 0;
	n->kind = NODE_BROKEN;
	return 0;
}

/* Hangs `n` under what is open. */
static int
attach(struct reader *r, struct node *n)
{
	struct level *l;

	if (r->depth == 0) {
		r->root = n;
		return 0;
	}
	l = &r->levels[r->depth - 1];
	if (l->node->kind == NODE_MAP && l->key == NULL) {
		l->key = n;
		return check_key(r, n);
	}
	n->key = l->key;
	l->key = NULL;
	if (l->tail == NULL)
		l->node->first = n;
	else
		l->tail->next = n;
	l->tail = n;
	l->node->count++;
	return 0;
}

static void
refuse_mark(const struct reader *r, const yaml_event_t *ev,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct conf_loc loc = mark_loc(r, &ev->start_mark);

	if (anchor != NULL)
		conf_error_add(r->errs, loc,
		    "anchors (&name) are not supported: use defaults:, or "
		    "write it out");
	if (tag != NULL)
		conf_error_add(r->errs, loc,
		    "tags (!name) are not supported: leave it out");
}

static int
on_scalar(struct reader *r, const yaml_event_t *ev)
{
	struct node *n = NULL;
	int err;

	refuse_mark(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	err = new_node(r, ev, NODE_SCALAR, &n);
	if (err < 0)
		return err;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_strndup(r->arena, (const char *)ev->data.scalar.value,
	    ev->data.scalar.length);
	if (n->text == NULL)
		return -ENOMEM;
	/* An escape such as "\0" in quotes can still make one. */
	if (strlen(n->text) != ev->data.scalar.length) {
		conf_error_add(r->errs, node_loc(r->file, n),
		    "a NUL byte is not allowed in a value");
		n->kind = NODE_BROKEN;
	}
	return attach(r, n);
}

static int
on_alias(struct reader *r, const yaml_event_t *ev)
{
	struct node *n = NULL;
	int err;

	conf_error_add(r->errs, mark_loc(r, &ev->start_mark),
	    "aliases (*name) are not supported: put the value in quotes, or "
	    "write it out");
	err = new_node(r, ev, NODE_BROKEN, &n);
	return err < 0 ? err : attach(r, n);
}

static int
open_level(struct reader *r, const yaml_event_t *ev, enum node_kind kind)
{
	struct node *n = NULL;
	int err;

	if (r->depth == CONFIG_DEPTH_MAX) {
		conf_error_add(r->errs, mark_loc(r, &ev->start_mark),
		    "nested more than %d levels deep", CONFIG_DEPTH_MAX);
		return -E2BIG;
	}
	err = new_node(r, ev, kind, &n);
	if (err == 0)
		err = attach(r, n);
	if (err < 0)
		return err;
	r->levels[r->depth++] = (struct level){.node = n};
	return 0;
}

static int
on_mapping(struct reader *r, const yaml_event_t *ev)
{
	refuse_mark(
	    r, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	return open_level(r, ev, NODE_MAP);
}

static int
on_sequence(struct reader *r, const yaml_event_t *ev)
{
	refuse_mark(
	    r, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
	return open_level(r, ev, NODE_SEQ);
}

static int
compare_keys(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a;
	const struct node *y = *(struct node *const *)b;
	int order = strcmp(x->key->text, y->key->text);

	if (order != 0)
		return order;
	if (x->key->line != y->key->line)
		return x->key->line < y->key->line ? -1 : 1;
	return x->key->column < y->key->column ? -1 : 1;
}

/* Takes out what has been complained about, key and value. */
static void
unlink_broken(struct node *map)
{
	struct node **at = &map->first;

	while (*at != NULL) {
		if ((*at)->key->kind == NODE_BROKEN) {
			*at = (*at)->next;
			map->count--;
		} else {
			at = &(*at)->next;
		}
	}
}

/* Complains of every key that stood there before. */
static void
report_repeated(const struct reader *r, struct node *const *sorted, size_t n)
{
	const struct node *first = sorted[0]->key;

	for (size_t i = 1; i < n; i++) {
		struct node *key = sorted[i]->key;
		struct conf_quoted q;

		if (strcmp(first->text, key->text) != 0) {
			first = key;
			continue;
		}
		conf_error_add(r->errs, node_loc(r->file, key),
		    "duplicate key %s: the first is at line %u",
		    conf_quote(&q, key->text), first->line);
		key->kind = NODE_BROKEN;
	}
}

static int
check_keys(const struct reader *r, struct node *map)
{
	struct node **sorted;
	size_t n = 0;

	if (map->count == 0)
		return 0;
	sorted = calloc(map->count, sizeof(struct node *));
	if (sorted == NULL)
		return -ENOMEM;
	for (struct node *v = map->first; v != NULL; v = v->next)
		sorted[n++] = v;
	qsort(sorted, n, sizeof(struct node *), compare_keys);
	report_repeated(r, sorted, n);
	free(sorted);
	unlink_broken(map);
	return 0;
}

static int
on_end(struct reader *r, const yaml_event_t *ev)
{
	struct node *n = r->levels[--r->depth].node;

	(void)ev;
	return n->kind == NODE_MAP ? check_keys(r, n) : 0;
}

static int
on_document(struct reader *r, const yaml_event_t *ev)
{
	if (++r->documents == 1)
		return 0;
	conf_error_add(r->errs, mark_loc(r, &ev->start_mark),
	    "a second document begins here: a file holds one");
	return -EINVAL;
}

static int
on_stream_end(struct reader *r, const yaml_event_t *ev)
{
	(void)ev;
	r->done = true;
	return 0;
}

typedef int event_fn(struct reader *r, const yaml_event_t *ev);

static event_fn *const handlers[] = {
    [YAML_STREAM_END_EVENT] = on_stream_end,
    [YAML_DOCUMENT_START_EVENT] = on_document,
    [YAML_ALIAS_EVENT] = on_alias,
    [YAML_SCALAR_EVENT] = on_scalar,
    [YAML_SEQUENCE_START_EVENT] = on_sequence,
    [YAML_SEQUENCE_END_EVENT] = on_end,
    [YAML_MAPPING_START_EVENT] = on_mapping,
    [YAML_MAPPING_END_EVENT] = on_end,
};

static int
read_events(struct reader *r)
{
	while (!r->done) {
		yaml_event_t ev;
		int err = 0;

		if (yaml_parser_parse(&r->parser, &ev) == 0)
			return report_parser(r);
		if (handlers[ev.type] != NULL)
			err = handlers[ev.type](r, &ev);
		yaml_event_delete(&ev);
		if (err < 0)
			return err == -ENOMEM ? err : -EINVAL;
	}
	return 0;
}

static int
check_bytes(const struct reader *r)
{
	const char *nul;

	if (r->len > CONFIG_FILE_MAX) {
		conf_error_add(r->errs, (struct conf_loc){.file = r->file},
		    "larger than %d KiB: split it into files in plugins.d/",
		    CONFIG_FILE_MAX / 1024);
		return -EINVAL;
	}
	nul = r->len == 0 ? NULL : memchr(r->data, '\0', r->len);
	if (nul == NULL)
		return 0;
	conf_error_add(r->errs, offset_loc(r, (size_t)(nul - r->data)),
	    "a NUL byte: this is not a text file in UTF-8");
	return -EINVAL;
}

int
tree_parse(struct arena *arena, const char *file, const char *data, size_t len,
    struct conf_errors *errs, struct node **ret)
{
	struct reader r = {.arena = arena,
	    .file = file,
	    .data = data,
	    .len = len,
	    .errs = errs};
	int err = check_bytes(&r);

	if (err < 0)
		return err;
	if (len == 0) {
		*ret = NULL;
		return 0;
	}
	if (yaml_parser_initialize(&r.parser) == 0)
		return -ENOMEM;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &r.parser, (const unsigned char *)data, len);
	err = read_events(&r);
	yaml_parser_delete(&r.parser);
	if (err == 0)
		*ret = r.root;
	return err;
}

bool
node_is_null(const struct node *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (n->kind != NODE_SCALAR || !n->plain)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(n->text, words[i]) == 0)
			return true;
	return false;
}

const struct node *
node_get(const struct node *map, const char *key)
{
	if (map == NULL || map->kind != NODE_MAP)
		return NULL;
	for (const struct node *v = map->first; v != NULL; v = v->next)
		if (strcmp(v->key->text, key) == 0)
			return v;
	return NULL;
}
