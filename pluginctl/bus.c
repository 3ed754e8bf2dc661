/*
 * bus: pluginctl as a client on the bus: a program of the SDK like any other,
 * for as long as one command takes. The data of an event is JSON here, and
 * msgpack there.
 *
 * Must never print a byte of an event that is not escaped, or say that an
 * event was published before the router has said so.
 */
#include "bus.h"

#include "ctl.h"
#include "field.h"
#include "output.h"
#include "table.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/jsonread.h"
#include "common/topic.h"
#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <plugind.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	EVENT_MAX = 1 << 20,
	TEXT_MAX = 8 << 20, /* of an event as JSON: a byte may become six */
	READ_CHUNK = 64 << 10,
	/* A subscriber that blocks may take its time: bus.block_timeout. */
	PUBLISH_MS = 10000,
	KEPT_MS = 10000, /* until the first of what is kept */
};

static struct bus {
	struct ctl *ctl;
	const char *subject; /* what is refused, if anything */
	struct buf data;     /* to publish */
	uint64_t left;       /* events until the end; 0: no end */
	int64_t since_ms;    /* -1: from now on */
	bool is_over;        /* that was the last of them */
	bool is_bounded;     /* only what is kept */
	/* Goes with the process: what it hangs on may have gone before. */
	struct plugind_timer *due;
} bus;

enum { LATE_MAX = 512 };

static char late_text[LATE_MAX];   /* what is said when it is too late */
static struct plugind_timer *late; /* as with `due` */

static void
refuse(struct plugind *p, int error, const char *why, void *arg)
{
	const struct bus *b = arg;

	if (error == -EACCES && b->data.len > 0)
		why = "permission denied: root and the daemon's user publish "
		      "to all topics but those of plugind and of the "
		      "scheduler, others to custom.>";
	plugind_exit(
	    p, ctl_fail(error == -EACCES ? MSG_CODE_DENIED : MSG_CODE_FAILED,
	           "%s: %s", b->subject, field_escape(why, strlen(why))));
}

/* --- publish ----------------------------------------------------------- */

/* All of stdin. 0 or -errno. */
static int
read_stdin(struct buf *text)
{
	for (;;) {
		uint8_t *room = buf_reserve(text, READ_CHUNK);
		ssize_t n;

		if (room == NULL)
			return buf_error(text);
		n = read(STDIN_FILENO, room, READ_CHUNK);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		text->len += n > 0 ? (size_t)n : 0;
	}
}

static int
convert(const char *text, size_t len, const char *what, struct buf *data)
{
	struct jsonread_fault fault;
	int error = jsonread(text, len, data, &fault);

	if (error == -EBADMSG)
		return ctl_fail(MSG_CODE_USAGE,
		    "%s: not JSON, at line %zu, column %zu: %s", what,
		    fault.line, fault.column, fault.why);
	if (error == -EMSGSIZE)
		return ctl_fail(MSG_CODE_USAGE,
		    "%s: larger than %zu KiB cannot be sent", what,
		    data->limit >> 10);
	if (error != 0)
		return ctl_fail(MSG_CODE_USAGE, "%s: cannot be sent: %s", what,
		    strerror(-error));
	return 0;
}

int
bus_read_data(const char *given, const char *what, struct buf *data)
{
	struct buf text;
	int code;
	int error;

	if (strcmp(given, "-") != 0)
		return convert(given, strlen(given), what, data);
	buf_init(&text, 4 * EVENT_MAX);
	error = read_stdin(&text);
	if (error == 0)
		code = convert(buf_cstr(&text), text.len, what, data);
	else
		code =
		    ctl_fail(MSG_CODE_FAILED, "%s: cannot read stdin: %s", what,
		        error == -EMSGSIZE ? "it is larger than 4 MiB"
		                           : strerror(-error));
	buf_fini(&text);
	return code;
}

static void
tell_late(struct plugind *p, void *arg)
{
	(void)arg;
	plugind_exit(p, ctl_fail(MSG_CODE_TIMEOUT, "%s", late_text));
}

