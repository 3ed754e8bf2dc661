/*
 * command: see command.h. The one file that calls the plugin's five callbacks.
 *
 * A table says in which phase a command is in order and which one follows. A
 * command out of order, or one that the plugin fails, is a failed outcome;
 * only what is no command at all is a fault of the frame. Must never wait,
 * and never free anything that a callback up the stack may still use.
 */
#include "command.h"

#include "config.h"

#include "common/clock.h"
#include "common/msgs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HAS_CONFIG = 1, HAS_STATE_DIR = 2, HAS_DEADLINE = 4 };

/* What a deadline is cut to: a year. */
#define DEADLINE_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)

typedef void run_fn(struct plugind *p, const struct command *c);

static run_fn run_initialize;
static run_fn run_start;
static run_fn run_stop;
static run_fn run_configure;
static run_fn run_health;

struct command_row {
	unsigned type;
	const char *name;
	unsigned arguments; /* HAS_* */
	unsigned phases;    /* in which it may come, as bits */
	enum plugin_phase if_ok;
	enum plugin_phase if_failed;
	run_fn *run;
};

#define IN(phase) (1U << PHASE_##phase)
#define ANY (~0U)

/* clang-format off */
static const struct command_row rows[] = {
	{MSG_INITIALIZE, "initialize", HAS_CONFIG | HAS_STATE_DIR,
	    IN(NEW), PHASE_INITIALIZED, PHASE_FAILED, run_initialize},
	{MSG_PLUGIN_START, "start", 0,
	    IN(INITIALIZED), PHASE_RUNNING, PHASE_FAILED, run_start},
	{MSG_CONFIGURE, "configure", HAS_CONFIG,
	    IN(RUNNING), PHASE_RUNNING, PHASE_RUNNING, run_configure},
	{MSG_PLUGIN_STOP, "stop", HAS_DEADLINE,
	    ANY, PHASE_STOPPING, PHASE_STOPPING, run_stop},
	{MSG_HEALTH, "health", 0,
	    IN(RUNNING), PHASE_RUNNING, PHASE_RUNNING, run_health},
};
/* clang-format on */

static const char *const phase_names[PHASE__COUNT] = {
    [PHASE_NEW] = "not initialized",
    [PHASE_INITIALIZED] = "initialized, but not started",
    [PHASE_RUNNING] = "running",
    [PHASE_FAILED] = "failed",
    [PHASE_STOPPING] = "stopping",
};

static const struct command_row *
find_row(uint64_t type)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].type == type)
			return &rows[i];
	}
	return NULL;
}

/* --- outcomes ---------------------------------------------------------- */

/* `errors`, or NULL: none. */
static int
post(struct plugind *p, const struct plugin_command *k, unsigned code,
    const char *text, const struct config *errors)
{
	enum outbox_slot slot = k == &p->health ? OUTBOX_HEALTH : OUTBOX_LIFE;
	struct buf *b = outbox_begin(&p->outbox, slot, MSG_OUTCOME, 4);

	wire_put_uint(b, k->op);
	wire_put_uint(b, code);
	wire_put_str(b, text);
	if (errors != NULL)
		config_put_errors(errors, b);
	else
		wire_put_nil(b);
	return outbox_post(&p->outbox, slot);
}

static void
post_outcome(struct plugind *p, const struct plugin_command *k, unsigned code,
    const char *text, const struct config *errors)
{
	/* Nobody has sent this command, nobody waits for its outcome. */
	if (k->op == 0)
		return;
	if (post(p, k, code, text, errors) != 0)
		post(p, k, OUTCOME_FAILED, "out of memory", NULL);
}

static void set_text(char *out, const char *fmt, ...) PLUGIND_PRINTF(2, 3);

static void
set_text(char *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	plugin_set_text(out, fmt, ap);
	va_end(ap);
}

/* A reason there must be. */
static void
explain_failure(struct plugin_command *k, int result)
{
	const char *name = find_row(k->type)->name;

	if (result >= 0)
		set_text(k->text,
		    "%s ended with %d, which plugind.h does not allow there",
		    name, result);
	else if (k->text[0] == '\0' && result == PLUGIND_FAILED)
		set_text(k->text, "%s failed and gave no reason", name);
	else if (k->text[0] == '\0')
		/* INT_MIN has no opposite. */
		set_text(k->text, "%s failed: %s", name,
		    strerror((int)-(unsigned)result));
}

/* --- one command, from its beginning to its outcome -------------------- */

static void
begin(struct plugin_command *k, const struct command *c)
{
	*k = (struct plugin_command){
	    .type = c->row->type, .op = c->op, .unfinished = true};
}

/* Out of order, or asked too much: nothing was run, nothing changes. */
static void
refuse(struct plugind *p, struct plugin_command *k, const char *why)
{
	k->unfinished = false;
	k->result = PLUGIND_FAILED;
	set_text(k->text, "%s", why);
	post_outcome(p, k, OUTCOME_FAILED, k->text, NULL);
}

