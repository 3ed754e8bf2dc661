/*
 * connect: see connect.h. Owns the three sockets and the handshake.
 *
 * Who knocks, and when: the router leaves a marker when it listens, and that
 * is when all three sockets dial; the same epoch again means that it has made
 * some listeners anew, and only the sockets without a peer dial. Nothing here
 * is in a hurry: a dialer that is given up while it shakes hands makes the
 * listener deaf, and a peer that is given up while it sends can make nng hang,
 * so one that is of the past gets a moment to be noticed as gone. Without a
 * full set of peers for two seconds (then twice as long each time) those that
 * are missing dial again. With a full set there is no timer at all.
 *
 * Hello is said whenever a full set comes together. Once it is accepted,
 * whatever the daemon has not acknowledged is sent again.
 *
 * Must never end the process: a router that is gone comes back, or the core
 * is gone and this process with it.
 */
#include "connect.h"

#include "command.h"
#include "marker.h"

#include "common/frame.h"
#include "common/log.h"
#include "common/msgs.h"
#include "common/sock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECTION_MAGIC = 0x636f6e6e,
	PATIENCE_MS = 2000, /* before those without a peer dial again */
	PATIENCE_MAX_MS = 16000,
	BUSY_MS = 100,  /* before the router is told again */
	STALE_MS = 250, /* for an old peer to be noticed as gone */
	LOOK_MS = 250,  /* for a marker, where the kernel does not tell */
	LOOK_MAX_MS = 1000,
	PROTOCOL = 1,
	HELLO_MAX = 4096, /* the router takes no more before it */
	SENTENCE_MAX = 1024,
	PATH_MAX_BYTES = 108,
};

enum pipe_name { PIPE_COMMAND, PIPE_HUB, PIPE_EVENTS, PIPE__COUNT };

typedef void pipe_message_fn(
    struct connection *c, const struct sock_message *m);

static pipe_message_fn on_command;
static pipe_message_fn on_hub;
static pipe_message_fn on_events;

static const struct pipe_row {
	const char *file;
	enum sock_kind kind;
	pipe_message_fn *message; /* NULL: nothing is expected */
} pipe_rows[PIPE__COUNT] = {
    [PIPE_COMMAND] = {"command.sock", SOCK_REP, on_command},
    [PIPE_HUB] = {"hub.sock", SOCK_REQ, on_hub},
    [PIPE_EVENTS] = {"events.sock", SOCK_SUB, on_events},
};

struct pipe {
	struct connection *c;
	const struct pipe_row *row;
	struct sock *sock;
	bool is_stale; /* up, but of an epoch that is over */
};

struct connection {
	uint32_t magic;
	struct plugind *p;
	struct pipe pipes[PIPE__COUNT];
	struct marker *marker;
	bool has_epoch; /* a marker was seen */
	uint64_t epoch;
	bool is_welcome;   /* hello was accepted */
	uint64_t hello_id; /* under way; 0: none */
	struct event *patience;
	struct event *again; /* what the router was too busy for */
	int64_t patience_ms; /* the next time */
	int64_t patient_ms;  /* how long it has been, while blind */
	int64_t look_ms;
};

/* --- dialling ---------------------------------------------------------- */

static bool
is_complete(const struct connection *c)
{
	for (int i = 0; i < PIPE__COUNT; i++) {
		if (!sock_is_up(c->pipes[i].sock) || c->pipes[i].is_stale)
			return false;
	}
	return true;
}

static void
dial(struct pipe *pipe)
{
	pipe->is_stale = false;
	/* What fails here is tried again in a while. */
	(void)sock_dial(pipe->sock);
}

/* Those without a peer; with `force` those that are stale, too. */
static void
dial_missing(struct connection *c, bool force)
{
	for (int i = 0; i < PIPE__COUNT; i++) {
		struct pipe *pipe = &c->pipes[i];

		if (!sock_is_up(pipe->sock) || (force && pipe->is_stale))
			dial(pipe);
	}
}

