/*
 * test_escape: what is harmless stays, everything else becomes \xNN, and no
 * buffer length splits an escape or a character.
 */
#include "common/escape.h"

#include "unit.h"

#include <stdlib.h>

#define IN(s) s, sizeof(s) - 1

static const struct {
	const char *name;
	const char *in;
	size_t len;
	const char *want;
} cases[] = {
    {"empty", IN(""), ""},
    {"plain", IN("redis: ready ~"), "redis: ready ~"},
    {"tab stays", IN("a\tb"), "a\tb"},
    {"backslash stays", IN("\\x41"), "\\x41"},
    {"newline", IN("a\nb"), "a\\x0ab"},
    {"carriage return", IN("a\rb"), "a\\x0db"},
    {"nul", IN("a\0b"), "a\\x00b"},
    {"escape sequence", IN("\x1b[31m"), "\\x1b[31m"},
    {"delete", IN("\x7f"), "\\x7f"},
    {"umlaut", IN("\xc3\xa4"), "\xc3\xa4"},
    {"euro", IN("\xe2\x82\xac"), "\xe2\x82\xac"},
    {"emoji", IN("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80"},
    {"C1 CSI", IN("\xc2\x9b"), "\\xc2\\x9b"},
    {"last C1", IN("\xc2\x9f"), "\\xc2\\x9f"},
    {"after C1", IN("\xc2\xa0"), "\xc2\xa0"},
    {"raw C1 byte", IN("\x9b"), "\\x9b"},
    {"line separator", IN("\xe2\x80\xa8"), "\\xe2\\x80\\xa8"},
    {"override", IN("\xe2\x80\xae"), "\\xe2\\x80\\xae"},
    {"before separators", IN("\xe2\x80\xa7"), "\xe2\x80\xa7"},
    {"after overrides", IN("\xe2\x80\xaf"), "\xe2\x80\xaf"},
    {"isolate", IN("\xe2\x81\xa6"), "\\xe2\\x81\\xa6"},
    {"last isolate", IN("\xe2\x81\xa9"), "\\xe2\\x81\\xa9"},
    {"before isolates", IN("\xe2\x81\xa5"), "\xe2\x81\xa5"},
    {"after isolates", IN("\xe2\x81\xaa"), "\xe2\x81\xaa"},
    {"overlong slash", IN("\xc0\xaf"), "\\xc0\\xaf"},
    {"overlong 3", IN("\xe0\x80\xaf"), "\\xe0\\x80\\xaf"},
    {"surrogate", IN("\xed\xa0\x80"), "\\xed\\xa0\\x80"},
    {"too high", IN("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"},
    {"cut off", IN("a\xe2\x82"), "a\\xe2\\x82"},
    {"broken then good", IN("\xe2\x82z\xc3\xa4"), "\\xe2\\x82z\xc3\xa4"},
};

START_TEST(test_text)
{
	char out[128];
	size_t used, n;

	n = escape_text(out, sizeof(out), cases[_i].in, cases[_i].len, &used);
	ck_assert_str_eq(out, cases[_i].want);
	ck_assert_uint_eq(n, strlen(cases[_i].want));
	ck_assert_uint_eq(used, cases[_i].len);
	ck_assert(escape_clean(out, n));
	ck_assert_int_eq(escape_clean(cases[_i].in, cases[_i].len),
	    n == cases[_i].len && memcmp(out, cases[_i].in, n) == 0);
}
END_TEST

/* Every capacity: a clean prefix, and the rest gives the rest. */
START_TEST(test_every_capacity)
{
	size_t len = cases[_i].len, n, rest, used;
	char out[128], *exact;

	for (size_t cap = 0; cap <= 4 * len + 1; cap++) {
		exact = malloc(cap ? cap : 1); /* bounds under ASan */
		n = escape_text(exact, cap, cases[_i].in, len, &used);
		ck_assert_uint_le(used, len);
		ck_assert(n < cap || (n == 0 && cap == 0));
		ck_assert(cap == 0 || exact[n] == '\0');
		if (cap > 0)
			ck_assert(escape_clean(exact, n));
		memcpy(out, exact, n);
		free(exact);
		rest = escape_text(out + n, sizeof(out) - n,
		    cases[_i].in + used, len - used, NULL);
		ck_assert_str_eq(out, cases[_i].want);
		ck_assert_uint_eq(n + rest, strlen(cases[_i].want));
	}
}
END_TEST

static size_t
encode(uint32_t c, size_t len, unsigned char out[4])
{
	static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		out[i] = (unsigned char)(0x80 | (c & 0x3f));
	out[0] = (unsigned char)((len > 1 ? marks[len] : 0) | c);
	return len;
}

/* Every number in every length that can hold it. */
START_TEST(test_utf8_all_code_points)
{
	static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};
	static const uint32_t max[] = {0, 0x7f, 0x7ff, 0xffff, 0x1fffff};
	unsigned char in[5] = {0};

	for (size_t len = 1; len <= 4; len++) {
		for (uint32_t c = 0; c <= max[len]; c++) {
			bool valid = c >= min[len] && c <= 0x10ffff &&
			             (c < 0xd800 || c > 0xdfff);

			encode(c, len, in);
			if (escape_utf8_len(in, len) != (valid ? len : 0))
				ck_abort_msg("U+%04X in %zu bytes", c, len);
		}
	}
}
END_TEST

START_TEST(test_utf8_broken)
{
	static const uint32_t points[] = {0xe4, 0x20ac, 0x1f600};
	unsigned char in[5] = {0};
	size_t len;

	ck_assert_uint_eq(escape_utf8_len(in, 0), 0);
	for (size_t i = 0; i < COUNT(points); i++) {
		len = encode(points[i], i + 2, in);
		in[len] = 'x';
		ck_assert_uint_eq(escape_utf8_len(in, len + 1), len);
		for (size_t cut = 1; cut < len; cut++) {
			unsigned char keep = in[cut];

			ck_assert_uint_eq(escape_utf8_len(in, cut), 0);
			in[cut] = 'x';
			ck_assert_uint_eq(escape_utf8_len(in, len), 0);
			in[cut] = 0xc0;
			ck_assert_uint_eq(escape_utf8_len(in, len), 0);
			in[cut] = keep;
		}
	}
	for (unsigned c = 0xf5; c <= 0xff; c++) {
		memset(in, 0x80, sizeof(in));
		in[0] = (unsigned char)c;
		ck_assert_uint_eq(escape_utf8_len(in, sizeof(in)), 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("escape");
	TCase *tc = tcase_create("escape");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, test_text, 0, COUNT(cases));
	tcase_add_loop_test(tc, test_every_capacity, 0, COUNT(cases));
	tcase_add_test(tc, test_utf8_all_code_points);
	tcase_add_test(tc, test_utf8_broken);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
