/*
 * test_probe: questions to servers that answer, refuse, lie, dawdle or hang
 * up, and to programs; each ends once, in time, with a text that says what
 * was asked. Servers are forked children on a port of the kernel's choice.
 */
#include "probe.h"

#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { TIMEOUT_MS = 5000 };

static struct probe_conf conf;
static struct probe *probe;
static char url[128];
static char host[] = "127.0.0.1";
static char page[] = "/health?x=1";

/* What `done` was called with. */
static struct {
	unsigned calls;
	bool ok;
	char text[600];
	bool free_it;
	bool ask_again;
} got;

static pid_t exec_pid; /* what spawn returns */
static int killed_pid;
static size_t exec_argc;

static void
on_done(void *arg, bool ok, const char *text)
{
	ck_assert_ptr_eq(arg, &got);
	ck_assert(!probe_is_open(probe));
	got.calls++;
	got.ok = ok;
	snprintf(got.text, sizeof(got.text), "%s", text);
	if (got.free_it) {
		probe_free(probe);
		probe = NULL;
	}
	if (got.ask_again) {
		got.ask_again = false;
		ck_assert_int_eq(probe_ask(probe, TIMEOUT_MS), 0);
	}
}

static int
on_spawn(void *arg, const struct strv *argv)
{
	(void)arg;
	exec_argc = argv->n;
	return exec_pid;
}

static void
on_kill(void *arg, int pid)
{
	(void)arg;
	killed_pid = pid;
}

static const struct probe_ops ops = {on_done, on_spawn, on_kill, &got};

static void
setup(void)
{
	loop_setup();
	conf = (struct probe_conf){.host = host, .http = url, .tcp = url};
	memset(&got, 0, sizeof(got));
	exec_pid = 4711;
	killed_pid = 0;
	probe = NULL;
}

static void
teardown(void)
{
	probe_free(probe);
	loop_teardown();
}

/* --- servers ----------------------------------------------------------- */

static int
listen_on(int family, uint16_t *ret_port)
{
	struct sockaddr_in v4 = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool is4 = family == AF_INET;
	socklen_t len = is4 ? sizeof(v4) : sizeof(v6);
	struct sockaddr *a = is4 ? (void *)&v4 : (void *)&v6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, a, len) != 0)
		return -1; /* a machine without IPv6 */
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, a, &len), 0);
	*ret_port = ntohs(is4 ? v4.sin_port : v6.sin6_port);
	return fd;
}

struct answer {
	const char *text;
	bool in_bytes; /* one at a time */
	bool keep;     /* stays open after it */
};

static void
read_request(int fd)
{
	char text[1024];
	size_t len = 0;

	do {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		if (n <= 0)
			_exit(2);
		len += (size_t)n;
		text[len] = '\0';
	} while (!strstr(text, "\r\n\r\n"));
	if (strncmp(text, "GET /health?x=1 HTTP/1.1\r\n", 26) != 0 ||
	    !strstr(text, "\r\nUser-Agent: plugind\r\n") ||
	    !strstr(text, "\r\nConnection: close\r\n") ||
	    !strstr(text, "\r\nHost: "))
		_exit(3);
}

static void
answer_one(int fd, const struct answer *a)
{
	size_t len = strlen(a->text);
	size_t step = a->in_bytes ? 1 : len;

	read_request(fd);
	for (size_t i = 0; i < len; i += step) {
		if (write(fd, a->text + i, step) < 0)
			_exit(0); /* the probe knows enough */
		if (a->in_bytes)
			usleep(2000); /* so that they arrive apart */
	}
	while (a->keep)
		pause();
	_exit(0);
}

/* Serves one connection in a child; conf asks it. */
static pid_t
serve(const struct answer *a)
{
	int fd = listen_on(AF_INET, &conf.port);
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		answer_one(accept(fd, NULL, NULL), a);
	}
	close(fd);
	return pid;
}