int
bus_limit(struct plugind *p, const struct ctl *ctl, int64_t usual_ms,
    const char *what)
{
	int64_t ms = ctl->timeout_ms >= 0 ? ctl->timeout_ms : usual_ms;

	snprintf(late_text, sizeof(late_text), "%s", what);
	plugind_timer_free(late);
	late = plugind_timer_new(p, ms, false, tell_late, NULL);
	return late != NULL ? PLUGIND_OK : -errno;
}

/* It has begun: from now on it takes as long as it takes. */
static void
unlimit(void)
{
	plugind_timer_free(late);
	late = NULL;
}

static int
begin_publish(struct plugind *p, const struct plugind_config *config)
{
	struct bus *b = plugind_data(p);
	char what[LATE_MAX];

	(void)config;
	plugind_on_refused(p, refuse, b);
	snprintf(what, sizeof(what),
	    "%s: not acknowledged in time; it may arrive all the same",
	    b->subject);
	return bus_limit(p, b->ctl, PUBLISH_MS, what);
}

static void
end_publish(struct plugind *p, void *arg)
{
	(void)arg;
	plugind_exit(p, 0);
}

static int
publish(struct plugind *p)
{
	struct bus *b = plugind_data(p);
	int error =
	    plugind_publish_raw(p, b->subject, b->data.data, b->data.len);

	if (error == -EMSGSIZE)
		return plugind_fail(p, "the data is larger than 1 MiB");
	if (error == -EINVAL)
		return plugind_fail(p, "the data is nested too deeply");
	if (error != 0)
		return error;
	plugind_on_published(p, end_publish, b);
	return PLUGIND_OK;
}

static int
interrupt(struct plugind *p)
{
	plugind_exit(p, CTL_INTERRUPTED);
	return PLUGIND_OK;
}

static const struct plugind_descriptor publisher = {
    .magic = PLUGIND_MAGIC,
    .size = sizeof(publisher),
    .abi_min = PLUGIND_ABI,
    .abi_max = PLUGIND_ABI,
    .name = "pluginctl",
    .version = PLUGIND_VERSION,
    .initialize = begin_publish,
    .start = publish,
    .stop = interrupt,
};

int
bus_publish(struct ctl *ctl)
{
	const char *topic = ctl->argv[0];
	const char *why = topic_check(topic, strlen(topic));
	int code;

	if (why != NULL)
		return ctl_fail(MSG_CODE_USAGE, "%s: %s",
		    field_escape(topic, strlen(topic)), why);
	bus = (struct bus){.ctl = ctl, .subject = topic};
	buf_init(&bus.data, EVENT_MAX);
	code = bus_read_data(
	    ctl->argc > 1 ? ctl->argv[1] : "null", "the data", &bus.data);
	if (code == 0)
		code = plugind_client_main(ctl->socket_path, &publisher, &bus);
	buf_fini(&bus.data);
	return code;
}

/* --- events ------------------------------------------------------------ */

/* The data is whole and checked: it goes as it is. */
static void
put_event(struct buf *out, struct plugind_event *e)
{
	char time[32];
	const void *data;
	size_t len;

	data = plugind_event_data(e, &len);
	wire_put_map(out, 8);
	wire_put_str(out, "id");
	wire_put_str(out, plugind_event_id(e));
	wire_put_str(out, "topic");
	wire_put_str(out, plugind_event_topic(e));
	wire_put_str(out, "source");
	wire_put_str(out, plugind_event_source(e));
	wire_put_str(out, "target");
	wire_put_str(out, plugind_event_target(e));
	wire_put_str(out, "time");
	wire_put_str(out,
	    units_format_time(plugind_event_time_ms(e), time, sizeof(time)));
	wire_put_str(out, "data");
	wire_put_raw(out, data, len);
	wire_put_str(out, "trace");
	wire_put_str(out, plugind_trace());
	wire_put_str(out, "seq");
	wire_put_uint(out, plugind_event_seq(e));
}

