/*
 * hostile: a program that speaks the plugin protocol, badly: `hostile WAY` as
 * a plugin, `hostile WAY CONTROL-SOCKET` as a client.
 * Without any library but common/: greeting, messages and frames over plain
 * sockets, each written out, so that every byte can be wrong. `hostile good`
 * is right in all of them.
 *
 * Whatever becomes of its connections, it stays until it is killed: how it
 * ends is not its own doing.
 */
#include "hostile.h"

#include "common/client.h"
#include "common/clock.h"
#include "common/frame.h"
#include "common/msgs.h"
#include "common/sp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SP_PROTO_SUB = 0x21,
	RETRY_MS = 10,
	PATIENCE_MS = 500,
	ATTACH_MS = 30000,
	BODY_MAX = 1 << 21
};

/* --- bytes ------------------------------------------------------------- */

bool
hostile_send(struct hostile *h, int which, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = send(h->fds[which], p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool
hostile_send_message(struct hostile *h, int which, const void *body, size_t len)
{
	const uint8_t id = (uint8_t)++h->requests;
	const uint8_t trace[4] = {0x80, 0, 0, id};
	struct buf b;
	bool ok;

	buf_init(&b, BODY_MAX);
	sp_put_header(&b, trace, sizeof(trace), len);
	(void)buf_append(&b, body, len);
	ok = buf_error(&b) == 0 && hostile_send(h, which, b.data, b.len);
	buf_fini(&b);
	return ok;
}

static int
connect_to(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *dir = getenv("PLUGIND_SOCKET_DIR");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (dir == NULL || fd < 0)
		exit(4);
	snprintf(a.sun_path, sizeof(a.sun_path), "%.80s/%s", dir, name);
	while (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		poll(NULL, 0, RETRY_MS); /* the router is not there yet */
	return fd;
}

static const struct {
	const char *name;
	uint16_t protocol;
} pipes[PIPES] = {
    [PIPE_COMMAND] = {"command.sock", SP_PROTO_REP},
    [PIPE_HUB] = {"hub.sock", SP_PROTO_REQ},
    [PIPE_EVENTS] = {"events.sock", SP_PROTO_SUB},
};

/* Ours and theirs, within a while: a listener may be deaf. */
static bool
greet(struct hostile *h, int which)
{
	const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
	uint8_t greeting[SP_GREETING_LEN];

	(void)setsockopt(h->fds[which], SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	sp_greeting(greeting, pipes[which].protocol);
	return hostile_send(h, which, greeting, sizeof(greeting)) &&
	       recv(h->fds[which], greeting, sizeof(greeting), MSG_WAITALL) ==
	           SP_GREETING_LEN;
}

void
hostile_knock(int which)
{
	close(connect_to(pipes[which].name));
}

void
hostile_connect(struct hostile *h)
{
	for (int i = 0; i < PIPES; i++) {
		h->fds[i] = connect_to(pipes[i].name);
		while (!greet(h, i)) {
			close(h->fds[i]);
			h->fds[i] = connect_to(pipes[i].name);
		}
	}
}

/* --- frames ------------------------------------------------------------ */

bool
hostile_post(struct hostile *h, struct buf *b)
{
	bool ok = hostile_send_message(h, PIPE_HUB, b->data, b->len);

	buf_fini(b);
	return ok;
}

bool
hostile_hello(struct hostile *h, const struct claims *c)
{
	struct buf b;

	buf_init(&b, BODY_MAX);
	frame_put(&b, MSG_HELLO, ++h->id, 9);
	wire_put_uint(&b, c->protocol);
	wire_put_uint(&b, c->protocol);
	wire_put_uint(&b, 1);
	wire_put_str(&b, c->name);
	wire_put_str(&b, "0.1");
	wire_put_str(&b, "service");
	wire_put_uint(&b, c->generation);
	wire_put_bin(&b, c->cookie, sizeof(c->cookie));
	wire_put_array(&b, 0);
	return hostile_post(h, &b);
}

bool
hostile_outcome(struct hostile *h, uint64_t op, unsigned code, const char *text)
{
	struct buf b;

	buf_init(&b, BODY_MAX);
	frame_put(&b, MSG_OUTCOME, ++h->id, 4);
	wire_put_uint(&b, op);
	wire_put_uint(&b, code);
	wire_put_str(&b, text);
	wire_put_nil(&b);
	return hostile_post(h, &b);
}

bool
hostile_status(struct hostile *h, unsigned code, const char *text)
{
	struct buf b;

	buf_init(&b, BODY_MAX);
	frame_put(&b, MSG_PLUGIN_STATUS, ++h->id, 2);
	wire_put_uint(&b, code);
	wire_put_str(&b, text);
	return hostile_post(h, &b);
}

/* The answer to a command: received. */
static void
acknowledge(struct hostile *h, const struct sp_message *m, struct frame *f)
{
	struct buf body;
	struct buf b;

	buf_init(&body, 256);
	frame_put(&body, (unsigned)f->type, f->id, 1);
	wire_put_uint(&body, FRAME_OK);
	buf_init(&b, 512);
	sp_put_header(&b, m->trace, m->trace_len, body.len);
	(void)buf_append(&b, body.data, body.len);
	(void)hostile_send(h, PIPE_COMMAND, b.data, b.len);
	buf_fini(&body);
	buf_fini(&b);
}

static void
take_message(struct hostile *h, int which, const struct sp_message *m)
{
	struct frame f;
	uint64_t value = 0;

	if (frame_parse(m->payload, m->payload_len, &f) != 0) {
		fprintf(stderr, "not a frame\n");
		return;
	}
	if (which == PIPE_COMMAND && h->acknowledges)
		acknowledge(h, m, &f);
	(void)frame_uint(&f, &value);
	if (which == PIPE_HUB) {
		fprintf(stderr, "answer %u: %u\n", (unsigned)f.type,
		    (unsigned)value);
		h->answers++;
		if (f.type == h->awaited) {
			h->awaited = 0;
			h->code = value;
		}
	} else if (which == PIPE_COMMAND && h->on_command != NULL) {
		h->on_command(h, (unsigned)f.type, value);
	}
}

static void
take_bytes(struct hostile *h, int which)
{
	struct buf *in = &h->in[which];
	uint8_t *room = buf_reserve(in, 4096);
	ssize_t n = recv(h->fds[which], room, 4096, 0);
	struct sp_message m;

	if (n <= 0) {
		fprintf(stderr, "%s has ended\n", pipes[which].name);
		close(h->fds[which]);
		h->fds[which] = -1;
		return;
	}
	in->len += (size_t)n;
	while (sp_parse(in->data, in->len, BODY_MAX, &m) == 0) {
		take_message(h, which, &m);
		buf_consume(in, m.total);
	}
}

/* Reads what is there, or waits for it. */
void
hostile_turn(struct hostile *h, int timeout_ms)
{
	struct pollfd p[PIPES];

	for (int i = 0; i < PIPES; i++)
		p[i] = (struct pollfd){.fd = h->fds[i], .events = POLLIN};
	if (poll(p, PIPES, timeout_ms) <= 0)
		return;
	for (int i = 0; i < PIPES; i++) {
		if (p[i].revents != 0)
			take_bytes(h, i);
	}
}

void
hostile_serve(struct hostile *h)
{
	for (;;)
		hostile_turn(h, -1);
}

/* --- who it is --------------------------------------------------------- */

static uint64_t
number(const char *variable)
{
	const char *text = getenv(variable);

	if (text == NULL)
		exit(2);
	return strtoull(text, NULL, 10);
}

static void
be_plugin(struct claims *c)
{
	const char *name = getenv("PLUGIND_NAME");

	if (name == NULL)
		exit(2);
	c->generation = number("PLUGIND_GENERATION");
	snprintf(c->name, sizeof(c->name), "%s", name);
	if (read((int)number("PLUGIND_COOKIE_FD"), c->cookie,
	        sizeof(c->cookie)) != sizeof(c->cookie))
		exit(3);
}

static struct wire_cursor
field(const struct wire_cursor *map, const char *key)
{
	struct wire_cursor at;

	if (wire_map_find(map, key, &at) != 0)
		exit(5);
	return at;
}

static void
be_client(struct claims *c, const char *socket)
{
	struct client_reply reply;
	struct wire_cursor at;
	struct buf args;
	char dir[256];
	const void *cookie;
	size_t len;

	buf_init(&args, sizeof(dir));
	wire_put_array(&args, 1);
	wire_put_str(&args, "hostile");
	if (client_call(client_new(socket), MSG_ATTACH_CLIENT, &args,
	        clock_mono_ms() + ATTACH_MS, &reply) != 0 ||
	    reply.code != MSG_CODE_OK)
		exit(4);
	at = field(&reply.data, "name");
	(void)wire_get_cstr(&at, c->name, sizeof(c->name));
	at = field(&reply.data, "generation");
	(void)wire_get_uint(&at, &c->generation);
	at = field(&reply.data, "sockets");
	(void)wire_get_cstr(&at, dir, sizeof(dir));
	at = field(&reply.data, "cookie");
	if (wire_get_bin(&at, &cookie, &len) != 0 || len != sizeof(c->cookie))
		exit(5);
	memcpy(c->cookie, cookie, len);
	(void)setenv("PLUGIND_SOCKET_DIR", dir, 1);
	buf_fini(&args);
}

int
main(int argc, char **argv)
{
	static struct hostile h;

	if (argc != 2 && argc != 3)
		return 2;
	h.acknowledges = true;
	h.is_client = argc == 3;
	h.claims.protocol = 1;
	if (h.is_client)
		be_client(&h.claims, argv[2]);
	else
		be_plugin(&h.claims);
	for (int i = 0; i < PIPES; i++) {
		h.fds[i] = -1;
		buf_init(&h.in[i], BODY_MAX);
	}
	return hostile_run(&h, argv[1]);
}
