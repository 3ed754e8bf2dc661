/*
 * test_childlog: from the bytes that hostile and honest programs write to
 * lines of a file: splitting, escaping, rates, rotation, full disks, and
 * what is left when a process ends.
 */
#include "childlog.h"

#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { TEXT_MAX = 4 * 1024 * 1024, HEAD_LEN = 24 };

static char directory[128];
static struct childlog *childlog;
static int out_w, err_w; /* our ends of the pipes */

static struct childlog *
make_log(const char *name, int64_t max_size, int64_t max_files)
{
	struct childlog_options o = {
	    .directory = directory,
	    .plugin = "w",
	    .name = name,
	    .max_size = max_size,
	    .max_files = max_files,
	};
	struct childlog *log = NULL;

	ck_assert_int_eq(childlog_new(base, &o, &log), 0);
	return log;
}

static void
attach(struct childlog *log)
{
	int out[2];
	int err[2];

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
	childlog_attach(log, out[0], err[0]);
	out_w = out[1];
	err_w = err[1];
}

static void
setup(void)
{
	loop_setup();
	/* The directory itself is missing: the first line makes it. */
	snprintf(directory, sizeof(directory), "%s/logs", scratch);
	childlog = make_log("w:1", 1 << 30, 10);
	attach(childlog);
}

static void
teardown(void)
{
	childlog_free(childlog);
	loop_teardown();
}

/* The content of DIRECTORY/name; "" when there is none. */
static const char *
slurp(const char *name)
{
	static char text[TEXT_MAX];
	char path[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		ck_assert_int_eq(fclose(f), 0);
	}
	text[n] = '\0';
	return text;
}

static size_t
count_in(const char *name, const char *what)
{
	const char *p = slurp(name);
	size_t n = 0;

	while ((p = strstr(p, what)) != NULL) {
		n++;
		p += strlen(what);
	}
	return n;
}

/* The files without their times, joined by newlines. */
static const char *
slurp_timeless(const char *name)
{
	static char out[TEXT_MAX];
	const char *p = slurp(name);
	char *to = out;

	while (*p) {
		const char *nl = strchr(p, '\n');

		ck_assert_ptr_nonnull(nl);
		ck_assert_int_gt(nl - p, HEAD_LEN);
		ck_assert_int_eq(p[HEAD_LEN], '\t');
		ck_assert_int_eq(p[HEAD_LEN - 1], 'Z');
		to = mempcpy(to, p + HEAD_LEN + 1, (size_t)(nl - p - HEAD_LEN));
		p = nl + 1;
	}
	*to = '\0';
	return out;
}

static void
write_all(int fd, const void *data, size_t len)
{
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
}

static void
say(const char *text)
{
	write_all(out_w, text, strlen(text));
}

static void
close_pipes(void)
{
	close(out_w);
	close(err_w);
}

static bool
is_sequence(void *arg)
{
	return childlog_sequence() >= *(const uint64_t *)arg;
}

static void
await_lines(uint64_t n)
{
	loop_until(is_sequence, &n);
}

/* --- lines ------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *name;
	const char *in;
	size_t len;
	const char *want;
} line_cases[] = {
#define IN(s) (s), sizeof(s) - 1
	{"one", IN("a\n"), "w:1\tout\ta\n"},
	{"two", IN("a\nb b\n"), "w:1\tout\ta\nw:1\tout\tb b\n"},
	{"empty lines", IN("\n\n"), "w:1\tout\t\nw:1\tout\t\n"},
	{"no newline", IN("a\nb"), "w:1\tout\ta\nw:1\tout\tb\n"},
	{"tab", IN("a\tb\n"), "w:1\tout\ta\tb\n"},
	{"NUL", IN("a\0b\n"), "w:1\tout\ta\\x00b\n"},
	{"escape", IN("\x1b[2Jx\n"), "w:1\tout\t\\x1b[2Jx\n"},
	{"C1", IN("\xc2\x9bx\n"), "w:1\tout\t\\xc2\\x9bx\n"},
	{"no UTF-8", IN("\xff\xc3\n"), "w:1\tout\t\\xff\\xc3\n"},
	{"UTF-8", IN("\xc3\xa4\n"), "w:1\tout\t\xc3\xa4\n"},
	{"CR", IN("a\r\n"), "w:1\tout\ta\\x0d\n"},
#undef IN
};
/* clang-format on */

START_TEST(test_lines)
{
	write_all(out_w, line_cases[_i].in, line_cases[_i].len);
	close_pipes();
	childlog_detach(childlog);
	ck_assert_str_eq(slurp_timeless("w.log"), line_cases[_i].want);
}
END_TEST

