/*
 * test_logs: what plugins write: captured, split, escaped, rotated, read back
 * and followed.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

/* One reply of `logs`, as "stream text\n" lines of one plugin or all. */
struct tail {
	char text[65536];
	uint32_t lines;
	bool more;
	struct buf cursor; /* encoded */
};

static void
take_cursor(const struct wire_cursor *data, struct buf *out)
{
	struct wire_cursor at;
	const uint8_t *from;

	ck_assert_int_eq(wire_map_find(data, "cursor", &at), 0);
	from = at.p;
	ck_assert_int_eq(wire_skip(&at), 0);
	buf_reset(out);
	wire_put_raw(out, from, (size_t)(at.p - from));
}

static void
take_lines(const struct wire_cursor *data, struct tail *l)
{
	struct wire_cursor at;
	size_t used = 0;

	ck_assert_int_eq(wire_map_find(data, "lines", &at), 0);
	ck_assert_int_eq(wire_get_array(&at, &l->lines), 0);
	l->text[0] = '\0';
	for (uint32_t i = 0; i < l->lines; i++) {
		char text[9000];
		char stream[8];
		char name[64];

		it_str(&at, "text", text, sizeof(text));
		it_str(&at, "stream", stream, sizeof(stream));
		it_str(&at, "name", name, sizeof(name));
		ck_assert_int_gt(it_int(&at, "time_ms"), 0);
		if (used < sizeof(l->text))
			used += (size_t)snprintf(l->text + used,
			    sizeof(l->text) - used, "%s %s %s\n", name, stream,
			    text);
		ck_assert_int_eq(wire_skip(&at), 0);
	}
}

/* `first`: the last lines; else what came after the cursor, waited for. */
static void
logs(struct it *t, const char *names, uint64_t lines, struct tail *l)
{
	struct it_reply r =
	    it_ok(t, MSG_LOGS, "Nunnu", names, lines, (uint64_t)0);
	struct wire_cursor at;

	take_lines(&r.data, l);
	take_cursor(&r.data, &l->cursor);
	ck_assert_int_eq(wire_map_find(&r.data, "more", &at), 0);
	ck_assert_int_eq(wire_get_bool(&at, &l->more), 0);
}

static void
follow(struct it *t, const char *names, struct tail *l)
{
	struct it_reply r = it_ok(t, MSG_LOGS, "Nunru", names, (uint64_t)10,
	    &l->cursor, (uint64_t)10000);

	take_lines(&r.data, l);
	take_cursor(&r.data, &l->cursor);
}

static struct tail *
new_tail(void)
{
	struct tail *l = calloc(1, sizeof(*l));

	ck_assert_ptr_nonnull(l);
	buf_init(&l->cursor, 65536);
	return l;
}

static void
free_tail(struct tail *l)
{
	buf_fini(&l->cursor);
	free(l);
}

START_TEST(test_capture)
{
	struct it *t = it_start("  a: {command: [stub, bytes]}\n");
	struct tail *l = new_tail();

	IT_UNTIL(it_printed(t, "a", "to stderr"));
	IT_UNTIL(it_printed(t, "a", "bell"));
	/* A line without an end is a line when the program has gone. */
	it_act(t, MSG_STOP, "N", "a");
	logs(t, "a", 10, l);
	ck_assert_msg(
	    strstr(l->text, "a out bell \\x07 esc \\x1b[31m c1 \\x9b\\x31m bad "
	                    "\\xff\\xfe utf8 \xc3\xa4\n") != NULL ||
	        strstr(l->text, "a out bell \\x07 esc \\x1b[31m c1 \\x9b1m bad "
	                        "\\xff\\xfe utf8 \xc3\xa4\n") != NULL,
	    "%s", l->text);
	ck_assert_ptr_nonnull(strstr(l->text, "a out no newline\n"));
	ck_assert_ptr_nonnull(strstr(l->text, "a err to stderr\n"));
	ck_assert_ptr_nonnull(strstr(l->text, "a -- killed by SIGTERM after"));
	free_tail(l);
	it_end(t);
}
END_TEST

START_TEST(test_instances)
{
	struct it *t =
	    it_start("  w: {command: [stub, say, '-', hello], instances: 3}\n"
	             "  v: {command: [stub, say, '-', other]}\n");
	struct tail *l = new_tail();

	IT_UNTIL(it_printed(t, "w", "w:1\tout\thello"));
	IT_UNTIL(it_printed(t, "w", "w:2\tout\thello"));
	IT_UNTIL(it_printed(t, "w", "w:3\tout\thello"));
	IT_UNTIL(it_printed(t, "v", "v\tout\tother"));
	logs(t, "w", 10, l);
	ck_assert_uint_eq(l->lines, 3);
	logs(t, "w:2", 10, l);
	ck_assert_str_eq(l->text, "w:2 out hello\n");
	logs(t, "", 10, l);
	ck_assert_uint_eq(l->lines, 4);
	logs(t, "v", 10, l);
	ck_assert_str_eq(l->text, "v out other\n");
	free_tail(l);
	it_end(t);
}
END_TEST

