/*
 * test_spawn: what a program finds when it starts, the same each time, and
 * what is said when it cannot start.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The dump of one incarnation; the caller frees. */
static char *
dump(struct it *t, const char *name, int generation)
{
	char file[64];
	char *text;

	snprintf(file, sizeof(file), "%s.%d", name, generation);
	IT_UNTIL(it_exists(t, file));
	text = strdup(it_read(t, file));
	ck_assert_ptr_nonnull(text);
	return text;
}

/* The dump has this line. */
static void
has(const char *text, const char *line)
{
	char want[640];

	snprintf(want, sizeof(want), "\n%s\n", line);
	ck_assert_msg(
	    strstr(text, want) != NULL, "no line '%s' in:\n%s", line, text);
}

static void
has_not(const char *text, const char *part)
{
	ck_assert_msg(
	    strstr(text, part) == NULL, "'%s' is in:\n%s", part, text);
}

/* How many lines begin so. */
static int
count(const char *text, const char *start)
{
	char want[64];
	int n = 0;

	snprintf(want, sizeof(want), "\n%s", start);
	for (const char *p = text; (p = strstr(p, want)) != NULL; p++)
		n++;
	return n;
}

/* The daemon itself has been started badly. */
static void
spoil(void)
{
	sigset_t set;

	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Descriptors that are not close-on-exec. */
	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(dup(2), 0);
}

START_TEST(test_clean)
{
	struct it *t = it_new("  a: {command: [stub, state, a, 'x y', '']}\n");
	char line[256];
	sigset_t none;
	char *text;

	it_putenv(t, "SECRET=of the daemon");
	it_putenv(t, "NOTIFY_SOCKET=/nowhere/notify");
	it_putenv(t, "LISTEN_FDS=1");
	it_putenv(t, "LANG=C.UTF-8");
	it_putenv(t, "TZ=UTC");
	sigemptyset(&none);
	spoil();
	it_spawn(t, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	it_settle(t);
	text = dump(t, "a", 1);
	has(text, "arg a");
	has(text, "arg x y");
	has(text, "arg ");
	has(text, "fd 0 /dev/null");
	has(text, "fd 1 pipe");
	has(text, "fd 2 pipe");
	ck_assert_int_eq(count(text, "fd "), 3);
	has(text, "status SigBlk:\t0000000000000000");
	/* 32 and 33 are the C library's own: posix_spawn ignores them. */
	ck_assert(strstr(text, "\nstatus SigIgn:\t0000000000000000\n") ||
	          strstr(text, "\nstatus SigIgn:\t0000000180000000\n"));
	has(text, "status NoNewPrivs:\t1");
	has(text, "status Threads:\t1");
	has(text, "umask 0027");
	has(text, "cwd /");
	has(text, "session 1");
	has(text, "group 1");
	snprintf(line, sizeof(line), "death %d", SIGKILL);
	has(text, line);
	has(text, "env LANG=C.UTF-8");
	has(text, "env TZ=UTC");
	has(text, "env PLUGIND_NAME=a");
	has(text, "env PLUGIND_INSTANCE=1");
	snprintf(line, sizeof(line), "env PLUGIND_STATE_DIR=%s/state/plugins/a",
	    t->dir);
	has(text, line);
	if (it_is_root())
		has(text, "env HOME=/root");
	/* HOME LANG PATH PLUGIND_INSTANCE _NAME _STATE_DIR TZ USER */
	ck_assert_int_eq(count(text, "env "), 8);
	has_not(text, "SECRET");
	has_not(text, "NOTIFY_SOCKET");
	has_not(text, "LISTEN_FDS");
	free(text);
	it_end(t);
}
END_TEST

/* Whatever has happened meanwhile, the n-th start is like the first. */
START_TEST(test_same_each_time)
{
	struct it *t =
	    it_new("  a:\n"
	           "    command: [stub, state, a]\n"
	           "    restart: {delay: 0s, max_restarts: 0}\n"
	           "    environment: {ONE: '1', TWO: '2'}\n"
	           "    limits: {open_files: 99}\n"
	           "  noise: {command: [stub, exit, '1'],"
	           " restart: {delay: 1ms, max_restarts: 10}}\n"
	           "  probed: {command: [stub, run], health: {interval: 10ms,"
	           " failures: 1000, probe: {exec: [stub, check, none]}}}\n");
	int n = it_level(5, 20, 100);
	char *first;

	it_spawn(t, NULL);
	it_up(t);
	first = dump(t, "a", 1);
	for (int i = 2; i <= n; i++) {
		char *text;

		if (i % 3 == 0)
			it_act(t, MSG_RESTART, "N", "a");
		else
			it_ok(t, MSG_KILL, "ss", "a", "KILL");
		text = dump(t, "a", i);
		ck_assert_str_eq(text, first);
		free(text);
	}
	free(first);
	it_end(t);
}
END_TEST

START_TEST(test_settings)
{
	struct it *t = it_new("  a:\n"
	                      "    command: [stub, state, a]\n"
	                      "    umask: 0077\n"
	                      "    working_dir: /usr/bin\n"
	                      "    no_new_privileges: false\n"
	                      "    limits: {open_files: 77, core: 0}\n"
	                      "    environment: {KEY: 'a ${D} b', PATH: "
	                      "'${PATH}:/x',\n"
	                      "      HOME: /elsewhere, EMPTY: ''}\n");
	char line[1024];
	char *text;

	it_spawn(t, NULL);
	it_settle(t);
	text = dump(t, "a", 1);
	has(text, "umask 0077");
	has(text, "cwd /usr/bin");
	has(text, "status NoNewPrivs:\t0");
	snprintf(line, sizeof(line), "limit %d 77 77", (int)RLIMIT_NOFILE);
	has(text, line);
	snprintf(line, sizeof(line), "limit %d 0 0", (int)RLIMIT_CORE);
	has(text, line);
	snprintf(line, sizeof(line), "env KEY=a %s b", t->dir);
	has(text, line);
	has(text, "env HOME=/elsewhere");
	has(text, "env EMPTY=");
	ck_assert_int_eq(count(text, "env HOME="), 1);
	ck_assert_int_eq(count(text, "env PATH="), 1);
	free(text);
	it_end(t);
}
END_TEST

/* The core raises its own limit of open files; children get the old one. */
START_TEST(test_open_files)
{
	struct it *t = it_new("  a: {command: [stub, state, a]}\n"
	                      "  b: {command: [stub, files, many],"
	                      " limits: {open_files: 40}}\n");
	struct rlimit own;
	struct rlimit low = {123, 4000};
	char line[64];
	char *text;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &own), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	it_spawn(t, NULL);
	it_settle(t);
	text = dump(t, "a", 1);
	snprintf(line, sizeof(line), "limit %d 123 4000", (int)RLIMIT_NOFILE);
	has(text, line);
	free(text);
	IT_UNTIL(it_exists(t, "many"));
	ck_assert_str_eq(it_read(t, "many"), "37");
	it_end(t);
}
END_TEST

