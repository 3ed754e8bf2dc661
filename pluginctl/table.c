/*
 * table: the only file that includes libsmartcols. Owns the library's table;
 * a row is one of its lines. Texts must have been escaped by the caller
 * (field.h): the library's own encoding is switched off, it would escape the
 * escapes.
 */
#include "table.h"

#include "output.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	struct libscols_table *cols;
};

static void
need(int ok)
{
	if (!ok) {
		fputs("pluginctl: out of memory\n", stderr);
		exit(1);
	}
}

static int
column_flags(unsigned flags)
{
	return (flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0) |
	       (flags & TABLE_CUT ? SCOLS_FL_TRUNC : 0) |
	       (flags & TABLE_TREE ? SCOLS_FL_TREE : 0);
}

struct table *
table_new(const struct table_column *columns, size_t count)
{
	struct table *t = calloc(1, sizeof(*t));

	need(t != NULL);
	t->cols = scols_new_table();
	need(t->cols != NULL);
	scols_table_enable_noencoding(t->cols, 1);
	scols_table_enable_colors(t->cols, output_has_colors());
	scols_table_set_column_separator(t->cols, "  ");
	for (size_t i = 0; i < count; i++)
		need(scols_table_new_column(t->cols, columns[i].heading, 0,
		         column_flags(columns[i].flags)) != NULL);
	return t;
}

void
table_free(struct table *t)
{
	if (!t)
		return;
	scols_unref_table(t->cols);
	free(t);
}

struct table_row *
table_add(struct table *t, struct table_row *parent)
{
	struct libscols_line *line =
	    scols_table_new_line(t->cols, (struct libscols_line *)parent);

	need(line != NULL);
	return (struct table_row *)line;
}

void
table_set(
    struct table_row *row, size_t column, const char *text, const char *color)
{
	struct libscols_line *line = (struct libscols_line *)row;

	need(scols_line_set_data(line, column, *text ? text : "-") == 0);
	if (color && output_has_colors())
		scols_cell_set_color(scols_line_get_cell(line, column), color);
}

void
table_print(struct table *t)
{
	scols_print_table(t->cols);
}

char *
table_text(struct table *t)
{
	char *text = NULL;

	/* One without rows prints nothing, and gives no text. */
	if (scols_print_table_to_string(t->cols, &text) != 0 || text == NULL)
		text = strdup("");
	need(text != NULL);
	return text;
}