static void
enter_phase(struct plugind *p, const struct plugin_command *k, bool ok)
{
	const struct command_row *row = find_row(k->type);

	p->phase = ok ? row->if_ok : row->if_failed;
	if (row->type == MSG_INITIALIZE && !ok)
		p->opened = false;
	if (row->type == MSG_PLUGIN_STOP)
		plugin_leave(
		    p, ok ? PLUGIND_EXIT_STOPPED : PLUGIND_EXIT_FAILURE);
	if (p->host != NULL)
		p->host->advanced(p);
}

/* In front of the outcome: who depends on this plugin starts with that, and may
 * call at once. */
static void
offer_methods(struct plugind *p)
{
	p->phase = PHASE_RUNNING;
	serve_announce(&p->serve, true);
}

static void
finish(struct plugind *p, struct plugin_command *k, int result)
{
	bool ok = result == PLUGIND_OK;

	k->unfinished = false;
	k->result = result;
	if (!ok)
		explain_failure(k, result);
	if (ok && k->type == MSG_PLUGIN_START)
		offer_methods(p);
	post_outcome(
	    p, k, ok ? OUTCOME_OK : OUTCOME_FAILED, ok ? "" : k->text, NULL);
	enter_phase(p, k, ok);
}

static void
finish_bad_config(
    struct plugind *p, struct plugin_command *k, const struct config *config)
{
	k->unfinished = false;
	k->result = PLUGIND_FAILED;
	config_summary(config, k->text, sizeof(k->text));
	post_outcome(p, k, OUTCOME_CONFIG, k->text, config);
	enter_phase(p, k, false);
}

/* Its callback has returned. */
static void
returned(struct plugind *p, struct plugin_command *k, int result)
{
	k->returned = true;
	if (result == PLUGIND_LATER && k->done_early)
		result = k->early_result;
	else if (result == PLUGIND_LATER)
		return;
	finish(p, k, result);
}

void
plugind_done(struct plugind *p, int result)
{
	struct plugin_command *k = &p->life;

	if (!k->unfinished) {
		plugind_log(p, PLUGIND_WARN,
		    "plugind_done was called, but nothing is unfinished");
	} else if (!k->returned) {
		k->done_early = true;
		k->early_result = result;
	} else {
		finish(p, k, result);
	}
}

/* --- the five ---------------------------------------------------------- */

static void
run_with_config(
    struct plugind *p, const struct command *c, plugind_initialize_fn *fn)
{
	struct plugin_command *k = &p->life;
	struct config *config;
	int result;

	if (config_new(&c->config, &config) != 0) {
		finish(p, k, -ENOMEM);
		return;
	}
	result = fn == NULL ? PLUGIND_OK : fn(p, config_top(config));
	if (config_is_short_of_memory(config))
		finish(p, k, -ENOMEM);
	else if (config_has_errors(config))
		finish_bad_config(p, k, config);
	else
		returned(p, k, result);
	config_free(config);
}

static void
run_initialize(struct plugind *p, const struct command *c)
{
	p->opened = true;
	if (c->state_dir[0] != '\0')
		memcpy(p->identity.state_dir, c->state_dir,
		    sizeof(p->identity.state_dir));
	run_with_config(p, c, p->descriptor.initialize);
}

static void
run_start(struct plugind *p, const struct command *c)
{
	plugind_start_fn *fn = p->descriptor.start;

	(void)c;
	returned(p, &p->life, fn == NULL ? PLUGIND_OK : fn(p));
}

static void
run_configure(struct plugind *p, const struct command *c)
{
	if (p->descriptor.configure == NULL)
		refuse(p, &p->life,
		    "this plugin takes no new configuration while it runs: "
		    "restart it");
	else
		run_with_config(p, c, p->descriptor.configure);
}

static void
run_stop(struct plugind *p, const struct command *c)
{
	plugind_stop_fn *fn = p->opened ? p->descriptor.stop : NULL;

	serve_withdraw(&p->serve);
	p->phase = PHASE_STOPPING;
	if (c->deadline_ms >= 0)
		p->stop_at_ms = clock_mono_ms() + c->deadline_ms;
	returned(p, &p->life, fn == NULL ? PLUGIND_OK : fn(p));
}

static void
run_health(struct plugind *p, const struct command *c)
{
	plugind_health_fn *fn = p->descriptor.health;
	struct plugin_command *k = &p->health;
	int result;

	(void)c;
	p->in_health = true;
	result = fn == NULL ? PLUGIND_OK : fn(p);
	p->in_health = false;
	k->unfinished = false;
	if (result == PLUGIND_OK && p->degraded != NULL)
		post_outcome(p, k, OUTCOME_DEGRADED, p->degraded, NULL);
	else if (result == PLUGIND_OK)
		post_outcome(p, k, OUTCOME_OK, "", NULL);
	else if (result == PLUGIND_DEGRADED)
		post_outcome(p, k, OUTCOME_DEGRADED, k->text, NULL);
	else {
		explain_failure(k, result);
		post_outcome(p, k, OUTCOME_FAILED, k->text, NULL);
	}
}

/* --- what comes in ----------------------------------------------------- */

