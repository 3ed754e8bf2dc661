/*
 * managed: see managed.h. Owns struct managed, one a row.
 *
 * Must never: believe a message about an incarnation that is not the present
 * one, have two commands under way in one plugin, or take silence of the
 * router for silence of a plugin.
 */
#include "managed.h"

#include "health.h"
#include "lifecycle.h"
#include "managedsay.h"
#include "prepare.h"
#include "router.h"
#include "sockdir.h"

#include "common/clock.h"
#include "common/escape.h"
#include "common/log.h"
#include "common/msgs.h"
#include "common/units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	SLOT_BITS = 14, /* of a serial: where to find who has it */
	SLOTS = 1 << SLOT_BITS,
	TEXT_MAX = 4096 + 1, /* the router lets no more pass */
	COMPLAINTS_MAX = 32, /* as many as the SDK keeps */
};

_Static_assert(SLOTS > (int)CONFIG_INSTANCES_MAX, "one a row");

/* A message of the router finds its row at once, however many there are. */
static struct managed *slots[SLOTS];
static uint64_t last_serial; /* without the slot */
static uint64_t last_op;

/* --- an incarnation ---------------------------------------------------- */

static void
begin_command(struct managed *m, enum msg_type type)
{
	m->command = type;
	m->op = ++last_op;
	say_command(m, type);
}

static struct managed *
make(struct row *row)
{
	struct managed *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->row = row;
	/* Removed rows may still have theirs: none is left, so none is made. */
	while (m->slot < SLOTS && slots[m->slot] != NULL)
		m->slot++;
	if (m->slot == SLOTS) {
		free(m);
		return NULL;
	}
	slots[m->slot] = m;
	return m;
}

int
managed_prepare(struct row *row, uid_t uid, gid_t gid)
{
	if (row->managed == NULL)
		row->managed = make(row);
	if (row->managed == NULL)
		return -ENOMEM;
	row->managed->uid = uid;
	row->managed->gid = gid;
	return 0;
}

void
managed_free(struct row *row)
{
	if (row->managed == NULL)
		return;
	managed_end(row);
	slots[row->managed->slot] = NULL;
	free(row->managed);
	row->managed = NULL;
}

/* The cookie in a pipe: the process reads it once. */
static int
make_gift(const uint8_t cookie[PEERSAY_COOKIE], int *ret)
{
	int fds[2];
	int r = 0;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	if (write(fds[1], cookie, PEERSAY_COOKIE) != PEERSAY_COOKIE)
		r = -errno;
	close(fds[1]);
	if (r == 0)
		*ret = fds[0];
	else
		close(fds[0]);
	return r;
}

static void
forget_incarnation(struct managed *m)
{
	m->up = false;
	m->greeted = false;
	m->can_configure = false;
	m->has_refused = false;
	m->version[0] = '\0';
	m->command = 0;
	m->health_op = 0;
}

int
managed_begin(struct row *row, int *ret_gift)
{
	struct managed *m = row->managed;
	int r;

	forget_incarnation(m);
	m->last_words[0] = '\0';
	snprintf(m->dir, sizeof(m->dir), "%s%llu", row->image.sockets,
	    (unsigned long long)row->generation + 1);
	if (getrandom(m->cookie, sizeof(m->cookie), 0) != sizeof(m->cookie))
		return -errno;
	r = sockdir_make(m->dir, prepare_router_uid(), m->gid);
	if (r != 0)
		return r;
	r = make_gift(m->cookie, ret_gift);
	if (r != 0) {
		sockdir_remove(m->dir);
		return r;
	}
	m->serial = ++last_serial << SLOT_BITS | m->slot;
	say_attach(m);
	say_policy(m);
	return 0;
}

void
managed_spawned(struct row *row)
{
	say_spawned(row->managed);
	/* Whether it works is asked when this one is not ready in time. */
	router_poke();
}

