/*
 * top: asks the daemon again and again, and prints what has changed in
 * between: as tables, one below the other, or on a screen that is drawn anew.
 *
 * Must never print a name that has not been escaped, or end without giving
 * the terminal back.
 */
#include "top.h"

#include "ctl.h"
#include "field.h"
#include "output.h"
#include "rates.h"
#include "screen.h"
#include "table.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	INTERVAL_MS = 1000,
	INTERVAL_MIN_MS = 100,
	INTERVAL_MAX_MS = 3600 * 1000,
	TEXT_MAX = 64 << 20,
};

struct top {
	struct ctl *ctl;
	int64_t interval_ms;
	int order;
	uint64_t left; /* tables; 0: no end */
	bool has_screen;
	bool is_first;
	struct rates last;
};

/* --- cells ------------------------------------------------------------- */

static const char *
cell_rate(const struct rates_row *row, int i)
{
	double v = row->rate[i];

	if (v < 0)
		return "";
	return field_printf(v > 0 && v < 10 ? "%.1f" : "%.0f", v);
}

static const char *
cell_number(const struct rates_row *row, int i)
{
	return row->value[i] < 0 ? "" : field_printf("%" PRId64, row->value[i]);
}

/* About, as in "12.3M": what it is exactly nobody reads. */
static const char *
cell_bytes(const struct rates_row *row, int i)
{
	static const char units[] = "BKMGT";
	double v = (double)row->value[i];
	size_t k = 0;

	if (v < 0)
		return "";
	for (; v >= 1000 && units[k + 1] != '\0'; k++)
		v /= 1024;
	return field_printf(
	    v < 100 && k > 0 ? "%.1f%c" : "%.0f%c", v, units[k]);
}

static const char *
cell_queue(const struct rates_row *row, int i)
{
	const char *limit = cell_number(row, VALUE_QUEUE_LIMIT);
	const char *queue = cell_number(row, i);

	return *limit == '\0' ? queue : field_printf("%s/%s", queue, limit);
}

static const char *
cell_name(const struct rates_row *row, int i)
{
	(void)i;
	return field_escape(row->name, strlen(row->name));
}

static const char *
cell_kind(const struct rates_row *row, int i)
{
	(void)i;
	return field_escape(row->kind, strlen(row->kind));
}

static const char *
cell_state(const struct rates_row *row, int i)
{
	(void)i;
	return field_escape(row->state, strlen(row->state));
}

static const struct top_column {
	struct table_column column;
	const char *(*cell)(const struct rates_row *row, int i);
	int i;
	bool wide;
} columns[] = {
    {{"NAME", 0}, cell_name, 0, false},
    {{"STATE", 0}, cell_state, 0, false},
    {{"KIND", 0}, cell_kind, 0, true},
    {{"PID", TABLE_RIGHT}, cell_number, VALUE_PID, false},
    {{"CPU%", TABLE_RIGHT}, cell_rate, RATE_CPU, false},
    {{"RSS", TABLE_RIGHT}, cell_bytes, VALUE_RSS, false},
    {{"IN/S", TABLE_RIGHT}, cell_rate, RATE_IN, false},
    {{"OUT/S", TABLE_RIGHT}, cell_rate, RATE_OUT, false},
    {{"CALLS/S", TABLE_RIGHT}, cell_rate, RATE_CALLS, false},
    {{"SERVED/S", TABLE_RIGHT}, cell_rate, RATE_SERVED, false},
    {{"QUEUE", TABLE_RIGHT}, cell_queue, VALUE_QUEUE, false},
    {{"BYTES", TABLE_RIGHT}, cell_bytes, VALUE_QUEUE_BYTES, true},
    {{"DROPPED", TABLE_RIGHT}, cell_number, VALUE_DROPPED, false},
    {{"DROPS/S", TABLE_RIGHT}, cell_rate, RATE_DROPS, true},
};

enum { COLUMNS = sizeof(columns) / sizeof(*columns) };

/* --- tables ------------------------------------------------------------ */

static void
add_row(struct table *t, const struct rates_row *row, bool wide)
{
	struct table_row *line = table_add(t, NULL);
	size_t n = 0;

	for (size_t i = 0; i < COLUMNS; i++) {
		const struct top_column *col = &columns[i];
		const char *text;

		if (col->wide && !wide)
			continue;
		text = col->cell(row, col->i);
		table_set(line, n++, text,
		    col->cell == cell_state ? output_state_color(text) : NULL);
	}
}

static struct table *
make_table(const struct top *top, const struct rates *r)
{
	struct table_column shown[COLUMNS];
	bool wide = top->ctl->format == OUTPUT_WIDE;
	struct table *t;
	size_t n = 0;

	for (size_t i = 0; i < COLUMNS; i++) {
		if (wide || !columns[i].wide)
			shown[n++] = columns[i].column;
	}
	t = table_new(shown, n);
	for (size_t i = 0; i < r->n; i++)
		add_row(t, &r->rows[i], wide);
	return t;
}

static void
print_json_line(const struct wire_cursor *data)
{
	struct wire_cursor at = *data;
	struct buf text;
	struct json j;

	buf_init(&text, TEXT_MAX);
	json_init(&j, &text, 0);
	(void)json_wire(&j, &at);
	printf("%s\n", buf_cstr(&text));
	buf_fini(&text);
}

