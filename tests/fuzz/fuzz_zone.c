/*
 * fuzz_zone: a file is a zone or is none; the spans of a zone follow on each
 * other with another offset each, and what zone_find() finds is what was
 * looked for, and all of it. The last 8 bytes of the input choose a time.
 */
#include "common/zone.h"

#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { SPANS_MAX = 200 };

static bool
is_same(struct zone_span a, struct zone_span b)
{
	return a.from == b.from && a.until == b.until && a.offset == b.offset;
}

static struct zone_span
check_span(const struct zone *z, int64_t at)
{
	struct zone_span s = zone_span(z, at), next;

	MUST(s.from <= at && (at < s.until || s.until == INT64_MAX));
	MUST(s.offset > -ZONE_OFFSET_MAX && s.offset < ZONE_OFFSET_MAX);
	MUST(is_same(s, zone_span(z, s.from)));
	if (s.until == INT64_MAX) {
		MUST(is_same(s, zone_span(z, INT64_MAX)));
		return s;
	}
	MUST(is_same(s, zone_span(z, s.until - 1)));
	next = zone_span(z, s.until);
	MUST(next.from == s.until && next.offset != s.offset);
	return s;
}

/* How many instants have that time, by all spans around it; -1: too many. */
static int
count_instants(const struct zone *z, int64_t wall, const int64_t found[2])
{
	struct zone_span s = zone_span(z, wall - ZONE_OFFSET_MAX);
	int n = 0;

	for (int i = 0; i < SPANS_MAX && n < 2; i++) {
		int64_t at = wall - s.offset;

		if (at >= s.from && at < s.until)
			MUST(at == found[n++]);
		if (s.until > wall + ZONE_OFFSET_MAX)
			return n;
		s = zone_span(z, s.until);
	}
	return n < 2 ? -1 : n;
}

static void
check_find(const struct zone *z, int64_t wall)
{
	int64_t found[2] = {0, 0};
	int n = zone_find(z, wall, found), want;

	MUST(n >= 0 && n <= 2);
	for (int i = 0; i < n; i++)
		MUST(found[i] + zone_span(z, found[i]).offset == wall);
	MUST(n < 2 || found[0] < found[1]);
	if (wall > INT64_MIN / 2 && wall < INT64_MAX / 2) {
		want = count_instants(z, wall, found);
		MUST(want == n || want < 0);
	}
}

static void
check_zone(const struct zone *z, int64_t at)
{
	struct zone_span s = check_span(z, INT64_MIN);

	MUST(s.from == INT64_MIN);
	for (int i = 0; i < SPANS_MAX && s.until != INT64_MAX; i++) {
		s = check_span(z, s.until);
		if (s.from > INT64_MIN / 2)
			check_find(z, s.from + s.offset);
	}
	s = check_span(z, INT64_MAX);
	MUST(s.until == INT64_MAX);
	for (int i = 0; i < SPANS_MAX && s.from != INT64_MIN; i++)
		s = check_span(z, s.from - 1);
	check_span(z, at);
	check_find(z, at);
	/* Times that have a rule. */
	check_span(z, at % ((int64_t)1 << 38));
	check_find(z, at % ((int64_t)1 << 38));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone *z = NULL;
	int64_t at;
	int r;

	if (size < sizeof(at))
		return 0;
	size -= sizeof(at);
	memcpy(&at, data + size, sizeof(at));
	r = zone_parse(data, size, &z);
	MUST(r == 0 ? z != NULL : r == -EBADMSG && z == NULL);
	if (r == 0)
		check_zone(z, at);
	zone_free(z);
	return 0;
}
