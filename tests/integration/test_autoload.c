/*
 * test_autoload: modules that run because they lie in a directory: they
 * appear, are replaced and go, and a configured name wins.
 */
#include "harness.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A daemon that watches ${D}/mods; `plugins` as of it_new. */
static struct it *
start(const char *more, const char *plugins)
{
	struct it *t = it_new("");
	char text[1024];
	char path[IT_PATH_MAX];

	it_path(t, "mods", path);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	snprintf(text, sizeof(text),
	    "runtime_dir: '%s/run'\nstate_dir: '%s/state'\n"
	    "log: {level: debug}\n"
	    "autoload: {enabled: true, directory: '%s'%s}\nplugins: {%s}\n",
	    t->dir, t->dir, path, more, plugins);
	it_write(t, "plugind.yaml", text);
	return t;
}

/* As an installer does: whole, or not there. */
static void
bring(struct it *t, const char *from, const char *name)
{
	char path[IT_PATH_MAX];
	char fresh[IT_PATH_MAX + 8];
	char bytes[65536];
	FILE *in = fopen(from, "re");
	FILE *out;
	size_t n;

	it_path(t, name, path);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	out = fopen(fresh, "we");
	ck_assert(in != NULL && out != NULL);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		ck_assert_uint_eq(fwrite(bytes, 1, n, out), n);
	(void)fclose(in);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(rename(fresh, path), 0);
}

static bool
knows(struct it *t, const char *name)
{
	return it_try(t, MSG_STATUS, name) == MSG_CODE_OK;
}

static bool
is_running(struct it *t, const char *name)
{
	return knows(t, name) && it_is(t, name, "running");
}

static const char *
kind(struct it *t, const char *name)
{
	static char out[16];
	struct it_reply r = it_ok(t, MSG_STATUS, "N", name);
	uint32_t n;

	ck_assert_int_eq(wire_get_array(&r.data, &n), 0);
	return it_str(&r.data, "kind", out, sizeof(out));
}

START_TEST(test_appears)
{
	struct it *t = start("", "");

	bring(t, HELLO_MODULE, "mods/hello.so");
	it_spawn(t, NULL);
	it_settle(t);
	ck_assert(is_running(t, "hello"));
	bring(t, ECHO_MODULE, "mods/echo.so");
	IT_UNTIL(is_running(t, "echo"));
	it_remove(t, "mods/echo.so");
	IT_UNTIL(!knows(t, "echo"));
	ck_assert(is_running(t, "hello"));
	it_end(t);
}
END_TEST

START_TEST(test_replaced)
{
	struct it *t = start("", "");
	int pid;

	bring(t, HELLO_MODULE, "mods/hello.so");
	it_spawn(t, NULL);
	it_settle(t);
	pid = (int)it_row(t, "hello").pid;
	bring(t, HELLO_MODULE, "mods/hello.so");
	IT_UNTIL(is_running(t, "hello") && it_row(t, "hello").pid != pid);
	it_end(t);
}
END_TEST

/* Without hot_swap what runs stays, also over a reload. */
START_TEST(test_not_replaced)
{
	struct it *t = start(", hot_swap: false", "");
	int pid;

	bring(t, HELLO_MODULE, "mods/hello.so");
	it_spawn(t, NULL);
	it_settle(t);
	pid = (int)it_row(t, "hello").pid;
	bring(t, HELLO_MODULE, "mods/hello.so");
	bring(t, ECHO_MODULE, "mods/echo.so");
	IT_UNTIL(is_running(t, "echo")); /* so it has been looked at */
	ck_assert_int_eq((int)it_row(t, "hello").pid, pid);
	it_end(t);
}
END_TEST

START_TEST(test_configured_wins)
{
	struct it *t = start("", "hello: {command: [sleep, 1000]}");

	bring(t, HELLO_MODULE, "mods/hello.so");
	bring(t, ECHO_MODULE, "mods/echo.so");
	it_spawn(t, NULL);
	it_settle(t);
	ck_assert(is_running(t, "echo"));
	ck_assert_str_eq(kind(t, "hello"), "command");
	it_end(t);
}
END_TEST

START_TEST(test_refused)
{
	struct it *t = start("", "");
	char path[IT_PATH_MAX];

	bring(t, HELLO_MODULE, "mods/hello.so");
	it_path(t, "mods", path);
	ck_assert_int_eq(chmod(path, 0777), 0);
	it_spawn(t, NULL);
	it_settle(t);
	ck_assert(it_logged(t, "is refused: others may put modules there"));
	ck_assert(!knows(t, "hello"));
	it_end(t);
}
END_TEST

/* Not every file is a module, and a link is none. */
START_TEST(test_not_modules)
{
	struct it *t = start("", "");
	char from[IT_PATH_MAX];

	it_write(t, "mods/notes.txt", "x");
	it_write(t, "mods/Upper.so", "x");
	it_path(t, "mods/linked.so", from);
	ck_assert_int_eq(symlink(HELLO_MODULE, from), 0);
	bring(t, ECHO_MODULE, "mods/echo.so");
	it_spawn(t, NULL);
	it_settle(t);
	ck_assert(is_running(t, "echo"));
	ck_assert(!knows(t, "linked"));
	ck_assert(!knows(t, "notes"));
	it_end(t);
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"appears", test_appears},
	    {"replaced", test_replaced},
	    {"not_replaced", test_not_replaced},
	    {"configured_wins", test_configured_wins},
	    {"refused", test_refused},
	    {"not_modules", test_not_modules},
	};

	return it_main("autoload", tests, sizeof(tests) / sizeof(tests[0]));
}
