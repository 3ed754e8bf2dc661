/*
 * test_log: the form of a line, that no line can be forged, and that a full
 * sink loses lines instead of stopping us.
 */
#include "common/log.h"

#include "unit.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_RE "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z"

static char dir[64], path[128], text[1 << 16];
static int saved_stderr;

static void
set_up(void)
{
	strcpy(dir, "/tmp/test_log.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/test.log", dir);
	saved_stderr = dup(STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	log_init("test");
	log_set_level(LOG_INFO);
	log_set_format(LOG_TEXT);
}

static void
tear_down(void)
{
	char name[160];

	log_open(NULL, 0, 0);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	for (int n = 0; n < 10; n++) {
		snprintf(name, sizeof(name), "%s.%d", path, n);
		unlink(name);
	}
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static const char *
read_file(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

static const char *
read_old(int n)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.%d", path, n);
	return read_file(name);
}

static void
assert_matches(const char *s, const char *pattern)
{
	regex_t re;

	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&re, s, 0, NULL, 0) == 0,
	    "\"%s\" does not match %s", s, pattern);
	regfree(&re);
}

START_TEST(test_names)
{
	enum log_level level = LOG_DEBUG;
	enum log_format format = LOG_JSON;

	for (int i = 0; i < LOG_LEVEL__COUNT; i++) {
		const char *s = log_level_to_string((enum log_level)i);

		ck_assert_int_eq(log_level_from_string(s, &level), 0);
		ck_assert_int_eq((int)level, i);
	}
	for (int i = 0; i < LOG_FORMAT__COUNT; i++) {
		const char *s = log_format_to_string((enum log_format)i);

		ck_assert_int_eq(log_format_from_string(s, &format), 0);
		ck_assert_int_eq((int)format, i);
	}
	ck_assert_int_eq(log_level_from_string("INFO", &level), -EINVAL);
	ck_assert_int_eq(log_level_from_string("", &level), -EINVAL);
	ck_assert_int_eq((int)level, LOG_LEVEL__COUNT - 1);
	ck_assert_int_eq(log_format_from_string("xml", &format), -EINVAL);
	ck_assert_int_eq((int)format, LOG_FORMAT__COUNT - 1);
}
END_TEST

START_TEST(test_text_line)
{
	char want[160];

	ck_assert_int_eq(log_open(path, 0, 0), 0);
	errno = 99;
	log_info("redis", "%s", "running");
	ck_assert_int_eq(errno, 99);
	snprintf(want, sizeof(want),
	    TIME_RE " info  test\\[%d\\]: redis: "
	            "running\n$",
	    (int)getpid());
	assert_matches(read_file(path), want);
}
END_TEST

START_TEST(test_text_without_subject)
{
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	log_error(NULL, "no subject");
	assert_matches(
	    read_file(path), TIME_RE " error test\\[[0-9]+\\]: no subject\n$");
}
END_TEST

START_TEST(test_json_line)
{
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	log_set_format(LOG_JSON);
	log_warn("re\"dis", "a\nb\x1b");
	assert_matches(read_file(path),
	    "^\\{\"time\":\"[0-9TZ:.-]+\",\"level\":\"warn\","
	    "\"program\":\"test\",\"pid\":[0-9]+,\"subject\":\"re\\\\\"dis\","
	    "\"message\":\"a\\\\nb\\\\u001b\"\\}\n$");
}
END_TEST

START_TEST(test_json_without_subject)
{
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	log_set_format(LOG_JSON);
	log_info(NULL, "x");
	ck_assert_ptr_nonnull(
	    strstr(read_file(path), "\"subject\":null,\"message\":\"x\"}\n"));
}
END_TEST

