/*
 * test_calls: calls between plugins, through the real router. The plugins are
 * tests/stubs/callmod.c, which call, serve and keep the books.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL "module: " CALL_MODULE
#define BUS "module: " BUS_MODULE
#define ROUTER "plugind-router"

static const char *
read_books(struct it *t, const char *name, int instance)
{
	char path[96];

	snprintf(
	    path, sizeof(path), "state/plugins/%s/books-%d", name, instance);
	return it_exists(t, path) ? it_read(t, path) : "";
}

/* A number of the books of one instance; -1: it has none yet. */
static long
book_of(struct it *t, const char *name, int instance, const char *what)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), "%s ", what);
	at = strstr(read_books(t, name, instance), key);
	return at != NULL ? strtol(at + strlen(key), NULL, 10) : -1;
}

static long
book(struct it *t, const char *name, const char *what)
{
	return book_of(t, name, 1, what);
}

/* How many of its calls have come to an end. */
static long
sum_of_ends(struct it *t, const char *name)
{
	static const char *const ends[] = {"ok", "failed", "unavailable",
	    "denied", "unknown", "busy", "timeout", "lost"};
	long sum = 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sum += book(t, name, ends[i]);
	return sum;
}

START_TEST(test_many)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, count: 20000, window: 200}}\n");

	IT_UNTIL(book(t, "caller", "ok") == 20000);
	/* Each sum was seen once: none twice, none left out. */
	ck_assert_int_eq(book(t, "caller", "sum"), 20000L * 20001 / 2);
	IT_UNTIL(book(t, "worker", "served") == 20000);
	it_end(t);
}
END_TEST

static const struct {
	const char *to;
	const char *method;
	const char *what;
	const char *text;
} outcomes[] = {
    {"nobody", "add", "unavailable", "no such plugin"},
    {"stopped", "add", "unavailable", "not running"},
    {"secret", "add", "denied", "may not call"},
    {"worker", "mul", "unknown", "offers no such method"},
    {"worker:7", "add", "unavailable", "no such plugin"},
    {"worker", "fail", "failed", "as you wish, c5"},
    {"worker", "never", "timeout", "no reply came in time"},
    {"worker", "late", "ok", ""},
    {"worker:1", "add", "ok", ""},
    {"worker", "trace", "failed", "00-0af7651916cd43dd8448eb211c80319c"},
    {"worker", "relay", "failed", "may not call"},
    {"plugind", "ping", "failed", "the arguments are an array"},
    {"plugind", "dance", "unknown", "plugind offers"},
};

START_TEST(test_outcomes)
{
	enum { N = sizeof(outcomes) / sizeof(outcomes[0]) };
	char config[8192] =
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  secret: {" CALL ", config: {offer: true}}\n"
	    "  stopped: {" CALL ", enabled: false, config: {offer: true}}\n";
	struct it *t;

	for (size_t i = 0; i < N; i++)
		snprintf(config + strlen(config),
		    sizeof(config) - strlen(config),
		    "  c%zu: {" CALL ", calls: [worker, nobody, stopped,\n"
		    "      plugind], depends_on: [worker, secret],\n"
		    "      config: {to: '%s', method: %s, timeout: 2s}}\n",
		    i, outcomes[i].to, outcomes[i].method);
	t = it_start(config);
	for (size_t i = 0; i < N; i++) {
		char name[8];

		snprintf(name, sizeof(name), "c%zu", i);
		IT_UNTIL(book(t, name, "made") == 1 &&
		         book(t, name, outcomes[i].what) == 1);
		ck_assert_msg(
		    strstr(read_books(t, name, 1), outcomes[i].text) != NULL,
		    "%s %s: %s", outcomes[i].to, outcomes[i].method,
		    read_books(t, name, 1));
	}
	it_end(t);
}
END_TEST

