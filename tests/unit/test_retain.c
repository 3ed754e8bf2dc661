/*
 * test_retain: what is kept, what is shown, what has gone and how that is
 * known. A plain list of everything that was ever published tells what is
 * right.
 */
#include "supervisor/router/outlet.h"
#include "supervisor/router/retain.h"

#include "common/clock.h"
#include "common/topic.h"
#include "common/wire.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_MAX = 40000, HUGE_BYTES = 1 << 30 };

/* Everything, by its number - 1. */
static struct {
	char topic[24];
	uint64_t time_ms;
} all[EVENTS_MAX];
static uint64_t last_seq;

static void
limit(uint64_t events, uint64_t bytes)
{
	const struct retain_limits limits = {events, bytes};

	retain_limit(&limits, last_seq);
}

/* `n` events, each of which is [topic, seq, padding]. */
static void
put(const char *topic, uint32_t n, uint64_t time_ms, size_t padding)
{
	static const uint8_t nil = 0xc0;
	uint8_t *zeros = calloc(1, padding + 1);
	struct outlet_run run = {
	    .source = "src",
	    .time_ms = time_ms,
	    .seq = last_seq + 1,
	    .trace = &nil,
	    .trace_len = 1,
	    .n = n,
	};
	struct buf b;

	buf_init(&b, HUGE_BYTES);
	for (; n > 0; n--) {
		ck_assert_uint_lt(last_seq, EVENTS_MAX);
		snprintf(
		    all[last_seq].topic, sizeof(all[0].topic), "%s", topic);
		all[last_seq++].time_ms = time_ms;
		wire_put_array(&b, 3);
		wire_put_str(&b, topic);
		wire_put_uint(&b, last_seq);
		wire_put_bin(&b, zeros, padding);
	}
	run.events = b.data;
	run.len = b.len;
	retain_put(
	    topic, strlen(topic), strncmp(topic, "plugin.", 7) == 0, &run);
	buf_fini(&b);
	free(zeros);
}

/* What a query has found. */
static struct {
	uint64_t seqs[EVENTS_MAX];
	size_t n;
} found;

static void
on_run(void *arg, const struct outlet_run *run)
{
	struct wire_cursor c;

	(void)arg;
	ck_assert_str_eq(run->source, "src");
	ck_assert_uint_eq(run->trace_len, 1);
	ck_assert_uint_gt(run->n, 0);
	wire_cursor_init(&c, run->events, run->len);
	for (uint32_t i = 0; i < run->n; i++) {
		const char *topic;
		uint64_t seq = 0;
		uint32_t fields;
		size_t len;

		ck_assert_int_eq(wire_get_array(&c, &fields), 0);
		ck_assert_int_eq(wire_get_str(&c, &topic, &len), 0);
		ck_assert_int_eq(wire_get_uint(&c, &seq), 0);
		ck_assert_int_eq(wire_skip(&c), 0);
		ck_assert_uint_eq(seq, run->seq + i);
		ck_assert_uint_eq(run->time_ms, all[seq - 1].time_ms);
		ck_assert(found.n == 0 || found.seqs[found.n - 1] < seq);
		found.seqs[found.n++] = seq;
	}
	ck_assert_int_eq(wire_peek(&c), WIRE_END);
}

static struct retain_query
ask(const char *pattern, uint64_t after_seq, uint64_t since_ms)
{
	const struct retain_query q = {
	    .pattern = pattern,
	    .pattern_len = strlen(pattern),
	    .last_seq = last_seq,
	    .after_seq = after_seq,
	    .since_ms = since_ms,
	    .fn = on_run,
	};

	found.n = 0;
	ck_assert_int_eq(retain_find(&q), 0);
	return q;
}

static size_t
count(const char *pattern)
{
	ask(pattern, 0, 0);
	return found.n;
}

static bool
has_all(const char *pattern, uint64_t after_seq, uint64_t since_ms,
    uint64_t *ret_last)
{
	const struct retain_query q = ask(pattern, after_seq, since_ms);

	return retain_has_all(&q, ret_last);
}

static struct retain_report
report(void)
{
	struct retain_report r;

	retain_report(&r);
	return r;
}

static void
setup(void)
{
	last_seq = 0;
	limit(0, 0);
}

static void
teardown(void)
{
	limit(0, 0);
	ck_assert_uint_eq(report().topics, 0);
	ck_assert_uint_eq(report().events, 0);
	ck_assert_uint_eq(report().bytes, 0);
}

/* Exactly the last ones of each topic, in the order of their numbers, however
 * they came. */
