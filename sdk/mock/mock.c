/*
 * mock: see plugind_mock.h. Plays the daemon: puts commands into frames, hears
 * what comes of them, acknowledges at once.
 *
 * Frames go the same way as with a router, but for the sockets. Must never
 * look into the plugin where a frame would tell: what a test sees here is what
 * the daemon sees.
 */
#include "plugind_mock.h"

#include "tree.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/msgs.h"
#include "sdk/src/command.h"
#include "sdk/src/config.h"
#include "sdk/src/writer.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEADLINE_MS = 5000,
	COMMAND_MAX = 1024 * 1024,
	TEXT_MAX = 4096,
};

struct lines {
	char **v;
	size_t n;
};

struct plugind_mock {
	struct plugind *p;
	struct tree *config;
	char state_dir[PATH_MAX];
	int64_t deadline_ms;
	uint64_t op; /* of the last command */

	bool has_outcome;
	uint64_t code;
	char text[TEXT_MAX + 1];
	struct lines errors;
	bool is_degraded;
	char degraded[TEXT_MAX + 1];
	struct lines published;
	struct lines called; /* by it */
	uint64_t *ops;       /* of these */
	size_t replied;      /* how many of these have a reply */
	char *returned;      /* by the last call to it, as JSON; NULL: none */
	uint64_t last_event; /* that was delivered */

	pthread_mutex_t lock; /* of what follows: logs come from any thread */
	struct lines log;
};

/* --- small things ------------------------------------------------------ */

/* The test is wrong, or out of memory: it cannot go on. */
static void
must(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "plugind_mock: %s: %s\n", what, strerror(-r));
	abort();
}

static void
add_line(
    struct lines *l, const char *before, const char *between, const char *after)
{
	char **v = reallocarray(l->v, l->n + 1, sizeof(*v));
	char *line = NULL;

	must(v == NULL ? -ENOMEM : 0, "a line");
	must(
	    asprintf(&line, "%s%s%s", before, between, after) < 0 ? -ENOMEM : 0,
	    "a line");
	l->v = v;
	l->v[l->n++] = line;
}

static void
clear_lines(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct lines){0};
}

/* --- what the plugin says ---------------------------------------------- */

static void
hear_errors(struct plugind_mock *m, struct frame *f)
{
	char path[TEXT_MAX];
	char text[TEXT_MAX];
	struct wire_cursor c;
	const void *data;
	uint32_t count, three;
	bool of_key;
	size_t len;

	if (frame_raw(f, &data, &len) != 0)
		return;
	wire_cursor_init(&c, data, len);
	if (wire_get_array(&c, &count) != 0)
		return;
	for (; count > 0; count--) {
		must(wire_get_array(&c, &three) ||
		             wire_get_cstr(&c, path, sizeof(path)) ||
		             wire_get_cstr(&c, text, sizeof(text)) ||
		             wire_get_bool(&c, &of_key)
		         ? -EBADMSG
		         : 0,
		    "an outcome");
		add_line(&m->errors, path, path[0] == '\0' ? "" : ": ", text);
	}
}

static void
hear_outcome(struct plugind_mock *m, struct frame *f)
{
	uint64_t op = 0;

	must(frame_uint(f, &op), "an outcome");
	if (op != m->op)
		return; /* of one that timed out */
	must(frame_uint(f, &m->code), "an outcome");
	must(frame_str(f, m->text, sizeof(m->text)), "an outcome");
	hear_errors(m, f);
	m->has_outcome = true;
}

static void
hear_status(struct plugind_mock *m, struct frame *f)
{
	uint64_t code = 0;

	must(frame_uint(f, &code), "a status");
	must(frame_str(f, m->degraded, sizeof(m->degraded)), "a status");
	m->is_degraded = code != OUTCOME_OK;
}

static void
put_json(struct buf *text, struct wire_cursor *c)
{
	struct json json;

	buf_init(text, COMMAND_MAX);
	json_init(&json, text, 0);
	must(json_wire(&json, c), "an object");
}

/* [topic, data, ...] */
static void
hear_event(struct plugind_mock *m, struct wire_cursor *c)
{
	char topic[TOPIC_MAX + 1];
	struct buf text;
	uint32_t n;

	must(wire_get_array(c, &n) || wire_get_cstr(c, topic, sizeof(topic))
	         ? -EBADMSG
	         : 0,
	    "an event");
	put_json(&text, c);
	add_line(&m->published, topic, " ", buf_cstr(&text));
	buf_fini(&text);
	for (; n > 2; n--)
		(void)wire_skip(c);
}

