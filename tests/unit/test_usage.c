/*
 * test_usage: what a process uses, from the kernel's text, and really.
 */
#include "core.h"

#include "supervisor/core/usage.h"

#include <errno.h>
#include <unistd.h>

#define BEHIND_NAME                                                         \
	" S 1 7 7 0 -1 4194560 100 200 3 4 250 50 9 8 20 0 14 0 12345 999 " \
	"1234 18446744073709551615 1 2\n"

static const struct {
	const char *text;
	int64_t cpu_ms;
	int64_t rss_bytes;
} good[] = {
    {"42 (sleep)" BEHIND_NAME, 3000, 1234 * 4096},
    {"42 (a) R 1 (b)" BEHIND_NAME, 3000, 1234 * 4096},
    {"42 ())" BEHIND_NAME, 3000, 1234 * 4096},
};

START_TEST(test_good)
{
	struct usage u;

	ck_assert_int_eq(usage_parse(good[_i].text, 100, 4096, &u), 0);
	ck_assert_int_eq(u.cpu_ms, good[_i].cpu_ms);
	ck_assert_int_eq(u.rss_bytes, good[_i].rss_bytes);
}
END_TEST

static const char *const bad[] = {
    "",
    "42",
    "42 (sleep)",
    "42 (sleep) S 1 7 7 0 -1 4194560 100 200 3 4 250 50",
    "42 (sleep) S 1 7 7 0 -1 4194560 100 200 3 4 x 50 9 8 20 0 14 0 12345 999 "
    "1234 1",
    "42 (sleep) S 1 7 7 0 -1 4194560 100 200 3 4 2 50 9 8 20 0 14 0 12345 999 "
    "x 1",
};

START_TEST(test_bad)
{
	struct usage u = {7, 7};

	ck_assert_int_eq(usage_parse(bad[_i], 100, 4096, &u), -EBADMSG);
	ck_assert_int_eq(u.cpu_ms, 7);
}
END_TEST

START_TEST(test_real)
{
	struct usage u;

	ck_assert_int_eq(usage_read(getpid(), &u), 0);
	ck_assert_int_ge(u.cpu_ms, 0);
	ck_assert_int_gt(u.rss_bytes, 4096);
	ck_assert_int_lt(usage_read(0x7ffffff0, &u), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("usage");
	TCase *tc = tcase_create("usage");

	tcase_add_loop_test(tc, test_good, 0, COUNT(good));
	tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
	tcase_add_test(tc, test_real);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