static void
end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void
make_probe(enum probe_kind kind)
{
	conf.kind = kind;
	conf.path = page;
	snprintf(url, sizeof(url), "%s127.0.0.1:%u%s",
	    kind == PROBE_HTTP ? "http://" : "", conf.port,
	    kind == PROBE_HTTP ? page : "");
	ck_assert_int_eq(probe_new(base, &conf, &ops, &probe), 0);
}

static bool
is_done(void *arg)
{
	return got.calls >= *(const unsigned *)arg;
}

static void
await_done(unsigned calls)
{
	loop_until(is_done, &calls);
	ck_assert_uint_eq(got.calls, calls);
}

static void
ask(int64_t timeout_ms)
{
	unsigned calls = got.calls;

	ck_assert_int_eq(probe_ask(probe, timeout_ms), 0);
	ck_assert_uint_eq(got.calls, calls); /* never from inside */
	ck_assert(probe_is_open(probe));
	ck_assert_int_eq(probe_ask(probe, timeout_ms), -EBUSY);
	await_done(calls + 1);
}

static void
expect(bool ok, const char *kind, const char *what)
{
	char want[256];

	snprintf(want, sizeof(want), "%s%s: %s", kind, url, what);
	ck_assert_str_eq(got.text, want);
	ck_assert_int_eq(got.ok, ok);
}

/* --- http -------------------------------------------------------------- */

/* clang-format off */
static const struct {
	struct answer answer;
	bool ok;
	const char *text;
} http_cases[] = {
	{{"HTTP/1.1 200 OK\r\n\r\n", false, false}, true, "status 200"},
	{{"HTTP/1.1 200 OK\r\n\r\n", false, true}, true, "status 200"},
	{{"HTTP/1.0 204 No Content\r\n\r\n", true, false}, true, "status 204"},
	{{"HTTP/1.1 399 x\r\n\r\n", false, false}, true, "status 399"},
	{{"HTTP/1.1 302\r\n\r\n", false, false}, true, "status 302"},
	{{"HTTP/1.1 400 x\r\n\r\n", false, false}, false, "status 400"},
	{{"HTTP/1.1 503 x\r\n\r\n", true, true}, false, "status 503"},
	{{"HTTP/1.1 199 x\r\n\r\n", false, false}, false, "status 199"},
	{{"HTTP/1.1 2000 x\r\n\r\n", false, false}, false,
	    "the answer is not HTTP"},
	{{"HTTP/1.1 20x x\r\n\r\n", false, false}, false,
	    "the answer is not HTTP"},
	{{"SSH-2.0-OpenSSH\r\n", false, true}, false, "the answer is not HTTP"},
	{{"\x1b[2J\x1b[2J\x1b[2J\x1b[2J", false, true}, false,
	    "the answer is not HTTP"},
	{{"HTTP/1.1 20", false, false}, false,
	    "connection closed without an answer"},
	{{"", false, false}, false, "connection closed without an answer"},
};
/* clang-format on */

START_TEST(test_http)
{
	pid_t pid = serve(&http_cases[_i].answer);

	make_probe(PROBE_HTTP);
	ask(TIMEOUT_MS);
	expect(http_cases[_i].ok, "GET ", http_cases[_i].text);
	end_child(pid);
}
END_TEST

START_TEST(test_http_refused)
{
	int fd = listen_on(AF_INET, &conf.port);

	close(fd);
	make_probe(PROBE_HTTP);
	ask(TIMEOUT_MS);
	expect(false, "GET ", "connection refused");
}
END_TEST

/* Accepts by backlog and says nothing. */
START_TEST(test_http_timeout)
{
	int fd = listen_on(AF_INET, &conf.port);
	int64_t start_ms = clock_mono_ms();

	make_probe(PROBE_HTTP);
	ask(100);
	expect(false, "GET ", "no answer within 100ms");
	ck_assert_int_ge(clock_mono_ms() - start_ms, 90);
	close(fd);
}
END_TEST

