/*
 * zonecheck: whether a zone says what libc says, and keeps what its header
 * promises.
 */
#ifndef TESTS_UNIT_ZONECHECK_H
#define TESTS_UNIT_ZONECHECK_H

#include "common/zone.h"
#include "unit.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* As ck_assert_msg(), which writes a message for each that holds as well. */
#define MUST(x, ...)                               \
	do {                                       \
		if (!(x))                          \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

enum { ZONE_DAY = 86400, OFFSETS_MAX = 64 };

static const int64_t YEAR_1900 = -2208988800;
static const int64_t YEAR_2100 = 4102444800;
static const int64_t YEAR_2500 = 16725225600;

static uint64_t random_state = 0x9e3779b97f4a7c15;

static inline uint64_t
random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static inline int64_t
random_between(int64_t from, int64_t until)
{
	return from + (int64_t)(random_bits() % (uint64_t)(until - from));
}

static inline int
random_to(int max)
{
	return (int)random_between(0, max + 1);
}

static inline bool
is_level(const char *level)
{
	const char *is = getenv("PLUGIND_TEST_LEVEL");

	return is != NULL && strcmp(is, level) == 0;
}

static inline void
set_libc(const char *name)
{
	ck_assert_int_eq(setenv("TZ", name, 1), 0);
	tzset();
}

static inline void
check_libc(const char *name, const struct zone *z, int64_t at)
{
	struct zone_span s = zone_span(z, at);
	time_t t = at;
	struct tm tm;

	MUST(localtime_r(&t, &tm) != NULL, "localtime_r");
	MUST(s.offset == tm.tm_gmtoff, "%s at %" PRId64 ": %d, libc has %ld",
	    name, at, s.offset, tm.tm_gmtoff);
}

/* Around all changes, at random, and often enough between them to see one
 * that only libc knows. */
static inline void
compare_with_libc(
    const char *name, const struct zone *z, int64_t from, int64_t until)
{
	int64_t stride = is_level("long") ? ZONE_DAY : 5 * ZONE_DAY;
	struct zone_span s;

	for (int64_t at = from; at < until; at = s.until) {
		s = zone_span(z, at);
		check_libc(name, z, s.from > from ? s.from : from);
		if (s.from > from)
			check_libc(name, z, s.from - 1);
		if (s.until >= until)
			break;
		check_libc(name, z, s.until - 1);
	}
	for (int64_t at = from; at < until; at += stride)
		check_libc(name, z, at + random_between(0, stride));
}

static inline void
check_same(const char *name, struct zone_span a, struct zone_span b)
{
	MUST(a.from == b.from && a.until == b.until && a.offset == b.offset,
	    "%s: [%" PRId64 ", %" PRId64 ") %d is [%" PRId64 ", %" PRId64
	    ") %d elsewhere",
	    name, a.from, a.until, a.offset, b.from, b.until, b.offset);
}

/* What the header promises of one span. */
static inline struct zone_span
check_span(const char *name, const struct zone *z, int64_t at)
{
	struct zone_span s = zone_span(z, at), next;

	MUST(s.from <= at && (at < s.until || s.until == INT64_MAX),
	    "%s: [%" PRId64 ", %" PRId64 ") at %" PRId64, name, s.from, s.until,
	    at);
	MUST(abs(s.offset) < ZONE_OFFSET_MAX, "%s: %d", name, s.offset);
	check_same(name, s, zone_span(z, s.from));
	check_same(name, s,
	    zone_span(
	        z, s.from +
	               (int64_t)(((uint64_t)s.until - (uint64_t)s.from) / 3)));
	if (s.until == INT64_MAX) {
		check_same(name, s, zone_span(z, INT64_MAX));
		return s;
	}
	check_same(name, s, zone_span(z, s.until - 1));
	next = zone_span(z, s.until);
	MUST(next.from == s.until && next.offset != s.offset,
	    "%s: %d until %" PRId64 ", then %d from %" PRId64, name, s.offset,
	    s.until, next.offset, next.from);
	return s;
}

/* Returns how many there are; `max` at most are looked at. */
static inline int
check_spans(const char *name, const struct zone *z, int64_t until, int max)
{
	struct zone_span s = check_span(name, z, INT64_MIN);
	int n = 1;

	ck_assert_int_eq(s.from, INT64_MIN);
	for (; s.until < until && n < max; n++)
		s = check_span(name, z, s.until);
	return n;
}

/* All offsets that a zone ever has. */
static inline size_t
find_offsets(const struct zone *z, int32_t *offsets, size_t cap)
{
	struct zone_span s = zone_span(z, INT64_MIN);
	size_t n = 0, i;

	for (;;) {
		for (i = 0; i < n && offsets[i] != s.offset; i++)
			continue;
		MUST(i < cap, "too many offsets");
		offsets[i] = s.offset;
		n = i == n ? n + 1 : n;
		if (s.until > YEAR_2500)
			return n;
		s = zone_span(z, s.until);
	}
}

static inline int
compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* zone_find() the other way round: which offsets would give that time? */
static inline void
check_find(const char *name, const struct zone *z, int64_t wall,
    const int32_t *offsets, size_t n_offsets)
{
	int64_t is[2] = {-1, -1}, want[OFFSETS_MAX];
	int n = zone_find(z, wall, is);
	size_t n_want = 0;

	for (size_t i = 0; i < n_offsets; i++) {
		if (zone_span(z, wall - offsets[i]).offset == offsets[i])
			want[n_want++] = wall - offsets[i];
	}
	qsort(want, n_want, sizeof(want[0]), compare_times);
	n_want = n_want > 2 ? 2 : n_want;
	MUST((size_t)n == n_want, "%s at %" PRId64 ": %d, want %zu", name, wall,
	    n, n_want);
	for (size_t i = 0; i < 2; i++)
		MUST(is[i] == (i < n_want ? want[i] : -1),
		    "%s at %" PRId64 ": %" PRId64 " is number %zu", name, wall,
		    is[i], i);
}

static inline void
check_finds(const char *name, const struct zone *z)
{
	struct zone_span s = zone_span(z, INT64_MIN), next;
	size_t n;
	int32_t offsets[OFFSETS_MAX];

	n = find_offsets(z, offsets, COUNT(offsets));
	for (; s.until < YEAR_2100; s = next) {
		int64_t before = s.until + s.offset, after;

		next = zone_span(z, s.until);
		after = s.until + next.offset;
		for (int64_t i = -1; i <= 1; i++) {
			check_find(name, z, before + i, offsets, n);
			check_find(name, z, after + i, offsets, n);
			check_find(
			    name, z, (before + after) / 2 + i, offsets, n);
		}
	}
	for (int i = 0; i < 500; i++)
		check_find(
		    name, z, random_between(YEAR_1900, YEAR_2100), offsets, n);
}

#endif
