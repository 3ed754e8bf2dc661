/*
 * test_bus: events between plugins, from one handler to another, through the
 * real router. tests/stubs/busmod.c publishes, listens and keeps the books.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define BUS "module: " BUS_MODULE
#define ROUTER "plugind-router"

/* A number of its books; -1: it has none yet. */
static long
book(struct it *t, const char *name, const char *what)
{
	char path[96];
	const char *at;

	snprintf(path, sizeof(path), "state/plugins/%s/books", name);
	if (!it_exists(t, path))
		return -1;
	at = strstr(it_read(t, path), what);
	return at != NULL ? strtol(at + strlen(what), NULL, 10) : -1;
}

static const char *
events(struct it *t, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "state/plugins/%s/events", name);
	return it_exists(t, path) ? it_read(t, path) : "";
}

/* Who listens is there first: `depends_on` waits for it to be running. */
START_TEST(test_patterns)
{
	struct it *t = it_start(
	    "  all: {" BUS ", config: {listen: ['custom.>'], note: true}}\n"
	    "  one: {" BUS ", config: {listen: [custom.a.b, 'x.*'],\n"
	    "      note: true}}\n"
	    "  star: {" BUS ", config: {listen: ['custom.*.b', 'custom.a.*'],\n"
	    "      note: true}}\n"
	    "  none: {" BUS ", config: {listen: [custom.a, 'custom.a.b.>'],\n"
	    "      note: true}}\n"
	    "  say: {" BUS ", config: {say: custom.a.b, count: 3},\n"
	    "      depends_on: [all, one, star, none]}\n");

	IT_UNTIL(book(t, "all", "received ") == 3);
	IT_UNTIL(book(t, "one", "received ") == 3);
	/* Two patterns of one plugin: one delivery, two handlers. */
	IT_UNTIL(book(t, "star", "received ") == 6);
	ck_assert_int_eq(book(t, "none", "received "), -1);
	ck_assert_str_eq(events(t, "all"), "custom.a.b say -\n"
	                                   "custom.a.b say -\n"
	                                   "custom.a.b say -\n");
	ck_assert_int_eq(book(t, "all", "disorder "), 0);
	it_end(t);
}
END_TEST

START_TEST(test_echo)
{
	struct it *t =
	    it_start("  a: {" BUS ", config: {listen: ['>'], say: custom.x,\n"
	             "      count: 2, echo: true}}\n"
	             "  b: {" BUS ", config: {listen: ['custom.>'],\n"
	             "      say: custom.y, count: 2, note: true}}\n");

	IT_UNTIL(book(t, "a", "sent ") == 2 && book(t, "b", "sent ") == 2);
	IT_UNTIL(book(t, "a", "received ") >= 2);
	it_act(t, MSG_STOP, "N", "a b");
	ck_assert_int_eq(it_occurrences(events(t, "b"), "custom.y"), 0);
	it_end(t);
}
END_TEST

START_TEST(test_target)
{
	struct it *t = it_start(
	    "  a: {" BUS ", instances: 2, config: {listen: ['custom.>']}}\n"
	    "  b: {" BUS ", config: {listen: ['custom.>'], note: true}}\n"
	    "  toa: {" BUS ", config: {say: custom.x, count: 5, to: b},\n"
	    "      depends_on: [a, b]}\n"
	    "  tob: {" BUS ", config: {say: custom.y, count: 5, to: 'a:2'},\n"
	    "      depends_on: [a, b]}\n");

	IT_UNTIL(book(t, "b", "received ") == 5);
	IT_UNTIL(book(t, "a", "received ") == 5);
	ck_assert_int_eq(it_occurrences(events(t, "b"), "custom.x toa"), 5);
	it_end(t);
}
END_TEST

