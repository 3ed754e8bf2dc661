/*
 * output: the formats a reply can be printed in, and the colours of the
 * text ones.
 */
#ifndef PLUGINCTL_OUTPUT_H
#define PLUGINCTL_OUTPUT_H

#include "common/wire.h"

#include <stdbool.h>

enum output_format {
	OUTPUT_TABLE,
	OUTPUT_WIDE,
	OUTPUT_JSON,
	OUTPUT_YAML,
	OUTPUT_NAME,
	OUTPUT__COUNT
};

/* 0 or -EINVAL; *ret untouched on failure. */
int output_format_from_string(const char *s, enum output_format *ret);

/* Looks at stdout and the environment; `wanted` false: never colours. */
void output_use_colors(bool wanted);
bool output_has_colors(void);
/* The text in a colour ("red"; NULL: as it is), a text of field.h. */
const char *output_paint(const char *color, const char *text);
/* The colour of a plugin's state, or NULL. */
const char *output_state_color(const char *state);
/* One of several colours, the same for the same number. */
const char *output_cycle_color(unsigned i);

/* Prints the object at `data` if the format is one for programs (json, yaml,
 * name); false when it is one for people and nothing was done. */
bool output_data(enum output_format format, const struct wire_cursor *data);
/* The same as YAML, whatever the format. */
void output_yaml(const struct wire_cursor *data);

#endif