void
managed_end(struct row *row)
{
	struct managed *m = row->managed;

	if (m->serial == 0)
		return;
	say_detach(m);
	m->serial = 0;
	sockdir_remove(m->dir);
	m->dir[0] = '\0';
	forget_incarnation(m);
}

/* --- commands ---------------------------------------------------------- */

void
managed_start(struct row *row)
{
	begin_command(row->managed, MSG_PLUGIN_START);
	lifecycle_post(row, EVENT_EXECED);
}

bool
managed_stop(struct row *row)
{
	struct managed *m = row->managed;

	if (!m->greeted)
		return false;
	/* Without a link it is kept: the router is back soon. */
	begin_command(m, MSG_PLUGIN_STOP);
	return true;
}

bool
managed_can_reconfigure(const struct row *row)
{
	const struct managed *m = row->managed;

	return m != NULL && row->state == STATE_RUNNING && m->can_configure &&
	       m->command == 0;
}

bool
managed_reconfigure(struct row *row)
{
	if (!managed_can_reconfigure(row))
		return false;
	begin_command(row->managed, MSG_CONFIGURE);
	lifecycle_limit(row, row->conf->start_timeout_ms);
	return true;
}

void
managed_rights_changed(const struct row *row)
{
	if (row->managed != NULL && row->managed->serial != 0)
		say_policy(row->managed);
}

bool
managed_is_configuring(const struct row *row)
{
	return row->managed != NULL && row->managed->command == MSG_CONFIGURE;
}

void
managed_late(struct row *row)
{
	char limit[32];

	if (!managed_is_configuring(row))
		return;
	if (!row->managed->up) {
		/* It may have said so, to a router that is no more. */
		lifecycle_limit(row, row->conf->start_timeout_ms);
		return;
	}
	log_warn(row->name,
	    "configure has not ended within start_timeout (%s): it is "
	    "restarted to take its new configuration",
	    units_format_duration(
	        row->conf->start_timeout_ms, limit, sizeof(limit)));
	lifecycle_restart(row, STOP_CONFIG);
}

void
managed_ask_health(struct row *row)
{
	struct managed *m = row->managed;

	m->health_op = ++last_op;
	say_command(m, MSG_HEALTH);
	router_poke();
}

bool
managed_is_to_blame(const struct row *row, int64_t since_ms)
{
	struct managed *m = row->managed;
	int64_t now_ms = clock_mono_ms();

	/* One that misses often is one that misses. */
	if (now_ms - m->missed_ms > ROUTER_SILENCE_MS) {
		m->missed_ms = now_ms;
		router_note_miss(managed_links());
	}
	if (!router_answered_since(since_ms))
		return false;
	/* A question that had to wait for the link is not late yet. */
	return m->up ? m->up_ms <= since_ms
	             : router_age_ms() > ROUTER_SETTLE_MS;
}

void
managed_hear(struct row *row, const char *line, size_t len)
{
	struct managed *m = row->managed;

	if (m != NULL && len > 0)
		escape_text(
		    m->last_words, sizeof(m->last_words), line, len, NULL);
}

const char *
managed_last_words(const struct row *row)
{
	return row->managed != NULL && !row->was_ready
	           ? row->managed->last_words
	           : "";
}

/* --- outcomes ---------------------------------------------------------- */

/* Ends a plugin that runs: `last_error` says why. */
static void
give_up(struct row *row, enum stop_reason reason)
{
	if (row->state == STATE_STOPPING)
		return;
	log_warn(row->name, "%s", row->last_error);
	row->stop_reason = reason;
	lifecycle_post(
	    row, row->state == STATE_RUNNING ? EVENT_UNHEALTHY : EVENT_TIMEOUT);
}

static void
set_error(struct row *row, const char *what, const char *text)
{
	char clean[ROW_TEXT_MAX];

	escape_text(clean, sizeof(clean), text, strlen(text), NULL);
	snprintf(
	    row->last_error, sizeof(row->last_error), "%s%.130s", what, clean);
}

struct complaint {
	char path[128];
	char text[TEXT_MAX];
	bool is_of_key;
};

