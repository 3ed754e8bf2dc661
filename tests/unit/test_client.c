/*
 * test_client: the client of control.sock against servers that misbehave, one way
 * each, and how it explains that. A server is a child process that sends
 * bytes made beforehand: the first request of a client has the id 1.
 */
#include "unit.h"

#include "common/client.h"
#include "common/clock.h"
#include "common/sp.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG_MS = 10000, SHORT_MS = 200, NOBODY = 65534 };

static char folder[] = "/tmp/test_client.XXXXXX";
static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static pid_t server;

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/s", folder);
}

static void
teardown(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	unlink(path);
	rmdir(folder);
}

static int
listen_at_path(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, sizeof(path));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

/* What a server sends, in pieces of `piece` bytes; then it closes, or holds
 * the connection open until the client leaves. */
struct script {
	struct buf bytes;
	size_t piece;
	bool hold;
};

static _Noreturn void
serve(int fd, const struct script *s)
{
	int conn = accept(fd, NULL, NULL);
	size_t sent = 0;
	char sink[4096];

	alarm(60);
	while (sent < s->bytes.len) {
		size_t left = s->bytes.len - sent;
		ssize_t n = send(conn, s->bytes.data + sent,
		    left < s->piece ? left : s->piece, MSG_NOSIGNAL);

		if (n < 0)
			_exit(0);
		sent += (size_t)n;
	}
	/* The request is read so that closing is a clean end of file. */
	while (s->hold && read(conn, sink, sizeof(sink)) > 0)
		continue;
	if (!s->hold)
		shutdown(conn, SHUT_WR);
	while (read(conn, sink, sizeof(sink)) > 0)
		continue;
	_exit(0);
}

static void
start_server(const struct script *s)
{
	int fd = listen_at_path();

	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0)
		serve(fd, s);
	close(fd);
}

static void
put_greeting(struct buf *b, uint16_t protocol)
{
	uint8_t greeting[SP_GREETING_LEN];

	sp_greeting(greeting, protocol);
	buf_append(b, greeting, sizeof(greeting));
}

/* A reply with the id 1, in answer to the request `request`. */
static void
put_reply(struct buf *b, uint32_t request, unsigned type, unsigned code)
{
	uint8_t trace[4] = {0x80, 0, 0, (uint8_t)request};
	struct buf body;

	buf_init(&body, 4096);
	wire_put_array(&body, 4);
	wire_put_uint(&body, MSG_VERSION);
	wire_put_uint(&body, type);
	wire_put_uint(&body, 1);
	wire_put_array(&body, 2);
	wire_put_uint(&body, code);
	wire_put_str(&body, "hello");
	sp_put_header(b, trace, sizeof(trace), body.len);
	buf_append(b, body.data, body.len);
	buf_fini(&body);
}

static void
make_silence(struct buf *b)
{
	(void)b;
}

