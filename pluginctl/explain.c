/*
 * explain: the two pages about one plugin. `show` is a table of labels, the
 * paths of their values in the reply and how to write them; `why` tells a
 * story. Both print one page for each instance. Must never change anything.
 */
#include "explain.h"

#include "ctl.h"
#include "field.h"
#include "output.h"

#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_WIDTH = 14, UNIT_LEN = 32 };

/* A value as text, "" when there is none; lines are divided by newlines. */
typedef const char *render_fn(const struct wire_cursor *map, const char *path);

static const char *
render_state(const struct wire_cursor *map, const char *path)
{
	const char *state = field_text(map, path);

	return output_paint(output_state_color(state), state);
}

static const char *
render_list(const struct wire_cursor *map, const char *path)
{
	return field_join(map, path, ", ");
}

static const char *
render_duration(const struct wire_cursor *map, const char *path)
{
	char text[UNIT_LEN];
	int64_t ms;

	if (!field_int(map, path, &ms))
		return field_text(map, path);
	return field_printf(
	    "%s", units_format_duration(ms, text, sizeof(text)));
}

static const char *
render_size(const struct wire_cursor *map, const char *path)
{
	char text[UNIT_LEN];
	int64_t bytes;

	if (!field_int(map, path, &bytes))
		return field_text(map, path);
	return field_printf("%s", units_format_size(bytes, text, sizeof(text)));
}

static const char *
render_percent(const struct wire_cursor *map, const char *path)
{
	char text[UNIT_LEN];
	int64_t milli;

	if (!field_int(map, path, &milli))
		return field_text(map, path);
	return field_printf(
	    "%s", units_format_percent(milli, text, sizeof(text)));
}

/* A number worth telling only when it is not 0. */
static const char *
render_count(const struct wire_cursor *map, const char *path)
{
	int64_t n = 0;

	return field_int(map, path, &n) && n > 0 ? field_text(map, path) : "";
}

/* A word as a shell would have to be given it. */
static const char *
quote_word(const char *word)
{
	const char *out = "'";

	if (*word && word[strspn(word,
	                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                 "0123456789_-+=:,./@%")] == '\0')
		return word;
	for (;;) {
		size_t n = strcspn(word, "'");

		out = field_printf("%s%.*s", out, (int)n, word);
		if (!word[n])
			return field_printf("%s'", out);
		out = field_printf("%s'\\''", out);
		word += n + 1;
	}
}

static const char *
render_argv(const struct wire_cursor *map, const char *path)
{
	struct wire_cursor at = *map;
	uint32_t count = field_list(map, path, &at);
	const char *out = "";

	for (uint32_t i = 0; i < count; i++) {
		out = field_printf(
		    "%s%s%s", out, i ? " " : "", quote_word(field_value(&at)));
		if (wire_skip(&at) < 0)
			break;
	}
	return out;
}

/* A map or array on lines of their own; anything else as it is. */
static const char *
render_lines(const struct wire_cursor *map, const char *path)
{
	struct wire_cursor at = *map;
	const char *out = "";
	uint32_t count = 0;

	if (!field_find(map, path, &at) || wire_get_map(&at, &count) < 0)
		return wire_peek(&at) == WIRE_ARRAY
		           ? field_join(map, path, "\n")
		           : field_text(map, path);
	for (uint32_t i = 0; i < count; i++) {
		const char *key = field_value(&at);

		wire_skip(&at);
		out = field_printf(
		    "%s%s%s=%s", out, i ? "\n" : "", key, field_value(&at));
		if (wire_skip(&at) < 0)
			break;
	}
	return out;
}

/* One line for each exit: when, how, after how long. */
static const char *
render_exits(const struct wire_cursor *map, const char *path)
{
	struct wire_cursor at = *map;
	uint32_t count = field_list(map, path, &at);
	const char *out = "";

	for (uint32_t i = 0; i < count; i++) {
		const char *error = field_text(&at, "error");

		out = field_printf("%s%s%s: %s after %s (generation %s)", out,
		    i ? "\n" : "", field_time(&at, "time_ms"),
		    *error ? error : field_exit(&at, ""),
		    field_age(&at, "uptime_ms"), field_text(&at, "generation"));
		if (wire_skip(&at) < 0)
			break;
	}
	return out;
}

