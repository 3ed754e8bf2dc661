/*
 * test_ops: how an operation ends, by what its rows have come to. States are
 * written by hand here; there is no loop and no process.
 */
#include "core.h"

#include "supervisor/core/ops.h"

#include "common/msgs.h"
#include "common/wire.h"

static unsigned ended;

static void
count_done(const struct op *op)
{
	ck_assert_uint_eq(op->open, 0);
	ended++;
}

static void
set_up(void)
{
	ended = 0;
	ops_init(count_done);
	core_apply("  a: {command: [/bin/true]}\n"
	           "  b: {command: [/bin/true]}\n");
}

static void
tear_down(void)
{
	ops_fini();
	table_free();
}

static struct op *
begin(enum op_verb verb, const char *name)
{
	struct op *op = ops_new(verb, 1);

	ck_assert_ptr_nonnull(op);
	ops_add(op, core_row(name));
	return op;
}

/* --- outcomes ---------------------------------------------------------- */

enum { OPEN = -1 };

static const struct {
	enum op_verb verb;
	enum plugin_state state;
	enum plugin_wish wish;
	bool fresh; /* a newer incarnation than when it was asked */
	int want;   /* code */
	const char *message;
} outcomes[] = {
    {OP_START, STATE_RUNNING, WISH_UP, true, MSG_CODE_OK, "running"},
    {OP_START, STATE_RUNNING, WISH_UP, false, MSG_CODE_OK, "running"},
    {OP_RESTART, STATE_RUNNING, WISH_AGAIN, false, OPEN, NULL},
    {OP_RESTART, STATE_RUNNING, WISH_UP, true, MSG_CODE_OK, "running"},
    {OP_START, STATE_WAITING, WISH_UP, false, OPEN, NULL},
    {OP_START, STATE_INITIALIZING, WISH_UP, true, OPEN, NULL},
    {OP_START, STATE_STARTING, WISH_UP, true, OPEN, NULL},
    {OP_START, STATE_STOPPING, WISH_UP, false, OPEN, NULL},
    {OP_START, STATE_BACKOFF, WISH_UP, false, OPEN, NULL},
    {OP_START, STATE_BACKOFF, WISH_UP, true, MSG_CODE_FAILED,
        "why; trying again in 5s"},
    {OP_START, STATE_FAILED, WISH_UP, true, MSG_CODE_FAILED, "failed: why"},
    {OP_START, STATE_STOPPED, WISH_DOWN, true, MSG_CODE_OK, "completed"},
    {OP_START, STATE_STOPPED, WISH_DOWN, false, MSG_CODE_OK, "stopped"},
    {OP_START, STATE_DESTROYED, WISH_DOWN, false, MSG_CODE_OK, "removed"},
    {OP_STOP, STATE_RUNNING, WISH_DOWN, false, OPEN, NULL},
    {OP_STOP, STATE_STOPPING, WISH_DOWN, false, OPEN, NULL},
    {OP_STOP, STATE_STOPPED, WISH_DOWN, false, MSG_CODE_OK, "stopped"},
    {OP_STOP, STATE_REGISTERED, WISH_DOWN, false, MSG_CODE_OK, "stopped"},
    {OP_STOP, STATE_FAILED, WISH_DOWN, false, MSG_CODE_OK,
        "not running (failed)"},
    {OP_STOP, STATE_DESTROYED, WISH_DOWN, false, MSG_CODE_OK, "removed"},
    {OP_APPLY, STATE_STOPPED, WISH_DOWN, false, MSG_CODE_OK, "stopped"},
    {OP_APPLY, STATE_DESTROYED, WISH_DOWN, true, MSG_CODE_OK, "removed"},
};

START_TEST(test_outcomes)
{
	struct row *row;
	struct op *op;

	set_up();
	row = core_row("a");
	row->generation = 3;
	op = begin(outcomes[_i].verb, "a");
	row->state = outcomes[_i].state;
	row->wish = outcomes[_i].wish;
	row->generation += outcomes[_i].fresh;
	row->backoff_ms = 5000;
	strcpy(row->last_error, "why");
	ops_settle(op);
	ck_assert_int_eq(op->results[0].code, outcomes[_i].want);
	ck_assert_uint_eq(op->open, outcomes[_i].want == OPEN);
	ck_assert_uint_eq(ended, outcomes[_i].want != OPEN);
	ck_assert_int_eq(row->op == op, outcomes[_i].want == OPEN);
	if (outcomes[_i].message != NULL)
		ck_assert_ptr_eq(
		    strstr(op->results[0].message, outcomes[_i].message),
		    op->results[0].message);
	tear_down();
}
END_TEST

/* A stop that had to use force says so. */
START_TEST(test_killed)
{
	struct row *row;
	struct op *op;

	set_up();
	row = core_row("a");
	op = begin(OP_STOP, "a");
	row->exits = calloc(ROW_EXITS, sizeof(*row->exits));
	ck_assert_ptr_nonnull(row->exits);
	row->exits[0] = (struct exit_record){
	    .kind = EXIT_KIND_SIGNAL, .value = 9, .asked = true};
	row->nexits = 1;
	row->stop_step = STOP_BY_KILL + 1;
	row->state = STATE_STOPPED;
	ops_settle(op);
	ck_assert_str_eq(op->results[0].message, "stopped (had to be killed)");
	tear_down();
}
END_TEST