START_TEST(test_user)
{
	struct it *t;
	struct stat st;
	char path[128];
	char *text;

	if (!it_is_root())
		return;
	t = it_new("  a: {command: [stub, state, a], user: nobody}\n"
	           "  b: {command: [stub, state, b], user: nobody, "
	           "group: daemon}\n");
	ck_assert_int_eq(chmod(t->dir, 01777), 0);
	it_spawn(t, NULL);
	it_settle(t);
	text = dump(t, "a", 1);
	has(text, "status Uid:\t65534\t65534\t65534\t65534");
	has(text, "status Gid:\t65534\t65534\t65534\t65534");
	has(text, "status CapEff:\t0000000000000000");
	has(text, "env USER=nobody");
	has(text, "env HOME=/nonexistent");
	snprintf(path, sizeof(path), "death %d", SIGKILL);
	has(text, path);
	ck_assert_ptr_nonnull(strstr(text, "status Groups:\t65534"));
	free(text);
	text = dump(t, "b", 1);
	has(text, "status Gid:\t1\t1\t1\t1");
	free(text);
	snprintf(path, sizeof(path), "%s/state/plugins/a", t->dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 65534);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	it_end(t);
}
END_TEST

static const struct {
	const char *keys;
	const char *error;
} failures[] = {
    {"command: [/nowhere/x]",
        "cannot execute /nowhere/x: No such file or directory"},
    {"command: [no-such-program-here]",
        "cannot execute no-such-program-here: No such file or directory"},
    {"command: [/etc/passwd]", "cannot execute /etc/passwd: Permission denied"},
    {"command: [/etc]", "cannot execute /etc: Permission denied"},
    {"command: [stub, run]\n    working_dir: /nowhere/at/all",
        "changing to working_dir /nowhere/at/all: No such file or "
        "directory"},
    {"command: [stub, run]\n    working_dir: /etc/passwd",
        "changing to working_dir /etc/passwd: Not a directory"},
    {"command: ['${D}/script']",
        "cannot execute ${D}/script: No such file or directory"},
};

