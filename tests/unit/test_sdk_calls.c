/*
 * test_sdk_calls: a plugin's calls, both ways, as its author would test them:
 * with the mock.
 */
#include "unit.h"

#include <errno.h>
#include <plugind.h>
#include <plugind_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

enum { PATIENCE_MS = 20000 };

static char given[] = "arg";
static struct plugind_mock *m;
static struct plugind *p;
static struct plugind_call *kept;
static struct plugind_timer *later;
static pthread_t main_thread;
static int replies;
static enum plugind_status last_status;
static char last_text[256];
static int64_t last_n;
static int64_t last_id;

static int
double_n(struct plugind *plugin, struct plugind_call *c, void *arg)
{
	int64_t n = plugind_config_int(plugind_call_map(c), "n", 0, 0, 1000);

	ck_assert_ptr_eq(plugin, p);
	ck_assert_str_eq(arg, "arg");
	ck_assert_str_eq(plugind_call_source(c), "mock");
	ck_assert_str_eq(plugind_call_method(c), "math.double");
	ck_assert_int_gt(plugind_call_left_ms(c), 0);
	ck_assert(!plugind_call_is_cancelled(c));
	ck_assert(pthread_equal(pthread_self(), main_thread));
	if (n == 0)
		return plugind_call_fail(c, "n must be %s", "above 0");
	if (n == 13)
		return -EDOM;
	if (n == 15) {
		plugind_write_list(plugind_call_result(c), 3);
		return plugind_call_fail(c, "half of it");
	}
	if (n == 14)
		return PLUGIND_FAILED;
	plugind_write_int(plugind_call_result(c), 2 * n);
	return PLUGIND_OK;
}

static int
write_badly(struct plugind *plugin, struct plugind_call *c, void *arg)
{
	(void)plugin;
	(void)arg;
	plugind_write_list(plugind_call_result(c), 7);
	return PLUGIND_OK;
}

static int
done_early(struct plugind *plugin, struct plugind_call *c, void *arg)
{
	(void)plugin;
	(void)arg;
	plugind_write_string(plugind_call_result(c), "early");
	plugind_call_done(c, PLUGIND_OK);
	return PLUGIND_LATER;
}

static void
on_later(struct plugind *plugin, void *arg)
{
	(void)plugin;
	(void)arg;
	plugind_timer_free(later);
	plugind_write_string(plugind_call_result(kept), "later");
	plugind_call_done(kept, PLUGIND_OK);
}

static int
done_later(struct plugind *plugin, struct plugind_call *c, void *arg)
{
	(void)arg;
	kept = c;
	later = plugind_timer_new(plugin, 1, false, on_later, NULL);
	return later != NULL ? PLUGIND_LATER : -ENOMEM;
}

static int
on_thread(struct plugind *plugin, struct plugind_call *c, void *arg)
{
	(void)plugin;
	(void)arg;
	plugind_write_bool(plugind_call_result(c),
	    pthread_equal(pthread_self(), main_thread) == 0);
	return PLUGIND_OK;
}

static const struct plugind_request other = {
    .target = "other", .method = "ask", .timeout_ms = 5000};

static int
wait_on_thread(struct plugind *plugin, struct plugind_call *c, void *arg)
{
	struct plugind_reply *reply;
	const void *data;
	size_t len;
	int r = plugind_call_wait(plugin, &other, &reply);

	(void)arg;
	if (r != 0)
		return r;
	data = plugind_reply_data(reply, &len);
	plugind_write_raw(plugind_call_result(c), data, len);
	plugind_reply_free(reply);
	return PLUGIND_OK;
}

static void
on_reply(struct plugind *plugin, struct plugind_reply *r, void *arg)
{
	ck_assert_ptr_eq(plugin, p);
	ck_assert_str_eq(arg, "arg");
	replies++;
	last_status = plugind_reply_status(r);
	snprintf(last_text, sizeof(last_text), "%s", plugind_reply_text(r));
	last_n = plugind_config_int(plugind_reply_map(r), "n", -1, -1, 1000);
}

static int
call_with(const char *target, const char *method, int64_t timeout_ms,
    const struct plugind_writer *args)
{
	last_id = plugind_call(p,
	    &(struct plugind_request){.target = target,
	        .method = method,
	        .timeout_ms = timeout_ms,
	        .args = args},
	    on_reply, given);
	return last_id > 0 ? 0 : (int)last_id;
}

static int
call(const char *target, const char *method, int64_t timeout_ms)
{
	return call_with(target, method, timeout_ms, NULL);
}

