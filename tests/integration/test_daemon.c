/*
 * test_daemon: the daemon as a process: its exit codes, signals, lock, files,
 * and what it tells the service manager.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char one[] = "  a: {command: [stub, run]}\n";

static int
run(struct it *t, const char *const *more)
{
	it_spawn(t, more);
	return it_wait_exit(t);
}

START_TEST(test_exit_codes)
{
	static const struct {
		const char *option;
		int code;
		const char *text;
	} runs[] = {
	    {"--version", 0, "plugind 0."},
	    {"--help", 0, "Usage: plugind"},
	    {"--check-config", 0, "1 plugin, no errors"},
	    {"--bogus", 2, "unrecognized option"},
	    {"--log-level=loud", 2, "must be error, warn, info or debug"},
	    {"argument", 2, "unexpected argument 'argument'"},
	    {"--print=nonsense", 2, "must be schema"},
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		const char *const more[] = {runs[i].option, NULL};
		struct it *t = it_new(one);

		ck_assert_int_eq(run(t, more), runs[i].code);
		ck_assert_msg(it_logged(t, runs[i].text), "%s: %s",
		    runs[i].option, it_read(t, "log"));
		it_gone(t);
	}
}
END_TEST

START_TEST(test_bad_configuration)
{
	static const char *const check[] = {"--check-config", NULL};
	static const char *const *const ways[] = {NULL, check};
	static const struct {
		const char *plugins;
		const char *text;
	} files[] = {
	    {"  a: {comand: [stub]}\n", ":5:7: "},
	    {"  a: {command: [stub], depends_on: [b]}\n", ":5:"},
	    {"  a: {command: [stub], depends_on: [b]}\n"
	     "  b: {command: [stub], depends_on: [a]}\n",
	        ":"},
	    {"  a: {command: [stub], user: no-such-user}\n", ":5:"},
	    {"  a: {\n", ":"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			struct it *t = it_new(files[i].plugins);
			char want[128];

			ck_assert_int_eq(run(t, ways[k]), 78);
			snprintf(want, sizeof(want), "plugind.yaml%s",
			    files[i].text);
			ck_assert_msg(
			    it_logged(t, want), "%s", it_read(t, "log"));
			ck_assert(!it_exists(t, "run"));
			it_gone(t);
		}
	}
}
END_TEST

START_TEST(test_no_configuration)
{
	struct it *t = it_new(one);

	it_remove(t, "plugind.yaml");
	ck_assert_int_eq(run(t, NULL), 78);
	it_gone(t);
}
END_TEST

START_TEST(test_int)
{
	struct it *t = it_start(one);

	kill(t->pid, SIGINT);
	ck_assert_int_eq(it_wait_exit(t), 0);
	ck_assert(it_logged(t, "SIGINT: stopping; once more kills at once"));
	ck_assert(it_logged(t, "stopped, exit code 0"));
	it_gone(t);
}
END_TEST

START_TEST(test_second_term)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, ignore]\n"
	                        "    ready: {log: ignoring}\n"
	                        "    stop: {timeout: 1h}\n");

	kill(t->pid, SIGTERM);
	it_wait(t, "a", "stopping");
	kill(t->pid, SIGTERM);
	ck_assert_int_eq(it_wait_exit(t), 0);
	ck_assert(it_logged(t, "second SIGTERM: killing everything"));
	it_gone(t);
}
END_TEST

/* --- essential --------------------------------------------------------- */

START_TEST(test_essential)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, exit, '1']\n"
	                      "    essential: true\n"
	                      "    restart: {delay: 1ms, max_restarts: 2}\n"
	                      "  b: {command: [stub, run]}\n");

	ck_assert_int_eq(run(t, NULL), 10);
	ck_assert(it_logged(t, "exit code 10"));
	it_gone(t);
}
END_TEST

START_TEST(test_needed_by_essential)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, exit, '1']\n"
	                      "    ready: {after: 1h}\n"
	                      "    restart: {policy: never}\n"
	                      "  b: {command: [stub, run], depends_on: [a]}\n"
	                      "  c: {command: [stub, run], depends_on: [b],\n"
	                      "    essential: true}\n");

	ck_assert_int_eq(run(t, NULL), 10);
	it_gone(t);
}
END_TEST

