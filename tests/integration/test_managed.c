/*
 * test_managed: the life of modules and programs that speak the protocol,
 * from the first word to the last, with good ones (sdk/examples) and with one
 * that does what it is told (tests/stubs/hostilemod.c).
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "module: " HOSTILE_MODULE

/* The plugin has noted so many calls of this kind, "start " for example. */
static int
calls(struct it *t, const char *name, const char *call)
{
	char path[96];

	snprintf(path, sizeof(path), "state/plugins/%s/calls", name);
	return it_occurrences(it_read(t, path), call);
}

/* From now on it behaves so. */
static void
tell(struct it *t, const char *name, const char *call, const char *way)
{
	char path[96];

	snprintf(path, sizeof(path), "state/plugins/%s/%s", name, call);
	it_write(t, path, way);
}

static const char *
field(struct it *t, const char *name, const char *key)
{
	static char out[128];
	struct it_reply r = it_ok(t, MSG_STATUS, "N", name);
	struct wire_cursor at = r.data;
	uint32_t n;

	ck_assert_int_eq(wire_get_array(&at, &n), 0);
	ck_assert_uint_eq(n, 1);
	return it_str(&at, key, out, sizeof(out));
}

static void
check_contains(const char *text, const char *part)
{
	ck_assert_msg(
	    strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

/* --- a good life ------------------------------------------------------- */

static void
check_path(struct it *t, const char *name)
{
	static const char *const path[] = {"registered", "waiting",
	    "initializing", "initialized", "starting", "running", "stopping",
	    "stopped"};
	const char *at = it_read(t, "log");

	for (size_t i = 1; i < sizeof(path) / sizeof(path[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), " %s: %s -> %s\n", name,
		    path[i - 1], path[i]);
		at = strstr(at, line);
		ck_assert_msg(at != NULL, "not in order: %s", line);
	}
}

START_TEST(test_life)
{
	struct it *t = it_start("  m: {" MODULE ", health: {interval: 20ms}}\n"
	                        "  e: {exec: [" ECHO_PROGRAM "],\n"
	                        "      config: {port: 0}}\n"
	                        "  h: {module: " HELLO_MODULE "}\n");

	ck_assert_str_eq(it_row(t, "m").state, "running");
	ck_assert_str_eq(it_row(t, "e").state, "running");
	ck_assert_str_eq(it_row(t, "h").state, "running");
	ck_assert_str_eq(field(t, "m", "kind"), "module");
	ck_assert_str_eq(field(t, "e", "kind"), "exec");
	ck_assert_str_eq(field(t, "m", "version"), "2.5");
	ck_assert_str_eq(field(t, "e", "version"), "1.0");
	ck_assert_str_eq(field(t, "m", "type"), "transport");
	ck_assert_str_eq(field(t, "e", "type"), "service");
	IT_UNTIL(strcmp(it_row(t, "m").health, "ok") == 0);
	ck_assert(it_printed(t, "h", "hello from h"));
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "m e h").messages,
	    "m: stopped; e: stopped; h: stopped");
	check_path(t, "m");
	check_path(t, "e");
	ck_assert(it_printed(t, "h", "goodbye from h"));
	ck_assert_str_eq(it_read(t, "state/plugins/m/calls"),
	    "initialize 1\nstart 1\nstop 1\n");
	ck_assert_str_eq(it_row(t, "m").exit_kind, "exit");
	ck_assert_int_eq(it_row(t, "m").exit_value, 0);
	ck_assert_str_eq(it_row(t, "m").error, "");
	it_end(t);
}
END_TEST

/* Each answers in a while. */
START_TEST(test_later)
{
	struct it *t =
	    it_start("  m: {" MODULE ", config: {initialize: later,\n"
	             "      start: later, stop: later, configure: later}}\n");

	ck_assert_str_eq(it_row(t, "m").state, "running");
	ck_assert_uint_eq(it_act(t, MSG_RESTART, "N", "m").worst, 0);
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "m").messages, "m: stopped");
	ck_assert_str_eq(it_read(t, "state/plugins/m/calls"),
	    "initialize 1\nstart 1\nstop 1\ninitialize 2\nstart 2\nstop 2\n");
	ck_assert_int_eq(it_row(t, "m").exit_value, 0);
	it_end(t);
}
END_TEST

