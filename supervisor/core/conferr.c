/*
 * conferr: the list of complaints about a configuration.
 *
 * Owns the array of a struct conf_errors and one heap block an entry, which
 * holds the text and the name of the file, so that the list outlives the
 * configuration it is about. Bounded by CONFIG_ERRORS_MAX: a hostile file
 * costs a fixed amount of memory. Knows nothing of YAML or of the schema.
 */
#include "conferr.h"

#include "common/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text and behind it the file name, in one block. What comes from a file
 * stands quoted in most texts, names of entries do not: nothing may reach a
 * terminal as it is. */
__attribute__((format(printf, 1, 0))) static char *
join_text(const char *fmt, va_list ap, const char *file, char **ret_file)
{
	size_t file_size = file == NULL ? 0 : strlen(file) + 1;
	char *block = NULL;
	char *raw = NULL;
	size_t cap;
	int len = vasprintf(&raw, fmt, ap);

	if (len < 0)
		return NULL;
	cap = 4 * (size_t)len + 1;
	if (escape_clean(raw, (size_t)len))
		cap = (size_t)len + 1;
	block = malloc(cap + file_size);
	if (block != NULL) {
		(void)escape_text(block, cap, raw, (size_t)len, NULL);
		*ret_file = NULL;
		if (file != NULL)
			*ret_file = memcpy(block + cap, file, file_size);
	}
	free(raw);
	return block;
}

__attribute__((format(printf, 4, 0))) static void
add(struct conf_errors *errs, struct conf_loc loc, bool warning,
    const char *fmt, va_list ap)
{
	struct conf_error *e;
	char *file;

	if (!warning)
		errs->nerrors++;
	if (errs->v == NULL)
		errs->v = calloc(CONFIG_ERRORS_MAX, sizeof(*errs->v));
	if (errs->v == NULL || errs->n == CONFIG_ERRORS_MAX) {
		errs->dropped++;
		return;
	}
	e = &errs->v[errs->n];
	e->text = join_text(fmt, ap, loc.file, &file);
	if (e->text == NULL) {
		errs->dropped++;
		return;
	}
	e->loc = loc;
	e->loc.file = file;
	e->warning = warning;
	errs->n++;
}

void
conf_error_add(
    struct conf_errors *errs, struct conf_loc loc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(errs, loc, false, fmt, ap);
	va_end(ap);
}

void
conf_warning_add(
    struct conf_errors *errs, struct conf_loc loc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(errs, loc, true, fmt, ap);
	va_end(ap);
}

void
conf_errors_fini(struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		free(errs->v[i].text);
	free(errs->v);
	memset(errs, 0, sizeof(*errs));
}

static int
compare_files(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static bool
is_before(const struct conf_loc *a, const struct conf_loc *b)
{
	int order = compare_files(a->file, b->file);

	if (order != 0)
		return order < 0;
	if (a->line != b->line)
		return a->line < b->line;
	return a->column < b->column;
}

/* Insertion sort: stable, and the list is short. */
void
conf_errors_sort(struct conf_errors *errs)
{
	for (size_t i = 1; i < errs->n; i++) {
		struct conf_error e = errs->v[i];
		size_t k = i;

		while (k > 0 && is_before(&e.loc, &errs->v[k - 1].loc)) {
			errs->v[k] = errs->v[k - 1];
			k--;
		}
		errs->v[k] = e;
	}
}

static void
put_escaped(struct buf *out, const char *s)
{
	char text[256];
	size_t used;

	for (size_t len = strlen(s); len > 0; s += used, len -= used) {
		(void)escape_text(text, sizeof(text), s, len, &used);
		buf_puts(out, text);
	}
}

void
conf_errors_print(const struct conf_errors *errs, struct buf *out)
{
	for (size_t i = 0; i < errs->n; i++) {
		const struct conf_error *e = &errs->v[i];

		if (e->loc.file != NULL)
			put_escaped(out, e->loc.file);
		if (e->loc.line > 0)
			buf_printf(out, ":%d:%d", e->loc.line, e->loc.column);
		buf_printf(out, "%s%s%s\n", e->loc.file != NULL ? ": " : "",
		    e->warning ? "warning: " : "", e->text);
	}
	if (errs->dropped > 0)
		buf_printf(out, "and %zu more\n", errs->dropped);
}

const char *
conf_quote(struct conf_quoted *q, const char *s)
{
	enum { ROOM = sizeof(q->text) - sizeof("\"...\"") };
	size_t len = strlen(s);
	size_t used = 0;
	size_t n;

	q->text[0] = '"';
	n = escape_text(q->text + 1, ROOM, s, len, &used) + 1;
	(void)snprintf(
	    q->text + n, sizeof(q->text) - n, "%s\"", used < len ? "..." : "");
	return q->text;
}
