/*
 * test_logread: the logs read back: the last lines, what came since, through
 * rotation, cuts and garbage, within the limits of a call.
 */
#include "childlog.h"

#include "common/units.h"
#include "common/wire.h"
#include "logfile.h"
#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

enum { OUT_MAX = 8 * 1024 * 1024, REPLY_MAX = 1024 * 1024 };

static char path[128];
static struct buf out;
static struct childlog_position at;
static struct childlog_query query;
static uint32_t count;
static bool more;

static void
setup(void)
{
	loop_setup();
	snprintf(path, sizeof(path), "%s/w.log", scratch);
	buf_init(&out, OUT_MAX);
	at = (struct childlog_position){0};
	query = (struct childlog_query){
	    .path = path, .lines = 10, .limit = REPLY_MAX};
}

static void
teardown(void)
{
	buf_fini(&out);
	loop_teardown();
}

static void append(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
append(const char *fmt, ...)
{
	FILE *f = fopen(path, "a");
	va_list ap;

	ck_assert_ptr_nonnull(f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	ck_assert_int_eq(fclose(f), 0);
}

#define T0 "2026-01-01T00:00:00.000Z"

/* n lines "first" ..., a second apart. */
static void
append_lines(const char *name, int first, int n)
{
	int64_t start_ms;
	char when[40];
	FILE *f = fopen(path, "a");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(units_parse_since(T0, 0, &start_ms), 0);
	for (int i = first; i < first + n; i++)
		fprintf(f, "%s\t%s\tout\tline %d\n",
		    units_format_time(
		        start_ms + i * INT64_C(1000), when, sizeof(when)),
		    name, i);
	ck_assert_int_eq(fclose(f), 0);
}

/* One call; the texts of its lines, each in brackets, to `text`. */
static const char *
read_once(void)
{
	static char text[REPLY_MAX];
	struct wire_cursor c;
	struct wire_cursor v;
	const char *s;
	char *to = text;
	size_t len;

	buf_reset(&out);
	count = 12345;
	ck_assert_int_eq(childlog_read(&query, &at, &out, &count, &more), 0);
	wire_cursor_init(&c, buf_cstr(&out), out.len);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_int_eq(wire_map_find(&c, "text", &v), 0);
		ck_assert_int_eq(wire_get_str(&v, &s, &len), 0);
		*to++ = '[';
		to = mempcpy(to, s, len);
		*to++ = ']';
		ck_assert_int_eq(wire_skip(&c), 0);
	}
	ck_assert_int_eq(wire_peek(&c), WIRE_END);
	*to = '\0';
	return text;
}

static void
rotate(void)
{
	char from[160];
	char to[160];

	for (int n = 4; n >= 0; n--) {
		snprintf(from, sizeof(from), n ? "%s.%d" : "%s", path, n);
		snprintf(to, sizeof(to), "%s.%d", path, n + 1);
		(void)rename(from, to);
	}
}

/* --- the beginning ----------------------------------------------------- */

START_TEST(test_fields)
{
	struct wire_cursor c;
	struct wire_cursor v;
	int64_t start_ms;
	int64_t ms;
	const char *s;
	size_t len;

	ck_assert_int_eq(units_parse_since(T0, 0, &start_ms), 0);
	append(T0 "\tw:2\terr\ta\tb \\x1b\n");
	ck_assert_str_eq(read_once(), "[a\tb \\x1b]");
	ck_assert_int_eq(wire_validate(out.data, out.len, 4), 0);
	wire_cursor_init(&c, out.data, out.len);
	ck_assert_int_eq(wire_map_find(&c, "time_ms", &v), 0);
	ck_assert_int_eq(wire_get_int(&v, &ms), 0);
	ck_assert_int_eq(ms, start_ms);
	ck_assert_int_eq(wire_map_find(&c, "name", &v), 0);
	ck_assert_int_eq(wire_get_str(&v, &s, &len), 0);
	ck_assert_int_eq(len, 3);
	ck_assert_mem_eq(s, "w:2", 3);
	ck_assert_int_eq(wire_map_find(&c, "stream", &v), 0);
	ck_assert_int_eq(wire_get_str(&v, &s, &len), 0);
	ck_assert_mem_eq(s, "err", 3);
}
END_TEST

/* clang-format off */
static const struct {
	uint64_t lines;
	int since; /* seconds after T0, 0: none */
	const char *name;
	const char *want;
} start_cases[] = {
	{3, 0, NULL, "[line 7][line 8][line 9]"},
	{0, 0, NULL, ""},
	{1, 0, NULL, "[line 9]"},
	{100, 7, NULL, "[line 7][line 8][line 9]"},
	{2, 5, NULL, "[line 8][line 9]"},
	{100, 100, NULL, ""},
	{3, 0, "a", "[line 2][line 3][line 4]"},
	{100, 4, "a", "[line 4]"},
	{3, 0, "nobody", ""},
	{100, 0, NULL, "[line 0][line 1][line 2][line 3][line 4]"
	    "[line 5][line 6][line 7][line 8][line 9]"},
	{10, 0, NULL, "[line 0][line 1][line 2][line 3][line 4]"
	    "[line 5][line 6][line 7][line 8][line 9]"},
};
/* clang-format on */

/* All cases, with the ten lines in one file, and in three. */
START_TEST(test_start)
{
	int i = _i / 2;

	append_lines("a", 0, 3);
	if (_i % 2)
		rotate();
	append_lines("a", 3, 2);
	if (_i % 2)
		rotate();
	append_lines("b", 5, 5);
	query.lines = start_cases[i].lines;
	query.name = start_cases[i].name;
	if (start_cases[i].since) {
		ck_assert_int_eq(units_parse_since(T0, 0, &query.since_ms), 0);
		query.since_ms += start_cases[i].since * INT64_C(1000);
	}
	ck_assert_str_eq(read_once(), start_cases[i].want);
	ck_assert(!more);
	ck_assert_str_eq(read_once(), "");
	append_lines("a", 99990, 1);
	query.name = NULL;
	ck_assert_str_eq(read_once(), "[line 99990]");
}
END_TEST

/* More lines than a block holds: the search crosses blocks. */
START_TEST(test_start_far_back)
{
	append_lines("w", 0, 10000);
	query.lines = 5000;
	ck_assert_int_eq(strncmp(read_once(), "[line 5000]", 11), 0);
	ck_assert_uint_eq(count, 5000);
	ck_assert(!more);
}
END_TEST

START_TEST(test_no_file_yet)
{
	query.lines = 0;
	ck_assert_str_eq(read_once(), "");
	ck_assert(!more);
	append_lines("w", 1, 2);
	ck_assert_str_eq(read_once(), "[line 1][line 2]");
}
END_TEST

START_TEST(test_not_a_file)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
	at = (struct childlog_position){0};
	ck_assert_int_eq(
	    childlog_read(&query, &at, &out, &count, &more), -EINVAL);
	ck_assert_uint_eq(at.inode, 0);
}
END_TEST

