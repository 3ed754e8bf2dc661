/*
 * test_buf: growth, limits and sticky errors of the byte buffer, and what
 * happens when each of its allocations fails (realloc is wrapped).
 */
#include "common/buf.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

static int allocations_left = -1; /* -1: never fails */

void *
__wrap_realloc(void *p, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return __real_realloc(p, size);
}

START_TEST(test_starts_empty)
{
	struct buf b;

	buf_init(&b, 10);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(buf_error(&b), 0);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_fini(&b);
}
END_TEST

START_TEST(test_appends)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	ck_assert_int_eq(buf_append(&b, "ab\0c", 4), 0);
	ck_assert_int_eq(buf_puts(&b, "de"), 0);
	ck_assert_int_eq(buf_putc(&b, 'f'), 0);
	ck_assert_int_eq(buf_append(&b, NULL, 0), 0);
	ck_assert_int_eq(buf_printf(&b, "%03d%s", 7, "!"), 0);
	ck_assert_uint_eq(b.len, 11);
	ck_assert_mem_eq(b.data, "ab\0cdef007!", 11);
	buf_fini(&b);
	ck_assert_ptr_null(b.data);
	ck_assert_int_eq(buf_puts(&b, "again"), 0);
	ck_assert_str_eq(buf_cstr(&b), "again");
	buf_fini(&b);
}
END_TEST

START_TEST(test_grows_by_doubling)
{
	enum { LEN = 1 << 16 };
	size_t last = 0;
	struct buf b;
	int moves = 0;

	buf_init(&b, LEN);
	for (int i = 0; i < LEN; i++) {
		if (buf_putc(&b, (char)i) || b.len >= b.cap)
			ck_abort_msg("at %d of %d bytes", i, (int)b.cap);
		moves += b.cap != last;
		last = b.cap;
	}
	ck_assert_int_lt(moves, 12);
	ck_assert_uint_le(b.cap, LEN + 1);
	for (int i = 0; i < LEN; i++) {
		if (b.data[i] != (uint8_t)i)
			ck_abort_msg("byte %d is %d", i, b.data[i]);
	}
	buf_fini(&b);
}
END_TEST

static const struct {
	size_t limit, first, second;
	int want_first, want_second;
} limit_cases[] = {
    {0, 0, 0, 0, 0},
    {0, 1, 0, -EMSGSIZE, -EMSGSIZE},
    {1, 1, 0, 0, 0},
    {1, 1, 1, 0, -EMSGSIZE},
    {10, 4, 6, 0, 0},
    {10, 4, 7, 0, -EMSGSIZE},
    {10, 4, SIZE_MAX, 0, -EMSGSIZE},
    {10, 11, 1, -EMSGSIZE, -EMSGSIZE},
    {256, 255, 1, 0, 0},
    {256, 256, 1, 0, -EMSGSIZE},
    {300, 256, 44, 0, 0},
    {300, 256, 45, 0, -EMSGSIZE},
};

START_TEST(test_limit)
{
	static const uint8_t zeros[512];
	struct buf b;

	buf_init(&b, limit_cases[_i].limit);
	ck_assert_int_eq(buf_append(&b, zeros, limit_cases[_i].first),
	    limit_cases[_i].want_first);
	ck_assert_int_eq(buf_append(&b, zeros, limit_cases[_i].second),
	    limit_cases[_i].want_second);
	ck_assert_int_eq(buf_error(&b), limit_cases[_i].want_second);
	ck_assert_uint_le(b.len, limit_cases[_i].limit);
	ck_assert_uint_le(b.cap, limit_cases[_i].limit + 1);
	buf_fini(&b);
}
END_TEST

START_TEST(test_printf_at_limit)
{
	struct buf b;

	buf_init(&b, 5);
	ck_assert_int_eq(buf_printf(&b, "%s", "12345"), 0);
	ck_assert_str_eq(buf_cstr(&b), "12345");
	ck_assert_int_eq(buf_printf(&b, "%s", ""), 0);
	ck_assert_int_eq(buf_printf(&b, "%d", 6), -EMSGSIZE);
	ck_assert_int_eq(buf_printf(&b, "%s", ""), -EMSGSIZE);
	ck_assert_str_eq(buf_cstr(&b), "12345");
	buf_fini(&b);
}
END_TEST

