/*
 * routerbus: see routerbus.h. Frames are right by construction, with a field
 * here and there that is not, or have arguments of the input.
 */
#include "routerbus.h"

#include "fuzz.h"

#include "supervisor/router/peer.h"
#include "supervisor/router/retain.h"

#include "common/msgs.h"

#include <inttypes.h>
#include <string.h>

enum { BUF_MAX = 1 << 20, EVENTS_MAX = 200, WISHES = 64 };

static const char *const topics[] = {
    "a", "a.b", "a.c", "b.c.d", "plugin.failed", "a..b"};
static const char *const patterns[] = {">", "a.*", "a", "*.c.>", "a.b", "*."};

enum {
	TOPICS = sizeof(topics) / sizeof(topics[0]),
	PATTERNS = sizeof(patterns) / sizeof(patterns[0]),
};

static uint64_t last_id;

/* What one incarnation has heard. */
static struct heard {
	const struct peer *p;
	uint64_t last_no;
	uint64_t last_seq;
	uint64_t mark;
	/* Subscriptions with `since`. */
	struct wish {
		uint64_t id;
		uint64_t last_seq;
	} wishes[WISHES];
} heard[SLOTS];

void
routerbus_reset(void)
{
	const struct retain_limits none = {0};

	retain_limit(&none, 0);
	memset(heard, 0, sizeof(heard));
	last_id = 0;
}

/* --- what comes -------------------------------------------------------- */

static struct wish *
find_wish(struct heard *h, uint64_t id)
{
	struct wish *w = &h->wishes[id % WISHES];

	/* All of it comes before the frame that says so. */
	MUST(id > h->mark);
	if (w->id != id)
		*w = (struct wish){.id = id};
	return w;
}

/* [source, time, seq, trace, again, [event, ...]], and a wish */
static void
check_run(struct wire_cursor c, uint32_t fields, struct heard *h)
{
	uint64_t *last = &h->last_seq;
	uint64_t number, seq, wish = 0;
	struct wire_cursor events;
	const char *source;
	size_t len;
	uint32_t n;
	bool again;

	MUST(wire_get_str(&c, &source, &len) == 0 && len > 0);
	MUST(wire_get_uint(&c, &number) == 0);
	MUST(wire_get_uint(&c, &seq) == 0 && wire_skip(&c) == 0);
	MUST(wire_get_bool(&c, &again) == 0);
	events = c;
	MUST(wire_skip(&c) == 0);
	if (fields == 7) {
		MUST(wire_get_uint(&c, &wish) == 0);
		last = &find_wish(h, wish)->last_seq;
	}
	MUST(wire_get_array(&events, &n) == 0 && n > 0);
	MUST(seq > *last);
	*last = seq + n - 1;
}

/* [nil, count, from, to, why], and a wish */
static void
check_gap(struct wire_cursor c, uint32_t fields, struct heard *h)
{
	uint64_t count, from, to, wish;
	const char *why;
	size_t len;

	MUST(wire_get_nil(&c) == 0 && wire_get_uint(&c, &count) == 0);
	MUST(wire_get_uint(&c, &from) == 0 && wire_get_uint(&c, &to) == 0);
	MUST(wire_get_str(&c, &why, &len) == 0 && from <= to);
	if (fields == 6)
		MUST(count == 0 && wire_get_uint(&c, &wish) == 0 &&
		     find_wish(h, wish)->last_seq == 0);
}

static void
check_mark(struct wire_cursor c, struct heard *h)
{
	uint64_t mark;

	MUST(wire_get_uint(&c, &mark) == 0 && mark >= h->mark);
	h->mark = mark;
}

static void
check_parts(struct wire_cursor c, struct heard *h)
{
	uint32_t parts, fields;

	MUST(wire_get_array(&c, &parts) == 0 && parts > 0);
	for (; parts > 0; parts--) {
		struct wire_cursor part = c;

		MUST(wire_get_array(&part, &fields) == 0 && wire_skip(&c) == 0);
		if (fields == 1)
			check_mark(part, h);
		else if (wire_peek(&part) == WIRE_NIL)
			check_gap(part, fields, h);
		else
			check_run(part, fields, h);
	}
	MUST(wire_peek(&c) == WIRE_END);
}

static struct heard *
find_heard(const struct peer *p)
{
	struct heard *h = &heard[p->serial % SLOTS];

	/* Another incarnation, perhaps in the same place. */
	if (h->p != p)
		*h = (struct heard){.p = p};
	return h;
}

void
routerbus_heard(const struct peer *p, const void *data, size_t len)
{
	struct heard *h = find_heard(p);
	char epoch[32];
	struct frame f;

	MUST(p->is_up && !p->is_outlaw);
	MUST(frame_parse(data, len, &f) == 0 && f.type == MSG_EVENTS);
	MUST(frame_str(&f, epoch, sizeof(epoch)) == 0);
	MUST(strcmp(epoch, peer_epoch()) == 0 && f.nargs == 1);
	/* Once more, or one that was lost, again. */
	if (f.id <= h->last_no)
		return;
	h->last_no = f.id;
	check_parts(f.args, h);
}

