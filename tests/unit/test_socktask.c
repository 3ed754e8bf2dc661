/*
 * test_socktask: nng's callbacks run on one thread, whichever that is.
 */
#include "common/socktask.h"

#include "unit.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { CALLBACKS = 64, ROUNDS = 1000, WORK_US = 200, LATE_MS = 60000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t seen[CALLBACKS];
static size_t nseen;
static atomic_uint ran;

static void
rest_us(long us)
{
	const struct timespec t = {.tv_nsec = us * 1000};

	nanosleep(&t, NULL);
}

/* Takes long enough for others to take the next ones. */
static void
note_thread(void *arg)
{
	size_t i = 0;

	(void)arg;
	pthread_mutex_lock(&lock);
	while (i < nseen && !pthread_equal(seen[i], pthread_self()))
		i++;
	if (i == nseen)
		seen[nseen++] = pthread_self();
	pthread_mutex_unlock(&lock);
	rest_us(WORK_US);
	atomic_fetch_add(&ran, 1);
}

/* How many threads it takes to run many callbacks. */
static size_t
count_workers(void)
{
	static nng_aio *aio[CALLBACKS];

	nseen = 0;
	atomic_store(&ran, 0);
	for (int i = 0; i < CALLBACKS; i++) {
		if (aio[i] == NULL)
			ck_assert_int_eq(
			    nng_aio_alloc(&aio[i], note_thread, NULL), 0);
		nng_sleep_aio(0, aio[i]);
	}
	for (int ms = 0; atomic_load(&ran) < CALLBACKS && ms < LATE_MS; ms++)
		rest_us(1000);
	ck_assert_uint_eq(atomic_load(&ran), CALLBACKS);
	return nseen;
}

START_TEST(test_one)
{
	size_t n = 0;

	/* All of them have their names once they have worked. */
	for (int i = 0; i < ROUNDS && n < 2; i++)
		n = count_workers();
	ck_assert_uint_ge(n, 2);
	for (int i = 0; i < 3; i++)
		socktask_leave_one();
	for (int i = 0; i < ROUNDS && n != 1; i++)
		n = count_workers();
	ck_assert_uint_eq(n, 1);
	/* That one goes on. */
	ck_assert_uint_eq(count_workers(), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("socktask");
	TCase *tc = tcase_create("socktask");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_one);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
