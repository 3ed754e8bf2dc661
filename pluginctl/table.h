/*
 * table: rows under headings, aligned, cut to the terminal's width.
 */
#ifndef PLUGINCTL_TABLE_H
#define PLUGINCTL_TABLE_H

#include <stddef.h>

enum { TABLE_RIGHT = 1, TABLE_CUT = 2, TABLE_TREE = 4 };

struct table_column {
	const char *heading;
	unsigned flags;
};

struct table;
struct table_row;

/* An empty table. Running out of memory ends the program. Free it with
 * table_free. */
struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *t);

/* A row at the end, below `parent` in the tree column (NULL: at its root). */
struct table_row *table_add(struct table *t, struct table_row *parent);
/* Copies `text` ("" shows as -), already escaped; `color` as in output.h. */
void table_set(
    struct table_row *row, size_t column, const char *text, const char *color);
/* Prints to stdout. */
void table_print(struct table *t);
/* The same as a text of lines; the caller frees it. */
char *table_text(struct table *t);

#endif