/* What the supervisor tells. */
START_TEST(test_lifecycle)
{
	static const char *const lines[] = {"plugin.started plugind later\n",
	    "plugin.initialized plugind mod\n",
	    "plugin.stopped plugind later\n", "system.started plugind -\n",
	    "plugin.restarting plugind crash\n",
	    "plugin.failed plugind crash\n"};
	struct it *t = it_start(
	    "  ear: {" BUS ", config: {listen: ['plugin.>', 'system.*'],\n"
	    "      note: true}}\n"
	    "  later: {command: [stub, run], depends_on: [ear]}\n"
	    "  mod: {" BUS ", depends_on: [ear]}\n"
	    "  crash: {command: [stub, exit, '3'], depends_on: [ear],\n"
	    "      restart: {delay: 10ms, max_restarts: 2}}\n");

	it_act(t, MSG_STOP, "N", "later");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		IT_UNTIL(strstr(events(t, "ear"), lines[i]) != NULL);
	it_config(t,
	    "  ear: {" BUS ", config: {listen: ['plugin.>', 'system.*'],\n"
	    "      note: true}}\n"
	    "  new: {command: [stub, run]}\n");
	it_act(t, MSG_APPLY, "");
	IT_UNTIL(strstr(events(t, "ear"), "system.config_changed") != NULL);
	IT_UNTIL(strstr(events(t, "ear"), "plugin.loaded plugind new\n"));
	IT_UNTIL(strstr(events(t, "ear"), "plugin.unloaded plugind mod\n"));
	it_end(t);
}
END_TEST

START_TEST(test_rights)
{
	struct it *t = it_start(
	    "  ear: {" BUS ", config: {listen: ['>'], note: true}}\n"
	    "  bad: {" BUS ", config: {say: custom.b, count: 1},\n"
	    "      events: {publish: [custom.a]}, depends_on: [ear]}\n"
	    "  liar: {" BUS ", config: {say: plugin.failed, count: 1},\n"
	    "      events: {publish: ['>']}, depends_on: [ear]}\n"
	    "  own: {" BUS ", config: {say: own.x, count: 1},\n"
	    "      depends_on: [ear]}\n"
	    "  deaf: {" BUS ", config: {listen: ['custom.>']},\n"
	    "      events: {subscribe: ['own.>']}}\n");

	IT_UNTIL(it_printed(t, "bad", "may not publish to"));
	IT_UNTIL(it_printed(t, "liar", "may not publish to"));
	IT_UNTIL(it_printed(t, "deaf", "may not subscribe to"));
	IT_UNTIL(strstr(events(t, "ear"), "own.x own") != NULL);
	ck_assert_ptr_null(strstr(events(t, "ear"), "custom.b"));
	ck_assert_ptr_null(strstr(events(t, "ear"), "plugin.failed"));
	/* New rights need no new process. */
	it_config(t, "  ear: {" BUS ", config: {listen: ['>'], note: true}}\n"
	             "  bad: {" BUS ", config: {say: custom.b, count: 1},\n"
	             "      depends_on: [ear]}\n");
	it_act(t, MSG_APPLY, "");
	it_act(t, MSG_RESTART, "N", "bad");
	IT_UNTIL(strstr(events(t, "ear"), "custom.b bad") != NULL);
	it_end(t);
}
END_TEST

/* What is larger than the operator allows; a changed limit holds at once. */
START_TEST(test_max_frame)
{
#define LARGE \
	"  large: {" BUS ", config: {say: custom.l, count: 1, size: 5000}}\n"
	struct it *t = it_start(
	    LARGE "  ear: {" BUS ", config: {listen: ['>'], note: true}}\n"
	          "bus: {max_frame: 4KiB}\n");

	IT_UNTIL(it_printed(t, "large", "more data than bus.max_frame allows"));
	ck_assert_ptr_null(strstr(events(t, "ear"), "custom.l"));
	it_config(
	    t, LARGE "  ear: {" BUS ", config: {listen: ['>'], note: true}}\n");
	it_act(t, MSG_APPLY, "");
	it_act(t, MSG_RESTART, "N", "large");
	IT_UNTIL(strstr(events(t, "ear"), "custom.l large") != NULL);
#undef LARGE
	it_end(t);
}
END_TEST