/* What waits for it starts when it runs, not before. */
START_TEST(test_depended_on)
{
	struct it *t = it_new("  m: {" MODULE ", config: {start: never}}\n"
	                      "  x: {command: [stub, run], depends_on: [m]}\n");

	it_spawn(t, NULL);
	it_up(t);
	it_wait(t, "m", "starting");
	ck_assert_str_eq(it_row(t, "x").state, "waiting");
	tell(t, "m", "start", "later");
	it_act(t, MSG_RESTART, "N", "m");
	it_wait(t, "x", "running");
	it_end(t);
}
END_TEST

/* --- failures ---------------------------------------------------------- */

static const struct failing {
	const char *label;
	const char *yaml; /* behind the module, or in place of it */
	const char *state;
	const char *error[3]; /* parts of it */
} failings[] = {
    {"initialize fails", MODULE ", config: {initialize: fail}", "failed",
        {"initialize failed: no luck\\x0atoday"}},
    {"initialize fails later", MODULE ", config: {initialize: fail_late}",
        "failed", {"initialize failed: Input/output error"}},
    {"initialize fails without words", MODULE ", config: {initialize: mute}",
        "failed", {"initialize failed and gave no reason"}},
    {"initialize ends with an errno", MODULE ", config: {initialize: number}",
        "failed", {"initialize failed: No space left on device"}},
    {"initialize is degraded", MODULE ", config: {initialize: degraded}",
        "failed", {"initialize ended with 2, which"}},
    {"initialize crashes", MODULE ", config: {initialize: crash}", "failed",
        {"killed by SIGSEGV"}},
    {"initialize never ends",
        MODULE ", config: {initialize: never}, start_timeout: 1s", "failed",
        {"not ready within start_timeout (1s)"}},
    {"initialize hangs",
        MODULE ", config: {initialize: hang}, start_timeout: 1s,"
               " stop: {timeout: 50ms, kill_after: 50ms}",
        "failed", {"not ready within start_timeout (1s)"}},
    {"start fails", MODULE ", config: {start: fail}", "failed",
        {"start failed: no luck\\x0atoday"}},
    {"start fails later", MODULE ", config: {start: fail_late}", "failed",
        {"start failed: Input/output error"}},
    {"start never ends", MODULE ", config: {start: never}, start_timeout: 1s",
        "failed", {"not ready within start_timeout (1s)"}},
    {"exit 125", MODULE ", config: {start: exit125}", "stopped",
        {"exited with status 125"}},
    {"no module", "module: /nowhere/none.so", "failed",
        {"status 78: /nowhere/none.so: cannot load the module",
            "No such file"}},
    {"no module in the path", "module: none.so", "failed",
        {"module none.so is in none of module_path"}},
    {"not an object", "module: '${D}/plugind.yaml'", "failed",
        {"status 78", "cannot load the module", "invalid ELF header"}},
    {"no plugin in it", "module: " NO_PLUGIN_MODULE, "failed",
        {"status 78", "it has no symbol plugind_plugin"}},
    {"another ABI", "module: " OTHER_ABI_MODULE, "failed",
        {"status 78", "ABI"}},
    {"crashes while it is loaded", MODULE ", environment: {HOSTILE: crash}",
        "failed", {"killed by SIGSEGV"}},
    {"exits while it is loaded", MODULE ", environment: {HOSTILE: exit}",
        "failed", {"exited with status 3"}},
    {"hangs while it is loaded",
        MODULE ", environment: {HOSTILE: hang}, start_timeout: 1s", "failed",
        {"not ready within start_timeout (1s)"}},
    {"no program", "exec: [/nowhere/none]", "failed",
        {"/nowhere/none", "No such file"}},
    {"no plugin at all", "exec: [stub, exit, '7']", "failed",
        {"exited with status 7"}},
    {"never says hello", "exec: [stub, run], start_timeout: 1s", "failed",
        {"not ready within start_timeout (1s)"}},
};

