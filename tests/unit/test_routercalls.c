/*
 * test_routercalls: frames of calls that a plugin does not take. The plugin of
 * the test calls itself. What calls come to otherwise is in test_calls.c of the
 * integration tests.
 */
#include "routerrig.h"

enum { CALLS_MAX = 8 };

/* What it was given to execute, and what came of its calls; by its own `op`,
 * which is also the argument. */
static struct {
	unsigned frames;
	struct sock_return last_to; /* of the last frame */
	uint64_t last_id;
	uint64_t ops[CALLS_MAX];      /* the router's */
	uint64_t statuses[CALLS_MAX]; /* and 1; 0: none yet */
	char texts[CALLS_MAX][64];
	unsigned returned;
} got;

static void
answer_frame(const struct sock_return *to, unsigned type, uint64_t id,
    enum frame_code code)
{
	struct buf b;

	buf_init(&b, 100);
	frame_put(&b, type, id, 1);
	wire_put_uint(&b, code);
	ck_assert_int_eq(sock_reply(socks[COMMAND_SOCK], to, b.data, b.len), 0);
	buf_fini(&b);
}

/* [op source method args timeout_ms trace] */
static void
take_serve(struct wire_cursor *c, uint32_t n)
{
	for (; n > 0; n--) {
		uint64_t op, own;
		uint32_t fields;

		ck_assert_int_eq(wire_get_array(c, &fields), 0);
		ck_assert_uint_eq(fields, 6);
		ck_assert_int_eq(wire_get_uint(c, &op), 0);
		ck_assert_int_eq(wire_skip(c) | wire_skip(c), 0);
		ck_assert_int_eq(wire_get_uint(c, &own), 0);
		ck_assert_int_eq(wire_skip(c) | wire_skip(c), 0);
		ck_assert_uint_lt(own, CALLS_MAX);
		got.ops[own] = op;
	}
}

/* [op status text data] */
static void
take_returns(struct wire_cursor *c, uint32_t n)
{
	for (; n > 0; n--) {
		uint64_t op, status;
		uint32_t fields;

		ck_assert_int_eq(wire_get_array(c, &fields), 0);
		ck_assert_uint_eq(fields, 4);
		ck_assert_int_eq(wire_get_uint(c, &op), 0);
		ck_assert_uint_lt(op, CALLS_MAX);
		ck_assert_int_eq(wire_get_uint(c, &status), 0);
		ck_assert_int_eq(
		    wire_get_cstr(c, got.texts[op], sizeof(got.texts[op])), 0);
		ck_assert_int_eq(wire_skip(c), 0);
		ck_assert_uint_eq(got.statuses[op], 0);
		got.statuses[op] = status + 1;
		got.returned++;
	}
}

/* What it has to execute is left unanswered. */
static void
take_calls(const struct sock_message *m, struct frame *f)
{
	uint32_t n;

	ck_assert_int_eq(wire_get_array(&f->args, &n), 0);
	if (f->type == MSG_SERVE) {
		got.frames++;
		got.last_to = m->answer;
		got.last_id = f->id;
		take_serve(&f->args, n);
		return;
	}
	answer_frame(&m->answer, MSG_RETURNS, f->id, FRAME_OK);
	take_returns(&f->args, n);
}

/* It may call itself. */
static void
say_policy(void)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_POLICY, 5, 10);
	wire_put_uint(&b, SERIAL);
	wire_put_str(&b, "worker");
	wire_put_array(&b, 0);
	wire_put_array(&b, 0);
	wire_put_uint(&b, false);
	wire_put_uint(&b, 0);
	wire_put_uint(&b, 1000);
	wire_put_uint(&b, 100000);
	wire_put_array(&b, 1);
	wire_put_str(&b, "worker");
	wire_put_uint(&b, 1000);
	say(&b);
}