START_TEST(test_levels)
{
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	for (int max = 0; max < LOG_LEVEL__COUNT; max++) {
		const char *s;
		int lines = 0;

		ck_assert_int_eq(truncate(path, 0), 0);
		log_set_level((enum log_level)max);
		ck_assert_int_eq((int)log_get_level(), max);
		log_error(NULL, "e");
		log_warn(NULL, "w");
		log_info(NULL, "i");
		log_debug(NULL, "d");
		for (s = read_file(path); *s; s++)
			lines += *s == '\n';
		ck_assert_int_eq(lines, max + 1);
	}
}
END_TEST

static int
count_lines(const char *s)
{
	int n = 0;

	for (; *s; s++) {
		n += *s == '\n';
		if (*s != '\n' && iscntrl((unsigned char)*s))
			ck_abort_msg("control byte %d", *s);
	}
	return n;
}

/* Bytes from outside: always one line, no control byte, whatever comes. */
START_TEST(test_no_forged_lines)
{
	char evil[6000];

	ck_assert_int_eq(log_open(path, 0, 0), 0);
	log_set_format(_i % 2 ? LOG_JSON : LOG_TEXT);
	for (size_t i = 0; i < sizeof(evil); i++)
		evil[i] = "\n\x1b[2J\r\xff\x01"[i % 8];
	evil[sizeof(evil) - 1] = '\0';
	for (size_t len = 0; len < sizeof(evil); len += 37) {
		ck_assert_int_eq(truncate(path, 0), 0);
		log_info(evil + sizeof(evil) - 200, "%.*s", (int)len, evil);
		ck_assert_int_eq(count_lines(read_file(path)), 1);
		ck_assert_uint_le(strlen(text), 2048);
	}
}
END_TEST

START_TEST(test_long_line_is_cut)
{
	char *umlauts = malloc(6001);
	const char *s;

	for (size_t i = 0; i < 6000; i += 2)
		memcpy(umlauts + i, "\xc3\xa4", 3);
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	log_set_format(_i % 2 ? LOG_JSON : LOG_TEXT);
	log_info(NULL, "a%s", umlauts);
	s = read_file(path);
	ck_assert_ptr_nonnull(
	    strstr(s, _i % 2 ? "\xc3\xa4...\"}\n" : "\xc3\xa4...\n"));
	ck_assert_ptr_null(strstr(s, "\\x"));
	ck_assert_ptr_null(strstr(s, "\xef\xbf\xbd"));
	free(umlauts);
}
END_TEST

START_TEST(test_rotation)
{
	int64_t total = 0;
	struct stat st;

	ck_assert_int_eq(log_open(path, 300, 2), 0);
	for (int i = 0; i < 30; i++)
		log_info(NULL, "line %02d 0123456789012345678901234567", i);
	ck_assert_ptr_nonnull(strstr(read_file(path), "line 29"));
	ck_assert_ptr_null(strstr(text, "line 26"));
	for (int n = 1; n <= 2; n++) {
		ck_assert_ptr_nonnull(read_old(n));
		ck_assert_uint_le(strlen(text), 300);
		ck_assert_uint_gt(strlen(text), 150);
		total += (int64_t)strlen(text);
	}
	ck_assert_int_gt(total, 300);
	ck_assert_ptr_null(read_old(3));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0137, 0);
	ck_assert_uint_eq(log_dropped(), 0);
}
END_TEST

START_TEST(test_rotation_keeps_nothing)
{
	ck_assert_int_eq(log_open(path, 100, 0), 0);
	for (int i = 0; i < 10; i++)
		log_info(NULL, "line %d 0123456789012345678901234567", i);
	ck_assert_ptr_nonnull(strstr(read_file(path), "line 9"));
	ck_assert_ptr_null(strstr(text, "line 7"));
	ck_assert_ptr_null(read_old(1));
}
END_TEST

/* The size found at opening counts. */
START_TEST(test_rotation_after_restart)
{
	ck_assert_int_eq(log_open(path, 100, 1), 0);
	log_info(NULL, "first 012345678901234567890123456789");
	ck_assert_int_eq(log_open(path, 100, 1), 0);
	log_info(NULL, "second 012345678901234567890123456789");
	ck_assert_ptr_nonnull(strstr(read_old(1), "first"));
	ck_assert_ptr_null(strstr(read_file(path), "first"));
}
END_TEST