/* --- garbage ----------------------------------------------------------- */

/* clang-format off */
static const char *const garbage[] = {
	"\n",
	"hello\n",
	"\t\t\t\t\n",
	"2026-01-01T00:00:00.000Z\n",
	"2026-01-01T00:00:00.000Z\tw\n",
	"2026-01-01T00:00:00.000Z\tw\tout\n",
	"2026-01-01T00:00:00.000Z\tw\tlonger\tx\n",
	"2026-99-99T00:00:00.000Z\tw\tout\tx\n",
	"2026-01-01 00:00:00.000Z\tw\tout\tx\n",
	"2026-01-01T00:00:00.000Z\tw\tout\t\x1b[2J\n",
	"2026-01-01T00:00:00.000Z\tw\tout\t\xff\n",
	"2026-01-01T00:00:00.000Z\tw\x1b\tout\tx\n",
};
/* clang-format on */

START_TEST(test_garbage)
{
	append_lines("w", 1, 1);
	append("%s", garbage[_i]);
	append_lines("w", 2, 1);
	ck_assert_str_eq(read_once(), "[line 1][line 2]");
}
END_TEST

START_TEST(test_huge_line)
{
	append_lines("w", 1, 1);
	for (int i = 0; i < 300; i++)
		append("%01000d", i);
	append("\n");
	append_lines("w", 2, 1);
	ck_assert_str_eq(read_once(), "[line 1][line 2]");
	query.lines = 1;
	at = (struct childlog_position){0};
	ck_assert_str_eq(read_once(), "[line 2]");
}
END_TEST

START_TEST(test_line_in_progress)
{
	append_lines("w", 1, 1);
	append(T0 "\tw\tout\thal");
	ck_assert_str_eq(read_once(), "[line 1]");
	ck_assert_str_eq(read_once(), "");
	append("f\n");
	ck_assert_str_eq(read_once(), "[half]");
}
END_TEST

/* --- going on ---------------------------------------------------------- */

