/*
 * test_clients: programs that are no plugins and have a place on the bus: who
 * gets one, how many there are, and when it is over. What they do with it is
 * in test_events.sh.
 */
#include "harness.h"

#include "common/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUTER "plugind-router"

enum { CLIENTS_MAX = 64 };

static const char plugins[] = "  a: {module: " HELLO_MODULE "}\n";

static uint32_t
count(struct it *t)
{
	struct it_reply r = it_ok(t, MSG_CLIENTS, "");
	uint32_t n = 0;

	ck_assert_int_eq(wire_get_array(&r.data, &n), 0);
	return n;
}

/* As another process, which ends: the code. */
static int
attach_elsewhere(struct it *t)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char path[IT_PATH_MAX];

		/* On a connection of its own. */
		it_path(t, "run/control.sock", path);
		t->client = client_new(path);
		_exit((int)it_call(t, MSG_ATTACH_CLIENT, "s", "child").code);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(test_place)
{
	struct it *t = it_start(plugins);
	struct it_reply r = it_ok(t, MSG_ATTACH_CLIENT, "s", "te\033st");
	char want[96];
	char name[64];
	char sockets[128];
	char marker[160];
	struct wire_cursor at;
	const void *cookie;
	struct stat st;
	size_t len;

	snprintf(want, sizeof(want), "client:%d:1", (int)getuid());
	ck_assert_str_eq(it_str(&r.data, "name", name, sizeof(name)), want);
	ck_assert_int_eq(it_int(&r.data, "generation"), 1);
	ck_assert_int_eq(wire_map_find(&r.data, "cookie", &at), 0);
	ck_assert_int_eq(wire_get_bin(&at, &cookie, &len), 0);
	ck_assert_uint_eq(len, 16);
	it_str(&r.data, "sockets", sockets, sizeof(sockets));
	ck_assert_int_eq(stat(sockets, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	snprintf(marker, sizeof(marker), "%s/router", sockets);
	IT_UNTIL(access(marker, F_OK) == 0);
	r = it_ok(t, MSG_CLIENTS, "");
	ck_assert_int_eq(wire_get_array(&r.data, &(uint32_t){0}), 0);
	ck_assert_str_eq(it_str(&r.data, "name", name, sizeof(name)), want);
	ck_assert_str_eq(
	    it_str(&r.data, "program", name, sizeof(name)), "te\\x1bst");
	ck_assert_int_eq(it_int(&r.data, "pid"), getpid());
	/* No connection comes: it is over, and leaves nothing. */
	IT_UNTIL(count(t) == 0);
	ck_assert_int_ne(stat(sockets, &st), 0);
	it_end(t);
}
END_TEST

START_TEST(test_limit)
{
	struct it *t = it_start(plugins);
	struct it_reply r;

	for (int i = 1; i < CLIENTS_MAX; i++)
		it_ok(t, MSG_ATTACH_CLIENT, "s", "test");
	ck_assert_int_eq(attach_elsewhere(t), 0);
	ck_assert_uint_eq(count(t), CLIENTS_MAX);
	/* That process has ended: its place is free. */
	it_ok(t, MSG_ATTACH_CLIENT, "s", "test");
	ck_assert_uint_eq(count(t), CLIENTS_MAX);
	r = it_call(t, MSG_ATTACH_CLIENT, "s", "test");
	ck_assert_uint_eq(r.code, MSG_CODE_FAILED);
	ck_assert(strstr(r.error, "64 clients") != NULL);
	it_end(t);
}
END_TEST

START_TEST(test_no_bus)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	struct it_reply r = it_call(t, MSG_ATTACH_CLIENT, "s", "test");

	ck_assert_uint_eq(r.code, MSG_CODE_FAILED);
	ck_assert(strstr(r.error, "no plugin is on the bus") != NULL);
	ck_assert_uint_eq(
	    it_call(t, MSG_ATTACH_CLIENT, "").code, MSG_CODE_USAGE);
	it_end(t);
}
END_TEST

/* The new router makes the sockets again, and writes its marker. */
START_TEST(test_router)
{
	struct it *t = it_start(plugins);
	struct it_reply r = it_ok(t, MSG_ATTACH_CLIENT, "s", "test");
	char sockets[128];
	char marker[160];
	struct stat before;
	struct stat now;

	it_str(&r.data, "sockets", sockets, sizeof(sockets));
	snprintf(marker, sizeof(marker), "%s/router", sockets);
	IT_UNTIL(stat(marker, &before) == 0);
	it_kill(it_row(t, ROUTER), SIGKILL);
	IT_UNTIL(stat(marker, &now) == 0 &&
	         (now.st_ino != before.st_ino ||
	             now.st_mtim.tv_nsec != before.st_mtim.tv_nsec));
	ck_assert_uint_eq(count(t), 1);
	IT_UNTIL(count(t) == 0);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"place", test_place, 60},
	    {"limit", test_limit, 60},
	    {"no_bus", test_no_bus, 0},
	    {"router", test_router, 60},
	};

	return it_main("clients", tests, sizeof(tests) / sizeof(tests[0]));
}
