/*
 * harness: owns the directory and the process of one daemon. Its files are in
 * files.c, requests in request.c, looking at /proc in look.c.
 *
 * Must never: kill a process that it did not start, or leave a directory of a
 * test that passed.
 */
#include "harness.h"

#include "common/client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENV_MAX = 16, LOG_TAIL = 6000, TEST_TIMEOUT_S = 60 };

static char base[32]; /* of all tests of this program */
static char *environment[ENV_MAX + 1];
static size_t nenvironment;
static unsigned made; /* directories, by this process */

/* --- levels ------------------------------------------------------------ */

int
it_level(int quick, int usual, int full)
{
	const char *level = getenv("PLUGIND_TEST_LEVEL");

	if (level != NULL && strcmp(level, "quick") == 0)
		return quick;
	return level != NULL && strcmp(level, "long") == 0 ? full : usual;
}

int64_t
it_limit(int64_t ms)
{
	const char *factor = getenv("PLUGIND_TEST_FACTOR");
	int64_t n = factor != NULL ? strtol(factor, NULL, 10) : 1;

	return ms * (n > 0 ? n : 1);
}

bool
it_is_root(void)
{
	return geteuid() == 0;
}

void
it_pause(void)
{
	poll(NULL, 0, 5);
}

/* --- one daemon -------------------------------------------------------- */

void
it_putenv(struct it *t, const char *variable)
{
	(void)t;
	ck_assert_uint_lt(nenvironment, ENV_MAX);
	environment[nenvironment] = strdup(variable);
	ck_assert_ptr_nonnull(environment[nenvironment]);
	nenvironment++;
}

__attribute__((format(printf, 1, 2))) static void
put_variable(const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	it_putenv(NULL, text);
}

static void
pass_variable(const char *name)
{
	const char *value = getenv(name);

	if (value != NULL)
		put_variable("%s=%s", name, value);
}

static void
drop_variables(void)
{
	while (nenvironment > 0)
		free(environment[--nenvironment]);
}

struct it *
it_new(const char *plugins)
{
	struct it *t = calloc(1, sizeof(*t));
	char path[IT_PATH_MAX];

	ck_assert_ptr_nonnull(t);
	snprintf(
	    t->dir, sizeof(t->dir), "%s/%d.%u", base, (int)getpid(), ++made);
	ck_assert_msg(
	    mkdir(t->dir, 0755) == 0, "%s: %s", t->dir, strerror(errno));
	drop_variables();
	put_variable("D=%s", t->dir);
	put_variable("PATH=%s:/usr/bin:/bin:/usr/sbin:/sbin", STUB_DIR);
	pass_variable("ASAN_OPTIONS");
	pass_variable("UBSAN_OPTIONS");
	it_path(t, "run/control.sock", path);
	t->client = client_new(path);
	ck_assert_ptr_nonnull(t->client);
	it_config(t, plugins);
	return t;
}

static _Noreturn void
become_daemon(const struct it *t, const char *const *more)
{
	const char *argv[16] = {PLUGIND, "--config", NULL};
	char config[IT_PATH_MAX];
	char log[IT_PATH_MAX];
	size_t n = 3;
	int fd;

	it_path(t, "plugind.yaml", config);
	it_path(t, "log", log);
	argv[2] = config;
	while (more != NULL && *more != NULL && n < 15)
		argv[n++] = *more++;
	argv[n] = NULL;
	environment[nenvironment] = NULL;
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(fd, 1);
	dup2(fd, 2);
	umask(022);
	execve(PLUGIND, (char *const *)(uintptr_t)argv, environment);
	_exit(127);
}

void
it_spawn(struct it *t, const char *const *more)
{
	ck_assert_int_eq(t->pid, 0);
	t->pid = fork();
	ck_assert_int_ge(t->pid, 0);
	if (t->pid == 0)
		become_daemon(t, more);
}

static bool
has_ended(struct it *t)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)t->pid, &info,
	           WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == t->pid;
}

static bool
answers(struct it *t)
{
	struct client_reply reply;
	struct buf args;
	bool ok;

	buf_init(&args, 16);
	wire_put_array(&args, 0);
	ok = client_call(t->client, MSG_PING, &args,
	         clock_mono_ms() + it_limit(2000), &reply) == 0;
	buf_fini(&args);
	return ok;
}

