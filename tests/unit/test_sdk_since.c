/*
 * test_sdk_since: what a plugin hears of the time before it subscribed.
 */
#include "sdkevents.h"

/* A frame of `epoch` that begins with `mark` (0: none), and in it a run of one
 * event, for the subscription with `wish` (0: all). seq 0: a gap instead. */
static void
deliver_wish(
    const char *epoch, uint64_t no, uint64_t mark, uint64_t wish, uint64_t seq)
{
	struct buf out;

	buf_init(&out, 65536);
	frame_put(&out, MSG_EVENTS, no, 2);
	wire_put_str(&out, epoch);
	wire_put_array(&out, mark != 0 ? 2 : 1);
	if (mark != 0) {
		wire_put_array(&out, 1);
		wire_put_uint(&out, mark);
	}
	wire_put_array(&out, (seq != 0 ? 6 : 5) + (wish != 0));
	if (seq != 0) {
		wire_put_str(&out, "other");
		wire_put_uint(&out, 1);
		wire_put_uint(&out, seq);
		wire_put_nil(&out);
		wire_put_bool(&out, false);
		wire_put_array(&out, 1);
		wire_put_array(&out, 2);
		wire_put_str(&out, "custom.x");
		wire_put_nil(&out);
	} else {
		wire_put_nil(&out);
		wire_put_uint(&out, 0);
		wire_put_uint(&out, 0);
		wire_put_uint(&out, 9);
		wire_put_str(&out, "not retained");
	}
	if (wish != 0)
		wire_put_uint(&out, wish);
	ck_assert(subscribe_take(&p->subscribe, out.data, out.len));
	buf_fini(&out);
}

static void
on_kept(struct plugind *plugin, struct plugind_event *e, void *arg)
{
	char id[64];

	on_event(plugin, e, arg);
	snprintf(id, sizeof(id), "%s:%llu", p->subscribe.epoch,
	    (unsigned long long)plugind_event_seq(e));
	ck_assert_str_eq(plugind_event_id(e), id);
	ck_assert(plugind_event_is_retained(e) == (plugind_event_seq(e) < 10));
}

/* What is kept is for the one that has asked, and what comes as usual before
 * that for all others. */
START_TEST(test_since)
{
	uint64_t wish, other;

	heard[0] = '\0';
	subscribe_welcome(&p->subscribe, "e1");
	plugind_on_gap(p, on_gap, NULL);
	ck_assert_int_eq(plugind_subscribe(p, "custom.>", 0, on_event, a), 0);
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "custom.x", 0, 77, on_kept, b), 0);
	ck_assert_int_eq(
	    plugind_subscribe_after(p, "custom.x", 0, "e0:5", on_kept, c), 0);
	ck_assert_str_eq(sent[0].since, "");
	ck_assert_str_eq(sent[1].since, "77");
	ck_assert_str_eq(sent[2].since, "e0:5");
	wish = sent[1].id;
	other = sent[2].id;
	ck_assert_uint_gt(other, wish);
	deliver_wish("e1", 1, 0, 0, 20); /* before it has met any */
	expect("a:custom.x:20 ");
	deliver_wish("e1", 2, wish, wish, 0);
	expect("gap:0:2 ");
	deliver_wish("e1", 3, wish, wish, 5);
	expect("b:custom.x:5 ");
	deliver_wish("e1", 4, wish, 0, 21);
	expect("a:custom.x:21 b:custom.x:21 ");
	deliver_wish("e1", 5, other, other, 6);
	expect("c:custom.x:6 ");
	deliver_wish("e1", 6, other, other + 100, 6); /* nobody's any more */
	deliver_wish("e1", 7, other, other + 100, 0);
	expect("");
	deliver_wish("e1", 8, other, 0, 22);
	expect("a:custom.x:22 b:custom.x:22 c:custom.x:22 ");
}
END_TEST

/* What a router has taken is not asked for again; what it has not, is, from
 * where it has come to; of another router, all. */