/* Says "HTTP" and then nothing more. */
START_TEST(test_http_dawdles)
{
	const struct answer a = {"HTTP/1", true, true};
	pid_t pid = serve(&a);

	make_probe(PROBE_HTTP);
	ask(200);
	expect(false, "GET ", "no answer within 200ms");
	end_child(pid);
}
END_TEST

START_TEST(test_http_v6)
{
	static char v6[] = "::1";
	int fd = listen_on(AF_INET6, &conf.port);
	char text[512] = "";
	char want[64];
	int peer;

	if (fd < 0)
		return;
	conf.host = v6;
	make_probe(PROBE_HTTP);
	ck_assert_int_eq(probe_ask(probe, TIMEOUT_MS), 0);
	event_base_loop(base, EVLOOP_ONCE);
	peer = accept(fd, NULL, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_gt(read(peer, text, sizeof(text) - 1), 0);
	snprintf(want, sizeof(want), "\r\nHost: [::1]:%u\r\n", conf.port);
	ck_assert_msg(strstr(text, want), "no Host in: %s", text);
	close(peer);
	await_done(1);
	ck_assert(!got.ok);
	close(fd);
}
END_TEST

/* --- tcp --------------------------------------------------------------- */

START_TEST(test_tcp)
{
	int fd = listen_on(AF_INET, &conf.port);

	make_probe(PROBE_TCP);
	ask(TIMEOUT_MS);
	expect(true, "tcp ", "connected");
	close(fd);
	ask(TIMEOUT_MS);
	expect(false, "tcp ", "connection refused");
}
END_TEST

/* A name is not asked for, and the answer still comes from the loop. */
START_TEST(test_not_numeric)
{
	static char name[] = "example.invalid";

	conf.host = name;
	conf.port = 80;
	make_probe(PROBE_TCP);
	ask(TIMEOUT_MS);
	ck_assert(!got.ok);
	expect(false, "tcp ", "cannot assign requested address");
}
END_TEST

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* Where ports are few, a connect to a free one finds itself, and that is
 * nobody. */
START_TEST(test_never_self)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET) != 0)
		return; /* not root */
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	write_file("/proc/sys/net/ipv4/ip_local_port_range", "40000 40003");
	conf.port = 40000;
	make_probe(PROBE_TCP);
	for (int i = 0; i < 100; i++) {
		ask(TIMEOUT_MS);
		ck_assert(!got.ok);
	}
}
END_TEST

/* --- exec -------------------------------------------------------------- */

static void
make_exec(void)
{
	static char check[] = "check";
	static char verbose[] = "-v";
	static char *argv[] = {check, verbose, NULL};

	conf.exec = (struct strv){argv, 2};
	conf.kind = PROBE_EXEC;
	ck_assert_int_eq(probe_new(base, &conf, &ops, &probe), 0);
}

/* clang-format off */
static const struct {
	int status; /* of wait */
	bool ok;
	const char *text;
} exec_cases[] = {
	{0, true, "exec check -v: exit status 0"},
	{1 << 8, false, "exec check -v: exit status 1"},
	{255 << 8, false, "exec check -v: exit status 255"},
	{SIGSEGV, false, "exec check -v: killed by SEGV"},
};
/* clang-format on */

START_TEST(test_exec)
{
	make_exec();
	ck_assert_int_eq(probe_ask(probe, TIMEOUT_MS), 0);
	ck_assert_uint_eq(exec_argc, 2);
	probe_exec_exited(probe, exec_pid + 1, 0);
	ck_assert_uint_eq(got.calls, 0);
	probe_exec_exited(probe, exec_pid, exec_cases[_i].status);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_str_eq(got.text, exec_cases[_i].text);
	ck_assert_int_eq(got.ok, exec_cases[_i].ok);
	probe_exec_exited(probe, exec_pid, 0);
	ck_assert_uint_eq(got.calls, 1);
}
END_TEST