enum { FAILINGS = sizeof(failings) / sizeof(failings[0]) };

static void
check_failing(struct it *t, size_t i)
{
	const struct failing *f = &failings[i];
	struct it_row row;
	char name[16];

	snprintf(name, sizeof(name), "f%zu", i);
	row = it_wait(t, name, f->state);
	for (size_t k = 0; k < 3 && f->error[k] != NULL; k++)
		ck_assert_msg(strstr(row.error, f->error[k]) != NULL,
		    "%s: \"%s\" is not in \"%s\"", f->label, f->error[k],
		    row.error);
	ck_assert_msg(it_occurrences(row.error, "failed") < 2, "%s", row.error);
	ck_assert_msg(row.pid == -1, "%s: has a process", f->label);
	ck_assert_int_le(row.generation, 1);
}

START_TEST(test_failures)
{
	char *yaml = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&yaml, &len);
	struct it_row good;
	struct it *t;

	ck_assert_ptr_nonnull(out);
	fprintf(out, "  good: {module: " HELLO_MODULE "}\n");
	for (size_t i = 0; i < FAILINGS; i++)
		fprintf(out, "  f%zu: {%s, restart: {policy: %s}}\n", i,
		    failings[i].yaml,
		    strcmp(failings[i].state, "stopped") == 0 ? "always"
		                                              : "never");
	ck_assert_int_eq(fclose(out), 0);
	t = it_new(yaml);
	free(yaml);
	it_spawn(t, NULL);
	it_up(t);
	good = it_wait(t, "good", "running");
	for (size_t i = 0; i < FAILINGS; i++)
		check_failing(t, i);
	ck_assert_int_eq(it_row(t, "good").pid, good.pid);
	it_end(t);
}
END_TEST

/* Neither at the start of the daemon nor later is that the router's fault. */
START_TEST(test_silent)
{
	struct it *t = it_start("  good: {" MODULE "}\n"
	                        "  x: {exec: [stub, run], start_timeout: 1s,\n"
	                        "      restart: {policy: never}}\n");

	for (int i = 0; i < 3; i++) {
		check_contains(it_wait(t, "x", "failed").error,
		    "not ready within start_timeout (1s): it has not said "
		    "hello");
		it_act(t, MSG_START, "N", "x");
	}
	it_end(t);
}
END_TEST

/* A failed start counts like an exit with a failure. */
START_TEST(test_policy)
{
	struct it *t =
	    it_start("  m: {" MODULE ", config: {initialize: fail},\n"
	             "      restart: {delay: 1ms, max_restarts: 2}}\n");
	struct it_row row = it_wait(t, "m", "failed");

	ck_assert_int_eq(row.generation, 3);
	check_contains(row.error, "initialize failed: no luck");
	ck_assert_int_eq(calls(t, "m", "stop "), 0);
	tell(t, "m", "initialize", "ok");
	ck_assert_uint_eq(it_act(t, MSG_START, "N", "m").worst, 0);
	ck_assert_str_eq(it_row(t, "m").state, "running");
	ck_assert_str_eq(it_row(t, "m").error, "");
	it_end(t);
}
END_TEST