START_TEST(test_since_again)
{
	uint64_t wish;

	heard[0] = '\0';
	subscribe_welcome(&p->subscribe, "e1");
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "custom.x", 0, 77, on_event, a), 0);
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "custom.y", 0, 0, on_event, b), 0);
	wish = sent[0].id;
	acknowledge(MSG_SUBSCRIBE, sent[1].id);
	deliver_wish("e1", 1, wish, wish, 5);
	nsent = 0;
	plugin_say_again(p, true);
	ck_assert_str_eq(sent[0].since, "e1:5");
	ck_assert_uint_gt(sent[0].id, wish);
	ck_assert_str_eq(sent[1].text, "custom.y");
	ck_assert_str_eq(sent[1].since, "");
	deliver_wish("e1", 2, wish, wish, 6); /* the first wish */
	expect("a:custom.x:5 ");
	wish = sent[0].id;
	deliver_wish("e1", 3, wish, wish, 6);
	expect("a:custom.x:6 ");
	acknowledge(MSG_SUBSCRIBE, wish);
	nsent = 0;
	plugin_say_again(p, true);
	ck_assert_str_eq(sent[0].since, "");
	deliver_wish("e1", 4, wish, 0, 20);
	expect("a:custom.x:20 ");
	nsent = 0;
	subscribe_welcome(&p->subscribe, "e2");
	plugin_say_again(p, true);
	ck_assert_str_eq(sent[0].since, "0");
	ck_assert_str_eq(sent[1].since, "0"); /* as its author has said */
	deliver_wish("e2", 1, 0, 0, 1);
	expect("");
	deliver_wish("e2", 2, sent[0].id, sent[0].id, 1);
	expect("a:custom.x:1 ");
}
END_TEST

static void
on_caught_up(struct plugind *plugin, void *arg)
{
	size_t len = strlen(heard);

	(void)plugin;
	ck_assert_ptr_eq(arg, c);
	snprintf(heard + len, sizeof(heard) - len, "up ");
}

/* Once for all that have asked, in front of what comes as usual. */
START_TEST(test_caught_up)
{
	uint64_t wish, other;

	heard[0] = '\0';
	subscribe_welcome(&p->subscribe, "e1");
	plugind_on_caught_up(p, on_caught_up, c);
	ck_assert_int_eq(plugind_subscribe(p, "custom.>", 0, on_event, a), 0);
	deliver_wish("e1", 1, 0, 0, 20);
	expect("a:custom.x:20 ");
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "custom.x", 0, 0, on_event, b), 0);
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "custom.y", 0, 0, on_event, b), 0);
	wish = sent[1].id;
	other = sent[2].id;
	deliver_wish("e1", 2, 0, wish, 5);
	expect("b:custom.x:5 ");
	deliver_wish("e1", 3, wish, 0, 21); /* one still waits */
	expect("a:custom.x:21 b:custom.x:21 ");
	deliver_wish("e1", 4, other, 0, 22);
	expect("up a:custom.x:22 b:custom.x:22 ");
	deliver_wish("e1", 5, other, 0, 23);
	expect("a:custom.x:23 b:custom.x:23 ");
	/* With another router it catches up again. */
	nsent = 0;
	subscribe_welcome(&p->subscribe, "e2");
	plugin_say_again(p, true);
	ck_assert_uint_gt(sent[1].id, other);
	deliver_wish("e2", 1, 0, 0, 1);
	expect("a:custom.x:1 ");
	deliver_wish("e2", 2, sent[2].id, 0, 2);
	expect("up a:custom.x:2 b:custom.x:2 ");
	/* As the mock has it. */
	deliver_wish("e2", 3, UINT64_MAX, 0, 3);
	expect("a:custom.x:3 b:custom.x:3 ");
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "custom.z", 0, 0, on_event, b), 0);
	deliver_wish("e2", 4, UINT64_MAX, 0, 4);
	expect("up a:custom.x:4 b:custom.x:4 ");
}
END_TEST

/* One that was refused is not taken for one that is met. */
START_TEST(test_since_refused)
{
	static const char *const wrong[] = {
	    "", ":", "e:", ":5", "e1:x", "e1:-5", "e1:5 "};
	struct frame f = {.type = MSG_SUBSCRIBE};

	for (size_t i = 0; i < COUNT(wrong); i++)
		ck_assert_int_eq(plugind_subscribe_after(
		                     p, "a", 0, wrong[i], on_event, NULL),
		    -EINVAL);
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "a", 0, -1, on_event, NULL), -EINVAL);
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "a..b", 0, 0, on_event, NULL), -EINVAL);
	ck_assert_uint_eq(nsent, 0);
	subscribe_welcome(&p->subscribe, "e1");
	ck_assert_int_eq(
	    plugind_subscribe_since(p, "custom.x", 0, 77, on_event, a), 0);
	f.id = sent[0].id;
	plugin_acknowledged(p, &f, FRAME_DENIED);
	plugin_say_again(p, true);
	ck_assert_str_eq(sent[1].since, "77");
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
	    test_since, test_since_again, test_since_refused, test_caught_up};
	Suite *suite = suite_create("sdk_since");
	TCase *tc = tcase_create("since");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < COUNT(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
