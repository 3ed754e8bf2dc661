/*
 * canary: owns a listener and a dialer of its own. A pair that has come apart
 * is made anew at the next ping.
 *
 * Must never: answer a ping by anything but a round trip.
 */
#include "canary.h"

#include "core.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/log.h"
#include "common/msgs.h"
#include "common/sock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct sock *listener;
static struct sock *dialer;
static uint64_t waiting; /* number of the ping, 0: none */
static int64_t made_ms;  /* when the pair was last made */

enum { PATIENCE_MS = 1000 }; /* for a pair to come together */

static void
ask(void)
{
	uint32_t id;

	if (waiting != 0 && sock_is_up(dialer) && sock_is_up(listener))
		(void)sock_request(dialer, "?", 1, &id);
}

static void
on_up(void *arg, const struct sock_peer *peer)
{
	(void)arg;
	(void)peer;
	ask();
}

static void
on_question(void *arg, const struct sock_message *m)
{
	(void)arg;
	(void)sock_reply(listener, &m->answer, "!", 1);
}

static void
on_answer(void *arg, const struct sock_message *m)
{
	struct buf b;

	(void)arg;
	(void)m;
	if (waiting == 0)
		return;
	buf_init(&b, 256);
	frame_put(&b, MSG_LINK_PONG, waiting, 1);
	wire_put_uint(&b, waiting);
	waiting = 0;
	core_send(&b);
}

int
canary_init(const char *directory)
{
	char path[PATH_MAX];
	const struct sock_options question = {
	    .kind = SOCK_REP,
	    .path = path,
	    .check_uid = true,
	    .uid = geteuid(),
	    .ops = {.up = on_up, .message = on_question},
	};
	const struct sock_options answer = {
	    .kind = SOCK_REQ,
	    .path = path,
	    .ops = {.up = on_up, .message = on_answer},
	};
	int r;

	snprintf(path, sizeof(path), "%s/canary.sock", directory);
	made_ms = clock_mono_ms();
	r = sock_new(&question, &listener);
	if (r == 0)
		r = sock_new(&answer, &dialer);
	if (r == 0)
		r = sock_listen(listener);
	if (r == 0)
		r = sock_dial(dialer);
	return r;
}

void
canary_sing(uint64_t number)
{
	int r = 0;

	waiting = number;
	if (sock_is_up(dialer) && sock_is_up(listener)) {
		ask();
		return;
	}
	/* The first ping comes while they still shake hands. */
	if (clock_mono_ms() - made_ms < PATIENCE_MS)
		return;
	made_ms = clock_mono_ms();
	if (!sock_is_up(listener))
		r = sock_listen(listener);
	if (r == 0)
		r = sock_dial(dialer);
	if (r != 0)
		log_error(NULL, "its own socket: %s", strerror(-r));
}
