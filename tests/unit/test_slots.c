/* test_slots: numbers that are never used twice. */
#include "unit.h"

#include "common/slots.h"

enum { MANY = 5000 };

static int things[MANY];
static uint64_t numbers[MANY];

START_TEST(test_life)
{
	struct slots s = {0};
	uint64_t a, b;

	ck_assert_ptr_null(slots_get(&s, 0));
	ck_assert_ptr_null(slots_at(&s, 0));
	slots_remove(&s, 7);
	a = slots_add(&s, &things[0]);
	ck_assert_uint_ne(a, 0);
	ck_assert_ptr_eq(slots_get(&s, a), &things[0]);
	slots_remove(&s, a);
	ck_assert_ptr_null(slots_get(&s, a));
	slots_remove(&s, a);
	ck_assert_uint_eq(s.used, 0);
	/* The same place, another number. */
	b = slots_add(&s, &things[1]);
	ck_assert_uint_ne(a, b);
	ck_assert_ptr_null(slots_get(&s, a));
	slots_remove(&s, a);
	ck_assert_ptr_eq(slots_get(&s, b), &things[1]);
	slots_fini(&s);
}
END_TEST

START_TEST(test_many)
{
	struct slots s = {0};
	size_t seen = 0;

	for (int i = 0; i < MANY; i++) {
		numbers[i] = slots_add(&s, &things[i]);
		ck_assert_uint_ne(numbers[i], 0);
	}
	for (int i = 0; i < MANY; i += 2)
		slots_remove(&s, numbers[i]);
	ck_assert_uint_eq(s.used, MANY / 2);
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_eq(
		    slots_get(&s, numbers[i]), i % 2 == 0 ? NULL : &things[i]);
	for (size_t i = 0; i < s.n; i++)
		seen += slots_at(&s, i) != NULL;
	ck_assert_uint_eq(seen, MANY / 2);
	/* Free places are taken before there are more. */
	seen = s.n;
	for (int i = 0; i < MANY; i += 2)
		numbers[i] = slots_add(&s, &things[i]);
	ck_assert_uint_eq(s.n, seen);
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_eq(slots_get(&s, numbers[i]), &things[i]);
	slots_fini(&s);
	ck_assert_ptr_null(slots_get(&s, numbers[0]));
}
END_TEST

START_TEST(test_full)
{
	struct slots s = {0};
	int n = 0;

	while (n <= SLOTS_MAX && slots_add(&s, &things[0]) != 0)
		n++;
	ck_assert_int_eq(n, SLOTS_MAX);
	ck_assert_uint_eq(slots_add(&s, &things[0]), 0);
	slots_fini(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("slots");
	TCase *tc = tcase_create("slots");

	tcase_add_test(tc, test_life);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_full);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
