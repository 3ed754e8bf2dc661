/*
 * test_outlet: what leaves when, what is sent again, what is dropped and how
 * that is said. A reader of the frames keeps the books.
 */
#include "supervisor/router/outlet.h"

#include "common/frame.h"
#include "common/msgs.h"

#include "unit.h"

#include <errno.h>
#include <event2/event.h>

static struct event_base *loop;
static struct outlet *outlet;
static int slow;
static int done;

/* What has come out, and what the last frame had in it. */
static struct {
	size_t frames;
	uint64_t last_no;
	uint64_t next_seq; /* that is due */
	uint64_t events;
	uint64_t gaps;
	uint64_t missed;
	uint64_t mark; /* of the last frame */
	uint64_t kept; /* events, and where they began */
	uint64_t kept_seq;
	uint64_t wish; /* of the last part that has one */
	uint64_t lost; /* up to which some were not kept */
} seen;

/* They come behind others, with lower numbers. */
static void
note_kept(uint64_t seq, uint32_t n)
{
	if (seen.kept == 0)
		seen.kept_seq = seq;
	ck_assert_uint_eq(seq, seen.kept_seq + seen.kept);
	seen.kept += n;
}

static void
read_run(struct wire_cursor *c, bool is_kept)
{
	const char *source;
	size_t len;
	uint64_t time_ms, seq;
	uint32_t n;

	ck_assert_int_eq(wire_get_str(c, &source, &len), 0);
	ck_assert_uint_eq(len, 2);
	ck_assert_int_eq(wire_get_uint(c, &time_ms), 0);
	ck_assert_int_eq(wire_get_uint(c, &seq), 0);
	ck_assert_int_eq(wire_skip(c), 0);
	ck_assert_int_eq(wire_skip(c), 0);
	ck_assert_int_eq(wire_get_array(c, &n), 0);
	if (is_kept) {
		note_kept(seq, n);
	} else {
		ck_assert_uint_eq(seq, seen.next_seq);
		seen.next_seq += n;
		seen.events += n;
	}
	for (; n > 0; n--)
		ck_assert_int_eq(wire_skip(c), 0);
	if (is_kept)
		ck_assert_int_eq(wire_get_uint(c, &seen.wish), 0);
}

static void
read_missing(struct wire_cursor *c)
{
	uint64_t number;

	ck_assert_int_eq(wire_get_nil(c), 0);
	ck_assert_int_eq(wire_get_uint(c, &number), 0);
	ck_assert_uint_eq(number, 0);
	ck_assert_int_eq(wire_get_uint(c, &number), 0);
	ck_assert_int_eq(wire_get_uint(c, &seen.lost), 0);
	ck_assert_int_eq(wire_skip(c), 0);
	ck_assert_int_eq(wire_get_uint(c, &seen.wish), 0);
}

static void
read_gap(struct wire_cursor *c)
{
	uint64_t n, from, to;

	ck_assert_int_eq(wire_get_nil(c), 0);
	ck_assert_int_eq(wire_get_uint(c, &n), 0);
	ck_assert_int_eq(wire_get_uint(c, &from), 0);
	ck_assert_int_eq(wire_get_uint(c, &to), 0);
	ck_assert_int_eq(wire_skip(c), 0);
	ck_assert_uint_eq(from, seen.next_seq);
	ck_assert_uint_eq(to - from + 1, n);
	seen.next_seq = to + 1;
	seen.missed += n;
	seen.gaps++;
}