static void
put_json(struct buf *out, struct wire_cursor at)
{
	struct json j;

	json_init(&j, out, 0);
	(void)json_wire(&j, &at);
}

/* For people: a line, whatever is in the data. */
static void
print_line(const struct bus *b, const struct wire_cursor *map)
{
	struct wire_cursor data;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (wire_map_find(map, "data", &data) == 0)
		put_json(&text, data);
	if (b->ctl->format == OUTPUT_WIDE)
		printf("%s ", field_text(map, "id"));
	printf("%s  %-16s  %-24s  %s\n", field_text(map, "time"),
	    field_text(map, "source"), field_text(map, "topic"),
	    field_escape(buf_cstr(&text), text.len));
	buf_fini(&text);
}

static void
print_json_line(const struct wire_cursor *map)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	put_json(&text, *map);
	printf("%s\n", buf_cstr(&text));
	buf_fini(&text);
}

static void
print_document(const struct wire_cursor *map)
{
	puts("---");
	output_yaml(map);
}

static void
print_event(const struct bus *b, struct plugind_event *e)
{
	struct wire_cursor map;
	struct buf packed;

	buf_init(&packed, 2 * EVENT_MAX);
	put_event(&packed, e);
	wire_cursor_init(&map, packed.data, packed.len);
	if (buf_error(&packed) != 0)
		ctl_fail(MSG_CODE_FAILED, "an event cannot be printed: %s",
		    strerror(-buf_error(&packed)));
	else if (b->ctl->format == OUTPUT_JSON)
		print_json_line(&map);
	else if (b->ctl->format == OUTPUT_NAME)
		printf("%s\n", field_text(&map, "topic"));
	else if (b->ctl->format == OUTPUT_YAML)
		print_document(&map);
	else
		print_line(b, &map);
	buf_fini(&packed);
	field_release();
}

