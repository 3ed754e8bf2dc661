/*
 * routersay: see routersay.h. What is said is right by construction, or bytes
 * of the input.
 */
#include "routersay.h"

#include "fuzz.h"

#include "common/msgs.h"

enum { BUF_MAX = 1 << 20, GENERATION = 5, COOKIE_LEN = 16 };

/* Bytes for the link. `how` may keep the loop from its turn, or cut them in
 * two. */
static void
say_bytes(unsigned how, const uint8_t *data, size_t len)
{
	size_t cut = how > 1 && len > 0 ? how % len : 0;

	routercore_write(data, cut);
	if (cut > 0)
		router_turn();
	routercore_write(data + cut, len - cut);
	if (how != 1)
		router_turn();
}

/* Appends a frame after its length. */
static void
put_frame(struct buf *out, const void *body, size_t len)
{
	const uint8_t head[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16),
	    (uint8_t)(len >> 8), (uint8_t)len};

	buf_append(out, head, sizeof(head));
	buf_append(out, body, len);
	MUST(buf_error(out) == 0);
}

static void
say_frame(unsigned how, const void *body, size_t len)
{
	struct buf b;

	buf_init(&b, BUF_MAX);
	put_frame(&b, body, len);
	say_bytes(how, b.data, b.len);
	buf_fini(&b);
}

static void
say(unsigned how, struct buf *b)
{
	MUST(buf_error(b) == 0);
	say_frame(how, b->data, b->len);
	buf_fini(b);
}

void
routersay_frame(struct buf *b)
{
	say(0, b);
}

void
routersay_begin(struct buf *b, unsigned type, uint64_t id, uint32_t nargs)
{
	buf_init(b, BUF_MAX);
	frame_put(b, type, id, nargs);
}

static const uint8_t cookie[COOKIE_LEN] = "0123456789abcdef";

unsigned
routersay_slot(struct script *s)
{
	return script_byte(s) % SLOTS;
}

static void
say_attach(unsigned how, unsigned slot, bool has_pid)
{
	char directory[32];
	struct buf b;

	snprintf(directory, sizeof(directory), "/fuzz/%u", slot);
	routersay_begin(&b, MSG_ATTACH, 1, 8);
	wire_put_uint(&b, slot);
	wire_put_str(&b, "worker");
	wire_put_uint(&b, 1);
	wire_put_uint(&b, GENERATION);
	wire_put_uint(&b, UID);
	wire_put_str(&b, directory);
	wire_put_bin(&b, cookie, sizeof(cookie));
	wire_put_uint(&b, has_pid ? PID + 10 * slot : 0);
	say(how, &b);
}

static void
say_detach(unsigned how, unsigned slot)
{
	struct buf b;

	routersay_begin(&b, MSG_DETACH, 3, 1);
	wire_put_uint(&b, slot);
	say(how, &b);
}

/* how slot has_pid */
void
routersay_attach(struct script *s)
{
	unsigned how = script_byte(s);
	unsigned slot = routersay_slot(s);

	say_attach(how, slot, script_byte(s) != 0);
}

/* how slot cgroup */
void
routersay_spawned(struct script *s)
{
	unsigned how = script_byte(s);
	unsigned slot = routersay_slot(s);
	unsigned cgroup = script_byte(s);
	struct buf b;

	routersay_begin(&b, MSG_SPAWNED, 2, 3);
	wire_put_uint(&b, slot);
	wire_put_uint(&b, PID + 10 * slot);
	if (cgroup % 3 == 0)
		wire_put_nil(&b);
	else
		wire_put_str(&b, cgroup % 3 == 1 ? "/cgroup" : "none");
	say(how, &b);
}

/* how slot */
void
routersay_detach(struct script *s)
{
	unsigned how = script_byte(s);

	say_detach(how, routersay_slot(s));
}

static bool has_churned;

void
routersay_reset(void)
{
	has_churned = false;
}

/* slot count: so many lives, all of them short */
void
routersay_churn(struct script *s)
{
	unsigned slot = routersay_slot(s);
	unsigned count = script_byte(s);

	/* More than the router remembers, once: it takes its time. */
	count = count == UINT8_MAX && !has_churned ? GONE_MAX + 4 : count % 8;
	has_churned = has_churned || count > GONE_MAX;
	for (unsigned i = 0; i < count && !routercore_is_over(); i++) {
		say_attach(1, slot, true);
		say_detach(i % 8, slot);
	}
	router_turn();
}

/* how slot count type op: the same so many times */
void
routersay_command(struct script *s)
{
	unsigned how = script_byte(s);
	unsigned slot = routersay_slot(s);
	unsigned count = script_byte(s) % 64 + 1;
	unsigned type = MSG_INITIALIZE + script_byte(s) % 8;
	unsigned op = script_byte(s);
	struct buf all, b;

	buf_init(&all, BUF_MAX);
	for (unsigned i = 0; i < count; i++) {
		routersay_begin(&b, MSG_COMMAND, 4, 3);
		wire_put_uint(&b, slot);
		wire_put_uint(&b, type);
		wire_put_array(&b, 1);
		wire_put_uint(&b, op + i);
		put_frame(&all, b.data, b.len);
		buf_fini(&b);
	}
	say_bytes(how, all.data, all.len);
	buf_fini(&all);
}

/* how slot type blob: its arguments, which may be anything */
void
routersay_command_args(struct script *s)
{
	unsigned how = script_byte(s);
	unsigned slot = routersay_slot(s);
	unsigned type = MSG_INITIALIZE + script_byte(s) % 8;
	size_t len;
	const uint8_t *args = script_blob(s, &len);
	struct buf b;

	routersay_begin(&b, MSG_COMMAND, 4, 3);
	wire_put_uint(&b, slot);
	wire_put_uint(&b, type);
	wire_put_raw(&b, args, len);
	say(how, &b);
}

/* how number */
void
routersay_ping(struct script *s)
{
	unsigned how = script_byte(s);
	struct buf b;

	routersay_begin(&b, MSG_LINK_PING, 5, 1);
	wire_put_uint(&b, script_byte(s));
	say(how, &b);
}

/* how blob: a frame, or what is none */
void
routersay_link_frame(struct script *s)
{
	unsigned how = script_byte(s);
	size_t len;
	const uint8_t *body = script_blob(s, &len);

	say_frame(how, body, len);
}

/* how blob: not even a length */
void
routersay_link_bytes(struct script *s)
{
	unsigned how = script_byte(s);
	size_t len;
	const uint8_t *bytes = script_blob(s, &len);

	say_bytes(how, bytes, len);
}

/* The core is gone. */
void
routersay_link_end(struct script *s)
{
	(void)s;
	routercore_close();
	router_turn();
}
