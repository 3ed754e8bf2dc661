/*
 * test_pluginhost: what a process says, and how it ends, that cannot be a
 * plugin: started by hand, by another version, or with a module that is none.
 */
#include "plugproc.h"

#include <plugind.h>
#include <sys/stat.h>

static void
setup(void)
{
	loop_setup();
	memset(&plugin, 0, sizeof(plugin));
}

static void
teardown(void)
{
	end_plugin();
	loop_teardown();
}

static const struct {
	const char *skip; /* of the environment */
	size_t cookie;
	int status;
	const char *says;
} environments[] = {
    {"PLUGIND_SOCKET_DIR", 16, PLUGIND_EXIT_USAGE, "not by hand"},
    {"PLUGIND_NAME", 16, PLUGIND_EXIT_FAILURE,
        "PLUGIND_NAME in the environment is missing"},
    {"PLUGIND_INSTANCE", 16, PLUGIND_EXIT_FAILURE,
        "PLUGIND_INSTANCE in the environment is missing"},
    {"PLUGIND_GENERATION", 16, PLUGIND_EXIT_FAILURE,
        "PLUGIND_GENERATION in the environment is missing"},
    {"PLUGIND_STATE_DIR", 16, PLUGIND_EXIT_FAILURE,
        "PLUGIND_STATE_DIR in the environment is missing"},
    {"PLUGIND_COOKIE_FD", 16, PLUGIND_EXIT_FAILURE,
        "PLUGIND_COOKIE_FD in the environment is missing"},
    {NULL, 15, PLUGIND_EXIT_FAILURE, "not a descriptor with a cookie"},
    {NULL, 0, PLUGIND_EXIT_FAILURE, "not a descriptor with a cookie"},
};

START_TEST(test_environment)
{
	char *argv[] = {(char[]){HELLO_PROGRAM}, NULL};

	spawn(argv, environments[_i].skip, environments[_i].cookie);
	await_exit(environments[_i].status);
	ck_assert_msg(strstr(plugin.text, environments[_i].says) != NULL, "%s",
	    plugin.text);
}
END_TEST

START_TEST(test_no_socket_directory)
{
	start_hello();
	ck_assert(!loop_until_ms(loop_never, NULL, 0));
	kill(plugin.pid, SIGKILL);
	loop_until(has_ended, NULL);
	close(plugin.output);
	/* Now without it. */
	ck_assert_int_eq(rmdir(scratch), 0);
	start_hello();
	await_exit(PLUGIND_EXIT_FAILURE);
	ck_assert_ptr_nonnull(strstr(plugin.text, "No such file or directory"));
	ck_assert_int_eq(mkdir(scratch, 0700), 0);
}
END_TEST

static const struct {
	const char *module;
	int status;
	const char *says;
} modules[] = {
    {"hello.so", 78, "give a path with a slash"},
    {"/nonexistent/x.so", 78, "No such file or directory"},
    {"/etc/passwd", 78, "/etc/passwd: cannot load the module: "},
    {MODULE_DIR "/notplugin.so", 78, "it has no symbol plugind_plugin"},
    {MODULE_DIR "/badmagic.so", 78, "is not a descriptor"},
    {MODULE_DIR "/newabi.so", 78, "it needs the plugin ABI 900 to 901"},
    {MODULE_DIR "/badname.so", 78, "the name in its descriptor is malformed"},
    {MODULE_DIR "/undefined.so", 78, "undefined symbol: no_such_function"},
    {"-h", 2, "pluginhost runs a module for plugind"},
};

START_TEST(test_bad_module)
{
	start_module(modules[_i].module);
	await_exit(modules[_i].status);
	ck_assert_msg(
	    strstr(plugin.text, modules[_i].says) != NULL, "%s", plugin.text);
	/* One line, for `why`. */
	if (modules[_i].status == PLUGIND_EXIT_UNUSABLE)
		ck_assert_ptr_eq(
		    strchr(plugin.text, '\n'), plugin.text + plugin.len - 1);
}
END_TEST

START_TEST(test_version)
{
	char *program[] = {
	    (char[]){HELLO_PROGRAM}, (char[]){"--version"}, NULL};
	char *module[] = {(char[]){PLUGINHOST}, (char[]){HELLO_MODULE},
	    (char[]){"--version"}, NULL};

	spawn(_i == 0 ? program : module, "PLUGIND_", 16);
	await_exit(0);
	ck_assert_str_eq(plugin.text, "hello 1.0 (plugin ABI 1)\n");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("pluginhost");
	TCase *t = tcase_create("cannot");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_environment, 0, COUNT(environments));
	tcase_add_test(t, test_no_socket_directory);
	tcase_add_loop_test(t, test_bad_module, 0, COUNT(modules));
	tcase_add_loop_test(t, test_version, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(make_suite());
}