START_TEST(test_last_of_each)
{
	static const uint32_t sizes[] = {1, 3, 250};
	uint64_t n = 100;

	limit(n, HUGE_BYTES);
	for (int i = 0; i < 60; i++) {
		put("a.x", sizes[_i], 1, 10);
		put("a.y", 1, 1, 300);
	}
	ck_assert_uint_eq(count("a.x"), sizes[_i] == 1 ? 60 : n);
	ck_assert_uint_eq(found.seqs[found.n - 1], last_seq - 1);
	ck_assert_uint_eq(count("a.y"), 60);
	ck_assert_uint_eq(count("a.*"), sizes[_i] == 1 ? 120 : n + 60);
	ck_assert_uint_eq(found.seqs[found.n - 1], last_seq);
	ck_assert_uint_eq(count("b.>"), 0);
	limit(7, HUGE_BYTES);
	ck_assert_uint_eq(count("a.*"), 14);
	ck_assert_uint_eq(found.seqs[found.n - 1], last_seq);
}
END_TEST

/* A number of an event, also in the middle of what came together. */
START_TEST(test_after)
{
	uint64_t last;

	limit(1000, HUGE_BYTES);
	put("a", 10, 1, 10);
	put("b", 10, 1, 10);
	put("a", 10, 1, 10);
	ck_assert(has_all(">", 5, 0, &last));
	ck_assert_uint_eq(found.n, 25);
	ck_assert_uint_eq(found.seqs[0], 6);
	ck_assert(has_all("a", 10, 0, &last));
	ck_assert_uint_eq(found.n, 10);
	ck_assert_uint_eq(found.seqs[0], 21);
	ck_assert(has_all(">", 30, 0, &last));
	ck_assert_uint_eq(found.n, 0);
	ck_assert(has_all(">", UINT64_MAX, 0, &last));
	ck_assert_uint_eq(found.n, 0);
}
END_TEST

START_TEST(test_since)
{
	uint64_t last;

	limit(1000, HUGE_BYTES);
	put("a", 10, 1000, 10);
	put("b", 10, 3000, 10);
	put("a", 10, 2000, 10); /* clocks differ */
	ask(">", 0, 2000);
	ck_assert_uint_eq(found.n, 20);
	ck_assert_uint_eq(found.seqs[0], 11);
	ask(">", 0, 2001);
	ck_assert_uint_eq(found.n, 10);
	/* From before the first that there was. */
	ck_assert(!has_all(">", 0, 1, &last));
	ck_assert_uint_eq(found.n, 30);
	ck_assert_uint_eq(last, 0);
	ck_assert(has_all(">", 0, (uint64_t)clock_real_ms() + 1, &last));
	put("a", 1000, 2000, 10);
	ck_assert(!has_all("a", 0, 2000, &last));
	ck_assert_uint_eq(last, 30);
	ck_assert_uint_eq(found.n, 1000);
}
END_TEST

/* Which are gone is known, of the topics that are asked for. */
START_TEST(test_missing)
{
	uint64_t last = 0;

	limit(10, HUGE_BYTES);
	put("a", 25, 1, 10);
	put("b", 5, 1, 10);
	ck_assert(!has_all("a", 0, 0, &last));
	ck_assert_uint_eq(last, 15);
	ck_assert(!has_all(">", 14, 0, &last));
	ck_assert(has_all(">", 15, 0, &last));
	ck_assert(has_all("b", 0, 0, &last));
	for (int i = 0; i < 40; i++)
		put("a", 1, 1, 50);
	ck_assert(!has_all("a", 0, 0, &last));
	ck_assert_uint_eq(last, last_seq - 10);
	ck_assert_uint_eq(found.n, 10);
	ck_assert(has_all("a", last, 0, &last));
	ck_assert(has_all("b", 25, 0, &last));
	/* What was published while nothing was kept. */
	limit(0, 0);
	put("b", 5, 1, 10);
	ck_assert(!has_all("b", last_seq - 1, 0, &last));
	ck_assert_uint_eq(last, last_seq);
	ck_assert(has_all("b", last_seq, 0, &last));
	limit(10, HUGE_BYTES);
	ck_assert(!has_all("b", last_seq - 1, 0, &last));
	put("b", 5, 1, 10);
	ck_assert(has_all("b", last_seq - 5, 0, &last));
	ck_assert_uint_eq(found.n, 5);
}
END_TEST

/* The memory is bounded, and one topic does not take it all: neither the
 * others' nor, with many topics, the supervisor's. */