/* --- several ----------------------------------------------------------- */

START_TEST(test_superseded)
{
	struct op *first;
	struct op *second;

	set_up();
	first = begin(OP_START, "a");
	second = begin(OP_STOP, "a");
	ck_assert_uint_eq(first->open, 0);
	ck_assert_int_eq(first->results[0].code, MSG_CODE_FAILED);
	ck_assert_str_eq(
	    first->results[0].message, "superseded by a later stop");
	ck_assert_uint_eq(second->open, 1);
	ck_assert_uint_eq(ended, 1);
	tear_down();
}
END_TEST

START_TEST(test_two_rows)
{
	struct op *op;

	set_up();
	op = ops_new(OP_STOP, 2);
	ck_assert_ptr_nonnull(op);
	ops_add(op, core_row("a"));
	ops_add(op, core_row("b"));
	ops_add(op, core_row("b")); /* no room: dropped, nothing breaks */
	ck_assert_uint_eq(op->open, 2);
	core_row("a")->state = STATE_RUNNING;
	ops_settle(op);
	ck_assert_uint_eq(op->open, 1);
	ck_assert_uint_eq(ended, 0);
	core_row("a")->state = STATE_STOPPED;
	ops_settle(op);
	ck_assert_uint_eq(op->open, 0);
	ck_assert_uint_eq(ended, 1);
	tear_down();
}
END_TEST

START_TEST(test_known_result)
{
	struct op *op;

	set_up();
	op = ops_new(OP_RELOAD, 1);
	ck_assert_ptr_nonnull(op);
	ops_add_result(op, "a", MSG_CODE_OK, "sent SIGHUP to pid 1");
	ck_assert_uint_eq(op->open, 0);
	ck_assert_str_eq(op->results[0].message, "sent SIGHUP to pid 1");
	tear_down();
}
END_TEST

/* --- the ring ---------------------------------------------------------- */

START_TEST(test_forgotten)
{
	struct op *op;
	uint64_t first;

	set_up();
	op = begin(OP_START, "a");
	first = op->id;
	ck_assert_ptr_eq(ops_find(first), op);
	ck_assert_ptr_null(ops_find(first + 1));
	ck_assert_ptr_null(ops_find(0));
	for (int i = 0; i < OPS_KEPT; i++)
		ck_assert_ptr_nonnull(ops_new(OP_RELOAD, 0));
	ck_assert_ptr_null(ops_find(first));
	ck_assert_ptr_nonnull(ops_find(first + OPS_KEPT));
	/* A row does not point at what is gone. */
	ck_assert_ptr_null(core_row("a")->op);
	tear_down();
}
END_TEST

/* --- wire -------------------------------------------------------------- */

static void
check_string(const struct wire_cursor *map, const char *key, const char *want)
{
	struct wire_cursor at;
	const char *s;
	size_t len;

	ck_assert_int_eq(wire_map_find(map, key, &at), 0);
	ck_assert_int_eq(wire_get_str(&at, &s, &len), 0);
	ck_assert_msg(len == strlen(want) && memcmp(s, want, len) == 0,
	    "%s is '%.*s'", key, (int)len, s);
}

START_TEST(test_put)
{
	struct wire_cursor c;
	struct wire_cursor at;
	struct op *op;
	struct buf out;
	uint32_t n;

	set_up();
	op = begin(OP_START, "a");
	core_row("a")->state = STATE_STARTING;
	strcpy(op->note, "a note");
	buf_init(&out, 4096);
	ops_put(&out, op);
	ck_assert_int_eq(wire_validate(out.data, out.len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&c, out.data, out.len);
	check_string(&c, "verb", "start");
	ck_assert_int_eq(wire_map_find(&c, "results", &at), 0);
	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	ck_assert_uint_eq(n, 1);
	check_string(&at, "name", "a");
	check_string(&at, "state", "starting");
	check_string(&at, "message", "starting");
	ck_assert_int_eq(wire_map_find(&at, "code", &at), 0);
	ck_assert_int_eq(wire_get_nil(&at), 0);
	ck_assert_int_eq(wire_map_find(&c, "notes", &at), 0);
	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	ck_assert_uint_eq(n, 1);
	buf_fini(&out);
	tear_down();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ops");
	TCase *tc = tcase_create("ops");

	tcase_add_loop_test(tc, test_outcomes, 0, COUNT(outcomes));
	tcase_add_test(tc, test_killed);
	tcase_add_test(tc, test_superseded);
	tcase_add_test(tc, test_two_rows);
	tcase_add_test(tc, test_known_result);
	tcase_add_test(tc, test_forgotten);
	tcase_add_test(tc, test_put);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