struct show_row {
	const char *title; /* begins a group */
	const char *label;
	const char *path;
	render_fn *render;
};

/* clang-format off */
static const struct show_row show_rows[] = {
	{NULL, "state",          "state",            render_state},
	{NULL, "health",         "health",           field_text},
	{NULL, "message",        "message",          field_text},
	{NULL, "wish",           "wish",             field_text},
	{NULL, "pid",            "pid",              field_text},
	{NULL, "generation",     "generation",       field_text},
	{NULL, "started at",     "started_at",       field_text},
	{NULL, "uptime",         "uptime_ms",        field_age},
	{NULL, "restarts",       "restarts",         field_text},
	{NULL, "last exit",      "last_exit",        field_exit},
	{NULL, "last error",     "last_error",       field_text},
	{NULL, "next start",     "next_restart_at",  field_text},
	{"Definition", NULL, NULL, NULL},
	{NULL, "kind",           "kind",             field_text},
	{NULL, "type",           "type",             field_text},
	{NULL, "version",        "version",          field_text},
	{NULL, "enabled",        "enabled",          field_text},
	{NULL, "defined at",     "defined_at",       field_text},
	{NULL, "program",        "argv",             render_argv},
	{NULL, "user",           "user",             field_text},
	{NULL, "group",          "group",            field_text},
	{NULL, "directory",      "working_dir",      field_text},
	{NULL, "environment",    "environment",      render_lines},
	{NULL, "ready",          "ready",            render_lines},
	{NULL, "probe",          "probe",            render_lines},
	{NULL, "probe misses",   "probe_failures",   render_count},
	{"Dependencies", NULL, NULL, NULL},
	{NULL, "depends on",     "depends_on",       render_list},
	{NULL, "dependents",     "dependents",       render_list},
	{"Restart", NULL, NULL, NULL},
	{NULL, "policy",         "restart.policy",   field_text},
	{NULL, "delay",          "restart.delay_ms", render_duration},
	{NULL, "factor",         "restart.factor",   field_text},
	{NULL, "max delay",      "restart.max_delay_ms", render_duration},
	{NULL, "max restarts",   "restart.max_restarts", field_text},
	{NULL, "window",         "restart.window_ms", render_duration},
	{NULL, "in window",      "restart.restarts_in_window", field_text},
	{"Limits", NULL, NULL, NULL},
	{NULL, "memory",         "limits.memory",    render_size},
	{NULL, "cpu",            "limits.cpu",       render_percent},
	{NULL, "processes",      "limits.processes", field_text},
	{NULL, "open files",     "limits.open_files", field_text},
	{NULL, "core",           "limits.core",      render_size},
	{NULL, "enforced by",    "limits.layer",     field_text},
	{"Places", NULL, NULL, NULL},
	{NULL, "log",            "log_path",         field_text},
	{NULL, "lines dropped",  "dropped_log_lines", render_count},
	{NULL, "state",          "state_dir",        field_text},
	{NULL, "cgroup",         "cgroup",           field_text},
	{"Exits", NULL, NULL, NULL},
	{NULL, "last",           "exits",            render_exits},
};
/* clang-format on */

/* Prints a text under a label, further lines aligned below the first. */
static void
print_labelled(const char *label, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n");

		printf("  %-*s %.*s\n", LABEL_WIDTH, label, (int)n, text);
		if (!text[n])
			return;
		text += n + 1;
		label = "";
	}
}

static void
print_show(const struct wire_cursor *map)
{
	const char *title = NULL;

	printf("%s\n", output_paint("bold", field_text(map, "name")));
	for (size_t i = 0; i < sizeof(show_rows) / sizeof(*show_rows); i++) {
		const struct show_row *row = &show_rows[i];
		const char *text;

		if (row->title) {
			title = row->title;
			continue;
		}
		text = row->render(map, row->path);
		if (!*text)
			continue;
		if (title)
			printf("\n%s\n", output_paint("bold", title));
		title = NULL;
		print_labelled(row->label, text);
	}
}

