/*
 * test_health: probes of a running program: what is shown, when it is
 * restarted, and that questions never outlive it.
 */
#include "harness.h"
#include "server.h"

#include <stdio.h>
#include <sys/stat.h>

static struct it *
start_http(struct server *s, const char *health)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
	    "  a:\n"
	    "    command: [stub, run]\n"
	    "    restart: {delay: 0s, max_restarts: 0}\n"
	    "    health: {%s, probe: {http: 'http://127.0.0.1:%d/'}}\n",
	    health, s->port);
	return it_start(yaml);
}

static void
wait_health(struct it *t, const char *health)
{
	IT_UNTIL(strcmp(it_row(t, "a").health, health) == 0);
}

START_TEST(test_unhealthy)
{
	struct server *s = server_start(200);
	struct it *t =
	    start_http(s, "interval: 30ms, timeout: 2s, failures: 2");
	char want[128];
	struct it_row row;

	wait_health(t, "ok");
	atomic_store(&s->status, 500);
	/* It cannot become ready again while the probe is bad. */
	IT_UNTIL(it_row(t, "a").generation == 2);
	row = it_wait(t, "a", "starting");
	snprintf(want, sizeof(want),
	    "unhealthy: GET http://127.0.0.1:%d/: ", s->port);
	ck_assert_msg(
	    strncmp(row.error, want, strlen(want)) == 0, "%s", row.error);
	ck_assert_ptr_nonnull(strstr(row.error, "500"));
	ck_assert(it_logged(t, "health check failed (1 of 2)"));
	ck_assert(it_logged(t, "health check failed (2 of 2)"));
	atomic_store(&s->status, 200);
	ck_assert_str_eq(it_wait(t, "a", "running").health, "ok");
	it_end(t);
}
END_TEST

/* Failures count only in a row. */
START_TEST(test_recovers)
{
	struct server *s = server_start(200);
	struct it *t =
	    start_http(s, "interval: 20ms, timeout: 2s, failures: 1000");
	int64_t pid = it_wait(t, "a", "running").pid;

	for (int i = 0; i < 3; i++) {
		atomic_store(&s->status, 500);
		wait_health(t, "failing");
		atomic_store(&s->status, 200);
		wait_health(t, "ok");
	}
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	it_end(t);
}
END_TEST

/* No answer at all is a failure after `timeout`. */
START_TEST(test_hangs)
{
	struct server *s = server_start(200);
	struct it *t =
	    start_http(s, "interval: 20ms, timeout: 100ms, failures: 2");

	wait_health(t, "ok");
	atomic_store(&s->status, SERVER_HANGS);
	IT_UNTIL(it_row(t, "a").generation >= 2);
	ck_assert_ptr_nonnull(strstr(it_row(t, "a").error, "unhealthy"));
	it_end(t);
}
END_TEST

START_TEST(test_refused_connection)
{
	struct server *s = server_start(200);
	char yaml[512];
	struct it *t;

	/* Nobody listens at port 1. */
	(void)s;
	snprintf(yaml, sizeof(yaml),
	    "  a:\n"
	    "    command: [stub, say, '-', up]\n"
	    "    ready: {log: up}\n"
	    "    restart: {policy: never}\n"
	    "    health: {interval: 10ms, failures: 3,"
	    " probe: {tcp: '127.0.0.1:1'}}\n");
	t = it_start(yaml);
	ck_assert_ptr_nonnull(
	    strstr(it_wait(t, "a", "failed").error, "unhealthy: "));
	it_end(t);
}
END_TEST

START_TEST(test_policy_applies)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, say, '-', up]\n"
	                      "    ready: {log: up}\n"
	                      "    restart: {delay: 1ms, max_restarts: 2}\n"
	                      "    health: {interval: 10ms, failures: 1,\n"
	                      "      probe: {exec: [stub, exit, '4']}}\n");
	struct it_row row;

	it_spawn(t, NULL);
	it_up(t);
	row = it_wait(t, "a", "failed");
	ck_assert_int_eq(row.generation, 3);
	ck_assert_ptr_nonnull(strstr(row.error, "unhealthy: "));
	ck_assert_ptr_nonnull(strstr(row.error, "4"));
	it_end(t);
}
END_TEST

