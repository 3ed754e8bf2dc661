/*
 * corecall: see corecall.h. A call becomes a request like those of
 * control.sock, and its reply the result.
 *
 * Must never: answer another router than the one that has asked, or hold more
 * than HELD_MAX.
 */
#include "corecall.h"

#include "clients.h"
#include "held.h"
#include "request.h"
#include "router.h"

#include "common/msgs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	METHOD_MAX = 64,
	SOURCE_MAX = 80,
	TEXT_MAX = 512,
	RESULT_MAX = 1024 * 1024 - 1024,
	HELD_MAX = 256,
};

#define TOO_LARGE "the reply is larger than 1 MiB; ask for fewer plugins"

static unsigned waiting;

static void
tell(uint64_t op, unsigned status, const char *text, const struct buf *data)
{
	struct buf b;

	buf_init(&b, RESULT_MAX);
	frame_put(&b, MSG_CORE_RESULT, 0, 4);
	wire_put_uint(&b, op);
	wire_put_uint(&b, status);
	wire_put_str(&b, text);
	if (data != NULL && data->len > 0)
		wire_put_raw(&b, data->data, data->len);
	else
		wire_put_nil(&b);
	if (buf_error(&b) == 0)
		(void)router_send(&b);
	else if (data != NULL)
		tell(op, CALL_FAILED,
		    buf_error(&b) == -EMSGSIZE ? TOO_LARGE : "out of memory",
		    NULL);
	buf_fini(&b);
}

/* The `error` of what a handler has refused. */
static void
get_error(const struct buf *data, char out[TEXT_MAX])
{
	struct wire_cursor map, at;

	snprintf(out, TEXT_MAX, "it failed");
	wire_cursor_init(&map, data->data, data->len);
	if (wire_map_find(&map, "error", &at) == 0)
		(void)wire_get_cstr(&at, out, TEXT_MAX);
}

static void
send_result(struct request *req)
{
	char text[TEXT_MAX] = "";
	int broken = buf_error(&req->data);

	if (broken != 0) {
		tell(req->id, CALL_FAILED,
		    broken == -EMSGSIZE ? TOO_LARGE : "out of memory", NULL);
		return;
	}
	if (request_failed(req))
		get_error(&req->data, text);
	tell(req->id, request_failed(req) ? CALL_FAILED : CALL_OK, text,
	    &req->data);
}

static void
send_late(struct request *req)
{
	waiting--;
	send_result(req);
}

static const struct msg_info *
find(const char *name)
{
	for (size_t i = 0; i < msg_count; i++) {
		if (msg_table[i].role != ROLE_NONE &&
		    strcmp(msg_table[i].name, name) == 0)
			return &msg_table[i];
	}
	return NULL;
}

/* Its arguments are an array, by position, or nil. */
static bool
read_args(struct request *req, const void *args, size_t len)
{
	wire_cursor_init(&req->args, args, len);
	return wire_get_nil(&req->args) == 0 ||
	       wire_get_array(&req->args, &req->nargs) == 0;
}

static void
serve(struct request *req, request_fn *handler)
{
	buf_init(&req->data, REPLY_MAX);
	handler(req);
	if (req->poll != NULL && waiting >= HELD_MAX) {
		tell(req->id, CALL_BUSY,
		    "too many calls wait there: call again later", NULL);
		request_fini(req);
		return;
	}
	if (req->poll != NULL && held_keep(req) == 0) {
		waiting++;
		return;
	}
	if (req->poll != NULL)
		request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
	send_result(req);
	request_fini(req);
}

bool
corecall_take(const struct frame *received)
{
	struct frame f = *received;
	char source[SOURCE_MAX], method[METHOD_MAX];
	struct request req = {.reply = send_late, .source = source};
	request_fn *handler;
	const void *args = NULL;
	size_t len = 0;

	if (f.type != MSG_CORE_CALL)
		return false;
	if (frame_uint(&f, &req.id) != 0 ||
	    frame_str(&f, source, sizeof(source)) != 0)
		return true;
	if (frame_str(&f, method, sizeof(method)) != 0 ||
	    frame_raw(&f, &args, &len) != 0)
		method[0] = '\0';
	req.role = clients_role(source);
	req.info = find(method);
	handler = req.info != NULL ? request_handler(req.info->type) : NULL;
	if (handler == NULL)
		tell(req.id, CALL_UNKNOWN_METHOD,
		    "plugind offers what docs/CONTROL.md lists", NULL);
	else if (req.role < req.info->role)
		tell(req.id, CALL_DENIED,
		    "it changes the configuration, which only root or the "
		    "daemon's user may do",
		    NULL);
	else if (!read_args(&req, args, len))
		tell(req.id, CALL_FAILED,
		    "the arguments are an array, by position", NULL);
	else
		serve(&req, handler);
	return true;
}

void
corecall_router_lost(void)
{
	held_drop(NULL);
	waiting = 0;
}
