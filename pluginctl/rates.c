/*
 * rates: see rates.h. A rate is known where both answers have counted the same
 * process, and, for what the router counts, the same router: whatever is new
 * has begun at 0.
 *
 * Must never: make up a number.
 */
#include "rates.h"

#include "common/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 100000 };

static const char *const value_keys[VALUE__COUNT] = {
    [VALUE_PID] = "pid",
    [VALUE_GENERATION] = "generation",
    [VALUE_CPU_MS] = "cpu_ms",
    [VALUE_RSS] = "rss",
    [VALUE_PUBLISHED] = "published",
    [VALUE_RECEIVED] = "received",
    [VALUE_CALLED] = "called",
    [VALUE_SERVED] = "served",
    [VALUE_DROPPED] = "dropped",
    [VALUE_QUEUE] = "queue",
    [VALUE_QUEUE_BYTES] = "queue_bytes",
    [VALUE_QUEUE_LIMIT] = "queue_limit",
};

static const struct {
	const char *key;
	double factor; /* of what has been added in a millisecond */
	enum rates_value of;
	bool is_bus; /* counted by the router */
} rate_table[RATE__COUNT] = {
    [RATE_CPU] = {"cpu_percent", 100, VALUE_CPU_MS, false},
    [RATE_IN] = {"in_per_s", 1000, VALUE_RECEIVED, true},
    [RATE_OUT] = {"out_per_s", 1000, VALUE_PUBLISHED, true},
    [RATE_CALLS] = {"calls_per_s", 1000, VALUE_CALLED, true},
    [RATE_SERVED] = {"served_per_s", 1000, VALUE_SERVED, true},
    [RATE_DROPS] = {"drops_per_s", 1000, VALUE_DROPPED, true},
};

/* --- reading ----------------------------------------------------------- */

static int64_t
read_int(const struct wire_cursor *map, const char *key)
{
	struct wire_cursor at;
	int64_t v;

	if (wire_map_find(map, key, &at) != 0 || wire_get_int(&at, &v) != 0)
		return -1;
	return v;
}

static void
read_text(const struct wire_cursor *map, const char *key, char *out, size_t cap)
{
	struct wire_cursor at;

	out[0] = '\0';
	if (wire_map_find(map, key, &at) == 0)
		(void)wire_get_cstr(&at, out, cap);
}

static void
read_row(struct rates_row *row, const struct wire_cursor *map)
{
	read_text(map, "name", row->name, sizeof(row->name));
	read_text(map, "kind", row->kind, sizeof(row->kind));
	read_text(map, "state", row->state, sizeof(row->state));
	for (int i = 0; i < VALUE__COUNT; i++)
		row->value[i] = read_int(map, value_keys[i]);
	for (int i = 0; i < RATE__COUNT; i++)
		row->rate[i] = -1;
}

static int
compare_names(const void *a, const void *b)
{
	const struct rates_row *x = a;
	const struct rates_row *y = b;

	return strcmp(x->name, y->name);
}

int
rates_read(struct rates *r, const struct wire_cursor *data)
{
	struct wire_cursor at;
	uint32_t count;

	*r = (struct rates){.time_ms = read_int(data, "time_ms"),
	    .router = read_int(data, "router")};
	if (wire_map_find(data, "rows", &at) != 0 ||
	    wire_get_array(&at, &count) != 0 || count > ROWS_MAX)
		return -EBADMSG;
	r->rows = calloc((size_t)count + 1, sizeof(*r->rows));
	if (r->rows == NULL)
		return -ENOMEM;
	for (; r->n < count; r->n++) {
		read_row(&r->rows[r->n], &at);
		if (wire_skip(&at) != 0)
			break;
	}
	return 0;
}

void
rates_free(struct rates *r)
{
	free(r->rows);
	*r = (struct rates){0};
}

/* --- computing --------------------------------------------------------- */

static double
compute_one(const struct rates_row *now, const struct rates_row *before, int i,
    int64_t interval_ms)
{
	int64_t a = before->value[rate_table[i].of];
	int64_t b = now->value[rate_table[i].of];

	if (a < 0 || b < a)
		return -1;
	return (double)(b - a) * rate_table[i].factor / (double)interval_ms;
}

