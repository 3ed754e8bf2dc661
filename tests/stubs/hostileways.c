/*
 * hostileways: the ways, one function each, that a plugin can misbehave in.
 * See hostile.c. What is not said to be wrong is right.
 */
#include "hostile.h"

#include "common/frame.h"
#include "common/msgs.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STRIKES = 3, KNOCKS = 50, DEEP = 100000, LONG = 5000 };

/* --- commands ---------------------------------------------------------- */

static void
obey(struct hostile *h, unsigned type, uint64_t op)
{
	(void)hostile_outcome(h, op, OUTCOME_OK, "");
	if (type == MSG_PLUGIN_STOP)
		exit(0);
}

static void
obey_but(struct hostile *h, unsigned type, uint64_t op, unsigned but)
{
	if (type != but)
		obey(h, type, op);
}

static void
obey_but_initialize(struct hostile *h, unsigned type, uint64_t op)
{
	obey_but(h, type, op, MSG_INITIALIZE);
}

static void
obey_but_health(struct hostile *h, unsigned type, uint64_t op)
{
	obey_but(h, type, op, MSG_HEALTH);
}

static void
obey_but_stop(struct hostile *h, unsigned type, uint64_t op)
{
	obey_but(h, type, op, MSG_PLUGIN_STOP);
}

/* With the ops of others first: none of these may count. */
static void
obey_confused(struct hostile *h, unsigned type, uint64_t op)
{
	static const uint64_t others[] = {0, 1, UINT64_MAX};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (others[i] != op)
			(void)hostile_outcome(
			    h, others[i], OUTCOME_FAILED, "not mine");
	}
	(void)hostile_outcome(h, op + 1, OUTCOME_FAILED, "not yet");
	obey(h, type, op);
	(void)hostile_outcome(h, op, OUTCOME_FAILED, "said twice");
}

static void
fail_at_length(struct hostile *h, unsigned type, uint64_t op)
{
	static char text[4001];

	(void)type;
	memset(text, '\x1b', sizeof(text) - 1);
	(void)hostile_outcome(h, op, OUTCOME_FAILED, text);
}

static void
join(struct hostile *h)
{
	hostile_connect(h);
	(void)hostile_hello(h, &h->claims);
	if (h->on_command == NULL)
		h->on_command = obey;
}

static void
leave(struct hostile *h)
{
	for (int i = 0; i < PIPES; i++) {
		if (h->fds[i] >= 0)
			close(h->fds[i]);
		h->fds[i] = -1;
		buf_reset(&h->in[i]);
	}
}

static bool
is_whole(const struct hostile *h)
{
	return h->fds[0] >= 0 && h->fds[1] >= 0 && h->fds[2] >= 0;
}

/* Comes back whenever a connection ends. */
static _Noreturn void
go_on(struct hostile *h)
{
	for (;;) {
		join(h);
		while (is_whole(h))
			hostile_turn(h, -1);
		leave(h);
	}
}

/* Until it has been answered so often. */
static void
await_answers(struct hostile *h, unsigned n)
{
	while (h->answers < n && h->fds[PIPE_HUB] >= 0)
		hostile_turn(h, -1);
}

/* Ends when the next answer to that type of frame has another code. */
static void
expect(struct hostile *h, uint64_t type, uint64_t code)
{
	h->awaited = type;
	while (h->awaited != 0 && h->fds[PIPE_HUB] >= 0)
		hostile_turn(h, -1);
	if (h->code != code)
		exit(9);
}

/* Until it works, as far as it can tell. */
static void
await_running(struct hostile *h)
{
	join(h);
	/* To hello, and then of initialize and start. */
	await_answers(h, h->is_client ? 1 : 3);
}

/* --- hello ------------------------------------------------------------- */

static void
never_connect(struct hostile *h)
{
	(void)h;
	for (;;)
		pause();
}

static void
say_nothing(struct hostile *h)
{
	hostile_connect(h);
	hostile_serve(h);
}

static void
lie(struct hostile *h, const struct claims *c)
{
	hostile_connect(h);
	for (int i = 0; i < STRIKES; i++)
		(void)hostile_hello(h, c);
	hostile_serve(h);
}

static void
lie_about_cookie(struct hostile *h)
{
	struct claims c = h->claims;

	c.cookie[15] ^= 1;
	lie(h, &c);
}

