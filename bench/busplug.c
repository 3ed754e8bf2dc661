/*
 * busplug: the plugin of bench/bus, as anybody would write it: plugind.h and
 * nothing else of plugind.
 *
 *	config:
 *	  memory: PATH       see buswork.h
 *	  slot: 0
 *	  source: 0
 *	  role: publish      or subscribe
 */
#include "buswork.h"

#include <errno.h>
#include <plugind.h>
#include <string.h>

enum { TICK_MS = 1 };

static int fd = -1;
static bool publishes;
static struct plugind_writer *writer;
static struct plugind_watch *orders;
static struct plugind_timer *tick;

/* --- subscriber -------------------------------------------------------- */

/* The bytes of a msgpack bin: what is behind its head. */
static void
on_event(struct plugind *p, struct plugind_event *e, void *arg)
{
	size_t len;
	const uint8_t *data = plugind_event_data(e, &len);
	size_t head = data[0] == 0xc4 ? 2 : data[0] == 0xc5 ? 3 : 5;

	(void)p;
	(void)arg;
	bus_take(data + head, len - head);
}

static void
on_gap(struct plugind *p, uint64_t n, enum plugind_gap_reason reason, void *arg)
{
	(void)reason;
	(void)arg;
	plugind_log(p, PLUGIND_WARN, "a gap of %llu", (unsigned long long)n);
}

/* --- publisher --------------------------------------------------------- */

static int
publish_one(struct plugind *p)
{
	size_t len;
	const void *data = bus_next(&len);

	plugind_writer_reset(writer);
	plugind_write_bytes(writer, data, len);
	return plugind_publish(p, BUS_TOPIC, writer);
}

static void
go_on(struct plugind *p, void *arg)
{
	int r = 0;

	for (uint64_t due = bus_due(); due > 0 && r == 0; due--) {
		r = publish_one(p);
		if (r == 0)
			bus_count_sent();
	}
	if (r == -EAGAIN)
		plugind_on_writable(p, go_on, arg);
	else if (r != 0)
		plugind_log(p, PLUGIND_ERROR, "publish: %s", strerror(-r));
	if (!bus_is_over())
		return;
	plugind_timer_free(tick);
	tick = NULL;
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
initialize(struct plugind *p, const struct plugind_config *c)
{
	const char *memory = plugind_config_string(c, "memory", "");
	int64_t slot = plugind_config_int(c, "slot", 0, 0, 1000);
	int64_t source = plugind_config_int(c, "source", 0, 0, 1000);

	publishes =
	    strcmp(plugind_config_string(c, "role", ""), "publish") == 0;
	fd = bus_open(memory, (unsigned)slot, (unsigned)source);
	writer = plugind_writer_new();
	if (fd < 0 || writer == NULL)
		return plugind_fail(p, "%s cannot be opened", memory);
	plugind_on_gap(p, on_gap, NULL);
	return publishes ? PLUGIND_OK
	                 : plugind_subscribe(p, BUS_TOPIC, 0, on_event, NULL);
}

static int
start(struct plugind *p)
{
	if (publishes)
		orders = plugind_watch_new(p, fd, PLUGIND_READ, on_order, NULL);
	bus_tell_ready();
	return orders != NULL || !publishes ? PLUGIND_OK : -ENOMEM;
}

static int
stop(struct plugind *p)
{
	(void)p;
	plugind_watch_free(orders);
	plugind_timer_free(tick);
	plugind_writer_free(writer);
	return PLUGIND_OK;
}

PLUGIND_PLUGIN(.name = "busplug", .version = "1", .initialize = initialize,
    .start = start, .stop = stop)
