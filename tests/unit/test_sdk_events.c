/*
 * test_sdk_events: how a plugin's events leave, and what it hears of others'.
 */
#include "sdk/src/plugin.h"

#include "common/msgs.h"
#include "unit.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRAMES_MAX = 256 };

static struct plugind *p;

/* What it has sent. */
static struct sent {
	uint64_t type;
	uint64_t id;
	uint64_t first;  /* publish: data of the first event */
	uint64_t number; /* events.ack */
	uint32_t n;      /* publish: events */
	bool again;
	char text[64];  /* subscribe */
	char since[64]; /* its id, or its time as digits; "": none */
} sent[FRAMES_MAX];
static size_t nsent;

static void
read_publish(struct frame *f, struct sent *s)
{
	const void *data;
	uint64_t time_ms;
	size_t len;
	uint32_t fields;

	ck_assert_int_eq(frame_uint(f, &time_ms), 0);
	ck_assert_int_eq(frame_raw(f, &data, &len), 0);
	ck_assert_int_eq(wire_get_bool(&f->args, &s->again), 0);
	ck_assert_int_eq(wire_get_array(&f->args, &s->n), 0);
	ck_assert_int_eq(wire_get_array(&f->args, &fields), 0);
	ck_assert_int_eq(wire_skip(&f->args), 0);
	if (wire_peek(&f->args) == WIRE_UINT)
		(void)wire_get_uint(&f->args, &s->first);
}

static void
read_ack(struct frame *f, struct sent *s)
{
	ck_assert_int_eq(frame_str(f, s->text, sizeof(s->text)), 0);
	ck_assert_str_eq(s->text, p->subscribe.epoch);
	ck_assert_int_eq(frame_uint(f, &s->number), 0);
}

static void
read_subscribe(struct frame *f, struct sent *s)
{
	uint64_t number = 0;

	ck_assert_int_eq(frame_str(f, s->text, sizeof(s->text)), 0);
	if (frame_uint(f, &number) != 0 || !frame_next(f))
		return;
	f->nargs++;
	if (frame_uint(f, &number) == 0)
		snprintf(s->since, sizeof(s->since), "%llu",
		    (unsigned long long)number);
	else
		ck_assert_int_eq(frame_str(f, s->since, sizeof(s->since)), 0);
}

static unsigned room; /* for so many frames */

static int
take(void *arg, const void *data, size_t len)
{
	struct sent *s = &sent[nsent];
	struct frame f;

	(void)arg;
	if (room == 0)
		return -EAGAIN;
	room--;
	ck_assert_uint_lt(nsent, FRAMES_MAX);
	ck_assert_int_eq(frame_parse(data, len, &f), 0);
	*s = (struct sent){.type = f.type, .id = f.id};
	if (f.type == MSG_PUBLISH)
		read_publish(&f, s);
	else if (f.type == MSG_EVENTS_ACK)
		read_ack(&f, s);
	else
		read_subscribe(&f, s);
	nsent++;
	return 0;
}

static void
acknowledge(uint64_t type, uint64_t id)
{
	struct frame f = {.type = type, .id = id};

	plugin_acknowledged(p, &f, FRAME_OK);
}

static void
setup(void)
{
	static const struct plugind_descriptor d = {
	    .name = "me", .version = "1"};
	struct identity identity = {.name = "me", .instance = 1};

	ck_assert_int_eq(plugin_new(&d, &identity, take, NULL, &p), 0);
	room = UINT_MAX;
	subscribe_welcome(&p->subscribe, "e1");
	plugin_say_again(p, true);
	nsent = 0;
}

static void
teardown(void)
{
	plugin_free(p);
}

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
	uint32_t heard = 0;

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
		heard += sent[i].n;
	ck_assert_uint_eq(heard, published);
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
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, (unsigned)type, id, 2);
	wire_put_uint(&b, code);
	wire_put_str(&b, why);
	ck_assert_int_eq(frame_parse(b.data, b.len, &f), 0);
	ck_assert_int_eq(frame_uint(&f, &code), 0);
	plugin_acknowledged(p, &f, code);
	buf_fini(&b);
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

static char heard[512];
static char a[] = "a", b[] = "b", c[] = "c";
static const char *topic = "custom.x"; /* of what is delivered */

static void
on_event(struct plugind *plugin, struct plugind_event *e, void *arg)
{
	(void)plugin;
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard),
	    "%s:%s:%llu%s ", (const char *)arg, plugind_event_topic(e),
	    (unsigned long long)plugind_event_seq(e),
	    plugind_event_is_again(e) ? "!" : "");
}

static void
on_last_event(struct plugind *plugin, struct plugind_event *e, void *arg)
{
	on_event(plugin, e, arg);
	plugind_unsubscribe(plugin, "custom.*");
}

static void
on_gap(
    struct plugind *plugin, uint64_t n, enum plugind_gap_reason why, void *arg)
{
	(void)plugin;
	(void)arg;
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard),
	    "gap:%llu:%d ", (unsigned long long)n, (int)why);
}

/* A frame with a run of `n` events, or with a gap of so many. */
static void
deliver(
    const char *epoch, uint64_t no, const char *source, uint32_t n, bool is_gap)
{
	static uint64_t seq;
	struct buf out;

	buf_init(&out, 65536);
	frame_put(&out, MSG_EVENTS, no, 2);
	wire_put_str(&out, epoch);
	wire_put_array(&out, 1);
	wire_put_array(&out, is_gap ? 5 : 6);
	if (is_gap) {
		wire_put_nil(&out);
		wire_put_uint(&out, n);
		wire_put_uint(&out, 1);
		wire_put_uint(&out, n);
		wire_put_str(&out, "overflow");
	} else {
		seq = no * 10;
		wire_put_str(&out, source);
		wire_put_uint(&out, 1);
		wire_put_uint(&out, seq);
		wire_put_nil(&out);
		wire_put_bool(&out, no == 9);
		wire_put_array(&out, n);
		for (; n > 0; n--) {
			wire_put_array(&out, 3);
			wire_put_str(&out, topic);
			wire_put_nil(&out);
			wire_put_str(&out, "me");
		}
	}
	ck_assert(subscribe_take(&p->subscribe, out.data, out.len));
	buf_fini(&out);
}

static void
expect(const char *text)
{
	ck_assert_str_eq(heard, text);
	heard[0] = '\0';
}

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

/* --- what was before --------------------------------------------------- */

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
	const TTest *const tests[] = {test_batch, test_full, test_again,
	    test_held_up, test_refused, test_published, test_whole,
	    test_like_topics, test_handlers, test_topics, test_unsubscribe,
	    test_many_patterns, test_router_gap, test_gaps,
	    test_acknowledgements, test_since, test_since_again,
	    test_since_refused};
	Suite *suite = suite_create("sdk_events");
	TCase *tc = tcase_create("events");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < COUNT(tests); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, test_on_refused, 0, COUNT(refusals));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