static void
lie_about_generation(struct hostile *h)
{
	struct claims c = h->claims;

	c.generation++;
	lie(h, &c);
}

static void
lie_about_name(struct hostile *h)
{
	struct claims c = h->claims;

	snprintf(c.name, sizeof(c.name), "neighbour");
	lie(h, &c);
}

static void
speak_another_version(struct hostile *h)
{
	struct claims c = h->claims;

	c.protocol = 7;
	lie(h, &c);
}

/* Once is forgiven. */
static void
lie_once(struct hostile *h)
{
	struct claims c = h->claims;

	c.generation++;
	hostile_connect(h);
	(void)hostile_hello(h, &c);
	expect(h, MSG_HELLO, FRAME_REFUSED);
	(void)hostile_hello(h, &h->claims);
	h->on_command = obey;
	hostile_serve(h);
}

static void
say_it_often(struct hostile *h)
{
	join(h);
	for (int i = 0; i < 100; i++) {
		(void)hostile_hello(h, &h->claims);
		hostile_turn(h, 0);
	}
	hostile_serve(h);
}

static void
say_it_late(struct hostile *h)
{
	hostile_connect(h);
	for (unsigned i = 0; i < 10; i++) {
		(void)hostile_outcome(h, i, OUTCOME_OK, "");
		expect(h, MSG_OUTCOME, FRAME_HELLO_REQUIRED);
	}
	(void)hostile_hello(h, &h->claims);
	h->on_command = obey;
	hostile_serve(h);
}

static void
say_it_at_length(struct hostile *h)
{
	static char bytes[LONG];

	hostile_connect(h);
	for (int i = 0; i < STRIKES; i++)
		(void)hostile_send_message(h, PIPE_HUB, bytes, sizeof(bytes));
	hostile_serve(h);
}

/* --- bytes ------------------------------------------------------------- */

static _Noreturn void
strike(struct hostile *h, const void *body, size_t len)
{
	await_running(h);
	for (int i = 0; i < STRIKES; i++)
		(void)hostile_send_message(h, PIPE_HUB, body, len);
	hostile_serve(h);
}

static void
send_garbage(struct hostile *h)
{
	strike(h, "GET / HTTP/1.1\r\n\r\n", 18);
}

/* [[[[... */
static void
send_depth(struct hostile *h)
{
	static char bytes[DEEP];

	memset(bytes, '\x91', sizeof(bytes));
	strike(h, bytes, sizeof(bytes));
}

/* An array of four billion. */
static void
send_count(struct hostile *h)
{
	strike(h, "\x94\x01\xcd\x01\x2e\x01\xdd\xff\xff\xff\xff", 11);
}

static void
send_other_types(struct hostile *h)
{
	struct buf b;

	await_running(h);
	for (int i = 0; i < STRIKES; i++) {
		buf_init(&b, LONG);
		frame_put(&b, MSG_OUTCOME, ++h->id, 2);
		wire_put_str(&b, "op");
		wire_put_str(&b, "code");
		(void)hostile_post(h, &b);
	}
	hostile_serve(h);
}

static void
send_long_text(struct hostile *h)
{
	static char text[LONG];

	await_running(h);
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < STRIKES; i++)
		(void)hostile_status(h, OUTCOME_DEGRADED, text);
	hostile_serve(h);
}

/* Not wrong, only of another time. */
static void
send_unknown(struct hostile *h)
{
	struct buf b;

	await_running(h);
	for (unsigned i = 0; i < 10; i++) {
		buf_init(&b, LONG);
		frame_put(&b, 999, ++h->id, 0);
		(void)hostile_post(h, &b);
		expect(h, 999, FRAME_UNKNOWN_TYPE);
	}
	hostile_serve(h);
}

/* A message of 2 GiB begins. */
static void
send_length(struct hostile *h)
{
	static const uint8_t header[] = {1, 0, 0, 0, 0, 0x80, 0, 0, 0};

	await_running(h);
	(void)hostile_send(h, PIPE_HUB, header, sizeof(header));
	hostile_serve(h);
}

/* The same before the greeting is done, and on the other socket. */
static void
send_length_first(struct hostile *h)
{
	static const uint8_t header[] = {1, 0, 0, 0, 0, 0x80, 0, 0, 0};

	hostile_connect(h);
	for (int i = 0; i < PIPES; i++)
		(void)hostile_send(h, i, header, sizeof(header));
	hostile_serve(h);
}