static const struct plugind_method methods[] = {
    {.name = "math.double", .help = "2n", .fn = double_n, .arg = given},
    {.name = "bad", .fn = write_badly},
    {.name = "early", .fn = done_early},
    {.name = "later", .fn = done_later},
    {.name = "thread", .flags = PLUGIND_THREADS, .fn = on_thread},
    {.name = "wait", .flags = PLUGIND_THREADS, .fn = wait_on_thread},
};

static const struct plugind_method bad_methods[] = {
    {.name = "no function"},
    {.fn = on_thread},
    {.name = "a b", .fn = on_thread},
    {.name = "verb.only", .verb = "GET", .fn = on_thread},
};

static int
initialize(struct plugind *plugin, const struct plugind_config *c)
{
	(void)c;
	ck_assert_int_eq(plugind_set_threads(plugin, 0), -EINVAL);
	ck_assert_int_eq(plugind_set_threads(plugin, 2), 0);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		ck_assert_int_eq(plugind_register(plugin, &methods[i]), 0);
	for (size_t i = 0; i < sizeof(bad_methods) / sizeof(bad_methods[0]);
	     i++)
		ck_assert_int_eq(
		    plugind_register(plugin, &bad_methods[i]), -EINVAL);
	return PLUGIND_OK;
}

static void
setup(void)
{
	static const struct plugind_descriptor d = {.magic = PLUGIND_MAGIC,
	    .size = sizeof(d),
	    .abi_min = PLUGIND_ABI,
	    .abi_max = PLUGIND_ABI,
	    .name = "me",
	    .version = "1",
	    .initialize = initialize};

	main_thread = pthread_self();
	replies = 0;
	m = plugind_mock_new(&d);
	p = plugind_mock_plugin(m);
	plugind_mock_deadline(m, PATIENCE_MS);
	ck_assert_int_eq(plugind_mock_initialize(m), PLUGIND_MOCK_OK);
	ck_assert_int_eq(plugind_mock_start(m), PLUGIND_MOCK_OK);
}

static void
teardown(void)
{
	plugind_mock_free(m);
}

static enum plugind_mock_result
call_n(const char *method, int64_t n)
{
	struct plugind_writer *w = plugind_writer_new();
	enum plugind_mock_result r;

	plugind_write_map(w, 1);
	plugind_write_string(w, "n");
	plugind_write_int(w, n);
	r = plugind_mock_call(m, method, w);
	plugind_writer_free(w);
	return r;
}

