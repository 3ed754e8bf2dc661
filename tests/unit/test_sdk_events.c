/*
 * test_sdk_events: how a plugin's events leave, and what it hears of others'. What
 * was before it subscribed is in test_sdk_since.c.
 */
#include "sdkevents.h"

static int
publish(uint64_t n, size_t padding)
{
	struct plugind_writer *w = plugind_writer_new();
	uint8_t *bytes = calloc(1, padding + 1);
	int r;

	if (padding == 0)
		plugind_write_uint(w, n);
	else
		plugind_write_bytes(w, bytes, padding);
	r = plugind_publish(p, "custom.x", w);
	plugind_writer_free(w);
	free(bytes);
	return r;
}

/* --- out --------------------------------------------------------------- */

START_TEST(test_batch)
{
	for (uint64_t i = 1; i <= 5; i++)
		ck_assert_int_eq(publish(i, 0), 0);
	ck_assert_uint_eq(nsent, 1);
	ck_assert_uint_eq(sent[0].n, 1);
	acknowledge(MSG_PUBLISH, sent[0].id);
	ck_assert_uint_eq(nsent, 2);
	ck_assert_uint_eq(sent[1].n, 4);
	ck_assert_uint_eq(sent[1].first, 2);
	ck_assert(!publish_is_empty(&p->publish));
	ck_assert_uint_eq(plugind_unacknowledged(p), 4);
	ck_assert_int_eq(publish(6, 0), 0);
	ck_assert_uint_eq(plugind_unacknowledged(p), 5);
	acknowledge(MSG_PUBLISH, sent[1].id);
	ck_assert_uint_eq(plugind_unacknowledged(p), 1);
	acknowledge(MSG_PUBLISH, sent[2].id);
	ck_assert_uint_eq(plugind_unacknowledged(p), 0);
	ck_assert(publish_is_empty(&p->publish));
}
END_TEST

static int writable;

static void
on_writable(struct plugind *plugin, void *arg)
{
	(void)plugin;
	(void)arg;
	writable++;
}

/* It holds as much as the window, and the batch behind it. */
START_TEST(test_full)
{
	uint32_t published = 0;
	uint32_t taken = 0;

	writable = 0;
	plugind_on_writable(p, on_writable, NULL);
	ck_assert_int_eq(writable, 1); /* at once */
	while (publish(0, 10000) == 0)
		published++;
	ck_assert_int_eq(publish(0, 10000), -EAGAIN);
	ck_assert_uint_eq(nsent, PUBLISH_WINDOW);
	plugind_on_writable(p, on_writable, NULL);
	ck_assert_int_eq(writable, 1);
	acknowledge(MSG_PUBLISH, sent[0].id);
	ck_assert_int_eq(writable, 2);
	for (size_t i = 1; i < nsent; i++)
		acknowledge(MSG_PUBLISH, sent[i].id);
	for (size_t i = 0; i < nsent; i++)
		taken += sent[i].n;
	ck_assert_uint_eq(taken, published);
	ck_assert_int_eq(writable, 2); /* once a wish */
}
END_TEST

START_TEST(test_again)
{
	for (int i = 0; i < 60; i++)
		ck_assert_int_eq(publish(0, 10000), 0);
	ck_assert_uint_gt(nsent, 3);
	acknowledge(MSG_PUBLISH, sent[1].id); /* out of order */
	nsent = 0;
	plugin_say_again(p, true);
	ck_assert_uint_gt(nsent, 2);
	ck_assert_uint_eq(sent[0].type, MSG_EVENTS_ACK);
	for (size_t i = 1; i < nsent; i++) {
		ck_assert(sent[i].again);
		ck_assert(i == 1 || sent[i].id > sent[i - 1].id);
	}
}
END_TEST

