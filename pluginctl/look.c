/*
 * look: the commands that list things. Each asks once and prints the reply
 * as a table or a few lines. Must never change anything.
 */
#include "look.h"

#include "ctl.h"
#include "field.h"
#include "output.h"
#include "table.h"

#include "common/clock.h"
#include "common/units.h"

#include <stdio.h>
#include <string.h>

/* The heading, the key of its text, and whether only -o wide has it. */
struct status_column {
	struct table_column column;
	const char *key; /* NULL: see status_cell */
	bool wide;
};

static const struct status_column status_columns[] = {
    {{"NAME", 0}, "name", false},
    {{"STATE", 0}, "state", false},
    {{"HEALTH", 0}, "health", false},
    {{"PID", TABLE_RIGHT}, "pid", false},
    {{"UPTIME", TABLE_RIGHT}, NULL, false},
    {{"RESTARTS", TABLE_RIGHT}, "restarts", false},
    {{"KIND", 0}, "kind", false},
    {{"GENERATION", TABLE_RIGHT}, "generation", true},
    {{"TYPE", 0}, "type", true},
    {{"LAST EXIT", 0}, "last_exit", true},
    {{"NEXT START", 0}, "next_restart_at", true},
    {{"DEPENDS ON", 0}, "depends_on", true},
    {{"MESSAGE", TABLE_CUT}, "message", false},
};

enum { STATUS_COLUMNS = sizeof(status_columns) / sizeof(*status_columns) };

static const char *
status_cell(const struct wire_cursor *row, const char *key)
{
	if (!key)
		return field_age(row, "uptime_ms");
	if (strcmp(key, "last_exit") == 0)
		return field_exit(row, key);
	if (strcmp(key, "depends_on") == 0)
		return field_join(row, key, ",");
	return field_text(row, key);
}

static void
add_status_row(struct table *t, const struct wire_cursor *row, bool wide)
{
	struct table_row *line = table_add(t, NULL);
	size_t n = 0;

	for (size_t i = 0; i < STATUS_COLUMNS; i++) {
		const struct status_column *col = &status_columns[i];
		const char *text;

		if (col->wide && !wide)
			continue;
		text = status_cell(row, col->key);
		table_set(line, n++, text,
		    strcmp(col->column.heading, "STATE") == 0
		        ? output_state_color(text)
		        : NULL);
	}
}

static struct table *
new_status_table(bool wide)
{
	struct table_column columns[STATUS_COLUMNS];
	size_t n = 0;

	for (size_t i = 0; i < STATUS_COLUMNS; i++) {
		if (status_columns[i].wide && !wide)
			continue;
		columns[n] = status_columns[i].column;
		if (wide)
			columns[n].flags &= ~(unsigned)TABLE_CUT;
		n++;
	}
	return table_new(columns, n);
}

static void
print_status(struct ctl *ctl, struct wire_cursor rows, uint32_t count)
{
	bool wide = ctl->format == OUTPUT_WIDE;
	struct table *t;

	if (count == 0) {
		fputs("There are no plugins yet. Write one into "
		      "plugins.d/NAME.yaml beside plugind.yaml (pluginctl "
		      "version shows where), then: pluginctl apply\n",
		    stderr);
		return;
	}
	t = new_status_table(wide);
	for (uint32_t i = 0; i < count; i++) {
		add_status_row(t, &rows, wide);
		if (wire_skip(&rows) < 0)
			break;
	}
	table_print(t);
	table_free(t);
}

static bool
all_running(struct wire_cursor rows, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(field_text(&rows, "state"), "running") != 0)
			return false;
		if (wire_skip(&rows) < 0)
			return false;
	}
	return true;
}

