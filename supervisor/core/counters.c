/*
 * counters: see counters.h. Owns the last answer, sorted by serial.
 *
 * Must never: have more than one question under way, however many look: an
 * answer may be large, and what the router cannot get rid of ends it.
 */
#include "counters.h"

#include "held.h"
#include "router.h"

#include "common/msgs.h"

#include <stdlib.h>

static struct counters *all;
static size_t n;
static uint64_t asked;    /* number of the last question */
static uint64_t answered; /* and of the last answer, or of one that is lost */
static bool has_answer;   /* `all` is of `answered` */

uint64_t
counters_ask(void)
{
	struct buf b;
	bool sent;

	if (asked != answered)
		return asked;
	buf_init(&b, 64);
	frame_put(&b, MSG_COUNT, 0, 1);
	wire_put_uint(&b, asked + 1);
	sent = router_send(&b);
	buf_fini(&b);
	if (!sent)
		return 0;
	return ++asked;
}

bool
counters_are_due(uint64_t number)
{
	return number > answered;
}

bool
counters_have(uint64_t number)
{
	return number != 0 && answered >= number && has_answer;
}

static int
compare(const void *a, const void *b)
{
	const struct counters *x = a;
	const struct counters *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

const struct counters *
counters_find(uint64_t serial)
{
	const struct counters key = {.serial = serial};

	return n == 0 ? NULL : bsearch(&key, all, n, sizeof(*all), compare);
}

/* [serial published received called served dropped queue bytes limit] */
static int
read_one(struct wire_cursor *c, struct counters *ret)
{
	uint64_t *const fields[] = {&ret->serial, &ret->published,
	    &ret->received, &ret->called, &ret->served, &ret->dropped,
	    &ret->queue, &ret->bytes, &ret->limit};
	uint32_t count;

	if (wire_get_array(c, &count) != 0 ||
	    count != sizeof(fields) / sizeof(fields[0]))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (wire_get_uint(c, fields[i]) != 0)
			return -1;
	}
	return 0;
}

static void
forget(void)
{
	free(all);
	all = NULL;
	n = 0;
	has_answer = false;
}

/* What cannot be read is an answer without anybody in it. */
static void
keep(struct wire_cursor c)
{
	uint32_t count = 0;

	forget();
	if (wire_get_array(&c, &count) != 0 || count == 0)
		return;
	all = calloc(count, sizeof(*all));
	if (all == NULL)
		return;
	while (n < count && read_one(&c, &all[n]) == 0)
		n++;
	qsort(all, n, sizeof(*all), compare);
	has_answer = true;
}

bool
counters_take(const struct frame *received)
{
	struct frame f = *received;
	uint64_t number = 0;

	if (f.type != MSG_COUNTERS)
		return false;
	if (frame_uint(&f, &number) != 0 || number != asked || !frame_next(&f))
		return true;
	keep(f.args);
	answered = number;
	held_wake();
	return true;
}

void
counters_router_lost(void)
{
	forget();
	answered = asked;
	held_wake();
}
