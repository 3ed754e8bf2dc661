/*
 * busnats ROLE MEMORY SLOT SOURCE URL: a worker of bench/bus that speaks to
 * nats-server. Roles are those of the table below. Some let the library gather
 * what it sends (the fastest for many), those with `asap` send each event from
 * the thread that publishes it (the fastest for one).
 */
#include "buswork.h"

#include <nats/nats.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

static natsConnection *connection;
static natsInbox *inbox; /* where replies come */
static sem_t room;       /* for requests */

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
request(const void *data, size_t len)
{
	(void)sem_wait(&room);
	check(natsConnection_PublishRequest(
	          connection, BUS_METHOD, inbox, data, (int)len),
	    "request");
}

static void
on_reply(natsConnection *c, natsSubscription *s, natsMsg *msg, void *arg)
{
	(void)c;
	(void)s;
	(void)arg;
	(void)sem_post(&room);
	bus_take(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
	natsMsg_Destroy(msg);
}

static void
on_request(natsConnection *c, natsSubscription *s, natsMsg *msg, void *arg)
{
	(void)s;
	(void)arg;
	check(natsConnection_Publish(c, natsMsg_GetReply(msg),
	          natsMsg_GetData(msg), natsMsg_GetDataLength(msg)),
	    "reply");
	natsMsg_Destroy(msg);
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

static void
subscribe(const char *subject, natsMsgHandler handler)
{
	natsSubscription *s;

	check(natsConnection_Subscribe(&s, connection, subject, handler, NULL),
	    "subscribe");
	check(natsSubscription_SetPendingLimits(s, -1, -1), "limits");
	check(natsConnection_Flush(connection), "flush");
}

/* --- roles ------------------------------------------------------------- */

static void
run_publish(int fd)
{
	static const struct bus_publisher ops = {.publish = publish};

	bus_publish_all(fd, &ops);
}

static void
run_request(int fd)
{
	static const struct bus_publisher ops = {.publish = request};

	if (sem_init(&room, 0, BUS_WINDOW) != 0)
		bus_fail("sem_init", "no");
	check(natsInbox_Create(&inbox), "inbox");
	subscribe(inbox, on_reply);
	bus_publish_all(fd, &ops);
}

static void
hear(const char *subject, natsMsgHandler handler)
{
	subscribe(subject, handler);
	bus_tell_ready();
	for (;;)
		pause();
}

static void
run_subscribe(int fd)
{
	(void)fd;
	hear(BUS_TOPIC, on_message);
}

static void
run_respond(int fd)
{
	(void)fd;
	hear(BUS_METHOD, on_request);
}

static const struct {
	const char *name;
	bool is_asap;
	void (*run)(int fd); /* does not return */
} roles[] = {
    {"publish", false, run_publish},
    {"asap", true, run_publish},
    {"subscribe", false, run_subscribe},
    {"request", false, run_request},
    {"request-asap", true, run_request},
    {"respond", false, run_respond},
    {"respond-asap", true, run_respond},
};

int
main(int argc, char **argv)
{
	int fd = bus_open_argv(argc, argv);

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(argv[1], roles[i].name) != 0)
			continue;
		connect_to(argv[5], roles[i].is_asap);
		roles[i].run(fd);
	}
	bus_fail(argv[1], "no such role");
}