START_TEST(test_rotated_meanwhile)
{
	append_lines("w", 0, 2);
	ck_assert_str_eq(read_once(), "[line 0][line 1]");
	append_lines("w", 2, 1);
	rotate();
	append_lines("w", 3, 1);
	rotate();
	append_lines("w", 4, 1);
	ck_assert_str_eq(read_once(), "[line 2][line 3][line 4]");
	rotate();
	ck_assert_str_eq(read_once(), ""); /* no new file yet */
	append_lines("w", 5, 1);
	ck_assert_str_eq(read_once(), "[line 5]");
}
END_TEST

START_TEST(test_truncated)
{
	append_lines("w", 0, 5);
	read_once();
	ck_assert_int_eq(truncate(path, 0), 0);
	append_lines("w", 7, 1);
	ck_assert_str_eq(read_once(), "[line 7]");
}
END_TEST

START_TEST(test_file_gone)
{
	append_lines("w", 0, 5);
	read_once();
	at.inode ^= 0x40000000; /* nobody's */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_str_eq(read_once(), "");
	append_lines("w", 7, 1);
	ck_assert_str_eq(read_once(), "[line 7]");
}
END_TEST

/* Followed while it is written and rotated: each line once, in order. */
START_TEST(test_followed)
{
	static char want[64];
	struct logfile *f;
	char line[128];
	int next = 0;
	const char *p;

	ck_assert_int_eq(logfile_ref(path, &f), 0);
	logfile_configure(f, 5000, 5);
	query.lines = 0;
	read_once();
	for (int i = 0; i < 3000; i++) {
		snprintf(line, sizeof(line), T0 "\tw\tout\t%d\n", i);
		ck_assert_uint_eq(logfile_append(f, line, strlen(line)), 0);
		if (i % 37)
			continue;
		for (p = read_once(); *p; p += strlen(want)) {
			snprintf(want, sizeof(want), "[%d]", next++);
			ck_assert_int_eq(strncmp(p, want, strlen(want)), 0);
		}
		ck_assert_int_eq(next, i + 1);
	}
	logfile_unref(f);
}
END_TEST

/* --- limits ------------------------------------------------------------ */

/* However small the pieces are, all lines arrive, each once. */
START_TEST(test_limit)
{
	uint32_t total = 0;
	unsigned calls = 0;

	append_lines("w", 0, 1000);
	query.lines = 1000;
	query.limit = 1000;
	do {
		read_once();
		ck_assert_uint_le(out.len, query.limit);
		ck_assert_uint_gt(count, 0);
		total += count;
		calls++;
	} while (more);
	ck_assert_uint_eq(total, 1000);
	ck_assert_uint_ge(calls, 50);
}
END_TEST

/* A line that could never fit is cut rather than waited for. */
START_TEST(test_line_over_limit)
{
	query.limit = 200;
	append(T0 "\tw\tout\t");
	for (int i = 0; i < 1000; i++)
		append("\xc3\xa4");
	append("\n");
	append_lines("w", 1, 1);
	read_once();
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_le(out.len, query.limit);
	ck_assert_int_eq(wire_validate(out.data, out.len, 4), 0);
	ck_assert(more);
	ck_assert_str_eq(read_once(), "[line 1]");
}
END_TEST

/* 5 MiB of lines for somebody else: a bounded piece a call. */
START_TEST(test_quota)
{
	unsigned calls = 0;
	uint32_t total = 0;
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, T0 "\tmine\tout\tfirst\n");
	for (int i = 0; i < 5000; i++)
		fprintf(f, T0 "\tw\tout\t%01000d\n", i);
	fprintf(f, T0 "\tmine\tout\tlast\n");
	ck_assert_int_eq(fclose(f), 0);
	query.name = "mine";
	ck_assert_str_eq(read_once(), "[last]");
	at.offset = 0;
	ck_assert_str_eq(read_once(), "[first]");
	for (calls = 0; more; calls++) {
		read_once();
		total += count;
	}
	ck_assert_uint_ge(calls, 4);
	ck_assert_uint_eq(total, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logread");
	TCase *tc = tcase_create("logread");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_fields);
	tcase_add_loop_test(tc, test_start, 0, 2 * COUNT(start_cases));
	tcase_add_test(tc, test_start_far_back);
	tcase_add_test(tc, test_no_file_yet);
	tcase_add_test(tc, test_not_a_file);
	tcase_add_loop_test(tc, test_garbage, 0, COUNT(garbage));
	tcase_add_test(tc, test_huge_line);
	tcase_add_test(tc, test_line_in_progress);
	tcase_add_test(tc, test_rotated_meanwhile);
	tcase_add_test(tc, test_truncated);
	tcase_add_test(tc, test_file_gone);
	tcase_add_test(tc, test_followed);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_line_over_limit);
	tcase_add_test(tc, test_quota);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
