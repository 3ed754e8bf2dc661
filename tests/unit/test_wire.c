/*
 * test_wire: what validates, what does not, and that the cursor and the
 * writers agree with the msgpack specification byte by byte.
 */
#include "common/wire.h"

#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool is_out_of_memory;

void *
__wrap_realloc(void *p, size_t size)
{
	return is_out_of_memory ? NULL : __real_realloc(p, size);
}

/* clang-format off */
static const struct {
	const char *name;
	const char *hex;
	enum wire_type type;
} valid[] = {
	{"nil",            "c0", WIRE_NIL},
	{"false",          "c2", WIRE_BOOL},
	{"true",           "c3", WIRE_BOOL},
	{"0",              "00", WIRE_UINT},
	{"127",            "7f", WIRE_UINT},
	{"-1",             "ff", WIRE_INT},
	{"-32",            "e0", WIRE_INT},
	{"uint8",          "cc ff", WIRE_UINT},
	{"uint16",         "cd ffff", WIRE_UINT},
	{"uint32",         "ce ffffffff", WIRE_UINT},
	{"uint64",         "cf ffffffffffffffff", WIRE_UINT},
	{"int8 < 0",       "d0 80", WIRE_INT},
	{"int8 >= 0",      "d0 05", WIRE_UINT},
	{"int16 < 0",      "d1 8000", WIRE_INT},
	{"int16 >= 0",     "d1 7fff", WIRE_UINT},
	{"int32 < 0",      "d2 80000000", WIRE_INT},
	{"int32 >= 0",     "d2 00000000", WIRE_UINT},
	{"int64 < 0",      "d3 8000000000000000", WIRE_INT},
	{"int64 >= 0",     "d3 7fffffffffffffff", WIRE_UINT},
	{"float32",        "ca 3f800000", WIRE_DOUBLE},
	{"float64",        "cb 3ff0000000000000", WIRE_DOUBLE},
	{"NaN",            "cb 7ff8000000000000", WIRE_DOUBLE},
	{"fixstr",         "a3 616263", WIRE_STR},
	{"empty str",      "a0", WIRE_STR},
	{"str8",           "d9 01 61", WIRE_STR},
	{"str16",          "da 0001 61", WIRE_STR},
	{"str32",          "db 00000001 61", WIRE_STR},
	{"UTF-8",          "a9 c3a4 e282ac f09f9880", WIRE_STR},
	{"UTF-8 late",     "ae 61626364 65666768 69 6a6b6c c3a4", WIRE_STR},
	{"NUL in str",     "a1 00", WIRE_STR},
	{"bin8",           "c4 02 ff00", WIRE_BIN},
	{"bin16",          "c5 0002 ff00", WIRE_BIN},
	{"bin32",          "c6 00000002 ff00", WIRE_BIN},
	{"empty array",    "90", WIRE_ARRAY},
	{"array",          "93 01 02 03", WIRE_ARRAY},
	{"array16",        "dc 0001 c0", WIRE_ARRAY},
	{"array32",        "dd 00000001 c0", WIRE_ARRAY},
	{"empty map",      "80", WIRE_MAP},
	{"map",            "82 a161 01 a162 92 c0 c2", WIRE_MAP},
	{"map16",          "de 0001 01 02", WIRE_MAP},
	{"map32",          "df 00000001 01 02", WIRE_MAP},
	{"map with array key", "81 91 c0 80", WIRE_MAP},
	{"request",        "94 01 cd 0193 07 91 91 a5 7265646973", WIRE_ARRAY},
};

