/*
 * act: the commands that change something. Most raise or lower a wish and
 * leave the waiting to operation.c. Must never decide what an action does:
 * that is the daemon's.
 */
#include "act.h"

#include "config.h"
#include "ctl.h"
#include "field.h"
#include "operation.h"
#include "output.h"

#include "common/clock.h"
#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_POLL_MS = 30000, GRACE_MS = 5000, MAX_INSTANCES = 10000 };

/* Names or --all, not both and not neither. */
static int
check_names(const struct ctl *ctl)
{
	bool all = ctl->option[OPTION_ALL] != NULL;

	if (all && ctl->argc > 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "%s: give names or --all, not both", ctl->command->name);
	if (!all && ctl->argc == 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "%s: which plugin? Give names, or --all for every one",
		    ctl->command->name);
	return 0;
}

int
act_names(struct ctl *ctl)
{
	bool cascade = ctl->option[OPTION_CASCADE] != NULL;
	struct buf args;
	int code = check_names(ctl);

	if (code != 0)
		return code;
	ctl_args(&args, cascade ? 2 : 1);
	ctl_put_names(&args, ctl->argc, ctl->argv);
	if (cascade)
		wire_put_bool(&args, true);
	return operation_run(ctl, ctl->command->type, &args);
}

int
act_reload(struct ctl *ctl)
{
	if (ctl->argc == 0 && !ctl->option[OPTION_ALL])
		return config_apply(ctl);
	return act_names(ctl);
}

int
act_kill(struct ctl *ctl)
{
	const char *name = ctl->option[OPTION_SIGNAL];
	struct wire_cursor data;
	struct buf args;
	uint32_t count = 0;
	char text[32];
	int signal_no;
	int code;

	if (units_parse_signal(name ? name : "TERM", &signal_no) < 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "-s %s: no such signal; use a name like HUP or a number "
		    "from 1 to 64",
		    name);
	units_signal_name(signal_no, text, sizeof(text));
	ctl_args(&args, 2);
	wire_put_str(&args, ctl->argv[0]);
	wire_put_str(&args, text);
	code = ctl_ask(
	    ctl, MSG_KILL, &args, ctl_deadline(ctl, CTL_QUERY_MS), &data);
	if (code != 0 || output_data(ctl->format, &data))
		return code;
	wire_get_array(&data, &count);
	for (; count > 0; count--) {
		printf("%s: signal %s sent\n", field_value(&data), text);
		if (wire_skip(&data) < 0)
			break;
	}
	return 0;
}

/* Prints what changed; names that did not change were so before. */
static void
print_enabled(struct ctl *ctl, const struct wire_cursor *data, bool enabled)
{
	const char *word = enabled ? "enabled" : "disabled";
	const char *path = field_text(data, "path");
	struct wire_cursor at;
	uint32_t count = field_list(data, "changed", &at);

	if (output_data(ctl->format, data))
		return;
	if (count == 0)
		printf("nothing changed: %s before\n", word);
	for (; count > 0; count--) {
		printf("%s: %s%s%s%s\n", field_value(&at), word,
		    *path ? " (written to " : "", path, *path ? ")" : "");
		if (wire_skip(&at) < 0)
			break;
	}
}

static int
set_enabled(struct ctl *ctl, bool enabled)
{
	struct wire_cursor data;
	struct buf args;
	int code;

	ctl_args(&args, 2);
	ctl_put_names(&args, ctl->argc, ctl->argv);
	wire_put_bool(&args, enabled);
	code = ctl_ask(
	    ctl, MSG_ENABLE, &args, ctl_deadline(ctl, CTL_ACTION_MS), &data);
	if (code != 0)
		return code;
	/* With --now there is one document for programs: the operation. */
	if (!ctl->option[OPTION_NOW] || ctl->format <= OUTPUT_WIDE)
		print_enabled(ctl, &data, enabled);
	if (!ctl->option[OPTION_NOW])
		return 0;
	(void)fflush(stdout);
	ctl_args(&args, 1);
	ctl_put_names(&args, ctl->argc, ctl->argv);
	return operation_run(ctl, enabled ? MSG_START : MSG_STOP, &args);
}

int
act_enable(struct ctl *ctl)
{
	return set_enabled(ctl, true);
}

int
act_disable(struct ctl *ctl)
{
	return set_enabled(ctl, false);
}

int
act_scale(struct ctl *ctl)
{
	struct buf args;
	char *end;
	long count;

	errno = 0;
	count = strtol(ctl->argv[1], &end, 10);
	if (errno != 0 || end == ctl->argv[1] || *end || count < 0 ||
	    count > MAX_INSTANCES)
		return ctl_fail(MSG_CODE_USAGE,
		    "scale: %s is not a number of instances", ctl->argv[1]);
	ctl_args(&args, 2);
	wire_put_str(&args, ctl->argv[0]);
	wire_put_int(&args, count);
	return operation_run(ctl, MSG_SCALE, &args);
}

/* "worker:1: backoff" for each instance. */
static void
print_states(FILE *f, const struct wire_cursor *data)
{
	struct wire_cursor at;
	uint32_t count = field_list(data, "states", &at);

	for (; count > 0; count--) {
		const char *state = field_text(&at, "state");

		fprintf(f, "%s: %s\n", field_text(&at, "name"),
		    f == stdout ? output_paint(output_state_color(state), state)
		                : state);
		if (wire_skip(&at) < 0)
			return;
	}
}

/* One long poll; the deadline decides how long. */
static int
poll_state(struct ctl *ctl, const char *state, int64_t deadline_ms,
    struct wire_cursor *ret)
{
	int64_t left = deadline_ms - clock_mono_ms();
	struct buf args;

	left = left < 0 ? 0 : left > STATE_POLL_MS ? STATE_POLL_MS : left;
	ctl_args(&args, 3);
	wire_put_str(&args, ctl->argv[0]);
	wire_put_str(&args, state);
	wire_put_int(&args, left);
	return ctl_ask(
	    ctl, MSG_STATE_WAIT, &args, clock_mono_ms() + left + GRACE_MS, ret);
}

int
act_wait(struct ctl *ctl)
{
	const char *wanted = ctl->option[OPTION_FOR];
	int64_t deadline_ms = ctl_deadline(ctl, CTL_ACTION_MS);
	struct wire_cursor data;
	int code;

	if (!wanted || strcmp(wanted, "ready") == 0)
		wanted = "running";
	ctl_catch_interrupts(ctl);
	for (;;) {
		code = poll_state(ctl, wanted, deadline_ms, &data);
		if (code == CTL_INTERRUPTED)
			return ctl_fail(code, "interrupted");
		if (code != 0)
			return code;
		if (field_bool(&data, "reached"))
			break;
		if (clock_mono_ms() < deadline_ms)
			continue;
		print_states(stderr, &data);
		return ctl_fail(MSG_CODE_TIMEOUT,
		    "the time to wait for %s to be %s is over; pluginctl why "
		    "%s tells more",
		    ctl->argv[0], wanted, ctl->argv[0]);
	}
	if (!output_data(ctl->format, &data))
		print_states(stdout, &data);
	return 0;
}
