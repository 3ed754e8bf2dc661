/*
 * test_hostile: programs that speak the protocol badly (tests/stubs/hostile.c
 * has the ways), each beside a good one, which must not notice.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUTER "plugind-router"

enum { MEMORY_MAX_KIB = 64 * 1024, AT_ONCE = 8 };

static const char neighbour[] =
    "  good: {module: " HOSTILE_MODULE ",\n"
    "    health: {interval: 100ms, timeout: 5s, failures: 1}}\n";

static int64_t
memory_kib(pid_t pid)
{
	char path[64];
	char line[128];
	int64_t kib = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	in = fopen(path, "re");
	ck_assert_ptr_nonnull(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	}
	ck_assert_int_eq(fclose(in), 0);
	ck_assert_int_gt(kib, 0);
	return kib;
}

static void
check_memory(int64_t pid)
{
	if (it_limit(1) == 1)
		ck_assert_int_lt(memory_kib((pid_t)pid), MEMORY_MAX_KIB);
}

/* A question that was asked from now on is answered well. */
static void
check_neighbour(struct it *t, int64_t pid)
{
	struct it_row row;

	IT_UNTIL(strcmp((row = it_row(t, "good")).health, "ok") == 0);
	ck_assert_int_eq(row.pid, pid);
	ck_assert_int_eq(row.generation, 1);
	ck_assert(!it_logged(t, "good: health check failed"));
}

static void
check_contains(const char *label, const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "%s: \"%s\" is not in \"%s\"",
	    label, part, text);
}

/* --- one way each ------------------------------------------------------ */

static const struct way {
	const char *name;
	const char *more; /* of its configuration */
	const char *state;
	const char *error; /* a part of it; NULL: there is none */
} ways[] = {
    {"good", "", "running", NULL},
    {"absent", ", start_timeout: 1s", "failed",
        "not ready within start_timeout (1s): it has not said hello"},
    {"mute", ", start_timeout: 1s", "failed",
        "not ready within start_timeout (1s): it has not said hello"},
    {"cookie", "", "failed", "broke the protocol: hello: wrong cookie"},
    {"generation", "", "failed",
        "broke the protocol: hello: of another generation"},
    {"name", "", "failed", "broke the protocol: hello: under another name"},
    {"version", "", "failed",
        "broke the protocol: hello: no common protocol version"},
    {"lie_once", "", "running", NULL},
    {"often", "", "running", NULL},
    {"late", "", "running", NULL},
    {"long_hello", "", "failed",
        "broke the protocol: a message of more than 4 KiB before hello"},
    {"garbage", "", "failed", "broke the protocol: bytes that are not a frame"},
    {"depth", "", "failed", "broke the protocol: bytes that are not a frame"},
    {"count", "", "failed", "broke the protocol: bytes that are not a frame"},
    {"types", "", "failed",
        "broke the protocol: a message with arguments of another type"},
    {"long_text", "", "failed",
        "broke the protocol: a message with arguments of another type"},
    {"unknown", "", "running", NULL},
    {"length_first", ", start_timeout: 1s", "failed", "not ready within"},
    {"no_initialize", ", start_timeout: 1s", "failed", "not ready within"},
    {"no_health", ", health: {interval: 50ms, timeout: 300ms, failures: 2}",
        "failed", "unhealthy: no answer within 300ms"},
    {"confused", "", "running", NULL},
    {"complain", "", "failed", "initialize failed: \\x1b\\x1b"},
    {"no_answer", "", "running", NULL},
    {"knock", "", "running", NULL},
    {"flap", "", "running", NULL},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static void
put_way(FILE *out, const struct way *w)
{
	fprintf(out,
	    "  %s: {exec: [hostile, %s], restart: {policy: never},\n"
	    "    stop: {timeout: 500ms, kill_after: 500ms}%s}\n",
	    w->name, w->name, w->more);
}

static void
check_way(struct it *t, const struct way *w)
{
	struct it_row row = it_wait(t, w->name, w->state);

	if (w->error != NULL)
		check_contains(w->name, row.error, w->error);
	else
		ck_assert_msg(
		    row.error[0] == '\0', "%s: %s", w->name, row.error);
	ck_assert_int_eq(row.generation, 1);
}

static void
check_ways(size_t from, size_t to)
{
	char *yaml = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&yaml, &len);
	struct it *t;
	int64_t pid;

	ck_assert_ptr_nonnull(out);
	fputs(neighbour, out);
	for (size_t i = from; i < to; i++)
		put_way(out, &ways[i]);
	ck_assert_int_eq(fclose(out), 0);
	t = it_new(yaml);
	free(yaml);
	it_spawn(t, NULL);
	it_up(t);
	pid = it_wait(t, "good", "running").pid;
	for (size_t i = from; i < to; i++)
		check_way(t, &ways[i]);
	check_neighbour(t, pid);
	check_memory(it_row(t, ROUTER).pid);
	ck_assert_int_eq(it_row(t, ROUTER).generation, 1);
	it_end(t);
}