/* A line that comes byte by byte, over many turns of the loop. */
START_TEST(test_slow_line)
{
	const char *text = "hello\n";

	for (const char *p = text; *p; p++) {
		ck_assert_uint_eq(childlog_sequence(), 0);
		write_all(out_w, p, 1);
		event_base_loop(base, EVLOOP_ONCE);
	}
	await_lines(1);
	ck_assert_str_eq(slurp_timeless("w.log"), "w:1\tout\thello\n");
	close_pipes();
}
END_TEST

START_TEST(test_both_streams)
{
	say("o\n");
	await_lines(1);
	write_all(err_w, "e\n", 2);
	await_lines(2);
	childlog_note(childlog, "exited with status %d", 1);
	ck_assert_str_eq(slurp_timeless("w.log"),
	    "w:1\tout\to\nw:1\terr\te\nw:1\t--\texited with status 1\n");
	close_pipes();
}
END_TEST

struct seen {
	size_t calls;
	size_t bytes;
	size_t longest;
	char last[CHILDLOG_LINE_MAX + 1];
	size_t last_len;
	enum childlog_stream stream;
	struct childlog *unwatch;
};

static void
see_line(void *arg, enum childlog_stream stream, const char *line, size_t len)
{
	struct seen *s = arg;

	ck_assert_uint_le(len, CHILDLOG_LINE_MAX);
	ck_assert_int_eq(line[len], '\0');
	s->calls++;
	s->bytes += len;
	if (len > s->longest)
		s->longest = len;
	memcpy(s->last, line, len + 1);
	s->last_len = len;
	s->stream = stream;
	if (s->unwatch) {
		childlog_watch(s->unwatch, NULL, NULL);
		childlog_note(s->unwatch, "seen");
	}
}

/* A child that has nothing of ours but this end of a pipe. */
static pid_t
fork_writer(int fd)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0U, 0);
	signal(SIGPIPE, SIG_DFL);
	return 0;
}

static void
write_in_child(int fd, const char *data, size_t len, size_t times)
{
	if (fork_writer(fd) > 0)
		return;
	for (size_t i = 0; i < times; i++) {
		size_t done = 0;

		while (done < len) {
			ssize_t n = write(fd, data + done, len - done);

			if (n <= 0)
				_exit(1);
			done += (size_t)n;
		}
	}
	_exit(0);
}

static bool
has_all(void *arg)
{
	const struct seen *s = arg;

	return s->bytes >= 1024 * 1024;
}

/* 1 MiB without a newline is cut, nothing of it is lost, and no character
 * is torn. */
START_TEST(test_no_newline)
{
	static const char *const fill[] = {"x", "\xe2\x82\xac", "\x80"};
	static char data[1026];
	struct seen s = {0};
	size_t unit = strlen(fill[_i]);

	for (size_t i = 0; i < 1026 / unit; i++)
		memcpy(data + i * unit, fill[_i], unit);
	childlog_watch(childlog, see_line, &s);
	write_in_child(out_w, data, 1026, 1024);
	close_pipes();
	loop_until(has_all, &s);
	childlog_detach(childlog);
	wait(NULL);
	ck_assert_uint_eq(s.bytes, 1024 * 1026);
	ck_assert_uint_ge(s.longest, CHILDLOG_LINE_MAX - 4);
	if (_i == 1)
		ck_assert_uint_eq(count_in("w.log", "\\x"), 0);
}
END_TEST

START_TEST(test_watch_is_raw)
{
	static const char raw[] = "a\0\x1b\xff";
	struct seen s = {0};

	childlog_watch(childlog, see_line, &s);
	write_all(err_w, raw, sizeof(raw) - 1);
	write_all(err_w, "\n", 1);
	await_lines(1);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert_uint_eq(s.last_len, sizeof(raw) - 1);
	ck_assert_mem_eq(s.last, raw, sizeof(raw) - 1);
	ck_assert_int_eq(s.stream, CHILDLOG_ERR);
	close_pipes();
}
END_TEST

/* A watcher may end its watch and write a note; the note follows the line. */
START_TEST(test_watch_ends)
{
	struct seen s = {.unwatch = childlog};

	childlog_watch(childlog, see_line, &s);
	say("a\nb\n");
	await_lines(3);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert_str_eq(slurp_timeless("w.log"),
	    "w:1\tout\ta\nw:1\t--\tseen\nw:1\tout\tb\n");
	close_pipes();
}
END_TEST