/* "  db: failed, must be ready" and below it what is the matter with it. */
static void
print_link(const struct wire_cursor *link)
{
	const char *state = field_text(link, "state");
	const char *text = field_text(link, "text");
	bool met = field_bool(link, "met");
	int64_t depth = 0;
	int indent;

	field_int(link, "depth", &depth);
	indent = (int)(2 + 2 * depth);
	printf("%*s%s: %s, %s %s\n", indent, "", field_text(link, "name"),
	    output_paint(output_state_color(state), state),
	    met ? "is" : "must be", field_text(link, "condition"));
	if (!met && *text)
		printf("%*s%s\n", indent + 2, "", text);
}

/* Indented by how far it is from the plugin itself. */
static void
print_chain(const struct wire_cursor *map)
{
	struct wire_cursor at = *map;
	uint32_t count = field_list(map, "chain", &at);

	if (count > 0)
		puts("\nDepends on");
	for (; count > 0; count--) {
		print_link(&at);
		if (wire_skip(&at) < 0)
			return;
	}
}

static const char *
render_series(const struct wire_cursor *map, const char *path)
{
	struct wire_cursor at = *map;
	uint32_t count = field_list(map, path, &at);
	const char *out = "";

	for (uint32_t i = 0; i < count; i++) {
		char text[UNIT_LEN];
		int64_t ms;

		if (wire_get_int(&at, &ms) < 0)
			break;
		out = field_printf("%s%s%s", out, i ? ", " : "",
		    units_format_duration(ms, text, sizeof(text)));
	}
	return out;
}

static void
print_backoff(const struct wire_cursor *map)
{
	struct wire_cursor at;
	const char *series;
	const char *next;
	int64_t max = 0;

	if (!field_find(map, "backoff", &at))
		return;
	series = render_series(&at, "series_ms");
	next = field_age(&at, "next_start_ms");
	puts("\nBack-off");
	if (*next)
		printf("  next start in %s\n", next);
	if (*series)
		printf("  delays: %s\n", series);
	field_int(&at, "max_restarts", &max);
	if (max == 0)
		printf("  %s restarts within %s, without a limit\n",
		    field_text(&at, "in_window"),
		    render_duration(&at, "window_ms"));
	else
		printf("  %s of %" PRId64
		       " restarts within %s; above that it is failed\n",
		    field_text(&at, "in_window"), max,
		    render_duration(&at, "window_ms"));
}

static void
print_probe(const struct wire_cursor *map)
{
	struct wire_cursor at;
	const char *when;

	if (!field_find(map, "probe", &at) || !*field_text(&at, "kind"))
		return;
	when = field_time(&at, "at_ms");
	printf("\nProbe\n  %s %s", field_text(&at, "kind"),
	    field_text(&at, "target"));
	if (*field_text(&at, "text"))
		printf(": %s%s%s", field_text(&at, "text"), *when ? ", " : "",
		    when);
	printf("; %s failures in a row\n", field_text(&at, "failures"));
}

static void
print_texts(const char *title, const char *text)
{
	if (!*text)
		return;
	printf("\n%s\n", title);
	for (;;) {
		size_t n = strcspn(text, "\n");

		printf("  %.*s\n", (int)n, text);
		if (!text[n])
			return;
		text += n + 1;
	}
}

static void
print_why(const struct wire_cursor *map)
{
	const char *state = field_text(map, "state");
	const char *since = field_time(map, "since_ms");

	printf("%s: %s%s%s, wish %s\n", field_text(map, "name"),
	    output_paint(output_state_color(state), state),
	    *since ? " since " : "", since, field_text(map, "wish"));
	printf("%s\n", field_text(map, "summary"));
	print_chain(map);
	print_texts("Last exits", render_exits(map, "exits"));
	print_backoff(map);
	print_probe(map);
	print_texts("What to do", field_join(map, "hints", "\n"));
}

/* Asks about the plugin and prints a page for each instance. */
static int
print_pages(struct ctl *ctl, void (*print)(const struct wire_cursor *map))
{
	struct wire_cursor data;
	uint32_t count = 0;
	int code = ctl_query(ctl, ctl->command->type, ctl->argv[0], &data);

	if (code != 0 || output_data(ctl->format, &data))
		return code;
	wire_get_array(&data, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			putchar('\n');
		print(&data);
		if (wire_skip(&data) < 0)
			break;
	}
	return 0;
}

int
explain_show(struct ctl *ctl)
{
	return print_pages(ctl, print_show);
}

int
explain_why(struct ctl *ctl)
{
	return print_pages(ctl, print_why);
}