void
routerbus_check(void)
{
	struct retain_report r;

	retain_report(&r);
	MUST(r.bytes <= r.limits.bytes && r.topics <= RETAIN_TOPICS);
	MUST(r.limits.events > 0 || (r.events == 0 && r.bytes == 0));
}

/* --- what is said ------------------------------------------------------ */

/* slot rights queue: may publish and subscribe to everything, or to a.> */
void
routerbus_policy(struct script *s)
{
	unsigned slot = routersay_slot(s);
	const char *rights = script_byte(s) % 4 == 3 ? "a.>" : ">";
	uint64_t queue = script_byte(s);
	struct buf b;

	routersay_begin(&b, MSG_POLICY, 1, 10);
	wire_put_uint(&b, slot);
	wire_put_str(&b, slot == 1 ? "worker:2" : "worker");
	for (int i = 0; i < 2; i++) {
		wire_put_array(&b, 1);
		wire_put_str(&b, rights);
	}
	wire_put_uint(&b, 0);
	wire_put_uint(&b, 0);
	wire_put_uint(&b, queue == 0 ? 65536 : queue);
	wire_put_uint(&b, 1 << 20);
	wire_put_array(&b, 2);
	wire_put_str(&b, "worker");
	wire_put_str(&b, "plugind");
	wire_put_uint(&b, 4096);
	routersay_frame(&b);
}

/* events bytes: by 64 */
void
routerbus_retain(struct script *s)
{
	struct buf b;

	routersay_begin(&b, MSG_RETAIN, 1, 2);
	wire_put_uint(&b, script_byte(s));
	wire_put_uint(&b, (uint64_t)script_number(s) * 64);
	routersay_frame(&b);
}

/* slot time count, and of each: topic size target */
void
routerbus_publish(struct script *s)
{
	static const uint8_t zeros[UINT8_MAX * 8];
	static const char *const targets[] = {NULL, "worker", "worker:2", "x"};
	unsigned slot = routersay_slot(s);
	uint64_t time_ms = script_byte(s);
	unsigned n = script_byte(s) % EVENTS_MAX;
	struct buf b;

	routersay_begin(&b, MSG_PUBLISH, ++last_id, 4);
	wire_put_uint(&b, time_ms * 10000000000);
	wire_put_nil(&b);
	wire_put_bool(&b, false);
	wire_put_array(&b, n);
	for (unsigned i = 0; i < n; i++) {
		unsigned topic = script_byte(s) % TOPICS;
		unsigned size = script_byte(s);
		const char *target = targets[script_byte(s) % 4];

		wire_put_array(&b, target != NULL ? 3 : 2);
		wire_put_str(&b, topics[topic]);
		wire_put_bin(&b, zeros, (size_t)size * 8);
		if (target != NULL)
			wire_put_str(&b, target);
	}
	router_tell(slot, &b);
}

/* slot pattern echo since: none, a time, an id of this router or another's */
void
routerbus_subscribe(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned pattern = script_byte(s) % PATTERNS;
	unsigned echo = script_byte(s) % 2;
	unsigned kind = script_byte(s) % 6;
	unsigned number = script_byte(s);
	char id[64];
	struct buf b;

	snprintf(id, sizeof(id), "%s:%u", kind == 3 ? peer_epoch() : "other",
	    number);
	routersay_begin(&b, MSG_SUBSCRIBE, ++last_id, kind == 0 ? 2 : 3);
	wire_put_str(&b, patterns[pattern]);
	wire_put_uint(&b, echo);
	if (kind == 1)
		wire_put_nil(&b);
	else if (kind == 2)
		wire_put_uint(&b, number * 10000000000);
	else if (kind == 5)
		wire_put_str(&b, "no id");
	else if (kind > 2)
		wire_put_str(&b, id);
	router_tell(slot, &b);
}

/* slot back: so many before the last */
void
routerbus_acknowledge(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned back = script_byte(s);
	const struct peer *p = router_peer(slot);
	uint64_t last = p != NULL ? find_heard(p)->last_no : 0;
	struct buf b;

	routersay_begin(&b, MSG_EVENTS_ACK, ++last_id, 2);
	wire_put_str(&b, back == 7 ? "other" : peer_epoch());
	wire_put_uint(&b, back < last ? last - back : last);
	router_tell(slot, &b);
}

/* slot type blob: arguments that may be anything */
void
routerbus_frame(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned type = MSG_PUBLISH + script_byte(s) % 4;
	size_t len;
	const uint8_t *args = script_blob(s, &len);
	struct buf b;

	buf_init(&b, BUF_MAX);
	frame_put_args(&b, type, ++last_id, args, len);
	router_tell(slot, &b);
}