static void
hear(void *arg, const void *head, size_t head_len, const void *body, size_t len)
{
	static uint8_t whole[4 * 1024 * 1024];
	struct frame f;
	char epoch[32];
	uint32_t parts, fields;

	(void)arg;
	memcpy(whole, head, head_len);
	if (len > 0)
		memcpy(whole + head_len, body, len);
	ck_assert_int_eq(frame_parse(whole, head_len + len, &f), 0);
	ck_assert_uint_eq(f.type, MSG_EVENTS);
	seen.frames++;
	if (f.id <= seen.last_no)
		return; /* once more */
	ck_assert_uint_eq(f.id, ++seen.last_no);
	ck_assert_int_eq(frame_str(&f, epoch, sizeof(epoch)), 0);
	ck_assert_str_eq(epoch, "e1");
	ck_assert_int_eq(wire_get_array(&f.args, &parts), 0);
	seen.mark = 0;
	for (; parts > 0; parts--) {
		ck_assert_int_eq(wire_get_array(&f.args, &fields), 0);
		if (fields == 1)
			ck_assert_int_eq(wire_get_uint(&f.args, &seen.mark), 0);
		else if (wire_peek(&f.args) != WIRE_NIL)
			read_run(&f.args, fields == 7);
		else if (fields == 5)
			read_gap(&f.args);
		else
			read_missing(&f.args);
	}
}

static void
be_told(void *arg)
{
	(void)arg;
	slow++;
}

static void
open_outlet(uint64_t events, uint64_t bytes, int64_t block_ms)
{
	const struct outlet_options options = {
	    .epoch = "e1", .base = loop, .send = hear, .slow = be_told};
	const struct outlet_limits limits = {
	    events, bytes, block_ms > 0, block_ms};

	memset(&seen, 0, sizeof(seen));
	seen.next_seq = 1;
	slow = 0;
	ck_assert_int_eq(outlet_new(&options, &outlet), 0);
	outlet_limit(outlet, &limits);
}

static uint64_t put_seq;

static void
on_done(struct outlet_ticket *t)
{
	(void)t;
	done++;
}

/* `n` events of `len` bytes each. */
static void
put_held(uint32_t n, size_t len, struct outlet_ticket *t)
{
	static const uint8_t nil = 0xc0;
	struct outlet_run run = {.source = "me",
	    .seq = put_seq + 1,
	    .trace = &nil,
	    .trace_len = 1,
	    .n = n};
	static uint8_t data[1024 * 1024];
	struct buf b;

	memset(data, 7, sizeof(data));
	buf_init(&b, 16 * 1024 * 1024);
	for (uint32_t i = 0; i < n; i++)
		wire_put_bin(&b, data, len);
	run.events = b.data;
	run.len = b.len;
	put_seq += n;
	outlet_put(outlet, &run, t);
	outlet_flush(outlet);
	buf_fini(&b);
}

static void
put(uint32_t n, size_t len)
{
	put_held(n, len, NULL);
}

/* What was kept, for `wish`. */
static void
put_kept(uint64_t seq, uint32_t n, uint64_t wish)
{
	static const uint8_t nils[100] = {[0 ... 99] = 0xc0};
	const struct outlet_run run = {.source = "me",
	    .seq = seq,
	    .trace = nils,
	    .trace_len = 1,
	    .events = nils,
	    .len = n,
	    .n = n,
	    .wish = wish};

	outlet_put(outlet, &run, NULL);
	outlet_flush(outlet);
}

static void
setup(void)
{
	put_seq = 0;
	done = 0;
	loop = event_base_new();
	ck_assert_ptr_nonnull(loop);
	open_outlet(65536, 64 * 1024 * 1024, 0);
}

static void
teardown(void)
{
	outlet_free(outlet);
	event_base_free(loop);
}

static struct outlet_report
report(void)
{
	struct outlet_report r;

	outlet_report(outlet, &r);
	return r;
}

/* The first leaves at once, the rest when it has arrived, together. */
START_TEST(test_batch)
{
	put(1, 10);
	ck_assert_uint_eq(seen.events, 1);
	put(1, 10);
	put(2, 10);
	put(1, 10);
	ck_assert_uint_eq(seen.events, 1);
	ck_assert_uint_eq(report().waiting, 5);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	ck_assert_uint_eq(seen.events, 5);
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_int_eq(outlet_acknowledge(outlet, 2), 0);
	ck_assert_uint_eq(report().waiting, 0);
	ck_assert_uint_eq(report().bytes, 0);
	ck_assert_uint_eq(report().delivered, 5);
	ck_assert_int_eq(outlet_acknowledge(outlet, 2), 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, 3), -EBADMSG);
}
END_TEST