/* Each in its order, and nothing missing, whoever is slow. */
START_TEST(test_many)
{
	long each = it_level(5000, 20000, 200000);
	char yaml[2048];
	struct it *t;

	snprintf(yaml, sizeof(yaml),
	    "  ear: {" BUS ", instances: 1, config: {listen: ['custom.>']},\n"
	    "      events: {on_overflow: block}}\n"
	    "  say: {" BUS ", instances: 8, depends_on: [ear],\n"
	    "      config: {say: custom.x, count: %ld, size: 64}}\n",
	    each);
	t = it_start(yaml);
	IT_UNTIL(book(t, "ear", "received ") == 8 * each);
	ck_assert_int_eq(book(t, "ear", "disorder "), 0);
	ck_assert_int_eq(book(t, "ear", "gaps "), 0);
	it_end(t);
}
END_TEST

/* One that is slow loses the oldest, is told so, and delays nobody. */
START_TEST(test_overflow)
{
	long n = 20000;
	struct it *t = it_start(
	    "  slow: {" BUS ", config: {listen: ['custom.>'], pause: 1ms}}\n"
	    "  ear: {" BUS ", config: {listen: ['custom.>']},\n"
	    "      events: {on_overflow: block}}\n"
	    "  say: {" BUS ", depends_on: [slow, ear],\n"
	    "      config: {say: custom.x, count: 20000, size: 5000}}\n");

	IT_UNTIL(book(t, "ear", "received ") == n);
	ck_assert_int_eq(book(t, "ear", "gaps "), 0);
	IT_UNTIL(
	    book(t, "slow", "received ") + book(t, "slow", "missed ") == n);
	ck_assert_int_eq(book(t, "slow", "disorder "), 0);
	it_end(t);
}
END_TEST

/* Who publishes again after the router has gone, and who listens. */
START_TEST(test_router_killed)
{
	struct it *t = it_start(
	    "  ear: {" BUS ", config: {listen: ['custom.>']}}\n"
	    "  late: {" BUS ", config: {listen: [custom.x], since: 1}}\n"
	    "  say: {" BUS ", depends_on: [ear],\n"
	    "      config: {say: custom.x, count: 100000000, size: 100}}\n");

	for (int i = 0; i < it_level(2, 5, 20); i++) {
		struct it_row row;
		long before = book(t, "ear", "received ");

		IT_UNTIL(book(t, "ear", "received ") > before + 1000);
		IT_UNTIL((row = it_row(t, ROUTER)).pid > 0 &&
		         kill((pid_t)row.pid, SIGKILL) == 0);
		before = book(t, "ear", "received ");
		IT_UNTIL(book(t, "ear", "received ") > before + 1000);
		before = book(t, "late", "received ");
		IT_UNTIL(book(t, "late", "received ") > before + 1000);
	}
	ck_assert_int_eq(book(t, "ear", "disorder "), 0);
	ck_assert_int_eq(book(t, "late", "disorder "), 0);
	ck_assert(!it_printed(t, ROUTER, "strike"));
	ck_assert(!it_printed(t, "ear", "refused"));
	ck_assert_int_eq(it_row(t, "say").generation, 1);
	ck_assert_int_eq(it_row(t, "ear").generation, 1);
	it_end(t);
}
END_TEST

/* --- what was before --------------------------------------------------- */

#define SAY "  say: {" BUS ", config: {say: custom.x, count: 20}}\n"
#define LATE(since)                                                   \
	"  late: {" BUS ", enabled: false, config: {listen: ['>'],\n" \
	"      since: " since ", note: true}}\n"

static void
start_late(struct it *t, const char *plugins)
{
	it_config(t, plugins);
	it_act(t, MSG_APPLY, "");
	it_remove(t, "state/plugins/late/events");
	it_remove(t, "state/plugins/late/books");
	it_act(t, MSG_RESTART, "N", "late");
}

/* Who comes late hears the last of each topic, and how much that is can be
 * changed while it runs. */
