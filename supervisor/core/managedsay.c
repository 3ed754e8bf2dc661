/*
 * managedsay: see managedsay.h. Must never: change anything.
 */
#include "managedsay.h"

#include "cgroup.h"
#include "peersay.h"
#include "prepare.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/log.h"

#include <limits.h>
#include <string.h>

enum { FRAME_MAX = 1024 * 1024 }; /* CONFIG_SUBTREE_MAX, and some more */

void
say_attach(const struct managed *m)
{
	const struct row *row = m->row;

	peersay_attach(&(struct peersay_who){
	    .serial = m->serial,
	    .name = row->plugin->name,
	    .instance = row->instance,
	    .generation = row->generation + (row->child.pid == 0),
	    .uid = m->uid,
	    .dir = m->dir,
	    .cookie = m->cookie,
	    .pid = row->child.pid,
	});
}

void
say_policy(const struct managed *m)
{
	const struct row *row = m->row;
	const struct events_conf *events = &row->conf->events;

	peersay_policy(
	    m->serial, &(struct peersay_rights){
	                   .source = row->name,
	                   .publish = &events->publish,
	                   .subscribe = &events->subscribe,
	                   .calls = &row->conf->calls,
	                   .blocks = events->on_overflow == OVERFLOW_BLOCK,
	                   .bus = &row->config->bus,
	               });
}

void
say_spawned(const struct managed *m)
{
	const struct row *row = m->row;
	char path[PATH_MAX];
	struct buf b;

	buf_init(&b, FRAME_MAX);
	frame_put(&b, MSG_SPAWNED, m->serial, 3);
	wire_put_uint(&b, m->serial);
	wire_put_uint(&b, (uint64_t)row->child.pid);
	if (row->has_cgroup)
		wire_put_str(
		    &b, cgroup_procs_path(row->id, path, sizeof(path)));
	else
		wire_put_nil(&b);
	peersay_send(m->row->name, &b);
}

void
say_detach(const struct managed *m)
{
	peersay_detach(m->row->name, m->serial);
}

static void
put_config(struct buf *b, const struct row *row)
{
	if (row->conf->config != NULL)
		wire_put_raw(b, row->conf->config, row->conf->config_len);
	else
		wire_put_nil(b);
}

static void
put_initialize(struct buf *b, const struct managed *m)
{
	char dir[PATH_MAX];

	wire_put_array(b, 3);
	wire_put_uint(b, m->op);
	put_config(b, m->row);
	wire_put_str(b, prepare_state_dir(m->row, dir, sizeof(dir)));
}

static void
put_start(struct buf *b, const struct managed *m)
{
	wire_put_array(b, 1);
	wire_put_uint(b, m->op);
}

static void
put_stop(struct buf *b, const struct managed *m)
{
	int64_t left_ms = m->row->due_ms - clock_mono_ms();

	wire_put_array(b, 2);
	wire_put_uint(b, m->op);
	wire_put_uint(b, left_ms > 0 ? (uint64_t)left_ms : 0);
}

static void
put_configure(struct buf *b, const struct managed *m)
{
	wire_put_array(b, 2);
	wire_put_uint(b, m->op);
	put_config(b, m->row);
}

static void
put_health(struct buf *b, const struct managed *m)
{
	wire_put_array(b, 1);
	wire_put_uint(b, m->health_op);
}

static const struct {
	enum msg_type type;
	const char *name;
	void (*put)(struct buf *b, const struct managed *m);
} commands[] = {
    {MSG_INITIALIZE, "initialize", put_initialize},
    {MSG_PLUGIN_START, "start", put_start},
    {MSG_PLUGIN_STOP, "stop", put_stop},
    {MSG_CONFIGURE, "configure", put_configure},
    {MSG_HEALTH, "health", put_health},
};

static size_t
find_command(enum msg_type type)
{
	size_t i = 0;

	while (i < sizeof(commands) / sizeof(commands[0]) - 1 &&
	       commands[i].type != type)
		i++;
	return i;
}

void
say_command(const struct managed *m, enum msg_type type)
{
	struct buf b;

	if (!m->up)
		return;
	buf_init(&b, FRAME_MAX);
	frame_put(&b, MSG_COMMAND, m->serial, 3);
	wire_put_uint(&b, m->serial);
	wire_put_uint(&b, type);
	commands[find_command(type)].put(&b, m);
	peersay_send(m->row->name, &b);
}

const char *
say_command_name(enum msg_type type)
{
	return commands[find_command(type)].name;
}
