/*
 * test_reload: a changed configuration, by HUP and by apply: who keeps its
 * process, who gets a new one, who comes and who goes.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct it_op
apply(struct it *t, const char *plugins)
{
	it_config(t, plugins);
	return it_act(t, MSG_APPLY, "");
}

/* "name action, name action" */
static const char *
plan(struct it *t, char *out, size_t cap)
{
	struct it_reply r = it_ok(t, MSG_PLAN, "");
	struct wire_cursor at = r.data;
	size_t used = 0;
	uint32_t n;

	out[0] = '\0';
	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	for (uint32_t i = 0; i < n; i++) {
		char name[64];
		char action[32];

		used += (size_t)snprintf(out + used, cap - used, "%s%s %s",
		    i > 0 ? ", " : "", it_str(&at, "name", name, sizeof(name)),
		    it_str(&at, "action", action, sizeof(action)));
		ck_assert_int_eq(wire_skip(&at), 0);
	}
	return out;
}

static const char before[] =
    "  same: {command: [stub, run]}\n"
    "  live: {command: [stub, run], restart: {delay: 1s}}\n"
    "  fresh: {command: [stub, run]}\n"
    "  gone: {command: [stub, run]}\n";
static const char after[] =
    "  same: {command: [stub, run]}\n"
    "  live: {command: [stub, run], restart: {delay: 2s}}\n"
    "  fresh: {command: [stub, run], environment: {A: b}}\n"
    "  new: {command: [stub, run]}\n"
    "  off: {command: [stub, run], enabled: false}\n";

static void
check_after(struct it *t, const int64_t pids[3])
{
	it_wait_newer(t, "fresh", 1);
	it_wait(t, "new", "running");
	IT_UNTIL(it_call(t, MSG_STATUS, "N", "gone").code ==
	         MSG_CODE_UNKNOWN_PLUGIN);
	ck_assert_int_eq(it_row(t, "same").pid, pids[0]);
	ck_assert_int_eq(it_row(t, "live").pid, pids[1]);
	ck_assert_int_ne(it_row(t, "fresh").pid, pids[2]);
	ck_assert_str_eq(it_row(t, "off").state, "registered");
}

START_TEST(test_hup)
{
	struct it *t = it_start(before);
	const int64_t pids[3] = {it_row(t, "same").pid, it_row(t, "live").pid,
	    it_row(t, "fresh").pid};

	it_config(t, after);
	it_hup(t);
	check_after(t, pids);
	it_end(t);
}
END_TEST

START_TEST(test_apply)
{
	struct it *t = it_start(before);
	const int64_t pids[3] = {it_row(t, "same").pid, it_row(t, "live").pid,
	    it_row(t, "fresh").pid};
	char text[256];
	struct it_op op;

	ck_assert_str_eq(plan(t, text, sizeof(text)), "");
	it_config(t, after);
	ck_assert_str_eq(plan(t, text, sizeof(text)),
	    "gone remove, fresh restart, live update, new add, off add");
	ck_assert_int_eq(it_row(t, "fresh").pid, pids[2]);
	op = it_act(t, MSG_APPLY, "");
	ck_assert_uint_eq(op.worst, 0);
	ck_assert_ptr_nonnull(strstr(op.messages, "gone: removed"));
	ck_assert_ptr_nonnull(strstr(op.messages, "fresh: running"));
	ck_assert_ptr_null(strstr(op.messages, "same:"));
	check_after(t, pids);
	ck_assert_str_eq(plan(t, text, sizeof(text)), "");
	it_end(t);
}
END_TEST

START_TEST(test_broken)
{
	struct it *t = it_start(before);
	int64_t pid = it_row(t, "fresh").pid;
	static const enum msg_type types[] = {MSG_APPLY, MSG_PLAN};

	it_config(t, "  fresh: {command: [stub, run], environment: {A: b}}\n"
	             "  bad: {comand: [stub, run]}\n");
	it_hup(t);
	ck_assert(it_logged(t, "nothing was changed"));
	ck_assert(it_logged(t, "plugind.yaml:6:9: "));
	for (size_t i = 0; i < 2; i++) {
		struct it_reply r = it_call(t, types[i], "");
		char errors[1024];

		ck_assert_uint_eq(r.code, MSG_CODE_CONFIG);
		ck_assert_str_eq(r.error, "the configuration has errors");
		it_str(&r.data, "errors", errors, sizeof(errors));
		ck_assert_ptr_nonnull(strstr(errors, "did you mean"));
	}
	it_remove(t, "plugind.yaml");
	it_hup(t);
	ck_assert_uint_eq(it_call(t, MSG_APPLY, "").code, MSG_CODE_CONFIG);
	ck_assert_int_eq(it_row(t, "fresh").pid, pid);
	ck_assert_str_eq(it_row(t, "gone").state, "running");
	it_end(t);
}
END_TEST

