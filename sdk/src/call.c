/*
 * call: see call.h. Owns what was called, each with a timer of its own, and
 * the frames that have not left.
 *
 * A callback may make calls, cancel calls and end the process; so what is over
 * is taken out before it is told. Must never: call back twice, or send a call a
 * second time, whatever became of the first.
 */
#include "call.h"

#include "config.h"
#include "plugin.h"
#include "trace.h"
#include "writer.h"

#include "common/log.h"
#include "common/msgs.h"
#include "common/topic.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_MAX = 1024, SERVICES_MAX = 65536 };

struct made {
	struct calls *c;
	uint64_t id;
	uint64_t connection; /* over which it left, or will leave */
	struct event timer;
	plugind_reply_fn *fn;
	void *arg;
};

static const uint8_t nil = 0xc0;

void
calls_init(struct calls *c, struct plugind *p)
{
	c->p = p;
	batch_init(
	    &c->out, MSG_CALL, CALL_BYTES, p->outbox.send, p->outbox.arg);
}

static void
forget(struct made *m)
{
	slots_remove(&m->c->by_id, m->id);
	event_del(&m->timer);
	free(m);
}

void
calls_fini(struct calls *c)
{
	for (size_t i = 0; i < c->by_id.n; i++) {
		struct made *m = slots_at(&c->by_id, i);

		if (m != NULL)
			forget(m);
	}
	slots_fini(&c->by_id);
	batch_reset(&c->out);
}

/* --- the end of one ---------------------------------------------------- */

static void
end(struct made *m, struct plugind_reply *r)
{
	plugind_reply_fn *fn = m->fn;
	struct plugind *p = m->c->p;
	void *arg = m->arg;

	forget(m);
	if (!p->leaving)
		fn(p, r, arg);
	config_free(r->map);
}

static void
end_without(struct made *m, enum plugind_status status, const char *text)
{
	struct plugind_reply r = {
	    .status = status, .text = text, .data = &nil, .len = 1};

	end(m, &r);
}

static void
put_cancel(struct calls *c, uint64_t id)
{
	uint8_t storage[16];
	struct buf b;

	buf_init_fixed(&b, storage, sizeof(storage));
	wire_put_array(&b, 1);
	wire_put_uint(&b, id);
	/* If it cannot be told, the other works for nothing. */
	(void)batch_put(&c->out, b.data, b.len, false);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct made *m = arg;

	(void)fd;
	(void)what;
	put_cancel(m->c, m->id);
	end_without(m, PLUGIND_CALL_TIMEOUT, "no reply came in time");
}

void
plugind_cancel(struct plugind *p, int64_t id)
{
	struct made *m = slots_get(&p->calls.by_id, (uint64_t)id);

	if (m == NULL)
		return;
	put_cancel(&p->calls, m->id);
	forget(m);
}

/* --- making one -------------------------------------------------------- */

/* What is asked, checked and with its defaults. */
struct wish {
	const char *target;
	const char *method;
	const uint8_t *args;
	size_t len;
	int64_t timeout_ms;
};

static int
read_request(const struct plugind_request *r, struct wish *w)
{
	*w = (struct wish){r->target, r->method, &nil, 1, r->timeout_ms};
	if (r->args != NULL) {
		w->args = r->args->bytes.data;
		w->len = r->args->bytes.len;
	}
	if (w->timeout_ms == 0)
		w->timeout_ms = CALL_DEFAULT_MS;
	if (w->timeout_ms < 0 || w->target == NULL || *w->target == '\0' ||
	    strlen(w->target) > CALL_NAME_MAX || w->method == NULL ||
	    strlen(w->method) > CALL_METHOD_MAX ||
	    topic_check(w->method, strlen(w->method)) != NULL)
		return -EINVAL;
	if (r->args != NULL && buf_error(&r->args->bytes) != 0)
		return buf_error(&r->args->bytes);
	if (w->len > BATCH_RECORD_MAX - SMALL_MAX)
		return -EMSGSIZE;
	return wire_validate(w->args, w->len, CALL_DEPTH_MAX) == 0 ? 0
	                                                           : -EINVAL;
}