static void
make_http(struct buf *b)
{
	buf_puts(b, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void
make_wrong_greeting(struct buf *b)
{
	put_greeting(b, SP_PROTO_REQ);
}

static void
make_greeting(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
}

static void
make_half_greeting(struct buf *b)
{
	buf_append(b, "\0SP", 3);
}

static void
make_half_reply(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	put_reply(b, 1, MSG_PING, 0);
	b->len -= 3;
}

static void
make_long_reply(struct buf *b)
{
	static const uint8_t five_mib[9] = {1, 0, 0, 0, 0, 0, 0x50, 0, 0};

	put_greeting(b, SP_PROTO_REP);
	buf_append(b, five_mib, sizeof(five_mib));
}

static void
make_huge_reply(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	buf_append(b, "\1\377\377\377\377\377\377\377\377", 9);
}

static void
make_bad_header(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	buf_puts(b, "garbage garbage garbage");
}

static void
make_bad_body(struct buf *b)
{
	static const uint8_t trace[4] = {0x80, 0, 0, 1};

	put_greeting(b, SP_PROTO_REP);
	sp_put_header(b, trace, sizeof(trace), 3);
	buf_append(b, "\xdd\xff\xff", 3);
}

static void
make_other_type(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	put_reply(b, 1, MSG_STATUS, 0);
}

static void
make_good(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	put_reply(b, 1, MSG_PING, 0);
}

static void
make_late_then_good(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	put_reply(b, 77, MSG_PING, 1);
	put_reply(b, 1, MSG_PING, 0);
}

static void
make_refusal(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	put_reply(b, 1, MSG_PING, MSG_CODE_UNKNOWN_PLUGIN);
}

static void
make_unknown_request(struct buf *b)
{
	put_greeting(b, SP_PROTO_REP);
	put_reply(b, 1, 0, MSG_CODE_USAGE);
}

static const struct server_case {
	const char *name;
	void (*make)(struct buf *b);
	const char *want_text;
	size_t piece;
	int64_t timeout_ms;
	int want;
	unsigned want_code;
	int want_exit;
	bool hold;
} server_cases[] = {
    {"closes at once", make_silence, "closed the connection", 64, LONG_MS,
        -ECONNRESET, 0, 69, false},
    {"closes in its greeting", make_half_greeting, "closed the connection", 64,
        LONG_MS, -ECONNRESET, 0, 69, false},
    {"closes after its greeting", make_greeting, "closed the connection", 64,
        LONG_MS, -ECONNRESET, 0, 69, false},
    {"closes in its reply", make_half_reply, "closed the connection", 64,
        LONG_MS, -ECONNRESET, 0, 69, false},
    {"speaks HTTP", make_http, "is not plugind's control socket", 64, LONG_MS,
        -EPROTO, 0, 69, true},
    {"is no reply socket", make_wrong_greeting,
        "is not plugind's control socket", 64, LONG_MS, -EPROTO, 0, 69, true},
    {"announces 5 MiB", make_long_reply, "above 4 MiB", 64, LONG_MS, -EMSGSIZE,
        0, 69, true},
    {"announces everything", make_huge_reply, "above 4 MiB", 64, LONG_MS,
        -EMSGSIZE, 0, 69, true},
    {"sends no SP message", make_bad_header, "cannot be read", 64, LONG_MS,
        -EBADMSG, 0, 69, true},
    {"sends no msgpack", make_bad_body, "cannot be read", 64, LONG_MS, -EBADMSG,
        0, 69, true},
    {"answers something else", make_other_type, "cannot be read", 64, LONG_MS,
        -EBADMSG, 0, 69, true},
    {"never greets", make_silence, "did not answer in time", 64, SHORT_MS,
        -ETIMEDOUT, 0, 75, true},
    {"never answers", make_greeting, "did not answer in time", 64, SHORT_MS,
        -ETIMEDOUT, 0, 75, true},
    {"answers", make_good, NULL, 64, LONG_MS, 0, 0, 0, true},
    {"answers byte by byte", make_good, NULL, 1, LONG_MS, 0, 0, 0, true},
    {"answers and closes", make_good, NULL, 64, LONG_MS, 0, 0, 0, false},
    {"answers another one first", make_late_then_good, NULL, 64, LONG_MS, 0, 0,
        0, true},
    {"refuses", make_refusal, NULL, 64, LONG_MS, 0, MSG_CODE_UNKNOWN_PLUGIN, 0,
        true},
    {"does not know the request", make_unknown_request, NULL, 64, LONG_MS, 0,
        MSG_CODE_USAGE, 0, true},
};

static int
call(struct client *c, int64_t timeout_ms, struct client_reply *ret)
{
	struct buf args;
	int err;

	buf_init(&args, 4096);
	wire_put_array(&args, 0);
	err =
	    client_call(c, MSG_PING, &args, clock_mono_ms() + timeout_ms, ret);
	buf_fini(&args);
	return err;
}

static void
check_explanation(
    const struct client *c, int err, int want_exit, const char *want_text)
{
	struct buf text;

	buf_init(&text, 4096);
	ck_assert_int_eq(client_explain(c, err, &text), want_exit);
	ck_assert_msg(strstr(buf_cstr(&text), want_text),
	    "\"%s\" is not in \"%s\"", want_text, buf_cstr(&text));
	buf_fini(&text);
}

START_TEST(it_survives_servers)
{
	const struct server_case *tc = &server_cases[_i];
	struct script s = {.piece = tc->piece, .hold = tc->hold};
	struct client_reply reply;
	struct client *c = client_new(path);
	const char *text;
	size_t len;
	int err;

	buf_init(&s.bytes, 1 << 16);
	tc->make(&s.bytes);
	start_server(&s);
	err = call(c, tc->timeout_ms, &reply);
	ck_assert_msg(err == tc->want, "a server that %s: got %d, want %d",
	    tc->name, err, tc->want);
	if (err == 0) {
		ck_assert_uint_eq(reply.code, tc->want_code);
		ck_assert_int_eq(wire_get_str(&reply.data, &text, &len), 0);
		ck_assert_uint_eq(len, 5);
		ck_assert_mem_eq(text, "hello", 5);
	} else {
		check_explanation(c, err, tc->want_exit, tc->want_text);
	}
	client_free(c);
	buf_fini(&s.bytes);
}
END_TEST

START_TEST(it_says_that_nothing_is_there)
{
	struct client_reply reply;
	struct client *c = client_new(path);
	int err = call(c, LONG_MS, &reply);

	ck_assert_int_eq(err, -ENOENT);
	check_explanation(c, err, 69, "is the daemon running?");
	close(listen_at_path());
	err = call(c, LONG_MS, &reply);
	ck_assert_int_eq(err, -ECONNREFUSED);
	check_explanation(c, err, 69, "is the daemon running?");
	client_free(c);
}
END_TEST

START_TEST(it_refuses_a_long_path)
{
	struct client_reply reply;
	char long_path[200];
	struct client *c;

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	c = client_new(long_path);
	ck_assert_int_eq(call(c, LONG_MS, &reply), -ENAMETOOLONG);
	client_free(c);
}
END_TEST

START_TEST(it_says_how_to_get_permission)
{
	struct client_reply reply;
	struct client *c = client_new(path);
	int fd = listen_at_path();
	int err;

	ck_assert_int_eq(chmod(path, 0), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(NOBODY), 0);
	err = call(c, LONG_MS, &reply);
	ck_assert_int_eq(err, -EACCES);
	check_explanation(c, err, 4, "group plugind");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	close(fd);
	client_free(c);
}
END_TEST

START_TEST(it_can_be_interrupted)
{
	struct script s = {.piece = 64, .hold = true};
	struct client_reply reply;
	struct client *c = client_new(path);
	int fds[2];

	buf_init(&s.bytes, 64);
	start_server(&s);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	client_set_interrupt(c, fds[0]);
	ck_assert_int_eq(call(c, LONG_MS, &reply), -EINTR);
	close(fds[0]);
	close(fds[1]);
	client_free(c);
	buf_fini(&s.bytes);
}
END_TEST

START_TEST(it_refuses_a_long_request)
{
	struct script s = {.piece = 64, .hold = true};
	struct client_reply reply;
	struct client *c = client_new(path);
	struct buf args;
	int err;

	buf_init(&s.bytes, 64);
	make_greeting(&s.bytes);
	start_server(&s);
	buf_init(&args, 1 << 20);
	wire_put_array(&args, 1);
	for (int i = 0; i < 70000; i++)
		wire_put_nil(&args);
	err =
	    client_call(c, MSG_PING, &args, clock_mono_ms() + LONG_MS, &reply);
	ck_assert_int_eq(err, -E2BIG);
	check_explanation(c, err, 2, "above 64 KiB");
	buf_fini(&args);
	client_free(c);
	buf_fini(&s.bytes);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("client");
	TCase *tc = tcase_create("client");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, it_survives_servers, 0, COUNT(server_cases));
	tcase_add_test(tc, it_says_that_nothing_is_there);
	tcase_add_test(tc, it_refuses_a_long_path);
	tcase_add_test(tc, it_says_how_to_get_permission);
	tcase_add_test(tc, it_can_be_interrupted);
	tcase_add_test(tc, it_refuses_a_long_request);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