static void
offer_method(void)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_REGISTER, 20, 1);
	wire_put_str(&b, "m");
	ask(&b);
	ck_assert_uint_eq(heard.code, FRAME_OK);
}

/* From `first` to `last`, in one frame. */
static void
call(uint64_t first, uint64_t last)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_CALL, 30 + first, 1);
	wire_put_array(&b, (uint32_t)(last - first + 1));
	for (uint64_t op = first; op <= last; op++) {
		wire_put_array(&b, 4);
		wire_put_uint(&b, op);
		wire_put_str(&b, "worker");
		wire_put_str(&b, "m");
		wire_put_uint(&b, op);
	}
	ask(&b);
	ck_assert_uint_eq(heard.code, FRAME_OK);
}

static void
say_result(uint64_t op)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_RESULT, 40 + op, 1);
	wire_put_array(&b, 1);
	wire_put_array(&b, 2);
	wire_put_uint(&b, got.ops[op]);
	wire_put_uint(&b, CALL_OK);
	ask(&b);
	ck_assert_uint_eq(heard.code, FRAME_OK);
}

static bool
has_frames(void *arg)
{
	return got.frames == *(unsigned *)arg;
}

static bool
has_returned(void *arg)
{
	return got.returned == *(unsigned *)arg;
}

static void
begin(void)
{
	memset(&got, 0, sizeof(got));
	on_calls = take_calls;
	link_plugin();
	say_policy();
	/* It comes by another way than what the plugin says. */
	say_number(MSG_LINK_PING, 5);
	await(&told.pongs);
	offer_method();
}

static const enum frame_code codes[] = {
    FRAME_UNKNOWN_TYPE, FRAME_BUSY, FRAME_MALFORMED};

/* The first is in a frame that is taken, the others in one that is not: they
 * are over, long before their timeouts, and it is not. */
START_TEST(test_refused)
{
	char text[64];

	begin();
	call(1, 1);
	loop_until(has_frames, &(unsigned){1});
	call(2, 3); /* they wait for an answer to the first frame */
	answer_frame(&got.last_to, MSG_SERVE, got.last_id, FRAME_OK);
	loop_until(has_frames, &(unsigned){2});
	ck_assert_uint_ne(got.ops[3], 0);
	ck_assert_uint_eq(got.returned, 0);
	answer_frame(&got.last_to, MSG_SERVE, got.last_id, codes[_i]);
	loop_until(has_returned, &(unsigned){2});
	snprintf(text, sizeof(text), "the plugin refused the call: code %d",
	    (int)codes[_i]);
	for (int op = 2; op <= 3; op++) {
		ck_assert_uint_eq(got.statuses[op], CALL_LOST + 1);
		ck_assert_str_eq(got.texts[op], text);
	}
	say_result(2); /* of nobody any more */
	say_result(1);
	loop_until(has_returned, &(unsigned){3});
	ck_assert_uint_eq(got.statuses[1], CALL_OK + 1);
	ck_assert_uint_eq(told.violations, 0);
}
END_TEST

/* The way is free again, for the next. */
START_TEST(test_after_refusal)
{
	begin();
	for (unsigned i = 1; i <= 6; i++) {
		call(i, i);
		loop_until(has_frames, &i);
		answer_frame(&got.last_to, MSG_SERVE, got.last_id, FRAME_BUSY);
		loop_until(has_returned, &i);
	}
	call(7, 7);
	loop_until(has_frames, &(unsigned){7});
	answer_frame(&got.last_to, MSG_SERVE, got.last_id, FRAME_OK);
	say_result(7);
	loop_until(has_returned, &(unsigned){7});
	ck_assert_uint_eq(got.statuses[7], CALL_OK + 1);
	ck_assert_uint_eq(told.violations, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("routercalls");
	TCase *tc = make_case(s, "refused");

	tcase_add_loop_test(tc, test_refused, 0, COUNT(codes));
	tcase_add_test(tc, test_after_refusal);
	return unit_run(s);
}
