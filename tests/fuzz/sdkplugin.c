/*
 * sdkplugin: see sdkplugin.h. Every reader of the configuration is called at
 * every path that there is, and at some that there are not.
 */
#include "sdkplugin.h"

#include "fuzz.h"

#include <math.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { KEYS_MAX = 64, THINGS_MAX = 8, DEPTH_MAX = 3 };

static struct {
	unsigned result, acts;
	unsigned calls;
	int initialized, started, stopped;
	bool is_well;
	struct plugind_timer *timers[THINGS_MAX];
	struct plugind_watch *watches[THINGS_MAX];
	unsigned ntimers, nwatches;
} it;

static int ready_fd = -1;

/* --- what it does ------------------------------------------------------ */

static const int results[] = {PLUGIND_OK, PLUGIND_LATER, PLUGIND_FAILED, -2,
    PLUGIND_DEGRADED, 77, INT32_MIN, PLUGIND_LATER};

static int
get_result(void)
{
	return results[it.result % (sizeof(results) / sizeof(results[0]))];
}

static void
on_timer(struct plugind *p, void *arg)
{
	struct plugind_timer **at = arg;

	plugind_degraded(p, "a timer was here");
	if (it.acts & ACT_DONE)
		plugind_done(p, get_result());
	plugind_timer_free(*at);
	*at = NULL;
}

static void
on_ready(struct plugind *p, int fd, unsigned events, void *arg)
{
	struct plugind_watch **at = arg;

	MUST(fd == ready_fd && events == PLUGIND_READ);
	plugind_degraded(p, NULL);
	plugind_watch_free(*at);
	*at = NULL;
}

static void
add_timer(struct plugind *p)
{
	struct plugind_timer **at = &it.timers[it.ntimers % THINGS_MAX];

	plugind_timer_free(*at);
	*at = plugind_timer_new(
	    p, 1 + it.ntimers % 3 * 700, it.ntimers % 2, on_timer, at);
	MUST(*at != NULL);
	it.ntimers++;
}

static void
add_watch(struct plugind *p)
{
	struct plugind_watch **at = &it.watches[it.nwatches % THINGS_MAX];

	plugind_watch_free(*at);
	*at = plugind_watch_new(p, ready_fd, PLUGIND_READ, on_ready, at);
	MUST(*at != NULL);
	it.nwatches++;
}

void
sdkplugin_act(struct plugind *p, unsigned acts)
{
	static const char odd[] = "\xff\x1b[1m\n%s \xc3\xa4";

	if ((acts & ACT_FAIL) && it.is_well)
		(void)plugind_fail(p, "%s%4000s", odd, odd);
	else if (acts & ACT_FAIL)
		(void)plugind_answer(p, PLUGIND_DEGRADED, "%s", odd);
	if (acts & ACT_DONE)
		plugind_done(p, get_result());
	if (acts & ACT_DEGRADED)
		plugind_degraded(p, it.is_well ? odd : NULL);
	if (acts & ACT_TIMER)
		add_timer(p);
	if (acts & ACT_WATCH)
		add_watch(p);
	if (acts & ACT_LOG)
		plugind_log(p, it.is_well ? PLUGIND_INFO : (unsigned)-1,
		    "%s %*d", odd, it.is_well ? 1 : 3000, p->phase);
	if (acts & ACT_EXIT)
		plugind_exit(p, PLUGIND_EXIT_NO_RESTART);
	it.is_well = !it.is_well;
}

static void
enter(struct plugind *p)
{
	it.calls++;
	MUST(!p->leaving);
	MUST(strlen(plugind_state_dir(p)) < PATH_MAX);
}

static int
leave(struct plugind *p)
{
	sdkplugin_act(p, it.acts);
	return get_result();
}

/* --- its configuration ------------------------------------------------- */

static void
read_place(const struct plugind_config *c, const char *path, int depth)
{
	int64_t v = plugind_config_int(c, path, 7, -5, 5);
	uint32_t n = plugind_config_count(c, path);
	const char *s = plugind_config_string(c, path, NULL);

	MUST(v == 7 || (v >= -5 && v <= 5));
	MUST(s == NULL || strlen(s) < 4096);
	MUST(isfinite(plugind_config_double(c, path, 0)));
	MUST(plugind_config_duration(c, path, 1) >= 0);
	MUST(plugind_config_size(c, path, 1) >= 0);
	(void)plugind_config_bool(c, path, false);
	(void)plugind_config_has(c, path);
	plugind_config_only(plugind_config_map(c, path), "a", "later", NULL);
	for (uint32_t i = 0; i < n && i < KEYS_MAX && depth < DEPTH_MAX; i++) {
		const char *key = plugind_config_key(c, path, i);
		const struct plugind_config *e =
		    plugind_config_element(c, path, i);

		if (key != NULL)
			(void)plugind_config_has(c, key);
		read_place(e, "", depth + 1);
	}
}

static void
read_config(const struct plugind_config *c)
{
	if (plugind_config_bool(c, "all", false)) {
		read_place(c, "", 0);
		read_place(c, "a", 0);
		read_place(c, "a[0].b", 0);
	}
	if (it.acts & ACT_CONFIG_ERROR) {
		plugind_config_error(c, "a[1]", "%s", "not \n this \xff");
		MUST(!plugind_config_ok(c));
	}
}

/* --- its callbacks ----------------------------------------------------- */

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	enter(p);
	MUST(++it.initialized == 1 && it.started == 0 && it.stopped == 0);
	read_config(c);
	return leave(p);
}

static int
start(struct plugind *p)
{
	enter(p);
	MUST(++it.started == 1 && it.stopped == 0);
	return leave(p);
}

static int
stop(struct plugind *p)
{
	enter(p);
	MUST(++it.stopped == 1);
	MUST(plugind_deadline_ms(p) >= -1);
	return leave(p);
}

static int
health(struct plugind *p)
{
	enter(p);
	MUST(it.stopped == 0 && p->phase == PHASE_RUNNING);
	return leave(p);
}

static int
configure(struct plugind *p, const struct plugind_config *c)
{
	enter(p);
	MUST(it.stopped == 0 && p->phase == PHASE_RUNNING);
	plugind_degraded(p, plugind_config_string(c, "text", NULL));
	read_config(c);
	return leave(p);
}

const struct plugind_descriptor *
sdkplugin_begin(unsigned without)
{
	static struct plugind_descriptor d;

	if (ready_fd < 0)
		ready_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	MUST(ready_fd >= 0);
	memset(&it, 0, sizeof(it));
	d = (struct plugind_descriptor){
	    .magic = PLUGIND_MAGIC,
	    .size = sizeof(d),
	    .abi_min = 1,
	    .abi_max = 1,
	    .name = "fuzz",
	    .version = "1",
	    .initialize = without & 1 ? NULL : initialize,
	    .start = without & 2 ? NULL : start,
	    .stop = without & 4 ? NULL : stop,
	    .health = without & 8 ? NULL : health,
	    .configure = without & 16 ? NULL : configure,
	};
	return &d;
}

void
sdkplugin_end(void)
{
	for (int i = 0; i < THINGS_MAX; i++) {
		plugind_timer_free(it.timers[i]);
		plugind_watch_free(it.watches[i]);
	}
}

void
sdkplugin_mood(unsigned result, unsigned acts)
{
	it.result = result;
	it.acts = acts;
}

unsigned
sdkplugin_calls(void)
{
	return it.calls;
}
