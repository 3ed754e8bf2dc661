/*
 * buszmq proxy|publish|subscribe MEMORY SLOT SOURCE IN OUT: a worker of
 * bench/bus that speaks ZeroMQ, or the proxy between them, which is a process
 * like any broker. Queues have no limit, so nothing is dropped. A message is
 * the topic and the data in one frame.
 */
#include "buswork.h"

#include <string.h>
#include <zmq.h>

enum { TOPIC_LEN = sizeof(BUS_TOPIC) - 1 };

static void *context;
static void *out;

static void
check(int r, const char *what)
{
	if (r == -1)
		bus_fail(what, zmq_strerror(zmq_errno()));
}

static void *
open_socket(int type)
{
	void *s = zmq_socket(context, type);
	int none = 0;

	if (s == NULL)
		check(-1, "socket");
	check(zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof(none)), "limit");
	check(zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof(none)), "limit");
	return s;
}

static void
publish(const void *data, size_t len)
{
	zmq_msg_t msg;
	char *bytes;

	check(zmq_msg_init_size(&msg, TOPIC_LEN + len), "message");
	bytes = zmq_msg_data(&msg);
	memcpy(bytes, BUS_TOPIC, TOPIC_LEN);
	memcpy(bytes + TOPIC_LEN, data, len);
	check(zmq_msg_send(&msg, out, 0), "send");
}

static void
be_proxy(const char *in_url, const char *out_url)
{
	void *in = open_socket(ZMQ_XSUB);

	out = open_socket(ZMQ_XPUB);
	check(zmq_bind(in, in_url), in_url);
	check(zmq_bind(out, out_url), out_url);
	bus_tell_ready();
	check(zmq_proxy(in, out, NULL), "proxy");
}

static void
subscribe(const char *url)
{
	void *in = open_socket(ZMQ_SUB);
	zmq_msg_t msg;

	check(zmq_setsockopt(in, ZMQ_SUBSCRIBE, BUS_TOPIC, TOPIC_LEN),
	    "subscribe");
	check(zmq_connect(in, url), url);
	bus_tell_ready();
	check(zmq_msg_init(&msg), "message");
	for (;;) {
		check(zmq_msg_recv(&msg, in, 0), "receive");
		bus_take((char *)zmq_msg_data(&msg) + TOPIC_LEN,
		    zmq_msg_size(&msg) - TOPIC_LEN);
	}
}

int
main(int argc, char **argv)
{
	static const struct bus_publisher ops = {.publish = publish};
	int fd = bus_open_argv(argc, argv);

	if (argc != 7)
		bus_fail("usage", "two addresses");
	context = zmq_ctx_new();
	if (strcmp(argv[1], "proxy") == 0)
		be_proxy(argv[5], argv[6]);
	if (strcmp(argv[1], "subscribe") == 0)
		subscribe(argv[6]);
	out = open_socket(ZMQ_PUB);
	check(zmq_connect(out, argv[5]), argv[5]);
	bus_publish_all(fd, &ops);
}
