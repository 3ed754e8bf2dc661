/*
 * graph: the dependencies of all plugins, as a tree or for Graphviz. The
 * roots of the tree are the plugins on which no other depends; below each
 * stand the ones it depends on. A plugin is opened once: further down it
 * stands without its own branches. Must never change anything.
 */
#include "graph.h"

#include "ctl.h"
#include "field.h"
#include "output.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct wire_cursor map;
	const char *name;
	bool needed; /* another one depends on it */
	bool shown;
};

struct graph {
	struct node *nodes;
	uint32_t count;
	struct table *table;
};

/* `edge` is the {name, condition, restart} that leads to `to`. */
typedef void visit_fn(struct graph *g, struct node *to,
    const struct wire_cursor *edge, void *arg);

/* A dependency on `x` means all of x:1, x:2 and so on. */
static bool
is_meant(const struct node *node, const char *name)
{
	size_t len = strlen(name);

	return strncmp(node->name, name, len) == 0 &&
	       (node->name[len] == '\0' || node->name[len] == ':');
}

/* Calls `visit` for every plugin that `node` depends on. */
static void
visit_edges(struct graph *g, struct node *node, visit_fn *visit, void *arg)
{
	struct wire_cursor edge;
	uint32_t count = field_list(&node->map, "depends_on", &edge);

	for (; count > 0; count--) {
		const char *name = field_text(&edge, "name");

		for (uint32_t i = 0; i < g->count; i++) {
			if (is_meant(&g->nodes[i], name))
				visit(g, &g->nodes[i], &edge, arg);
		}
		if (wire_skip(&edge) < 0)
			return;
	}
}

static void
mark_needed(
    struct graph *g, struct node *to, const struct wire_cursor *edge, void *arg)
{
	(void)g;
	(void)edge;
	(void)arg;
	to->needed = true;
}

/* Reads the rows; false when there are none. */
static bool
load_graph(struct graph *g, struct wire_cursor rows)
{
	uint32_t count = 0;

	wire_get_array(&rows, &count);
	if (count == 0)
		return false;
	g->nodes = calloc(count, sizeof(*g->nodes));
	if (!g->nodes)
		return false;
	for (; g->count < count; g->count++) {
		g->nodes[g->count].map = rows;
		g->nodes[g->count].name = field_text(&rows, "name");
		if (wire_skip(&rows) < 0)
			break;
	}
	for (uint32_t i = 0; i < g->count; i++)
		visit_edges(g, &g->nodes[i], mark_needed, NULL);
	return true;
}

/* Adds `to` below the row `arg` (NULL: a root, without an edge). Recursion
 * ends because a node is opened once. */
static void
add_branch(
    struct graph *g, struct node *to, const struct wire_cursor *edge, void *arg)
{
	struct table_row *row = table_add(g->table, arg);
	const char *state = field_text(&to->map, "state");
	struct wire_cursor first;
	bool leaf = field_list(&to->map, "depends_on", &first) == 0;
	const char *condition = "";

	if (edge)
		condition = field_printf("%s%s", field_text(edge, "condition"),
		    field_bool(edge, "restart") ? ", restart" : "");
	table_set(row, 0,
	    to->shown && !leaf ? field_printf("%s (above)", to->name)
	                       : to->name,
	    NULL);
	table_set(row, 1, state, output_state_color(state));
	table_set(row, 2, condition, NULL);
	if (to->shown)
		return;
	to->shown = true;
	visit_edges(g, to, add_branch, row);
}

static void
print_tree(struct graph *g)
{
	static const struct table_column columns[] = {
	    {"NAME", TABLE_TREE},
	    {"STATE", 0},
	    {"CONDITION", 0},
	};

	g->table = table_new(columns, sizeof(columns) / sizeof(*columns));
	for (uint32_t i = 0; i < g->count; i++) {
		if (!g->nodes[i].needed)
			add_branch(g, &g->nodes[i], NULL, NULL);
	}
	table_print(g->table);
	table_free(g->table);
}

static void
print_dot_edge(
    struct graph *g, struct node *to, const struct wire_cursor *edge, void *arg)
{
	const struct node *from = arg;

	(void)g;
	printf("\t\"%s\" -> \"%s\" [label=\"%s\"%s];\n", from->name, to->name,
	    field_text(edge, "condition"),
	    field_bool(edge, "restart") ? ", style=bold" : "");
}

/* Names and states are words of the daemon: nothing to quote in them. */
static void
print_dot(struct graph *g)
{
	puts("digraph plugind {\n\trankdir=LR;\n\tnode [shape=box];");
	for (uint32_t i = 0; i < g->count; i++) {
		struct node *node = &g->nodes[i];
		const char *state = field_text(&node->map, "state");
		const char *color = output_state_color(state);

		printf("\t\"%s\" [label=\"%s\\n%s\", color=%s];\n", node->name,
		    node->name, state, color ? color : "gray");
		visit_edges(g, node, print_dot_edge, node);
	}
	puts("}");
}

int
graph_print(struct ctl *ctl)
{
	struct graph g = {0};
	struct wire_cursor data;
	int code = ctl_query(ctl, MSG_GRAPH, NULL, &data);

	if (code != 0 || output_data(ctl->format, &data))
		return code;
	if (load_graph(&g, data) && !ctl->option[OPTION_DOT])
		print_tree(&g);
	else if (ctl->option[OPTION_DOT])
		print_dot(&g);
	else
		fputs("There are no plugins yet.\n", stderr);
	free(g.nodes);
	return 0;
}