static const struct {
	const char *name;
	const char *hex;
	unsigned max_depth;
	int want;
} invalid[] = {
	{"nothing",            "", 16, -ENODATA},
	{"never used",         "c1", 16, -EBADMSG},
	{"never used inside",  "92 01 c1", 16, -EBADMSG},
	{"ext8",               "c7 01 01 00", 16, -EBADMSG},
	{"ext16",              "c8 0001 01 00", 16, -EBADMSG},
	{"ext32",              "c9 00000001 01 00", 16, -EBADMSG},
	{"fixext1",            "d4 01 00", 16, -EBADMSG},
	{"fixext2",            "d5 01 0000", 16, -EBADMSG},
	{"timestamp",          "d6 ff 00000000", 16, -EBADMSG},
	{"fixext8",            "d7 ff 0000000000000000", 16, -EBADMSG},
	{"fixext16",           "d8 01 00000000000000000000000000000000", 16, -EBADMSG},
	{"byte behind",        "c0 c0", 16, -EBADMSG},
	{"byte behind array",  "91 c0 c0", 16, -EBADMSG},
	{"bad UTF-8",          "a1 ff", 16, -EBADMSG},
	{"overlong UTF-8",     "a2 c0af", 16, -EBADMSG},
	{"surrogate",          "a3 eda080", 16, -EBADMSG},
	{"UTF-8 cut by length", "a8 61626364 656667 c3 a4", 16, -EBADMSG},
	{"array bomb",         "dd ffffffff", 16, -ENODATA},
	{"array bomb nested",  "91 91 dd ffffffff c0", 16, -ENODATA},
	{"map bomb",           "df ffffffff 01 02", 16, -ENODATA},
	{"map of half pairs",  "82 01 02 03", 16, -ENODATA},
	{"str bomb",           "db ffffffff 61", 16, -ENODATA},
	{"bin bomb",           "c6 ffffffff 61", 16, -ENODATA},
	{"too deep at 0",      "90", 0, -E2BIG},
	{"too deep at 1",      "91 90", 1, -E2BIG},
	{"too deep in a map",  "81 81 01 02 03", 1, -E2BIG},
	{"17 levels", "91 9191919191919191 9191919191919191 c0", 99, -E2BIG},
};
/* clang-format on */