START_TEST(test_reopen)
{
	char moved[160];

	ck_assert_int_eq(log_reopen(), 0);
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	log_info(NULL, "before");
	snprintf(moved, sizeof(moved), "%s.1", path);
	ck_assert_int_eq(rename(path, moved), 0);
	log_info(NULL, "between");
	ck_assert_int_eq(log_reopen(), 0);
	log_info(NULL, "after");
	ck_assert_ptr_nonnull(strstr(read_file(path), "after"));
	ck_assert_ptr_null(strstr(text, "between"));
	ck_assert_ptr_nonnull(strstr(read_file(moved), "between"));
}
END_TEST

START_TEST(test_open_fails)
{
	char longer[5000];

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	ck_assert_int_eq(log_open("", 0, 0), -EINVAL);
	ck_assert_int_eq(log_open(longer, 0, 0), -ENAMETOOLONG);
	ck_assert_int_eq(log_open("/nonexistent/x", 0, 0), -ENOENT);
	ck_assert_int_eq(log_open("/tmp", 0, 0), -EISDIR);
	log_info(NULL, "still here");
	ck_assert_ptr_nonnull(strstr(read_file(path), "still here"));
}
END_TEST

/* A disk that is full in the middle of a line: the next one starts anew. */
START_TEST(test_torn_line)
{
	struct rlimit full = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
	struct rlimit room = {RLIM_INFINITY, RLIM_INFINITY};
	uint64_t before = log_dropped();

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &room), 0);
	full.rlim_max = room.rlim_max;
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	log_info(NULL, "%0100d", 1);
	log_info(NULL, "lost");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
	ck_assert_uint_eq(log_dropped(), before + 2);
	log_info(NULL, "room again");
	log_info(NULL, "and again");
	ck_assert_uint_eq(log_dropped(), before + 2);
	assert_matches(read_file(path),
	    "^[^\n]+0000\n[^\n]*room again\n[^\n]*and again\n$");
	ck_assert_uint_eq(strcspn(text, "\n"), 100);
}
END_TEST

/* Makes the write end stderr; a reader that never reads. */
static void
replace_stderr(int fd)
{
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	close(fd);
	log_init("test");
}

static void
fill_and_count(void)
{
	uint64_t before = log_dropped();

	for (int i = 0; i < 20000 && log_dropped() < before + 10; i++)
		log_info(NULL, "%01000d", i);
	ck_assert_uint_eq(log_dropped(), before + 10);
}

/* What did arrive is whole lines, but for one torn by a stream socket. */
static void
drain(int fd)
{
	static char all[1 << 20];
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	while (poll(&pfd, 1, 0) == 1 && pfd.revents & POLLIN) {
		n = read(fd, all, sizeof(all));
		ck_assert_int_gt(n, 0);
	}
}

START_TEST(test_full_pipe_does_not_block)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	replace_stderr(fds[1]);
	fill_and_count();
	drain(fds[0]);
	log_info(NULL, "after the flood");
	ck_assert_int_gt(read(fds[0], text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "after the flood\n"));
	close(fds[0]);
}
END_TEST

START_TEST(test_full_socket_does_not_block)
{
	int fds[2];
	ssize_t n;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, _i ? SOCK_DGRAM : SOCK_STREAM, 0, fds), 0);
	replace_stderr(fds[1]);
	fill_and_count();
	drain(fds[0]);
	log_info(NULL, "after the flood");
	n = read(fds[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "after the flood\n"));
	close(fds[0]);
}
END_TEST

/* No SIGPIPE, no wait: counted. */
START_TEST(test_reader_is_gone)
{
	uint64_t before = log_dropped();
	int fds[2];

	if (_i == 0)
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	else
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	replace_stderr(fds[1]);
	close(fds[0]);
	log_info(NULL, "lost");
	ck_assert_uint_eq(log_dropped(), before + 1);
}
END_TEST