/* [path, text, is_of_key]; false: it is no such thing. */
static bool
read_complaint(struct wire_cursor *c, struct complaint *ret)
{
	uint32_t n = 0;

	ret->is_of_key = false;
	if (wire_get_array(c, &n) != 0 || n < 2 ||
	    wire_get_cstr(c, ret->path, sizeof(ret->path)) != 0 ||
	    wire_get_cstr(c, ret->text, sizeof(ret->text)) != 0)
		return false;
	if (n > 2 && wire_peek(c) == WIRE_BOOL) {
		(void)wire_get_bool(c, &ret->is_of_key);
		n--;
	}
	for (; n > 2; n--)
		(void)wire_skip(c);
	return true;
}

/* With its place in the file. */
static void
format_complaint(
    const struct row *row, const struct complaint *k, char *out, size_t cap)
{
	char where[TEXT_MAX + PATH_MAX];
	struct conf_mark mark = {
	    (uint32_t)row->conf->loc.line, (uint32_t)row->conf->loc.column};

	(void)plugin_conf_mark(row->conf, k->path, k->is_of_key, &mark);
	snprintf(where, sizeof(where), "%s:%d:%d: config%s%s: %s",
	    row->conf->loc.file, (int)mark.line, (int)mark.column,
	    k->path[0] != '\0' ? "." : "", k->path, k->text);
	escape_text(out, cap, where, strlen(where), NULL);
}

/* The first of them; where there are more, each is in the log. */
static void
set_config_error(struct row *row, const void *data, size_t len)
{
	struct complaint k = {.path = "", .text = "refused"};
	struct wire_cursor c;
	char line[ROW_TEXT_MAX];
	uint32_t n = 0;

	wire_cursor_init(&c, data, len);
	(void)wire_get_array(&c, &n);
	if (n == 0 || !read_complaint(&c, &k))
		n = 1;
	if (n == 1) {
		format_complaint(
		    row, &k, row->last_error, sizeof(row->last_error));
		return;
	}
	format_complaint(row, &k, line, sizeof(line));
	snprintf(row->last_error, sizeof(row->last_error),
	    "%.*s (and %u more, see the log)", ROW_TEXT_MAX - 40, line, n - 1);
	for (uint32_t i = 0; i < n && i < COMPLAINTS_MAX; i++) {
		format_complaint(row, &k, line, sizeof(line));
		log_error(row->name, "%s", line);
		if (!read_complaint(&c, &k))
			return;
	}
}

struct outcome {
	uint64_t code;
	char text[TEXT_MAX];
	const void *data;
	size_t len;
};

static void
keep_failure(struct row *row, const char *verb, const struct outcome *o)
{
	size_t len = strlen(verb);
	char what[64];

	if (o->code == OUTCOME_CONFIG) {
		set_config_error(row, o->data, o->len);
		return;
	}
	snprintf(what, sizeof(what), "%s failed: ", verb);
	/* Where the plugin gave no words, the library says the same. */
	if (strncmp(o->text, verb, len) == 0 && o->text[len] == ' ')
		what[0] = '\0';
	set_error(row, what, o->text[0] != '\0' ? o->text : "no reason given");
}

static void
end_initialize(struct row *row, const struct outcome *o)
{
	if (row->state != STATE_INITIALIZING)
		return;
	if (o->code == OUTCOME_OK) {
		lifecycle_post(row, EVENT_INITIALIZED);
		return;
	}
	keep_failure(row, "initialize", o);
	/* The same file would be refused again. */
	give_up(
	    row, o->code == OUTCOME_CONFIG ? STOP_REFUSED : STOP_START_FAILED);
}

static void
end_start(struct row *row, const struct outcome *o)
{
	if (row->state != STATE_STARTING)
		return;
	if (o->code == OUTCOME_OK) {
		lifecycle_post(row, EVENT_READY);
		return;
	}
	keep_failure(row, "start", o);
	give_up(row, STOP_START_FAILED);
}

