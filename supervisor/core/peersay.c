/*
 * peersay: see peersay.h. The one place where these frames are written. Must
 * never: change anything.
 */
#include "peersay.h"

#include "router.h"

#include "common/frame.h"
#include "common/log.h"
#include "common/msgs.h"

#include <string.h>

enum { FRAME_MAX = 1024 * 1024 };

void
peersay_send(const char *name, struct buf *b)
{
	if (buf_error(b) != 0)
		log_error(name, "message for the router: %s",
		    strerror(-buf_error(b)));
	else
		(void)router_send(b);
	buf_fini(b);
}

static void
begin(struct buf *b, enum msg_type type, uint64_t serial, uint32_t nargs)
{
	buf_init(b, FRAME_MAX);
	frame_put(b, type, serial, nargs);
	wire_put_uint(b, serial);
}

void
peersay_attach(const struct peersay_who *who)
{
	struct buf b;

	begin(&b, MSG_ATTACH, who->serial, 8);
	wire_put_str(&b, who->name);
	wire_put_uint(&b, who->instance);
	wire_put_uint(&b, who->generation);
	wire_put_uint(&b, who->uid);
	wire_put_str(&b, who->dir);
	wire_put_bin(&b, who->cookie, PEERSAY_COOKIE);
	wire_put_uint(&b, (uint64_t)who->pid);
	peersay_send(who->name, &b);
}

static void
put_list(struct buf *b, const struct strv *list)
{
	wire_put_array(b, (uint32_t)list->n);
	for (size_t i = 0; i < list->n; i++)
		wire_put_str(b, list->v[i]);
}

void
peersay_policy(uint64_t serial, const struct peersay_rights *rights)
{
	struct buf b;

	begin(&b, MSG_POLICY, serial, 10);
	wire_put_str(&b, rights->source);
	put_list(&b, rights->publish);
	put_list(&b, rights->subscribe);
	wire_put_uint(&b, rights->blocks);
	wire_put_uint(&b, (uint64_t)rights->bus->block_timeout_ms);
	wire_put_uint(&b, (uint64_t)rights->bus->queue_events);
	wire_put_uint(&b, (uint64_t)rights->bus->queue_bytes);
	put_list(&b, rights->calls);
	wire_put_uint(&b, (uint64_t)rights->bus->max_frame);
	peersay_send(rights->source, &b);
}

void
peersay_detach(const char *name, uint64_t serial)
{
	struct buf b;

	begin(&b, MSG_DETACH, serial, 1);
	peersay_send(name, &b);
}