START_TEST(test_nothing_new)
{
	struct it *t = it_start(before);
	int64_t pid = it_row(t, "fresh").pid;
	size_t fds = it_count_fds(t->pid);

	for (int i = 0; i < it_level(5, 20, 200); i++)
		it_hup(t);
	ck_assert_int_eq(it_row(t, "fresh").pid, pid);
	ck_assert_uint_eq(it_count_fds(t->pid), fds);
	it_end(t);
}
END_TEST

/* What is live holds for the process that runs. */
START_TEST(test_live_stop)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, ignore]\n"
	                        "    ready: {log: ignoring}\n"
	                        "    stop: {timeout: 1h}\n");
	int64_t pid = it_row(t, "a").pid;

	apply(t, "  a:\n"
	         "    command: [stub, ignore]\n"
	         "    ready: {log: ignoring}\n"
	         "    stop: {timeout: 50ms}\n");
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "a").messages,
	    "a: stopped (had to be killed)");
	it_end(t);
}
END_TEST

START_TEST(test_live_health)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	int64_t pid = it_row(t, "a").pid;

	apply(t, "  a: {command: [stub, run], health: {interval: 20ms,"
	         " failures: 1000, probe: {exec: [stub, check, well]}}}\n");
	IT_UNTIL(strcmp(it_row(t, "a").health, "failing") == 0);
	it_write(t, "well", "");
	IT_UNTIL(strcmp(it_row(t, "a").health, "ok") == 0);
	apply(t, "  a: {command: [stub, run]}\n");
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	it_end(t);
}
END_TEST

/* A live change while it comes up does not lose its readiness. */
START_TEST(test_live_while_starting)
{
	static const char *const ways[] = {
	    "command: [stub, say, go, up], ready: {log: up}",
	    "command: [stub, notify, go, READY=1], ready: {notify: true}",
	    "command: [stub, run], ready: {probe: {exec: [stub, check, go]}}",
	};
	char yaml[1024];
	struct it *t;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(yaml, sizeof(yaml), "  a: {%s}\n", ways[i]);
		t = it_new(yaml);
		it_spawn(t, NULL);
		it_up(t);
		it_wait(t, "a", "starting");
		snprintf(yaml, sizeof(yaml),
		    "  a: {%s, restart: {delay: 7s}}\n", ways[i]);
		it_config(t, yaml);
		it_hup(t);
		it_write(t, "go", "");
		ck_assert_int_eq(it_wait(t, "a", "running").generation, 1);
		it_end(t);
	}
}
END_TEST

/* --- while something else is under way --------------------------------- */

static const char holding[] =
    "  a: {command: [stub, hold, go, '0'], ready: {log: holding}}\n";
static const char next[] =
    "  a: {command: [stub, state, a], environment: {NEW: '1'}}\n";

START_TEST(test_while_stopping)
{
	struct it *t = it_start(holding);

	it_begin(t, MSG_STOP, "N", "a");
	it_config(t, next);
	it_hup(t);
	ck_assert_str_eq(it_row(t, "a").state, "stopping");
	it_write(t, "go", "");
	it_wait(t, "a", "stopped");
	it_act(t, MSG_START, "N", "a");
	IT_UNTIL(it_exists(t, "a.2"));
	ck_assert_ptr_nonnull(strstr(it_read(t, "a.2"), "env NEW=1\n"));
	it_end(t);
}
END_TEST

