/*
 * counters: see counters.h. Owns the sum over those that are gone, without
 * which the router's own numbers would fall when a plugin ends.
 */
#include "counters.h"

#include "events.h"
#include "outlet.h"
#include "peer.h"

#include "common/buf.h"
#include "common/wire.h"

struct counters {
	uint64_t published; /* events */
	uint64_t received;  /* and acknowledged */
	uint64_t called;    /* calls that it made */
	uint64_t served;    /* results that it gave */
	uint64_t dropped;   /* events */
	uint64_t queue;     /* that it has not acknowledged */
	uint64_t bytes;
	uint64_t limit;
};

static struct counters gone;
static struct counters sum;

static void
read_peer(const struct peer *p, struct counters *ret)
{
	struct outlet_report report = {0};

	if (p->outlet != NULL)
		outlet_report(p->outlet, &report);
	*ret = (struct counters){
	    .published = p->published,
	    .received = report.delivered,
	    .called = p->calls.called,
	    .served = p->calls.answered,
	    .dropped = report.dropped,
	    .queue = report.waiting,
	    .bytes = report.bytes,
	    .limit = p->policy.limits.events,
	};
}

/* What only grows. */
static void
add(struct counters *to, const struct counters *c)
{
	to->received += c->received;
	to->called += c->called;
	to->served += c->served;
	to->dropped += c->dropped;
}

static void
put(struct buf *b, uint64_t serial, const struct counters *c)
{
	wire_put_array(b, 9);
	wire_put_uint(b, serial);
	wire_put_uint(b, c->published);
	wire_put_uint(b, c->received);
	wire_put_uint(b, c->called);
	wire_put_uint(b, c->served);
	wire_put_uint(b, c->dropped);
	wire_put_uint(b, c->queue);
	wire_put_uint(b, c->bytes);
	wire_put_uint(b, c->limit);
}

void
counters_keep(const struct peer *p)
{
	struct counters c;

	read_peer(p, &c);
	add(&gone, &c);
}

void
counters_begin(void)
{
	sum = gone;
}

void
counters_put(struct buf *b, const struct peer *p)
{
	struct counters c;

	read_peer(p, &c);
	put(b, p->serial, &c);
	add(&sum, &c);
	sum.queue += c.queue;
	sum.bytes += c.bytes;
}

/* The supervisor publishes, too: all that were numbered. */
void
counters_end(struct buf *b)
{
	sum.published = events_count();
	put(b, 0, &sum);
}