START_TEST(test_not_essential)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, exit, '1']\n"
	                        "    restart: {policy: never}\n"
	                        "  b: {command: [stub, run],\n"
	                        "    essential: true}\n");

	it_wait(t, "a", "failed");
	it_act(t, MSG_STOP, "N", "b"); /* asked for: no failure */
	it_ok(t, MSG_PING, "");
	it_end(t);
}
END_TEST

/* --- lock -------------------------------------------------------------- */

START_TEST(test_second_instance)
{
	struct it *t = it_start(one);
	struct it_row row = it_wait(t, "a", "running");
	struct it second = *t;
	char text[64];

	second.pid = 0;
	for (int i = 0; i < it_level(2, 5, 20); i++) {
		int64_t begin = clock_mono_ms();

		ck_assert_int_eq(run(&second, NULL), 100);
		ck_assert_int_lt(clock_mono_ms() - begin, it_limit(5000));
	}
	t->log = second.log;
	snprintf(
	    text, sizeof(text), "another plugind (pid %d) uses", (int)t->pid);
	ck_assert(it_logged(t, text));
	ck_assert_int_eq(it_row(t, "a").pid, row.pid);
	ck_assert(it_exists(t, "run/control.sock"));
	it_end(t);
}
END_TEST

START_TEST(test_stale_files)
{
	struct it *t = it_start(one);

	kill(t->pid, SIGKILL);
	ck_assert_int_eq(it_wait_exit(t), 1000 + SIGKILL);
	ck_assert(it_exists(t, "run/control.sock"));
	it_spawn(t, NULL);
	it_settle(t);
	ck_assert_int_eq(it_row(t, "a").generation, 1);
	it_end(t);
}
END_TEST

/* --- files ------------------------------------------------------------- */

static mode_t
mode_of(struct it *t, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	ck_assert_msg(stat(path, &st) == 0, "%s", path);
	return st.st_mode & 07777;
}

START_TEST(test_modes)
{
	struct it *t = it_start(one);

	ck_assert_uint_eq(mode_of(t, "run"), 0755);
	ck_assert_uint_eq(mode_of(t, "run/control.sock"), 0660);
	ck_assert_uint_eq(mode_of(t, "state/plugins/a"), 0700);
	it_end(t);
}
END_TEST

START_TEST(test_options_override)
{
	struct it *t = it_new(one);
	char run_dir[128];
	char state_dir[128];
	const char *const more[] = {"--runtime-dir", run_dir, "--state-dir",
	    state_dir, "--log-level", "error", NULL};

	snprintf(run_dir, sizeof(run_dir), "%s/else/run", t->dir);
	snprintf(state_dir, sizeof(state_dir), "%s/else/state", t->dir);
	it_spawn(t, more);
	IT_UNTIL(it_exists(t, "else/run/control.sock"));
	IT_UNTIL(it_exists(t, "else/state/logs"));
	kill(t->pid, SIGTERM);
	ck_assert_int_eq(it_wait_exit(t), 0);
	ck_assert(!it_exists(t, "run"));
	ck_assert(!it_logged(t, " info "));
	it_gone(t);
}
END_TEST

/* --- signals ----------------------------------------------------------- */

static void
rename_in(struct it *t, const char *from, const char *to)
{
	char a[256];
	char b[256];

	snprintf(a, sizeof(a), "%s/%s", t->dir, from);
	snprintf(b, sizeof(b), "%s/%s", t->dir, to);
	ck_assert_int_eq(rename(a, b), 0);
}

static int
count_reopened(struct it *t)
{
	return it_occurrences(
	    it_read(t, "daemon.log"), "SIGUSR1: logs reopened");
}

