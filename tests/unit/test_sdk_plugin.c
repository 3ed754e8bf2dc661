/*
 * test_sdk_plugin: the corners of plugind.h that no example turns, with a
 * plugin that does whatever a case needs, on the mock.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <plugind_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static struct plugind_mock *m;

static struct {
	int initialize, start, stop, health; /* results */
	const char *text;                    /* for plugind_fail */
	int calls;                           /* of stop */
	bool done_early;
	int early;
	void (*on_start)(struct plugind *p);
	char state_dir[64];
} own;

static int
answer(struct plugind *p, int result)
{
	return own.text != NULL ? plugind_answer(p, result, "%s", own.text)
	                        : result;
}

static int
own_initialize(struct plugind *p, const struct plugind_config *c)
{
	snprintf(
	    own.state_dir, sizeof(own.state_dir), "%s", plugind_state_dir(p));
	if (plugind_config_bool(c, "wrong", false))
		plugind_config_error(c, "wrong", "is wrong");
	return answer(p, own.initialize);
}

static int
own_start(struct plugind *p)
{
	if (own.on_start != NULL)
		own.on_start(p);
	if (own.done_early)
		plugind_done(p, own.early);
	return answer(p, own.start);
}

static int
own_stop(struct plugind *p)
{
	own.calls++;
	ck_assert_int_ge(plugind_deadline_ms(p), 0);
	ck_assert_int_le(plugind_deadline_ms(p), PATIENCE_MS);
	return answer(p, own.stop);
}

static int
own_health(struct plugind *p)
{
	return answer(p, own.health);
}

static const struct plugind_descriptor own_plugin = {
    .magic = PLUGIND_MAGIC,
    .size = sizeof(own_plugin),
    .abi_min = 1,
    .abi_max = 1,
    .name = "own",
    .version = "2.3",
    .initialize = own_initialize,
    .start = own_start,
    .stop = own_stop,
    .health = own_health,
};

static void
open_own(void)
{
	memset(&own, 0, sizeof(own));
	m = plugind_mock_new(&own_plugin);
	ck_assert_ptr_nonnull(m);
	plugind_mock_deadline(m, PATIENCE_MS);
}

static void
close_own(void)
{
	plugind_mock_free(m);
}

static void
open_started(void)
{
	open_own();
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
}

/* What start returns, and what becomes of it. */
static const struct {
	int result;
	enum plugind_mock_result want;
	const char *said; /* to plugind_fail */
	const char *text;
} starts[] = {
    {PLUGIND_OK, PLUGIND_MOCK_OK, NULL, ""},
    {PLUGIND_OK, PLUGIND_MOCK_OK, "never mind", ""},
    {PLUGIND_FAILED, PLUGIND_MOCK_FAILED, NULL,
        "start failed and gave no reason"},
    {PLUGIND_FAILED, PLUGIND_MOCK_FAILED, "no such thing", "no such thing"},
    {PLUGIND_FAILED, PLUGIND_MOCK_FAILED, "two\nlines \x1b[1m",
        "two\\x0alines \\x1b[1m"},
    {-ENOENT, PLUGIND_MOCK_FAILED, NULL,
        "start failed: No such file or directory"},
    {-ENOENT, PLUGIND_MOCK_FAILED, "no map", "no map"},
    {PLUGIND_DEGRADED, PLUGIND_MOCK_FAILED, NULL,
        "start ended with 2, which plugind.h does not allow there"},
    {77, PLUGIND_MOCK_FAILED, "seventy-seven",
        "start ended with 77, which plugind.h does not allow there"},
};

START_TEST(test_result)
{
	own.start = starts[_i].result;
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	own.text = starts[_i].said;
	ck_assert_int_eq(plugind_mock_start(m), starts[_i].want);
	ck_assert_str_eq(plugind_mock_text(m), starts[_i].text);
	/* It was initialized, so it is stopped, too. */
	own.text = NULL;
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(own.calls, 1);
}
END_TEST

static const struct {
	int result;
	enum plugind_mock_result want;
	const char *said;
	const char *degraded; /* told unasked */
	const char *text;
} healths[] = {
    {PLUGIND_OK, PLUGIND_MOCK_OK, NULL, NULL, ""},
    {PLUGIND_OK, PLUGIND_MOCK_DEGRADED, NULL, "slow", "slow"},
    {PLUGIND_DEGRADED, PLUGIND_MOCK_DEGRADED, "half", NULL, "half"},
    {PLUGIND_DEGRADED, PLUGIND_MOCK_DEGRADED, "half", "slow", "half"},
    {PLUGIND_FAILED, PLUGIND_MOCK_FAILED, "broken", "slow", "broken"},
    {-EIO, PLUGIND_MOCK_FAILED, NULL, NULL,
        "health failed: Input/output error"},
    {PLUGIND_LATER, PLUGIND_MOCK_FAILED, NULL, NULL,
        "health ended with 1, which plugind.h does not allow there"},
};