START_TEST(test_last_lines)
{
	struct it *t = it_start("  a: {command: [stub, flood, '100']}\n");
	struct tail *l = new_tail();

	IT_UNTIL(it_printed(t, "a", "flood line 100\n"));
	logs(t, "a", 2, l);
	ck_assert_str_eq(
	    l->text, "a err flood line 99\na err flood line 100\n");
	logs(t, "a", 0, l);
	ck_assert_uint_eq(l->lines, 0);
	logs(t, "a", 1000, l);
	ck_assert_uint_eq(l->lines, 100);
	free_tail(l);
	it_end(t);
}
END_TEST

/* The reply to a follower comes with the line, and only with new ones. */
START_TEST(test_follow)
{
	struct it *t = it_start("  a: {command: [stub, say, go, first]}\n"
	                        "  b: {command: [stub, say, go2, second]}\n");
	struct tail *l = new_tail();

	logs(t, "", 10, l);
	ck_assert_uint_eq(l->lines, 0);
	it_write(t, "go", "");
	follow(t, "", l);
	ck_assert_str_eq(l->text, "a out first\n");
	it_write(t, "go2", "");
	follow(t, "", l);
	ck_assert_str_eq(l->text, "b out second\n");
	it_act(t, MSG_STOP, "N", "a");
	follow(t, "", l);
	ck_assert_ptr_nonnull(strstr(l->text, "a -- killed by SIGTERM after"));
	free_tail(l);
	it_end(t);
}
END_TEST

/* Slowed down, but whole: every line is there, in order. */
START_TEST(test_flood)
{
	enum { LINES = 6000 };
	struct it *t = it_start("  a: {command: [stub, flood, '6000']}\n");
	const char *p;
	int64_t slowest = 0;

	while (!it_exists(t, "flooded")) {
		int64_t begin = clock_mono_ms();

		it_ok(t, MSG_PING, "");
		if (clock_mono_ms() - begin > slowest)
			slowest = clock_mono_ms() - begin;
		it_pause();
	}
	ck_assert_int_le(slowest, it_limit(2000));
	IT_UNTIL(it_printed(t, "a", "flood line 6000\n"));
	p = it_read(t, "state/logs/a.log");
	for (int i = 1; i <= LINES; i++) {
		char want[32];

		snprintf(want, sizeof(want), "\tflood line %d\n", i);
		p = strstr(p, want);
		ck_assert_msg(p != NULL, "line %d is missing", i);
	}
	it_end(t);
}
END_TEST

/* Rotated by size; no line is lost on the way, and few files are kept. */
START_TEST(test_rotation)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, flood, '3000']\n"
	                        "    log: {max_size: 64KiB, max_files: 3}\n");
	struct tail *l = new_tail();
	int files = 0;

	IT_UNTIL(it_printed(t, "a", "flood line 3000\n"));
	for (int i = 0; i < 10; i++) {
		char name[64];

		snprintf(name, sizeof(name), "state/logs/a.log.%d", i);
		files += it_exists(t, name);
	}
	ck_assert_int_ge(files, 1);
	ck_assert_int_le(files, 3);
	logs(t, "a", 10, l);
	ck_assert_ptr_nonnull(strstr(l->text, "flood line 3000\n"));
	free_tail(l);
	it_end(t);
}
END_TEST

/* A follower that is behind a rotation misses nothing. */
START_TEST(test_follow_rotation)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, flood, '3000']\n"
	                        "    log: {max_size: 64KiB, max_files: 9}\n"
	                        "    enabled: false\n");
	struct tail *l = new_tail();
	uint32_t total = 0;
	char last[64] = "";

	logs(t, "a", 10, l);
	it_begin(t, MSG_START, "N", "a");
	while (total < 3000) {
		follow(t, "a", l);
		ck_assert_msg(l->lines > 0,
		    "nothing new after %u lines, the "
		    "last: %s",
		    total, last);
		total += l->lines;
		snprintf(last, sizeof(last), "%s",
		    strrchr(l->text, ' ') ? strrchr(l->text, ' ') : "");
	}
	ck_assert_uint_eq(total, 3000);
	ck_assert_ptr_nonnull(strstr(it_read(t, "state/logs/a.log"), "3000\n"));
	free_tail(l);
	it_end(t);
}
END_TEST

START_TEST(test_bad_arguments)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");

	ck_assert_uint_eq(
	    it_call(t, MSG_LOGS, "Ns", "a", "many").code, MSG_CODE_USAGE);
	ck_assert_uint_eq(
	    it_call(t, MSG_LOGS, "Nuns", "a", (uint64_t)1, "x").code,
	    MSG_CODE_USAGE);
	ck_assert_uint_eq(
	    it_call(t, MSG_LOGS, "N", "z").code, MSG_CODE_UNKNOWN_PLUGIN);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"capture", test_capture},
	    {"instances", test_instances},
	    {"last_lines", test_last_lines},
	    {"follow", test_follow},
	    {"flood", test_flood},
	    {"rotation", test_rotation},
	    {"follow_rotation", test_follow_rotation},
	    {"bad_arguments", test_bad_arguments},
	};

	return it_main("logs", tests, sizeof(tests) / sizeof(tests[0]));
}
