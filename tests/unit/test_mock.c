/*
 * test_mock: the examples, tested as their authors would, with the mock in
 * place of the library that the modules were linked with.
 */
#include "common/clock.h"
#include "unit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <plugind_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static struct plugind_mock *m;
static void *module;

static void
open_module(const char *path)
{
	const struct plugind_descriptor *d;

	module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(module != NULL, "%s", dlerror());
	d = dlsym(module, "plugind_plugin");
	ck_assert_ptr_nonnull(d);
	m = plugind_mock_new(d);
	ck_assert_ptr_nonnull(m);
	plugind_mock_deadline(m, PATIENCE_MS);
}

static void
open_hello(void)
{
	open_module(HELLO_MODULE);
}

static void
open_echo(void)
{
	open_module(ECHO_MODULE);
}

static void
close_module(void)
{
	plugind_mock_free(m);
	dlclose(module);
}

/* --- hello ------------------------------------------------------------- */

START_TEST(test_hello)
{
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_uint_eq(plugind_mock_log_lines(m), 0);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	ck_assert_str_eq(plugind_mock_log_line(m, 0), "info: hello from hello");
	ck_assert_int_eq(plugind_mock_health(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_exit_status(m), -1);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	ck_assert(plugind_mock_logged(m, "goodbye"));
	ck_assert_int_eq(plugind_mock_exit_status(m), 0);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_EXITED);
}
END_TEST

START_TEST(test_hello_bad_config)
{
	plugind_mock_set_string(m, "greeting", "");
	plugind_mock_set_string(m, "every", "10ms");
	plugind_mock_set_int(m, "delay", 5);
	plugind_mock_set_bool(m, "greting", true);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_CONFIG);
	ck_assert_uint_eq(plugind_mock_config_errors(m), 4);
	ck_assert_str_eq(plugind_mock_config_error(m, 0),
	    "delay: must be a duration with its unit, such as 500ms or 5m, not "
	    "a whole number");
	ck_assert_str_eq(plugind_mock_config_error(m, 1),
	    "greting: is not a key here: there are greeting, every, delay");
	ck_assert_str_eq(
	    plugind_mock_config_error(m, 2), "greeting: must not be empty");
	ck_assert_str_eq(plugind_mock_config_error(m, 3),
	    "every: must be 1s or more: nobody reads that fast");
	ck_assert_ptr_null(plugind_mock_config_error(m, 4));
	/* Only stop is left, which the plugin does not see. */
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m),
	    "start came out of order: the plugin is failed");
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	ck_assert_uint_eq(plugind_mock_log_lines(m), 0);
}
END_TEST

START_TEST(test_hello_later)
{
	int64_t begin_ms = clock_mono_ms();

	plugind_mock_set_string(m, "delay", "50ms");
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	ck_assert_int_ge(clock_mono_ms() - begin_ms, 40);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
}
END_TEST

/* A stop does not wait for a start that is under way. */
START_TEST(test_hello_stop_before_later)
{
	plugind_mock_set_string(m, "delay", "1h");
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	plugind_mock_deadline(m, 20);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_TIMEOUT);
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_BUSY);
	plugind_mock_deadline(m, PATIENCE_MS);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_exit_status(m), 0);
}
END_TEST

START_TEST(test_hello_repeats)
{
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;

	plugind_mock_set_string(m, "every", "1s");
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	while (plugind_mock_log_lines(m) < 2 && clock_mono_ms() < end_ms)
		plugind_mock_run(m, 100);
	ck_assert_uint_ge(plugind_mock_log_lines(m), 2);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
}
END_TEST

START_TEST(test_hello_configure)
{
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_FAILED);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	plugind_mock_set_string(m, "greeting", "salut");
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_OK);
	ck_assert_str_eq(plugind_mock_log_line(m, 1), "info: salut from hello");
	plugind_mock_set_null(m, "greeting");
	plugind_mock_set_string(m, "every", "never");
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_CONFIG);
	plugind_mock_clear(m);
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_OK);
	ck_assert_str_eq(plugind_mock_log_line(m, 2), "info: hello from hello");
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
}
END_TEST

/* --- echo -------------------------------------------------------------- */