/* Full frames leave until the window is full. */
START_TEST(test_window)
{
	for (int i = 0; i < 200; i++)
		put(100, 1000);
	ck_assert_uint_ge(seen.frames, OUTLET_WINDOW_BYTES / OUTLET_BATCH / 2);
	ck_assert_uint_le(seen.frames, OUTLET_WINDOW);
	while (seen.events < 20000)
		ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(report().bytes, 0);
	ck_assert_uint_eq(report().dropped, 0);
}
END_TEST

START_TEST(test_resend)
{
	size_t before;

	for (int i = 0; i < 20; i++)
		put(100, 1000);
	before = seen.frames;
	ck_assert_uint_gt(before, 3);
	ck_assert_int_eq(outlet_acknowledge(outlet, 2), 0);
	before = seen.frames;
	outlet_resend(outlet);
	ck_assert_uint_eq(seen.frames, before + seen.last_no - 2);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(seen.events, 2000);
}
END_TEST

/* The oldest go, and the books still tell what is missing, and where. */
START_TEST(test_overflow)
{
	outlet_free(outlet);
	open_outlet(_i == 0 ? 1000 : UINT64_MAX, _i == 0 ? UINT64_MAX : 1000000,
	    _i == 2 ? 60000 : 0);
	for (int i = 0; i < 300; i++) {
		put(100, 1000);
		ck_assert_uint_le(report().waiting, 6100);
	}
	ck_assert_uint_gt(report().dropped, 10000);
	while (report().waiting > 0)
		ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(seen.events + seen.missed, 30000);
	ck_assert_uint_eq(seen.missed, report().dropped);
	ck_assert_uint_eq(seen.events, report().delivered);
	ck_assert_uint_eq(seen.next_seq, 30001);
	ck_assert_uint_ge(seen.gaps, 1);
	ck_assert_int_eq(slow, 0); /* not within outlet_put */
	event_base_loop(loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_int_eq(slow, _i == 2);
}
END_TEST

/* A ticket is done when the last of its frames has arrived. */
START_TEST(test_ticket)
{
	struct outlet_ticket a = {0, on_done};
	struct outlet_ticket b = {0, on_done};

	outlet_free(outlet);
	open_outlet(1000, UINT64_MAX, 60000);
	put_held(1, 10, &a);
	put_held(1, 10, &a);
	put_held(1, 10, &b);
	ck_assert_uint_eq(a.pending, 2);
	ck_assert_uint_eq(b.pending, 1);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	ck_assert_int_eq(done, 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, 2), 0);
	ck_assert_int_eq(done, 2);
	ck_assert_uint_eq(a.pending + b.pending, 0);
}
END_TEST

/* Nobody waits longer than that, nor for one that is not there any more. */
START_TEST(test_late)
{
	struct outlet_ticket t = {0, on_done};

	outlet_free(outlet);
	open_outlet(1000, UINT64_MAX, 20);
	put_held(1, 10, &t);
	while (slow == 0)
		event_base_loop(loop, EVLOOP_ONCE);
	ck_assert_int_eq(done, 1);
	put_held(1, 10, &t);
	ck_assert_uint_eq(t.pending, 0);
	/* It has caught up: its word counts again. */
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, 2), 0);
	put_held(1, 10, &t);
	ck_assert_uint_eq(t.pending, 1);
	outlet_free(outlet);
	ck_assert_int_eq(done, 2);
	open_outlet(1000, UINT64_MAX, 20);
}
END_TEST

/* Frames tell which wishes are met, and that begins a frame: what grew until
 * then, and what was kept, is in front of it. */
START_TEST(test_wish)
{
	put(1, 10);
	put(3, 10);
	ck_assert_uint_eq(seen.events, 1);
	outlet_put_missing(outlet, 7, 1, 2);
	put_kept(3, 1, 7);
	put_kept(4, 1, 7);
	ck_assert(!outlet_is_marked(outlet, 7));
	outlet_mark(outlet, 7);
	ck_assert(outlet_is_marked(outlet, 7));
	ck_assert(!outlet_is_marked(outlet, 8));
	put(1, 10);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(seen.frames, 3);
	ck_assert_uint_eq(seen.events, 5);
	ck_assert_uint_eq(seen.kept, 2);
	ck_assert_uint_eq(seen.kept_seq, 3);
	ck_assert_uint_eq(seen.lost, 2);
	ck_assert_uint_eq(seen.mark, 7);
	ck_assert_uint_eq(seen.wish, 7);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(report().bytes, 0);
	ck_assert_uint_eq(report().waiting, 0);
	put(1, 10);
	ck_assert_uint_eq(seen.mark, 7); /* it stays so */
}
END_TEST

