/*
 * confcycle: dependencies that run in a cycle.
 *
 * A depth-first walk over the sorted plugins with a stack of its own, since
 * a chain of thousands must not eat the C stack. Each edge is looked at
 * once; an edge back to a plugin that is on the stack closes a cycle, which
 * is reported where its first edge stands in a file.
 */
#include "bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const size_t done = SIZE_MAX;

struct walk {
	const struct config *config;
	size_t *stack; /* numbers of plugins */
	size_t *edge;  /* of each plugin: the next dependency to look at */
	size_t *place; /* of each plugin: 0 not seen, on the stack from 1, or
	                  done */
	size_t depth;
};

static int
compare_name(const void *key, const void *row)
{
	const struct plugin_conf *p = *(struct plugin_conf *const *)row;

	return strcmp(key, p->name);
}

static struct plugin_conf **
find_row(const struct config *c, const char *name)
{
	if (c->nplugins == 0)
		return NULL;
	return bsearch(name, c->plugins, c->nplugins,
	    sizeof(struct plugin_conf *), compare_name);
}

struct plugin_conf *
config_find(const struct config *c, const char *name)
{
	struct plugin_conf **row = find_row(c, name);

	return row == NULL ? NULL : *row;
}

/* The cycle is what is on the stack from `from` on. */
static void
report_cycle(struct binder *b, const struct walk *w, size_t from)
{
	enum { SHOWN = 16 };
	struct plugin_conf *const *rows = w->config->plugins;
	const struct plugin_conf *first = rows[w->stack[from]];
	size_t n = w->depth - from;
	struct buf text;

	buf_init(&text, CONFIG_FILE_MAX);
	for (size_t i = from; i < w->depth && i < from + SHOWN; i++)
		buf_printf(&text, "%s -> ", rows[w->stack[i]]->name);
	if (n > SHOWN)
		buf_printf(&text, "... (%zu in all) -> ", n);
	conf_error_add(b->errs, first->deps[w->edge[w->stack[from]] - 1].loc,
	    "depends_on: a cycle: %s%s", buf_cstr(&text), first->name);
	buf_fini(&text);
}

static void
follow(struct binder *b, struct walk *w, size_t target)
{
	size_t place = w->place[target];

	if (place == 0) {
		w->stack[w->depth++] = target;
		w->place[target] = w->depth;
		return;
	}
	/* A plugin that depends on itself has been told so. */
	if (place != done && place != w->depth)
		report_cycle(b, w, place - 1);
}

static void
step(struct binder *b, struct walk *w)
{
	size_t i = w->stack[w->depth - 1];
	const struct plugin_conf *p = w->config->plugins[i];
	struct plugin_conf **row;

	if (w->edge[i] == p->ndeps) {
		w->place[i] = done;
		w->depth--;
		return;
	}
	row = find_row(w->config, p->deps[w->edge[i]++].name);
	if (row != NULL)
		follow(b, w, (size_t)(row - w->config->plugins));
}

void
check_cycles(struct binder *b)
{
	size_t n = b->config->nplugins;
	struct walk w = {.config = b->config};

	w.stack = calloc(n + 1, sizeof(*w.stack));
	w.edge = calloc(n + 1, sizeof(*w.edge));
	w.place = calloc(n + 1, sizeof(*w.place));
	if (w.stack == NULL || w.edge == NULL || w.place == NULL) {
		b->error = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		if (w.place[i] == 0)
			follow(b, &w, i);
		while (w.depth > 0)
			step(b, &w);
	}
out:
	free(w.stack);
	free(w.edge);
	free(w.place);
}
