/*
 * option: owns the table of options and hands argument vectors to
 * getopt_long. Whether a command takes an option is decided by the caller
 * from the command table; what a value means is decided by its user. Must
 * never look at the environment or the daemon.
 */
#include "option.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* clang-format off */
const struct option_info option_table[OPTION__COUNT] = {
	{OPTION_SOCKET,   0,   "socket",   "PATH",   KIND_FILE,   "control socket of the daemon (else $PLUGIND_SOCKET)"},
	{OPTION_OUTPUT,   'o', "output",   "FORMAT", KIND_OUTPUT, "one of table, wide, json, yaml and name"},
	{OPTION_NO_COLOR, 0,   "no-color", NULL,     KIND_NONE,   "no colours (as does $NO_COLOR)"},
	{OPTION_TIMEOUT,  0,   "timeout",  "TIME",   KIND_NONE,   "how long to wait (5s for a question, 90s for an action)"},
	{OPTION_HELP,     'h', "help",     NULL,     KIND_NONE,   "explain pluginctl, or the command"},
	{OPTION_VERSION,  'V', "version",  NULL,     KIND_NONE,   "the version of pluginctl itself"},
	{OPTION_ALL,      'a', "all",      NULL,     KIND_NONE,   "all plugins"},
	{OPTION_CASCADE,  0,   "cascade",  NULL,     KIND_NONE,   "first those that depend on it"},
	{OPTION_NO_WAIT,  0,   "no-wait",  NULL,     KIND_NONE,   "print the id of the operation and do not wait for its end"},
	{OPTION_SIGNAL,   's', "signal",   "SIG",    KIND_SIGNAL, "name or number of the signal (TERM)"},
	{OPTION_NOW,      0,   "now",      NULL,     KIND_NONE,   "also start it (enable) or stop it (disable)"},
	{OPTION_FOR,      0,   "for",      "STATE",  KIND_STATE,  "state to wait for; ready (the default) means running"},
	{OPTION_DOT,      0,   "dot",      NULL,     KIND_NONE,   "in the language of Graphviz"},
	{OPTION_FOLLOW,   'f', "follow",   NULL,     KIND_NONE,   "go on with what is new until interrupted"},
	{OPTION_LINES,    'n', "lines",    "N",      KIND_NONE,   "the last N lines of each plugin, or all (20)"},
	{OPTION_SINCE,    0,   "since",    "TIME",   KIND_NONE,   "lines or events since a time (RFC 3339) or for a duration (10m)"},
	{OPTION_COUNT,    'n', "count",    "N",      KIND_NONE,   "end after N events, tables or times"},
	{OPTION_CONFIG,   'c', "config",   "FILE",   KIND_FILE,   "main file of the configuration"},
	{OPTION_NO_APPLY, 0,   "no-apply", NULL,     KIND_NONE,   "leave the running daemon as it is"},
	{OPTION_SETTINGS, 0,   "settings", "JSON",   KIND_NONE,   "the plugin's `config`, an object, or - for stdin"},
	{OPTION_INTERVAL, 0,   "interval", "TIME",   KIND_NONE,   "from one table to the next (1s)"},
	{OPTION_SORT,     0,   "sort",     "COLUMN", KIND_ORDER,  "one of cpu (the default), rss, in, out, calls, drops and name"},
	{OPTION_TZ,       0,   "tz",       "ZONE",   KIND_NONE,   "time zone of the schedule (UTC)"},
	{OPTION_FROM,     0,   "from",     "TIME",   KIND_NONE,   "the time to begin behind (now)"},
};
/* clang-format on */

/* Values that getopt_long returns for options without a letter. */
enum { LONG_BASE = 256 };

struct getopt_tables {
	char letters[2 * OPTION__COUNT + 1];
	struct option longs[OPTION__COUNT + 1];
};

static void
build_tables(struct getopt_tables *t)
{
	char *p = t->letters;

	memset(t, 0, sizeof(*t));
	for (int i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *row = &option_table[i];

		t->longs[i].name = row->name;
		t->longs[i].has_arg =
		    row->argument ? required_argument : no_argument;
		t->longs[i].val = LONG_BASE + i;
		if (!row->letter)
			continue;
		*p++ = row->letter;
		if (row->argument)
			*p++ = ':';
	}
}

static int
find_option(int got)
{
	if (got >= LONG_BASE)
		return got - LONG_BASE;
	for (int i = 0; i < OPTION__COUNT; i++) {
		if (option_table[i].letter == got)
			return i;
	}
	return -EINVAL;
}

/* By its letter it may be one of several. */
static void
keep_value(const char **values, int i, const char *value, bool by_letter)
{
	char letter = option_table[i].letter;

	values[i] = value;
	for (int k = 0; by_letter && k < OPTION__COUNT; k++) {
		if (option_table[k].letter == letter)
			values[k] = value;
	}
}

int
option_parse(int argc, char **argv, const char **values)
{
	struct getopt_tables t;
	int got;

	build_tables(&t);
	for (int i = 0; i < OPTION__COUNT; i++)
		values[i] = NULL;
	while (
	    (got = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1) {
		int i = find_option(got);

		if (i < 0)
			return -EINVAL;
		keep_value(values, i, optarg ? optarg : "", got < LONG_BASE);
	}
	return optind;
}

/* Of options of one letter, whether the command takes another that was given by
 * the same word. */
static bool
is_meant(const char *const *values, uint32_t allowed, int i)
{
	for (int k = 0; k < OPTION__COUNT; k++) {
		if (k != i && (allowed & OPTION_BIT(k)) &&
		    option_table[k].letter == option_table[i].letter &&
		    values[k] == values[i])
			return true;
	}
	return false;
}

void
option_settle(const char **values, uint32_t allowed)
{
	for (int i = 0; i < OPTION__COUNT; i++) {
		if (values[i] != NULL && option_table[i].letter != 0 &&
		    !(allowed & OPTION_BIT(i)) && is_meant(values, allowed, i))
			values[i] = NULL;
	}
}
