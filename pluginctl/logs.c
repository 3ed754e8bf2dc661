/*
 * logs: prints what plugins wrote. A reply holds at most 1 MiB, so the
 * lines of all replies up to the present are gathered, put in order of time
 * and printed; with -f the next ones are then asked for, thirty seconds at a
 * time, also across a restart of the daemon. Must never print a line of a
 * plugin that has not been escaped.
 */
#include "logs.h"

#include "ctl.h"
#include "field.h"
#include "output.h"

#include "common/client.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_LINES = 20,
	MAX_LINES = 10000,
	MAX_CURSOR = 4096,
	/* Printed although more may come: bounds what is held in memory. */
	FLUSH_BYTES = 64 << 20,
	SLACK_BYTES = 8 << 20, /* more than one reply */
	POLL_MS = 30000,
	GRACE_MS = 5000,
	RETRY_FOR_MS = 30000,
	RETRY_EVERY_MS = 200,
};

struct line {
	int64_t time_ms;
	size_t order; /* of arrival: keeps a plugin's lines in order */
	size_t at;    /* offset of the encoded map in `bytes` */
	size_t len;
};

struct logs {
	struct ctl *ctl;
	int64_t lines;
	int64_t since_ms; /* -1: none */
	uint8_t cursor[MAX_CURSOR];
	size_t cursor_len; /* 0: none yet */
	struct buf bytes;
	struct line *held;
	size_t count;
	size_t cap;
	int name_width; /* 0: one plugin, no prefix */
	int64_t last_ms;
};

static int
parse_options(struct logs *l)
{
	const char *lines = l->ctl->option[OPTION_LINES];
	const char *since = l->ctl->option[OPTION_SINCE];
	char *end = NULL;

	l->since_ms = -1;
	l->lines = since ? MAX_LINES : DEFAULT_LINES;
	if (since &&
	    units_parse_since(since, clock_real_ms(), &l->since_ms) < 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "--since %s: not a time; write 2026-01-31 12:00, an RFC "
		    "3339 time, or how long ago (10m)",
		    since);
	if (!lines)
		return 0;
	errno = 0;
	l->lines = strtol(lines, &end, 10);
	if (strcmp(lines, "all") == 0)
		l->lines = MAX_LINES;
	else if (errno != 0 || end == lines || *end || l->lines < 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "-n %s: not a number of lines (nor all)", lines);
	if (l->lines > MAX_LINES)
		l->lines = MAX_LINES;
	return 0;
}

/* How wide the names are when there are several; 0 for one. */
static int
measure_names(struct logs *l)
{
	struct wire_cursor data;
	struct buf args;
	uint32_t count = 0;
	size_t width = 0;
	int code;

	ctl_args(&args, 1);
	ctl_put_names(&args, l->ctl->argc, l->ctl->argv);
	code = ctl_ask(l->ctl, MSG_STATUS, &args,
	    ctl_deadline(l->ctl, CTL_QUERY_MS), &data);
	if (code != 0)
		return code;
	wire_get_array(&data, &count);
	for (uint32_t i = 0; i < count && count > 1; i++) {
		size_t len = strlen(field_text(&data, "name"));

		width = len > width ? len : width;
		if (wire_skip(&data) < 0)
			break;
	}
	l->name_width = (int)width;
	return 0;
}

/* Asks for what comes next, waiting up to wait_ms for it. As client_call. */
static int
request_lines(struct logs *l, int64_t wait_ms, struct client_reply *ret)
{
	struct buf args;
	int err;

	field_release();
	ctl_args(&args, 5);
	ctl_put_names(&args, l->ctl->argc, l->ctl->argv);
	wire_put_int(&args, l->lines);
	if (l->since_ms >= 0)
		wire_put_int(&args, l->since_ms);
	else
		wire_put_nil(&args);
	if (l->cursor_len > 0)
		wire_put_raw(&args, l->cursor, l->cursor_len);
	else
		wire_put_nil(&args);
	wire_put_int(&args, wait_ms);
	err = client_call(l->ctl->client, MSG_LOGS, &args,
	    clock_mono_ms() + wait_ms + GRACE_MS, ret);
	buf_fini(&args);
	return err;
}

static void
keep_cursor(struct logs *l, const struct wire_cursor *data)
{
	struct wire_cursor at;
	struct wire_cursor end;

	if (!field_find(data, "cursor", &at))
		return;
	end = at;
	if (wire_skip(&end) < 0 || (size_t)(end.p - at.p) > sizeof(l->cursor))
		return;
	l->cursor_len = (size_t)(end.p - at.p);
	memcpy(l->cursor, at.p, l->cursor_len);
}

static int
hold_line(struct logs *l, const struct wire_cursor *map, size_t len)
{
	struct line *line;

	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct line *held = realloc(l->held, cap * sizeof(*held));

		if (!held)
			return -ENOMEM;
		l->held = held;
		l->cap = cap;
	}
	line = &l->held[l->count];
	*line =
	    (struct line){.order = l->count, .at = l->bytes.len, .len = len};
	field_int(map, "time_ms", &line->time_ms);
	buf_append(&l->bytes, map->p, len);
	if (buf_error(&l->bytes) < 0)
		return buf_error(&l->bytes);
	l->count++;
	return 0;
}

