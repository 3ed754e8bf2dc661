/*
 * test_ready: how it is known that a program is ready: at its start, by
 * sd_notify, by a line of its log, by a probe, after a time.
 */
#include "harness.h"
#include "server.h"

#include <stdio.h>

static struct it *
start_one(const char *keys)
{
	char yaml[512];
	struct it *t;

	snprintf(yaml, sizeof(yaml), "  a:\n    %s\n", keys);
	t = it_new(yaml);
	it_spawn(t, NULL);
	it_up(t);
	return t;
}

START_TEST(test_default)
{
	struct it *t = start_one("command: [stub, run]");

	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

START_TEST(test_notify)
{
	struct it *t =
	    start_one("command: [stub, notify, go, \"STATUS=warm\\nREADY=1\"]\n"
	              "    ready: {notify: true}");

	ck_assert_str_eq(it_wait(t, "a", "starting").message, "");
	ck_assert(!it_logged(t, "settled after"));
	it_write(t, "go", "");
	ck_assert_str_eq(it_wait(t, "a", "running").message, "warm");
	it_end(t);
}
END_TEST

/* STATUS is shown, but never as it came. */
START_TEST(test_notify_status)
{
	struct it *t = start_one(
	    "command: [stub, notify, '-', \"STATUS=a\\e[31m b\\x07\"]\n"
	    "    ready: {notify: true}");

	IT_UNTIL(it_row(t, "a").message[0] != '\0');
	ck_assert_str_eq(it_row(t, "a").message, "a\\x1b[31m b\\x07");
	ck_assert_str_eq(it_row(t, "a").state, "starting");
	it_end(t);
}
END_TEST

/* Whoever has left the plugin's session does not speak for it. */
START_TEST(test_notify_parted)
{
	struct it *t =
	    start_one("command: [stub, parted, sent, \"STATUS=me\\nREADY=1\"]\n"
	              "    ready: {notify: true}");

	IT_UNTIL(it_exists(t, "sent"));
	/* An answer to a question asked later: the datagram was read. */
	it_ok(t, MSG_PING, "");
	it_ok(t, MSG_PING, "");
	ck_assert_str_eq(it_row(t, "a").state, "starting");
	ck_assert_str_eq(it_row(t, "a").message, "");
	it_end(t);
}
END_TEST

/* One second more than start_timeout, which it asks for. */
START_TEST(test_notify_extend)
{
	struct it *t = start_one("command: [stub, notify, '-',\n"
	                         "      EXTEND_TIMEOUT_USEC=20000000]\n"
	                         "    start_timeout: 1s\n"
	                         "    ready: {notify: true}");
	struct wire_cursor at;

	do {
		at = it_ok(t, MSG_STATUS, "N", "a").data;
		ck_assert_int_eq(wire_get_array(&at, &(uint32_t){0}), 0);
		it_pause();
	} while (it_int(&at, "uptime_ms") < it_limit(1500));
	ck_assert_str_eq(it_row(t, "a").state, "starting");
	ck_assert_int_eq(it_row(t, "a").generation, 1);
	it_end(t);
}
END_TEST

/* A new incarnation has to say it again. */
START_TEST(test_notify_again)
{
	struct it *t = start_one("command: [stub, notify, go, READY=1]\n"
	                         "    ready: {notify: true}");

	it_write(t, "go", "");
	it_wait(t, "a", "running");
	it_remove(t, "go");
	it_begin(t, MSG_RESTART, "N", "a");
	IT_UNTIL(it_row(t, "a").generation == 2);
	it_wait(t, "a", "starting");
	it_write(t, "go", "");
	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

START_TEST(test_log)
{
	struct it *t =
	    start_one("command: [stub, say, go, 'server READY on port 80']\n"
	              "    ready: {log: 'READY on port [0-9]+$'}");

	it_wait(t, "a", "starting");
	it_write(t, "go", "");
	it_wait(t, "a", "running");
	ck_assert(it_printed(t, "a", "server READY on port 80"));
	it_end(t);
}
END_TEST

START_TEST(test_log_of_another)
{
	struct it *t = start_one("command: [stub, say, '-', 'not yet ready']\n"
	                         "    ready: {log: '^ready'}");

	IT_UNTIL(it_printed(t, "a", "not yet ready"));
	ck_assert_str_eq(it_row(t, "a").state, "starting");
	it_end(t);
}
END_TEST

/* A flood does not hide the line that counts. */
START_TEST(test_log_in_flood)
{
	struct it *t = start_one("command: [stub, flood, '3000']\n"
	                         "    ready: {log: 'line 2999$'}");

	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

START_TEST(test_probe_exec)
{
	struct it *t =
	    start_one("command: [stub, run]\n"
	              "    ready: {probe: {exec: [stub, check, well]}}");

	IT_UNTIL(it_exists(t, "probed"));
	ck_assert_str_eq(it_row(t, "a").state, "starting");
	it_write(t, "well", "");
	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

static const struct {
	const char *before; /* the port */
	const char *after;
	int bad;
	int good;
} servers[] = {
    {"http://127.0.0.1:", "/healthz", 503, 200},
    {"http://localhost:", "/", SERVER_CLOSES, 302},
    {"http://127.0.0.1:", "", 404, 204},
};

START_TEST(test_probe_http)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct server *s = server_start(servers[i].bad);
		char text[256];
		struct it *t;

		snprintf(text, sizeof(text),
		    "command: [stub, run]\n    ready: {probe: {http: '%s%d%s'}}",
		    servers[i].before, s->port, servers[i].after);
		t = start_one(text);
		IT_UNTIL(atomic_load(&s->asked) >= 2);
		ck_assert_str_eq(it_row(t, "a").state, "starting");
		atomic_store(&s->status, servers[i].good);
		it_wait(t, "a", "running");
		it_end(t);
	}
}
END_TEST

START_TEST(test_probe_tcp)
{
	struct server *s = server_start(200);
	char text[256];
	struct it *t;

	snprintf(text, sizeof(text),
	    "command: [stub, run]\n"
	    "    ready: {probe: {tcp: '127.0.0.1:%d'}}",
	    s->port);
	t = start_one(text);
	it_wait(t, "a", "running");
	/* The kernel connects before the server accepts. */
	IT_UNTIL(atomic_load(&s->asked) >= 1);
	it_end(t);
}
END_TEST

START_TEST(test_after)
{
	struct it *t = start_one("command: [stub, run]\n"
	                         "    ready: {after: 200ms}");
	struct it_op op;
	int64_t begin;

	it_wait(t, "a", "running");
	begin = clock_mono_ms();
	op = it_act(t, MSG_RESTART, "N", "a");
	ck_assert_uint_eq(op.worst, 0);
	/* libevent's clock has ticks of some milliseconds. */
	ck_assert_int_ge(clock_mono_ms() - begin, 190);
	it_end(t);
}
END_TEST

/* The health probe tells readiness when nothing else does. */
START_TEST(test_by_health)
{
	struct it *t =
	    start_one("command: [stub, run]\n"
	              "    health: {probe: {exec: [stub, check, well]}}");

	IT_UNTIL(it_exists(t, "probed"));
	ck_assert_str_eq(it_row(t, "a").state, "starting");
	it_write(t, "well", "");
	ck_assert_str_eq(it_wait(t, "a", "running").health, "ok");
	it_end(t);
}
END_TEST

/* A word that comes with the first instruction is not missed, nor is one that
 * is heard of before the start itself. */
START_TEST(test_at_once)
{
	struct it *t = it_start(
	    "  n: {command: [stub, notify, '-', READY=1],\n"
	    "    ready: {notify: true}}\n"
	    "  l: {command: [stub, say, '-', up], ready: {log: up}}\n");

	for (int i = 0; i < it_level(20, 100, 500); i++) {
		ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "n l").worst, 0);
		ck_assert_str_eq(it_row(t, "n").state, "running");
		ck_assert_str_eq(it_row(t, "l").state, "running");
	}
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"default", test_default},
	    {"notify", test_notify},
	    {"notify_status", test_notify_status},
	    {"notify_parted", test_notify_parted},
	    {"notify_extend", test_notify_extend},
	    {"notify_again", test_notify_again},
	    {"log", test_log},
	    {"log_of_another", test_log_of_another},
	    {"log_in_flood", test_log_in_flood},
	    {"probe_exec", test_probe_exec},
	    {"probe_http", test_probe_http},
	    {"probe_tcp", test_probe_tcp},
	    {"after", test_after},
	    {"by_health", test_by_health},
	    {"at_once", test_at_once},
	};

	return it_main("ready", tests, sizeof(tests) / sizeof(tests[0]));
}