/* The place of the value, and no second try with the same file. */
START_TEST(test_config_error)
{
	struct it *t =
	    it_new("  m:\n"
	           "    " MODULE "\n"
	           "    config:\n"
	           "      list: [1, 2, three]\n"
	           "  n: {" MODULE ", config: {number: 3, nubmer: 2}}\n"
	           "  o: {module: " ECHO_MODULE ",\n"
	           "      config: {port: 99999}}\n"
	           "  p:\n"
	           "    " MODULE "\n"
	           "    config:\n"
	           "      number: 33\n"
	           "      nubmer: 2\n");
	struct it_row row;

	it_spawn(t, NULL);
	it_settle(t);
	row = it_row(t, "m");
	ck_assert_str_eq(row.state, "failed");
	check_contains(row.error, "plugind.yaml:8:20: config.list[2]: must be");
	ck_assert_int_eq(row.generation, 1);
	row = it_row(t, "n");
	ck_assert_str_eq(row.state, "failed");
	check_contains(row.error, "plugind.yaml:9:");
	check_contains(row.error, "config.nubmer: ");
	row = it_row(t, "o");
	ck_assert_str_eq(row.state, "failed");
	check_contains(row.error, "plugind.yaml:11:22: config.port: must be");
	row = it_row(t, "p");
	ck_assert_str_eq(row.state, "failed");
	check_contains(row.error, " (and 1 more, see the log)");
	ck_assert(it_logged(t, "/plugind.yaml:15:15: config.number: must"));
	ck_assert(it_logged(t, "/plugind.yaml:16:7: config.nubmer: is not"));
	it_config(t, "  m: {" MODULE ", config: {list: [1, 2, 3]}}\n");
	it_hup(t);
	ck_assert_int_eq(it_wait(t, "m", "running").generation, 2);
	ck_assert_str_eq(it_row(t, "m").error, "");
	it_end(t);
}
END_TEST

/* --- loaded into a process that it spoils ------------------------------ */

START_TEST(test_spoiled)
{
	struct it *t =
	    it_start("  block: {" MODULE ", environment: {HOSTILE: block}}\n"
	             "  close: {" MODULE ", environment: {HOSTILE: close}}\n"
	             "  lose: {" MODULE ", environment: {HOSTILE: lose}}\n");

	ck_assert_str_eq(it_row(t, "block").state, "running");
	ck_assert_str_eq(it_row(t, "close").state, "running");
	ck_assert_str_eq(it_row(t, "lose").state, "running");
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "block close lose").messages,
	    "block: stopped; close: stopped; lose: stopped");
	it_end(t);
}
END_TEST

/* --- health ------------------------------------------------------------ */

static const char quick_health[] =
    "  m: {" MODULE ", restart: {delay: 1ms},\n"
    "      stop: {timeout: 100ms, kill_after: 100ms},\n"
    "      health: {interval: 20ms, timeout: 300ms, failures: 2}}\n";

START_TEST(test_degraded)
{
	struct it *t = it_start(quick_health);
	int64_t pid = it_row(t, "m").pid;
	struct it_row row;

	tell(t, "m", "health", "degraded");
	IT_UNTIL(strcmp((row = it_row(t, "m")).health, "degraded") == 0);
	ck_assert_str_eq(row.message, "one leg is short");
	ck_assert_str_eq(row.state, "running");
	tell(t, "m", "health", "ok");
	IT_UNTIL(strcmp((row = it_row(t, "m")).health, "ok") == 0);
	ck_assert_str_eq(row.message, "");
	ck_assert_int_eq(row.pid, pid);
	it_end(t);
}
END_TEST

/* Told without a question, which comes in an hour. */
START_TEST(test_unasked)
{
	struct it *t = it_start("  m: {" MODULE ", health: {interval: 1h},\n"
	                        "      config: {unasked: \"it's cold\"}}\n");
	struct it_row row;

	IT_UNTIL(strcmp((row = it_row(t, "m")).health, "degraded") == 0);
	ck_assert_str_eq(row.message, "it's cold");
	it_config(t, "  m: {" MODULE ", health: {interval: 1h}}\n");
	it_hup(t);
	IT_UNTIL(strcmp(it_row(t, "m").health, "ok") == 0);
	ck_assert_str_eq(it_row(t, "m").message, "");
	ck_assert_int_eq(it_row(t, "m").pid, row.pid);
	it_end(t);
}
END_TEST

