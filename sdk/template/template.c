/*
 * template: says "tick" every now and then. Copy the directory, give the
 * plugin a name here and in the Makefile, and make it yours.
 */
#include <errno.h>
#include <plugind.h>
#include <string.h>

static struct {
	int64_t every_ms;
	struct plugind_timer *timer;
} state;

static int
initialize(struct plugind *p, const struct plugind_config *config)
{
	(void)p;
	state.every_ms = plugind_config_duration(config, "every", 10000);
	plugind_config_only(config, "every", NULL);
	if (state.every_ms < 1000)
		plugind_config_error(config, "every", "must be 1s or more");
	return PLUGIND_OK;
}

static void
tick(struct plugind *p, void *arg)
{
	(void)arg;
	plugind_log(p, PLUGIND_INFO, "tick");
}

static int
start(struct plugind *p)
{
	state.timer = plugind_timer_new(p, state.every_ms, true, tick, NULL);
	if (state.timer == NULL)
		return plugind_fail(
		    p, "cannot start the timer: %s", strerror(errno));
	return PLUGIND_OK;
}

static int
stop(struct plugind *p)
{
	(void)p;
	plugind_timer_free(state.timer);
	state.timer = NULL;
	return PLUGIND_OK;
}

PLUGIND_PLUGIN(.name = "template", .version = "0.1", .initialize = initialize,
    .start = start, .stop = stop)