static void
hear_publish(struct plugind_mock *m, struct frame *f)
{
	struct wire_cursor c;
	const void *data;
	uint64_t time_ms;
	size_t len;
	uint32_t n;

	must(frame_uint(f, &time_ms), "events");
	must(frame_raw(f, &data, &len), "events"); /* its trace */
	must(frame_raw(f, &data, &len), "events"); /* again */
	must(frame_raw(f, &data, &len), "events");
	wire_cursor_init(&c, data, len);
	must(wire_get_array(&c, &n), "events");
	for (; n > 0; n--)
		hear_event(m, &c);
}

/* [op plugin method args ...], or [op]: one that is cancelled. */
static void
hear_call(struct plugind_mock *m, struct wire_cursor *c)
{
	char target[TEXT_MAX], method[TEXT_MAX], names[2 * TEXT_MAX + 2];
	struct buf text;
	uint64_t op = 0;
	uint32_t n;

	must(wire_get_array(c, &n) || wire_get_uint(c, &op), "a call");
	if (n == 1)
		return;
	must(wire_get_cstr(c, target, sizeof(target)) ||
	         wire_get_cstr(c, method, sizeof(method)),
	    "a call");
	put_json(&text, c);
	snprintf(names, sizeof(names), "%s %s", target, method);
	add_line(&m->called, names, " ", buf_cstr(&text));
	buf_fini(&text);
	for (; n > 4; n--)
		(void)wire_skip(c);
	m->ops = reallocarray(m->ops, m->called.n, sizeof(*m->ops));
	must(m->ops == NULL ? -ENOMEM : 0, "a call");
	m->ops[m->called.n - 1] = op;
}

/* [op status text data] of the one call that the mock makes. */
static void
hear_result(struct plugind_mock *m, struct wire_cursor *c)
{
	struct buf text;
	uint64_t op = 0;
	uint32_t n;

	must(wire_get_array(c, &n) || wire_get_uint(c, &op) ||
	         wire_get_uint(c, &m->code) ||
	         wire_get_cstr(c, m->text, sizeof(m->text)),
	    "a result");
	put_json(&text, c);
	if (op == m->op) {
		free(m->returned);
		m->returned = strdup(buf_cstr(&text));
		must(m->returned == NULL ? -ENOMEM : 0, "a result");
		m->has_outcome = true;
	}
	buf_fini(&text);
}

static void
hear_all(struct plugind_mock *m, struct frame *f,
    void (*fn)(struct plugind_mock *m, struct wire_cursor *c))
{
	struct wire_cursor c;
	uint32_t n;

	must(frame_next(f) ? 0 : -EBADMSG, "an array");
	c = f->args;
	must(wire_get_array(&c, &n), "an array");
	for (; n > 0; n--)
		fn(m, &c);
}

static void
hear_calls(struct plugind_mock *m, struct frame *f)
{
	hear_all(m, f, hear_call);
}

static void
hear_results(struct plugind_mock *m, struct frame *f)
{
	hear_all(m, f, hear_result);
}

static int
hear(void *arg, const void *data, size_t len)
{
	static const struct {
		unsigned type;
		void (*fn)(struct plugind_mock *m, struct frame *f);
	} hearers[] = {
	    {MSG_OUTCOME, hear_outcome},
	    {MSG_PLUGIN_STATUS, hear_status},
	    {MSG_PUBLISH, hear_publish},
	    {MSG_CALL, hear_calls},
	    {MSG_RESULT, hear_results},
	};
	struct plugind_mock *m = arg;
	struct frame f;

	must(frame_parse(data, len, &f), "a frame");
	for (size_t i = 0; i < sizeof(hearers) / sizeof(hearers[0]); i++) {
		if (hearers[i].type == f.type)
			hearers[i].fn(m, &f);
	}
	plugin_acknowledged(m->p, &f, FRAME_OK);
	return 0;
}

static void
hear_log(void *arg, enum plugind_level level, const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	struct plugind_mock *m = arg;

	pthread_mutex_lock(&m->lock);
	add_line(&m->log, names[level], ": ", text);
	pthread_mutex_unlock(&m->lock);
}