START_TEST(test_health)
{
	own.health = healths[_i].result;
	own.text = healths[_i].said;
	ck_assert_int_eq(
	    plugind_degraded(plugind_mock_plugin(m), healths[_i].degraded), 0);
	ck_assert_int_eq(plugind_mock_health(m), healths[_i].want);
	ck_assert_str_eq(plugind_mock_text(m), healths[_i].text);
}
END_TEST

START_TEST(test_health_not_running)
{
	ck_assert_int_eq(plugind_mock_health(m), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m),
	    "health came out of order: the plugin is not initialized");
}
END_TEST

START_TEST(test_done_early)
{
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	own.start = PLUGIND_LATER;
	own.done_early = true;
	own.early = -EBUSY;
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(
	    plugind_mock_text(m), "start failed: Device or resource busy");
	ck_assert_uint_eq(plugind_mock_log_lines(m), 0);
}
END_TEST

START_TEST(test_done_for_nothing)
{
	plugind_done(plugind_mock_plugin(m), 0);
	ck_assert_str_eq(plugind_mock_log_line(m, 0),
	    "warn: plugind_done was called, but nothing is unfinished");
}
END_TEST

START_TEST(test_twice)
{
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m),
	    "initialize came out of order: the plugin is running");
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_FAILED);
	/* That was the daemon's mistake: it still runs. */
	ck_assert_int_eq(plugind_mock_health(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m),
	    "this plugin takes no new configuration while it runs: restart it");
	ck_assert_int_eq(plugind_mock_health(m), PLUGIND_MOCK_OK);
}
END_TEST

START_TEST(test_stop_at_once)
{
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(own.calls, 0);
	ck_assert_int_eq(plugind_mock_exit_status(m), 0);
}
END_TEST

START_TEST(test_stop_fails)
{
	own.stop = PLUGIND_FAILED;
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_FAILED);
	ck_assert_int_eq(plugind_mock_exit_status(m), 1);
}
END_TEST

START_TEST(test_initialize_fails)
{
	plugind_mock_state_dir(m, "/var/lib/own");
	own.initialize = -EACCES;
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(own.state_dir, "/var/lib/own");
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(own.calls, 0);
}
END_TEST

/* Errors in the configuration are the outcome, whatever was returned. */
START_TEST(test_errors_win)
{
	static const int results[] = {
	    PLUGIND_OK, PLUGIND_LATER, PLUGIND_FAILED};

	own.initialize = results[_i];
	plugind_mock_set_bool(m, "wrong", true);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_CONFIG);
	ck_assert_uint_eq(plugind_mock_config_errors(m), 1);
	ck_assert_str_eq(plugind_mock_config_error(m, 0), "wrong: is wrong");
	ck_assert_str_eq(plugind_mock_text(m), "wrong: is wrong");
}
END_TEST

static void
leave(struct plugind *p)
{
	plugind_exit(p, PLUGIND_EXIT_NO_RESTART);
}

START_TEST(test_exit)
{
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	own.start = PLUGIND_LATER;
	own.on_start = leave;
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_EXITED);
	ck_assert_int_eq(plugind_mock_exit_status(m), 125);
	ck_assert_int_eq(own.calls, 0);
}
END_TEST

START_TEST(test_identity)
{
	struct plugind *p = plugind_mock_plugin(m);
	int x;

	ck_assert_str_eq(plugind_name(p), "own");
	ck_assert_uint_eq(plugind_instance(p), 1);
	ck_assert_int_eq(plugind_deadline_ms(p), -1);
	ck_assert_ptr_null(plugind_data(p));
	plugind_set_data(p, &x);
	ck_assert_ptr_eq(plugind_data(p), &x);
	ck_assert_ptr_nonnull(plugind_event_base(p));
}
END_TEST

START_TEST(test_tree)
{
	plugind_mock_set_string(m, "a.b[1].c", "x");
	plugind_mock_set_int(m, "a.b[0]", -5);
	plugind_mock_set_double(m, "a.d", 0.5);
	plugind_mock_set_double(m, "a.d", 1.5);
	plugind_mock_set_bool(m, "wrong", true);
	plugind_mock_set_bool(m, "wrong", false);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
}
END_TEST