/* --- too much ---------------------------------------------------------- */

/* Reads nothing of what it is answered. */
static void
flood(struct hostile *h)
{
	await_running(h);
	while (hostile_status(h, OUTCOME_OK, "more"))
		continue;
	hostile_serve(h);
}

/* Reads as fast as it can. */
static void
flood_reading(struct hostile *h)
{
	await_running(h);
	while (hostile_status(h, OUTCOME_OK, "more"))
		hostile_turn(h, 0);
	hostile_serve(h);
}

static void
flood_long(struct hostile *h)
{
	static char text[4001];

	await_running(h);
	memset(text, 'x', sizeof(text) - 1);
	while (hostile_status(h, OUTCOME_DEGRADED, text))
		hostile_turn(h, 0);
	hostile_serve(h);
}

/* Frames of 1 MiB, each a bin in a message nobody knows. */
static void
flood_big(struct hostile *h)
{
	static char bytes[1000000];
	struct buf b;

	await_running(h);
	do {
		buf_init(&b, sizeof(bytes) + LONG);
		frame_put(&b, 999, ++h->id, 1);
		wire_put_bin(&b, bytes, sizeof(bytes));
		hostile_turn(h, 0);
	} while (hostile_post(h, &b));
	hostile_serve(h);
}

/* --- too little -------------------------------------------------------- */

static void
ignore_initialize(struct hostile *h)
{
	h->on_command = obey_but_initialize;
	go_on(h);
}

static void
ignore_health(struct hostile *h)
{
	h->on_command = obey_but_health;
	go_on(h);
}

static void
ignore_stop(struct hostile *h)
{
	h->on_command = obey_but_stop;
	go_on(h);
}

static void
ignore_all(struct hostile *h)
{
	(void)signal(SIGTERM, SIG_IGN);
	h->on_command = obey_but_stop;
	go_on(h);
}

static void
confuse(struct hostile *h)
{
	h->on_command = obey_confused;
	go_on(h);
}

static void
complain_at_length(struct hostile *h)
{
	h->on_command = fail_at_length;
	go_on(h);
}

/* It does what it is told and never says that it was told. */
static void
acknowledge_nothing(struct hostile *h)
{
	h->acknowledges = false;
	go_on(h);
}

/* Leaves its commands where they are. */
static void
read_no_command(struct hostile *h)
{
	await_running(h);
	for (;;)
		pause();
}

/* Each socket is left deaf, before a good one comes. */
static void
knock(struct hostile *h)
{
	for (int i = 0; i < KNOCKS; i++)
		hostile_knock(i % PIPES);
	go_on(h);
}

/* Comes and goes all the time. */
static void
flap(struct hostile *h)
{
	for (int i = 0; i < 20; i++) {
		hostile_connect(h);
		(void)hostile_hello(h, &h->claims);
		leave(h);
	}
	go_on(h);
}

int
hostile_run(struct hostile *h, const char *way)
{
	static const struct {
		const char *name;
		void (*run)(struct hostile *h);
	} ways[] = {
	    {"good", go_on},
	    {"absent", never_connect},
	    {"mute", say_nothing},
	    {"cookie", lie_about_cookie},
	    {"generation", lie_about_generation},
	    {"name", lie_about_name},
	    {"version", speak_another_version},
	    {"lie_once", lie_once},
	    {"often", say_it_often},
	    {"late", say_it_late},
	    {"long_hello", say_it_at_length},
	    {"garbage", send_garbage},
	    {"depth", send_depth},
	    {"count", send_count},
	    {"types", send_other_types},
	    {"long_text", send_long_text},
	    {"unknown", send_unknown},
	    {"length", send_length},
	    {"length_first", send_length_first},
	    {"flood", flood},
	    {"flood_reading", flood_reading},
	    {"flood_long", flood_long},
	    {"flood_big", flood_big},
	    {"no_initialize", ignore_initialize},
	    {"no_health", ignore_health},
	    {"no_stop", ignore_stop},
	    {"no_end", ignore_all},
	    {"confused", confuse},
	    {"complain", complain_at_length},
	    {"no_answer", acknowledge_nothing},
	    {"no_read", read_no_command},
	    {"knock", knock},
	    {"flap", flap},
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, way) == 0)
			ways[i].run(h);
	}
	return 2;
}