static struct made *
add(struct calls *c, int64_t timeout_ms, plugind_reply_fn *fn, void *arg)
{
	const struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct made *m = malloc(sizeof(*m));

	if (m == NULL)
		return NULL;
	*m = (struct made){
	    .c = c, .connection = c->connection, .fn = fn, .arg = arg};
	event_assign(&m->timer, c->p->base, -1, 0, on_timeout, m);
	m->id = slots_add(&c->by_id, m);
	if (m->id == 0 || event_add(&m->timer, &tv) != 0) {
		slots_remove(&c->by_id, m->id);
		free(m);
		return NULL;
	}
	return m;
}

static int
put_call(struct calls *c, uint64_t id, const struct wish *w)
{
	struct buf b;
	int r;

	buf_init(&b, BATCH_RECORD_MAX);
	wire_put_array(&b, 6);
	wire_put_uint(&b, id);
	wire_put_str(&b, w->target);
	wire_put_str(&b, w->method);
	wire_put_raw(&b, w->args, w->len);
	wire_put_uint(&b, (uint64_t)w->timeout_ms);
	wire_put_str(&b, trace_current());
	r = buf_error(&b);
	if (r == 0)
		r = batch_put(&c->out, b.data, b.len, false);
	buf_fini(&b);
	return r;
}

int64_t
plugind_call(struct plugind *p, const struct plugind_request *request,
    plugind_reply_fn *fn, void *arg)
{
	struct calls *c = &p->calls;
	struct made *m;
	struct wish w;
	int r = fn == NULL ? -EINVAL : read_request(request, &w);

	if (r == 0 && c->by_id.used >= CALL_MADE_MAX)
		r = -EAGAIN;
	if (r != 0)
		return r;
	m = add(c, w.timeout_ms, fn, arg);
	if (m == NULL)
		return -ENOMEM;
	r = put_call(c, m->id, &w);
	if (r == 0)
		return (int64_t)m->id;
	forget(m);
	return r;
}

/* --- what comes in ----------------------------------------------------- */

/* [op status text data]; one that nobody waits for any more is nothing. */
static bool
take_result(struct calls *c, struct wire_cursor *at)
{
	char text[CALL_TEXT_MAX + 1] = "";
	struct plugind_reply r = {.text = text};
	uint64_t id, status;
	struct made *m;
	uint32_t n;

	if (wire_get_array(at, &n) != 0 || n < 4 ||
	    wire_get_uint(at, &id) != 0 || wire_get_uint(at, &status) != 0)
		return false;
	if (wire_get_cstr(at, text, sizeof(text)) != 0)
		(void)wire_skip(at);
	r.status = status <= PLUGIND_CALL_LOST ? (enum plugind_status)status
	                                       : PLUGIND_CALL_FAILED;
	r.data = at->p;
	(void)wire_skip(at);
	r.len = (size_t)(at->p - r.data);
	for (; n > 4; n--)
		(void)wire_skip(at);
	m = slots_get(&c->by_id, id);
	if (m != NULL)
		end(m, &r);
	return true;
}

bool
calls_take_returns(struct calls *c, struct wire_cursor results)
{
	uint32_t n;

	if (wire_get_array(&results, &n) != 0)
		return false;
	for (; n > 0; n--) {
		if (!take_result(c, &results))
			return false;
	}
	return true;
}

void
calls_linked(struct calls *c)
{
	batch_flush(&c->out);
}

void
calls_unlinked(struct calls *c)
{
	plugind_services_fn *answer = c->question != 0 ? c->answer : NULL;
	uint64_t next = ++c->connection;

	batch_reset(&c->out);
	c->question = 0;
	if (answer != NULL)
		answer(c->p, NULL, 0, c->answer_arg);
	/* Those that are made meanwhile wait for the next connection. */
	for (size_t i = 0; i < c->by_id.n; i++) {
		struct made *m = slots_at(&c->by_id, i);

		if (m != NULL && m->connection < next)
			end_without(m, PLUGIND_CALL_LOST,
			    "the connection to the router was lost");
	}
}

/* --- replies ----------------------------------------------------------- */