void
it_up(struct it *t)
{
	IT_UNTIL(answers(t) || has_ended(t));
	ck_assert_msg(!has_ended(t), "plugind ended at once");
}

static bool
is_settled(struct it *t)
{
	struct it_reply r = it_ok(t, MSG_GET_VERSION, "");
	struct wire_cursor at;
	bool settled = false;

	ck_assert_int_eq(wire_map_find(&r.data, "settled", &at), 0);
	ck_assert_int_eq(wire_get_bool(&at, &settled), 0);
	return settled;
}

void
it_settle(struct it *t)
{
	it_up(t);
	IT_UNTIL(is_settled(t));
}

struct it *
it_start(const char *plugins)
{
	struct it *t = it_new(plugins);

	it_spawn(t, NULL);
	it_settle(t);
	return t;
}

void
it_hup(struct it *t)
{
	int before = it_occurrences(it_read(t, "log"), "reload: ");

	ck_assert_int_eq(kill(t->pid, SIGHUP), 0);
	IT_UNTIL(it_occurrences(it_read(t, "log"), "reload: ") > before);
}

int
it_wait_exit(struct it *t)
{
	struct pollfd p = {.events = POLLIN};
	int status;

	p.fd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	ck_assert_int_ge(p.fd, 0);
	ck_assert_msg(poll(&p, 1, (int)it_limit(IT_DEADLINE_MS)) == 1,
	    "plugind does not end");
	close(p.fd);
	ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
	t->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status)
	                         : 1000 + WTERMSIG(status);
}

static void
check_empty(struct it *t, const char *name)
{
	char path[IT_PATH_MAX];
	struct dirent *e;
	DIR *dir;

	it_path(t, name, path);
	dir = opendir(path);
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0 &&
		    strcmp(e->d_name, "notify") != 0 &&
		    strcmp(e->d_name, "p") != 0)
			ck_abort_msg("left behind: %s/%s", path, e->d_name);
	}
	if (dir != NULL)
		closedir(dir);
}

void
it_gone(struct it *t)
{
	static const char *const complaints[] = {
	    "please report", "Sanitizer", "runtime error:"};

	ck_assert_int_eq(t->pid, 0);
	IT_UNTIL(it_count_processes(t) == 0);
	check_empty(t, "run");
	check_empty(t, "run/notify");
	check_empty(t, "run/p");
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
		ck_assert_msg(
		    !it_logged(t, complaints[i]), "log: %s", complaints[i]);
	it_remove_tree(t->dir);
	drop_variables();
	client_free(t->client);
	free(t->log);
	free(t);
}

void
it_end(struct it *t)
{
	ck_assert_int_eq(kill(t->pid, SIGTERM), 0);
	ck_assert_int_eq(it_wait_exit(t), t->expect);
	it_gone(t);
}

/* --- the whole --------------------------------------------------------- */

static void
print_tail(const char *dir)
{
	struct it t = {0};
	const char *text;
	size_t len;

	snprintf(t.dir, sizeof(t.dir), "%.40s", dir);
	text = it_read(&t, "log");
	len = strlen(text);
	fprintf(stderr, "--- log of %s\n%s\n", dir,
	    len > LOG_TAIL ? text + len - LOG_TAIL : text);
	free(t.log);
}

/* What is left belongs to tests that failed. */
static void
clean_up(void)
{
	struct dirent *e;
	DIR *dir = opendir(base);

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		char path[IT_PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", base, e->d_name);
		print_tail(path);
		if (getenv("PLUGIND_TEST_KEEP") == NULL)
			it_remove_tree(path);
	}
	if (dir != NULL)
		closedir(dir);
	(void)rmdir(base);
}

int
it_main(const char *name, const struct it_test *tests, size_t n)
{
	Suite *suite = suite_create(name);
	SRunner *sr;

	snprintf(base, sizeof(base), "/tmp/pit.XXXXXX");
	if (mkdtemp(base) == NULL || chmod(base, 0755) != 0) {
		perror(base);
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		TCase *tc = tcase_create(tests[i].name);
		int64_t s = tests[i].timeout_s > 0 ? tests[i].timeout_s
		                                   : TEST_TIMEOUT_S;

		tcase_set_timeout(tc, (double)it_limit(s));
		tcase_add_test(tc, tests[i].test);
		suite_add_tcase(suite, tc);
	}
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	srunner_free(sr);
	clean_up();
	return 0;
}
