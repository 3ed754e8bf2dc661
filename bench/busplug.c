/*
 * busplug: the plugin of bench/bus, as anybody would write it: plugind.h and
 * nothing else of plugind.
 *
 *	config:
 *	  memory: PATH       see buswork.h
 *	  slot: 0
 *	  source: 0
 *	  role: publish      or subscribe, call, serve
 *	  to: serve1         whom it calls
 */
#include "buswork.h"

#include <errno.h>
#include <plugind.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 1 };

/* What the plugin does with the next data of a round. */
typedef int send_fn(struct plugind *p);

static send_fn publish_one;
static send_fn call_one;

static int fd = -1;
static send_fn *send_one; /* NULL: it only hears */
static char *callee;
static unsigned under_way; /* calls */
static struct plugind_writer *writer;
static struct plugind_watch *orders;
static struct plugind_timer *tick;

/* --- subscriber -------------------------------------------------------- */

/* The bytes of a msgpack bin: what is behind its head. */
static void
take(const uint8_t *data, size_t len)
{
	size_t head = data[0] == 0xc4 ? 2 : data[0] == 0xc5 ? 3 : 5;

	bus_take(data + head, len - head);
}

static void
on_event(struct plugind *p, struct plugind_event *e, void *arg)
{
	size_t len;
	const void *data = plugind_event_data(e, &len);

	(void)p;
	(void)arg;
	take(data, len);
}

static void
on_gap(struct plugind *p, uint64_t n, enum plugind_gap_reason reason, void *arg)
{
	(void)reason;
	(void)arg;
	plugind_log(p, PLUGIND_WARN, "a gap of %llu", (unsigned long long)n);
}

/* --- server ------------------------------------------------------------ */

static int
echo(struct plugind *p, struct plugind_call *call, void *arg)
{
	size_t len;
	const void *args = plugind_call_args(call, &len);

	(void)p;
	(void)arg;
	plugind_write_raw(plugind_call_result(call), args, len);
	return PLUGIND_OK;
}

static const struct plugind_method echo_method = {
    .name = BUS_METHOD, .fn = echo};

/* --- publisher and caller ---------------------------------------------- */

static const struct plugind_writer *
write_next(void)
{
	size_t len;
	const void *data = bus_next(&len);

	plugind_writer_reset(writer);
	plugind_write_bytes(writer, data, len);
	return writer;
}

static int
publish_one(struct plugind *p)
{
	return plugind_publish(p, BUS_TOPIC, write_next());
}

static void
go_on(struct plugind *p, void *arg)
{
	int r = 0;

	for (uint64_t due = bus_due(); due > 0 && r == 0; due--) {
		r = send_one(p);
		if (r == 0)
			bus_count_sent();
	}
	/* A caller goes on with the next reply. */
	if (r == -EAGAIN && send_one == publish_one)
		plugind_on_writable(p, go_on, arg);
	else if (r != 0 && r != -EAGAIN)
		plugind_log(p, PLUGIND_ERROR, "send: %s", strerror(-r));
	if (!bus_is_over())
		return;
	plugind_timer_free(tick);
	tick = NULL;
}

static void
on_reply(struct plugind *p, struct plugind_reply *reply, void *arg)
{
	size_t len;
	const void *data = plugind_reply_data(reply, &len);

	under_way--;
	if (plugind_reply_status(reply) != PLUGIND_CALL_OK)
		plugind_log(p, PLUGIND_ERROR, "call: %d, %s",
		    plugind_reply_status(reply), plugind_reply_text(reply));
	else
		take(data, len);
	if (!bus_is_over())
		go_on(p, arg);
}

static int
call_one(struct plugind *p)
{
	int64_t r;

	if (under_way == BUS_WINDOW)
		return -EAGAIN;
	r = plugind_call(p,
	    &(struct plugind_request){
	        .target = callee, .method = BUS_METHOD, .args = write_next()},
	    on_reply, NULL);
	under_way += r > 0;
	return r > 0 ? 0 : (int)r;
}

static void
on_order(struct plugind *p, int from, unsigned events, void *arg)
{
	(void)events;
	if (!bus_begin(from))
		return;
	if (bus_is_paced() && tick == NULL)
		tick = plugind_timer_new(p, TICK_MS, true, go_on, arg);
	go_on(p, arg);
}

/* --- the plugin -------------------------------------------------------- */

static int
publish_role(struct plugind *p)
{
	(void)p;
	send_one = publish_one;
	return PLUGIND_OK;
}

static int
subscribe_role(struct plugind *p)
{
	plugind_on_gap(p, on_gap, NULL);
	return plugind_subscribe(p, BUS_TOPIC, 0, on_event, NULL);
}

static int
call_role(struct plugind *p)
{
	(void)p;
	send_one = call_one;
	return PLUGIND_OK;
}

static int
serve_role(struct plugind *p)
{
	return plugind_register(p, &echo_method);
}

static const struct {
	const char *name;
	int (*begin)(struct plugind *p);
} roles[] = {
    {"publish", publish_role},
    {"subscribe", subscribe_role},
    {"call", call_role},
    {"serve", serve_role},
};

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	const char *memory = plugind_config_string(c, "memory", "");
	const char *role = plugind_config_string(c, "role", "");
	int64_t slot = plugind_config_int(c, "slot", 0, 0, 1000);
	int64_t source = plugind_config_int(c, "source", 0, 0, 1000);

	fd = bus_open(memory, (unsigned)slot, (unsigned)source);
	writer = plugind_writer_new();
	callee = strdup(plugind_config_string(c, "to", ""));
	if (fd < 0 || writer == NULL || callee == NULL)
		return plugind_fail(p, "%s cannot be opened", memory);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(role, roles[i].name) == 0)
			return roles[i].begin(p);
	}
	return plugind_fail(p, "role '%s' is none", role);
}

static int
start(struct plugind *p)
{
	if (send_one != NULL)
		orders = plugind_watch_new(p, fd, PLUGIND_READ, on_order, NULL);
	bus_tell_ready();
	return orders != NULL || send_one == NULL ? PLUGIND_OK : -ENOMEM;
}

static int
stop(struct plugind *p)
{
	(void)p;
	plugind_watch_free(orders);
	plugind_timer_free(tick);
	plugind_writer_free(writer);
	free(callee);
	return PLUGIND_OK;
}

PLUGIND_PLUGIN(.name = "busplug", .version = "1", .initialize = initialize,
    .start = start, .stop = stop)
