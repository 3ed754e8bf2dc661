/*
 * buscall: see buscall.h. Arguments and results are JSON here, and msgpack
 * there.
 *
 * Must never print a byte of a result that is not escaped.
 */
#include "buscall.h"

#include "bus.h"
#include "ctl.h"
#include "field.h"
#include "output.h"
#include "table.h"

#include <errno.h>
#include <plugind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_MAX = 1 << 20, CALL_MS = 30000, TEXT_MAX = 512 };

static struct buscall {
	struct ctl *ctl;
	struct plugind_writer *args;
} buscall;

static const struct {
	const char *what;
	enum plugind_status status;
	int code;
} outcomes[] = {
    {"failed", PLUGIND_CALL_FAILED, MSG_CODE_FAILED},
    {"unavailable", PLUGIND_CALL_UNAVAILABLE, MSG_CODE_NOT_RUNNING},
    {"denied", PLUGIND_CALL_DENIED, MSG_CODE_DENIED},
    {"unknown method", PLUGIND_CALL_UNKNOWN, MSG_CODE_UNKNOWN_PLUGIN},
    {"busy", PLUGIND_CALL_BUSY, MSG_CODE_BUSY},
    {"timeout; it may have been executed", PLUGIND_CALL_TIMEOUT,
        MSG_CODE_TIMEOUT},
    {"lost; it may have been executed", PLUGIND_CALL_LOST, MSG_CODE_FAILED},
};

static int
explain(const struct buscall *b, const struct plugind_reply *r)
{
	const char *text = plugind_reply_text(r);
	size_t i = 0;

	while (outcomes[i].status != plugind_reply_status(r))
		i++;
	return ctl_fail(outcomes[i].code, "%s %s: %s%s%s", b->ctl->argv[0],
	    b->ctl->argv[1], outcomes[i].what, *text != '\0' ? ": " : "",
	    field_escape(text, strlen(text)));
}

static void
on_reply(struct plugind *p, struct plugind_reply *r, void *arg)
{
	struct buscall *b = arg;
	struct wire_cursor at;
	const void *data;
	size_t len;

	if (plugind_reply_status(r) != PLUGIND_CALL_OK) {
		plugind_exit(p, explain(b, r));
		return;
	}
	data = plugind_reply_data(r, &len);
	wire_cursor_init(&at, data, len);
	/* There is no table of what nobody knows the shape of. */
	(void)output_data(
	    b->ctl->format == OUTPUT_YAML ? OUTPUT_YAML : OUTPUT_JSON, &at);
	plugind_exit(p, 0);
}

/* What it takes to be linked counts, too. */
static int
limit_call(struct plugind *p, const struct plugind_config *config)
{
	const struct buscall *b = plugind_data(p);
	char what[TEXT_MAX];

	(void)config;
	snprintf(what, sizeof(what),
	    "%s %s: no reply in time; it may have been executed",
	    b->ctl->argv[0], b->ctl->argv[1]);
	return bus_limit(p, b->ctl, CALL_MS, what);
}

static int
limit_question(struct plugind *p, const struct plugind_config *config)
{
	const struct buscall *b = plugind_data(p);

	(void)config;
	return bus_limit(p, b->ctl, CALL_MS,
	    "services: no answer in time; see 'pluginctl status "
	    "plugind-router'");
}

static int
call(struct plugind *p)
{
	struct buscall *b = plugind_data(p);
	int64_t r = plugind_call(p,
	    &(struct plugind_request){.target = b->ctl->argv[0],
	        .method = b->ctl->argv[1],
	        .args = b->args,
	        .timeout_ms =
	            b->ctl->timeout_ms > 0 ? b->ctl->timeout_ms : CALL_MS},
	    on_reply, b);

	if (r == -EINVAL)
		return plugind_fail(p,
		    "'%s %s' is no plugin and method, or "
		    "the argument is nested too deeply",
		    b->ctl->argv[0], b->ctl->argv[1]);
	return r < 0 ? (int)r : PLUGIND_OK;
}

static int
interrupt(struct plugind *p)
{
	plugind_exit(p, CTL_INTERRUPTED);
	return PLUGIND_OK;
}

static const struct plugind_descriptor caller = {
    .magic = PLUGIND_MAGIC,
    .size = sizeof(caller),
    .abi_min = PLUGIND_ABI,
    .abi_max = PLUGIND_ABI,
    .name = "pluginctl",
    .version = PLUGIND_VERSION,
    .initialize = limit_call,
    .start = call,
    .stop = interrupt,
};

