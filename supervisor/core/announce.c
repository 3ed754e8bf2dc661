/*
 * announce: see announce.h. Must never: wait, or say something twice for one
 * change.
 */
#include "announce.h"

#include "lifecycle.h"
#include "router.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/msgs.h"

#include <stdio.h>

enum { EVENT_MAX = 4096 };

static void
put_pair(struct buf *b, const char *key, const char *value)
{
	wire_put_str(b, key);
	wire_put_str(b, value);
}

static void
begin(struct buf *b, const char *topic)
{
	buf_init(b, EVENT_MAX);
	frame_put(b, MSG_SYSTEM_EVENT, 0, 3);
	wire_put_uint(b, (uint64_t)clock_real_ms());
	wire_put_str(b, topic);
}

static void
tell(struct buf *b)
{
	if (buf_error(b) == 0)
		(void)router_send(b);
	buf_fini(b);
}

/* What the state that is entered is called, where others want to know. */
static const char *const topics[STATE__COUNT] = {
    [STATE_INITIALIZED] = "plugin.initialized",
    [STATE_RUNNING] = "plugin.started",
    [STATE_BACKOFF] = "plugin.restarting",
    [STATE_STOPPED] = "plugin.stopped",
    [STATE_FAILED] = "plugin.failed",
    [STATE_DESTROYED] = "plugin.unloaded",
};

static const char *
get_topic(const struct row *row, enum plugin_state old)
{
	if (row->state == old)
		return row->state == STATE_RUNNING ? "plugin.health_check"
		                                   : NULL;
	if (row->state == STATE_WAITING && fsm_has_process(old))
		return "plugin.restarting";
	return old == STATE_REGISTERED && row->state == STATE_WAITING
	           ? "plugin.loaded"
	           : topics[row->state];
}

static void
on_row_changed(struct row *row, enum plugin_state old)
{
	const char *topic = get_topic(row, old);
	struct buf b;

	if (topic == NULL || row->conf->kind == KIND_ROUTER)
		return;
	begin(&b, topic);
	wire_put_map(&b, 6);
	put_pair(&b, "name", row->name);
	put_pair(&b, "state", plugin_state_to_string(row->state));
	put_pair(&b, "health", plugin_health_to_string(row->health));
	wire_put_str(&b, "pid");
	if (row->child.pid != 0)
		wire_put_uint(&b, (uint64_t)row->child.pid);
	else
		wire_put_nil(&b);
	wire_put_str(&b, "generation");
	wire_put_uint(&b, row->generation);
	put_pair(&b, "message",
	    row->last_error[0] != '\0' ? row->last_error : row->message);
	tell(&b);
}

void
announce_system(enum announce_system what)
{
	static const char *const names[] = {
	    [ANNOUNCE_STARTED] = "system.started",
	    [ANNOUNCE_STOPPED] = "system.stopped",
	    [ANNOUNCE_CONFIG_CHANGED] = "system.config_changed",
	};
	struct buf b;

	begin(&b, names[what]);
	wire_put_map(&b, 0);
	tell(&b);
}

void
announce_init(void)
{
	lifecycle_observe(on_row_changed);
}