static int
make_socket(uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static uint16_t
free_port(void)
{
	uint16_t port;

	close(make_socket(&port));
	return port;
}

static void
send_to(int fd, uint16_t port, const void *data, size_t len)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons(port)};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(
	    sendto(fd, data, len, 0, (struct sockaddr *)&at, sizeof(at)), len);
}

/* What comes back to `fd`, while the plugin's loop runs. */
static ssize_t
await_echo(int fd, char *out, size_t cap)
{
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
	ssize_t n = -1;

	while (n < 0 && clock_mono_ms() < end_ms) {
		plugind_mock_run(m, 5);
		n = recv(fd, out, cap, 0);
	}
	return n;
}

static void
check_echo(uint16_t port)
{
	uint16_t own;
	int fd = make_socket(&own);
	char out[16];

	send_to(fd, port, "ping", 4);
	ck_assert_int_eq(await_echo(fd, out, sizeof(out)), 4);
	ck_assert_mem_eq(out, "ping", 4);
	close(fd);
}

START_TEST(test_echo)
{
	uint16_t port = free_port();

	plugind_mock_set_int(m, "port", port);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	check_echo(port);
	ck_assert_int_eq(plugind_mock_health(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	ck_assert(plugind_mock_logged(m, "answered 1, refused 0"));
}
END_TEST

START_TEST(test_echo_port_taken)
{
	char want[128];
	uint16_t port;
	int fd = make_socket(&port);

	plugind_mock_set_int(m, "port", port);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_FAILED);
	snprintf(want, sizeof(want),
	    "cannot bind to UDP 127.0.0.1:%u: Address already in use; choose "
	    "another `port`",
	    port);
	ck_assert_str_eq(plugind_mock_text(m), want);
	close(fd);
}
END_TEST

START_TEST(test_echo_degraded)
{
	uint16_t port = free_port(), own;
	int fd = make_socket(&own);
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;

	plugind_mock_set_int(m, "port", port);
	plugind_mock_set_string(m, "max_size", "4B");
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	send_to(fd, port, "too long", 8);
	while (!plugind_mock_degraded(m) && clock_mono_ms() < end_ms)
		plugind_mock_run(m, 5);
	ck_assert_str_eq(
	    plugind_mock_degraded(m), "datagrams above max_size came in");
	ck_assert_int_eq(plugind_mock_health(m), PLUGIND_MOCK_DEGRADED);
	ck_assert_str_eq(
	    plugind_mock_text(m), "datagrams above max_size came in");
	/* A place of its own, and no longer degraded. */
	plugind_mock_set_int(m, "port", port = free_port());
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_OK);
	ck_assert_ptr_null(plugind_mock_degraded(m));
	ck_assert_int_eq(plugind_mock_health(m), PLUGIND_MOCK_OK);
	check_echo(port);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	close(fd);
}
END_TEST

START_TEST(test_echo_bad_configure)
{
	uint16_t port = free_port(), taken;
	int fd = make_socket(&taken);

	plugind_mock_set_int(m, "port", port);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	plugind_mock_set_int(m, "port", taken);
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_FAILED);
	check_echo(port);
	plugind_mock_set_int(m, "port", 70000);
	plugind_mock_set_string(m, "address", "localhost");
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_CONFIG);
	ck_assert_str_eq(
	    plugind_mock_config_error(m, 0), "port: must be from 0 to 65535");
	ck_assert_str_eq(plugind_mock_config_error(m, 1),
	    "address: must be an IPv4 address such as 127.0.0.1");
	check_echo(port);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	close(fd);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("mock");
	TCase *t = tcase_create("hello");

	tcase_add_checked_fixture(t, open_hello, close_module);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_hello);
	tcase_add_test(t, test_hello_bad_config);
	tcase_add_test(t, test_hello_later);
	tcase_add_test(t, test_hello_stop_before_later);
	tcase_add_test(t, test_hello_repeats);
	tcase_add_test(t, test_hello_configure);
	suite_add_tcase(s, t);

	t = tcase_create("echo");
	tcase_add_checked_fixture(t, open_echo, close_module);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_echo);
	tcase_add_test(t, test_echo_port_taken);
	tcase_add_test(t, test_echo_degraded);
	tcase_add_test(t, test_echo_bad_configure);
	suite_add_tcase(s, t);

	return s;
}

int
main(void)
{
	return unit_run(make_suite());
}
