/*
 * busnng publish|subscribe|request|hub MEMORY SLOT SOURCE ADDRESS...: a worker
 * of bench/bus that speaks nng and nothing else.
 *
 * publish listens as PUB and subscribe dials every address: nobody is in
 * between, and what a queue does not take is lost, as nng has it. The other
 * way is that of plugind without plugind: `request` sends REQ to `hub` at the
 * first address, which answers and publishes at the second.
 */
#include "buswork.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <string.h>

enum { TOPIC_LEN = sizeof(BUS_TOPIC) - 1, QUEUE = 8192 };

static nng_socket out;

static void
check(int r, const char *what)
{
	if (r != 0)
		bus_fail(what, nng_strerror(r));
}

static nng_msg *
make_message(const void *data, size_t len)
{
	nng_msg *msg;

	check(nng_msg_alloc(&msg, 0), "message");
	check(nng_msg_append(msg, BUS_TOPIC, TOPIC_LEN), "message");
	check(nng_msg_append(msg, data, len), "message");
	return msg;
}

static void
publish(const void *data, size_t len)
{
	check(nng_sendmsg(out, make_message(data, len), 0), "send");
}

static void
request(const void *data, size_t len)
{
	nng_msg *answer;

	publish(data, len);
	check(nng_recvmsg(out, &answer, 0), "answer");
	nng_msg_free(answer);
}

static void
listen_pub(const char *url)
{
	check(nng_pub0_open(&out), "open");
	check(nng_socket_set_int(out, NNG_OPT_SENDBUF, QUEUE), "queue");
	check(nng_listen(out, url, NULL, 0), url);
}

static void
be_hub(const char *in_url, const char *out_url)
{
	nng_socket in;
	nng_msg *msg, *answer;

	listen_pub(out_url);
	check(nng_rep0_open(&in), "open");
	check(nng_listen(in, in_url, NULL, 0), in_url);
	bus_tell_ready();
	for (;;) {
		check(nng_recvmsg(in, &msg, 0), "receive");
		check(nng_sendmsg(out, msg, 0), "publish");
		check(nng_msg_alloc(&answer, 1), "message");
		check(nng_sendmsg(in, answer, 0), "answer");
	}
}

static void
subscribe(char **urls)
{
	nng_socket in;
	nng_msg *msg;

	check(nng_sub0_open(&in), "open");
	check(nng_socket_set_int(in, NNG_OPT_RECVBUF, QUEUE), "queue");
	check(nng_socket_set(in, NNG_OPT_SUB_SUBSCRIBE, BUS_TOPIC, TOPIC_LEN),
	    "subscribe");
	for (; *urls != NULL; urls++)
		check(nng_dial(in, *urls, NULL, NNG_FLAG_NONBLOCK), *urls);
	bus_tell_ready();
	for (;;) {
		check(nng_recvmsg(in, &msg, 0), "receive");
		bus_take((char *)nng_msg_body(msg) + TOPIC_LEN,
		    nng_msg_len(msg) - TOPIC_LEN);
		nng_msg_free(msg);
	}
}

int
main(int argc, char **argv)
{
	static const struct bus_publisher publisher = {.publish = publish};
	static const struct bus_publisher requester = {.publish = request};
	int fd = bus_open_argv(argc, argv);

	if (strcmp(argv[1], "hub") == 0)
		be_hub(argv[5], argv[6]);
	if (strcmp(argv[1], "subscribe") == 0)
		subscribe(&argv[5]);
	if (strcmp(argv[1], "request") == 0) {
		check(nng_req0_open(&out), "open");
		check(nng_dial(out, argv[5], NULL, 0), argv[5]);
		bus_publish_all(fd, &requester);
	}
	listen_pub(argv[5]);
	bus_publish_all(fd, &publisher);
}
