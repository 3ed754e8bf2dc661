/*
 * serve: see serve.h. Owns the methods, and a call from its arrival to its
 * result. Registered is what is offered while the plugin is running, and not
 * before: who is called is ready, and who stops is called no more.
 *
 * Must never: run a method twice for one call, leave one without a result, or
 * free one that a thread may still look at.
 */
#include "serve.h"

#include "config.h"
#include "plugin.h"
#include "pool.h"
#include "trace.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/msgs.h"
#include "common/topic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_MAX = 2048, SERVED_MAX = 8192, HELP_MAX = 255, VERB_MAX = 15 };

struct method {
	TAILQ_ENTRY(method) link;
	unsigned flags;
	plugind_method_fn *fn;
	void *arg;
	bool is_said; /* on this connection */
	char name[CALL_METHOD_MAX + 1];
	char help[HELP_MAX + 1];
	char verb[VERB_MAX + 1];
	char path[HELP_MAX + 1];
};

static const uint8_t nil = 0xc0;

void
serve_init(struct serve *s, struct plugind *p)
{
	s->p = p;
	TAILQ_INIT(&s->methods);
	TAILQ_INIT(&s->all);
	batch_init(
	    &s->results, MSG_RESULT, CALL_BYTES, p->outbox.send, p->outbox.arg);
}

static void
free_call(struct plugind_call *c)
{
	TAILQ_REMOVE(&c->p->serve.all, c, link);
	c->p->serve.n--;
	config_free(c->map);
	buf_fini(&c->result.bytes);
	free(c->text);
	free(c);
}

void
serve_fini(struct serve *s)
{
	struct plugind_call *c = TAILQ_FIRST(&s->all);
	struct method *m = TAILQ_FIRST(&s->methods);

	while (c != NULL) {
		struct plugind_call *next = TAILQ_NEXT(c, link);

		free_call(c);
		c = next;
	}
	while (m != NULL) {
		struct method *next = TAILQ_NEXT(m, link);

		free(m);
		m = next;
	}
	TAILQ_INIT(&s->methods);
	batch_reset(&s->results);
}

/* --- methods ----------------------------------------------------------- */

