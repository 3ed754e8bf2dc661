/*
 * busnats publish|asap|subscribe MEMORY SLOT SOURCE URL: a worker of bench/bus
 * that speaks to nats-server. `publish` lets the library gather what it sends
 * (it is the fastest for many), `asap` sends each event from the thread that
 * publishes it (the fastest for one).
 */
#include "buswork.h"

#include <nats/nats.h>
#include <string.h>
#include <unistd.h>

static natsConnection *connection;

static void
check(natsStatus r, const char *what)
{
	if (r != NATS_OK)
		bus_fail(what, natsStatus_GetText(r));
}

static void
publish(const void *data, size_t len)
{
	check(natsConnection_Publish(connection, BUS_TOPIC, data, (int)len),
	    "publish");
}

static void
on_message(natsConnection *c, natsSubscription *s, natsMsg *msg, void *arg)
{
	(void)c;
	(void)s;
	(void)arg;
	bus_take(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
	natsMsg_Destroy(msg);
}

static void
connect_to(const char *url, bool is_asap)
{
	natsOptions *options;

	check(natsOptions_Create(&options), "options");
	check(natsOptions_SetURL(options, url), "url");
	check(natsOptions_SetSendAsap(options, is_asap), "send asap");
	check(natsConnection_Connect(&connection, options), "connect");
}

int
main(int argc, char **argv)
{
	static const struct bus_publisher ops = {.publish = publish};
	int fd = bus_open_argv(argc, argv);
	natsSubscription *s;

	connect_to(argv[5], strcmp(argv[1], "asap") == 0);
	if (strcmp(argv[1], "subscribe") != 0)
		bus_publish_all(fd, &ops);
	check(natsConnection_Subscribe(
	          &s, connection, BUS_TOPIC, on_message, NULL),
	    "subscribe");
	check(natsSubscription_SetPendingLimits(s, -1, -1), "limits");
	check(natsConnection_Flush(connection), "flush");
	bus_tell_ready();
	for (;;)
		pause();
}
