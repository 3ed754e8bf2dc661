/*
 * attach: see attach.h. Owns one connection to control.sock, for as long as
 * one question takes.
 *
 * Everything is said on stderr in the manner of a command: PROGRAM: what is
 * wrong. Must never print a byte of the daemon's that is not escaped.
 */
#include "attach.h"

#include "common/client.h"
#include "common/clock.h"
#include "common/escape.h"

#include <errno.h>
#include <plugind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 5000, TEXT_MAX = 2048, ARGS_MAX = 1024 };

static void
say(const char *before, const char *text, size_t len)
{
	char clean[TEXT_MAX];

	escape_text(clean, sizeof(clean), text, len, NULL);
	fprintf(stderr, "%s: %s\n", before, clean);
}

/* False: there is no such text, or it is nil. */
static bool
say_field(const struct wire_cursor *map, const char *key, const char *before)
{
	struct wire_cursor at;
	const char *text;
	size_t len;

	if (wire_map_find(map, key, &at) != 0 ||
	    wire_get_str(&at, &text, &len) != 0)
		return false;
	say(before, text, len);
	return true;
}

static bool
read_cookie(const struct wire_cursor *map, struct identity *id)
{
	struct wire_cursor at;
	const void *cookie;
	size_t len;

	if (wire_map_find(map, "cookie", &at) != 0 ||
	    wire_get_bin(&at, &cookie, &len) != 0 || len != sizeof(id->cookie))
		return false;
	memcpy(id->cookie, cookie, len);
	return true;
}

/* {name, generation, sockets, cookie} */
static bool
read_identity(const struct wire_cursor *map, struct identity *id)
{
	struct wire_cursor name;
	struct wire_cursor generation;
	struct wire_cursor sockets;

	*id = (struct identity){.instance = 1};
	return wire_map_find(map, "name", &name) == 0 &&
	       wire_get_cstr(&name, id->name, sizeof(id->name)) == 0 &&
	       wire_map_find(map, "generation", &generation) == 0 &&
	       wire_get_uint(&generation, &id->generation) == 0 &&
	       wire_map_find(map, "sockets", &sockets) == 0 &&
	       wire_get_cstr(
	           &sockets, id->socket_dir, sizeof(id->socket_dir)) == 0 &&
	       read_cookie(map, id);
}

static int
take_reply(
    const struct client_reply *reply, const char *program, struct identity *ret)
{
	if (reply->code != MSG_CODE_OK) {
		if (!say_field(&reply->data, "error", program))
			fprintf(stderr,
			    "%s: plugind refused, without a reason\n", program);
		(void)say_field(&reply->data, "hint", "hint");
		return (int)reply->code;
	}
	if (read_identity(&reply->data, ret))
		return 0;
	fprintf(stderr,
	    "%s: plugind answered with something else than a place on the "
	    "bus; is it of the same version as this libplugind?\n",
	    program);
	return PLUGIND_EXIT_FAILURE;
}

static int
ask(struct client *c, const char *program, struct identity *ret)
{
	struct client_reply reply;
	struct buf args;
	struct buf text;
	int status;
	int r;

	buf_init(&args, ARGS_MAX);
	wire_put_array(&args, 1);
	wire_put_str(&args, program);
	r = client_call(
	    c, MSG_ATTACH_CLIENT, &args, clock_mono_ms() + WAIT_MS, &reply);
	buf_fini(&args);
	if (r == 0)
		return take_reply(&reply, program, ret);
	if (r == -ETIMEDOUT) {
		fprintf(stderr,
		    "%s: plugind has not answered for %d s; see its log\n",
		    program, WAIT_MS / 1000);
		return PLUGIND_EXIT_UNREACHABLE;
	}
	buf_init(&text, TEXT_MAX);
	status = client_explain(c, r, &text);
	say(program, buf_cstr(&text), text.len);
	buf_fini(&text);
	return status;
}

int
attach_ask(
    const char *control_socket, const char *program, struct identity *ret)
{
	char *path = client_find_socket(control_socket);
	struct client *c = path != NULL ? client_new(path) : NULL;
	int status = PLUGIND_EXIT_FAILURE;

	if (c != NULL)
		status = ask(c, program, ret);
	else
		fprintf(stderr, "%s: out of memory\n", program);
	client_free(c);
	free(path);
	return status;
}