/* --- ends -------------------------------------------------------------- */

/* The pipe is closed while the process goes on with the other one. */
START_TEST(test_closed_early)
{
	say("last words");
	close(out_w);
	await_lines(1);
	write_all(err_w, "more\n", 5);
	await_lines(2);
	ck_assert_str_eq(
	    slurp_timeless("w.log"), "w:1\tout\tlast words\nw:1\terr\tmore\n");
	close(err_w);
	childlog_detach(childlog);
}
END_TEST

/* Somebody still holds and floods the pipe: what was in it is read, and that
 * is that. */
START_TEST(test_grandchild_holds_pipe)
{
	char data[256];
	int64_t start_ms;
	pid_t pid;
	int status;

	memset(data, 'x', sizeof(data));
	data[sizeof(data) - 1] = '\n';
	say("before the exit\n");
	pid = fork_writer(out_w);
	while (pid == 0) {
		if (write(out_w, data, sizeof(data)) < 0)
			_exit(1);
	}
	close_pipes();
	await_lines(100);
	start_ms = clock_mono_ms();
	childlog_detach(childlog);
	ck_assert_int_lt(clock_mono_ms() - start_ms, 2000);
	ck_assert_uint_eq(count_in("w.log", "before the exit"), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}
END_TEST

/* A new incarnation: the rest of the old one comes first. */
START_TEST(test_attach_again)
{
	int old = out_w;

	say("old");
	close(err_w);
	attach(childlog);
	say("new\n");
	await_lines(2);
	ck_assert_str_eq(
	    slurp_timeless("w.log"), "w:1\tout\told\nw:1\tout\tnew\n");
	ck_assert_int_eq(write(old, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	close(old);
	close_pipes();
}
END_TEST

START_TEST(test_detach_reads_whole_pipe)
{
	static char data[65536];
	size_t n;

	for (n = 0; n < sizeof(data); n++)
		data[n] = n % 2 ? '\n' : 'y';
	write_all(out_w, data, n);
	close_pipes();
	childlog_detach(childlog);
	ck_assert_uint_eq(count_in("w.log", "\ty\n"), sizeof(data) / 2);
}
END_TEST

/* --- rate -------------------------------------------------------------- */

/* All at once, whatever the machine has to do besides: the pipe takes it. */
static void
write_numbers(int fd, int n)
{
	static char text[256 * 1024];
	size_t len = 0;

	ck_assert_int_ge(fcntl(fd, F_SETPIPE_SZ, sizeof(text)), 0);
	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "line %d.\n", i);
	write_all(fd, text, len);
}

/* More than the burst: slowed down, all of it there and in order, and the
 * other stream is not starved meanwhile. */
START_TEST(test_slowed_down)
{
	enum { LINES = 7000 };
	int64_t start_ms = clock_mono_ms();
	const char *p;
	char want[32];

	write_numbers(out_w, LINES);
	await_lines(2 * CHILDLOG_RATE_LINES);
	write_all(err_w, "help\n", 5);
	await_lines(2 * CHILDLOG_RATE_LINES + 1000);
	ck_assert_uint_eq(count_in("w.log", "\terr\thelp\n"), 1);
	await_lines(LINES + 2); /* and the note */
	ck_assert_int_ge(clock_mono_ms() - start_ms, 1200);
	p = slurp("w.log");
	for (int i = 0; i < LINES; i++) {
		snprintf(want, sizeof(want), "\tline %d.\n", i);
		p = strstr(p, want);
		ck_assert_msg(p, "line %d is missing", i);
	}
	ck_assert_uint_eq(count_in("w.log", "slowed down"), 1);
	ck_assert_uint_eq(childlog_dropped(childlog), 0);
	close_pipes();
}
END_TEST

static int64_t
get_cpu_ms(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
	       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

static bool
is_never(void *arg)
{
	(void)arg;
	return false;
}

/* 100 MB that wait to be read cost neither the CPU nor more lines than the
 * rate allows. */
START_TEST(test_flood)
{
	static const char *const fill[] = {"y\n", "\0\0", "\n\n", "\x1b\xff"};
	static char data[65536];
	int64_t cpu_ms;
	uint64_t lines;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = fill[_i][i % 2];
	write_in_child(out_w, data, sizeof(data), 1600);
	close_pipes();
	cpu_ms = get_cpu_ms();
	loop_until_ms(is_never, NULL, 1500);
	cpu_ms = get_cpu_ms() - cpu_ms;
	lines = childlog_sequence();
	ck_assert_uint_ge(lines, 400);
	ck_assert_uint_le(lines, 4000 + 2000 * 2 + 200);
	ck_assert_int_lt(cpu_ms, 1000);
	childlog_detach(childlog);
	wait(NULL);
}
END_TEST

/* No timer is left once the flood is over. */
START_TEST(test_idle_has_no_timer)
{
	write_numbers(out_w, 4500);
	await_lines(4501);
	close_pipes();
	event_base_loop(base, EVLOOP_ONCE);
	/* Pauses end; then the pipes do, and no event is left. */
	ck_assert_int_eq(event_base_dispatch(base), 1);
	ck_assert_uint_eq(count_in("w.log", "line 4499."), 1);
}
END_TEST

/* --- files ------------------------------------------------------------- */

static int64_t
size_of(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
configure(const char *name, int64_t max_size, int64_t max_files)
{
	struct childlog_options o = {
	    .directory = directory,
	    .plugin = "w",
	    .name = name,
	    .max_size = max_size,
	    .max_files = max_files,
	};

	ck_assert_int_eq(childlog_configure(childlog, &o), 0);
}

START_TEST(test_mode)
{
	struct stat st;

	umask(0022);
	ck_assert_int_eq(size_of("w.log"), -1);
	childlog_note(childlog, "x");
	ck_assert_int_eq(stat(childlog_path(childlog), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	close_pipes();
}
END_TEST

START_TEST(test_rotation)
{
	configure("w:1", 1000, 2);
	for (int i = 0; i < 100; i++)
		childlog_note(childlog, "number %02d", i);
	ck_assert_int_gt(size_of("w.log"), 0);
	ck_assert_int_le(size_of("w.log"), 1000);
	ck_assert_int_le(size_of("w.log.1"), 1000);
	ck_assert_int_gt(size_of("w.log.1"), 900);
	ck_assert_int_gt(size_of("w.log.2"), 900);
	ck_assert_int_eq(size_of("w.log.3"), -1);
	ck_assert_uint_eq(count_in("w.log", "number 99"), 1);
	configure("w:1", 1000, 1);
	ck_assert_int_eq(size_of("w.log.2"), -1);
	ck_assert_int_gt(size_of("w.log.1"), 900);
	close_pipes();
}
END_TEST

/* Many lines in one write: each file is full of whole lines, none is lost. */
START_TEST(test_rotation_in_batch)
{
	size_t n = 0;
	char name[16];

	configure("w:1", 1000, 1000);
	for (int i = 0; i < 300; i++)
		dprintf(out_w, "number %03d\n", i);
	await_lines(300);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), i ? "w.log.%d" : "w.log", i);
		n += count_in(name, "number ");
		ck_assert_int_le(size_of(name), 1000);
	}
	ck_assert_uint_eq(n, 300);
	close_pipes();
}
END_TEST

START_TEST(test_rotation_keeps_none)
{
	configure("w:1", 300, 0);
	for (int i = 0; i < 20; i++)
		childlog_note(childlog, "number %02d", i);
	ck_assert_int_le(size_of("w.log"), 300);
	ck_assert_int_eq(size_of("w.log.1"), -1);
	ck_assert_uint_eq(count_in("w.log", "number 19"), 1);
	close_pipes();
}
END_TEST

/* A line larger than a file may be has a file of its own. */
START_TEST(test_line_over_max_size)
{
	configure("w:1", 10, 5);
	childlog_note(childlog, "one");
	childlog_note(childlog, "two");
	ck_assert_uint_eq(count_in("w.log", "two"), 1);
	ck_assert_uint_eq(count_in("w.log.1", "one"), 1);
	ck_assert_int_eq(size_of("w.log.2"), -1);
	close_pipes();
}
END_TEST

START_TEST(test_instances_share_file)
{
	struct childlog *other = make_log("w:2", 1 << 30, 10);

	childlog_note(childlog, "a");
	childlog_note(other, "b");
	childlog_free(other);
	childlog_note(childlog, "c");
	ck_assert_str_eq(
	    slurp_timeless("w.log"), "w:1\t--\ta\nw:2\t--\tb\nw:1\t--\tc\n");
	close_pipes();
}
END_TEST

START_TEST(test_reopen)
{
	char path[256];

	childlog_note(childlog, "a");
	snprintf(path, sizeof(path), "%s/moved", directory);
	ck_assert_int_eq(rename(childlog_path(childlog), path), 0);
	childlog_note(childlog, "b");
	childlog_reopen(childlog);
	childlog_note(childlog, "c");
	ck_assert_str_eq(slurp_timeless("moved"), "w:1\t--\ta\nw:1\t--\tb\n");
	ck_assert_str_eq(slurp_timeless("w.log"), "w:1\t--\tc\n");
	close_pipes();
}
END_TEST

START_TEST(test_renamed_instance)
{
	childlog_note(childlog, "a");
	configure("w", 1 << 30, 10);
	childlog_note(childlog, "b");
	ck_assert_str_eq(slurp_timeless("w.log"), "w:1\t--\ta\nw\t--\tb\n");
	close_pipes();
}
END_TEST

/* An earlier life died in the middle of a line. */
START_TEST(test_torn_line_is_ended)
{
	FILE *f;

	ck_assert_int_eq(mkdir(directory, 0700), 0);
	f = fopen(path_of("w.log"), "w");
	ck_assert_ptr_nonnull(f);
	fputs("2026-01-01T00", f);
	ck_assert_int_eq(fclose(f), 0);
	childlog_note(childlog, "a");
	ck_assert_uint_eq(count_in("w.log", "2026-01-01T00\n"), 1);
	ck_assert_uint_eq(count_in("w.log", "w:1\t--\ta\n"), 1);
	close_pipes();
}
END_TEST

/* A device that is always full: lines are counted; when it is gone the next
 * line says how many are missing. */
START_TEST(test_device_full)
{
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	ck_assert_int_eq(symlink("/dev/full", path_of("w.log")), 0);
	say("a\nb\nc\n");
	await_lines(3);
	ck_assert_uint_eq(childlog_dropped(childlog), 3);
	ck_assert_int_eq(unlink(path_of("w.log")), 0);
	say("d\n");
	await_lines(5);
	ck_assert_str_eq(slurp_timeless("w.log"),
	    "w:1\tout\td\n"
	    "w:1\t--\t3 lines lost: they could not be written\n");
	ck_assert_uint_eq(childlog_dropped(childlog), 3);
	close_pipes();
}
END_TEST

/* A real file system that fills up in the middle of a line. */
START_TEST(test_disk_full)
{
	uint64_t written;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mkdir(directory, 0700) != 0 ||
	    mount("none", directory, "tmpfs", 0, "size=64k") != 0)
		return; /* not root; test_device_full has the essence */
	for (int i = 0; i < 2000; i++)
		childlog_note(childlog, "a line of some length, %d", i);
	written = 2000 - childlog_dropped(childlog);
	ck_assert_uint_gt(written, 500);
	ck_assert_uint_gt(childlog_dropped(childlog), 500);
	ck_assert_int_eq(truncate(path_of("w.log"), 0), 0);
	say("there is room again\n");
	await_lines(2002);
	ck_assert_uint_eq(count_in("w.log", "there is room again\n"), 1);
	ck_assert_uint_eq(count_in("w.log", " lines lost"), 1);
	ck_assert_uint_eq(childlog_dropped(childlog), 2000 - written);
	close_pipes();
	ck_assert_int_eq(umount2(directory, MNT_DETACH), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("childlog");
	TCase *tc = tcase_create("childlog");

	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_lines, 0, COUNT(line_cases));
	tcase_add_test(tc, test_slow_line);
	tcase_add_test(tc, test_both_streams);
	tcase_add_loop_test(tc, test_no_newline, 0, 3);
	tcase_add_test(tc, test_watch_is_raw);
	tcase_add_test(tc, test_watch_ends);
	tcase_add_test(tc, test_closed_early);
	tcase_add_test(tc, test_grandchild_holds_pipe);
	tcase_add_test(tc, test_attach_again);
	tcase_add_test(tc, test_detach_reads_whole_pipe);
	tcase_add_test(tc, test_slowed_down);
	tcase_add_loop_test(tc, test_flood, 0, 4);
	tcase_add_test(tc, test_idle_has_no_timer);
	tcase_add_test(tc, test_mode);
	tcase_add_test(tc, test_rotation);
	tcase_add_test(tc, test_rotation_in_batch);
	tcase_add_test(tc, test_rotation_keeps_none);
	tcase_add_test(tc, test_line_over_max_size);
	tcase_add_test(tc, test_instances_share_file);
	tcase_add_test(tc, test_reopen);
	tcase_add_test(tc, test_renamed_instance);
	tcase_add_test(tc, test_torn_line_is_ended);
	tcase_add_test(tc, test_device_full);
	tcase_add_test(tc, test_disk_full);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
