/*
 * hostilemod: a module whose five callbacks behave as they are told, each by
 * its own key in `config:`, or by a file of that name in its state directory,
 * which counts more and may change:
 *
 *	config: {initialize: ok, start: later, stop: never, health: degraded}
 *
 * Each call is noted in the file `calls` there, a line "NAME GENERATION". What
 * it does before it is one, when it is loaded, is said by $HOSTILE.
 *
 * Macros: NO_CONFIGURE leaves that callback out, NO_PLUGIN the whole symbol;
 * HOSTILE_ABI is what it says to be built for. Must never end by itself unless told to.
 */
#include <plugind.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef HOSTILE_ABI
#define HOSTILE_ABI PLUGIND_ABI
#endif

#ifdef NO_PLUGIN
#define SYMBOL something_else
#else
#define SYMBOL plugind_plugin
#endif

enum { WAY_MAX = 32, LATER_MS = 50 };

static const char *const names[] = {
    "initialize", "start", "stop", "health", "configure"};

enum { INITIALIZE, START, STOP, HEALTH, CONFIGURE, CALLS };

static char ways[CALLS][WAY_MAX];
static struct plugind_timer *timer;

/* --- ways -------------------------------------------------------------- */

static int
be_fine(struct plugind *p)
{
	(void)p;
	return PLUGIND_OK;
}

static int
fail(struct plugind *p)
{
	return plugind_fail(p, "no luck\ntoday");
}

static int
fail_mutely(struct plugind *p)
{
	(void)p;
	return PLUGIND_FAILED;
}

static int
fail_by_number(struct plugind *p)
{
	(void)p;
	return -ENOSPC;
}

static int
limp(struct plugind *p)
{
	return plugind_answer(p, PLUGIND_DEGRADED, "one leg is short");
}

static void
on_later(struct plugind *p, void *arg)
{
	plugind_done(p, *(const int *)arg);
}

static int
answer_later(struct plugind *p, const int *result)
{
	plugind_timer_free(timer);
	timer = plugind_timer_new(
	    p, LATER_MS, false, on_later, (void *)(uintptr_t)result);
	return timer != NULL ? PLUGIND_LATER : -ENOMEM;
}

static int
be_late(struct plugind *p)
{
	static const int result = PLUGIND_OK;

	return answer_later(p, &result);
}

static int
fail_late(struct plugind *p)
{
	static const int result = -EIO;

	return answer_later(p, &result);
}

static int
never_end(struct plugind *p)
{
	(void)p;
	return PLUGIND_LATER;
}

static int
hang(struct plugind *p)
{
	(void)p;
	while (pause() != 0)
		continue;
	return PLUGIND_OK;
}

static int
crash(struct plugind *p)
{
	(void)p;
	(void)signal(SIGSEGV, SIG_DFL);
	(void)raise(SIGSEGV);
	return PLUGIND_OK;
}

static int
end_for_good(struct plugind *p)
{
	plugind_exit(p, PLUGIND_EXIT_NO_RESTART);
	return PLUGIND_OK;
}

/* For the log. */
static int
say_how_long(struct plugind *p)
{
	plugind_log(p, PLUGIND_INFO, "%lld ms are left",
	    (long long)plugind_deadline_ms(p));
	return PLUGIND_OK;
}

static const struct {
	const char *name;
	int (*run)(struct plugind *p);
} table[] = {
    {"ok", be_fine},
    {"fail", fail},
    {"mute", fail_mutely},
    {"number", fail_by_number},
    {"degraded", limp},
    {"later", be_late},
    {"fail_late", fail_late},
    {"never", never_end},
    {"hang", hang},
    {"crash", crash},
    {"exit125", end_for_good},
    {"how_long", say_how_long},
};

/* --- the five ---------------------------------------------------------- */

