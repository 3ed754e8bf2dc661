/*
 * test_restart: the restart policy as a function of policy, exit, time and
 * chance.
 */
#include "supervisor/core/restart.h"

#include "unit.h"

#define SECOND 1000

static const struct restart_conf usual = {
    .policy = RESTART_ON_FAILURE,
    .delay_ms = 100,
    .factor_milli = 2000,
    .max_delay_ms = 30 * SECOND,
    .jitter_milli = 0,
    .max_restarts = 5,
    .window_ms = 60 * SECOND,
    .stable_after_ms = 30 * SECOND,
};
static const struct restart_exit crash = {false, false, 0};

static struct restart_state
fresh(const struct restart_conf *conf)
{
	struct restart_state r = {0};

	ck_assert_int_eq(restart_init(&r, conf), 0);
	return r;
}

/* --- policy ------------------------------------------------------------ */

static const struct {
	enum restart_policy policy;
	bool clean;
	bool refused;
	int64_t uptime_ms;
	enum restart_kind want;
} policies[] = {
    {RESTART_ON_FAILURE, true, false, 0, RESTART_STAY},
    {RESTART_ON_FAILURE, false, false, 0, RESTART_LATER},
    {RESTART_ON_FAILURE, false, true, 0, RESTART_STAY},
    {RESTART_ON_FAILURE, true, false, 90 * SECOND, RESTART_STAY},
    {RESTART_ON_FAILURE, false, false, 90 * SECOND, RESTART_NOW},
    {RESTART_ON_FAILURE, false, true, 90 * SECOND, RESTART_STAY},
    {RESTART_ALWAYS, true, false, 0, RESTART_LATER},
    {RESTART_ALWAYS, false, false, 0, RESTART_LATER},
    {RESTART_ALWAYS, false, true, 0, RESTART_STAY},
    {RESTART_ALWAYS, true, false, 90 * SECOND, RESTART_NOW},
    {RESTART_NEVER, true, false, 0, RESTART_STAY},
    {RESTART_NEVER, false, false, 0, RESTART_GIVE_UP},
    {RESTART_NEVER, false, true, 0, RESTART_STAY},
    {RESTART_NEVER, true, false, 90 * SECOND, RESTART_STAY},
    {RESTART_NEVER, false, false, 90 * SECOND, RESTART_GIVE_UP},
};

START_TEST(test_policy)
{
	struct restart_conf conf = usual;
	struct restart_exit e = {
	    policies[_i].clean, policies[_i].refused, policies[_i].uptime_ms};
	struct restart_state r;
	struct restart_verdict v;

	conf.policy = policies[_i].policy;
	r = fresh(&conf);
	v = restart_decide(&r, &conf, &e, 0, 0);
	ck_assert_int_eq((int)v.kind, (int)policies[_i].want);
	ck_assert_int_eq(v.delay_ms, v.kind == RESTART_LATER ? 100 : 0);
	restart_fini(&r);
}
END_TEST

/* --- back-off ---------------------------------------------------------- */

static const struct {
	int64_t delay_ms;
	int64_t factor_milli;
	int64_t max_delay_ms;
	int64_t want[6];
} series[] = {
    {100, 2000, 30000, {100, 200, 400, 800, 1600, 3200}},
    {100, 2000, 500, {100, 200, 400, 500, 500, 500}},
    {100, 1000, 30000, {100, 100, 100, 100, 100, 100}},
    {1000, 1500, 30000, {1000, 1500, 2250, 3375, 5062, 7593}},
    {5000, 2000, 1000, {1000, 1000, 1000, 1000, 1000, 1000}},
    {1, 1500, 30000, {1, 1, 1, 1, 1, 1}},
    {0, 2000, 30000, {0, 0, 0, 0, 0, 0}},
    {86400000, 100000, INT64_C(604800000),
        {86400000, 604800000, 604800000, 604800000, 604800000, 604800000}},
};

