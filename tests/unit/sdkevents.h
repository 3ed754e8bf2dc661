/*
 * sdkevents.h: what the tests of a plugin's events share: the plugin from the
 * inside, what it has sent, and what its handlers have heard.
 */
#ifndef TESTS_UNIT_SDKEVENTS_H
#define TESTS_UNIT_SDKEVENTS_H

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

static inline void
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

static inline void
read_ack(struct frame *f, struct sent *s)
{
	ck_assert_int_eq(frame_str(f, s->text, sizeof(s->text)), 0);
	ck_assert_str_eq(s->text, p->subscribe.epoch);
	ck_assert_int_eq(frame_uint(f, &s->number), 0);
}

static inline void
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

static inline int
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

static inline void
acknowledge(uint64_t type, uint64_t id)
{
	struct frame f = {.type = type, .id = id};

	plugin_acknowledged(p, &f, FRAME_OK);
}

static inline void
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

static inline void
teardown(void)
{
	plugin_free(p);
}

/* --- in ---------------------------------------------------------------- */

static char heard[512];
static char a[] = "a", b[] = "b", c[] = "c";
static const char *topic = "custom.x"; /* of what is delivered */

static inline void
on_event(struct plugind *plugin, struct plugind_event *e, void *arg)
{
	(void)plugin;
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard),
	    "%s:%s:%llu%s ", (const char *)arg, plugind_event_topic(e),
	    (unsigned long long)plugind_event_seq(e),
	    plugind_event_is_again(e) ? "!" : "");
}

static inline void
on_last_event(struct plugind *plugin, struct plugind_event *e, void *arg)
{
	on_event(plugin, e, arg);
	plugind_unsubscribe(plugin, "custom.*");
}

static inline void
on_gap(
    struct plugind *plugin, uint64_t n, enum plugind_gap_reason why, void *arg)
{
	(void)plugin;
	(void)arg;
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard),
	    "gap:%llu:%d ", (unsigned long long)n, (int)why);
}

/* A frame with a run of `n` events, or with a gap of so many. */
static inline void
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

static inline void
expect(const char *text)
{
	ck_assert_str_eq(heard, text);
	heard[0] = '\0';
}

#endif