/* --- a mock ------------------------------------------------------------ */

struct plugind_mock *
plugind_mock_new(const struct plugind_descriptor *descriptor)
{
	struct plugind_mock *m = calloc(1, sizeof(*m));
	struct identity id = {.instance = 1, .generation = 1};
	struct plugind_descriptor d;
	char why[DESCRIPTOR_WHY_MAX];

	must(m == NULL ? -ENOMEM : 0, "a mock");
	if (descriptor_take(descriptor, &d, why) != 0) {
		fprintf(stderr, "plugind_mock: %s\n", why);
		free(m);
		errno = EINVAL;
		return NULL;
	}
	snprintf(id.name, sizeof(id.name), "%s", d.name);
	snprintf(id.state_dir, sizeof(id.state_dir), "/tmp");
	pthread_mutex_init(&m->lock, NULL);
	m->deadline_ms = DEADLINE_MS;
	plugind_mock_state_dir(m, id.state_dir);
	plugind_mock_clear(m);
	must(plugin_new(&d, &id, hear, m, &m->p), "a plugin");
	m->p->log = hear_log;
	m->p->log_arg = m;
	return m;
}

void
plugind_mock_free(struct plugind_mock *m)
{
	if (m == NULL)
		return;
	plugin_free(m->p);
	tree_free(m->config);
	clear_lines(&m->errors);
	clear_lines(&m->published);
	clear_lines(&m->called);
	free(m->ops);
	free(m->returned);
	clear_lines(&m->log);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct plugind *
plugind_mock_plugin(struct plugind_mock *m)
{
	return m->p;
}

void
plugind_mock_state_dir(struct plugind_mock *m, const char *directory)
{
	snprintf(m->state_dir, sizeof(m->state_dir), "%s", directory);
}

void
plugind_mock_deadline(struct plugind_mock *m, int64_t ms)
{
	m->deadline_ms = ms;
}

/* --- its configuration ------------------------------------------------- */

void
plugind_mock_set_string(
    struct plugind_mock *m, const char *path, const char *value)
{
	must(tree_set(m->config, path,
	         &(struct tree_value){WIRE_STR, {.text = value}}),
	    path);
}

void
plugind_mock_set_int(struct plugind_mock *m, const char *path, int64_t value)
{
	must(tree_set(m->config, path,
	         &(struct tree_value){WIRE_INT, {.number = value}}),
	    path);
}

void
plugind_mock_set_bool(struct plugind_mock *m, const char *path, bool value)
{
	must(tree_set(m->config, path,
	         &(struct tree_value){WIRE_BOOL, {.truth = value}}),
	    path);
}

void
plugind_mock_set_double(struct plugind_mock *m, const char *path, double value)
{
	must(tree_set(m->config, path,
	         &(struct tree_value){WIRE_DOUBLE, {.fraction = value}}),
	    path);
}

void
plugind_mock_set_null(struct plugind_mock *m, const char *path)
{
	must(tree_set(m->config, path, &(struct tree_value){.type = WIRE_NIL}),
	    path);
}

void
plugind_mock_clear(struct plugind_mock *m)
{
	tree_free(m->config);
	m->config = tree_new();
	must(m->config == NULL ? -ENOMEM : 0, "a configuration");
}

/* --- commands ---------------------------------------------------------- */

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	bool *is_over = arg;

	(void)fd;
	(void)what;
	*is_over = true;
}

/* Turns the loop until `*until` (NULL: never), the plugin's end, or `ms`. */
static void
turn(struct plugind_mock *m, const bool *until, int64_t ms)
{
	const struct timeval after = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	bool is_over = false;
	struct event *e = event_new(m->p->base, -1, 0, on_time, &is_over);

	must(e == NULL || event_add(e, &after) != 0 ? -ENOMEM : 0, "a timer");
	while ((until == NULL || !*until) && !m->p->ended && !is_over)
		event_base_loop(m->p->base, EVLOOP_ONCE);
	event_free(e);
}

static void
put_arguments(struct plugind_mock *m, unsigned type, struct buf *b)
{
	wire_put_uint(b, m->op);
	if (type == MSG_INITIALIZE || type == MSG_CONFIGURE)
		tree_put(m->config, b);
	if (type == MSG_INITIALIZE)
		wire_put_str(b, m->state_dir);
	if (type == MSG_PLUGIN_STOP)
		wire_put_uint(b, (uint64_t)m->deadline_ms);
}