/* --- timers and watches ------------------------------------------------ */

struct ticks {
	struct plugind_timer *timer;
	struct plugind_watch *watch;
	int n;
	unsigned events;
};

static void
count_tick(struct plugind *p, void *arg)
{
	struct ticks *t = arg;

	ck_assert_ptr_eq(p, plugind_mock_plugin(m));
	t->n++;
}

static void
free_timer(struct plugind *p, void *arg)
{
	struct ticks *t = arg;

	count_tick(p, arg);
	plugind_timer_free(t->timer);
	t->timer = NULL;
}

START_TEST(test_timer)
{
	struct plugind *p = plugind_mock_plugin(m);
	struct ticks once = {0}, often = {0}, self = {0};

	once.timer = plugind_timer_new(p, 0, false, count_tick, &once);
	often.timer = plugind_timer_new(p, 1, true, count_tick, &often);
	self.timer = plugind_timer_new(p, 1, true, free_timer, &self);
	plugind_mock_run(m, 100);
	ck_assert_int_eq(once.n, 1);
	ck_assert_int_gt(often.n, 3);
	ck_assert_int_eq(self.n, 1);
	plugind_timer_free(once.timer);
	plugind_timer_free(often.timer);
	often.n = 0;
	plugind_mock_run(m, 20);
	ck_assert_int_eq(often.n, 0);
	plugind_timer_free(NULL);
}
END_TEST

START_TEST(test_timer_invalid)
{
	struct plugind *p = plugind_mock_plugin(m);

	ck_assert_ptr_null(plugind_timer_new(p, -1, false, count_tick, NULL));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(plugind_timer_new(p, 0, true, count_tick, NULL));
	ck_assert_ptr_null(plugind_timer_new(p, 1, false, NULL, NULL));
	ck_assert_ptr_null(
	    plugind_timer_new(p, INT64_MAX, false, count_tick, NULL));
}
END_TEST

static void
on_ready(struct plugind *p, int fd, unsigned events, void *arg)
{
	struct ticks *t = arg;
	char c;

	count_tick(p, arg);
	t->events |= events;
	if (events & PLUGIND_READ)
		ck_assert_int_ge(read(fd, &c, 1), 0);
	if (events & PLUGIND_WRITE) {
		plugind_watch_free(t->watch);
		t->watch = NULL;
	}
}

START_TEST(test_watch)
{
	struct plugind *p = plugind_mock_plugin(m);
	struct ticks in = {0}, out = {0};
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	in.watch = plugind_watch_new(p, fds[0], PLUGIND_READ, on_ready, &in);
	ck_assert_ptr_nonnull(in.watch);
	plugind_mock_run(m, 10);
	ck_assert_int_eq(in.n, 0);
	ck_assert_int_eq(write(fds[1], "ab", 2), 2);
	plugind_mock_run(m, 50);
	ck_assert_int_eq(in.n, 2); /* a byte each: level triggered */
	ck_assert_uint_eq(in.events, PLUGIND_READ);
	out.watch = plugind_watch_new(p, fds[1], PLUGIND_WRITE, on_ready, &out);
	plugind_mock_run(m, 20);
	ck_assert_int_eq(out.n, 1); /* it frees itself */
	ck_assert_uint_eq(out.events, PLUGIND_WRITE);
	plugind_watch_free(in.watch);
	plugind_watch_free(NULL);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(test_watch_invalid)
{
	struct plugind *p = plugind_mock_plugin(m);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ck_assert_ptr_null(
	    plugind_watch_new(p, -1, PLUGIND_READ, on_ready, NULL));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(plugind_watch_new(p, 0, 0, on_ready, NULL));
	ck_assert_ptr_null(plugind_watch_new(p, 0, 8, on_ready, NULL));
	ck_assert_ptr_null(plugind_watch_new(p, 0, PLUGIND_READ, NULL, NULL));
	ck_assert_ptr_null(
	    plugind_watch_new(p, fd, PLUGIND_READ, on_ready, NULL));
	ck_assert_int_eq(errno, EPERM);
	close(fd);
}
END_TEST

/* --- log --------------------------------------------------------------- */

START_TEST(test_log)
{
	struct plugind *p = plugind_mock_plugin(m);
	static char text[5000];
	const char *line;

	errno = ESRCH;
	plugind_log(p, PLUGIND_WARN, "one\ntwo %d", 3);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_str_eq(plugind_mock_log_line(m, 0), "warn: one\\x0atwo 3");
	memset(text, 'x', sizeof(text) - 1);
	plugind_log(p, PLUGIND_DEBUG, "%s", text);
	line = plugind_mock_log_line(m, 1);
	ck_assert_uint_le(strlen(line), sizeof("debug: ") + 2000);
	ck_assert_str_eq(line + strlen(line) - 4, "x...");
	memset(text, '\n', sizeof(text) - 1);
	plugind_log(p, PLUGIND_DEBUG, "%s", text);
	line = plugind_mock_log_line(m, 2);
	ck_assert_uint_le(strlen(line), sizeof("debug: ") + 2000);
	ck_assert_str_eq(line + strlen(line) - 7, "\\x0a...");
	ck_assert_ptr_null(plugind_mock_log_line(m, 3));
}
END_TEST

static void *
log_a_lot(void *arg)
{
	for (int i = 0; i < 500; i++)
		plugind_log(arg, PLUGIND_INFO, "line %d", i);
	return NULL;
}

START_TEST(test_log_threads)
{
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_a_lot,
		                     plugind_mock_plugin(m)),
		    0);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(plugind_mock_log_lines(m), 500 * COUNT(threads));
}
END_TEST