/* The one with fewer calls under way gets the next. */
START_TEST(test_instances)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", instances: 3, config: {offer: true}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, method: late, count: 600,\n"
	    "      window: 30}}\n");

	IT_UNTIL(book(t, "caller", "ok") == 600);
	for (int i = 1; i <= 3; i++)
		IT_UNTIL(book_of(t, "worker", i, "served") >= 50);
	it_end(t);
}
END_TEST

/* A thread of a plugin calls another plugin, and waits. */
START_TEST(test_relay)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  between: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {offer: true, via: worker}}\n"
	    "  caller: {" CALL ", calls: [between], depends_on: [between],\n"
	    "      config: {to: between, method: relay, count: 500,\n"
	    "      window: 20}}\n");

	IT_UNTIL(book(t, "caller", "ok") == 500);
	ck_assert_int_eq(book(t, "caller", "sum"), 500L * 501 / 2);
	IT_UNTIL(book(t, "worker", "served") == 500);
	it_end(t);
}
END_TEST

/* Slow methods fill all threads, and more wait: health is answered all the
 * same, and what comes beyond is told that it is busy. */
START_TEST(test_slow)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", config: {offer: true},\n"
	    "      health: {interval: 100ms, timeout: 2s, failures: 1}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, method: slow, n: 4000, count: 1100,\n"
	    "      window: 1100}}\n");
	struct it_row a;

	IT_UNTIL(book(t, "caller", "made") == 1100);
	/* 4 threads, 1,024 that wait; the first may not have begun yet. */
	IT_UNTIL(book(t, "caller", "busy") >= 72);
	ck_assert_int_le(book(t, "caller", "busy"), 76);
	IT_UNTIL(book(t, "worker", "served") >= 4);
	a = it_row(t, "worker");
	ck_assert_str_eq(a.state, "running");
	ck_assert_str_eq(a.health, "ok");
	ck_assert_int_eq(a.restarts, 0);
	it_end(t);
}
END_TEST

/* Whoever executes is killed: its calls are lost, not made again. */
/* The argument is [[names]], the operator allows less. */
START_TEST(test_max_frame)
{
	char yaml[8192];
	char names[5001];
	struct it *t;

	memset(names, 'x', sizeof(names));
	names[sizeof(names) - 1] = '\0';
	snprintf(yaml, sizeof(yaml),
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, names: %s}}\n"
	    "bus: {max_frame: 4KiB}\n",
	    names);
	t = it_start(yaml);
	IT_UNTIL(book(t, "caller", "denied") == 1);
	ck_assert_ptr_nonnull(strstr(read_books(t, "caller", 1),
	    "its arguments are larger than bus.max_frame allows"));
	it_end(t);
}
END_TEST

START_TEST(test_killed)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", restart: {delay: 10ms},\n"
	    "      config: {offer: true}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, method: never, count: 40,\n"
	    "      window: 40}}\n");

	IT_UNTIL(book(t, "worker", "served") == 40);
	it_kill(it_row(t, "worker"), SIGKILL);
	IT_UNTIL(book(t, "caller", "lost") == 40);
	it_end(t);
}
END_TEST

/* The router is killed under load: each call comes to one end, and those that
 * follow succeed again. */
START_TEST(test_router_killed)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, count: 1000000000, window: 100}}\n");
	long ok;

	IT_UNTIL(book(t, "caller", "ok") > 1000);
	it_kill(it_row(t, ROUTER), SIGKILL);
	IT_UNTIL(book(t, "caller", "lost") > 0);
	ok = book(t, "caller", "ok");
	IT_UNTIL(book(t, "caller", "ok") > ok + 1000);
	it_act(t, MSG_STOP, "N", "worker");
	IT_UNTIL(book(t, "caller", "unavailable") > 0);
	it_write(t, "state/plugins/caller/enough", "");
	IT_UNTIL(sum_of_ends(t, "caller") == book(t, "caller", "made"));
	ck_assert_int_eq(it_row(t, "caller").restarts, 0);
	it_end(t);
}
END_TEST