/* Whether there is any. */
static bool
mark_stale(struct connection *c)
{
	bool any = false;

	for (int i = 0; i < PIPE__COUNT; i++) {
		c->pipes[i].is_stale = sock_is_up(c->pipes[i].sock);
		any = any || c->pipes[i].is_stale;
	}
	return any;
}

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Until the next try; a blind one looks for a marker meanwhile. */
static void
wait_on(struct connection *c)
{
	int64_t ms = c->patience_ms - c->patient_ms;
	struct timeval after;

	if (marker_is_blind(c->marker))
		ms = smaller(ms, c->look_ms);
	c->patient_ms += ms;
	after.tv_sec = ms / 1000;
	after.tv_usec = ms % 1000 * 1000;
	event_add(c->patience, &after);
}

static void
wait_from_now(struct connection *c)
{
	c->patient_ms = 0;
	wait_on(c);
}

static void
be_patient(struct connection *c, int64_t ms)
{
	c->patience_ms = ms;
	c->look_ms = LOOK_MS;
	wait_from_now(c);
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	int64_t patience_ms;

	(void)fd;
	(void)what;
	INVARIANT(c->magic == CONNECTION_MAGIC);
	patience_ms = c->patience_ms;
	c->look_ms = smaller(2 * c->look_ms, LOOK_MAX_MS);
	/* A new marker dials by itself, and starts the clock again. */
	marker_look(c->marker);
	if (event_pending(c->patience, EV_TIMEOUT, NULL) || is_complete(c))
		return;
	if (c->patient_ms < patience_ms) {
		wait_on(c);
		return;
	}
	if (c->has_epoch)
		dial_missing(c, true);
	c->patience_ms = patience_ms < PATIENCE_MS
	                     ? PATIENCE_MS
	                     : smaller(2 * patience_ms, PATIENCE_MAX_MS);
	wait_from_now(c);
}

static void
on_marker(void *arg, uint64_t epoch)
{
	struct connection *c = arg;
	bool is_stale = false;

	INVARIANT(c->magic == CONNECTION_MAGIC);
	/* Anew, too, although nothing seems to be missing: nng 1.5.2 may hang
	 * and never tell that a peer has gone. The router knows better. */
	if (!c->has_epoch || epoch != c->epoch || is_complete(c))
		is_stale = mark_stale(c);
	c->has_epoch = true;
	c->epoch = epoch;
	dial_missing(c, false);
	if (!is_complete(c))
		be_patient(c, is_stale ? STALE_MS : PATIENCE_MS);
}

/* --- hello ------------------------------------------------------------- */

static void
put_capabilities(const struct plugind *p, struct buf *b)
{
	const struct plugind_descriptor *d = &p->descriptor;

	wire_put_array(b, (d->configure != NULL) + (d->health != NULL));
	if (d->configure != NULL)
		wire_put_str(b, "configure");
	if (d->health != NULL)
		wire_put_str(b, "health");
}

static void
put_hello(const struct plugind *p, uint64_t id, struct buf *b)
{
	const struct plugind_descriptor *d = &p->descriptor;

	frame_put(b, MSG_HELLO, id, 9);
	wire_put_uint(b, PROTOCOL);
	wire_put_uint(b, PROTOCOL);
	wire_put_uint(b, PLUGIND_ABI);
	wire_put_str(b, p->identity.name);
	wire_put_str(b, d->version);
	wire_put_str(b, descriptor_type_name(d->type));
	wire_put_uint(b, p->identity.generation);
	wire_put_bin(b, p->identity.cookie, sizeof(p->identity.cookie));
	put_capabilities(p, b);
}

static void
be_unwelcome(struct connection *c)
{
	bool was = c->is_welcome;

	c->is_welcome = false;
	if (was)
		plugin_unlinked(c->p);
}

static void
say_hello(struct connection *c)
{
	char storage[HELLO_MAX];
	uint32_t request;
	struct buf b;

	be_unwelcome(c);
	c->hello_id = outbox_new_id(&c->p->outbox);
	buf_init_fixed(&b, storage, sizeof(storage));
	put_hello(c->p, c->hello_id, &b);
	/* Without a peer: its return says hello. */
	(void)sock_request(c->pipes[PIPE_HUB].sock, b.data, b.len, &request);
}

/* There was no room, here or at the router; soon there will be. */
static void
try_again(struct connection *c)
{
	const struct timeval pause = {0, BUSY_MS * 1000};

	if (!event_pending(c->again, EV_TIMEOUT, NULL))
		event_add(c->again, &pause);
}

