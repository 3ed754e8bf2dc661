/*
 * test_host: a program that is no plugin: in which order its callbacks come,
 * and what ends it. The test is the way to the daemon.
 */
#include "sdk/src/command.h"
#include "sdk/src/host.h"

#include "unit.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct plugind *p;
static struct host *host;
static char dir[] = "/tmp/test_host.XXXXXX";
static char story[512]; /* what happened */
static int init_result;

static void
note(const char *what)
{
	strncat(story, what, sizeof(story) - strlen(story) - 1);
}

static int
initialize(struct plugind *plugin, const struct plugind_config *config)
{
	(void)plugin;
	ck_assert_uint_eq(plugind_config_count(config, ""), 0);
	note("initialize ");
	return init_result;
}

static int
start(struct plugind *plugin)
{
	(void)plugin;
	note("start ");
	return PLUGIND_OK;
}

static int
stop(struct plugind *plugin)
{
	(void)plugin;
	note("stop ");
	return PLUGIND_OK;
}

static int
take(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
	note("SENT ");
	return 0;
}

static void
take_log(void *arg, enum plugind_level level, const char *text)
{
	(void)arg;
	(void)level;
	note("log:");
	note(text);
	note(" ");
}

static void
setup(void)
{
	static const struct plugind_descriptor d = {.name = "me",
	    .version = "1",
	    .initialize = initialize,
	    .start = start,
	    .stop = stop};
	struct identity identity = {.name = "client:0:1", .instance = 1};

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(identity.socket_dir, sizeof(identity.socket_dir), "%s", dir);
	ck_assert_int_eq(plugin_new(&d, &identity, take, NULL, &p), 0);
	p->log = take_log;
	ck_assert_int_eq(host_new(p, &host), 0);
}

static void
teardown(void)
{
	host_free(host);
	plugin_free(p);
	(void)rmdir(dir);
}

/* Whatever is due by now. */
static void
turn(void)
{
	for (int i = 0; i < 5; i++)
		(void)event_base_loop(
		    p->base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
}

static void
expect(const char *text)
{
	ck_assert_str_eq(story, text);
	story[0] = '\0';
}

START_TEST(test_life)
{
	turn();
	expect("initialize ");
	p->host->linked(p, true);
	expect(""); /* from the loop, not from within */
	turn();
	expect("start ");
	p->host->linked(p, false);
	p->host->linked(p, true);
	turn();
	expect("");
	command_stop(p);
	expect("stop ");
	ck_assert_int_eq(plugin_run(p), PLUGIND_EXIT_STOPPED);
	expect("");
}
END_TEST

/* The link may be quicker than initialize. */
START_TEST(test_later)
{
	init_result = PLUGIND_LATER;
	turn();
	p->host->linked(p, true);
	turn();
	expect("initialize ");
	plugind_done(p, PLUGIND_OK);
	expect("");
	turn();
	expect("start ");
}
END_TEST

START_TEST(test_failure)
{
	init_result = -ENOENT;
	ck_assert_int_eq(plugin_run(p), PLUGIND_EXIT_FAILURE);
	expect("initialize log:initialize failed: No such file or directory ");
}
END_TEST

START_TEST(test_refused)
{
	turn();
	p->host->refused(p, "because");
	ck_assert_int_eq(plugin_run(p), PLUGIND_EXIT_FAILURE);
	expect("initialize log:the daemon refuses this program: because ");
}
END_TEST

/* The directory is the daemon's, and goes with it: also before there was a
 * link. */
START_TEST(test_gone)
{
	if (_i == 1) {
		turn();
		p->host->linked(p, true);
		turn();
		p->host->linked(p, false);
	}
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(plugin_run(p), PLUGIND_EXIT_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(story, "the daemon has ended"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("host");
	TCase *tc = tcase_create("host");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_life);
	tcase_add_test(tc, test_later);
	tcase_add_test(tc, test_failure);
	tcase_add_test(tc, test_refused);
	tcase_add_loop_test(tc, test_gone, 0, 2);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