START_TEST(test_served)
{
	ck_assert_int_eq(call_n("math.double", 21), PLUGIND_MOCK_OK);
	ck_assert_str_eq(plugind_mock_returned(m), "42");
	ck_assert_int_eq(call_n("math.double", 0), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m), "n must be above 0");
	ck_assert_int_eq(call_n("math.double", 13), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m), strerror(EDOM));
	ck_assert_int_eq(call_n("math.double", 14), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m), "the method gave no reason");
	/* What it had begun to write hides no reason. */
	ck_assert_int_eq(call_n("math.double", 15), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(plugind_mock_text(m), "half of it");
	ck_assert_int_eq(call_n("bad", 1), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(
	    plugind_mock_text(m), "the method wrote no whole object");
	ck_assert_int_eq(call_n("nothing", 1), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(
	    plugind_mock_text(m), "the plugin offers no such method");
	plugind_unregister(p, "bad");
	plugind_unregister(p, "nothing");
	ck_assert_int_eq(call_n("bad", 1), PLUGIND_MOCK_FAILED);
	ck_assert_str_eq(
	    plugind_mock_text(m), "the plugin offers no such method");
}
END_TEST

START_TEST(test_later)
{
	ck_assert_int_eq(call_n("early", 1), PLUGIND_MOCK_OK);
	ck_assert_str_eq(plugind_mock_returned(m), "\"early\"");
	ck_assert_int_eq(call_n("later", 1), PLUGIND_MOCK_OK);
	ck_assert_str_eq(plugind_mock_returned(m), "\"later\"");
}
END_TEST

START_TEST(test_threads)
{
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(call_n("thread", i), PLUGIND_MOCK_OK);
		ck_assert_str_eq(plugind_mock_returned(m), "true");
	}
	ck_assert_int_eq(plugind_set_threads(p, 3), -EINVAL);
}
END_TEST

/* The mock runs the loop until the reply is needed; it is given by a timer. */
static void
give_reply(struct plugind *plugin, void *arg)
{
	(void)plugin;
	(void)arg;
	(void)plugind_mock_reply(m, PLUGIND_CALL_OK, "", NULL);
}

START_TEST(test_wait)
{
	struct plugind_timer *t =
	    plugind_timer_new(p, 5, true, give_reply, NULL);
	struct plugind_reply *reply;

	ck_assert_int_eq(plugind_call_wait(p, &other, &reply), -EDEADLK);
	ck_assert_int_eq(call_n("wait", 1), PLUGIND_MOCK_OK);
	ck_assert_str_eq(plugind_mock_returned(m), "null");
	ck_assert_str_eq(plugind_mock_called_line(m, 0), "other ask null");
	plugind_timer_free(t);
}
END_TEST

START_TEST(test_made)
{
	struct plugind_writer *w = plugind_writer_new();

	ck_assert(!plugind_mock_reply(m, PLUGIND_CALL_OK, "", NULL));
	ck_assert_int_eq(call("worker:2", "do.it", 5000), 0);
	ck_assert_int_eq(call("worker", "do.it", 5000), 0);
	ck_assert_uint_eq(plugind_mock_called(m), 2);
	ck_assert_str_eq(plugind_mock_called_line(m, 0), "worker:2 do.it null");
	ck_assert_ptr_null(plugind_mock_called_line(m, 2));
	plugind_write_map(w, 1);
	plugind_write_string(w, "n");
	plugind_write_int(w, 7);
	ck_assert(plugind_mock_reply(m, PLUGIND_CALL_OK, "", w));
	ck_assert_int_eq(replies, 1);
	ck_assert_int_eq((int)last_status, PLUGIND_CALL_OK);
	ck_assert_int_eq(last_n, 7);
	ck_assert(plugind_mock_reply(m, PLUGIND_CALL_FAILED, "no", NULL));
	ck_assert_int_eq((int)last_status, PLUGIND_CALL_FAILED);
	ck_assert_str_eq(last_text, "no");
	ck_assert_int_eq(last_n, -1);
	plugind_writer_free(w);
}
END_TEST

START_TEST(test_refused)
{
	static const char big[1024 * 1024];
	struct plugind_writer *w = plugind_writer_new();

	ck_assert_int_eq(call("", "x", 5000), -EINVAL);
	ck_assert_int_eq(call("a", "x y", 5000), -EINVAL);
	ck_assert_int_eq(call("a", "", 5000), -EINVAL);
	ck_assert_int_eq(call("a", "x", -1), -EINVAL);
	ck_assert_int_eq(call_with("a", "x", 5000, w), -EINVAL);
	plugind_write_bytes(w, big, sizeof(big) - 100);
	ck_assert_int_eq(call_with("a", "x", 5000, w), -EMSGSIZE);
	plugind_writer_free(w);
	for (int i = 0; i < 4096; i++)
		ck_assert_int_eq(call("a", "x", 60000), 0);
	ck_assert_int_eq(call("a", "x", 60000), -EAGAIN);
	ck_assert_int_eq(replies, 0);
}
END_TEST

START_TEST(test_timeout)
{
	ck_assert_int_eq(call("a", "x", 10), 0);
	for (int i = 0; i < 1000 && replies == 0; i++)
		plugind_mock_run(m, 10);
	ck_assert_int_eq((int)last_status, PLUGIND_CALL_TIMEOUT);
	/* Late, and nothing any more. */
	ck_assert(plugind_mock_reply(m, PLUGIND_CALL_OK, "", NULL));
	ck_assert_int_eq(replies, 1);
}
END_TEST

START_TEST(test_cancel)
{
	ck_assert_int_eq(call("a", "x", 5000), 0);
	plugind_cancel(p, last_id);
	plugind_cancel(p, last_id);
	plugind_cancel(p, 0);
	ck_assert(plugind_mock_reply(m, PLUGIND_CALL_OK, "", NULL));
	ck_assert_int_eq(replies, 0);
}
END_TEST

START_TEST(test_trace)
{
	ck_assert_ptr_null(plugind_trace());
	plugind_set_trace(TRACE);
	ck_assert_str_eq(plugind_trace(), TRACE);
	plugind_set_trace(NULL);
	ck_assert_ptr_null(plugind_trace());
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {test_served, test_later, test_threads,
	    test_wait, test_made, test_refused, test_timeout, test_cancel,
	    test_trace};
	Suite *s = suite_create("sdk_calls");
	TCase *tc = tcase_create("calls");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