START_TEST(test_memory)
{
	uint64_t last = 0;
	char topic[24];

	limit(1000000, 1 << 20);
	put("plugin.failed", 1, 1, 10);
	put("quiet", 1, 1, 10);
	for (int i = 0; i < 300; i++) {
		put("loud", 1, 1, 10000);
		ck_assert_uint_le(report().bytes, 1 << 20);
	}
	ck_assert_uint_eq(count("quiet"), 1);
	ck_assert_uint_ge(count("loud"), 3);
	ck_assert_uint_le(count("loud"), 7);
	ck_assert_uint_gt(report().dropped, 290);
	for (int i = 0; i < 3000; i++) {
		snprintf(topic, sizeof(topic), "t.%d", i);
		put(topic, 1, 1, 10);
		ck_assert_uint_le(report().bytes, 1 << 20);
	}
	/* Those that were silent for the longest time have gone, and are not
	 * forgotten. */
	ck_assert_uint_eq(count("quiet"), 0);
	ck_assert(!has_all("quiet", 0, 0, &last));
	ck_assert_uint_gt(count("t.*"), 500);
	ck_assert_uint_eq(found.seqs[found.n - 1], last_seq);
	ck_assert_uint_eq(found.seqs[found.n - 1] - found.seqs[0] + 1, found.n);
	ck_assert_uint_eq(last, found.seqs[0] - 1);
	ck_assert_uint_eq(count("plugin.*"), 1);
	/* One event that is larger than all. */
	put("large", 1, 1, 2 << 20);
	ck_assert_uint_le(report().bytes, 1 << 20);
	ck_assert_uint_eq(count("large"), 0);
	ck_assert(!has_all("large", last_seq - 1, 0, &last));
}
END_TEST

START_TEST(test_topics)
{
	char topic[24];

	limit(2, HUGE_BYTES);
	put("plugin.failed", 1, 1, 10);
	for (int i = 0; i < RETAIN_TOPICS + 100; i++) {
		snprintf(topic, sizeof(topic), "t.%d", i);
		put(topic, 1, 1, 10);
		if (i % 50 == 0 && i < RETAIN_TOPICS)
			put("t.0", 1, 1, 10); /* it is in use */
	}
	ck_assert_uint_eq(report().topics, RETAIN_TOPICS);
	ck_assert_uint_eq(count("plugin.*"), 1);
	ck_assert_uint_eq(count("t.0"), 2);
	ck_assert_uint_eq(count("t.1"), 0);
	ck_assert_uint_eq(count("t.1000"), 1);
}
END_TEST

/* What is held costs little more than it is, also where a topic has few. */
START_TEST(test_overhead)
{
	char topic[24];

	limit(10, HUGE_BYTES);
	for (int i = 0; i < 10000; i++) {
		snprintf(topic, sizeof(topic), "t.%d", i % 10);
		put(topic, 1, 1, 100);
	}
	ck_assert_uint_eq(count("t.*"), 100);
	ck_assert_uint_lt(report().bytes, 60000);
}
END_TEST

/* Against the list of everything. */
START_TEST(test_model)
{
	static const char *const topics[] = {"a", "a.b", "a.c", "b.c", "c.d.e"};
	static const char *const patterns[] = {">", "a.*", "a", "*.c", "c.>"};
	unsigned seed = (unsigned)_i + 1;
	uint64_t n = 1 + (uint64_t)rand_r(&seed) % 200;

	limit(n, HUGE_BYTES);
	for (int i = 0; i < 300; i++)
		put(topics[rand_r(&seed) % 5], 1 + rand_r(&seed) % 30,
		    1 + rand_r(&seed) % 5, rand_r(&seed) % 100);
	for (size_t p = 0; p < COUNT(patterns); p++) {
		uint64_t after = rand_r(&seed) % (last_seq + 1);
		uint64_t since = rand_r(&seed) % 7;
		uint64_t held[COUNT(topics)] = {0};
		uint64_t last = 0, missing = 0;
		size_t at, wanted = 0;
		bool is_whole = has_all(patterns[p], after, since, &last);

		at = found.n;
		for (uint64_t seq = last_seq; seq > 0; seq--) {
			const char *t = all[seq - 1].topic;
			size_t k = 0;

			while (strcmp(topics[k], t) != 0)
				k++;
			if (!topic_covers(patterns[p], strlen(patterns[p]), t,
			        strlen(t)) ||
			    seq <= after || all[seq - 1].time_ms < since)
				held[k]++;
			else if (held[k]++ < n) {
				wanted++;
				ck_assert_uint_gt(at, 0);
				ck_assert_uint_eq(found.seqs[--at], seq);
			} else if (missing == 0)
				missing = seq;
		}
		ck_assert_uint_eq(found.n, wanted);
		if (since == 0)
			ck_assert_uint_eq(last, missing);
		else
			ck_assert(!is_whole);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("retain");
	TCase *tc = tcase_create("retain");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_last_of_each, 0, 3);
	tcase_add_test(tc, test_after);
	tcase_add_test(tc, test_since);
	tcase_add_test(tc, test_missing);
	tcase_add_test(tc, test_memory);
	tcase_add_test(tc, test_topics);
	tcase_add_test(tc, test_overhead);
	tcase_add_loop_test(tc, test_model, 0, 25);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