static void
check_unhealthy(const char *way, const char *error)
{
	struct it *t = it_start(quick_health);
	int64_t pid = it_row(t, "m").pid;

	IT_UNTIL(strcmp(it_row(t, "m").health, "ok") == 0);
	tell(t, "m", "health", way);
	IT_UNTIL(it_row(t, "m").generation > 1);
	check_contains(it_read(t, "log"), "health check failed (1 of 2): ");
	check_contains(it_read(t, "log"), "health check failed (2 of 2): ");
	tell(t, "m", "health", "ok");
	IT_UNTIL(strcmp(it_row(t, "m").health, "ok") == 0);
	ck_assert_int_ne(it_row(t, "m").pid, pid);
	check_contains(it_row(t, "m").error, error);
	ck_assert_int_eq(it_row(t, "plugind-router").generation, 1);
	it_end(t);
}

START_TEST(test_unhealthy)
{
	check_unhealthy("fail", "unhealthy: no luck");
}
END_TEST

START_TEST(test_health_hangs)
{
	check_unhealthy("hang", "unhealthy: no answer within 300ms");
}
END_TEST

START_TEST(test_health_later)
{
	check_unhealthy("never", "unhealthy: health ended with");
}
END_TEST

/* Silence of most plugins at once is theirs when the router is well. */
START_TEST(test_all_hang)
{
	char yaml[2048];
	char name[16];
	size_t used = 0;
	struct it *t;

	for (int i = 0; i < 5; i++)
		used += (size_t)snprintf(yaml + used, sizeof(yaml) - used,
		    "  m%d: {" MODULE ", restart: {delay: 1ms},\n"
		    "      stop: {timeout: 50ms, kill_after: 50ms},\n"
		    "      health: {interval: 50ms, timeout: 200ms,"
		    " failures: 2}}\n",
		    i);
	t = it_start(yaml);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		tell(t, name, "health", "hang");
	}
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		IT_UNTIL(it_row(t, name).generation > 1);
	}
	ck_assert_int_eq(it_row(t, "m4").generation, 1);
	ck_assert_int_eq(it_row(t, "plugind-router").generation, 1);
	it_end(t);
}
END_TEST

/* --- configure --------------------------------------------------------- */

START_TEST(test_configure)
{
	struct it *t = it_start("  m: {" MODULE ", config: {number: 1}}\n");
	struct it_row row = it_row(t, "m");

	for (int i = 2; i < 6; i++) {
		char yaml[512];

		snprintf(yaml, sizeof(yaml),
		    "  m: {" MODULE ", config: {number: %d}}\n", i);
		it_config(t, yaml);
		check_contains(it_act(t, MSG_APPLY, "").messages,
		    "m: has taken its new configuration (pid ");
		ck_assert_int_eq(calls(t, "m", "configure "), i - 1);
	}
	ck_assert_int_eq(it_row(t, "m").pid, row.pid);
	ck_assert_int_eq(it_row(t, "m").generation, 1);
	ck_assert(it_logged(t, "m: has taken its new configuration"));
	it_end(t);
}
END_TEST

/* Without the callback the process is a new one. */
START_TEST(test_configure_not)
{
	struct it *t =
	    it_start("  m: {module: " PLAIN_MODULE ", config: {number: 1}}\n");

	it_config(t, "  m: {module: " PLAIN_MODULE ", config: {number: 2}}\n");
	it_hup(t);
	it_wait_newer(t, "m", 1);
	ck_assert_str_eq(it_read(t, "state/plugins/m/calls"),
	    "initialize 1\nstart 1\nstop 1\ninitialize 2\nstart 2\n");
	it_end(t);
}
END_TEST

static const struct {
	const char *config;
	const char *error;
} refusals[] = {
    {"{number: 12}", "config.number: must be from 0 to 9"},
    {"{configure: ok, number: 2}", "configure failed: no luck"},
};

