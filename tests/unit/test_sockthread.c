/*
 * test_sockthread: items that are posted from another thread and closed by a
 * close that hangs for as long as the test wants.
 */
#include "common/sockthread.h"

#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { ITEMS = 200, HANG_MS = 50 };

struct thing {
	struct sockthread_item item; /* first */
	unsigned news, frees;
	bool post_in_news;
};

static struct thing things[ITEMS];
static int gate[2]; /* what close waits for: a byte each */
static struct {
	size_t stack_bytes;
	bool is_blocked;
	int result;
} started;
static atomic_uint settled;

static struct thing *
get(struct sockthread_item *item)
{
	return (struct thing *)item;
}

static int
start(void)
{
	pthread_attr_t attr;
	sigset_t mask;

	pthread_getattr_default_np(&attr);
	pthread_attr_getstacksize(&attr, &started.stack_bytes);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	started.is_blocked = sigismember(&mask, SIGTERM) == 1;
	return started.result;
}

static void
settle(void)
{
	atomic_fetch_add(&settled, 1);
}

static void
wait_at_gate(struct sockthread_item *item)
{
	char c;

	(void)item;
	ck_assert_int_eq(read(gate[0], &c, 1), 1);
}

static void
open_gate(size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(write(gate[1], "", 1), 1);
}

static void
post(struct thing *t)
{
	sockthread_lock();
	sockthread_post(&t->item);
	sockthread_unlock();
}

static void
on_news(struct sockthread_item *item)
{
	struct thing *t = get(item);

	ck_assert_uint_eq(t->frees, 0);
	t->news++;
	if (t->post_in_news) {
		t->post_in_news = false;
		post(t);
	}
}

static void
on_free(struct sockthread_item *item)
{
	get(item)->frees++;
}

static const struct sockthread_ops ops = {.start = start,
    .settle = settle,
    .close = wait_at_gate,
    .news = on_news,
    .free = on_free};

static void
setup(void)
{
	loop_setup();
	memset(things, 0, sizeof(things));
	memset(&started, 0, sizeof(started));
	atomic_store(&settled, 0);
	ck_assert_int_eq(pipe(gate), 0);
}

static void
teardown(void)
{
	if (sockthread_hangs() == 0) {
		close(gate[0]);
		close(gate[1]);
	}
	loop_teardown();
}

static bool
has_news(void *arg)
{
	return ((struct thing *)arg)->news > 0;
}

static bool
are_free(void *arg)
{
	size_t n = *(size_t *)arg;

	for (size_t i = 0; i < n; i++) {
		if (things[i].frees == 0)
			return false;
	}
	return true;
}

static bool
hangs(void *arg)
{
	(void)arg;
	return sockthread_hangs() > HANG_MS;
}

START_TEST(test_start)
{
	pthread_attr_t attr;
	size_t before, after;
	sigset_t mask;

	pthread_getattr_default_np(&attr);
	pthread_attr_getstacksize(&attr, &before);
	pthread_attr_destroy(&attr);
	ck_assert_int_eq(sockthread_init(base, &ops), 0);
	ck_assert(started.is_blocked);
	ck_assert_uint_le(started.stack_bytes, before);
	pthread_getattr_default_np(&attr);
	pthread_attr_getstacksize(&attr, &after);
	pthread_attr_destroy(&attr);
	ck_assert_uint_eq(before, after);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
	ck_assert_int_eq(sockthread_init(base, &ops), -EBUSY);
	sockthread_fini();
	sockthread_fini();
}
END_TEST

START_TEST(test_start_fails)
{
	started.result = -EMFILE;
	ck_assert_int_eq(sockthread_init(base, &ops), -EMFILE);
	started.result = 0;
	ck_assert_int_eq(sockthread_init(base, &ops), 0);
	sockthread_fini();
}
END_TEST

static void *
run_poster(void *arg)
{
	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < ITEMS; i++)
			post(&things[i]);
	}
	return arg;
}

/* Each is told once at least, and not for every post. */
START_TEST(test_post)
{
	pthread_t t;

	ck_assert_int_eq(sockthread_init(base, &ops), 0);
	for (int i = 0; i < 5; i++)
		post(&things[0]);
	loop_until(has_news, &things[0]);
	ck_assert_uint_eq(things[0].news, 1);
	things[0].post_in_news = true;
	post(&things[0]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(things[0].news, 3);
	ck_assert_int_eq(pthread_create(&t, NULL, run_poster, NULL), 0);
	pthread_join(t, NULL);
	for (size_t i = 0; i < ITEMS; i++)
		loop_until(has_news, &things[i]);
	ck_assert_uint_eq(things[ITEMS - 1].news, 1);
	sockthread_fini();
}
END_TEST

START_TEST(test_close)
{
	size_t n = 10;

	ck_assert_int_eq(sockthread_init(base, &ops), 0);
	ck_assert_int_eq(sockthread_hangs(), 0);
	for (size_t i = 0; i < n; i++)
		sockthread_close(&things[i].item);
	ck_assert_int_gt(sockthread_hangs(), 0);
	loop_until(hangs, NULL);
	/* Still told, since it is not closed yet. */
	post(&things[0]);
	loop_until(has_news, &things[0]);
	ck_assert_uint_eq(things[0].frees, 0);
	open_gate(n);
	loop_until(are_free, &n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(things[i].frees, 1);
	ck_assert_int_eq(sockthread_hangs(), 0);
	sockthread_fini();
}
END_TEST

static bool
is_settled(void *arg)
{
	(void)arg;
	return atomic_load(&settled) > 0;
}

/* Once, and what is to be closed is closed all the same. */
START_TEST(test_settle)
{
	size_t n = 2;

	ck_assert_int_eq(sockthread_init(base, &ops), 0);
	open_gate(n);
	sockthread_close(&things[0].item);
	ck_assert_uint_eq(atomic_load(&settled), 0);
	sockthread_settle();
	sockthread_settle();
	sockthread_close(&things[1].item);
	loop_until(are_free, &n);
	loop_until(is_settled, NULL);
	sockthread_settle();
	sockthread_fini();
	ck_assert_uint_eq(atomic_load(&settled), 1);
}
END_TEST

/* What is closed when it ends is freed by it. */
START_TEST(test_fini)
{
	size_t n = 3;

	ck_assert_int_eq(sockthread_init(base, &ops), 0);
	for (size_t i = 0; i < n; i++)
		sockthread_close(&things[i].item);
	open_gate(n);
	sockthread_fini();
	ck_assert(are_free(&n));
}
END_TEST

START_TEST(test_fini_hangs)
{
	size_t n = 1;

	ck_assert_int_eq(sockthread_init(base, &ops), 0);
	sockthread_close(&things[0].item);
	sockthread_fini();
	ck_assert(!are_free(&n));
	ck_assert_int_eq(sockthread_init(base, &ops), -EBUSY);
	ck_assert_int_gt(sockthread_hangs(), 1000);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sockthread");
	TCase *tc = tcase_create("sockthread");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_start);
	tcase_add_test(tc, test_start_fails);
	tcase_add_test(tc, test_post);
	tcase_add_test(tc, test_close);
	tcase_add_test(tc, test_settle);
	tcase_add_test(tc, test_fini);
	tcase_add_test(tc, test_fini_hangs);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
