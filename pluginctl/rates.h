/*
 * rates: what `top` shows, from two answers of the daemon, whose numbers only
 * grow. Pure.
 */
#ifndef PLUGINCTL_RATES_H
#define PLUGINCTL_RATES_H

#include "common/buf.h"
#include "common/wire.h"

#include <stddef.h>
#include <stdint.h>

enum { RATES_NAME_MAX = 96, RATES_WORD_MAX = 16 };

/* What an answer says of a row, by the keys of docs/CONTROL.md. */
enum rates_value {
	VALUE_PID,
	VALUE_GENERATION,
	VALUE_CPU_MS,
	VALUE_RSS,
	VALUE_PUBLISHED,
	VALUE_RECEIVED,
	VALUE_CALLED,
	VALUE_SERVED,
	VALUE_DROPPED,
	VALUE_QUEUE,
	VALUE_QUEUE_BYTES,
	VALUE_QUEUE_LIMIT,
	VALUE__COUNT
};

/* What two of them say. */
enum rates_rate {
	RATE_CPU, /* percent of one processor */
	RATE_IN,  /* events a second that it got */
	RATE_OUT, /* that it published */
	RATE_CALLS,
	RATE_SERVED,
	RATE_DROPS,
	RATE__COUNT
};

struct rates_row {
	char name[RATES_NAME_MAX];
	char kind[RATES_WORD_MAX];
	char state[RATES_WORD_MAX];
	int64_t value[VALUE__COUNT]; /* -1: not known */
	double rate[RATE__COUNT];    /* below 0: not known */
};

struct rates {
	int64_t time_ms;
	int64_t interval_ms; /* since the answer before; 0: there was none */
	int64_t router;      /* its generation; -1: it has not answered */
	struct rates_row *rows;
	size_t n;
};

/* Reads an answer; rates are not known yet. 0, -EBADMSG or -ENOMEM. */
int rates_read(struct rates *r, const struct wire_cursor *data);
void rates_free(struct rates *r);
/* The rates since `before`, which is sorted by name then. */
void rates_compute(struct rates *r, struct rates *before);

/* cpu, rss, in, out, calls, drops: the largest first, what is not known last;
 * and name. 0 or -EINVAL: no such word. */
int rates_find_order(const char *word, int *ret);
void rates_sort(struct rates *r, int order);

/* {time, interval_ms, rows}; `time_ms` is the Unix time of it. */
void rates_put(struct buf *out, const struct rates *r, int64_t time_ms);

#endif
