/*
 * unit: what every unit test needs. One suite a binary, TAP on stdout;
 * meson reads the failures from there, so main always returns 0.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline int
unit_run(Suite *suite)
{
	SRunner *sr = srunner_create(suite);

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	srunner_free(sr);
	return 0;
}

static inline int
unit_hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	ck_assert_msg(c && at, "bad hex digit '%c' in a test table", c);
	return (int)(at - digits);
}

/* "93 01 02 03" -> bytes; returns how many. */
static inline size_t
unit_unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		ck_assert_uint_lt(n, cap);
		out[n++] = (uint8_t)(unit_hex_digit(hex[0]) << 4 |
		                     unit_hex_digit(hex[1]));
		hex += 2;
	}
	return n;
}

#endif