START_TEST(test_exec_timeout)
{
	make_exec();
	ask(20);
	ck_assert_str_eq(got.text, "exec check -v: no answer within 20ms");
	ck_assert_int_eq(killed_pid, exec_pid);
	probe_exec_exited(probe, exec_pid, SIGKILL);
	ck_assert_uint_eq(got.calls, 1);
}
END_TEST

START_TEST(test_exec_not_started)
{
	make_exec();
	exec_pid = -EAGAIN;
	ask(TIMEOUT_MS);
	ck_assert_str_eq(
	    got.text, "exec check -v: resource temporarily unavailable");
	ck_assert_int_eq(killed_pid, 0);
}
END_TEST

/* --- the owner --------------------------------------------------------- */

START_TEST(test_cancel)
{
	int fd = listen_on(AF_INET, &conf.port);

	make_probe(PROBE_HTTP);
	probe_cancel(probe);
	ck_assert_int_eq(probe_ask(probe, 10), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	probe_cancel(probe);
	ck_assert(!probe_is_open(probe));
	/* No event is left that could call `done`. */
	ck_assert_int_eq(event_base_dispatch(base), 1);
	ck_assert_uint_eq(got.calls, 0);
	close(fd);
}
END_TEST

START_TEST(test_cancel_kills)
{
	make_exec();
	ck_assert_int_eq(probe_ask(probe, TIMEOUT_MS), 0);
	probe_free(probe);
	probe = NULL;
	ck_assert_int_eq(killed_pid, exec_pid);
	ck_assert_uint_eq(got.calls, 0);
}
END_TEST

START_TEST(test_free_in_done)
{
	int fd = listen_on(AF_INET, &conf.port);

	make_probe(PROBE_TCP);
	got.free_it = true;
	ck_assert_int_eq(probe_ask(probe, TIMEOUT_MS), 0);
	await_done(1);
	close(fd);
}
END_TEST

START_TEST(test_ask_in_done)
{
	int fd = listen_on(AF_INET, &conf.port);

	make_probe(PROBE_TCP);
	got.ask_again = true;
	ck_assert_int_eq(probe_ask(probe, TIMEOUT_MS), 0);
	await_done(2);
	ck_assert(got.ok);
	close(fd);
}
END_TEST

START_TEST(test_describe)
{
	char text[64];
	char tiny[8];

	make_exec();
	ck_assert_str_eq(
	    probe_describe(&conf, text, sizeof(text)), "exec check -v");
	ck_assert_str_eq(probe_describe(&conf, tiny, sizeof(tiny)), "exec ch");
	snprintf(url, sizeof(url), "1.2.3.4:80");
	conf.kind = PROBE_TCP;
	ck_assert_str_eq(
	    probe_describe(&conf, text, sizeof(text)), "tcp 1.2.3.4:80");
	conf.kind = PROBE_NONE;
	ck_assert_str_eq(probe_describe(&conf, text, sizeof(text)), "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("probe");
	TCase *tc = tcase_create("probe");

	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_http, 0, COUNT(http_cases));
	tcase_add_test(tc, test_http_refused);
	tcase_add_test(tc, test_http_timeout);
	tcase_add_test(tc, test_http_dawdles);
	tcase_add_test(tc, test_http_v6);
	tcase_add_test(tc, test_tcp);
	tcase_add_test(tc, test_not_numeric);
	tcase_add_test(tc, test_never_self);
	tcase_add_loop_test(tc, test_exec, 0, COUNT(exec_cases));
	tcase_add_test(tc, test_exec_timeout);
	tcase_add_test(tc, test_exec_not_started);
	tcase_add_test(tc, test_cancel);
	tcase_add_test(tc, test_cancel_kills);
	tcase_add_test(tc, test_free_in_done);
	tcase_add_test(tc, test_ask_in_done);
	tcase_add_test(tc, test_describe);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