/* Its exit follows, or its deadline. */
static void
end_stop(struct row *row, const struct outcome *o)
{
	char why[ROW_TEXT_MAX];

	if (o->code == OUTCOME_OK)
		return;
	memcpy(why, row->last_error, sizeof(why));
	keep_failure(row, "stop", o);
	log_warn(row->name, "%s", row->last_error);
	/* Why it is stopped at all says more. */
	if (stop_reason_is_failure(row->stop_reason))
		memcpy(row->last_error, why, sizeof(why));
}

static void
end_configure(struct row *row, const struct outcome *o)
{
	row->managed->has_refused = o->code != OUTCOME_OK;
	if (o->code == OUTCOME_OK) {
		log_info(row->name, "has taken its new configuration");
		if (row->state == STATE_RUNNING)
			row->last_error[0] = '\0';
		lifecycle_set_message(row, "");
	} else {
		keep_failure(row, "configure", o);
		lifecycle_set_message(row, row->last_error);
		log_error(row->name, "keeps its old configuration: %s",
		    row->last_error);
	}
	lifecycle_limit(row, 0);
	lifecycle_changed(row);
}

static void
take_outcome(struct managed *m, uint64_t op, const struct outcome *o)
{
	static const struct {
		enum msg_type type;
		void (*fn)(struct row *row, const struct outcome *o);
	} ends[] = {
	    {MSG_INITIALIZE, end_initialize},
	    {MSG_PLUGIN_START, end_start},
	    {MSG_PLUGIN_STOP, end_stop},
	    {MSG_CONFIGURE, end_configure},
	};
	enum msg_type type = m->command;

	if (op == m->health_op && op != 0) {
		m->health_op = 0;
		health_answer(m->row,
		    o->code == OUTCOME_OK         ? HEALTH_OK
		    : o->code == OUTCOME_DEGRADED ? HEALTH_DEGRADED
		                                  : HEALTH_FAILING,
		    o->text);
		return;
	}
	if (op != m->op || type == 0)
		return; /* said twice, or of a command that was overtaken */
	m->command = 0;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (ends[i].type == type)
			ends[i].fn(m->row, o);
	}
}

/* --- from the router --------------------------------------------------- */

static struct managed *
find_serial(uint64_t serial)
{
	struct managed *m = slots[serial % SLOTS];

	return m != NULL && serial != 0 && m->serial == serial ? m : NULL;
}

static bool
has_capability(struct frame *f, const char *want)
{
	const void *data;
	size_t len;
	struct wire_cursor c;
	uint32_t n = 0;
	char name[32];
	bool found = false;

	if (frame_raw(f, &data, &len) != 0)
		return false;
	wire_cursor_init(&c, data, len);
	(void)wire_get_array(&c, &n);
	for (uint32_t i = 0; i < n; i++) {
		if (wire_get_cstr(&c, name, sizeof(name)) != 0)
			(void)wire_skip(&c);
		else if (strcmp(name, want) == 0)
			found = true;
	}
	return found;
}

static void
take_up(struct managed *m, struct frame *f)
{
	struct row *row = m->row;
	uint64_t pid = 0;
	uint64_t abi = 0;
	char version[MANAGED_VERSION] = "";

	(void)frame_uint(f, &pid);
	(void)frame_uint(f, &abi);
	(void)frame_str(f, version, sizeof(version));
	(void)frame_str(f, m->type, sizeof(m->type));
	m->can_configure = has_capability(f, "configure");
	escape_text(
	    m->version, sizeof(m->version), version, strlen(version), NULL);
	m->up = true;
	m->up_ms = clock_mono_ms();
	if (!m->greeted && row->state == STATE_INITIALIZING)
		begin_command(m, MSG_INITIALIZE);
	else if (m->command != 0)
		say_command(m, m->command);
	m->greeted = true;
	if (m->health_op != 0)
		say_command(m, MSG_HEALTH);
}

static void
take_down(struct managed *m, struct frame *f)
{
	(void)f;
	m->up = false;
}