/* It goes on as it was, and a good one is taken. */
START_TEST(test_configure_refused)
{
	struct it *t = it_start("  m: {" MODULE ", config: {number: 1}}\n");
	int64_t pid = it_row(t, "m").pid;

	tell(t, "m", "configure", "fail");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char yaml[512];

		snprintf(yaml, sizeof(yaml), "  m: {" MODULE ", config: %s}\n",
		    refusals[i].config);
		struct it_op acted;

		it_config(t, yaml);
		acted = it_act(t, MSG_APPLY, "");
		ck_assert_uint_eq(acted.worst, MSG_CODE_FAILED);
		check_contains(
		    acted.messages, "m: keeps its old configuration: ");
		check_contains(acted.messages, refusals[i].error);
		check_contains(it_row(t, "m").error, refusals[i].error);
		check_contains(it_row(t, "m").message, refusals[i].error);
		ck_assert(it_logged(t, "keeps its old configuration: "));
		ck_assert_str_eq(it_row(t, "m").state, "running");
	}
	tell(t, "m", "configure", "later");
	it_config(t, "  m: {" MODULE ", config: {number: 3}}\n");
	it_hup(t);
	IT_UNTIL(it_row(t, "m").error[0] == '\0');
	ck_assert_int_eq(it_row(t, "m").pid, pid);
	it_end(t);
}
END_TEST

/* A change while the one before is unfinished is not lost. */
START_TEST(test_configure_twice)
{
	struct it *t = it_start(
	    "  m: {" MODULE ", config: {number: 1, configure: never}}\n");

	it_config(t, "  m: {" MODULE ", config: {number: 2, configure: never},"
	             " stop: {timeout: 1s}}\n");
	it_hup(t);
	IT_UNTIL(calls(t, "m", "configure ") == 1);
	it_config(t, "  m: {" MODULE ", config: {number: 3},"
	             " stop: {timeout: 1s}}\n");
	it_hup(t);
	IT_UNTIL(calls(t, "m", "configure ") == 2 ||
	         calls(t, "m", "initialize 2") == 1);
	it_wait(t, "m", "running");
	it_end(t);
}
END_TEST

/* One that never says what became of it gets its new configuration anew. */
START_TEST(test_configure_late)
{
	struct it *t = it_start("  m: {" MODULE ", start_timeout: 1s,\n"
	                        "    config: {number: 1, configure: never}}\n");

	it_config(t, "  m: {" MODULE ", start_timeout: 1s,\n"
	             "    config: {number: 2, configure: never}}\n");
	check_contains(it_act(t, MSG_APPLY, "").messages, "m: running (pid ");
	ck_assert_int_eq(it_row(t, "m").generation, 2);
	ck_assert_int_eq(calls(t, "m", "configure "), 1);
	ck_assert(it_logged(t,
	    "m: configure has not ended within start_timeout (1s): it is "
	    "restarted to take its new configuration"));
	it_end(t);
}
END_TEST

/* --- stop -------------------------------------------------------------- */

/* The same name for another kind of plugin, there and back. */
START_TEST(test_other_kind)
{
	struct it *t = it_start("  m: {" MODULE "}\n");
	static const char *const kinds[] = {"command", "module"};
	static const char *const plugins[] = {
	    "  m: {command: [sleep, 1000]}\n", "  m: {" MODULE "}\n"};

	for (int i = 0; i < 4; i++) {
		it_config(t, plugins[i % 2]);
		it_act(t, MSG_APPLY, "");
		it_wait(t, "m", "running");
		ck_assert_str_eq(field(t, "m", "kind"), kinds[i % 2]);
		it_act(t, MSG_RESTART, "N", "m");
		it_wait(t, "m", "running");
	}
	it_end(t);
}
END_TEST

START_TEST(test_stop_deadline)
{
	struct it *t = it_start("  m: {" MODULE ", config: {stop: how_long},\n"
	                        "      stop: {timeout: 42s}}\n");

	it_act(t, MSG_STOP, "N", "m");
	ck_assert(
	    it_printed(t, "m", "info: 41") || it_printed(t, "m", "info: 42"));
	it_end(t);
}
END_TEST

static void
check_stop(const char *way, const char *message, const char *log)
{
	char yaml[512];
	struct it *t;

	snprintf(yaml, sizeof(yaml),
	    "  m: {" MODULE ", config: {stop: %s},\n"
	    "      stop: {timeout: 200ms, kill_after: 100ms}}\n",
	    way);
	t = it_start(yaml);
	ck_assert_str_eq(it_act(t, MSG_STOP, "N", "m").messages, message);
	if (log != NULL)
		check_contains(it_read(t, "log"), log);
	ck_assert_int_eq(calls(t, "m", "stop "), 1);
	it_end(t);
}