static void
note(struct plugind *p, int which)
{
	char path[PATH_MAX];
	char line[64];
	const char *generation = getenv("PLUGIND_GENERATION");
	int len = snprintf(line, sizeof(line), "%s %s\n", names[which],
	    generation != NULL ? generation : "?");
	int fd;

	snprintf(path, sizeof(path), "%s/calls", plugind_state_dir(p));
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (write(fd, line, (size_t)len) != len)
		abort();
	close(fd);
}

/* The file, if there is one. */
static void
read_way(struct plugind *p, int which, char out[WAY_MAX])
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(out, WAY_MAX, "%s", ways[which]);
	snprintf(
	    path, sizeof(path), "%s/%s", plugind_state_dir(p), names[which]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, out, WAY_MAX - 1);
	close(fd);
	out[n > 0 ? n : 0] = '\0';
}

static int
behave(struct plugind *p, int which)
{
	char way[WAY_MAX];

	if (which != HEALTH)
		note(p, which);
	read_way(p, which, way);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].name, way) == 0)
			return table[i].run(p);
	}
	return PLUGIND_OK;
}

static int
take_config(struct plugind *p, const struct plugind_config *c, int which)
{
	const char *text;

	plugind_config_only(c, "initialize", "start", "stop", "health",
	    "configure", "number", "unasked", "list", NULL);
	(void)plugind_config_int(c, "number", 0, 0, 9);
	for (uint32_t i = 0; i < plugind_config_count(c, "list"); i++)
		(void)plugind_config_int(
		    plugind_config_element(c, "list", i), "", 0, 0, 9);
	if (!plugind_config_ok(c))
		return PLUGIND_FAILED;
	for (int i = 0; i < CALLS; i++)
		snprintf(ways[i], WAY_MAX, "%s",
		    plugind_config_string(c, names[i], "ok"));
	text = plugind_config_string(c, "unasked", NULL);
	plugind_degraded(p, text);
	return behave(p, which);
}

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	return take_config(p, c, INITIALIZE);
}

static int
start(struct plugind *p)
{
	return behave(p, START);
}

static int
stop(struct plugind *p)
{
	int r = behave(p, STOP);

	if (r != PLUGIND_LATER)
		plugind_timer_free(timer);
	return r;
}

static int
health(struct plugind *p)
{
	return behave(p, HEALTH);
}

#ifndef NO_CONFIGURE
static int
configure(struct plugind *p, const struct plugind_config *c)
{
	return take_config(p, c, CONFIGURE);
}
#define CONFIGURE_FN configure
#else
#define CONFIGURE_FN NULL
#endif

/* --- before it is one -------------------------------------------------- */

static void
block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Those of the daemon are among them, whatever the host did about that. */
static void
close_all(void)
{
	for (int fd = 3; fd < 4096; fd++)
		close(fd);
}

static void
lose_output(void)
{
	for (int fd = 0; fd < 4096; fd++)
		close(fd);
}

static void
crash_at_once(void)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)raise(SIGSEGV);
}

static void
end_at_once(void)
{
	_exit(3);
}

static void
hang_at_once(void)
{
	for (;;)
		pause();
}

__attribute__((constructor)) static void
on_load(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} early[] = {
	    {"block", block_signals},
	    {"close", close_all},
	    {"lose", lose_output},
	    {"crash", crash_at_once},
	    {"exit", end_at_once},
	    {"hang", hang_at_once},
	};
	const char *way = getenv("HOSTILE");

	for (size_t i = 0; way && i < sizeof(early) / sizeof(early[0]); i++) {
		if (strcmp(early[i].name, way) == 0)
			early[i].run();
	}
}

PLUGIND_API extern const struct plugind_descriptor SYMBOL;

const struct plugind_descriptor SYMBOL = {
    .magic = PLUGIND_MAGIC,
    .size = sizeof(SYMBOL),
    .abi_min = HOSTILE_ABI,
    .abi_max = HOSTILE_ABI,
    .name = "hostile",
    .version = "2.5",
    .type = PLUGIND_TRANSPORT,
    .initialize = initialize,
    .start = start,
    .stop = stop,
    .health = health,
    .configure = CONFIGURE_FN,
};
