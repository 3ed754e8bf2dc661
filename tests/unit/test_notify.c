/*
 * test_notify: messages to a service manager (a socket of ours), and from
 * plugins: honest ones, too long ones, ones with descriptors, and floods.
 */
#include "notify.h"

#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char path[108];

/* What the listener was told. */
static struct {
	unsigned calls;
	struct notify_message last;
	char status[8192];
	struct notify_listener *free_it;
} got;

static void
on_message(void *arg, const struct notify_message *m)
{
	ck_assert_ptr_eq(arg, &got);
	got.calls++;
	got.last = *m;
	got.status[0] = '\0';
	if (m->status)
		snprintf(got.status, sizeof(got.status), "%s", m->status);
	if (got.free_it)
		notify_listener_free(got.free_it);
}

static void
setup(void)
{
	loop_setup();
	snprintf(path, sizeof(path), "%s/notify", scratch);
	memset(&got, 0, sizeof(got));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
teardown(void)
{
	notify_fini();
	loop_teardown();
}

static struct sockaddr_un
make_address(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	memcpy(a.sun_path, path, sizeof(a.sun_path));
	return a;
}

/* --- upwards ----------------------------------------------------------- */

static int
open_manager(void)
{
	struct sockaddr_un a = make_address();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* The next message, or "". */
static const char *
receive(int fd)
{
	static char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(test_send)
{
	int fd = open_manager();
	const char *text;

	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert_int_eq(notify_init(base), 0);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	notify_send("READY=1\nSTATUS=%d plugins", 3);
	ck_assert_str_eq(receive(fd), "READY=1\nSTATUS=3 plugins");
	notify_reloading();
	text = receive(fd);
	ck_assert_int_eq(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	ck_assert_int_gt(strtoll(text + 27, NULL, 10), 0);
	/* Without a watchdog there is no timer. */
	ck_assert_int_eq(event_base_dispatch(base), 1);
	notify_fini();
	notify_send("STATUS=x");
	ck_assert_str_eq(receive(fd), "");
	close(fd);
}
END_TEST

START_TEST(test_send_abstract)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char name[80];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(name, sizeof(name), "@plugind-test-%d", getpid());

	memcpy(a.sun_path + 1, name + 1, (size_t)n - 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&a,
	                     (socklen_t)(sizeof(a.sun_family) + n)),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	ck_assert_int_eq(notify_init(base), 0);
	notify_send("STOPPING=1");
	ck_assert_str_eq(receive(fd), "STOPPING=1");
	close(fd);
}
END_TEST

START_TEST(test_no_manager)
{
	ck_assert_int_eq(notify_init(base), 0);
	notify_send("READY=1");
	notify_reloading();
	ck_assert_int_eq(event_base_dispatch(base), 1);
}
END_TEST

static const char *const bad_managers[] = {"x", "/", "@", "relative/path"};

START_TEST(test_bad_manager)
{
	setenv("NOTIFY_SOCKET", bad_managers[_i], 1);
	ck_assert_int_eq(notify_init(base), -EINVAL);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	notify_send("READY=1");
}
END_TEST

/* A manager that went away, and one that does not read: no wait, no end. */
START_TEST(test_manager_does_not_read)
{
	int fd = open_manager();

	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert_int_eq(notify_init(base), 0);
	for (int i = 0; i < 2000; i++)
		notify_send("STATUS=%d", i);
	close(fd);
	notify_send("STATUS=gone");
}
END_TEST

static bool
has_two(void *arg)
{
	static unsigned seen;

	while (strcmp(receive(*(int *)arg), "WATCHDOG=1") == 0)
		seen++;
	return seen >= 3;
}

START_TEST(test_watchdog)
{
	int fd = open_manager();
	int64_t start_ms = clock_mono_ms();
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "100000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_int_eq(notify_init(base), 0);
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
	loop_until(has_two, &fd); /* at once, then each 50 ms */
	ck_assert_int_ge(clock_mono_ms() - start_ms, 90);
	close(fd);
}
END_TEST

/* clang-format off */
static const struct {
	const char *usec, *pid;
} no_watchdog[] = {
	{"100000", "1"}, {"100000", "x"}, {"0", NULL}, {"-5", NULL},
	{"5x", NULL}, {"99999999999999999999", NULL}, {"", NULL},
};
/* clang-format on */

START_TEST(test_no_watchdog)
{
	int fd = open_manager();

	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", no_watchdog[_i].usec, 1);
	if (no_watchdog[_i].pid)
		setenv("WATCHDOG_PID", no_watchdog[_i].pid, 1);
	ck_assert_int_eq(notify_init(base), 0);
	ck_assert_int_eq(event_base_dispatch(base), 1);
	ck_assert_str_eq(receive(fd), "");
	close(fd);
}
END_TEST

/* --- downwards --------------------------------------------------------- */

static struct notify_listener *
start_listener(void)
{
	struct notify_listener *l = NULL;

	ck_assert_int_eq(
	    notify_listen(base, path, geteuid(), on_message, &got, &l), 0);
	return l;
}

static void
send_bytes(const char *data, size_t len)
{
	struct sockaddr_un a = make_address();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(
	    sendto(fd, data, len, 0, (const struct sockaddr *)&a, sizeof(a)),
	    (ssize_t)len);
	close(fd);
}

static void
send_text(const char *text)
{
	send_bytes(text, strlen(text));
}

/* clang-format off */
static const struct {
	const char *text;
	struct notify_message want;
} message_cases[] = {
	{"READY=1", {.ready = true, .extend_ms = -1}},
	{"READY=1\n", {.ready = true, .extend_ms = -1}},
	{"READY=0", {.extend_ms = -1}},
	{"READY=12", {.extend_ms = -1}},
	{"XREADY=1", {.extend_ms = -1}},
	{"READY", {.extend_ms = -1}},
	{"", {.extend_ms = -1}},
	{"\n\n=\n=1\n", {.extend_ms = -1}},
	{"FDSTORE=1\nX_FOO=bar\nREADY=1", {.ready = true, .extend_ms = -1}},
	{"RELOADING=1\nSTOPPING=1\nWATCHDOG=1",
	    {.reloading = true, .stopping = true, .watchdog = true,
		.extend_ms = -1}},
	{"STATUS=a=b \x1b", {.status = "a=b \x1b", .extend_ms = -1}},
	{"STATUS=", {.status = "", .extend_ms = -1}},
	{"MAINPID=42", {.main_pid = 42, .extend_ms = -1}},
	{"MAINPID=-1", {.extend_ms = -1}},
	{"MAINPID=99999999999", {.extend_ms = -1}},
	{"EXTEND_TIMEOUT_USEC=1500001", {.extend_ms = 1501}},
	{"EXTEND_TIMEOUT_USEC=0", {.extend_ms = 0}},
	{"EXTEND_TIMEOUT_USEC=9999999999999999999999", {.extend_ms = -1}},
	{"EXTEND_TIMEOUT_USEC=1s", {.extend_ms = -1}},
};
/* clang-format on */

START_TEST(test_message)
{
	struct notify_listener *l = start_listener();
	const struct notify_message *want = &message_cases[_i].want;

	send_text(message_cases[_i].text);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_int_eq(got.last.pid, getpid());
	ck_assert_int_eq(got.last.uid, (int)getuid());
	ck_assert_int_eq(got.last.ready, want->ready);
	ck_assert_int_eq(got.last.reloading, want->reloading);
	ck_assert_int_eq(got.last.stopping, want->stopping);
	ck_assert_int_eq(got.last.watchdog, want->watchdog);
	ck_assert_int_eq(got.last.main_pid, want->main_pid);
	ck_assert_int_eq(got.last.extend_ms, want->extend_ms);
	ck_assert_int_eq(got.last.status != NULL, want->status != NULL);
	ck_assert_str_eq(got.status, want->status ? want->status : "");
	notify_listener_free(l);
}
END_TEST

START_TEST(test_sender)
{
	struct notify_listener *l = start_listener();
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		send_text("READY=1");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(got.last.pid, pid);
	notify_listener_free(l);
}
END_TEST

static size_t
count_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
send_fds(int n)
{
	struct sockaddr_un a = make_address();
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control = {0};
	char text[] = "READY=1";
	struct iovec v = {text, strlen(text)};
	struct msghdr msg = {.msg_name = &a,
	    .msg_namelen = sizeof(a),
	    .msg_iov = &v,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	for (int i = 0; i < n; i++)
		memcpy(
		    CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof(int));
	ck_assert_int_gt(sendmsg(fd, &msg, 0), 0);
	close(fd);
}

/* Too long, with a NUL, with descriptors: dropped, and nothing leaks. */
START_TEST(test_dropped)
{
	static char big[8000];
	static const char ready[] = {'R', 'E', 'A', 'D', 'Y', '=', '1', '\n'};
	struct notify_listener *l = start_listener();
	size_t fds = count_fds();

	memset(big, 'x', sizeof(big));
	memcpy(big, ready, sizeof(ready));
	send_bytes(big, 4097);
	send_bytes("READY=1\0", 8);
	send_fds(1);
	send_fds(60);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(got.calls, 0);
	send_bytes(big, 4096);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert(got.last.ready);
	ck_assert_uint_eq(count_fds(), fds);
	notify_listener_free(l);
}
END_TEST

START_TEST(test_discard)
{
	struct notify_listener *l = start_listener();

	send_text("READY=1");
	send_text("STATUS=old");
	notify_listener_discard(l);
	send_text("STATUS=new");
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_str_eq(got.status, "new");
	notify_listener_free(l);
	notify_listener_discard(NULL);
	notify_listener_free(NULL);
}
END_TEST

static bool
has_many(void *arg)
{
	return got.calls >= *(const unsigned *)arg;
}

/* The loop turns between batches however fast they come. */
START_TEST(test_flood)
{
	struct notify_listener *l = start_listener();
	unsigned want = 5000;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (;;)
			send_text("WATCHDOG=1");
	}
	for (int i = 0; i < 50; i++) {
		unsigned before = got.calls;

		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_le(got.calls - before, 32);
	}
	loop_until(has_many, &want);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	notify_listener_free(l);
}
END_TEST

START_TEST(test_free_in_callback)
{
	got.free_it = start_listener();
	send_text("READY=1");
	send_text("READY=1");
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(test_file)
{
	struct notify_listener *l;
	struct stat st;

	umask(0);
	l = start_listener();
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	notify_listener_free(l);
	ck_assert_int_ne(lstat(path, &st), 0);
	/* A stale file of an earlier life is no hindrance. */
	close(open_manager());
	l = start_listener();
	notify_listener_free(l);
	ck_assert_int_eq(
	    notify_listen(base, path, 65534, on_message, &got, &l), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	if (geteuid() == 0) {
		ck_assert_uint_eq(st.st_uid, 65534);
		ck_assert_int_eq(st.st_mode & 07777, 0600);
	} else {
		ck_assert_int_eq(st.st_mode & 07777, 0622);
	}
	notify_listener_free(l);
}
END_TEST

START_TEST(test_cannot_listen)
{
	struct notify_listener *l = NULL;
	char name[200];

	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(
	    notify_listen(base, name, 0, on_message, &got, &l), -ENAMETOOLONG);
	ck_assert_int_eq(
	    notify_listen(base, "/nonexistent/x", 0, on_message, &got, &l),
	    -ENOENT);
	ck_assert_ptr_null(l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notify");
	TCase *tc = tcase_create("notify");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_send);
	tcase_add_test(tc, test_send_abstract);
	tcase_add_test(tc, test_no_manager);
	tcase_add_loop_test(tc, test_bad_manager, 0, COUNT(bad_managers));
	tcase_add_test(tc, test_manager_does_not_read);
	tcase_add_test(tc, test_watchdog);
	tcase_add_loop_test(tc, test_no_watchdog, 0, COUNT(no_watchdog));
	tcase_add_loop_test(tc, test_message, 0, COUNT(message_cases));
	tcase_add_test(tc, test_sender);
	tcase_add_test(tc, test_dropped);
	tcase_add_test(tc, test_discard);
	tcase_add_test(tc, test_flood);
	tcase_add_test(tc, test_free_in_callback);
	tcase_add_test(tc, test_file);
	tcase_add_test(tc, test_cannot_listen);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
