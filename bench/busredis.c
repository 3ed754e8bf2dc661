/*
 * busredis publish|subscribe MEMORY SLOT SOURCE SOCKET: a worker of bench/bus
 * that speaks to redis-server over a Unix socket. PUBLISH is pipelined: its
 * answers are read when many are outstanding. The command is put together
 * here, which is faster than to have hiredis do it.
 */
#include "buswork.h"

#include <hiredis.h>
#include <stdio.h>
#include <string.h>

enum { PIPELINE = 1024, HEAD_MAX = 128 };

static redisContext *c;
static unsigned outstanding;

static void
check(int r, const char *what)
{
	if (r != REDIS_OK)
		bus_fail(what, c->errstr);
}

static void
read_answers(unsigned until)
{
	void *reply;

	while (outstanding > until) {
		check(redisGetReply(c, &reply), "answer");
		freeReplyObject(reply);
		outstanding--;
	}
}

static void
publish(const void *data, size_t len)
{
	static char command[HEAD_MAX + BUS_SIZE_MAX + 2];
	static size_t head;
	static size_t head_of; /* the length that it is for */

	if (head_of != len)
		head = (size_t)snprintf(command, HEAD_MAX,
		    "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n",
		    strlen(BUS_TOPIC), BUS_TOPIC, len);
	head_of = len;
	memcpy(command + head, data, len);
	command[head + len] = '\r';
	command[head + len + 1] = '\n';
	check(
	    redisAppendFormattedCommand(c, command, head + len + 2), "append");
	if (++outstanding == PIPELINE)
		read_answers(PIPELINE / 2);
}

static void
flush(void)
{
	read_answers(0);
}

static void
subscribe(void)
{
	redisReply *r = redisCommand(c, "SUBSCRIBE %s", BUS_TOPIC);

	if (r == NULL || r->type != REDIS_REPLY_ARRAY)
		bus_fail("subscribe", c->errstr);
	freeReplyObject(r);
	bus_tell_ready();
	for (;;) {
		void *reply;

		check(redisGetReply(c, &reply), "receive");
		r = reply;
		if (r->type == REDIS_REPLY_ARRAY && r->elements == 3)
			bus_take(
			    r->element[2]->str, (size_t)r->element[2]->len);
		freeReplyObject(r);
	}
}

int
main(int argc, char **argv)
{
	static const struct bus_publisher ops = {publish, flush};
	int fd = bus_open_argv(argc, argv);

	c = redisConnectUnix(argv[5]);
	if (c == NULL || c->err != 0)
		bus_fail(argv[5], c != NULL ? c->errstr : "out of memory");
	if (strcmp(argv[1], "subscribe") == 0)
		subscribe();
	bus_publish_all(fd, &ops);
}