static int
hold_lines(struct logs *l, const struct wire_cursor *data)
{
	struct wire_cursor at;
	uint32_t count = field_list(data, "lines", &at);

	for (; count > 0; count--) {
		struct wire_cursor next = at;
		int err;

		if (wire_skip(&next) < 0)
			break;
		err = hold_line(l, &at, (size_t)(next.p - at.p));
		if (err < 0)
			return err;
		at = next;
	}
	return 0;
}

static int
compare_lines(const void *a, const void *b)
{
	const struct line *x = a;
	const struct line *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void
print_json_line(struct wire_cursor map)
{
	struct buf b;
	struct json j;

	buf_init(&b, FLUSH_BYTES);
	json_init(&j, &b, 0);
	json_wire(&j, &map);
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

/* The same name has the same colour in every run. */
static const char *
name_color(const char *name)
{
	unsigned sum = 5381;

	while (*name)
		sum = sum * 33 + (unsigned char)*name++;
	return output_cycle_color(sum);
}

static void
print_line(const struct logs *l, const struct wire_cursor *map)
{
	const char *name = field_text(map, "name");
	char time[32];
	int64_t at = 0;

	if (l->name_width > 0)
		printf("%s ", output_paint(name_color(name),
		                  field_printf("%-*s |", l->name_width, name)));
	if (l->ctl->format == OUTPUT_WIDE) {
		field_int(map, "time_ms", &at);
		printf("%s %s ", units_format_time(at, time, sizeof(time)),
		    field_text(map, "stream"));
	}
	printf("%s\n", field_text(map, "text"));
}

/* Prints what is held, in order of time, and lets it go. */
static void
print_held(struct logs *l)
{
	if (l->count > 0)
		qsort(l->held, l->count, sizeof(*l->held), compare_lines);
	for (size_t i = 0; i < l->count; i++) {
		const struct line *line = &l->held[i];
		struct wire_cursor map;

		wire_cursor_init(&map, l->bytes.data + line->at, line->len);
		l->last_ms = line->time_ms;
		if (l->ctl->format == OUTPUT_JSON)
			print_json_line(map);
		else if (!output_data(l->ctl->format, &map))
			print_line(l, &map);
		/* Thousands of lines would pile up before the next reply. */
		field_release();
	}
	l->count = 0;
	buf_reset(&l->bytes);
	(void)fflush(stdout);
}

static int
tell_error(const struct logs *l, int err)
{
	struct buf text;
	int code;

	if (err == -EINTR)
		return CTL_INTERRUPTED;
	buf_init(&text, MAX_CURSOR);
	code = client_explain(l->ctl->client, err, &text);
	ctl_fail(code, "%s", field_escape(buf_cstr(&text), text.len));
	buf_fini(&text);
	return code;
}

/* After the connection broke: the same request until a reply comes or the
 * time is over. As client_call. */
static int
retry_request(struct logs *l, int err, struct client_reply *ret)
{
	int64_t give_up_ms = clock_mono_ms() + RETRY_FOR_MS;

	fputs(
	    "pluginctl: the daemon went away; trying again for 30 s\n", stderr);
	while (err < 0 && err != -EINTR && clock_mono_ms() < give_up_ms) {
		if (!ctl_pause(l->ctl, RETRY_EVERY_MS))
			return -EINTR;
		err = request_lines(l, 0, ret);
	}
	return err;
}

/* A new daemon may not know the cursor of the old one: then by time. */
static int
request_by_time(struct logs *l, struct client_reply *ret)
{
	l->cursor_len = 0;
	l->lines = MAX_LINES;
	l->since_ms = l->last_ms + 1;
	return request_lines(l, 0, ret);
}

/* One request; 0 and *ret_more, or an exit code. */
static int
fetch_lines(struct logs *l, int64_t wait_ms, bool *ret_more)
{
	struct client_reply reply;
	bool following = wait_ms > 0;
	int err = request_lines(l, wait_ms, &reply);

	if (err < 0 && err != -EINTR && following)
		err = retry_request(l, err, &reply);
	if (err == 0 && following && reply.code == MSG_CODE_USAGE)
		err = request_by_time(l, &reply);
	if (err < 0)
		return tell_error(l, err);
	if (reply.code != MSG_CODE_OK) {
		ctl_print_refusal(&reply.data);
		return (int)reply.code;
	}
	keep_cursor(l, &reply.data);
	*ret_more = field_bool(&reply.data, "more");
	if (hold_lines(l, &reply.data) < 0)
		return ctl_fail(MSG_CODE_FAILED, "out of memory");
	if (!*ret_more || l->bytes.len >= FLUSH_BYTES)
		print_held(l);
	return 0;
}

static int
run(struct logs *l)
{
	bool follow = l->ctl->option[OPTION_FOLLOW] != NULL;
	bool more = true;
	int64_t wait_ms = 0;
	int code = measure_names(l);

	if (follow)
		ctl_catch_interrupts(l->ctl);
	while (code == 0 && (more || follow)) {
		code = fetch_lines(l, wait_ms, &more);
		wait_ms = more || !follow ? 0 : POLL_MS;
	}
	/* With -f an interrupt is how one leaves. */
	return follow && code == CTL_INTERRUPTED ? 0 : code;
}

int
logs_print(struct ctl *ctl)
{
	struct logs l = {.ctl = ctl};
	int code = parse_options(&l);

	if (code != 0)
		return code;
	buf_init(&l.bytes, FLUSH_BYTES + SLACK_BYTES);
	code = run(&l);
	buf_fini(&l.bytes);
	free(l.held);
	return code;
}