/* A router takes none that is behind one that it has not seen. */
START_TEST(test_held_up)
{
	room = 2;
	for (int i = 0; i < 30; i++)
		ck_assert_int_eq(publish(0, 10000), 0);
	ck_assert_uint_eq(nsent, 2);
	room = UINT_MAX;
	acknowledge(MSG_PUBLISH, sent[0].id);
	ck_assert_uint_eq(nsent, 2);
	plugin_say_again(p, false);
	ck_assert_uint_gt(nsent, 4); /* one that is not answered, and more */
	for (size_t i = 3; i < nsent; i++) {
		ck_assert_uint_eq(sent[i].type, MSG_PUBLISH);
		ck_assert(!sent[i].again);
		ck_assert_uint_ge(sent[i].id, sent[1].id);
	}
	publish_busy(&p->publish);
	nsent = 0;
	acknowledge(MSG_PUBLISH, sent[1].id);
	ck_assert_uint_eq(nsent, 0);
}
END_TEST

START_TEST(test_refused)
{
	static const uint8_t two[] = {1, 2},
	                     deep[] = {0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91,
	                         0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91,
	                         0x91, 1};
	static uint8_t large[1024 * 1024];

	ck_assert_int_eq(plugind_publish_raw(p, "a b", two, 1), -EINVAL);
	ck_assert_int_eq(plugind_publish_raw(p, "a.*", two, 1), -EINVAL);
	ck_assert_int_eq(plugind_publish_raw(p, "a", two, 2), -EINVAL);
	ck_assert_int_eq(plugind_publish_raw(p, "a", two, 0), -EINVAL);
	ck_assert_int_eq(
	    plugind_publish_raw(p, "a", deep, sizeof(deep)), -EINVAL);
	ck_assert_int_eq(
	    plugind_publish_raw(p, "a", large, sizeof(large)), -EMSGSIZE);
	ck_assert_uint_eq(nsent, 0);
	ck_assert_int_eq(plugind_publish_raw(p, "a", two, 1), 0);
}
END_TEST

static char told[256];

static void
on_published(struct plugind *plugin, void *arg)
{
	(void)plugin;
	(void)arg;
	strncat(told, "published ", sizeof(told) - strlen(told) - 1);
}

/* Once, when nothing is under way any more, or at once. */
START_TEST(test_published)
{
	told[0] = '\0';
	plugind_on_published(p, on_published, NULL);
	ck_assert_str_eq(told, "published ");
	ck_assert_int_eq(publish(1, 0), 0);
	plugind_on_published(p, on_published, NULL);
	ck_assert_int_eq(publish(2, 0), 0);
	acknowledge(MSG_PUBLISH, sent[0].id);
	ck_assert_str_eq(told, "published ");
	acknowledge(MSG_PUBLISH, sent[1].id);
	ck_assert_str_eq(told, "published published ");
	ck_assert_int_eq(publish(3, 0), 0);
	acknowledge(MSG_PUBLISH, sent[2].id);
	ck_assert_str_eq(told, "published published ");
}
END_TEST

static void
on_refused(struct plugind *plugin, int error, const char *why, void *arg)
{
	(void)plugin;
	(void)arg;
	snprintf(told, sizeof(told), "%d %s", error, why);
}

static void
deny(uint64_t type, uint64_t id, uint64_t code, const char *why)
{
	struct frame f;
	struct buf out;

	buf_init(&out, 1000);
	frame_put(&out, (unsigned)type, id, 2);
	wire_put_uint(&out, code);
	wire_put_str(&out, why);
	ck_assert_int_eq(frame_parse(out.data, out.len, &f), 0);
	ck_assert_int_eq(frame_uint(&f, &code), 0);
	plugin_acknowledged(p, &f, code);
	buf_fini(&out);
}

static const struct {
	uint64_t type;
	uint64_t code;
	const char *told;
} refusals[] = {
    {MSG_PUBLISH, FRAME_DENIED, "-13 not you"},
    {MSG_PUBLISH, FRAME_MALFORMED, "-22 not you"},
    {MSG_SUBSCRIBE, FRAME_DENIED, "-13 not you"},
};

START_TEST(test_on_refused)
{
	ck_assert_int_eq(publish(1, 0), 0);
	deny(refusals[_i].type, sent[0].id, refusals[_i].code, "in the log");
	ck_assert_str_eq(told, "");
	plugind_on_refused(p, on_refused, NULL);
	ck_assert_int_eq(publish(1, 0), 0);
	deny(refusals[_i].type, sent[nsent - 1].id, refusals[_i].code,
	    "not you");
	ck_assert_str_eq(told, refusals[_i].told);
	ck_assert(publish_is_empty(&p->publish) ==
	          (refusals[_i].type == MSG_PUBLISH));
}
END_TEST