START_TEST(test_closed_stderr)
{
	uint64_t before = log_dropped();

	close(STDERR_FILENO);
	log_init("test");
	log_info(NULL, "lost");
	ck_assert_uint_eq(log_dropped(), before + 1);
}
END_TEST

static void
set_journal_stream(int fd)
{
	char value[64];
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	snprintf(value, sizeof(value), "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", value, 1);
}

static const char *
log_through_socket(enum log_level level, const char *journal_stream)
{
	ssize_t n;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	if (journal_stream)
		setenv("JOURNAL_STREAM", journal_stream, 1);
	else
		set_journal_stream(fds[1]);
	replace_stderr(fds[1]);
	log_set_level(LOG_DEBUG);
	log_write(level, "redis", "a\nb");
	n = read(fds[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	close(fds[0]);
	return text;
}

START_TEST(test_journal)
{
	static const char *const want[] = {"<3>redis: a\\x0ab\n",
	    "<4>redis: a\\x0ab\n", "<6>redis: a\\x0ab\n",
	    "<7>redis: a\\x0ab\n"};

	ck_assert_str_eq(
	    log_through_socket((enum log_level)_i, NULL), want[_i]);
	log_set_format(LOG_JSON);
	ck_assert_mem_eq(
	    log_through_socket((enum log_level)_i, NULL), want[_i], 3);
	assert_matches(text, "^<[3-7]>\\{\"time\":.*\\}\n$");
}
END_TEST

START_TEST(test_not_the_journal)
{
	static const char *const values[] = {
	    "", ":", "1:1", "x:1", "1", "1:1x", "99999999999999999999:1"};

	assert_matches(log_through_socket(LOG_INFO, values[_i]), TIME_RE);
}
END_TEST

/* A file is no journal, whatever the environment says of stderr. */
START_TEST(test_file_under_journal)
{
	set_journal_stream(STDERR_FILENO);
	log_init("test");
	ck_assert_int_eq(log_open(path, 0, 0), 0);
	log_info(NULL, "x");
	assert_matches(read_file(path), TIME_RE);
}
END_TEST

START_TEST(test_panic)
{
	int status;
	pid_t pid;

	ck_assert_int_eq(log_open(path, 0, 0), 0);
	INVARIANT(1 + 1 == 2);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		INVARIANT(1 + 1 == 3);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_matches(read_file(path),
	    "error test.*panic at .*test_log.c:[0-9]+: "
	    "broken invariant: 1 \\+ 1 == 3\n$");
}
END_TEST

static TCase *
make_sink_tests(void)
{
	TCase *tc = tcase_create("sinks");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, test_rotation);
	tcase_add_test(tc, test_rotation_keeps_nothing);
	tcase_add_test(tc, test_rotation_after_restart);
	tcase_add_test(tc, test_reopen);
	tcase_add_test(tc, test_open_fails);
	tcase_add_test(tc, test_torn_line);
	tcase_add_test(tc, test_full_pipe_does_not_block);
	tcase_add_loop_test(tc, test_full_socket_does_not_block, 0, 2);
	tcase_add_loop_test(tc, test_reader_is_gone, 0, 2);
	tcase_add_test(tc, test_closed_stderr);
	tcase_add_loop_test(tc, test_journal, 0, LOG_LEVEL__COUNT);
	tcase_add_loop_test(tc, test_not_the_journal, 0, 7);
	tcase_add_test(tc, test_file_under_journal);
	tcase_add_test(tc, test_panic);
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("lines");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_text_line);
	tcase_add_test(tc, test_text_without_subject);
	tcase_add_test(tc, test_json_line);
	tcase_add_test(tc, test_json_without_subject);
	tcase_add_test(tc, test_levels);
	tcase_add_loop_test(tc, test_no_forged_lines, 0, 2);
	tcase_add_loop_test(tc, test_long_line_is_cut, 0, 2);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, make_sink_tests());
	return unit_run(s);
}