/* protocol epoch */
static void
hear_epoch(struct connection *c, struct frame *f)
{
	char text[SUBSCRIBE_EPOCH_MAX];
	uint64_t protocol;

	if (frame_uint(f, &protocol) == 0 &&
	    frame_str(f, text, sizeof(text)) == 0)
		subscribe_welcome(&c->p->subscribe, text);
}

static void
tell_host(struct connection *c, bool is_up)
{
	if (c->p->host != NULL)
		c->p->host->linked(c->p, is_up);
}

static void
hear_welcome(struct connection *c, struct frame *f, uint64_t code)
{
	char sentence[SENTENCE_MAX] = "without a reason";

	if (f->id != c->hello_id)
		return; /* of an earlier hello */
	c->hello_id = 0;
	if (code == FRAME_BUSY) {
		try_again(c);
		return;
	}
	if (code == FRAME_OK) {
		c->is_welcome = true;
		hear_epoch(c, f);
		plugin_say_again(c->p, true);
		plugin_send_status(c->p);
		tell_host(c, true);
		return;
	}
	(void)frame_str(f, sentence, sizeof(sentence));
	if (c->p->host != NULL)
		c->p->host->refused(c->p, sentence);
	else
		plugind_log(c->p, PLUGIND_ERROR,
		    "the daemon refuses this plugin: %s", sentence);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	INVARIANT(c->magic == CONNECTION_MAGIC);
	if (c->is_welcome)
		plugin_say_again(c->p, false);
	else if (c->hello_id == 0 && is_complete(c))
		say_hello(c);
}

/* --- what comes in ----------------------------------------------------- */

static void
complain(struct connection *c, const char *what)
{
	plugind_log(c->p, PLUGIND_WARN,
	    "the daemon sent %s: is it of the same version as this libplugind?",
	    what);
}

static bool
take_calls(struct plugind *p, struct wire_cursor array)
{
	return serve_take_calls(&p->serve, array);
}

static bool
take_returns(struct plugind *p, struct wire_cursor array)
{
	return calls_take_returns(&p->calls, array);
}

static const struct {
	unsigned type;
	bool (*take)(struct plugind *p, struct wire_cursor array);
} calls_rows[] = {
    {MSG_SERVE, take_calls},
    {MSG_RETURNS, take_returns},
};

/* Whether it was about calls. Answered is that it has come, before anything is
 * executed. */
static bool
on_calls(struct connection *c, const struct sock_message *m)
{
	char storage[SENTENCE_MAX];
	struct buf answer;
	struct frame f;
	size_t i = 0;

	if (frame_parse(m->data, m->len, &f) != 0)
		return false;
	while (i < sizeof(calls_rows) / sizeof(calls_rows[0]) &&
	       calls_rows[i].type != f.type)
		i++;
	if (i == sizeof(calls_rows) / sizeof(calls_rows[0]))
		return false;
	buf_init_fixed(&answer, storage, sizeof(storage));
	frame_put(&answer, f.type, f.id, 1);
	wire_put_uint(&answer, FRAME_OK);
	(void)sock_reply(
	    c->pipes[PIPE_COMMAND].sock, &m->answer, answer.data, answer.len);
	if (!frame_next(&f) || !calls_rows[i].take(c->p, f.args))
		complain(c, "calls that cannot be read");
	return true;
}

static void
on_command(struct connection *c, const struct sock_message *m)
{
	char storage[SENTENCE_MAX];
	struct command command;
	struct buf answer;

	if (on_calls(c, m))
		return;
	buf_init_fixed(&answer, storage, sizeof(storage));
	command_read(c->p, m->data, m->len, &command, &answer);
	if (answer.len == 0) {
		complain(c, "a command that cannot be read");
		return;
	}
	/* Before the command runs, which may take its time. A lost answer is
	 * the router's to notice: it sends again or ends the pipe. */
	(void)sock_reply(
	    c->pipes[PIPE_COMMAND].sock, &m->answer, answer.data, answer.len);
	command_run(c->p, &command);
}