START_TEST(test_valid)
{
	struct wire_cursor c;
	uint8_t in[64];
	size_t len = unit_unhex(valid[_i].hex, in, sizeof(in));

	ck_assert_int_eq(wire_validate(in, len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&c, in, len);
	ck_assert_int_eq((int)wire_peek(&c), (int)valid[_i].type);
	ck_assert_ptr_eq(c.p, in);
	ck_assert_int_eq(wire_skip(&c), 0);
	ck_assert_ptr_eq(c.p, in + len);
	ck_assert_int_eq((int)wire_peek(&c), WIRE_END);
	ck_assert_int_eq(wire_skip(&c), -EPROTO);
}
END_TEST

/* Every cut is told as one, and the cursor stays inside it. */
START_TEST(test_valid_truncated)
{
	uint8_t in[64], *cut;
	struct wire_cursor c;
	size_t len;

	for (size_t i = 0; i < COUNT(valid); i++) {
		len = unit_unhex(valid[i].hex, in, sizeof(in));
		for (size_t n = 0; n < len; n++) {
			cut = malloc(n ? n : 1); /* bounds under ASan */
			memcpy(cut, in, n);
			wire_cursor_init(&c, cut, n);
			if (wire_validate(cut, n, 16) != -ENODATA ||
			    wire_skip(&c) != -EPROTO || c.p != cut)
				ck_abort_msg("%s, %zu of %zu bytes",
				    valid[i].name, n, len);
			free(cut);
		}
	}
}
END_TEST

/* Every byte replaced by every other: what still validates can be walked. */
START_TEST(test_valid_mutated)
{
	struct wire_cursor c;
	uint8_t in[64], keep;
	size_t len;

	for (size_t i = 0; i < COUNT(valid); i++) {
		len = unit_unhex(valid[i].hex, in, sizeof(in));
		for (size_t at = 0; at < len; at++) {
			keep = in[at];
			for (unsigned v = 0; v < 256; v++) {
				in[at] = (uint8_t)v;
				wire_cursor_init(&c, in, len);
				if (wire_validate(in, len, 16) == 0 &&
				    (wire_skip(&c) || c.p != in + len))
					ck_abort_msg("%s, byte %zu as %02x",
					    valid[i].name, at, v);
			}
			in[at] = keep;
		}
	}
}
END_TEST

START_TEST(test_invalid)
{
	uint8_t in[64];
	size_t len = unit_unhex(invalid[_i].hex, in, sizeof(in));

	ck_assert_int_eq(
	    wire_validate(in, len, invalid[_i].max_depth), invalid[_i].want);
}
END_TEST

START_TEST(test_depth_limit)
{
	uint8_t in[WIRE_MAX_DEPTH + 2];

	memset(in, 0x91, sizeof(in));
	for (unsigned depth = 0; depth <= WIRE_MAX_DEPTH; depth++) {
		in[depth] = 0xc0;
		ck_assert_int_eq(wire_validate(in, depth + 1, depth), 0);
		if (depth > 0)
			ck_assert_int_eq(
			    wire_validate(in, depth + 1, depth - 1), -E2BIG);
		in[depth] = 0x91;
	}
}
END_TEST

/* UTF-8 is checked at every offset of the eight-byte steps. */
START_TEST(test_utf8_every_offset)
{
	char text[64];

	for (size_t len = 1; len < 40; len++) {
		for (size_t at = 0; at < len; at++) {
			uint8_t in[64] = {0xd9, (uint8_t)len};

			memset(text, 'a', sizeof(text));
			text[at] = (char)0xff;
			memcpy(in + 2, text, len);
			ck_assert_int_eq(
			    wire_validate(in, len + 2, 1), -EBADMSG);
			in[2 + at] = 'b';
			ck_assert_int_eq(wire_validate(in, len + 2, 1), 0);
		}
	}
}
END_TEST

enum put { PUT_UINT, PUT_INT };

/* clang-format off */
static const struct {
	enum put put;
	uint64_t value;
	const char *hex;
} integers[] = {
	{PUT_UINT, 0, "00"},
	{PUT_UINT, 127, "7f"},
	{PUT_UINT, 128, "cc 80"},
	{PUT_UINT, 255, "cc ff"},
	{PUT_UINT, 256, "cd 0100"},
	{PUT_UINT, 65535, "cd ffff"},
	{PUT_UINT, 65536, "ce 00010000"},
	{PUT_UINT, UINT32_MAX, "ce ffffffff"},
	{PUT_UINT, UINT32_MAX + UINT64_C(1), "cf 0000000100000000"},
	{PUT_UINT, UINT64_MAX, "cf ffffffffffffffff"},
	{PUT_INT, 5, "05"},
	{PUT_INT, INT64_MAX, "cf 7fffffffffffffff"},
	{PUT_INT, (uint64_t)-1, "ff"},
	{PUT_INT, (uint64_t)-32, "e0"},
	{PUT_INT, (uint64_t)-33, "d0 df"},
	{PUT_INT, (uint64_t)-128, "d0 80"},
	{PUT_INT, (uint64_t)-129, "d1 ff7f"},
	{PUT_INT, (uint64_t)-32769, "d2 ffff7fff"},
	{PUT_INT, (uint64_t)INT64_MIN, "d3 8000000000000000"},
};
/* clang-format on */

START_TEST(test_integers)
{
	uint64_t value = integers[_i].value, u = 7;
	int64_t want = (int64_t)value, i = 7;
	struct wire_cursor c;
	uint8_t want_bytes[16];
	struct buf b;
	size_t len;
	double d;
	bool fits = integers[_i].put == PUT_INT || value <= INT64_MAX;
	bool negative = integers[_i].put == PUT_INT && want < 0;

	buf_init(&b, 100);
	if (integers[_i].put == PUT_UINT)
		wire_put_uint(&b, value);
	else
		wire_put_int(&b, want);
	len = unit_unhex(integers[_i].hex, want_bytes, sizeof(want_bytes));
	ck_assert_uint_eq(b.len, len);
	ck_assert_mem_eq(b.data, want_bytes, len);

	wire_cursor_init(&c, b.data, b.len);
	ck_assert_int_eq(wire_get_int(&c, &i), fits ? 0 : -EPROTO);
	ck_assert_int_eq(i, fits ? want : 7);
	ck_assert_ptr_eq(c.p, fits ? c.end : b.data);
	wire_cursor_init(&c, b.data, b.len);
	ck_assert_int_eq(wire_get_uint(&c, &u), negative ? -EPROTO : 0);
	ck_assert_uint_eq(u, negative ? 7 : value);
	wire_cursor_init(&c, b.data, b.len);
	ck_assert_int_eq(wire_get_double(&c, &d), 0);
	ck_assert(d == (negative ? (double)want : (double)value));
	buf_fini(&b);
}
END_TEST

START_TEST(test_doubles)
{
	static const double values[] = {0, 1, -1.5, 1e300, 0.1};
	static const uint8_t f32[] = {0xca, 0x3f, 0xc0, 0, 0};
	struct wire_cursor c;
	struct buf b;
	double d;

	buf_init(&b, 100);
	for (size_t i = 0; i < COUNT(values); i++)
		wire_put_double(&b, values[i]);
	wire_put_double(&b, NAN);
	wire_cursor_init(&c, b.data, b.len);
	for (size_t i = 0; i < COUNT(values); i++) {
		ck_assert_int_eq(wire_get_double(&c, &d), 0);
		ck_assert(d == values[i]);
	}
	ck_assert_int_eq(wire_get_double(&c, &d), 0);
	ck_assert(isnan(d));
	ck_assert_int_eq(wire_get_double(&c, &d), -EPROTO);
	wire_cursor_init(&c, f32, sizeof(f32));
	ck_assert_int_eq(wire_get_double(&c, &d), 0);
	ck_assert(d == 1.5);
	buf_fini(&b);
}
END_TEST

/* Each reader refuses every other type and stays where it is. */
START_TEST(test_wrong_types)
{
	static const uint8_t one_of_each[][3] = {
	    [WIRE_NIL] = {0xc0},
	    [WIRE_BOOL] = {0xc3},
	    [WIRE_UINT] = {0x01},
	    [WIRE_INT] = {0xff},
	    [WIRE_STR] = {0xa0},
	    [WIRE_BIN] = {0xc4, 0x00},
	    [WIRE_ARRAY] = {0x90},
	    [WIRE_MAP] = {0x80},
	};
	struct wire_cursor c, start, found;
	const void *bin;
	const char *s;
	char text[8];
	uint32_t n;
	uint64_t u;
	int64_t i;
	double d;
	size_t len;
	bool v;

	for (int t = 0; t < (int)COUNT(one_of_each); t++) {
		if (t == WIRE_DOUBLE)
			continue;
		wire_cursor_init(&c, one_of_each[t], sizeof(one_of_each[t]));
		start = c;
#define CHECK_READ(call, ok)                                \
	do {                                                \
		ck_assert_int_eq(call, (ok) ? 0 : -EPROTO); \
		ck_assert((ok) == (c.p != start.p));        \
		c = start;                                  \
	} while (0)
		CHECK_READ(wire_get_nil(&c), t == WIRE_NIL);
		CHECK_READ(wire_get_bool(&c, &v), t == WIRE_BOOL);
		CHECK_READ(wire_get_uint(&c, &u), t == WIRE_UINT);
		CHECK_READ(
		    wire_get_int(&c, &i), t == WIRE_UINT || t == WIRE_INT);
		CHECK_READ(
		    wire_get_double(&c, &d), t == WIRE_UINT || t == WIRE_INT);
		CHECK_READ(wire_get_str(&c, &s, &len), t == WIRE_STR);
		CHECK_READ(
		    wire_get_cstr(&c, text, sizeof(text)), t == WIRE_STR);
		CHECK_READ(wire_get_bin(&c, &bin, &len), t == WIRE_BIN);
		CHECK_READ(wire_get_array(&c, &n), t == WIRE_ARRAY);
		CHECK_READ(wire_get_map(&c, &n), t == WIRE_MAP);
#undef CHECK_READ
		ck_assert_int_eq(wire_map_find(&c, "a", &found),
		    t == WIRE_MAP ? -ENOENT : -EPROTO);
	}
}
END_TEST

START_TEST(test_strings)
{
	static const size_t lengths[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
	size_t max = lengths[COUNT(lengths) - 1], len;
	char *text = malloc(max);
	struct wire_cursor c;
	const char *s;
	const void *p;
	struct buf b;

	memset(text, 'x', max);
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		buf_reset(&b);
		wire_put_array(&b, 2);
		wire_put_strn(&b, text, lengths[i]);
		wire_put_bin(&b, text, lengths[i]);
		ck_assert_int_eq(wire_validate(b.data, b.len, 1), 0);
		wire_cursor_init(&c, b.data + 1, b.len - 1);
		ck_assert_int_eq(wire_get_str(&c, &s, &len), 0);
		ck_assert_uint_eq(len, lengths[i]);
		ck_assert(len == 0 || memcmp(s, text, len) == 0);
		ck_assert_int_eq(wire_get_bin(&c, &p, &len), 0);
		ck_assert_uint_eq(len, lengths[i]);
		ck_assert(len == 0 || memcmp(p, text, len) == 0);
	}
	buf_fini(&b);
	free(text);
}
END_TEST

START_TEST(test_strings_are_repaired)
{
	static const struct {
		const char *in;
		const char *want;
	} cases[] = {
	    {"\xff", "\xef\xbf\xbd"},
	    {"a\xc3", "a\xef\xbf\xbd"},
	    {"\xe2\x82\xac\x80z", "\xe2\x82\xac\xef\xbf\xbdz"},
	    {"12345678\xc0\xaf", "12345678\xef\xbf\xbd\xef\xbf\xbd"},
	};
	struct wire_cursor c;
	char out[64];
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		wire_put_str(&b, cases[i].in);
		ck_assert_int_eq(wire_validate(b.data, b.len, 0), 0);
		wire_cursor_init(&c, b.data, b.len);
		ck_assert_int_eq(wire_get_cstr(&c, out, sizeof(out)), 0);
		ck_assert_str_eq(out, cases[i].want);
	}
	buf_reset(&b);
	wire_put_str(&b, NULL);
	ck_assert_uint_eq(b.len, 1);
	ck_assert_uint_eq(b.data[0], 0xc0);
	buf_fini(&b);
}
END_TEST

