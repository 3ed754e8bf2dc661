/*
 * replay: see replay.h. Must never: be served by and by. What is retained
 * goes into the outlet within the turn that subscribes, so that nothing comes
 * between it and the first event of the time after.
 */
#include "replay.h"

#include "brake.h"
#include "events.h"
#include "outlet.h"
#include "peer.h"
#include "retain.h"

#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ID_MAX = 48 };

/* "EPOCH:SEQ" */
static int
read_id(const char *id, struct replay *out)
{
	size_t n = strcspn(id, ":");
	const char *digits = id + n + 1;
	size_t len = id[n] == ':' ? strlen(digits) : 0;

	if (n == 0 || len == 0 || strspn(digits, "0123456789") != len)
		return -EBADMSG;
	errno = 0;
	out->after_seq = strtoull(digits, NULL, 10);
	if (errno != 0)
		return -EBADMSG;
	out->has_seq = true;
	out->is_elsewhere =
	    strlen(peer_epoch()) != n || memcmp(peer_epoch(), id, n) != 0;
	if (out->is_elsewhere)
		out->after_seq = 0;
	return 0;
}

int
replay_read(struct frame *f, struct replay *ret)
{
	struct replay replay = {.is_asked = true};
	char id[ID_MAX] = "";
	int r = frame_uint(f, &replay.since_ms);

	if (r == -ENODATA) {
		*ret = (struct replay){0};
		return 0;
	}
	if (r == -EBADMSG)
		r = frame_str(f, id, sizeof(id)) == 0 ? read_id(id, &replay)
		                                      : -EBADMSG;
	if (r == 0)
		*ret = replay;
	return r;
}

struct replay_late {
	STAILQ_ENTRY(replay_late) link;
	struct replay replay;
	uint64_t wish;
	char pattern[];
};

struct reader {
	struct peer *p;
	uint64_t wish;
};

static void
on_run(void *arg, const struct outlet_run *run)
{
	const struct reader *reader = arg;
	struct outlet_run own = *run;

	own.wish = reader->wish;
	if (events_are_for(reader->p, run))
		outlet_put(reader->p->outlet, &own, NULL);
}

/* Who takes what there is misses nothing. */
static void
tell_missing(struct outlet *o, const struct replay *replay,
    const struct retain_query *q, uint64_t wish)
{
	uint64_t last = 0;

	if (replay->is_elsewhere)
		outlet_put_missing(o, wish, 0, 0);
	else if ((replay->has_seq || replay->since_ms > 0) &&
	         !retain_has_all(q, &last))
		outlet_put_missing(
		    o, wish, last > 0 ? replay->after_seq + 1 : 0, last);
}

void
replay_run(struct peer *p, const char *pattern, const struct replay *replay,
    uint64_t wish, uint64_t last_seq)
{
	struct reader reader = {p, wish};
	const struct retain_query q = {
	    .pattern = pattern,
	    .pattern_len = strlen(pattern),
	    .last_seq = last_seq,
	    .after_seq = replay->after_seq,
	    .since_ms = replay->since_ms,
	    .fn = on_run,
	    .arg = &reader,
	};
	int64_t begin_us = clock_mono_us();

	if (outlet_is_marked(p->outlet, wish))
		return; /* it is said again: that was done */
	tell_missing(p->outlet, replay, &q, wish);
	if (retain_find(&q) != 0) /* no memory: all of it, perhaps */
		outlet_put_missing(p->outlet, wish, 0, 0);
	outlet_mark(p->outlet, wish); /* that was all */
	outlet_flush(p->outlet);
	brake_pause(p, clock_mono_us() - begin_us);
}

/* --- later ------------------------------------------------------------- */

int
replay_put_off(struct peer *p, const char *pattern, const struct replay *replay,
    uint64_t wish)
{
	size_t len = strlen(pattern) + 1;
	struct replay_late *late = p->nlate_replays < SUBS_EACH_MAX
	                               ? malloc(sizeof(*late) + len)
	                               : NULL;

	if (late == NULL)
		return -ENOMEM;
	late->replay = *replay;
	late->wish = wish;
	memcpy(late->pattern, pattern, len);
	STAILQ_INSERT_TAIL(&p->late_replays, late, link);
	p->nlate_replays++;
	return 0;
}

static struct replay_late *
take_first(struct peer *p)
{
	struct replay_late *late = STAILQ_FIRST(&p->late_replays);

	if (late == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&p->late_replays, link);
	p->nlate_replays--;
	return late;
}

void
replay_run_late(struct peer *p, uint64_t last_seq)
{
	struct replay_late *late;

	while ((late = take_first(p)) != NULL) {
		replay_run(
		    p, late->pattern, &late->replay, late->wish, last_seq);
		free(late);
	}
}

void
replay_forget(struct peer *p)
{
	struct replay_late *late;

	while ((late = take_first(p)) != NULL)
		free(late);
}