/* What is like the one before in length or in its beginning is another one. */
START_TEST(test_like_topics)
{
	static const char *const others[] = {
	    "", "a", "a.", "a.b.", "a b", "a.*"};
	static const uint8_t one[] = {1};

	ck_assert_int_eq(plugind_publish_raw(p, "a.b", one, 1), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int want = strcmp(others[i], "a") == 0 ? 0 : -EINVAL;

		ck_assert_int_eq(
		    plugind_publish_raw(p, others[i], one, 1), want);
		ck_assert_int_eq(plugind_publish_raw(p, "a.b", one, 1), 0);
	}
}
END_TEST

/* --- in ---------------------------------------------------------------- */

START_TEST(test_handlers)
{
	heard[0] = '\0';
	ck_assert_int_eq(plugind_subscribe(p, "custom.>", 0, on_event, a), 0);
	ck_assert_int_eq(
	    plugind_subscribe(p, "custom.x", PLUGIND_ECHO, on_event, b), 0);
	ck_assert_int_eq(plugind_subscribe(p, "x.>", 0, on_event, c), 0);
	ck_assert_int_eq(plugind_subscribe(p, "a..b", 0, on_event, c), -EINVAL);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_str_eq(sent[1].text, "custom.x");
	deliver("e1", 1, "other", 2, false);
	expect("a:custom.x:10 b:custom.x:10 a:custom.x:11 b:custom.x:11 ");
	deliver("e1", 2, "me", 1, false);
	expect("b:custom.x:20 ");
	deliver("e1", 2, "other", 1, false); /* once more */
	expect("");
	for (uint64_t no = 3; no < 9; no++)
		deliver("e1", no, "me", 0, false);
	deliver("e1", 9, "other", 1, false);
	expect("a:custom.x:90! b:custom.x:90! ");
}
END_TEST

static void
on_whole_event(struct plugind *plugin, struct plugind_event *e, void *arg)
{
	const char *target = plugind_event_target(e);

	(void)plugin;
	(void)arg;
	snprintf(heard, sizeof(heard), "%s %s", plugind_event_id(e),
	    target != NULL ? target : "-");
}

START_TEST(test_whole)
{
	ck_assert_int_eq(
	    plugind_subscribe(p, "custom.>", 0, on_whole_event, a), 0);
	deliver("e1", 1, "other", 2, false);
	expect("e1:11 me");
}
END_TEST

/* Which handlers an event is for changes with its topic, both ways. */
START_TEST(test_topics)
{
	static const char *const topics[] = {
	    "custom.x", "custom.y", "custom.x", "custom.xy", "other.x"};

	heard[0] = '\0';
	ck_assert_int_eq(plugind_subscribe(p, "custom.*", 0, on_event, a), 0);
	ck_assert_int_eq(plugind_subscribe(p, "custom.x", 0, on_event, b), 0);
	for (uint64_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		topic = topics[i];
		deliver("e1", i + 1, "other", 1, false);
	}
	expect("a:custom.x:10 b:custom.x:10 a:custom.y:20 a:custom.x:30 "
	       "b:custom.x:30 a:custom.xy:40 ");
	ck_assert_int_eq(plugind_subscribe(p, "other.x", 0, on_event, c), 0);
	deliver("e1", 6, "other", 1, false);
	expect("c:other.x:60 ");
}
END_TEST

START_TEST(test_unsubscribe)
{
	heard[0] = '\0';
	ck_assert_int_eq(
	    plugind_subscribe(p, "custom.*", 0, on_last_event, a), 0);
	ck_assert_int_eq(plugind_subscribe(p, "custom.*", 0, on_event, b), 0);
	deliver("e1", 1, "other", 3, false);
	expect("a:custom.x:10 ");
	nsent = 0;
	plugin_say_again(p, true);
	ck_assert_uint_eq(nsent, 1); /* the acknowledgement */
}
END_TEST

/* More than there is room for: each once, in order, and the acknowledgement
 * that ends them behind the last one. */
