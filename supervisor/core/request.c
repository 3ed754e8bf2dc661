/*
 * request: decodes what clients ask and encodes what they get. Everything
 * from a client is validated here, before a handler sees it.
 *
 * Must never: touch a socket, or trust a length.
 */
#include "request.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 10000 };

int
request_parse(struct request *req, const void *payload, size_t len)
{
	struct frame f;
	int r = frame_parse(payload, len, &f);

	if (r == -EBADMSG)
		return r;
	req->args = f.args;
	req->nargs = f.nargs;
	req->id = f.id;
	req->info = NULL;
	if (r == 0 && f.type <= UINT32_MAX)
		req->info = msg_find((unsigned)f.type);
	req->code = MSG_CODE_OK;
	buf_init(&req->data, REPLY_MAX - 256);
	return 0;
}

void
request_fini(struct request *req)
{
	buf_fini(&req->data);
	free(req->state);
	req->state = NULL;
}

void
request_put_reply(const struct request *req, struct buf *out)
{
	static const uint8_t nil = 0xc0;
	static const char too_large[] = "the reply is larger than 4 MiB; ask "
	                                "for fewer plugins";
	bool broken = buf_error(&req->data) != 0;

	frame_put(out, req->info != NULL ? req->info->type : 0, req->id, 2);
	wire_put_int(out, broken ? MSG_CODE_FAILED : req->code);
	if (broken) {
		wire_put_map(out, 1);
		wire_put_str(out, "error");
		wire_put_str(out, buf_error(&req->data) == -EMSGSIZE
		                      ? too_large
		                      : "out of memory");
	} else if (req->data.len == 0) {
		wire_put_raw(out, &nil, 1);
	} else {
		wire_put_raw(out, req->data.data, req->data.len);
	}
}

void
request_fail(struct request *req, enum msg_code code, const char *hint,
    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	req->code = code;
	buf_reset(&req->data);
	wire_put_map(&req->data, hint != NULL ? 2 : 1);
	wire_put_str(&req->data, "error");
	wire_put_strn(&req->data, text, strlen(text));
	if (hint != NULL) {
		wire_put_str(&req->data, "hint");
		wire_put_strn(&req->data, hint, strlen(hint));
	}
}

bool
request_failed(const struct request *req)
{
	return req->code != MSG_CODE_OK;
}

static bool
refuse(struct request *req, const char *what, const char *expected)
{
	request_fail(req, MSG_CODE_USAGE, NULL,
	    "%s: argument `%s` must be %s (arguments: %s)", req->info->name,
	    what, expected, req->info->args);
	return false;
}

/* True when there is one more argument that is not nil. */
static bool
has_argument(struct request *req)
{
	if (req->nargs == 0)
		return false;
	if (wire_peek(&req->args) != WIRE_NIL)
		return true;
	req->nargs--;
	(void)wire_skip(&req->args);
	return false;
}

bool
request_get_str(struct request *req, const char *what, char *out, size_t cap)
{
	if (!has_argument(req) || wire_get_cstr(&req->args, out, cap) != 0)
		return refuse(req, what, "a short string");
	req->nargs--;
	return true;
}

bool
request_get_uint(struct request *req, const char *what, uint64_t *ret)
{
	if (!has_argument(req) || wire_get_uint(&req->args, ret) != 0)
		return refuse(req, what, "a number, not negative");
	req->nargs--;
	return true;
}

bool
request_opt_uint(
    struct request *req, const char *what, uint64_t fallback, uint64_t *ret)
{
	*ret = fallback;
	return has_argument(req) ? request_get_uint(req, what, ret) : true;
}

bool
request_opt_bool(struct request *req, const char *what, bool *ret)
{
	*ret = false;
	if (!has_argument(req))
		return true;
	if (wire_get_bool(&req->args, ret) != 0)
		return refuse(req, what, "true or false");
	req->nargs--;
	return true;
}

static bool
fail_unknown(struct request *req, const char *name)
{
	request_fail(req, MSG_CODE_UNKNOWN_PLUGIN,
	    "'pluginctl status' lists the plugins; after a change of the "
	    "configuration 'pluginctl apply' loads it",
	    "unknown plugin '%s'", name);
	return false;
}

static bool
select_all(struct selection *s)
{
	struct row *row;

	s->rows = calloc(table_count_rows() + 1, sizeof(struct row *));
	if (s->rows == NULL)
		return false;
	table_foreach(row, cursor)
		s->rows[s->n++] = row;
	return true;
}

/* Each row once, however often it was named. */
static bool
select_name(struct request *req, struct selection *s, const char *name)
{
	struct row **rows;
	struct row **all;
	size_t n;

	if (table_find_rows(name, &rows, &n) != 0)
		return fail_unknown(req, name);
	all = realloc(s->rows, (s->n + n + 1) * sizeof(struct row *));
	if (all == NULL) {
		request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
		return false;
	}
	s->rows = all;
	for (size_t i = 0; i < n; i++) {
		bool seen = false;

		for (size_t k = 0; k < s->n && !seen; k++)
			seen = all[k] == rows[i];
		if (!seen)
			all[s->n++] = rows[i];
	}
	return true;
}

static bool
select_names(struct request *req, struct selection *s)
{
	char name[ROW_NAME_MAX];
	uint32_t count;

	if (wire_get_array(&req->args, &count) != 0 || count > NAMES_MAX)
		return refuse(req, "names", "a list of plugin names");
	req->nargs--;
	s->named = count > 0;
	if (count == 0 && !select_all(s)) {
		request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		int r = wire_get_cstr(&req->args, name, sizeof(name));

		if (r == -EMSGSIZE)
			return fail_unknown(req, "(a very long name)");
		if (r != 0)
			return refuse(req, "names", "a list of plugin names");
		if (!select_name(req, s, name))
			return false;
	}
	return true;
}

bool
request_get_rows(struct request *req, struct selection *ret)
{
	struct selection s = {0};
	bool ok = has_argument(req) ? select_names(req, &s) : select_all(&s);

	if (!ok) {
		free(s.rows);
		return false;
	}
	*ret = s;
	return true;
}

bool
request_get_row(struct request *req, struct selection *ret)
{
	struct selection s = {.named = true};
	char name[ROW_NAME_MAX];

	if (!request_get_str(req, "name", name, sizeof(name)))
		return false;
	if (!select_name(req, &s, name)) {
		free(s.rows);
		return false;
	}
	*ret = s;
	return true;
}