/* Another stop, while one is under way or over: it answers for both. */
static void
adopt_stop(struct plugind *p, const struct command *c)
{
	struct plugin_command *k = &p->life;
	bool ok = k->result == PLUGIND_OK;

	k->op = c->op;
	if (!k->unfinished)
		post_outcome(p, k, ok ? OUTCOME_OK : OUTCOME_FAILED,
		    ok ? "" : k->text, NULL);
}

static void
run_in_order(
    struct plugind *p, struct plugin_command *k, const struct command *c)
{
	char why[128];

	begin(k, c);
	if (c->row->phases & (1U << p->phase)) {
		c->row->run(p, c);
		return;
	}
	snprintf(why, sizeof(why), "%s came out of order: the plugin is %s",
	    c->row->name, phase_names[p->phase]);
	refuse(p, k, why);
}

void
command_run(struct plugind *p, const struct command *c)
{
	bool is_health, is_stop;
	struct plugin_command *k;

	if (c->row == NULL)
		return;
	is_health = c->row->type == MSG_HEALTH;
	is_stop = c->row->type == MSG_PLUGIN_STOP;
	k = is_health ? &p->health : &p->life;
	if (k->type != 0 && k->op == c->op) {
		if (!k->unfinished)
			outbox_repeat(&p->outbox,
			    is_health ? OUTBOX_HEALTH : OUTBOX_LIFE);
	} else if (is_stop && p->phase == PHASE_STOPPING) {
		adopt_stop(p, c);
	} else if (!p->leaving) {
		run_in_order(p, k, c);
	}
}

void
command_stop(struct plugind *p)
{
	const struct command c = {
	    .row = find_row(MSG_PLUGIN_STOP), .op = 0, .deadline_ms = -1};

	if (p->phase != PHASE_STOPPING && !p->leaving)
		run_in_order(p, &p->life, &c);
}

void
command_advance(struct plugind *p, unsigned type)
{
	const struct command c = {.row = find_row(type), .deadline_ms = -1};

	if (!p->leaving)
		run_in_order(p, &p->life, &c);
}

/* A reader's error as a code: absent is fine, wrong is not. */
static int
read_config(struct frame *f, struct command *c)
{
	const void *data;
	size_t len;
	int r = frame_raw(f, &data, &len);

	if (r != 0)
		return r == -ENODATA ? 0 : r;
	wire_cursor_init(&c->config, data, len);
	if (wire_peek(&c->config) == WIRE_NIL)
		c->config = (struct wire_cursor){0};
	else if (wire_peek(&c->config) != WIRE_MAP)
		return -EBADMSG;
	return 0;
}

static int
read_deadline(struct frame *f, struct command *c)
{
	uint64_t ms;
	int r = frame_uint(f, &ms);

	if (r != 0)
		return r == -ENODATA ? 0 : r;
	c->deadline_ms = ms < DEADLINE_MAX_MS ? (int64_t)ms : DEADLINE_MAX_MS;
	return 0;
}

static int
read_arguments(struct frame *f, struct command *c)
{
	unsigned has = c->row->arguments;
	int r = frame_uint(f, &c->op);

	if (r == 0 && c->op == 0)
		r = -EBADMSG;
	if (r == 0 && (has & HAS_CONFIG))
		r = read_config(f, c);
	if (r == 0 && (has & HAS_STATE_DIR))
		r = frame_str(f, c->state_dir, sizeof(c->state_dir));
	else if (r == 0 && (has & HAS_DEADLINE))
		r = read_deadline(f, c);
	return r == -ENODATA && c->op != 0 ? 0 : r;
}

static void
put_answer(struct buf *answer, const struct frame *f, enum frame_code code,
    const char *sentence)
{
	frame_put(answer, (unsigned)f->type, f->id, sentence == NULL ? 1 : 2);
	wire_put_uint(answer, code);
	if (sentence != NULL)
		wire_put_str(answer, sentence);
}

static bool
is_busy(const struct plugind *p, const struct command *c)
{
	return p->life.unfinished && p->life.op != c->op &&
	       c->row->type != MSG_HEALTH && c->row->type != MSG_PLUGIN_STOP;
}

void
command_read(struct plugind *p, const void *data, size_t len,
    struct command *ret, struct buf *answer)
{
	struct command c = {.deadline_ms = -1};
	struct frame f;

	*ret = c;
	if (frame_parse(data, len, &f) != 0 || f.type > UINT32_MAX)
		return;
	c.row = find_row(f.type);
	if (c.row == NULL) {
		put_answer(answer, &f, FRAME_UNKNOWN_TYPE,
		    "this libplugind does not know such a command");
	} else if (read_arguments(&f, &c) != 0) {
		put_answer(answer, &f, FRAME_MALFORMED,
		    "the arguments are not those of this command");
	} else if (is_busy(p, &c)) {
		put_answer(answer, &f, FRAME_BUSY,
		    "the command before this one is unfinished");
	} else {
		put_answer(answer, &f, FRAME_OK, NULL);
		*ret = c;
	}
}