/* Those of before are dropped like others, and the news that more is missing
 * with them. */
START_TEST(test_wish_overflow)
{
	outlet_free(outlet);
	open_outlet(25, UINT64_MAX, 0);
	put_seq = 100;
	seen.next_seq = 101;
	put(1, 10);
	outlet_put_missing(outlet, 7, 0, 0);
	put_kept(3, 10, 7);
	outlet_mark(outlet, 7);
	seen.next_seq = 3; /* where the gap begins */
	put_kept(50, 20, 8);
	outlet_mark(outlet, 8);
	ck_assert_uint_eq(report().dropped, 10);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	ck_assert_uint_eq(seen.gaps, 1);
	ck_assert_uint_eq(seen.missed, 10);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(seen.kept, 20);
	ck_assert_uint_eq(seen.kept_seq, 50);
	ck_assert_uint_eq(seen.wish, 8);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(seen.mark, 8);
}
END_TEST

/* Where nothing was kept, and nothing follows, it is said all the same. */
START_TEST(test_wish_alone)
{
	outlet_mark(outlet, 7);
	outlet_flush(outlet);
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_eq(seen.mark, 7);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	outlet_flush(outlet);
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_eq(report().bytes, 0);
}
END_TEST

/* Who reads nothing and asks again and again is told once of the last. */
START_TEST(test_wish_often)
{
	put(1, 10);
	ck_assert_uint_eq(seen.frames, 1);
	for (uint64_t wish = 7; wish < 1000; wish++)
		outlet_mark(outlet, wish);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	outlet_flush(outlet);
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.mark, 999);
}
END_TEST

/* It is not lost with what is dropped. */
START_TEST(test_wish_dropped)
{
	outlet_free(outlet);
	open_outlet(5, UINT64_MAX, 0);
	put_seq = 100;
	seen.next_seq = 101;
	put(1, 10);
	put_kept(99, 3, 7);
	outlet_mark(outlet, 7);
	seen.next_seq = 99; /* where the gap begins */
	put(10, 10);
	ck_assert_uint_eq(report().dropped, 13);
	ck_assert_uint_eq(report().waiting, 1);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	ck_assert_uint_eq(seen.gaps, 1);
	ck_assert_int_eq(outlet_acknowledge(outlet, 2), 0);
	ck_assert_uint_eq(seen.frames, 3);
	ck_assert_uint_eq(seen.mark, 7);
	/* Once it is told, it needs no frame any more. */
	put(1, 10);
	put(10, 10);
	ck_assert_int_eq(outlet_acknowledge(outlet, 3), 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(report().bytes, 0);
	ck_assert_uint_eq(report().waiting, 0);
}
END_TEST

START_TEST(test_large)
{
	put(1, 1024 * 1024);
	put(1, 1024 * 1024);
	put(1, 10);
	ck_assert_int_eq(outlet_acknowledge(outlet, 1), 0);
	ck_assert_int_eq(outlet_acknowledge(outlet, seen.last_no), 0);
	ck_assert_uint_eq(seen.events, 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("outlet");
	TCase *tc = tcase_create("outlet");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_batch);
	tcase_add_test(tc, test_window);
	tcase_add_test(tc, test_resend);
	tcase_add_loop_test(tc, test_overflow, 0, 3);
	tcase_add_test(tc, test_ticket);
	tcase_add_test(tc, test_late);
	tcase_add_test(tc, test_wish);
	tcase_add_test(tc, test_wish_overflow);
	tcase_add_test(tc, test_wish_alone);
	tcase_add_test(tc, test_wish_often);
	tcase_add_test(tc, test_wish_dropped);
	tcase_add_test(tc, test_large);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