START_TEST(test_failures)
{
	size_t n = sizeof(failures) / sizeof(failures[0]);
	struct buf yaml;
	char path[128];
	struct it *t;

	buf_init(&yaml, 4096);
	for (size_t i = 0; i < n; i++)
		buf_printf(&yaml,
		    "  p%zu:\n    %s\n    restart: {policy: never}\n", i,
		    failures[i].keys);
	t = it_new(buf_cstr(&yaml));
	buf_fini(&yaml);
	it_write(t, "script", "#!/nowhere/interpreter\n");
	snprintf(path, sizeof(path), "%s/script", t->dir);
	ck_assert_int_eq(chmod(path, 0755), 0);
	it_spawn(t, NULL);
	it_settle(t);
	for (size_t i = 0; i < n; i++) {
		char name[8];
		const char *rest = strstr(failures[i].error, "${D}");
		char want[256];

		snprintf(name, sizeof(name), "p%zu", i);
		if (rest != NULL)
			snprintf(want, sizeof(want), "%.*s%s%s",
			    (int)(rest - failures[i].error), failures[i].error,
			    t->dir, rest + 4);
		else
			snprintf(want, sizeof(want), "%s", failures[i].error);
		ck_assert_str_eq(it_wait(t, name, "failed").error, want);
		ck_assert_str_eq(it_row(t, name).exit_kind, "exit");
	}
	it_end(t);
}
END_TEST

/* Looked up in the PATH of the plugin; relative to the file otherwise. */
START_TEST(test_search)
{
	struct it *t = it_new("  a: {command: [mine], environment: {PATH: "
	                      "'${D}/bin:${PATH}'}}\n"
	                      "  b: {command: [bin/mine]}\n");
	char path[128];

	snprintf(path, sizeof(path), "%s/bin", t->dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	it_write(t, "bin/mine", "#!/bin/sh\nexec stub state $PLUGIND_NAME\n");
	snprintf(path, sizeof(path), "%s/bin/mine", t->dir);
	ck_assert_int_eq(chmod(path, 0755), 0);
	it_spawn(t, NULL);
	it_settle(t);
	free(dump(t, "a", 1));
	free(dump(t, "b", 1));
	it_end(t);
}
END_TEST

START_TEST(test_cgroup)
{
	struct it *t = it_start("  a: {command: [stub, run]}\n");
	struct it_reply r = it_ok(t, MSG_GET_VERSION, "");
	char root[512];
	char path[600];
	char text[64] = "";
	int64_t pid = it_row(t, "a").pid;
	FILE *in;

	it_str(&r.data, "cgroup", root, sizeof(root));
	if (root[0] == '\0') {
		it_end(t);
		return; /* no tree that may be written to */
	}
	snprintf(path, sizeof(path), "%s/a:1/cgroup.procs", root);
	in = fopen(path, "re");
	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), in));
	(void)fclose(in);
	ck_assert_int_eq(strtol(text, NULL, 10), pid);
	it_end(t);
	/* The daemon takes its directories with it. */
	ck_assert_int_ne(access(root, F_OK), 0);
}
END_TEST

/* A child that outlives the program is ended with it. */
START_TEST(test_leftovers)
{
	struct it *t = it_start("  a:\n"
	                        "    command: [stub, orphan, pid, '0']\n"
	                        "  b:\n"
	                        "    command: [stub, orphan, pid2, '1']\n"
	                        "    restart: {policy: never}\n");

	it_wait(t, "a", "stopped");
	it_wait(t, "b", "failed");
	IT_UNTIL(it_count_processes(t) == 2);
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"clean", test_clean},
	    {"same_each_time", test_same_each_time},
	    {"settings", test_settings},
	    {"open_files", test_open_files},
	    {"user", test_user},
	    {"failures", test_failures},
	    {"search", test_search},
	    {"cgroup", test_cgroup},
	    {"leftovers", test_leftovers},
	};

	return it_main("spawn", tests, sizeof(tests) / sizeof(tests[0]));
}
