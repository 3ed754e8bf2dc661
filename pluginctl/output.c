/*
 * output: owns the output formats. What is for programs is transcoded from
 * the bytes of the reply without knowing what they mean, so that a new field
 * of the daemon shows up by itself. Must never print a byte of outside raw:
 * JSON and YAML strings are written by common/json.c, the rest through
 * field.c.
 */
#include "output.h"

#include "field.h"
#include "yaml.h"

#include "common/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the reply is at most 4 MiB, every byte may become \u00xx. */
enum { MAX_TEXT = 64 << 20, JSON_INDENT = 2 };

static const char *const format_names[OUTPUT__COUNT] = {
    [OUTPUT_TABLE] = "table",
    [OUTPUT_WIDE] = "wide",
    [OUTPUT_JSON] = "json",
    [OUTPUT_YAML] = "yaml",
    [OUTPUT_NAME] = "name",
};

static bool colors;

int
output_format_from_string(const char *s, enum output_format *ret)
{
	for (int i = 0; i < OUTPUT__COUNT; i++) {
		if (strcmp(s, format_names[i]) == 0) {
			*ret = (enum output_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

void
output_use_colors(bool wanted)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	colors = wanted && isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	         !(term && strcmp(term, "dumb") == 0);
}

bool
output_has_colors(void)
{
	return colors;
}

static const struct {
	const char *name;
	int code;
} color_table[] = {
    {"red", 31},
    {"green", 32},
    {"yellow", 33},
    {"blue", 34},
    {"magenta", 35},
    {"cyan", 36},
    {"bold", 1},
};

const char *
output_paint(const char *color, const char *text)
{
	if (!colors || !color)
		return text;
	for (size_t i = 0; i < sizeof(color_table) / sizeof(*color_table);
	     i++) {
		if (strcmp(color_table[i].name, color) == 0)
			return field_printf(
			    "\033[%dm%s\033[0m", color_table[i].code, text);
	}
	return text;
}

const char *
output_state_color(const char *state)
{
	static const struct {
		const char *state;
		const char *color;
	} rows[] = {
	    {"running", "green"},
	    {"failed", "red"},
	    {"backoff", "yellow"},
	    {"waiting", "yellow"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(rows[i].state, state) == 0)
			return rows[i].color;
	}
	return NULL;
}

const char *
output_cycle_color(unsigned i)
{
	static const char *const cycle[] = {
	    "cyan", "yellow", "green", "magenta", "blue"};

	return cycle[i % (sizeof(cycle) / sizeof(*cycle))];
}

static void
write_buf(struct buf *b)
{
	if (buf_error(b) < 0)
		fprintf(stderr, "pluginctl: the reply cannot be printed: %s\n",
		    strerror(-buf_error(b)));
	else
		(void)fwrite(b->data, 1, b->len, stdout);
	buf_fini(b);
}

static void
print_json(struct wire_cursor data)
{
	struct buf b;
	struct json j;

	buf_init(&b, MAX_TEXT);
	json_init(&j, &b, JSON_INDENT);
	json_wire(&j, &data);
	buf_putc(&b, '\n');
	write_buf(&b);
}

void
output_yaml(const struct wire_cursor *data)
{
	struct buf b;

	buf_init(&b, MAX_TEXT);
	yaml_write(&b, data);
	write_buf(&b);
}

/* The name of every map in an array; of an operation, those of its results. */
static void
print_names(struct wire_cursor at)
{
	struct wire_cursor results;
	uint32_t count = 0;

	if (wire_peek(&at) == WIRE_MAP && field_find(&at, "results", &results))
		at = results;
	if (wire_peek(&at) == WIRE_MAP && *field_text(&at, "name"))
		printf("%s\n", field_text(&at, "name"));
	if (wire_get_array(&at, &count) < 0)
		return;
	for (; count > 0; count--) {
		const char *name = wire_peek(&at) == WIRE_STR
		                       ? field_value(&at)
		                       : field_text(&at, "name");

		if (*name)
			printf("%s\n", name);
		if (wire_skip(&at) < 0)
			return;
	}
}

bool
output_data(enum output_format format, const struct wire_cursor *data)
{
	if (format == OUTPUT_JSON)
		print_json(*data);
	else if (format == OUTPUT_YAML)
		output_yaml(data);
	else if (format == OUTPUT_NAME)
		print_names(*data);
	else
		return false;
	return true;
}