START_TEST(test_cancelled)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, method: never, count: 40,\n"
	    "      cancel: true}}\n");

	IT_UNTIL(book(t, "worker", "served") == 40);
	IT_UNTIL(book(t, "worker", "dropped") == 40);
	IT_UNTIL(book(t, "caller", "made") == 40);
	/* It was never called back. */
	ck_assert_int_eq(book(t, "caller", "failed"), 0);
	it_end(t);
}
END_TEST

/* A caller that is gone: nobody waits for its calls. */
START_TEST(test_caller_gone)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  caller: {" CALL ", calls: [worker], depends_on: [worker],\n"
	    "      config: {to: worker, method: never, count: 40,\n"
	    "      window: 40}}\n");

	IT_UNTIL(book(t, "worker", "served") == 40);
	it_act(t, MSG_STOP, "N", "caller");
	IT_UNTIL(book(t, "worker", "dropped") == 40);
	it_end(t);
}
END_TEST

/* The supervisor is called like a plugin: by who may. */
START_TEST(test_plugind)
{
	struct it *t = it_start(
	    "  worker: {" CALL ", config: {offer: true}}\n"
	    "  restarter: {" CALL ", calls: [plugind], depends_on: [worker],\n"
	    "      enabled: false,\n"
	    "      config: {to: plugind, method: restart, names: worker}}\n"
	    "  unknown: {" CALL ", calls: [plugind],\n"
	    "      config: {to: plugind, method: restart, names: nobody}}\n"
	    "  denied: {" CALL ", calls: [worker],\n"
	    "      config: {to: plugind, method: restart, names: worker}}\n"
	    "  waiter: {" CALL ", calls: [plugind],\n"
	    "      config: {to: plugind, method: state.wait, await: worker}}\n");
	int64_t generation = it_row(t, "worker").generation;

	IT_UNTIL(book(t, "denied", "denied") == 1);
	IT_UNTIL(book(t, "unknown", "failed") == 1);
	ck_assert_ptr_nonnull(
	    strstr(read_books(t, "unknown", 1), "unknown plugin 'nobody'"));
	ck_assert_int_eq(it_row(t, "worker").generation, generation);
	it_act(t, MSG_START, "N", "restarter");
	IT_UNTIL(book(t, "restarter", "ok") == 1);
	it_wait_newer(t, "worker", generation);
	ck_assert_int_eq(book(t, "waiter", "ok"), 0);
	it_act(t, MSG_STOP, "N", "worker");
	IT_UNTIL(book(t, "waiter", "ok") == 1);
	it_end(t);
}
END_TEST

static int
count_events(struct it *t, const char *topic)
{
	return it_exists(t, "state/plugins/ear/events")
	           ? it_occurrences(
	                 it_read(t, "state/plugins/ear/events"), topic)
	           : 0;
}

/* Who begins to run offers; who stops offers no more. */
START_TEST(test_services_told)
{
	struct it *t = it_start(
	    "  ear: {" BUS ", config: {listen: ['service.*'], note: true}}\n"
	    "  worker: {" CALL ", config: {offer: true},\n"
	    "      depends_on: [ear]}\n");

	IT_UNTIL(count_events(t, "service.registered plugind") == 8);
	it_act(t, MSG_STOP, "N", "worker");
	IT_UNTIL(count_events(t, "service.unregistered plugind") == 8);
	it_act(t, MSG_START, "N", "worker");
	IT_UNTIL(count_events(t, "service.registered plugind") == 16);
	it_kill(it_row(t, "worker"), SIGKILL);
	IT_UNTIL(count_events(t, "service.unregistered plugind") == 16);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"many", test_many},
	    {"outcomes", test_outcomes},
	    {"instances", test_instances},
	    {"relay", test_relay},
	    {"slow", test_slow},
	    {"max_frame", test_max_frame, 0},
	    {"killed", test_killed},
	    {"router_killed", test_router_killed},
	    {"cancelled", test_cancelled},
	    {"caller_gone", test_caller_gone},
	    {"plugind", test_plugind},
	    {"services_told", test_services_told},
	};

	return it_main("calls", tests, sizeof(tests) / sizeof(tests[0]));
}