const struct plugind_config *
call_map(struct config **map, const void *data, size_t len)
{
	struct wire_cursor c;

	if (*map == NULL) {
		wire_cursor_init(&c, data, len);
		if (wire_peek(&c) != WIRE_MAP)
			c = (struct wire_cursor){0};
		if (config_new(&c, map) != 0) {
			errno = ENOMEM;
			return NULL;
		}
	}
	return config_top(*map);
}

enum plugind_status
plugind_reply_status(const struct plugind_reply *r)
{
	return r->status;
}

const char *
plugind_reply_text(const struct plugind_reply *r)
{
	return r->text;
}

const void *
plugind_reply_data(const struct plugind_reply *r, size_t *ret_len)
{
	*ret_len = r->len;
	return r->data;
}

const struct plugind_config *
plugind_reply_map(struct plugind_reply *r)
{
	return call_map(&r->map, r->data, r->len);
}

/* --- discovery --------------------------------------------------------- */

static bool
is_name(const char *s, size_t max)
{
	return s == NULL || (*s != '\0' && strlen(s) <= max);
}

int
plugind_discover(struct plugind *p, const char *plugin, const char *method,
    plugind_services_fn *fn, void *arg)
{
	struct calls *c = &p->calls;
	char storage[SMALL_MAX];
	uint64_t id = outbox_new_id(&p->outbox);
	struct buf b;
	int r;

	if (fn == NULL || !is_name(plugin, CALL_NAME_MAX) ||
	    !is_name(method, CALL_METHOD_MAX))
		return -EINVAL;
	if (c->question != 0)
		return -EAGAIN;
	buf_init_fixed(&b, storage, sizeof(storage));
	frame_put(&b, MSG_DISCOVER, id, 2);
	wire_put_str(&b, plugin);
	wire_put_str(&b, method);
	r = p->outbox.send(p->outbox.arg, b.data, b.len);
	if (r != 0)
		return r;
	c->question = id;
	c->answer = fn;
	c->answer_arg = arg;
	return 0;
}

/* A copy that ends with a NUL; NULL for nil. */
static const char *
take_text(struct wire_cursor *c, char **at)
{
	const char *start = *at;
	const char *s;
	size_t len;

	if (wire_get_str(c, &s, &len) != 0) {
		(void)wire_skip(c);
		return NULL;
	}
	memcpy(*at, s, len);
	(*at)[len] = '\0';
	*at += len + 1;
	return start;
}

static bool
take_service(struct wire_cursor *c, struct plugind_service *s, char **at)
{
	uint64_t instance = 0;
	uint32_t n;

	if (wire_get_array(c, &n) != 0 || n < 6)
		return false;
	s->plugin = take_text(c, at);
	if (wire_get_uint(c, &instance) != 0)
		return false;
	s->instance = (unsigned)instance;
	s->method = take_text(c, at);
	s->help = take_text(c, at);
	s->verb = take_text(c, at);
	s->path = take_text(c, at);
	for (; n > 6; n--)
		(void)wire_skip(c);
	return s->plugin != NULL && s->method != NULL;
}

static void
hear_services(struct calls *c, struct frame f)
{
	struct plugind_service *all = NULL;
	char *texts = NULL;
	char *at;
	uint32_t n = 0;
	uint32_t i = 0;

	c->question = 0;
	if (frame_next(&f) && wire_get_array(&f.args, &n) == 0 &&
	    n <= SERVICES_MAX) {
		/* A text loses its type byte or more, and gains a NUL. */
		texts = malloc((size_t)(f.args.end - f.args.p) + 1);
		all = calloc((size_t)n + 1, sizeof(*all));
	}
	at = texts;
	while (texts != NULL && all != NULL && i < n &&
	       take_service(&f.args, &all[i], &at))
		i++;
	c->answer(c->p, texts == NULL ? NULL : all, i, c->answer_arg);
	free(texts);
	free(all);
}

bool
calls_acknowledge(struct calls *c, const struct frame *f, uint64_t code)
{
	if (f->type == MSG_DISCOVER && f->id == c->question)
		hear_services(c, *f);
	else if (f->type == MSG_CALL)
		batch_answered(&c->out);
	else
		return f->type == MSG_DISCOVER;
	if (code != FRAME_OK)
		plugin_refused(c->p,
		    f->type == MSG_CALL ? "a call was refused"
		                        : "a question was refused",
		    f, code);
	return true;
}