START_TEST(test_ways)
{
	ck_assert_str_eq(ways[0].name, "good");
	/* `good` is the neighbour's name. */
	for (size_t i = 1; i < WAYS; i += AT_ONCE)
		check_ways(i, i + AT_ONCE < WAYS ? i + AT_ONCE : WAYS);
}
END_TEST

/* --- the end of it ----------------------------------------------------- */

static void
check_stop(const char *way, const char *message)
{
	char yaml[512];
	struct it *t;

	snprintf(yaml, sizeof(yaml),
	    "  x: {exec: [hostile, %s],\n"
	    "    stop: {timeout: 200ms, kill_after: 200ms}}\n",
	    way);
	t = it_start(yaml);
	ck_assert_str_eq(it_row(t, "x").state, "running");
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "x").messages, message);
	it_end(t);
}

START_TEST(test_stop)
{
	check_stop("good", "x: stopped");
	check_stop("no_stop", "x: stopped");
	check_stop("no_end", "x: stopped (had to be killed)");
}
END_TEST

/* It is out of reach, and so it is when its health is asked for. */
START_TEST(test_length)
{
	struct it *t = it_start(
	    "  good: {module: " HELLO_MODULE "}\n"
	    "  x: {exec: [hostile, length], restart: {policy: never},\n"
	    "    stop: {timeout: 100ms, kill_after: 100ms},\n"
	    "    health: {interval: 200ms, timeout: 300ms, failures: 2}}\n");
	int64_t pid = it_row(t, "good").pid;
	struct it_row row = it_wait(t, "x", "failed");

	check_contains("length", row.error, "unhealthy: no answer within");
	ck_assert_int_eq(it_row(t, "good").pid, pid);
	ck_assert_int_eq(it_row(t, ROUTER).generation, 1);
	check_memory(it_row(t, ROUTER).pid);
	it_end(t);
}
END_TEST

/* --- too much ---------------------------------------------------------- */

static int64_t
log_size(struct it *t)
{
	return (int64_t)strlen(it_read(t, "log"));
}

/* For a while; the router lives, and so does the neighbour. */
static void
check_flood(const char *way, const char *more)
{
	char yaml[1024];
	int64_t end_ms = clock_mono_ms() + it_level(1500, 3000, 30000);
	struct it *t;
	int64_t pid;

	snprintf(yaml, sizeof(yaml), "%s  x: {exec: [hostile, %s]%s}\n",
	    neighbour, way, more);
	t = it_start(yaml);
	pid = it_row(t, "good").pid;
	while (clock_mono_ms() < end_ms)
		check_neighbour(t, pid);
	check_memory(it_row(t, ROUTER).pid);
	check_memory(t->pid);
	ck_assert_int_eq(it_row(t, ROUTER).generation, 1);
	ck_assert_int_lt(log_size(t), 256 * 1024);
	if (more[0] != '\0')
		IT_UNTIL(it_logged(t, "x: stopping pid") &&
		         it_logged(t, "x: health check failed (3 of 3): no "
		                      "answer within 300ms"));
	else
		ck_assert_int_eq(it_row(t, "x").generation, 1);
	ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "good").worst, 0);
	it_end(t);
}

/* It does not hear how it is asked, which ends it. */
START_TEST(test_flood)
{
	check_flood("flood", ", health: {interval: 50ms, timeout: 300ms},"
	                     " restart: {delay: 1ms, max_restarts: 0},"
	                     " stop: {timeout: 50ms, kill_after: 50ms}");
}
END_TEST

START_TEST(test_flood_reading)
{
	check_flood("flood_reading", "");
}
END_TEST

START_TEST(test_flood_long)
{
	check_flood("flood_long", "");
}
END_TEST

START_TEST(test_flood_big)
{
	check_flood("flood_big", "");
}
END_TEST

/* Its commands pile up, which has an end. */
START_TEST(test_no_read)
{
	struct it *t = it_start(
	    "  x: {exec: [hostile, no_read],\n"
	    "    stop: {timeout: 100ms, kill_after: 100ms},\n"
	    "    health: {interval: 10ms, timeout: 20ms, failures: 1000}}\n");

	IT_UNTIL(it_printed(t, ROUTER, "x: leaves 32 commands unanswered"));
	ck_assert_str_eq(it_row(t, "x").state, "running");
	check_contains("no_read", it_row(t, "x").message, "no answer within");
	ck_assert_int_eq(it_row(t, ROUTER).generation, 1);
	it_end(t);
}
END_TEST

static void
check_fds(struct it *t, size_t most)
{
	struct it_row row;

	/* Between two routers there is none to look at. */
	IT_UNTIL((row = it_row(t, ROUTER)).pid > 0 &&
	         it_alive((pid_t)row.pid) &&
	         it_count_fds((pid_t)row.pid) < most);
}