START_TEST(test_cstr)
{
	static const uint8_t abc[] = {0xa3, 'a', 'b', 'c'};
	static const uint8_t nul[] = {0xa3, 'a', 0, 'c'};
	struct wire_cursor c;
	char out[8];

	for (size_t cap = 0; cap < 4; cap++) {
		wire_cursor_init(&c, abc, sizeof(abc));
		ck_assert_int_eq(wire_get_cstr(&c, out, cap), -EMSGSIZE);
		ck_assert_ptr_eq(c.p, abc);
	}
	ck_assert_int_eq(wire_get_cstr(&c, out, 4), 0);
	ck_assert_str_eq(out, "abc");
	ck_assert_ptr_eq(c.p, c.end);
	wire_cursor_init(&c, nul, sizeof(nul));
	ck_assert_int_eq(wire_get_cstr(&c, out, sizeof(out)), -EPROTO);
	ck_assert_ptr_eq(c.p, nul);
}
END_TEST

START_TEST(test_map_find)
{
	struct wire_cursor c, at;
	struct buf b;
	uint64_t v;

	buf_init(&b, 1000);
	wire_put_map(&b, 6);
	wire_put_uint(&b, 7); /* a key that is no string */
	wire_put_str(&b, "a");
	wire_put_str(&b, "b");
	wire_put_raw(&b, "\x92\x01\x81\xa1\x61\x09", 6); /* [1, {a: 9}] */
	wire_put_str(&b, "aa");
	wire_put_uint(&b, 2);
	wire_put_raw(&b, "\x91\xa1\x61", 3); /* ["a"] as a key */
	wire_put_bool(&b, true);
	wire_put_str(&b, "a");
	wire_put_uint(&b, 3);
	wire_put_str(&b, "a");
	wire_put_uint(&b, 4);
	ck_assert_int_eq(buf_error(&b), 0);
	ck_assert_int_eq(wire_validate(b.data, b.len, WIRE_MAX_DEPTH), 0);

	wire_cursor_init(&c, b.data, b.len);
	ck_assert_int_eq(wire_map_find(&c, "a", &at), 0);
	ck_assert_ptr_eq(c.p, b.data);
	ck_assert_int_eq(wire_get_uint(&at, &v), 0);
	ck_assert_uint_eq(v, 3);
	ck_assert_int_eq(wire_map_find(&c, "b", &at), 0);
	ck_assert_int_eq((int)wire_peek(&at), WIRE_ARRAY);
	ck_assert_int_eq(wire_map_find(&c, "", &at), -ENOENT);
	ck_assert_int_eq(wire_map_find(&c, "aaa", &at), -ENOENT);
	for (size_t n = 0; n < b.len - 3; n++) {
		wire_cursor_init(&c, b.data, n);
		ck_assert_int_eq(wire_map_find(&c, "zz", &at), -EPROTO);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(test_container_heads)
{
	static const uint32_t counts[] = {0, 15, 16, 65535, 65536, UINT32_MAX};
	static const size_t widths[] = {1, 1, 3, 3, 5, 5};
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < COUNT(counts); i++) {
		buf_reset(&b);
		wire_put_array(&b, counts[i]);
		ck_assert_uint_eq(b.len, widths[i]);
		wire_put_map(&b, counts[i]);
		ck_assert_uint_eq(b.len, 2 * widths[i]);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(test_large_array)
{
	struct wire_cursor c;
	struct buf b;
	uint64_t v;
	uint32_t n;

	buf_init(&b, SIZE_MAX);
	wire_put_array(&b, 70000);
	for (uint64_t i = 0; i < 70000; i++)
		wire_put_uint(&b, i);
	ck_assert_int_eq(wire_validate(b.data, b.len, 1), 0);
	wire_cursor_init(&c, b.data, b.len);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	ck_assert_uint_eq(n, 70000);
	for (uint64_t i = 0; i < n; i++) {
		if (wire_get_uint(&c, &v) || v != i)
			ck_abort_msg("element %d", (int)i);
	}
	ck_assert_int_eq((int)wire_peek(&c), WIRE_END);
	buf_fini(&b);
}
END_TEST

static void
put_everything(struct buf *b)
{
	wire_put_nil(b);
	wire_put_bool(b, false);
	wire_put_uint(b, 1000);
	wire_put_int(b, -1000);
	wire_put_double(b, 1);
	wire_put_str(b, "text");
	wire_put_str(b, "bad\xff");
	wire_put_bin(b, "bin", 3);
	wire_put_array(b, 100);
	wire_put_map(b, 100);
	wire_put_raw(b, "\xc0", 1);
}

START_TEST(test_writers_keep_error)
{
	struct buf b;
	size_t full;

	buf_init(&b, SIZE_MAX);
	put_everything(&b);
	ck_assert_int_eq(buf_error(&b), 0);
	full = b.len;
	buf_fini(&b);
	for (size_t limit = 0; limit < full; limit++) {
		buf_init(&b, limit);
		put_everything(&b);
		ck_assert_int_eq(buf_error(&b), -EMSGSIZE);
		ck_assert_uint_le(b.len, limit);
		buf_fini(&b);
	}
	buf_init(&b, SIZE_MAX);
	is_out_of_memory = true;
	put_everything(&b);
	is_out_of_memory = false;
	ck_assert_int_eq(buf_error(&b), -ENOMEM);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

/* Only the length is looked at: 4 GiB are not needed for it. */
START_TEST(test_too_long_for_msgpack)
{
	size_t len = (size_t)UINT32_MAX + 1;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	wire_put_strn(&b, "x", len);
	ck_assert_int_eq(buf_error(&b), -EMSGSIZE);
	buf_reset(&b);
	wire_put_bin(&b, "x", len);
	ck_assert_int_eq(buf_error(&b), -EMSGSIZE);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wire");
	TCase *tc = tcase_create("wire");

	tcase_add_loop_test(tc, test_valid, 0, COUNT(valid));
	tcase_add_test(tc, test_valid_truncated);
	tcase_add_test(tc, test_valid_mutated);
	tcase_add_loop_test(tc, test_invalid, 0, COUNT(invalid));
	tcase_add_test(tc, test_depth_limit);
	tcase_add_test(tc, test_utf8_every_offset);
	tcase_add_loop_test(tc, test_integers, 0, COUNT(integers));
	tcase_add_test(tc, test_doubles);
	tcase_add_test(tc, test_wrong_types);
	tcase_add_test(tc, test_strings);
	tcase_add_test(tc, test_strings_are_repaired);
	tcase_add_test(tc, test_cstr);
	tcase_add_test(tc, test_map_find);
	tcase_add_test(tc, test_container_heads);
	tcase_add_test(tc, test_large_array);
	tcase_add_test(tc, test_writers_keep_error);
	tcase_add_test(tc, test_too_long_for_msgpack);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