void
rates_compute(struct rates *r, struct rates *before)
{
	bool is_same_router = r->router >= 0 && r->router == before->router;

	r->interval_ms = r->time_ms - before->time_ms;
	if (r->interval_ms <= 0) {
		r->interval_ms = 0;
		return;
	}
	qsort(before->rows, before->n, sizeof(*before->rows), compare_names);
	for (size_t i = 0; i < r->n; i++) {
		struct rates_row *now = &r->rows[i];
		const struct rates_row *was = bsearch(
		    now, before->rows, before->n, sizeof(*now), compare_names);

		if (was == NULL || was->value[VALUE_GENERATION] !=
		                       now->value[VALUE_GENERATION])
			continue;
		for (int k = 0; k < RATE__COUNT; k++) {
			if (!rate_table[k].is_bus || is_same_router)
				now->rate[k] =
				    compute_one(now, was, k, r->interval_ms);
		}
	}
}

/* --- sorting ----------------------------------------------------------- */

static double
get_rss(const struct rates_row *row)
{
	return (double)row->value[VALUE_RSS];
}

static double
get_dropped(const struct rates_row *row)
{
	return (double)row->value[VALUE_DROPPED];
}

static double
get_cpu(const struct rates_row *row)
{
	return row->rate[RATE_CPU];
}

static double
get_in(const struct rates_row *row)
{
	return row->rate[RATE_IN];
}

static double
get_out(const struct rates_row *row)
{
	return row->rate[RATE_OUT];
}

static double
get_calls(const struct rates_row *row)
{
	return row->rate[RATE_CALLS] + row->rate[RATE_SERVED];
}

static const struct {
	const char *word;
	double (*get)(const struct rates_row *row); /* NULL: by name */
} orders[] = {
    {"cpu", get_cpu},
    {"rss", get_rss},
    {"in", get_in},
    {"out", get_out},
    {"calls", get_calls},
    {"drops", get_dropped},
    {"name", NULL},
};

static int sorted_by; /* qsort has no argument for it */

static int
compare(const void *a, const void *b)
{
	double x = 0;
	double y = 0;

	if (orders[sorted_by].get != NULL) {
		x = orders[sorted_by].get(a);
		y = orders[sorted_by].get(b);
	}
	if (x > y || x < y)
		return x > y ? -1 : 1;
	return compare_names(a, b);
}

int
rates_find_order(const char *word, int *ret)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(orders[i].word, word) == 0) {
			*ret = (int)i;
			return 0;
		}
	}
	return -EINVAL;
}

void
rates_sort(struct rates *r, int order)
{
	sorted_by = order;
	qsort(r->rows, r->n, sizeof(*r->rows), compare);
}

/* --- for programs ------------------------------------------------------ */

static void
put_text(struct buf *out, const char *key, const char *text)
{
	wire_put_str(out, key);
	wire_put_str(out, text);
}

static void
put_value(struct buf *out, const struct rates_row *row, int i)
{
	wire_put_str(out, value_keys[i]);
	if (row->value[i] < 0)
		wire_put_nil(out);
	else
		wire_put_int(out, row->value[i]);
}

/* A tenth is as exact as it is. */
static void
put_rate(struct buf *out, const struct rates_row *row, int i)
{
	wire_put_str(out, rate_table[i].key);
	if (row->rate[i] < 0)
		wire_put_nil(out);
	else
		wire_put_double(
		    out, (double)(int64_t)(row->rate[i] * 10 + 0.5) / 10);
}

void
rates_put(struct buf *out, const struct rates *r, int64_t time_ms)
{
	char time[32];

	wire_put_map(out, 3);
	put_text(out, "time", units_format_time(time_ms, time, sizeof(time)));
	wire_put_str(out, "interval_ms");
	wire_put_int(out, r->interval_ms);
	wire_put_str(out, "rows");
	wire_put_array(out, (uint32_t)r->n);
	for (size_t i = 0; i < r->n; i++) {
		const struct rates_row *row = &r->rows[i];

		wire_put_map(out, 3 + VALUE__COUNT + RATE__COUNT);
		put_text(out, "name", row->name);
		put_text(out, "kind", row->kind);
		put_text(out, "state", row->state);
		for (int k = 0; k < VALUE__COUNT; k++)
			put_value(out, row, k);
		for (int k = 0; k < RATE__COUNT; k++)
			put_rate(out, row, k);
	}
}