/* An exec probe runs as the plugin does. */
START_TEST(test_exec_user)
{
	struct it *t;

	if (!it_is_root())
		return;
	t = it_new("  a:\n"
	           "    command: [stub, run]\n"
	           "    user: nobody\n"
	           "    group: nogroup\n"
	           "    health: {interval: 20ms,\n"
	           "      probe: {exec: [stub, check, well]}}\n");
	it_write(t, "well", "");
	it_write(t, "probed", "");
	ck_assert_int_eq(chmod(t->dir, 01777), 0);
	it_spawn(t, NULL);
	it_up(t);
	it_remove(t, "probed"); /* its own, then */
	it_wait(t, "a", "running");
	IT_UNTIL(strstr(it_read(t, "probed"), "65534 65534\n") != NULL);
	ck_assert_ptr_null(strstr(it_read(t, "probed"), "0 0\n"));
	it_end(t);
}
END_TEST

/* One that does not end is ended, and so is its process. */
START_TEST(test_exec_timeout)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, say, '-', up]\n"
	                      "    ready: {log: up}\n"
	                      "    restart: {policy: never}\n"
	                      "    health: {interval: 10ms, timeout: 100ms,\n"
	                      "      failures: 2,\n"
	                      "      probe: {exec: [stub, ignore]}}\n");

	it_spawn(t, NULL);
	it_up(t);
	it_wait(t, "a", "failed");
	IT_UNTIL(it_count_processes(t) == 2); /* the core and its guard */
	it_end(t);
}
END_TEST

START_TEST(test_stop_while_asking)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, say, '-', up]\n"
	                      "    ready: {log: up}\n"
	                      "    health: {timeout: 30s,\n"
	                      "      probe: {exec: [stub, run]}}\n");
	size_t fds;

	it_spawn(t, NULL);
	it_up(t);
	it_act(t, MSG_STOP, "N", "a");
	fds = it_count_fds(t->pid);
	for (int i = 0; i < 5; i++) {
		it_act(t, MSG_START, "N", "a");
		IT_UNTIL(it_count_processes(t) == 4);
		it_act(t, MSG_STOP, "N", "a");
		IT_UNTIL(it_count_processes(t) == 2);
	}
	ck_assert_uint_eq(it_count_fds(t->pid), fds);
	it_end(t);
}
END_TEST

/* A question of the program before is no answer about the one after. */
START_TEST(test_killed_while_asking)
{
	struct server *s = server_start(SERVER_HANGS);
	char yaml[512];
	struct it *t;

	snprintf(yaml, sizeof(yaml),
	    "  a:\n"
	    "    command: [stub, say, '-', up]\n"
	    "    ready: {log: up}\n"
	    "    restart: {delay: 0s, max_restarts: 0}\n"
	    "    health: {interval: 10ms, timeout: 30s, failures: 1,"
	    " probe: {http: 'http://127.0.0.1:%d/'}}\n",
	    s->port);
	t = it_start(yaml);
	for (int i = 1; i <= 5; i++) {
		IT_UNTIL(atomic_load(&s->asked) >= i);
		it_ok(t, MSG_KILL, "ss", "a", "KILL");
		ck_assert_str_eq(
		    it_wait_newer(t, "a", i).error, "killed by SIGKILL");
	}
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"unhealthy", test_unhealthy},
	    {"recovers", test_recovers},
	    {"hangs", test_hangs},
	    {"refused_connection", test_refused_connection},
	    {"policy_applies", test_policy_applies},
	    {"exec_user", test_exec_user},
	    {"exec_timeout", test_exec_timeout},
	    {"stop_while_asking", test_stop_while_asking},
	    {"killed_while_asking", test_killed_while_asking},
	};

	return it_main("health", tests, sizeof(tests) / sizeof(tests[0]));
}