/* A reader that has gone ends this program as it ends others. */
static void
flush(struct plugind *p, void *arg)
{
	struct bus *b = arg;

	plugind_timer_free(b->due);
	b->due = NULL;
	if (fflush(stdout) == 0)
		return;
	if (errno == EPIPE) {
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	plugind_exit(p, MSG_CODE_FAILED); /* main says why */
}

static void
on_event(struct plugind *p, struct plugind_event *e, void *arg)
{
	struct bus *b = arg;

	if (b->is_over)
		return;
	if (b->is_bounded)
		unlimit();
	print_event(b, e);
	if (b->due == NULL)
		b->due = plugind_timer_new(p, 0, false, flush, b);
	if (b->left == 0 || --b->left > 0)
		return;
	b->is_over = true;
	plugind_exit(p, 0);
}

static void
on_gap(struct plugind *p, uint64_t count, enum plugind_gap_reason reason,
    void *arg)
{
	(void)p;
	(void)arg;
	(void)fflush(stdout);
	if (reason == PLUGIND_GAP_ROUTER)
		fputs("pluginctl: the router was replaced: events may be "
		      "missing here\n",
		    stderr);
	else if (reason == PLUGIND_GAP_RETENTION)
		fputs("pluginctl: there may have been more, which are not "
		      "kept; see bus.retain in plugind.yaml\n",
		    stderr);
	else if (count == 0)
		fputs("pluginctl: events are missing here\n", stderr);
	else
		fprintf(stderr,
		    "pluginctl: %" PRIu64 " event%s missing here: they came "
		    "faster than they were printed\n",
		    count, count == 1 ? " is" : "s are");
}

static void
end_events(struct plugind *p, void *arg)
{
	struct bus *b = arg;

	b->is_over = true;
	plugind_exit(p, 0);
}

static int
subscribe(struct plugind *p, const char *pattern)
{
	struct bus *b = plugind_data(p);

	if (b->since_ms < 0)
		return plugind_subscribe(p, pattern, PLUGIND_ECHO, on_event, b);
	return plugind_subscribe_since(
	    p, pattern, PLUGIND_ECHO, b->since_ms, on_event, b);
}

static int
listen_to(struct plugind *p, const struct plugind_config *config)
{
	struct bus *b = plugind_data(p);
	int error = 0;

	(void)config;
	plugind_on_refused(p, refuse, b);
	plugind_on_gap(p, on_gap, b);
	if (b->is_bounded) {
		plugind_on_caught_up(p, end_events, b);
		error = bus_limit(p, b->ctl, KEPT_MS,
		    "events: no answer in time; see 'pluginctl status "
		    "plugind-router'");
	}
	if (b->ctl->argc == 0 && error == 0)
		error = subscribe(p, ">");
	for (int i = 0; i < b->ctl->argc && error == 0; i++)
		error = subscribe(p, b->ctl->argv[i]);
	return error;
}

/* Who follows leaves like this; else it is not all there is. */
static int
leave(struct plugind *p)
{
	const struct bus *b = plugind_data(p);

	return b->is_bounded ? interrupt(p) : PLUGIND_OK;
}

static const struct plugind_descriptor listener = {
    .magic = PLUGIND_MAGIC,
    .size = sizeof(listener),
    .abi_min = PLUGIND_ABI,
    .abi_max = PLUGIND_ABI,
    .name = "pluginctl",
    .version = PLUGIND_VERSION,
    .initialize = listen_to,
    .stop = leave,
};

/* 0, or an exit code after saying what is wrong. */
static int
parse_events(struct bus *b)
{
	const char *count = b->ctl->option[OPTION_COUNT];
	const char *since = b->ctl->option[OPTION_SINCE];
	char *end = NULL;

	b->since_ms = -1;
	if (since != NULL &&
	    units_parse_since(since, clock_real_ms(), &b->since_ms) < 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "--since %s: not a time; write 2026-01-31 12:00, an RFC "
		    "3339 time, or how long ago (10m)",
		    since);

	for (int i = 0; i < b->ctl->argc; i++) {
		const char *pattern = b->ctl->argv[i];
		const char *why = topic_check_pattern(pattern, strlen(pattern));

		if (why != NULL)
			return ctl_fail(MSG_CODE_USAGE, "%s: %s",
			    field_escape(pattern, strlen(pattern)), why);
	}
	if (count != NULL) {
		errno = 0;
		b->left = strtoul(count, &end, 10);
		if (errno != 0 || end == count || *end != '\0' ||
		    *count == '-' || b->left == 0)
			return ctl_fail(MSG_CODE_USAGE,
			    "--count %s: not a number of events", count);
	}
	b->is_bounded = !b->ctl->option[OPTION_FOLLOW] && count == NULL;
	if (b->is_bounded && since == NULL)
		b->since_ms = 0; /* all that is kept */
	return 0;
}

int
bus_events(struct ctl *ctl)
{
	int code;

	bus = (struct bus){.ctl = ctl, .subject = "events"};
	code = parse_events(&bus);
	return code == 0
	           ? plugind_client_main(ctl->socket_path, &listener, &bus)
	           : code;
}

/* --- clients ----------------------------------------------------------- */

int
bus_clients(struct ctl *ctl)
{
	static const struct table_column columns[] = {{"NAME", 0},
	    {"PROGRAM", 0}, {"PID", TABLE_RIGHT}, {"LINKED", 0}, {"SINCE", 0}};
	struct wire_cursor at;
	struct table *t;
	uint32_t n = 0;
	int code = ctl_query(ctl, MSG_CLIENTS, NULL, &at);

	if (code != 0 || output_data(ctl->format, &at))
		return code;
	t = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	(void)wire_get_array(&at, &n);
	for (; n > 0; n--) {
		struct table_row *row = table_add(t, NULL);

		table_set(row, 0, field_text(&at, "name"), NULL);
		table_set(row, 1, field_text(&at, "program"), NULL);
		table_set(row, 2, field_text(&at, "pid"), NULL);
		table_set(
		    row, 3, field_bool(&at, "linked") ? "yes" : "no", NULL);
		table_set(row, 4, field_time(&at, "since_ms"), NULL);
		if (wire_skip(&at) < 0)
			break;
	}
	table_print(t);
	table_free(t);
	return 0;
}