START_TEST(test_while_restarting)
{
	struct it *t = it_start(holding);

	it_begin(t, MSG_RESTART, "N", "a");
	it_config(t, next);
	it_hup(t);
	it_write(t, "go", "");
	IT_UNTIL(it_exists(t, "a.2"));
	ck_assert_ptr_nonnull(strstr(it_read(t, "a.2"), "env NEW=1\n"));
	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

START_TEST(test_removed_while_stopping)
{
	struct it *t = it_start(holding);

	it_begin(t, MSG_STOP, "N", "a");
	it_config(t, "  b: {command: [stub, run]}\n");
	it_hup(t);
	ck_assert_str_eq(it_row(t, "a").state, "stopping");
	it_write(t, "go", "");
	IT_UNTIL(
	    it_call(t, MSG_STATUS, "N", "a").code == MSG_CODE_UNKNOWN_PLUGIN);
	it_end(t);
}
END_TEST

/* Removed, and there again before it has gone. */
START_TEST(test_back_while_going)
{
	struct it *t = it_start(holding);

	it_config(t, "  b: {command: [stub, run]}\n");
	it_hup(t);
	ck_assert_str_eq(it_row(t, "a").state, "stopping");
	it_config(t, holding);
	it_hup(t);
	it_write(t, "go", "");
	it_wait_newer(t, "a", 1);
	it_end(t);
}
END_TEST

static const char broken_one[] =
    "  a: {command: [stub, exit, '1'],\n"
    "    restart: {delay: 60s, max_delay: 60s, max_restarts: 3}}\n";

START_TEST(test_while_backoff)
{
	struct it *t = it_start(broken_one);

	it_wait(t, "a", "backoff");
	it_config(t, next);
	it_hup(t);
	ck_assert_str_eq(it_row(t, "a").state, "backoff");
	it_act(t, MSG_START, "N", "a");
	IT_UNTIL(it_exists(t, "a.2"));
	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

START_TEST(test_removed_while_backoff)
{
	struct it *t = it_start(broken_one);

	it_wait(t, "a", "backoff");
	it_config(t, "  b: {command: [stub, run]}\n");
	it_hup(t);
	IT_UNTIL(
	    it_call(t, MSG_STATUS, "N", "a").code == MSG_CODE_UNKNOWN_PLUGIN);
	it_end(t);
}
END_TEST

/* What had failed is tried again when it is repaired. */
START_TEST(test_repaired)
{
	struct it *t = it_start("  a: {command: [stub, exit, '1'],\n"
	                        "    restart: {policy: never}}\n");

	it_wait(t, "a", "failed");
	it_config(t, next);
	it_hup(t);
	it_wait(t, "a", "running");
	ck_assert_str_eq(it_row(t, "a").error, "");
	it_end(t);
}
END_TEST

/* A stopped plugin stays so, whatever is configured. */
START_TEST(test_stopped_stays)
{
	struct it *t = it_start(holding);

	it_write(t, "go", "");
	it_act(t, MSG_STOP, "N", "a");
	it_config(t, next);
	it_hup(t);
	ck_assert_str_eq(it_row(t, "a").state, "stopped");
	it_end(t);
}
END_TEST

START_TEST(test_dependency_dropped)
{
	struct it *t = it_new("  a: {command: [stub, run], depends_on: [b]}\n"
	                      "  b: {command: [stub, run],\n"
	                      "    ready: {notify: true}}\n");

	it_spawn(t, NULL);
	it_up(t);
	it_wait(t, "a", "waiting");
	it_config(t, "  a: {command: [stub, run]}\n"
	             "  b: {command: [stub, run], ready: {notify: true}}\n");
	it_hup(t);
	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"hup", test_hup},
	    {"apply", test_apply},
	    {"broken", test_broken},
	    {"nothing_new", test_nothing_new},
	    {"live_stop", test_live_stop},
	    {"live_health", test_live_health},
	    {"live_while_starting", test_live_while_starting},
	    {"while_stopping", test_while_stopping},
	    {"while_restarting", test_while_restarting},
	    {"removed_while_stopping", test_removed_while_stopping},
	    {"back_while_going", test_back_while_going},
	    {"while_backoff", test_while_backoff},
	    {"removed_while_backoff", test_removed_while_backoff},
	    {"repaired", test_repaired},
	    {"stopped_stays", test_stopped_stays},
	    {"dependency_dropped", test_dependency_dropped},
	};

	return it_main("reload", tests, sizeof(tests) / sizeof(tests[0]));
}