static void
take_outcome_frame(struct managed *m, struct frame *f)
{
	struct outcome o = {.code = OUTCOME_FAILED};
	uint64_t op = 0;

	(void)frame_uint(f, &op);
	(void)frame_uint(f, &o.code);
	(void)frame_str(f, o.text, sizeof(o.text));
	(void)frame_raw(f, &o.data, &o.len);
	take_outcome(m, op, &o);
}

static void
take_status(struct managed *m, struct frame *f)
{
	uint64_t code = OUTCOME_OK;
	char text[TEXT_MAX] = "";

	(void)frame_uint(f, &code);
	(void)frame_str(f, text, sizeof(text));
	if (m->row->state != STATE_RUNNING)
		return;
	lifecycle_set_message(m->row, text);
	lifecycle_set_health(
	    m->row, code == OUTCOME_DEGRADED ? HEALTH_DEGRADED : HEALTH_OK);
}

static void
take_violation(struct managed *m, struct frame *f)
{
	char text[TEXT_MAX] = "";

	(void)frame_str(f, text, sizeof(text));
	set_error(m->row, "broke the protocol: ", text);
	m->up = false;
	m->greeted = false; /* a signal is what it hears */
	give_up(m->row, STOP_UNHEALTHY);
}

void
managed_take(const struct frame *received)
{
	static const struct {
		uint64_t type;
		void (*fn)(struct managed *m, struct frame *f);
	} takers[] = {
	    {MSG_LINK_UP, take_up},
	    {MSG_LINK_DOWN, take_down},
	    {MSG_LINK_OUTCOME, take_outcome_frame},
	    {MSG_LINK_STATUS, take_status},
	    {MSG_VIOLATION, take_violation},
	};
	struct frame f = *received;
	uint64_t serial = 0;
	struct managed *m;

	if (frame_uint(&f, &serial) != 0)
		return;
	m = find_serial(serial);
	for (size_t i = 0; m != NULL && i < sizeof(takers) / sizeof(takers[0]);
	     i++) {
		if (takers[i].type == f.type)
			takers[i].fn(m, &f);
	}
}

void
managed_replay(void)
{
	struct row *row;

	table_foreach(row, cursor) {
		if (row->managed == NULL || row->managed->serial == 0)
			continue;
		say_attach(row->managed);
		say_policy(row->managed);
		if (row->child.pid != 0)
			say_spawned(row->managed);
	}
}

void
managed_router_lost(void)
{
	struct row *row;

	table_foreach(row, cursor) {
		if (row->managed != NULL)
			row->managed->up = false;
	}
}

bool
managed_has_refused(const struct row *row)
{
	return row->managed->has_refused;
}

const char *
managed_silence(const struct row *row)
{
	if (row->managed == NULL)
		return "";
	if (row->managed->greeted)
		return row->managed->command == MSG_INITIALIZE
		           ? ": initialize has not ended"
		       : row->managed->command == MSG_PLUGIN_START
		           ? ": start has not ended"
		           : "";
	if (router_age_ms() < 0 || !router_answered_since(row->started_ms))
		return ": the router does not work, see the log "
		       "of " ROUTER_NAME;
	if (row->conf->kind == KIND_EXEC)
		return ": it has not said hello; a program without the SDK "
		       "is a command:";
	return ": it has not said hello";
}

size_t
managed_links(void)
{
	const struct row *row;
	size_t n = 0;

	table_foreach(row, cursor)
		n += row->managed != NULL && row->managed->up;
	return n;
}

void
managed_report(const struct row *row, struct managed_report *ret)
{
	const struct managed *m = row->managed;

	memset(ret, 0, sizeof(*ret));
	ret->version = m != NULL ? m->version : "";
	ret->type = m != NULL ? m->type : "";
	ret->sockets = m != NULL ? m->dir : "";
	if (m == NULL)
		return;
	ret->up = m->up;
	ret->serial = m->serial;
	if (m->command != 0)
		ret->command = say_command_name(m->command);
}
