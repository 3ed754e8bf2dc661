/*
 * looklogs: answers `logs`: the last lines of some plugins, or what came
 * after a cursor, waiting for it if asked to.
 *
 * Must never: read more than a bounded piece of disk a turn (childlog_read).
 */
#include "look.h"

#include "childlog.h"
#include "rowput.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_LINES_BYTES = 1024 * 1024, LINES_MAX = 10000, FILES_MAX = 4096 };

struct followed {
	char plugin[CONFIG_NAME_MAX + 1];
	char name[ROW_NAME_MAX]; /* "": all instances */
	struct childlog_position position;
};

struct follow {
	uint64_t lines;
	int64_t since_ms;
	uint64_t seen; /* childlog_sequence when last looked */
	bool waiting;
	size_t n;
	struct followed files[];
};

/* One entry a plugin, or a row when a row was named. */
static bool
is_followed(const struct follow *f, const char *plugin, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->files[i].plugin, plugin) == 0 &&
		    strcmp(f->files[i].name, name) == 0)
			return true;
	}
	return false;
}

static struct follow *
new_follow(const struct selection *s)
{
	struct follow *f =
	    calloc(1, sizeof(*f) + (s->n + 1) * sizeof(f->files[0]));

	for (size_t i = 0; f != NULL && i < s->n && f->n < FILES_MAX; i++) {
		const struct row *row = s->rows[i];
		bool one = s->named && row->plugin->nrows > 1;
		struct followed *file = &f->files[f->n];

		if (is_followed(f, row->plugin->name, one ? row->name : ""))
			continue;
		snprintf(file->plugin, sizeof(file->plugin), "%s",
		    row->plugin->name);
		snprintf(
		    file->name, sizeof(file->name), "%s", one ? row->name : "");
		f->n++;
	}
	return f;
}

/* The cursor is an array of [plugin, name, inode, offset]. */
static void
put_cursor(struct buf *out, const struct follow *f)
{
	wire_put_str(out, "cursor");
	wire_put_array(out, (uint32_t)f->n);
	for (size_t i = 0; i < f->n; i++) {
		wire_put_array(out, 4);
		wire_put_str(out, f->files[i].plugin);
		wire_put_str(out, f->files[i].name);
		wire_put_uint(out, f->files[i].position.inode);
		wire_put_uint(out, f->files[i].position.offset);
	}
}

static void
set_position(struct follow *f, const struct followed *from)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->files[i].plugin, from->plugin) == 0 &&
		    strcmp(f->files[i].name, from->name) == 0)
			f->files[i].position = from->position;
	}
}

static bool
get_cursor(struct request *req, struct follow *f)
{
	uint32_t count;
	uint32_t four;
	struct followed at;

	if (req->nargs == 0 || wire_get_nil(&req->args) == 0)
		return true;
	if (wire_get_array(&req->args, &count) != 0 || count > FILES_MAX)
		goto bad;
	f->waiting = true;
	for (uint32_t i = 0; i < count; i++) {
		if (wire_get_array(&req->args, &four) != 0 || four != 4 ||
		    wire_get_cstr(&req->args, at.plugin, sizeof(at.plugin)) !=
		        0 ||
		    wire_get_cstr(&req->args, at.name, sizeof(at.name)) != 0 ||
		    wire_get_uint(&req->args, &at.position.inode) != 0 ||
		    wire_get_uint(&req->args, &at.position.offset) != 0)
			goto bad;
		set_position(f, &at);
	}
	return true;
bad:
	request_fail(req, MSG_CODE_USAGE, NULL,
	    "logs: argument `cursor` must be what the last reply gave");
	return false;
}

static uint32_t
read_files(struct follow *f, struct buf *out, bool *ret_more)
{
	uint32_t total = 0;

	for (size_t i = 0; i < f->n; i++) {
		char path[PATH_MAX];
		struct followed *file = &f->files[i];
		struct childlog_query q = {
		    .path = path,
		    .name = file->name[0] != '\0' ? file->name : NULL,
		    .lines = f->lines,
		    .since_ms = f->since_ms,
		    .limit = REPLY_LINES_BYTES / f->n + 16384,
		};
		uint32_t count = 0;
		bool more = false;

		snprintf(path, sizeof(path), "%s/logs/%s.log",
		    table.config->state_dir, file->plugin);
		if (childlog_read(&q, &file->position, out, &count, &more) != 0)
			continue; /* it has not written anything yet */
		total += count;
		*ret_more = *ret_more || more;
	}
	return total;
}

static bool
poll_logs(struct request *req, bool expired)
{
	struct follow *f = req->state;
	uint64_t now = childlog_sequence();
	struct buf lines;
	bool more = false;
	uint32_t count;

	if (f->waiting && !expired && f->seen == now)
		return false;
	buf_init(&lines, REPLY_MAX / 2);
	count = read_files(f, &lines, &more);
	f->seen = now;
	if (count == 0 && f->waiting && !expired) {
		buf_fini(&lines);
		return false;
	}
	wire_put_map(&req->data, 3);
	wire_put_str(&req->data, "lines");
	wire_put_array(&req->data, count);
	wire_put_raw(&req->data, lines.data, lines.len);
	put_cursor(&req->data, f);
	put_key_bool(&req->data, "more", more);
	if (buf_error(&lines) != 0)
		request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
	buf_fini(&lines);
	return true;
}

void
look_logs(struct request *req)
{
	struct selection s;
	struct follow *f;
	uint64_t since;
	uint64_t timeout;
	uint64_t lines;

	if (!request_get_rows(req, &s))
		return;
	f = new_follow(&s);
	free(s.rows);
	if (f == NULL) {
		request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
		return;
	}
	if (!request_opt_uint(req, "lines", 20, &lines) ||
	    !request_opt_uint(req, "since", 0, &since) || !get_cursor(req, f))
		goto out;
	if (req->nargs > 0)
		req->nargs--; /* the cursor */
	if (!request_opt_uint(req, "timeout_ms", 0, &timeout))
		goto out;
	f->lines = lines < LINES_MAX ? lines : LINES_MAX;
	f->since_ms = since <= INT64_MAX ? (int64_t)since : 0;
	f->seen = UINT64_MAX; /* look once in any case */
	request_hold(req, poll_logs, f, timeout);
	return;
out:
	free(f);
}