START_TEST(test_error_sticks)
{
	struct buf b;

	buf_init(&b, 3);
	buf_puts(&b, "ab");
	ck_assert_int_eq(buf_puts(&b, "cd"), -EMSGSIZE);
	ck_assert_int_eq(buf_putc(&b, 'c'), -EMSGSIZE);
	ck_assert_ptr_null(buf_reserve(&b, 1));
	ck_assert_str_eq(buf_cstr(&b), "ab");
	buf_reset(&b);
	ck_assert_int_eq(buf_error(&b), 0);
	ck_assert_int_eq(buf_puts(&b, "xyz"), 0);
	ck_assert_str_eq(buf_cstr(&b), "xyz");
	buf_fini(&b);
}
END_TEST

START_TEST(test_reserve)
{
	struct buf b;
	uint8_t *p;

	buf_init(&b, 1000);
	buf_putc(&b, 'a');
	p = buf_reserve(&b, 600);
	ck_assert_ptr_nonnull(p);
	memset(p, 'b', 600);
	b.len += 600;
	ck_assert_uint_eq(strlen(buf_cstr(&b)), 601);
	ck_assert_ptr_nonnull(buf_reserve(&b, 399));
	ck_assert_ptr_null(buf_reserve(&b, 400));
	ck_assert_int_eq(buf_error(&b), -EMSGSIZE);
	buf_fini(&b);
}
END_TEST

START_TEST(test_consume)
{
	const char *digits = "0123456789";
	struct buf b;

	buf_init(&b, 100);
	buf_consume(&b, 0);
	buf_puts(&b, digits);
	for (int i = 1; i <= 10; i++) {
		buf_consume(&b, 1);
		ck_assert_uint_eq(b.len, 10 - i);
		ck_assert_str_eq(buf_cstr(&b), digits + i);
	}
	buf_puts(&b, "abc");
	buf_consume(&b, 3);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(test_fixed_never_allocates)
{
	char storage[8];
	struct buf b;

	allocations_left = 0;
	buf_init_fixed(&b, storage, sizeof(storage));
	ck_assert_int_eq(buf_puts(&b, "1234567"), 0);
	ck_assert_ptr_eq(b.data, storage);
	ck_assert_str_eq(buf_cstr(&b), "1234567");
	ck_assert_int_eq(buf_putc(&b, '8'), -EMSGSIZE);
	allocations_left = -1;
}
END_TEST

/* The n-th allocation fails: what was written before it stays. */
START_TEST(test_out_of_memory)
{
	struct buf b;
	size_t len;
	int r = 0;

	buf_init(&b, 1 << 16);
	allocations_left = _i;
	for (int i = 0; i < 1 << 12 && r == 0; i++)
		r = buf_puts(&b, "x");
	len = b.len;
	ck_assert_int_eq(r, -ENOMEM);
	ck_assert_int_eq(buf_printf(&b, "%d", 1), -ENOMEM);
	ck_assert_ptr_null(buf_reserve(&b, 1));
	ck_assert_int_eq(buf_error(&b), -ENOMEM);
	ck_assert_uint_eq(strlen(buf_cstr(&b)), len);
	allocations_left = -1;
	ck_assert_int_eq(buf_puts(&b, "x"), -ENOMEM);
	buf_reset(&b);
	ck_assert_int_eq(buf_printf(&b, "%d", 1), 0);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("buf");
	TCase *tc = tcase_create("buf");

	tcase_add_test(tc, test_starts_empty);
	tcase_add_test(tc, test_appends);
	tcase_add_test(tc, test_grows_by_doubling);
	tcase_add_loop_test(tc, test_limit, 0, COUNT(limit_cases));
	tcase_add_test(tc, test_printf_at_limit);
	tcase_add_test(tc, test_error_sticks);
	tcase_add_test(tc, test_reserve);
	tcase_add_test(tc, test_consume);
	tcase_add_test(tc, test_fixed_never_allocates);
	tcase_add_loop_test(tc, test_out_of_memory, 0, 4);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