START_TEST(test_series)
{
	struct restart_conf conf = usual;
	struct restart_state r;

	conf.delay_ms = series[_i].delay_ms;
	conf.factor_milli = series[_i].factor_milli;
	conf.max_delay_ms = series[_i].max_delay_ms;
	conf.max_restarts = 0;
	r = fresh(&conf);
	for (unsigned n = 0; n < COUNT(series[0].want); n++) {
		struct restart_verdict v =
		    restart_decide(&r, &conf, &crash, n, 0);
		int64_t want = series[_i].want[n];

		ck_assert_int_eq(v.delay_ms, want);
		ck_assert_int_eq(restart_delay(&conf, n), want);
		ck_assert_int_eq(
		    (int)v.kind, want > 0 ? RESTART_LATER : RESTART_NOW);
	}
	restart_fini(&r);
}
END_TEST

/* Two thousand and one values of chance, evenly around the delay. */
START_TEST(test_jitter)
{
	struct restart_conf conf = usual;
	int64_t least = INT64_MAX;
	int64_t most = 0;
	int64_t sum = 0;

	conf.delay_ms = 10000;
	conf.jitter_milli = 10 * 1000;
	for (uint32_t random = 0; random < 2001; random++) {
		struct restart_state r = fresh(&conf);
		struct restart_verdict v =
		    restart_decide(&r, &conf, &crash, 0, random);

		least = v.delay_ms < least ? v.delay_ms : least;
		most = v.delay_ms > most ? v.delay_ms : most;
		sum += v.delay_ms;
		/* Jitter is not what the next delay grows from. */
		v = restart_decide(&r, &conf, &crash, 0, 1000);
		ck_assert_int_eq(v.delay_ms, 20000);
		restart_fini(&r);
	}
	ck_assert_int_eq(least, 9000);
	ck_assert_int_eq(most, 11000);
	ck_assert_int_eq(sum / 2001, 10000);
}
END_TEST

START_TEST(test_jitter_of_all)
{
	struct restart_conf conf = usual;

	conf.jitter_milli = 100 * 1000;
	for (uint32_t i = 0; i < 5000; i++) {
		struct restart_state r = fresh(&conf);
		struct restart_verdict v = restart_decide(
		    &r, &conf, &crash, 0, i * UINT32_C(2654435761));

		ck_assert_int_ge(v.delay_ms, 0);
		ck_assert_int_le(v.delay_ms, 200);
		restart_fini(&r);
	}
}
END_TEST

/* --- window ------------------------------------------------------------ */

START_TEST(test_window)
{
	struct restart_state r = fresh(&usual);
	int64_t now = 1000000;

	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(
		    (int)restart_decide(&r, &usual, &crash, now, 0).kind,
		    RESTART_LATER);
		ck_assert_uint_eq(
		    restart_in_window(&r, &usual, now), (size_t)i + 1);
		now += SECOND;
	}
	ck_assert_int_eq((int)restart_decide(&r, &usual, &crash, now, 0).kind,
	    RESTART_GIVE_UP);
	/* A refused one is not counted, and the first leaves after 60 s. */
	ck_assert_uint_eq(restart_in_window(&r, &usual, now), 5);
	now = 1000000 + usual.window_ms;
	ck_assert_uint_eq(restart_in_window(&r, &usual, now - 1), 5);
	ck_assert_uint_eq(restart_in_window(&r, &usual, now), 4);
	ck_assert_int_eq((int)restart_decide(&r, &usual, &crash, now, 0).kind,
	    RESTART_LATER);
	ck_assert_int_eq(
	    (int)restart_decide(&r, &usual, &crash, now + 1, 0).kind,
	    RESTART_GIVE_UP);
	restart_fini(&r);
}
END_TEST

START_TEST(test_slow_crashes)
{
	struct restart_state r = fresh(&usual);

	for (int64_t now = 0; now < 3600 * SECOND; now += 13 * SECOND)
		ck_assert_int_eq(
		    (int)restart_decide(&r, &usual, &crash, now, 0).kind,
		    RESTART_LATER);
	restart_fini(&r);
}
END_TEST

START_TEST(test_unlimited)
{
	struct restart_conf conf = usual;
	struct restart_state r;

	conf.max_restarts = 0;
	r = fresh(&conf);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_eq(
		    (int)restart_decide(&r, &conf, &crash, 5, 0).kind,
		    RESTART_LATER);
	ck_assert_uint_eq(restart_in_window(&r, &conf, 5), 0);
	restart_fini(&r);
}
END_TEST

