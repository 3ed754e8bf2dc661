/*
 * test_sockpipe: the table of pipes, told things in every order that nng may
 * tell them in, and more pipes than it holds.
 */
#include "common/sockpipe.h"

#include "unit.h"

static struct sockpipe_table t;
static const struct sock_peer peer = {.pid = 7, .uid = 8};

static void
setup(void)
{
	memset(&t, 0, sizeof(t));
}

static void
add(uint32_t id)
{
	ck_assert(sockpipe_new(&t, id, &peer));
	ck_assert(sockpipe_added(&t, id));
}

/* The newest behind `order`; whether `current` is gone is to be `is_lost`. */
static struct sockpipe
look(uint32_t current, uint64_t order, bool is_lost)
{
	struct sockpipe newest;

	ck_assert(sockpipe_look(&t, current, order, &newest) == is_lost);
	return newest;
}

START_TEST(test_life)
{
	struct sockpipe p;

	ck_assert_uint_eq(look(0, 0, false).id, 0);
	ck_assert(sockpipe_new(&t, 10, &peer));
	ck_assert_uint_eq(look(0, 0, false).id, 0);
	ck_assert(sockpipe_added(&t, 10));
	p = look(0, 0, false);
	ck_assert_uint_eq(p.id, 10);
	ck_assert_int_eq(p.peer.pid, 7);
	ck_assert_uint_eq(p.peer.uid, 8);
	ck_assert_uint_eq(look(10, p.order, false).id, 0);
	ck_assert(sockpipe_gone(&t, 10));
	ck_assert_uint_eq(look(10, p.order, true).id, 0);
	ck_assert(!sockpipe_gone(&t, 10));
	ck_assert_uint_eq(look(10, p.order, false).id, 0);
}
END_TEST

START_TEST(test_newest_wins)
{
	struct sockpipe p;

	add(10);
	add(11);
	ck_assert(sockpipe_new(&t, 12, &peer));
	p = look(0, 0, false);
	ck_assert_uint_eq(p.id, 11);
	ck_assert(sockpipe_added(&t, 12));
	ck_assert_uint_eq(look(11, p.order, false).id, 12);
	/* The older one does not come back. */
	ck_assert(sockpipe_gone(&t, 12));
	ck_assert_uint_eq(look(11, p.order, false).id, 0);
}
END_TEST

START_TEST(test_gone_before_added)
{
	ck_assert(sockpipe_new(&t, 10, &peer));
	ck_assert(sockpipe_gone(&t, 10));
	ck_assert(sockpipe_added(&t, 10));
	ck_assert_uint_eq(look(0, 0, false).id, 0);
	ck_assert(!sockpipe_added(&t, 10));
}
END_TEST

START_TEST(test_drop)
{
	add(10);
	add(11);
	sockpipe_drop(&t, 11);
	sockpipe_drop(&t, 99);
	ck_assert_uint_eq(look(0, 0, false).id, 10);
	sockpipe_drop_all(&t);
	ck_assert_uint_eq(look(0, 0, false).id, 0);
	ck_assert(!sockpipe_admit(&t, 10, 0));
	add(12);
	ck_assert_uint_eq(look(0, 0, false).id, 12);
}
END_TEST

START_TEST(test_admit)
{
	struct sockpipe p;

	ck_assert(!sockpipe_admit(&t, 10, 0));
	ck_assert(sockpipe_new(&t, 10, &peer));
	ck_assert(sockpipe_admit(&t, 10, 0));
	p = look(0, 0, false);
	ck_assert_uint_eq(p.id, 10);
	ck_assert(!sockpipe_admit(&t, 10, p.order));
}
END_TEST

/* More than fit are refused; the places of the gone are free again. */
START_TEST(test_full)
{
	for (uint32_t id = 1; id <= SOCKPIPE_MAX; id++)
		add(id);
	ck_assert(!sockpipe_new(&t, 99, &peer));
	ck_assert(!sockpipe_added(&t, 99));
	ck_assert(sockpipe_gone(&t, 3));
	ck_assert(!sockpipe_new(&t, 99, &peer));
	ck_assert_uint_eq(look(3, 0, true).id, SOCKPIPE_MAX);
	ck_assert(sockpipe_new(&t, 99, &peer));
	ck_assert(!sockpipe_new(&t, 100, &peer) || !sockpipe_gone(&t, 99));
}
END_TEST

/* Those that nng forgot do not fill the table for ever. */
START_TEST(test_forgotten)
{
	struct sockpipe p;

	for (uint32_t id = 1; id <= 10 * SOCKPIPE_MAX; id++)
		ck_assert(sockpipe_new(&t, id, &peer));
	ck_assert(!sockpipe_added(&t, 1));
	ck_assert(sockpipe_added(&t, 10 * SOCKPIPE_MAX));
	p = look(0, 0, false);
	ck_assert_uint_eq(p.id, 10 * SOCKPIPE_MAX);
	ck_assert(sockpipe_new(&t, 1000, &peer));
	ck_assert_uint_eq(look(0, 0, false).id, p.id);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sockpipe");
	TCase *tc = tcase_create("sockpipe");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_life);
	tcase_add_test(tc, test_newest_wins);
	tcase_add_test(tc, test_gone_before_added);
	tcase_add_test(tc, test_drop);
	tcase_add_test(tc, test_admit);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_forgotten);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