/* True: the format is one for programs. */
static bool
print_data(const struct top *top, const struct rates *r)
{
	enum output_format format = top->ctl->format;
	struct wire_cursor at;
	struct buf packed;

	if (format == OUTPUT_TABLE || format == OUTPUT_WIDE)
		return false;
	buf_init(&packed, TEXT_MAX);
	rates_put(&packed, r, clock_real_ms());
	wire_cursor_init(&at, packed.data, packed.len);
	if (buf_error(&packed) != 0)
		ctl_fail(MSG_CODE_FAILED, "a table cannot be printed: %s",
		    strerror(-buf_error(&packed)));
	else if (format == OUTPUT_JSON)
		print_json_line(&at);
	else if (format == OUTPUT_YAML)
		fputs("---\n", stdout);
	if (format == OUTPUT_YAML)
		output_yaml(&at);
	for (size_t i = 0; format == OUTPUT_NAME && i < r->n; i++)
		puts(cell_name(&r->rows[i], 0));
	buf_fini(&packed);
	return true;
}

static void
draw(const struct top *top, const struct rates *r, struct table *t)
{
	char *text = table_text(t);
	char interval[32];
	size_t running = 0;

	for (size_t i = 0; i < r->n; i++)
		running += strcmp(r->rows[i].state, "running") == 0;
	screen_draw(
	    field_printf("plugind: %zu of %zu running, every %s; q leaves",
	        running, r->n,
	        units_format_duration(
	            top->interval_ms, interval, sizeof(interval))),
	    text);
	free(text);
}

static void
print(struct top *top, struct rates *r)
{
	struct table *t;

	rates_sort(r, top->order);
	if (print_data(top, r))
		return;
	t = make_table(top, r);
	if (top->has_screen) {
		draw(top, r, t);
	} else {
		if (!top->is_first)
			putchar('\n');
		table_print(t);
	}
	top->is_first = false;
	table_free(t);
}

/* --- asking ------------------------------------------------------------ */

static int
ask(struct ctl *ctl, struct rates *ret)
{
	struct wire_cursor data;
	struct buf args;
	int code;

	ctl_args(&args, 1);
	ctl_put_names(&args, ctl->argc, ctl->argv);
	code = ctl_ask(
	    ctl, MSG_TOP, &args, ctl_deadline(ctl, CTL_QUERY_MS), &data);
	if (code != 0)
		return code;
	code = rates_read(ret, &data);
	if (code != 0)
		return ctl_fail(
		    MSG_CODE_FAILED, "top: the reply: %s", strerror(-code));
	return 0;
}

static bool
wait_until(const struct top *top, int64_t until_ms)
{
	int64_t left_ms = until_ms - clock_mono_ms();

	if (top->has_screen)
		return screen_wait(top->ctl, until_ms);
	return left_ms <= 0 || ctl_pause(top->ctl, left_ms);
}

/* One table; 0, or an exit code. */
static int
step(struct top *top)
{
	struct rates next;
	int code = ask(top->ctl, &next);

	if (code != 0)
		return code;
	rates_compute(&next, &top->last);
	rates_free(&top->last);
	top->last = next;
	print(top, &top->last);
	if (fflush(stdout) != 0)
		return MSG_CODE_FAILED; /* main says why */
	return 0;
}

static int
run(struct top *top)
{
	int64_t next_ms = clock_mono_ms();
	int code = ask(top->ctl, &top->last);

	if (code == 0 && top->has_screen)
		print(top, &top->last);
	while (code == 0) {
		next_ms += top->interval_ms;
		if (!wait_until(top, next_ms))
			return 0;
		code = step(top);
		if (top->left > 0 && --top->left == 0)
			break;
	}
	return top->has_screen && code == CTL_INTERRUPTED ? 0 : code;
}

/* --- options ----------------------------------------------------------- */

static int
parse_interval(struct top *top, const char *text)
{
	if (text == NULL)
		return 0;
	if (units_parse_duration(text, &top->interval_ms) == 0 &&
	    top->interval_ms >= INTERVAL_MIN_MS &&
	    top->interval_ms <= INTERVAL_MAX_MS)
		return 0;
	return ctl_fail(MSG_CODE_USAGE,
	    "--interval %s: write a duration of 100ms to 1h, like 2s", text);
}

static int
parse_count(struct top *top, const char *text)
{
	char *end = NULL;

	if (text == NULL)
		return 0;
	errno = 0;
	top->left = strtoul(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *text != '-' &&
	    top->left > 0)
		return 0;
	return ctl_fail(
	    MSG_CODE_USAGE, "--count %s: not a number of tables", text);
}

static int
parse(struct top *top)
{
	const struct ctl *ctl = top->ctl;
	const char *sort = ctl->option[OPTION_SORT];
	bool is_text =
	    ctl->format == OUTPUT_TABLE || ctl->format == OUTPUT_WIDE;
	int code;

	top->has_screen =
	    is_text && ctl->option[OPTION_COUNT] == NULL && screen_is_there();
	top->left = screen_is_there() ? 0 : 1;
	code = parse_count(top, ctl->option[OPTION_COUNT]);
	if (code == 0)
		code = parse_interval(top, ctl->option[OPTION_INTERVAL]);
	if (code == 0 && rates_find_order(sort ? sort : "cpu", &top->order) < 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "--sort %s: use cpu, rss, in, out, calls, drops or name",
		    sort);
	return code;
}

int
top_run(struct ctl *ctl)
{
	struct top top = {
	    .ctl = ctl, .interval_ms = INTERVAL_MS, .is_first = true};
	int code = parse(&top);

	if (code != 0)
		return code;
	if (top.has_screen)
		screen_open(ctl);
	code = run(&top);
	if (top.has_screen)
		screen_close();
	rates_free(&top.last);
	return code;
}