START_TEST(test_clear)
{
	struct restart_state r = fresh(&usual);

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++)
			ck_assert_int_eq(
			    restart_decide(&r, &usual, &crash, 7, 0).delay_ms,
			    100 << i);
		ck_assert_int_eq(
		    (int)restart_decide(&r, &usual, &crash, 7, 0).kind,
		    RESTART_GIVE_UP);
		restart_clear(&r);
		ck_assert_uint_eq(restart_in_window(&r, &usual, 7), 0);
	}
	restart_fini(&r);
}
END_TEST

/* --- stable ------------------------------------------------------------ */

START_TEST(test_stable_reset)
{
	struct restart_state r = fresh(&usual);
	struct restart_exit stable = {.uptime_ms = usual.stable_after_ms};
	struct restart_exit almost = {.uptime_ms = usual.stable_after_ms - 1};
	struct restart_verdict v;

	restart_decide(&r, &usual, &crash, 0, 0);
	v = restart_decide(&r, &usual, &almost, 40000, 0);
	ck_assert_int_eq((int)v.kind, RESTART_LATER);
	ck_assert_int_eq(v.delay_ms, 200);
	v = restart_decide(&r, &usual, &stable, 80000, 0);
	ck_assert_int_eq((int)v.kind, RESTART_NOW);
	ck_assert_int_eq(v.delay_ms, 0);
	/* It counts all the same, and the series begins anew. */
	ck_assert_uint_eq(restart_in_window(&r, &usual, 80000), 2);
	v = restart_decide(&r, &usual, &crash, 80000, 0);
	ck_assert_int_eq(v.delay_ms, 100);
	restart_fini(&r);
}
END_TEST

/* --- a new policy ------------------------------------------------------ */

START_TEST(test_reconfigure)
{
	struct restart_conf conf = usual;
	struct restart_state r = fresh(&conf);
	int64_t grown_ms;

	restart_decide(&r, &conf, &crash, 0, 0);
	conf.window_ms = 5 * SECOND; /* the same room: the tally stays */
	ck_assert_int_eq(restart_init(&r, &conf), 0);
	ck_assert_uint_eq(restart_in_window(&r, &conf, 1), 1);
	restart_decide(&r, &conf, &crash, 2 * SECOND, 0);
	restart_decide(&r, &conf, &crash, 3 * SECOND, 0);
	conf.max_restarts = 2; /* room for the newest two of three */
	ck_assert_int_eq(restart_init(&r, &conf), 0);
	ck_assert_uint_eq(restart_in_window(&r, &conf, 4 * SECOND), 2);
	ck_assert_uint_eq(restart_in_window(&r, &conf, 7 * SECOND), 1);
	ck_assert_int_eq(
	    (int)restart_decide(&r, &conf, &crash, 4 * SECOND, 0).kind,
	    RESTART_GIVE_UP);
	conf.max_restarts = 0;
	conf.jitter_milli = 0;
	grown_ms = r.next_delay_ms;
	ck_assert_int_gt(grown_ms, conf.delay_ms);
	ck_assert_int_eq(restart_init(&r, &conf), 0);
	ck_assert_int_eq(
	    restart_decide(&r, &conf, &crash, 4 * SECOND, 0).delay_ms,
	    grown_ms);
	conf.max_delay_ms = conf.delay_ms;
	ck_assert_int_eq(restart_init(&r, &conf), 0);
	ck_assert_int_eq(
	    restart_decide(&r, &conf, &crash, 4 * SECOND, 0).delay_ms,
	    conf.delay_ms);
	restart_fini(&r);
	restart_fini(&r);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("restart");
	TCase *tc = tcase_create("restart");

	tcase_add_loop_test(tc, test_policy, 0, COUNT(policies));
	tcase_add_loop_test(tc, test_series, 0, COUNT(series));
	tcase_add_test(tc, test_jitter);
	tcase_add_test(tc, test_jitter_of_all);
	tcase_add_test(tc, test_window);
	tcase_add_test(tc, test_slow_crashes);
	tcase_add_test(tc, test_unlimited);
	tcase_add_test(tc, test_clear);
	tcase_add_test(tc, test_stable_reset);
	tcase_add_test(tc, test_reconfigure);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
