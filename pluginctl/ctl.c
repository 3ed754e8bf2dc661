/*
 * ctl: owns the connection to the daemon and the rules that every command
 * follows: which socket, which deadline, how an error is told. Results go to
 * stdout and are the commands' business; everything here goes to stderr.
 * Must never act on what a reply means.
 */
#include "ctl.h"

#include "field.h"

#include "common/client.h"
#include "common/clock.h"
#include "common/units.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { MAX_ARGS = 64 << 10, MAX_TEXT = 16 << 10 };

int
ctl_fail(int code, const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	fputs("pluginctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int
ctl_init(struct ctl *ctl)
{
	const char *format = ctl->option[OPTION_OUTPUT];
	const char *timeout = ctl->option[OPTION_TIMEOUT];

	ctl->interrupt_fd = -1;
	ctl->timeout_ms = -1;
	ctl->format = OUTPUT_TABLE;
	output_use_colors(!ctl->option[OPTION_NO_COLOR]);
	if (format && output_format_from_string(format, &ctl->format) < 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "-o %s: not a format; use table, wide, json, yaml or name",
		    format);
	if (timeout && units_parse_duration(timeout, &ctl->timeout_ms) < 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "--timeout %s: not a duration; write it like 30s, 2m or "
		    "500ms",
		    timeout);
	ctl->socket_path = client_find_socket(ctl->option[OPTION_SOCKET]);
	ctl->client = ctl->socket_path ? client_new(ctl->socket_path) : NULL;
	if (!ctl->client)
		return ctl_fail(MSG_CODE_FAILED, "out of memory");
	return 0;
}

void
ctl_fini(struct ctl *ctl)
{
	client_free(ctl->client);
	free(ctl->socket_path);
	field_release();
	if (ctl->interrupt_fd >= 0)
		close(ctl->interrupt_fd);
}

void
ctl_catch_interrupts(struct ctl *ctl)
{
	sigset_t set;

	if (ctl->interrupt_fd >= 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	ctl->interrupt_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ctl->interrupt_fd < 0)
		return;
	sigprocmask(SIG_BLOCK, &set, NULL);
	client_set_interrupt(ctl->client, ctl->interrupt_fd);
}

bool
ctl_pause(struct ctl *ctl, int64_t ms)
{
	struct pollfd p = {.fd = ctl->interrupt_fd, .events = POLLIN};

	return poll(&p, 1, (int)ms) <= 0;
}

int64_t
ctl_deadline(const struct ctl *ctl, int64_t default_ms)
{
	return clock_mono_ms() +
	       (ctl->timeout_ms >= 0 ? ctl->timeout_ms : default_ms);
}

void
ctl_args(struct buf *args, uint32_t count)
{
	buf_init(args, MAX_ARGS);
	wire_put_array(args, count);
}

void
ctl_put_names(struct buf *args, int argc, char **argv)
{
	wire_put_array(args, (uint32_t)argc);
	for (int i = 0; i < argc; i++)
		wire_put_str(args, argv[i]);
}

/* Prints text of several lines, each escaped. */
static void
print_lines(const char *s, size_t len)
{
	while (len > 0) {
		const char *end = memchr(s, '\n', len);
		size_t n = end ? (size_t)(end - s) : len;

		fprintf(stderr, "%s\n", field_escape(s, n));
		n += end ? 1 : 0;
		s += n;
		len -= n;
	}
}

/* `errors` is one text, or an array of them. */
static void
print_errors(struct wire_cursor at)
{
	const char *s;
	size_t len;
	uint32_t count = 1;

	if (wire_peek(&at) == WIRE_ARRAY)
		wire_get_array(&at, &count);
	for (; count > 0 && wire_get_str(&at, &s, &len) == 0; count--)
		print_lines(s, len);
}

void
ctl_print_refusal(const struct wire_cursor *data)
{
	struct wire_cursor errors;
	const char *error = field_text(data, "error");
	const char *hint = field_text(data, "hint");

	(void)fflush(stdout);
	if (field_find(data, "errors", &errors))
		print_errors(errors);
	fprintf(stderr, "pluginctl: %s\n",
	    *error ? error : "plugind refused, without a reason");
	if (*hint)
		fprintf(stderr, "hint: %s\n", hint);
}

static int
tell_client_error(struct ctl *ctl, int err)
{
	struct buf text;
	int code;

	buf_init(&text, MAX_TEXT);
	code = client_explain(ctl->client, err, &text);
	/* Whoever catches interrupts says what they mean. */
	if (code != CTL_INTERRUPTED)
		ctl_fail(code, "%s", field_escape(buf_cstr(&text), text.len));
	buf_fini(&text);
	return code;
}

int
ctl_ask(struct ctl *ctl, enum msg_type type, struct buf *args,
    int64_t deadline_ms, struct wire_cursor *ret)
{
	struct client_reply reply;
	int err;

	field_release();
	err = client_call(ctl->client, type, args, deadline_ms, &reply);
	buf_fini(args);
	if (err < 0)
		return tell_client_error(ctl, err);
	if (reply.code != MSG_CODE_OK) {
		ctl_print_refusal(&reply.data);
		return (int)reply.code;
	}
	*ret = reply.data;
	return 0;
}

int
ctl_query(struct ctl *ctl, enum msg_type type, const char *argument,
    struct wire_cursor *ret)
{
	struct buf args;

	ctl_args(&args, argument ? 1 : 0);
	if (argument)
		wire_put_str(&args, argument);
	return ctl_ask(ctl, type, &args, ctl_deadline(ctl, CTL_QUERY_MS), ret);
}
