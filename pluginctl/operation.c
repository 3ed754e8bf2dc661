/*
 * operation: owns the life of an action as seen from outside: asked, polled
 * in requests of at most 30 s, told. The operation belongs to the daemon and
 * goes on whatever happens here, which is said when we stop waiting. Must
 * never send an action twice.
 */
#include "operation.h"

#include "ctl.h"
#include "field.h"
#include "output.h"

#include "common/clock.h"
#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 30000, GRACE_MS = 5000, MAX_ID = 256 };

/* What must outlive the reply it came with. */
struct pending {
	uint8_t id[MAX_ID]; /* encoded, as the daemon wrote it */
	size_t id_len;
	uint32_t notes; /* already printed */
	int64_t deadline_ms;
};

/* Keeps the encoded id for op.wait; false when there is none. */
static bool
keep_id(struct pending *p, const struct wire_cursor *operation)
{
	struct wire_cursor at;
	struct wire_cursor end;

	if (!field_find(operation, "op", &at))
		return false;
	end = at;
	if (wire_skip(&end) < 0 || (size_t)(end.p - at.p) > sizeof(p->id))
		return false;
	p->id_len = (size_t)(end.p - at.p);
	memcpy(p->id, at.p, p->id_len);
	return true;
}

static const char *
id_text(const struct pending *p)
{
	struct wire_cursor at;

	wire_cursor_init(&at, p->id, p->id_len);
	return field_value(&at);
}

static void
print_notes(struct pending *p, const struct wire_cursor *operation)
{
	struct wire_cursor at;
	uint32_t count = field_list(operation, "notes", &at);

	for (uint32_t i = 0; i < count; i++) {
		if (i >= p->notes)
			fprintf(stderr, "note: %s\n", field_value(&at));
		if (wire_skip(&at) < 0)
			break;
	}
	if (count > p->notes)
		p->notes = count;
}

/* "worker: running (pid 12, ready in 0.2 s)"; failures go to stderr. */
static bool
print_result(const struct wire_cursor *result)
{
	const char *message = field_text(result, "message");
	const char *state = field_text(result, "state");
	int64_t code = 0;
	bool open = !field_int(result, "code", &code);
	FILE *f = code != 0 ? stderr : stdout;

	(void)fflush(stdout);
	fprintf(f, "%s: %s%s\n", field_text(result, "name"),
	    *message ? message : output_paint(output_state_color(state), state),
	    open ? " (not done yet)" : "");
	return code == 0;
}

static bool
print_results(const struct wire_cursor *operation)
{
	struct wire_cursor at;
	uint32_t count = field_list(operation, "results", &at);
	bool good = true;

	for (; count > 0; count--) {
		if (!print_result(&at))
			good = false;
		if (wire_skip(&at) < 0)
			break;
	}
	return good;
}

static bool
has_failed(const struct wire_cursor *operation)
{
	struct wire_cursor at;
	uint32_t count = field_list(operation, "results", &at);
	int64_t code;

	for (; count > 0; count--) {
		if (field_int(&at, "code", &code) && code != 0)
			return true;
		if (wire_skip(&at) < 0)
			break;
	}
	return false;
}

unsigned
operation_print_changes(const struct wire_cursor *array)
{
	struct wire_cursor at = *array;
	uint32_t count = 0;

	if (wire_get_array(&at, &count) < 0)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		printf("%s: %s (%s)\n", field_text(&at, "name"),
		    field_text(&at, "action"), field_text(&at, "reason"));
		if (wire_skip(&at) < 0)
			return i + 1;
	}
	return count;
}

static int
stop_waiting(
    struct ctl *ctl, const struct pending *p, const struct wire_cursor *op)
{
	if (op && !output_data(ctl->format, op))
		print_results(op);
	return ctl_fail(op ? MSG_CODE_TIMEOUT : CTL_INTERRUPTED,
	    "%s; operation %s goes on in the daemon (pluginctl status shows "
	    "how far it is)",
	    op ? "the time to wait is over" : "interrupted", id_text(p));
}

/* One long poll. */
static int
poll_once(struct ctl *ctl, const struct pending *p, struct wire_cursor *ret)
{
	int64_t left = p->deadline_ms - clock_mono_ms();
	struct buf args;

	left = left < 0 ? 0 : left > POLL_MS ? POLL_MS : left;
	ctl_args(&args, 2);
	wire_put_raw(&args, p->id, p->id_len);
	wire_put_int(&args, left);
	return ctl_ask(
	    ctl, MSG_OP_WAIT, &args, clock_mono_ms() + left + GRACE_MS, ret);
}

static int
wait_for_end(struct ctl *ctl, struct pending *p, struct wire_cursor *op)
{
	while (!field_bool(op, "done")) {
		int code;

		if (clock_mono_ms() >= p->deadline_ms)
			return stop_waiting(ctl, p, op);
		code = poll_once(ctl, p, op);
		if (code == CTL_INTERRUPTED)
			return stop_waiting(ctl, p, NULL);
		if (code != 0)
			return code;
		print_notes(p, op);
	}
	return 0;
}

/* What a change of the configuration answers with holds the operation and
 * the changes side by side; *op becomes the operation. */
static void
print_changes_first(struct ctl *ctl, struct wire_cursor *op)
{
	struct wire_cursor changes;

	if (field_find(op, "changes", &changes) && ctl->format <= OUTPUT_WIDE &&
	    operation_print_changes(&changes) == 0)
		puts("nothing changed");
	(void)field_find(op, "operation", op);
	(void)fflush(stdout);
}

int
operation_run(struct ctl *ctl, enum msg_type type, struct buf *args)
{
	struct pending p = {.deadline_ms = ctl_deadline(ctl, CTL_ACTION_MS)};
	struct wire_cursor op;
	int code = ctl_ask(ctl, type, args, p.deadline_ms, &op);

	if (code != 0)
		return code;
	print_changes_first(ctl, &op);
	print_notes(&p, &op);
	if (ctl->option[OPTION_NO_WAIT]) {
		if (!output_data(ctl->format, &op))
			printf("operation %s\n", field_text(&op, "op"));
		return 0;
	}
	if (!field_bool(&op, "done") && !keep_id(&p, &op))
		return ctl_fail(MSG_CODE_BUSY,
		    "plugind gave no id of the operation to wait for");
	ctl_catch_interrupts(ctl);
	code = wait_for_end(ctl, &p, &op);
	if (code != 0)
		return code;
	if (!output_data(ctl->format, &op))
		print_results(&op);
	return has_failed(&op) ? MSG_CODE_FAILED : 0;
}