/* Those that are never well are started again and again, and leave nothing.
 * The router may have to be replaced for it: nng hangs now and then when a
 * peer leaves in the middle of a handshake. */
START_TEST(test_no_leak)
{
	static const char *const bad[] = {"cookie", "length_first", "garbage"};
	struct it *t;
	char yaml[2048];
	size_t used = (size_t)snprintf(yaml, sizeof(yaml), "%s", neighbour);
	int64_t pid;

	for (int i = 0; i < 3; i++)
		used += (size_t)snprintf(yaml + used, sizeof(yaml) - used,
		    "  x%d: {exec: [hostile, %s], start_timeout: 200ms,\n"
		    "    stop: {timeout: 50ms, kill_after: 50ms},\n"
		    "    restart: {delay: 1ms, max_delay: 1ms,"
		    " max_restarts: 0}}\n",
		    i, bad[i]);
	t = it_new(yaml);
	it_spawn(t, NULL);
	it_up(t);
	pid = it_wait(t, "good", "running").pid;
	for (int n = 0; n < it_level(10, 30, 300); n++) {
		/* The slowest of them. */
		IT_UNTIL(it_row(t, "x1").generation > n);
		check_neighbour(t, pid);
	}
	/* The router lets go of each a moment after its end. */
	(void)it_act(t, MSG_STOP, "N", "x0 x1 x2");
	check_fds(t, 100);
	it_end(t);
}
END_TEST

/* --- clients ----------------------------------------------------------- */

static uint32_t
count_clients(struct it *t)
{
	struct it_reply r = it_ok(t, MSG_CLIENTS, "");
	uint32_t n = 0;

	ck_assert_int_eq(wire_get_array(&r.data, &n), 0);
	return n;
}

static pid_t
start_client(struct it *t, const char *way)
{
	char path[IT_PATH_MAX];
	pid_t pid;

	it_path(t, "run/control.sock", path);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "we", stderr);
		execl(HOSTILE_PROGRAM, "hostile", way, path, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void
end_client(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Its place is taken away, and the log says why. */
static void
check_client(struct it *t, const char *way, const char *why)
{
	pid_t pid = start_client(t, way);

	IT_UNTIL(it_logged(t, why));
	IT_UNTIL(count_clients(t) == 0);
	end_client(pid);
}

START_TEST(test_clients)
{
	static const char *const bad[][2] = {
	    {"cookie", "hello: wrong cookie"},
	    {"generation", "hello: of another generation"},
	    {"name", "hello: under another name"},
	    {"version", "hello: no common protocol version"},
	    {"long_hello", "a message of more than 4 KiB before hello"},
	    {"garbage", "bytes that are not a frame"},
	    {"types", "a message with arguments of another type"},
	};
	struct it *t = it_start(neighbour);
	int64_t pid = it_row(t, "good").pid;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_client(t, bad[i][0], bad[i][1]);
	check_neighbour(t, pid);
	ck_assert_int_eq(it_row(t, ROUTER).generation, 1);
	it_end(t);
}
END_TEST

/* Several at once, for a while; then they are gone. */
START_TEST(test_clients_flood)
{
	static const char *const floods[] = {
	    "flood", "flood_reading", "flood_long", "flood_big", "flap"};
	enum { N = sizeof(floods) / sizeof(floods[0]) };
	int64_t end_ms = clock_mono_ms() + it_level(1500, 3000, 30000);
	struct it *t = it_start(neighbour);
	int64_t good = it_row(t, "good").pid;
	pid_t pids[N];

	for (int i = 0; i < N; i++)
		pids[i] = start_client(t, floods[i]);
	IT_UNTIL(count_clients(t) == N);
	while (clock_mono_ms() < end_ms)
		check_neighbour(t, good);
	check_memory(it_row(t, ROUTER).pid);
	check_memory(t->pid);
	ck_assert_int_eq(it_row(t, ROUTER).generation, 1);
	ck_assert_int_lt(log_size(t), 256 * 1024);
	for (int i = 0; i < N; i++)
		end_client(pids[i]);
	/* As in test_no_leak: then each has its time once more. */
	IT_UNTIL(it_row(t, ROUTER).generation > 1 || count_clients(t) == 0);
	IT_UNTIL(count_clients(t) == 0);
	ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "good").worst, 0);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"ways", test_ways, 120},
	    {"stop", test_stop, 0},
	    {"length", test_length, 0},
	    {"flood", test_flood, it_level(60, 60, 120)},
	    {"flood_reading", test_flood_reading, it_level(60, 60, 120)},
	    {"flood_long", test_flood_long, it_level(60, 60, 120)},
	    {"flood_big", test_flood_big, it_level(60, 60, 120)},
	    {"no_read", test_no_read, 0},
	    {"clients", test_clients, 120},
	    {"clients_flood", test_clients_flood, it_level(60, 60, 120)},
	    {"no_leak", test_no_leak, it_level(60, 120, 600)},
	};

	return it_main("hostile", tests, sizeof(tests) / sizeof(tests[0]));
}