START_TEST(test_usr1)
{
	struct it *t = it_new(
	    "  a: {command: [stub, say, go, later], ready: {log: later}}\n");
	char text[512];

	snprintf(text, sizeof(text), "%slog: {path: '%s/daemon.log'}\n",
	    "plugins:\n  a: {command: [stub, say, go, later]}\n", t->dir);
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
	    "runtime_dir: '%s/run'\nstate_dir: '%s/state'\n", t->dir, t->dir);
	it_write(t, "plugind.yaml", text);
	it_spawn(t, NULL);
	it_settle(t);
	rename_in(t, "daemon.log", "daemon.log.old");
	kill(t->pid, SIGUSR1);
	IT_UNTIL(count_reopened(t) == 1);
	/* The plugin's log follows its name as well. */
	it_act(t, MSG_RESTART, "N", "a"); /* leaves a line in it */
	IT_UNTIL(it_exists(t, "state/logs/a.log"));
	rename_in(t, "state/logs/a.log", "state/logs/old.log");
	kill(t->pid, SIGUSR1);
	IT_UNTIL(count_reopened(t) == 2); /* before it says more */
	it_write(t, "go", "");
	IT_UNTIL(it_printed(t, "a", "later"));
	it_end(t);
}
END_TEST

START_TEST(test_usr2)
{
	struct it *t = it_start(one);
	char text[128];

	kill(t->pid, SIGUSR2);
	IT_UNTIL(it_logged(t, "SIGUSR2: 1 plugins, 1 processes"));
	snprintf(text, sizeof(text),
	    "a: state running, wish up, pid %d, generation 1, restarts 0",
	    (int)it_row(t, "a").pid);
	ck_assert(it_logged(t, text));
	it_end(t);
}
END_TEST

/* Signals by the dozen, in any order, are no reason to stumble. */
START_TEST(test_many_signals)
{
	static const int signals[] = {
	    SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGCHLD, SIGWINCH, SIGURG};
	struct it *t = it_start(one);
	int64_t pid = it_row(t, "a").pid;

	for (int i = 0; i < it_level(50, 200, 2000); i++)
		kill(t->pid, signals[i % 7]);
	it_ok(t, MSG_PING, "");
	ck_assert_int_eq(it_row(t, "a").pid, pid);
	it_end(t);
}
END_TEST

/* --- the service manager ----------------------------------------------- */

/* Reads datagrams until one holds the text. */
static void
await_datagram(int fd, const char *text)
{
	char got[4096];

	for (;;) {
		ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

		ck_assert_msg(n > 0, "no datagram says %s", text);
		got[n] = '\0';
		if (strstr(got, text) != NULL)
			return;
	}
}

START_TEST(test_service_manager)
{
	struct it *t =
	    it_new("  a: {command: [stub, notify, go, \"READY=1\"],\n"
	           "    ready: {notify: true}}\n");
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval tv = {.tv_sec = it_limit(IT_DEADLINE_MS) / 1000};
	char variable[160];
	char got[4096];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/manager", t->dir);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", at.sun_path);
	it_putenv(t, variable);
	it_putenv(t, "WATCHDOG_USEC=200000");
	it_spawn(t, NULL);
	it_up(t);
	it_wait(t, "a", "starting");
	/* Not ready before everything has settled. */
	while (recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0)
		ck_assert_ptr_null(strstr(got, "READY=1"));
	it_write(t, "go", "");
	await_datagram(fd, "READY=1");
	await_datagram(fd, "STATUS=1 running");
	await_datagram(fd, "WATCHDOG=1");
	kill(t->pid, SIGHUP);
	await_datagram(fd, "RELOADING=1");
	await_datagram(fd, "READY=1");
	kill(t->pid, SIGTERM);
	await_datagram(fd, "STOPPING=1");
	ck_assert_int_eq(it_wait_exit(t), 0);
	it_remove(t, "manager");
	it_gone(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"exit_codes", test_exit_codes},
	    {"bad_configuration", test_bad_configuration},
	    {"no_configuration", test_no_configuration},
	    {"int", test_int},
	    {"second_term", test_second_term},
	    {"essential", test_essential},
	    {"needed_by_essential", test_needed_by_essential},
	    {"not_essential", test_not_essential},
	    {"second_instance", test_second_instance},
	    {"stale_files", test_stale_files},
	    {"modes", test_modes},
	    {"options_override", test_options_override},
	    {"usr1", test_usr1},
	    {"usr2", test_usr2},
	    {"many_signals", test_many_signals},
	    {"service_manager", test_service_manager},
	};

	return it_main("daemon", tests, sizeof(tests) / sizeof(tests[0]));
}