START_TEST(test_many_patterns)
{
	char pattern[16];

	for (int i = 0; i < 50; i++) {
		snprintf(pattern, sizeof(pattern), "a.p%02d", i);
		ck_assert_int_eq(
		    plugind_subscribe(p, pattern, 0, on_event, a), 0);
	}
	room = 20;
	nsent = 0;
	plugin_say_again(p, true);
	ck_assert_uint_eq(nsent, 20);
	deliver("e1", 1, "me", 0, false);
	event_base_loop(p->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	room = 40;
	for (size_t i = 0; i < 50; i++)
		acknowledge(MSG_SUBSCRIBE, sent[i].id);
	ck_assert_uint_eq(nsent, 51);
	for (int i = 0; i < 50; i++) {
		snprintf(pattern, sizeof(pattern), "a.p%02d", i);
		ck_assert_str_eq(sent[i].text, pattern);
	}
	ck_assert_uint_eq(sent[50].type, MSG_EVENTS_ACK);
	ck_assert_uint_eq(sent[50].number, 1);
	nsent = 0;
	plugin_say_again(p, false);
	ck_assert_uint_eq(nsent, 1);
}
END_TEST

/* Without an event of the new router: when it knows all patterns. */
START_TEST(test_router_gap)
{
	heard[0] = '\0';
	plugind_on_gap(p, on_gap, NULL);
	subscribe_welcome(&p->subscribe, "e2");
	plugin_say_again(p, true);
	acknowledge(MSG_EVENTS_ACK, sent[nsent - 1].id);
	expect(""); /* it does not listen */
	ck_assert_int_eq(plugind_subscribe(p, "custom.x", 0, on_event, a), 0);
	for (int i = 0; i < 2; i++) { /* the same router: only once */
		nsent = 0;
		subscribe_welcome(&p->subscribe, "e3");
		plugin_say_again(p, true);
		expect("");
		ck_assert_uint_eq(nsent, 2);
		acknowledge(MSG_SUBSCRIBE, sent[0].id);
		expect("");
		acknowledge(MSG_EVENTS_ACK, sent[1].id);
		expect(i == 0 ? "gap:0:1 " : "");
	}
	/* Before what the new router sends, if that is read first. */
	nsent = 0;
	subscribe_welcome(&p->subscribe, "e4");
	plugin_say_again(p, true);
	deliver("e4", 1, "other", 1, false);
	expect("gap:0:1 a:custom.x:10 ");
	acknowledge(MSG_EVENTS_ACK, sent[1].id);
	expect("");
}
END_TEST

START_TEST(test_gaps)
{
	heard[0] = '\0';
	ck_assert_int_eq(plugind_subscribe(p, "custom.x", 0, on_event, a), 0);
	deliver("e1", 1, NULL, 7, true);
	ck_assert(heard[0] == '\0'); /* in its log */
	plugind_on_gap(p, on_gap, NULL);
	deliver("e1", 2, NULL, 8, true);
	expect("gap:8:0 ");
	deliver("e2", 1, "other", 1, false);
	expect("gap:0:1 a:custom.x:10 ");
	deliver("e2", 3, "other", 1, false); /* one never came */
	expect("gap:0:0 a:custom.x:30 ");
}
END_TEST

/* Every fourth frame, and when all is read. */
START_TEST(test_acknowledgements)
{
	for (uint64_t no = 1; no <= 6; no++)
		deliver("e1", no, "other", 1, false);
	ck_assert_uint_eq(nsent, 1);
	ck_assert_uint_eq(sent[0].number, 4);
	event_base_loop(p->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(nsent, 2);
	ck_assert_uint_eq(sent[1].number, 6);
	event_base_loop(p->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(nsent, 2);
	/* What comes again is acknowledged again. */
	deliver("e1", 6, "other", 1, false);
	event_base_loop(p->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_uint_eq(sent[2].number, 6);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {test_batch, test_full, test_again,
	    test_held_up, test_refused, test_published, test_whole,
	    test_like_topics, test_handlers, test_topics, test_unsubscribe,
	    test_many_patterns, test_router_gap, test_gaps,
	    test_acknowledgements};
	Suite *suite = suite_create("sdk_events");
	TCase *tc = tcase_create("events");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < COUNT(tests); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, test_on_refused, 0, COUNT(refusals));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