int
buscall_call(struct ctl *ctl)
{
	struct buf data;
	int code;

	buscall = (struct buscall){.ctl = ctl, .args = plugind_writer_new()};
	if (buscall.args == NULL)
		return ctl_fail(MSG_CODE_FAILED, "out of memory");
	buf_init(&data, DATA_MAX);
	code = bus_read_data(
	    ctl->argc > 2 ? ctl->argv[2] : "null", "the data", &data);
	if (code == 0) {
		plugind_write_raw(buscall.args, data.data, data.len);
		code = plugind_client_main(ctl->socket_path, &caller, &buscall);
	}
	buf_fini(&data);
	plugind_writer_free(buscall.args);
	return code;
}

/* --- services ---------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct plugind_service *x = a;
	const struct plugind_service *y = b;
	int r = strcmp(x->plugin, y->plugin);

	if (r == 0 && x->instance != y->instance)
		return x->instance < y->instance ? -1 : 1;
	return r != 0 ? r : strcmp(x->method, y->method);
}

static void
put_services(struct buf *out, const struct plugind_service *services, size_t n)
{
	wire_put_array(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		const struct plugind_service *s = &services[i];

		wire_put_map(out, 6);
		wire_put_str(out, "plugin");
		wire_put_str(out, s->plugin);
		wire_put_str(out, "instance");
		wire_put_uint(out, s->instance);
		wire_put_str(out, "method");
		wire_put_str(out, s->method);
		wire_put_str(out, "verb");
		wire_put_str(out, s->verb);
		wire_put_str(out, "path");
		wire_put_str(out, s->path);
		wire_put_str(out, "help");
		wire_put_str(out, s->help);
	}
}

static void
print_services(const struct wire_cursor *list)
{
	static const struct table_column columns[] = {{"PLUGIN", 0},
	    {"INSTANCE", TABLE_RIGHT}, {"METHOD", 0}, {"VERB", 0}, {"PATH", 0},
	    {"HELP", TABLE_CUT}};
	static const char *const keys[] = {
	    "plugin", "instance", "method", "verb", "path", "help"};
	struct wire_cursor at = *list;
	struct table *t =
	    table_new(columns, sizeof(columns) / sizeof(columns[0]));
	uint32_t n = 0;

	(void)wire_get_array(&at, &n);
	for (; n > 0; n--) {
		struct table_row *row = table_add(t, NULL);

		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			table_set(row, i, field_text(&at, keys[i]), NULL);
		if (wire_skip(&at) < 0)
			break;
	}
	table_print(t);
	table_free(t);
}

static void
on_services(struct plugind *p, const struct plugind_service *services, size_t n,
    void *arg)
{
	struct buscall *b = arg;
	struct plugind_service *sorted = calloc(n + 1, sizeof(*sorted));
	struct wire_cursor at;
	struct buf out;
	int code = 0;

	buf_init(&out, 16 * DATA_MAX);
	if (services != NULL && sorted != NULL) {
		memcpy(sorted, services, n * sizeof(*sorted));
		qsort(sorted, n, sizeof(*sorted), compare);
		put_services(&out, sorted, n);
	}
	wire_cursor_init(&at, out.data, out.len);
	if (services == NULL)
		code = ctl_fail(
		    MSG_CODE_FAILED, "the connection was lost: ask again");
	else if (sorted == NULL || buf_error(&out) != 0)
		code = ctl_fail(MSG_CODE_FAILED, "out of memory");
	else if (!output_data(b->ctl->format, &at))
		print_services(&at);
	buf_fini(&out);
	free(sorted);
	plugind_exit(p, code);
}

static int
ask(struct plugind *p)
{
	struct buscall *b = plugind_data(p);

	return plugind_discover(p, b->ctl->argc > 0 ? b->ctl->argv[0] : NULL,
	    b->ctl->argc > 1 ? b->ctl->argv[1] : NULL, on_services, b);
}

static const struct plugind_descriptor asker = {
    .magic = PLUGIND_MAGIC,
    .size = sizeof(asker),
    .abi_min = PLUGIND_ABI,
    .abi_max = PLUGIND_ABI,
    .name = "pluginctl",
    .version = PLUGIND_VERSION,
    .initialize = limit_question,
    .start = ask,
    .stop = interrupt,
};

int
buscall_services(struct ctl *ctl)
{
	buscall = (struct buscall){.ctl = ctl};
	return plugind_client_main(ctl->socket_path, &asker, &buscall);
}
