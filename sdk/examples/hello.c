/*
 * hello: the first plugin to read. It says a greeting when it starts, and
 * again as often as it is told to.
 *
 *	plugins:
 *	  hello:
 *	    module: hello.so
 *	    config: {greeting: "good morning", every: 1h}
 *
 * `delay` makes its start take that long, to show how a plugin answers later.
 */
#include <plugind.h>
#include <stdlib.h>
#include <string.h>

static struct hello {
	char *greeting;
	int64_t every_ms; /* 0: once */
	int64_t delay_ms;
	struct plugind_timer *repeat;
	struct plugind_timer *delay;
} hello;

/* Reads all of it before anything changes: an error leaves us as we were. */
static int
read_config(const struct plugind_config *c)
{
	const char *greeting = plugind_config_string(c, "greeting", "hello");
	int64_t every_ms = plugind_config_duration(c, "every", 0);
	int64_t delay_ms = plugind_config_duration(c, "delay", 0);
	char *copy;

	plugind_config_only(c, "greeting", "every", "delay", NULL);
	if (greeting[0] == '\0')
		plugind_config_error(c, "greeting", "must not be empty");
	if (every_ms > 0 && every_ms < 1000)
		plugind_config_error(
		    c, "every", "must be 1s or more: nobody reads that fast");
	if (!plugind_config_ok(c))
		return PLUGIND_FAILED;

	copy = strdup(greeting);
	if (copy == NULL)
		return PLUGIND_FAILED;
	free(hello.greeting);
	hello.greeting = copy;
	hello.every_ms = every_ms;
	hello.delay_ms = delay_ms;
	return PLUGIND_OK;
}

static void
greet(struct plugind *p, void *arg)
{
	(void)arg;
	plugind_log(
	    p, PLUGIND_INFO, "%s from %s", hello.greeting, plugind_name(p));
}

static int
begin(struct plugind *p)
{
	greet(p, NULL);
	plugind_timer_free(hello.repeat);
	hello.repeat = NULL;
	if (hello.every_ms == 0)
		return PLUGIND_OK;
	hello.repeat = plugind_timer_new(p, hello.every_ms, true, greet, NULL);
	return hello.repeat == NULL ? plugind_fail(p, "no timer to be had")
	                            : PLUGIND_OK;
}

static void
on_delay(struct plugind *p, void *arg)
{
	(void)arg;
	plugind_done(p, begin(p));
}

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	(void)p;
	return read_config(c);
}

static int
start(struct plugind *p)
{
	if (hello.delay_ms == 0)
		return begin(p);
	hello.delay =
	    plugind_timer_new(p, hello.delay_ms, false, on_delay, NULL);
	return hello.delay == NULL ? plugind_fail(p, "no timer to be had")
	                           : PLUGIND_LATER;
}

static int
configure(struct plugind *p, const struct plugind_config *c)
{
	int r = read_config(c);

	return r == PLUGIND_OK ? begin(p) : r;
}

static int
stop(struct plugind *p)
{
	plugind_timer_free(hello.delay);
	plugind_timer_free(hello.repeat);
	plugind_log(p, PLUGIND_INFO, "goodbye from %s", plugind_name(p));
	free(hello.greeting);
	memset(&hello, 0, sizeof(hello));
	return PLUGIND_OK;
}

PLUGIND_PLUGIN(.name = "hello", .version = "1.0", .initialize = initialize,
    .start = start, .stop = stop, .configure = configure)