int
look_status(struct ctl *ctl)
{
	struct buf args;
	struct wire_cursor data;
	struct wire_cursor rows;
	uint32_t count = 0;
	int code;

	ctl_args(&args, 1);
	ctl_put_names(&args, ctl->argc, ctl->argv);
	code = ctl_ask(
	    ctl, MSG_STATUS, &args, ctl_deadline(ctl, CTL_QUERY_MS), &data);
	/* As LSB has it: the status of what is not there is unknown. */
	if (code == MSG_CODE_UNKNOWN_PLUGIN)
		return MSG_CODE_DENIED;
	if (code != 0)
		return code;
	rows = data;
	wire_get_array(&rows, &count);
	if (!output_data(ctl->format, &data))
		print_status(ctl, rows, count);
	if (ctl->argc > 0 && !all_running(rows, count))
		return MSG_CODE_NOT_RUNNING;
	return 0;
}

/* From the failure to the next start. */
static const char *
delay_text(const struct wire_cursor *row)
{
	char age[32];
	int64_t failed;
	int64_t next;

	if (!field_int(row, "time_ms", &failed) ||
	    !field_int(row, "next_restart_ms", &next))
		return "";
	return field_printf(
	    "%s", units_format_age(next - failed, age, sizeof(age)));
}

static void
add_failure(struct table *t, const struct wire_cursor *row)
{
	struct table_row *line = table_add(t, NULL);

	table_set(line, 0, field_time(row, "time_ms"), NULL);
	table_set(line, 1, field_text(row, "name"), NULL);
	table_set(line, 2, field_text(row, "generation"), NULL);
	table_set(line, 3, field_exit(row, "exit"), NULL);
	table_set(line, 4, field_age(row, "uptime_ms"), NULL);
	table_set(line, 5, delay_text(row), NULL);
	table_set(line, 6, field_text(row, "error"), NULL);
}

int
look_failures(struct ctl *ctl)
{
	static const struct table_column columns[] = {
	    {"TIME", 0},
	    {"NAME", 0},
	    {"GENERATION", TABLE_RIGHT},
	    {"EXIT", 0},
	    {"RAN FOR", TABLE_RIGHT},
	    {"RESTART AFTER", TABLE_RIGHT},
	    {"ERROR", TABLE_CUT},
	};
	struct wire_cursor data;
	struct wire_cursor rows;
	struct table *t;
	uint32_t count = 0;
	int code = ctl_query(ctl, MSG_FAILURES, NULL, &data);

	if (code != 0 || output_data(ctl->format, &data))
		return code;
	rows = data;
	wire_get_array(&rows, &count);
	if (count == 0) {
		fputs("No plugin has failed since the daemon began.\n", stderr);
		return 0;
	}
	t = table_new(columns, sizeof(columns) / sizeof(*columns));
	for (; count > 0; count--) {
		add_failure(t, &rows);
		if (wire_skip(&rows) < 0)
			break;
	}
	table_print(t);
	table_free(t);
	return 0;
}

int
look_version(struct ctl *ctl)
{
	static const struct {
		const char *label;
		const char *key;
	} rows[] = {
	    {"configuration", "config"},
	    {"runtime_dir", "runtime_dir"},
	    {"state_dir", "state_dir"},
	    {"user", "user"},
	    {"cgroup", "cgroup"},
	    {"plugins", "plugins"},
	    {"settled", "settled"},
	};
	struct wire_cursor data;
	int code = ctl_query(ctl, MSG_GET_VERSION, NULL, &data);

	if (code == 0 && output_data(ctl->format, &data))
		return 0;
	puts("pluginctl " PLUGIND_VERSION);
	if (code != 0)
		return code;
	printf("plugind %s (pid %s, up %s)\n", field_text(&data, "version"),
	    field_text(&data, "pid"), field_age(&data, "uptime_ms"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *text = field_text(&data, rows[i].key);

		if (*text)
			printf("  %-13s  %s\n", rows[i].label, text);
	}
	return 0;
}

int
look_ping(struct ctl *ctl)
{
	struct wire_cursor data;
	int64_t begin_us = clock_mono_us();
	int code = ctl_query(ctl, MSG_PING, NULL, &data);

	if (code == 0 && !output_data(ctl->format, &data))
		printf("plugind answers (%.1f ms)\n",
		    (double)(clock_mono_us() - begin_us) / 1000);
	return code;
}