/* --- builder ----------------------------------------------------------- */

START_TEST(test_builder)
{
	char name[] = "built";
	struct plugind_builder *b = plugind_builder_new(name, "1");
	const struct plugind_descriptor *d;

	name[0] = 'x'; /* it has its own */
	plugind_builder_type(b, PLUGIND_TRANSPORT);
	plugind_builder_depends_on(b, "hello");
	plugind_builder_depends_on(b, "echo");
	plugind_builder_initialize(b, own_initialize);
	plugind_builder_start(b, own_start);
	plugind_builder_stop(b, own_stop);
	plugind_builder_health(b, own_health);
	plugind_builder_configure(b, own_initialize);
	d = plugind_builder_get(b);
	ck_assert_ptr_nonnull(d);
	ck_assert_str_eq(d->depends_on[1], "echo");
	ck_assert_ptr_null(d->depends_on[2]);
	memset(&own, 0, sizeof(own));
	m = plugind_mock_new(d);
	ck_assert_str_eq(plugind_name(plugind_mock_plugin(m)), "built");
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_configure(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_stop(m), PLUGIND_MOCK_OK);
	plugind_mock_free(m);
	plugind_builder_free(b);
	plugind_builder_free(NULL);
}
END_TEST

START_TEST(test_builder_error)
{
	struct plugind_builder *b = plugind_builder_new("built", "1");

	plugind_builder_depends_on(b, NULL);
	plugind_builder_start(b, own_start);
	ck_assert_ptr_null(plugind_builder_get(b));
	ck_assert_int_eq(errno, EINVAL);
	plugind_builder_free(b);
	/* What is not checked here is checked where it is used. */
	b = plugind_builder_new("No", NULL);
	ck_assert_ptr_null(plugind_mock_new(plugind_builder_get(b)));
	ck_assert_int_eq(errno, EINVAL);
	plugind_builder_free(b);
}
END_TEST

static void
add_own(Suite *s)
{
	TCase *t = tcase_create("own");

	tcase_add_checked_fixture(t, open_own, close_own);
	tcase_add_loop_test(t, test_result, 0, COUNT(starts));
	tcase_add_test(t, test_health_not_running);
	tcase_add_test(t, test_done_early);
	tcase_add_test(t, test_done_for_nothing);
	tcase_add_test(t, test_stop_at_once);
	tcase_add_test(t, test_initialize_fails);
	tcase_add_loop_test(t, test_errors_win, 0, 3);
	tcase_add_test(t, test_exit);
	tcase_add_test(t, test_identity);
	tcase_add_test(t, test_tree);
	tcase_add_test(t, test_timer);
	tcase_add_test(t, test_timer_invalid);
	tcase_add_test(t, test_watch);
	tcase_add_test(t, test_watch_invalid);
	tcase_add_test(t, test_log);
	tcase_add_test(t, test_log_threads);
	suite_add_tcase(s, t);

	t = tcase_create("started");
	tcase_add_checked_fixture(t, open_started, close_own);
	tcase_add_loop_test(t, test_health, 0, COUNT(healths));
	tcase_add_test(t, test_twice);
	tcase_add_test(t, test_stop_fails);
	suite_add_tcase(s, t);
}

static Suite *
make_suite(void)
{
	Suite *s = suite_create("sdk_plugin");
	TCase *t = tcase_create("builder");

	tcase_add_test(t, test_builder);
	tcase_add_test(t, test_builder_error);
	suite_add_tcase(s, t);
	add_own(s);
	return s;
}

int
main(void)
{
	return unit_run(make_suite());
}