START_TEST(test_stop_ignored)
{
	check_stop("hang", "m: stopped (had to be killed)",
	    "did not end 0.1 s after SIGTERM; killing it");
	check_stop("never", "m: stopped (had to be killed)",
	    "did not end 0.2 s after the stop command; sending SIGTERM");
	check_stop("fail", "m: stopped", "m: stop failed: no luck\\x0atoday");
}
END_TEST

/* What is under way when the stop comes does not hold it up. */
START_TEST(test_stop_early)
{
	static const char *const ways[] = {"initialize: never", "start: never"};

	for (size_t i = 0; i < 2; i++) {
		char yaml[512];
		struct it *t;

		snprintf(yaml, sizeof(yaml),
		    "  m: {" MODULE ", config: {%s}, stop: {timeout: 60s}}\n",
		    ways[i]);
		t = it_new(yaml);
		it_spawn(t, NULL);
		it_up(t);
		IT_UNTIL(calls(t, "m", i == 0 ? "initialize " : "start ") == 1);
		ck_assert_str_eq(
		    it_act(t, MSG_STOP, "N", "m").messages, "m: stopped");
		ck_assert_int_eq(calls(t, "m", "stop "), 1);
		it_end(t);
	}
}
END_TEST

/* The end of the daemon is a stop like any other. */
START_TEST(test_daemon_ends)
{
	struct it *t = it_start("  a: {" MODULE ", config: {stop: later}}\n"
	                        "  b: {" MODULE "}\n"
	                        "  c: {module: " HELLO_MODULE "}\n");
	char calls_file[IT_PATH_MAX];

	it_path(t, "state/plugins/a/calls", calls_file);
	ck_assert_int_eq(kill(t->pid, SIGTERM), 0);
	ck_assert_int_eq(it_wait_exit(t), 0);
	ck_assert_int_eq(calls(t, "a", "stop "), 1);
	ck_assert_int_eq(calls(t, "b", "stop "), 1);
	ck_assert(it_printed(t, "c", "goodbye from c"));
	it_gone(t);
}
END_TEST

/* A killed one comes back. */
START_TEST(test_killed)
{
	struct it *t = it_start("  m: {" MODULE ", restart: {delay: 1ms}}\n");
	int64_t generation = 1;

	for (int i = 0; i < 3; i++) {
		it_kill(it_row(t, "m"), SIGKILL);
		generation = it_wait_newer(t, "m", generation).generation;
	}
	ck_assert_int_eq(generation, 4);
	ck_assert_int_eq(calls(t, "m", "start "), 4);
	ck_assert_int_eq(calls(t, "m", "stop "), 0);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"life", test_life},
	    {"later", test_later},
	    {"depended_on", test_depended_on},
	    {"failures", test_failures},
	    {"silent", test_silent},
	    {"policy", test_policy},
	    {"config_error", test_config_error},
	    {"spoiled", test_spoiled},
	    {"degraded", test_degraded},
	    {"unasked", test_unasked},
	    {"unhealthy", test_unhealthy},
	    {"health_hangs", test_health_hangs},
	    {"health_later", test_health_later},
	    {"all_hang", test_all_hang},
	    {"configure", test_configure},
	    {"configure_not", test_configure_not},
	    {"configure_refused", test_configure_refused},
	    {"configure_twice", test_configure_twice},
	    {"configure_late", test_configure_late},
	    {"stop_deadline", test_stop_deadline},
	    {"other_kind", test_other_kind},
	    {"stop_ignored", test_stop_ignored},
	    {"stop_early", test_stop_early},
	    {"daemon_ends", test_daemon_ends},
	    {"killed", test_killed},
	};

	return it_main("managed", tests, sizeof(tests) / sizeof(tests[0]));
}