/* The code of the answer; the command was run if it is FRAME_OK. */
static uint64_t
give(struct plugind_mock *m, const struct buf *frame)
{
	struct command command;
	struct buf answer;
	struct frame f;
	uint64_t code = 0;

	buf_init(&answer, COMMAND_MAX);
	command_read(m->p, frame->data, frame->len, &command, &answer);
	must(frame_parse(answer.data, answer.len, &f), "an answer");
	must(frame_uint(&f, &code), "an answer");
	buf_fini(&answer);
	command_run(m->p, &command);
	return code;
}

static enum plugind_mock_result
ask(struct plugind_mock *m, unsigned type, uint32_t nargs)
{
	static const enum plugind_mock_result results[FRAME_OUTCOME__COUNT] = {
	    [OUTCOME_OK] = PLUGIND_MOCK_OK,
	    [OUTCOME_FAILED] = PLUGIND_MOCK_FAILED,
	    [OUTCOME_DEGRADED] = PLUGIND_MOCK_DEGRADED,
	    [OUTCOME_CONFIG] = PLUGIND_MOCK_CONFIG,
	};
	struct buf b;
	uint64_t code;

	if (m->p->ended)
		return PLUGIND_MOCK_EXITED;
	m->op++;
	m->has_outcome = false;
	m->text[0] = '\0';
	clear_lines(&m->errors);
	buf_init(&b, COMMAND_MAX);
	frame_put(&b, type, m->op, nargs);
	put_arguments(m, type, &b);
	must(buf_error(&b), "a command");
	code = give(m, &b);
	buf_fini(&b);
	if (code != FRAME_OK)
		return PLUGIND_MOCK_BUSY;
	turn(m, &m->has_outcome, m->deadline_ms);
	if (m->has_outcome)
		return results[m->code];
	return m->p->ended ? PLUGIND_MOCK_EXITED : PLUGIND_MOCK_TIMEOUT;
}

enum plugind_mock_result
plugind_mock_initialize(struct plugind_mock *m)
{
	return ask(m, MSG_INITIALIZE, 3);
}

enum plugind_mock_result
plugind_mock_start(struct plugind_mock *m)
{
	return ask(m, MSG_PLUGIN_START, 1);
}

enum plugind_mock_result
plugind_mock_health(struct plugind_mock *m)
{
	return ask(m, MSG_HEALTH, 1);
}

enum plugind_mock_result
plugind_mock_configure(struct plugind_mock *m)
{
	return ask(m, MSG_CONFIGURE, 2);
}

enum plugind_mock_result
plugind_mock_stop(struct plugind_mock *m)
{
	return ask(m, MSG_PLUGIN_STOP, 2);
}

void
plugind_mock_run(struct plugind_mock *m, int64_t ms)
{
	turn(m, NULL, ms);
}

/* --- looking ----------------------------------------------------------- */

const char *
plugind_mock_text(struct plugind_mock *m)
{
	return m->text;
}

size_t
plugind_mock_config_errors(struct plugind_mock *m)
{
	return m->errors.n;
}

const char *
plugind_mock_config_error(struct plugind_mock *m, size_t i)
{
	return i < m->errors.n ? m->errors.v[i] : NULL;
}

const char *
plugind_mock_degraded(struct plugind_mock *m)
{
	return m->is_degraded ? m->degraded : NULL;
}

size_t
plugind_mock_log_lines(struct plugind_mock *m)
{
	size_t n;

	pthread_mutex_lock(&m->lock);
	n = m->log.n;
	pthread_mutex_unlock(&m->lock);
	return n;
}

const char *
plugind_mock_log_line(struct plugind_mock *m, size_t i)
{
	const char *line = NULL;

	pthread_mutex_lock(&m->lock);
	if (i < m->log.n)
		line = m->log.v[i];
	pthread_mutex_unlock(&m->lock);
	return line;
}

bool
plugind_mock_logged(struct plugind_mock *m, const char *part)
{
	bool found = false;

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->log.n && !found; i++)
		found = strstr(m->log.v[i], part) != NULL;
	pthread_mutex_unlock(&m->lock);
	return found;
}

/* --- events ------------------------------------------------------------ */

void
plugind_mock_event(
    struct plugind_mock *m, const char *topic, const struct plugind_writer *w)
{
	struct buf b;