static void
on_hub(struct connection *c, const struct sock_message *m)
{
	struct frame f;
	uint64_t code;

	if (frame_parse(m->data, m->len, &f) != 0 ||
	    frame_uint(&f, &code) != 0) {
		complain(c, "an answer that cannot be read");
	} else if (f.type == MSG_HELLO) {
		hear_welcome(c, &f, code);
	} else if (code == FRAME_HELLO_REQUIRED) {
		/* It has forgotten us, or a pipe came between. */
		if (c->hello_id == 0 && is_complete(c))
			say_hello(c);
	} else if (code == FRAME_BUSY && f.type != MSG_CALL) {
		/* A call is never said again. */
		if (f.type == MSG_PUBLISH)
			publish_busy(&c->p->publish);
		else if (f.type == MSG_SUBSCRIBE)
			subscribe_busy(&c->p->subscribe, f.id);
		else if (f.type == MSG_REGISTER)
			serve_busy(&c->p->serve);
		try_again(c);
	} else {
		plugin_acknowledged(c->p, &f, code);
	}
}

static void
on_events(struct connection *c, const struct sock_message *m)
{
	if (!subscribe_take(&c->p->subscribe, m->data, m->len))
		complain(c, "events that cannot be read");
}

/* --- sockets ----------------------------------------------------------- */

static void
on_up(void *arg, const struct sock_peer *peer)
{
	struct pipe *pipe = arg;
	struct connection *c = pipe->c;

	(void)peer;
	INVARIANT(c->magic == CONNECTION_MAGIC);
	if (!is_complete(c))
		return;
	event_del(c->patience);
	say_hello(c);
}

static void
on_down(void *arg)
{
	struct pipe *pipe = arg;
	struct connection *c = pipe->c;

	INVARIANT(c->magic == CONNECTION_MAGIC);
	be_unwelcome(c);
	c->hello_id = 0;
	tell_host(c, false);
	if (pipe->is_stale)
		dial(pipe);
	if (!event_pending(c->patience, EV_TIMEOUT, NULL))
		be_patient(c, PATIENCE_MS);
}

static void
on_message(void *arg, const struct sock_message *m)
{
	struct pipe *pipe = arg;

	INVARIANT(pipe->c->magic == CONNECTION_MAGIC);
	if (pipe->row->message != NULL)
		pipe->row->message(pipe->c, m);
}

static int
open_pipe(struct connection *c, enum pipe_name name)
{
	struct pipe *pipe = &c->pipes[name];
	char path[PATH_MAX_BYTES];
	const struct sock_options options = {
	    .kind = pipe_rows[name].kind,
	    .path = path,
	    .ops = {on_up, on_down, on_message},
	    .arg = pipe,
	};

	*pipe = (struct pipe){.c = c, .row = &pipe_rows[name]};
	snprintf(path, sizeof(path), "%s/%s", c->p->identity.socket_dir,
	    pipe->row->file);
	return sock_new(&options, &pipe->sock);
}

static int
open_all(struct connection *c)
{
	struct event_base *base = c->p->base;
	int r = sock_init(base);

	for (unsigned i = 0; r == 0 && i < PIPE__COUNT; i++)
		r = open_pipe(c, (enum pipe_name)i);
	if (r != 0)
		return r;
	c->patience = event_new(base, -1, 0, on_patience, c);
	c->again = event_new(base, -1, 0, on_again, c);
	if (c->patience == NULL || c->again == NULL)
		return -ENOMEM;
	return marker_new(
	    base, c->p->identity.socket_dir, on_marker, c, &c->marker);
}

int
connection_new(struct plugind *p, struct connection **ret)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL)
		return -ENOMEM;
	c->magic = CONNECTION_MAGIC;
	c->p = p;
	r = open_all(c);
	if (r != 0) {
		connection_free(c);
		return r;
	}
	be_patient(c, PATIENCE_MS);
	*ret = c;
	marker_look(c->marker);
	return 0;
}

void
connection_free(struct connection *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < PIPE__COUNT; i++)
		sock_close(c->pipes[i].sock);
	if (c->patience != NULL)
		event_free(c->patience);
	if (c->again != NULL)
		event_free(c->again);
	marker_free(c->marker);
	c->magic = 0;
	free(c);
}

int
connection_send(void *arg, const void *data, size_t len)
{
	struct connection *const *at = arg;
	struct connection *c = *at;
	uint32_t request;
	int r;

	if (c == NULL || !c->is_welcome)
		return -ENOTCONN;
	r = sock_request(c->pipes[PIPE_HUB].sock, data, len, &request);
	/* Without a peer its return says all again; else nothing would. */
	if (r != 0 && r != -ENOTCONN)
		try_again(c);
	return r;
}