START_TEST(test_retained)
{
	struct it *t = it_start(SAY LATE("0") "bus: {retain: 5}\n");

	IT_UNTIL(book(t, "say", "sent ") == 20);
	/* It publishes, and its own name is on the bus, before it is said. */
	it_act(t, MSG_STOP, "N", "say");
	it_act(t, MSG_START, "N", "late");
	IT_UNTIL(it_occurrences(events(t, "late"), "custom.x say - kept") == 5);
	IT_UNTIL(strstr(events(t, "late"), "plugin.started plugind say kept"));
	IT_UNTIL(strstr(events(t, "late"), "plugin.stopped plugind say kept"));
	IT_UNTIL(strstr(events(t, "late"), "plugin.started plugind late\n"));
	ck_assert_int_eq(it_occurrences(events(t, "late"), "custom.x"), 5);
	IT_UNTIL(book(t, "late", "gaps ") == 0);
	/* Fewer, and who asks for more is told. */
	start_late(t, SAY LATE("1") "bus: {retain: 3}\n");
	IT_UNTIL(strstr(events(t, "late"), "plugin.started plugind late\n"));
	ck_assert_int_eq(it_occurrences(events(t, "late"), "custom.x"), 3);
	IT_UNTIL(book(t, "late", "gaps ") == 1);
	start_late(t, SAY LATE("1") "bus: {retain: 0}\n");
	IT_UNTIL(strstr(events(t, "late"), "plugin.started plugind late\n"));
	ck_assert_int_eq(it_occurrences(events(t, "late"), " kept"), 0);
	IT_UNTIL(book(t, "late", "gaps ") == 1);
	it_end(t);
}
END_TEST

/* Between what was kept and what comes nothing is missing and nothing twice,
 * also for one who hears the same by another pattern already. */
START_TEST(test_catch_up)
{
	struct it *t = it_start(
	    "  ear: {" BUS ", config: {listen: ['custom.*'],\n"
	    "      catch_up: custom.x}, events: {on_overflow: block}}\n"
	    "  late: {" BUS ", enabled: false, config: {listen: [custom.x],\n"
	    "      since: 1}, events: {on_overflow: block}}\n"
	    "  say: {" BUS ", depends_on: [ear],\n"
	    "      config: {say: custom.x, count: 100000000, size: 64}}\n");

	for (int i = 0; i < it_level(3, 10, 100); i++) {
		long before = book(t, "late", "received ");

		it_act(t, MSG_RESTART, "N", "late");
		IT_UNTIL(book(t, "late", "received ") > 5000 &&
		         book(t, "late", "received ") != before);
		ck_assert_int_eq(book(t, "late", "disorder "), 0);
		ck_assert_int_eq(book(t, "late", "gaps "), 1);
		it_act(t, MSG_RESTART, "N", "ear");
		IT_UNTIL(book(t, "ear", "caught ") > 5000);
		ck_assert_int_eq(book(t, "ear", "leaps "), 0);
		ck_assert_int_eq(book(t, "ear", "gaps "), 0);
	}
	it_end(t);
}
END_TEST

/* What a plugin may hear, and what is kept, changes while it runs. */
START_TEST(test_rights_change)
{
	static const char all[] =
	    "  ear: {" BUS ", config: {listen: ['custom.>'], note: true}}\n";
	static const char less[] =
	    "  ear: {" BUS ", events: {subscribe: ['custom.b']},\n"
	    "      config: {listen: ['custom.>'], note: true}}\n"
	    "bus: {retain: 5}\n";
	struct it *t = it_start(all);
	int64_t generation = it_row(t, "ear").generation;

	it_config(t, less);
	it_act(t, MSG_APPLY, "");
	IT_UNTIL(it_printed(t, ROUTER, "1 of its subscriptions ended"));
	IT_UNTIL(it_logged(t, "apply: 2 changes"));
	ck_assert_int_eq(it_row(t, "ear").generation, generation);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"patterns", test_patterns},
	    {"echo", test_echo},
	    {"target", test_target},
	    {"lifecycle", test_lifecycle},
	    {"rights", test_rights},
	    {"max_frame", test_max_frame, 0},
	    {"many", test_many},
	    {"overflow", test_overflow},
	    {"router_killed", test_router_killed},
	    {"retained", test_retained},
	    {"catch_up", test_catch_up},
	    {"rights_change", test_rights_change},
	};

	return it_main("bus", tests, sizeof(tests) / sizeof(tests[0]));
}