	buf_init(&b, 2 * COMMAND_MAX);
	frame_put(&b, MSG_EVENTS, ++m->last_event, 2);
	wire_put_str(&b, "mock");
	wire_put_array(&b, 2);
	wire_put_array(&b, 1);
	wire_put_uint(&b, UINT64_MAX); /* nothing was before */
	wire_put_array(&b, 6);
	wire_put_str(&b, "mock");
	wire_put_uint(&b, (uint64_t)clock_real_ms());
	wire_put_uint(&b, m->last_event);
	wire_put_nil(&b);
	wire_put_bool(&b, false);
	wire_put_array(&b, 1);
	wire_put_array(&b, 2);
	wire_put_str(&b, topic);
	if (w != NULL)
		wire_put_raw(&b, w->bytes.data, w->bytes.len);
	else
		wire_put_nil(&b);
	must(buf_error(&b), "an event");
	must(subscribe_take(&m->p->subscribe, b.data, b.len) ? 0 : -EBADMSG,
	    "an event: one whole object is its data");
	buf_fini(&b);
}

size_t
plugind_mock_published(struct plugind_mock *m)
{
	return m->published.n;
}

const char *
plugind_mock_published_line(struct plugind_mock *m, size_t i)
{
	return i < m->published.n ? m->published.v[i] : NULL;
}

static void
put_object(struct buf *b, const struct plugind_writer *w)
{
	if (w != NULL)
		wire_put_raw(b, w->bytes.data, w->bytes.len);
	else
		wire_put_nil(b);
}

enum plugind_mock_result
plugind_mock_call(struct plugind_mock *m, const char *method,
    const struct plugind_writer *args)
{
	struct wire_cursor c;
	struct buf b;

	if (m->p->ended)
		return PLUGIND_MOCK_EXITED;
	m->op++;
	m->has_outcome = false;
	m->text[0] = '\0';
	buf_init(&b, 2 * COMMAND_MAX);
	wire_put_array(&b, 1);
	wire_put_array(&b, 6);
	wire_put_uint(&b, m->op);
	wire_put_str(&b, "mock");
	wire_put_str(&b, method);
	put_object(&b, args);
	wire_put_uint(&b, (uint64_t)m->deadline_ms);
	wire_put_nil(&b);
	must(buf_error(&b), "a call");
	must(wire_validate(b.data, b.len, WIRE_MAX_DEPTH),
	    "a call: its arguments are one whole object");
	wire_cursor_init(&c, b.data, b.len);
	must(serve_take_calls(&m->p->serve, c) ? 0 : -EBADMSG, "a call");
	buf_fini(&b);
	turn(m, &m->has_outcome, m->deadline_ms);
	if (m->has_outcome)
		return m->code == 0 ? PLUGIND_MOCK_OK : PLUGIND_MOCK_FAILED;
	return m->p->ended ? PLUGIND_MOCK_EXITED : PLUGIND_MOCK_TIMEOUT;
}

const char *
plugind_mock_returned(struct plugind_mock *m)
{
	return m->returned == NULL ? "null" : m->returned;
}

size_t
plugind_mock_called(struct plugind_mock *m)
{
	return m->called.n;
}

const char *
plugind_mock_called_line(struct plugind_mock *m, size_t i)
{
	return i < m->called.n ? m->called.v[i] : NULL;
}

bool
plugind_mock_reply(struct plugind_mock *m, enum plugind_status status,
    const char *text, const struct plugind_writer *data)
{
	struct wire_cursor c;
	struct buf b;

	if (m->replied == m->called.n)
		return false;
	buf_init(&b, 2 * COMMAND_MAX);
	wire_put_array(&b, 1);
	wire_put_array(&b, 4);
	wire_put_uint(&b, m->ops[m->replied++]);
	wire_put_uint(&b, status);
	wire_put_str(&b, text);
	put_object(&b, data);
	must(buf_error(&b), "a reply");
	must(wire_validate(b.data, b.len, WIRE_MAX_DEPTH),
	    "a reply: its data is one whole object");
	wire_cursor_init(&c, b.data, b.len);
	must(calls_take_returns(&m->p->calls, c) ? 0 : -EBADMSG, "a reply");
	buf_fini(&b);
	return true;
}

int
plugind_mock_exit_status(struct plugind_mock *m)
{
	return m->p->ended ? m->p->exit_status : -1;
}