static struct method *
find(struct serve *s, const char *name)
{
	struct method *m;

	TAILQ_FOREACH(m, &s->methods, link) {
		if (strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

static void
put_text(struct buf *b, const char *text)
{
	wire_put_str(b, text[0] == '\0' ? NULL : text);
}

static bool
tell(struct serve *s, unsigned type, const struct method *m)
{
	char storage[SMALL_MAX];
	struct outbox *o = &s->p->outbox;
	struct buf b;

	buf_init_fixed(&b, storage, sizeof(storage));
	frame_put(&b, type, outbox_new_id(o), 4);
	wire_put_str(&b, m->name);
	put_text(&b, m->help);
	put_text(&b, m->verb);
	put_text(&b, m->path);
	return buf_error(&b) == 0 && o->send(o->arg, b.data, b.len) == 0;
}

/* Without a way, or room: serve_announce follows. */
static void
say(struct serve *s)
{
	struct method *m;

	if (s->p->phase != PHASE_RUNNING)
		return;
	TAILQ_FOREACH(m, &s->methods, link) {
		if (!m->is_said)
			m->is_said = tell(s, MSG_REGISTER, m);
		if (!m->is_said)
			return;
	}
}

void
serve_busy(struct serve *s)
{
	struct method *m;

	TAILQ_FOREACH(m, &s->methods, link)
		m->is_said = false;
}

void
serve_announce(struct serve *s, bool is_anew)
{
	batch_flush(&s->results);
	if (is_anew)
		serve_busy(s);
	say(s);
}

void
serve_withdraw(struct serve *s)
{
	struct method *m;

	TAILQ_FOREACH(m, &s->methods, link)
		(void)tell(s, MSG_UNREGISTER, m);
}

static bool
is_method(const char *name)
{
	size_t len = strlen(name);

	return len <= CALL_METHOD_MAX && topic_check(name, len) == NULL;
}

static bool
fits(const char *text, size_t max)
{
	return text == NULL || strlen(text) <= max;
}

static void
copy_text(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text == NULL ? "" : text);
}

static bool
is_right(const struct plugind_method *m)
{
	return m->fn != NULL && m->name != NULL && is_method(m->name) &&
	       fits(m->help, HELP_MAX) && fits(m->verb, VERB_MAX) &&
	       fits(m->path, HELP_MAX) &&
	       (m->verb == NULL) == (m->path == NULL);
}

static struct method *
add(struct serve *s, const char *name)
{
	struct method *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	copy_text(m->name, sizeof(m->name), name);
	TAILQ_INSERT_TAIL(&s->methods, m, link);
	return m;
}

int
plugind_register(struct plugind *p, const struct plugind_method *method)
{
	struct method *m;

	if (!is_right(method))
		return -EINVAL;
	m = find(&p->serve, method->name);
	if (m == NULL)
		m = add(&p->serve, method->name);
	if (m == NULL)
		return -ENOMEM;
	m->flags = method->flags;
	m->fn = method->fn;
	m->arg = method->arg;
	copy_text(m->help, sizeof(m->help), method->help);
	copy_text(m->verb, sizeof(m->verb), method->verb);
	copy_text(m->path, sizeof(m->path), method->path);
	m->is_said = false;
	say(&p->serve);
	return 0;
}

void
plugind_unregister(struct plugind *p, const char *name)
{
	struct method *m = find(&p->serve, name);

	if (m == NULL)
		return;
	if (p->phase == PHASE_RUNNING)
		(void)tell(&p->serve, MSG_UNREGISTER, m);
	TAILQ_REMOVE(&p->serve.methods, m, link);
	free(m);
}

bool
serve_acknowledge(struct serve *s, const struct frame *f, uint64_t code)
{
	if (f->type == MSG_RESULT)
		batch_answered(&s->results);
	else if (f->type != MSG_REGISTER && f->type != MSG_UNREGISTER)
		return false;
	if (code != FRAME_OK)
		plugin_refused(s->p,
		    f->type == MSG_RESULT ? "a result was refused"
		                          : "a method was refused",
		    f, code);
	return true;
}

/* --- results ----------------------------------------------------------- */

static int
put_result(struct serve *s, uint64_t op, unsigned status, const char *text,
    const struct buf *data, bool urgent)
{
	struct buf b;
	int r;

	buf_init(&b, BATCH_RECORD_MAX);
	wire_put_array(&b, 4);
	wire_put_uint(&b, op);
	wire_put_uint(&b, status);
	wire_put_str(&b, text);
	if (data != NULL && data->len > 0)
		wire_put_raw(&b, data->data, data->len);
	else
		wire_put_raw(&b, &nil, 1);
	r = buf_error(&b);
	if (r == 0)
		r = batch_put(&s->results, b.data, b.len, urgent);
	buf_fini(&b);
	return r;
}

static void
refuse(struct serve *s, uint64_t op, unsigned status, const char *text)
{
	if (put_result(s, op, status, text, NULL, true) != 0)
		plugind_log(s->p, PLUGIND_ERROR,
		    "a call cannot be answered: out of memory");
}

static const char *
explain(const struct plugind_call *c)
{
	if (c->text != NULL)
		return c->text;
	return c->outcome >= PLUGIND_FAILED
	           ? "the method gave no reason"
	           : strerror((int)-(unsigned)c->outcome);
}

void
serve_finish(struct plugind_call *c)
{
	struct serve *s = &c->p->serve;
	const struct buf *data = &c->result.bytes;
	bool ok = c->outcome == PLUGIND_OK;
	int r = buf_error(data);

	if (c->connection != s->connection || c->is_cancelled) {
		free_call(c);
		return;
	}
	if (r == 0 && data->len > 0)
		r = wire_validate(data->data, data->len, CALL_DEPTH_MAX);
	/* What a method that failed has begun to write hides no reason. */
	if (!ok && r != 0) {
		data = NULL;
		r = 0;
	}
	if (r == 0)
		r = put_result(s, c->op,
		    ok ? PLUGIND_CALL_OK : PLUGIND_CALL_FAILED,
		    ok ? "" : explain(c), data, false);
	if (r == -EMSGSIZE)
		refuse(s, c->op, PLUGIND_CALL_FAILED,
		    "its result is larger than 1 MiB");
	else if (r == -EAGAIN)
		refuse(s, c->op, PLUGIND_CALL_FAILED,
		    "more results wait than the router takes");
	else if (r != 0)
		refuse(s, c->op, PLUGIND_CALL_FAILED,
		    r == -ENOMEM ? "out of memory"
		                 : "the method wrote no whole object");
	free_call(c);
}

/* --- executing --------------------------------------------------------- */

bool
serve_run(struct plugind_call *c)
{
	struct pool *pool = &c->p->pool;
	bool is_over = true;
	int r;

	trace_enter(c->trace, c->trace_len);
	r = c->fn(c->p, c, c->arg);
	trace_leave();
	pool_lock(pool);
	if (r != PLUGIND_LATER)
		c->outcome = r;
	else if (c->state != SERVE_DONE_EARLY) {
		c->state = SERVE_LATER;
		is_over = false;
	}
	pool_unlock(pool);
	return is_over;
}

void
plugind_call_done(struct plugind_call *c, int result)
{
	struct pool *pool = &c->p->pool;
	bool is_later;

	pool_lock(pool);
	is_later = c->state == SERVE_LATER;
	c->outcome = result;
	if (!is_later)
		c->state = SERVE_DONE_EARLY;
	pool_unlock(pool);
	if (is_later)
		pool_finish(pool, c);
}

struct incoming {
	uint64_t op;
	char source[CALL_NAME_MAX + 1];
	char method[CALL_METHOD_MAX + 1];
	const uint8_t *args;
	size_t len;
	uint64_t timeout_ms;
	const char *trace;
	size_t trace_len;
};

/* [op source method args timeout_ms trace], or [op]: without a source */
static bool
read_call(struct wire_cursor *c, struct incoming *in)
{
	uint32_t n;

	*in = (struct incoming){0};
	if (wire_get_array(c, &n) != 0 || wire_get_uint(c, &in->op) != 0)
		return false;
	if (n == 1)
		return true;
	if (n < 6 || wire_get_cstr(c, in->source, sizeof(in->source)) != 0)
		return false;
	/* One that is too long is none of ours. */
	if (wire_get_cstr(c, in->method, sizeof(in->method)) != 0)
		(void)wire_skip(c);
	in->args = c->p;
	(void)wire_skip(c);
	in->len = (size_t)(c->p - in->args);
	if (wire_get_uint(c, &in->timeout_ms) != 0)
		return false;
	if (wire_get_str(c, &in->trace, &in->trace_len) != 0)
		(void)wire_skip(c);
	for (; n > 6; n--)
		(void)wire_skip(c);
	return true;
}

/* With `keep` its arguments last as long as it does. */
static struct plugind_call *
make_call(struct serve *s, const struct incoming *in, const struct method *m,
    bool keep)
{
	size_t extra = keep ? in->len + in->trace_len : 0;
	struct plugind_call *c = malloc(sizeof(*c) + extra);
	uint8_t *behind = (uint8_t *)(c + 1);

	if (c == NULL)
		return NULL;
	*c = (struct plugind_call){.p = s->p,
	    .op = in->op,
	    .connection = s->connection,
	    .late_ms = clock_mono_ms() + (int64_t)in->timeout_ms,
	    .fn = m->fn,
	    .arg = m->arg,
	    .args = in->args,
	    .len = in->len,
	    .trace = in->trace,
	    .trace_len = in->trace_len};
	memcpy(c->method, in->method, sizeof(c->method));
	memcpy(c->source, in->source, sizeof(c->source));
	buf_init(&c->result.bytes, BATCH_RECORD_MAX);
	if (keep) {
		c->args = memcpy(behind, in->args, in->len);
		if (in->trace_len > 0)
			c->trace =
			    memcpy(behind + in->len, in->trace, in->trace_len);
	}
	TAILQ_INSERT_TAIL(&s->all, c, link);
	s->n++;
	return c;
}

static void
execute(struct serve *s, const struct incoming *in, const struct method *m)
{
	bool on_thread = (m->flags & PLUGIND_THREADS) != 0;
	struct plugind_call *c = NULL;

	if (s->n < SERVED_MAX)
		c = make_call(s, in, m, on_thread);
	if (c == NULL) {
		refuse(s, in->op, PLUGIND_CALL_BUSY,
		    "too many calls are under way in the plugin");
	} else if (!on_thread) {
		if (serve_run(c))
			serve_finish(c);
	} else if (pool_run(&s->p->pool, c) != 0) {
		free_call(c);
		refuse(s, in->op, PLUGIND_CALL_BUSY,
		    "too many calls wait for a thread of the plugin");
	}
}

static void
cancel(struct serve *s, uint64_t op)
{
	struct plugind_call *c;

	TAILQ_FOREACH(c, &s->all, link) {
		if (c->op == op && c->connection == s->connection)
			c->is_cancelled = true;
	}
}

bool
serve_take_calls(struct serve *s, struct wire_cursor calls)
{
	const struct method *m;
	struct incoming in;
	uint32_t n;

	if (wire_get_array(&calls, &n) != 0)
		return false;
	for (; n > 0; n--) {
		if (!read_call(&calls, &in))
			return false;
		m = find(s, in.method);
		if (in.source[0] == '\0')
			cancel(s, in.op);
		else if (s->p->phase != PHASE_RUNNING || s->p->leaving)
			refuse(s, in.op, PLUGIND_CALL_BUSY,
			    "the plugin is not running");
		else if (m == NULL)
			refuse(s, in.op, PLUGIND_CALL_UNKNOWN,
			    "the plugin offers no such method");
		else
			execute(s, &in, m);
	}
	return true;
}

void
serve_unlinked(struct serve *s)
{
	struct plugind_call *c;

	s->connection++;
	batch_reset(&s->results);
	TAILQ_FOREACH(c, &s->all, link)
		c->is_cancelled = true;
}

bool
serve_is_empty(const struct serve *s)
{
	return batch_is_empty(&s->results) && s->results.unanswered == 0;
}

/* --- what a method may know -------------------------------------------- */

const char *
plugind_call_method(const struct plugind_call *c)
{
	return c->method;
}

const char *
plugind_call_source(const struct plugind_call *c)
{
	return c->source;
}

const void *
plugind_call_args(const struct plugind_call *c, size_t *ret_len)
{
	*ret_len = c->len;
	return c->args;
}

const struct plugind_config *
plugind_call_map(struct plugind_call *c)
{
	return call_map(&c->map, c->args, c->len);
}

int64_t
plugind_call_left_ms(const struct plugind_call *c)
{
	int64_t left_ms = c->late_ms - clock_mono_ms();

	return left_ms > 0 ? left_ms : 0;
}

bool
plugind_call_is_cancelled(const struct plugind_call *c)
{
	return c->is_cancelled;
}

struct plugind_writer *
plugind_call_result(struct plugind_call *c)
{
	return &c->result;
}

int
plugind_call_fail(struct plugind_call *c, const char *fmt, ...)
{
	va_list ap;

	if (c->text == NULL)
		c->text = malloc(PLUGIN_TEXT_MAX + 1);
	if (c->text == NULL)
		return PLUGIND_FAILED;
	va_start(ap, fmt);
	plugin_set_text(c->text, fmt, ap);
	va_end(ap);
	return PLUGIND_FAILED;
}
