/*
 * test_subs: whatever is subscribed and withdrawn, a topic finds the same as
 * a look at every pattern would, each once.
 */
#include "supervisor/router/subs.h"

#include "common/topic.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHO = 8, PATTERNS = 40, ROUNDS = 4000 };

static struct subs_who who[WHO];
static char held[WHO][PATTERNS][32];

static void
setup(void)
{
	for (int i = 0; i < WHO; i++)
		subs_init(&who[i]);
}

static void
teardown(void)
{
	for (int i = 0; i < WHO; i++)
		subs_remove_all(&who[i]);
}

static size_t
match(const char *topic, bool out[WHO])
{
	struct subs_match m;

	memset(out, 0, WHO * sizeof(*out));
	ck_assert_int_eq(subs_match(topic, strlen(topic), &m), 0);
	for (size_t i = 0; i < m.n; i++) {
		size_t at = (size_t)(m.who[i] - who);

		ck_assert_uint_lt(at, WHO);
		ck_assert(!out[at]);
		ck_assert(!m.who[i]->is_marked);
		out[at] = true;
	}
	return m.n;
}

START_TEST(test_few)
{
	bool is[WHO];

	ck_assert_uint_eq(match("a.b", is), 0);
	ck_assert_int_eq(subs_add(&who[0], "a.b", 3), 0);
	ck_assert_int_eq(subs_add(&who[0], "a.*", 3), 0);
	ck_assert_int_eq(subs_add(&who[0], ">", 1), 0);
	ck_assert_int_eq(subs_add(&who[1], "a.*", 3), 0);
	ck_assert_int_eq(subs_add(&who[1], "a.*", 3), 0);
	ck_assert_uint_eq(who[1].n, 1);
	ck_assert_uint_eq(match("a.b", is), 2);
	ck_assert_uint_eq(match("a.c", is), 2);
	ck_assert_uint_eq(match("a", is), 1);
	subs_remove(&who[0], ">", 1);
	ck_assert_uint_eq(match("a", is), 0);
	subs_remove(&who[0], "nothing", 7);
	subs_remove(&who[1], "a.b", 3); /* another's */
	ck_assert_uint_eq(match("a.b", is), 2);
	subs_remove_all(&who[1]);
	ck_assert_uint_eq(match("a.b", is), 1);
	ck_assert(is[0]);
}
END_TEST

static void
make_pattern(unsigned *seed, char *out, bool is_topic)
{
	static const char *const tokens[] = {"a", "b", "c", "*", ">"};
	int n = 1 + rand_r(seed) % 4;

	out[0] = '\0';
	for (int i = 0; i < n; i++) {
		int t = rand_r(seed) % (is_topic ? 3 : i == n - 1 ? 5 : 4);

		sprintf(out + strlen(out), "%s%s", i > 0 ? "." : "", tokens[t]);
	}
}

static bool
wants(int i, const char *topic)
{
	for (int k = 0; k < PATTERNS; k++) {
		const char *p = held[i][k];

		if (p[0] != '\0' &&
		    topic_covers(p, strlen(p), topic, strlen(topic)))
			return true;
	}
	return false;
}

static bool
holds(int i, const char *pattern)
{
	for (int k = 0; k < PATTERNS; k++) {
		if (strcmp(held[i][k], pattern) == 0)
			return true;
	}
	return false;
}

START_TEST(test_random)
{
	unsigned seed = 4711 + (unsigned)_i;
	char topic[32];
	bool is[WHO];

	for (int round = 0; round < ROUNDS; round++) {
		int i = rand_r(&seed) % WHO;
		char *p = held[i][rand_r(&seed) % PATTERNS];

		if (p[0] != '\0') {
			subs_remove(&who[i], p, strlen(p));
			p[0] = '\0';
		} else {
			make_pattern(&seed, topic, false);
			if (!holds(i, topic)) {
				memcpy(p, topic, sizeof(topic));
				ck_assert_int_eq(
				    subs_add(&who[i], p, strlen(p)), 0);
			}
		}
		make_pattern(&seed, topic, true);
		match(topic, is);
		for (i = 0; i < WHO; i++)
			ck_assert_msg(
			    is[i] == wants(i, topic), "%s, %d", topic, i);
	}
}
END_TEST

START_TEST(test_limit)
{
	char pattern[32];

	for (int i = 0; i < SUBS_EACH_MAX; i++) {
		int n = snprintf(pattern, sizeof(pattern), "t.%d", i);

		ck_assert_int_eq(subs_add(&who[0], pattern, (size_t)n), 0);
	}
	ck_assert_int_eq(subs_add(&who[0], "more", 4), -ENOSPC);
	ck_assert_int_eq(subs_add(&who[0], "t.7", 3), 0);
	ck_assert_int_eq(subs_add(&who[1], "more", 4), 0);
	subs_remove(&who[0], "t.7", 3);
	ck_assert_int_eq(subs_add(&who[0], "more", 4), 0);
}
END_TEST

static bool
is_short(void *arg, const char *pattern, size_t len)
{
	unsigned *seen = arg;
	static const char *const all[] = {">", "a", "a.b", "a.*.>"};

	for (unsigned i = 0; i < 4; i++) {
		if (strlen(all[i]) == len && memcmp(all[i], pattern, len) == 0)
			*seen |= 1U << i;
	}
	return len < 3;
}

/* Each is asked about as it was added. */
START_TEST(test_revoked)
{
	unsigned seen = 0;
	bool is[WHO];

	ck_assert_int_eq(subs_add(&who[0], "a.*.>", 5), 0);
	ck_assert_int_eq(subs_add(&who[0], "a.b", 3), 0);
	ck_assert_int_eq(subs_add(&who[0], "a", 1), 0);
	ck_assert_int_eq(subs_add(&who[1], "a.b", 3), 0);
	ck_assert_uint_eq(subs_remove_unless(&who[0], is_short, &seen), 2);
	ck_assert_uint_eq(seen, 1U << 1 | 1U << 2 | 1U << 3);
	ck_assert_uint_eq(match("a", is), 1);
	ck_assert_uint_eq(match("a.b", is), 1);
	ck_assert(is[1]);
	ck_assert_uint_eq(match("a.b.c", is), 0);
	ck_assert_uint_eq(subs_remove_unless(&who[0], is_short, &seen), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("subs");
	TCase *tc = tcase_create("subs");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_few);
	tcase_add_loop_test(tc, test_random, 0, 4);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_revoked);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
