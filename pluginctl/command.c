/*
 * command: owns the table of commands and prints it as help. One row says
 * everything about a command; nothing about commands is written anywhere
 * else. Must never talk to the daemon.
 */
#include "command.h"

#include "act.h"
#include "bus.h"
#include "buscall.h"
#include "completion.h"
#include "config.h"
#include "conform.h"
#include "cron.h"
#include "edit.h"
#include "explain.h"
#include "graph.h"
#include "logs.h"
#include "look.h"
#include "top.h"

#include <string.h>

#define B(name) OPTION_BIT(OPTION_##name)

/* clang-format off */
const struct command command_table[] = {
	{"status", "list ls ps", GROUP_LOOK, MSG_STATUS, "[NAME…]", 0, -1, KIND_PLUGINS, 0, look_status,
		"what runs: one line for each plugin",
		"With names, exits 3 when one of them is not running and 4 when there is no such plugin."},
	{"show", NULL, GROUP_LOOK, MSG_SHOW, "NAME", 1, 1, KIND_PLUGIN, 0, explain_show,
		"everything about one plugin", NULL},
	{"why", NULL, GROUP_LOOK, MSG_WHY, "NAME", 1, 1, KIND_PLUGIN, 0, explain_why,
		"why it is in its state, in plain words",
		"Shows what it waits for, how it ended before, when it starts next, and what to do."},
	{"graph", NULL, GROUP_LOOK, MSG_GRAPH, "", 0, 0, KIND_NONE, B(DOT), graph_print,
		"plugins and what they depend on", NULL},
	{"top", NULL, GROUP_LOOK, MSG_TOP, "[NAME…]", 0, -1, KIND_PLUGINS, B(INTERVAL) | B(COUNT) | B(SORT), top_run,
		"what plugins use and do, second by second",
		"CPU% and RSS are of the main process, 100 is a whole processor; then events that came in and went out, and calls made and served, each per second; how many events wait for it, of how many at most; how many were dropped. On a terminal the table is drawn anew until q; elsewhere, and with -n, tables follow each other (one without -n). With -o json each is an object on a line."},
	{"failures", NULL, GROUP_LOOK, MSG_FAILURES, "", 0, 0, KIND_NONE, 0, look_failures,
		"the last failures of plugins, newest first", NULL},
	{"version", NULL, GROUP_LOOK, MSG_GET_VERSION, "", 0, 0, KIND_NONE, 0, look_version,
		"versions of pluginctl and plugind, and its paths", NULL},
	{"ping", NULL, GROUP_LOOK, MSG_PING, "", 0, 0, KIND_NONE, 0, look_ping,
		"whether the daemon answers", NULL},

	{"start", NULL, GROUP_ACT, MSG_START, "NAME…|--all", 0, -1, KIND_PLUGINS, B(ALL) | B(NO_WAIT), act_names,
		"start plugins, and what they depend on",
		"Lasts until the daemon ends; enable lasts longer."},
	{"stop", NULL, GROUP_ACT, MSG_STOP, "NAME…|--all", 0, -1, KIND_PLUGINS, B(ALL) | B(NO_WAIT) | B(CASCADE), act_names,
		"stop plugins",
		"Plugins that depend on it keep running and are named, unless --cascade stops them first."},
	{"restart", NULL, GROUP_ACT, MSG_RESTART, "NAME…|--all", 0, -1, KIND_PLUGINS, B(ALL) | B(NO_WAIT), act_names,
		"a new process for each", NULL},
	{"reload", NULL, GROUP_ACT, MSG_RELOAD, "[NAME…|--all]", 0, -1, KIND_PLUGINS, B(ALL) | B(NO_WAIT), act_reload,
		"ask plugins to read their configuration again",
		"Without a name it is apply."},
	{"kill", NULL, GROUP_ACT, MSG_KILL, "-s SIG NAME", 1, 1, KIND_PLUGIN, B(SIGNAL), act_kill,
		"send a signal to the main process", NULL},
	{"reset", NULL, GROUP_ACT, MSG_RESET, "NAME…|--all", 0, -1, KIND_PLUGINS, B(ALL) | B(NO_WAIT), act_names,
		"clear the state failed and the count of restarts", NULL},
	{"enable", NULL, GROUP_ACT, MSG_ENABLE, "NAME…", 1, -1, KIND_PLUGINS, B(NOW) | B(NO_WAIT), act_enable,
		"start with the daemon from now on", NULL},
	{"disable", NULL, GROUP_ACT, MSG_ENABLE, "NAME…", 1, -1, KIND_PLUGINS, B(NOW) | B(NO_WAIT), act_disable,
		"do not start with the daemon any more", NULL},
	{"scale", NULL, GROUP_ACT, MSG_SCALE, "NAME N", 2, 2, KIND_PLUGIN, B(NO_WAIT), act_scale,
		"run N instances of a plugin", NULL},
	{"wait", NULL, GROUP_ACT, MSG_STATE_WAIT, "NAME --for STATE", 1, 1, KIND_PLUGIN, B(FOR), act_wait,
		"wait until a plugin is in a state",
		"Exits 75 when --timeout passes first."},

	{"logs", NULL, GROUP_LOGS, MSG_LOGS, "[NAME…]", 0, -1, KIND_PLUGINS, B(FOLLOW) | B(LINES) | B(SINCE), logs_print,
		"what plugins wrote, in order of time",
		"With -o wide each line has its time and stream, with -o json it is an object."},

	{"config check", NULL, GROUP_CONFIG, 0, "[FILE]", 0, 1, KIND_FILE, B(CONFIG), config_check,
		"find the errors of the configuration files",
		"Exits 78 when there are any. Works without a daemon."},
	{"config show", NULL, GROUP_CONFIG, MSG_CONFIG_SHOW, "[NAME]", 0, 1, KIND_PLUGIN, 0, config_show,
		"the configuration in effect, with secrets masked", NULL},
	{"config edit", NULL, GROUP_CONFIG, 0, "[NAME]", 0, 1, KIND_PLUGIN, B(CONFIG) | B(NO_APPLY) | B(NO_WAIT), edit_run,
		"edit the file that defines a plugin, check it, apply it",
		"Runs $VISUAL or $EDITOR on a copy; only a copy without errors replaces the file. Without a name it is the main file."},
	{"config schema", NULL, GROUP_CONFIG, 0, "", 0, 0, KIND_NONE, 0, config_schema,
		"the JSON Schema of the configuration", NULL},
	{"plan", NULL, GROUP_CONFIG, MSG_PLAN, "", 0, 0, KIND_NONE, 0, config_plan,
		"what apply would change", NULL},
	{"apply", NULL, GROUP_CONFIG, MSG_APPLY, "", 0, 0, KIND_NONE, B(NO_WAIT), config_apply,
		"read the configuration again and change what differs", NULL},

	{"publish", NULL, GROUP_BUS, 0, "TOPIC [JSON|-]", 1, 2, KIND_NONE, 0, bus_publish,
		"publish an event to plugins",
		"Its data is JSON: the argument, or stdin for -; null without one. Exits 0 when the event is acknowledged, 4 when it may not be published, 75 when --timeout (10s) passes first."},
	{"events", NULL, GROUP_BUS, 0, "[PATTERN…]", 0, -1, KIND_NONE, B(FOLLOW) | B(COUNT) | B(SINCE), bus_events,
		"the events of plugins and of plugind",
		"Those that are kept (see bus.retain), of the time that --since names; with -f or --count those that come from now on, and with --since then the kept ones first. In a pattern * is any one word, and > at its end all that follow; without one it is all events. With -o json each is an object on a line."},
	{"call", NULL, GROUP_BUS, 0, "PLUGIN METHOD [JSON|-]", 2, 3, KIND_PLUGIN, 0, buscall_call,
		"call a method of a plugin",
		"Prints the result as JSON. The argument is JSON, or stdin for -; null without one. PLUGIN is a name, name:instance, or plugind. Exits 1 when the method fails, 3 when the plugin is not running, 5 when it offers no such method, 75 after --timeout (30s)."},
	{"services", NULL, GROUP_BUS, 0, "[PLUGIN [METHOD]]", 0, 2, KIND_PLUGIN, 0, buscall_services,
		"which plugins offer which methods", NULL},
	{"clients", NULL, GROUP_BUS, MSG_CLIENTS, "", 0, 0, KIND_NONE, 0, bus_clients,
		"programs on the bus that are no plugins", NULL},

	{"cron next", NULL, GROUP_TASKS, 0, "EXPRESSION", 1, 1, KIND_NONE, B(TZ) | B(FROM) | B(COUNT), cron_command_next,
		"when a schedule is due next",
		"Prints a time a line, in UTC, and never when there is none (any more) within 100 years; with -o wide the time in the zone, and dst_gap for one that comes in place of a time that the zone skips. An expression with a fault is shown with its place, exit 2. Works without a daemon."},
	{"cron explain", NULL, GROUP_TASKS, 0, "EXPRESSION", 1, 1, KIND_NONE, B(TZ) | B(FROM), cron_command_explain,
		"what a schedule means, in words",
		"Warns of what is surprising, and shows the next three times. Works without a daemon."},

	{"conform", NULL, GROUP_WRITE, 0, "PROGRAM [ARGUMENT…]", 1, -1, KIND_FILE, B(SETTINGS), conform_run,
		"try a plugin against the protocol, rule by rule",
		"Prints TAP and exits 1 when a rule is broken. PROGRAM is what `exec:` would run, or a module (.so); -- before it keeps its options apart. Every wait ends after --timeout (5s). Works without a daemon."},

	{"completion", NULL, GROUP_HIDDEN, 0, "bash|zsh|man", 1, 1, KIND_SHELL, 0, completion_print,
		"print a completion script, or the commands for the man page", NULL},
};
/* clang-format on */

#undef B

const size_t command_count = sizeof(command_table) / sizeof(command_table[0]);

const char *
command_group_title(enum command_group group)
{
	static const char *const titles[GROUP__COUNT] = {
	    [GROUP_LOOK] = "Look",
	    [GROUP_ACT] = "Act",
	    [GROUP_LOGS] = "Logs",
	    [GROUP_CONFIG] = "Configuration",
	    [GROUP_BUS] = "Bus",
	    [GROUP_TASKS] = "Tasks",
	    [GROUP_WRITE] = "Write plugins",
	    [GROUP_HIDDEN] = "Hidden",
	};

	return titles[group];
}

/* True when one of the words in `list` is `word`. */
static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		size_t n = strcspn(list, " ");

		if (n == len && strncmp(list, word, n) == 0)
			return true;
		list += n + strspn(list + n, " ");
	}
	return false;
}

const struct command *
command_find(int argc, char **argv, int *ret_words)
{
	for (size_t i = 0; argc > 0 && i < command_count; i++) {
		const struct command *cmd = &command_table[i];
		const char *second = strchr(cmd->name, ' ');
		size_t len = strcspn(cmd->name, " ");
		bool first = strlen(argv[0]) == len &&
		             strncmp(cmd->name, argv[0], len) == 0;

		if (!first && !has_word(cmd->aliases, argv[0]))
			continue;
		if (second && (argc < 2 || strcmp(second + 1, argv[1]) != 0))
			continue;
		*ret_words = second ? 2 : 1;
		return cmd;
	}
	return NULL;
}

/* Letters that must be put in, taken out or changed; 9 for long words. */
static size_t
count_edits(const char *a, const char *b)
{
	size_t row[32];
	size_t blen = strlen(b);

	if (blen >= sizeof(row) / sizeof(*row))
		return 9;
	for (size_t j = 0; j <= blen; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t left_up = row[0];

		row[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			size_t best = left_up + (a[i - 1] != b[j - 1]);

			left_up = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[blen];
}

const char *
command_guess(const char *word)
{
	const char *best = NULL;
	size_t best_edits = 3;

	for (size_t i = 0; i < command_count; i++) {
		const struct command *cmd = &command_table[i];
		size_t edits = count_edits(word, cmd->name);
		const char *second = strchr(cmd->name, ' ');

		if (cmd->group == GROUP_HIDDEN)
			continue;
		/* "edit" alone means "config edit". */
		if (second && strcmp(second + 1, word) == 0)
			edits = 0;
		if (edits < best_edits) {
			best_edits = edits;
			best = cmd->name;
		}
	}
	return best;
}

static void
print_options(FILE *f, uint32_t set)
{
	for (int i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *o = &option_table[i];
		char left[64];

		if (!(set & OPTION_BIT(i)))
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
		    o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		    o->letter ? "," : " ", o->name, o->argument ? " " : "",
		    o->argument ? o->argument : "");
		fprintf(f, "  %-22s %s\n", left, o->help);
	}
}

void
command_print_usage(FILE *f)
{
	fputs("usage: pluginctl [OPTION…] COMMAND [ARGUMENT…]\n", f);
	for (int g = 0; g < GROUP_HIDDEN; g++) {
		fprintf(f, "\n%s\n", command_group_title(g));
		for (size_t i = 0; i < command_count; i++) {
			const struct command *cmd = &command_table[i];
			char left[64];

			if ((int)cmd->group != g)
				continue;
			snprintf(left, sizeof(left), "%s %s", cmd->name,
			    cmd->operands);
			/* printf pads bytes; the ellipsis is 3 of them. */
			fprintf(f, "  %-*s %s\n", strstr(left, "…") ? 26 : 24,
			    left, cmd->help);
		}
	}
	fputs("\nOptions (before or after the command)\n", f);
	print_options(f, OPTION_GLOBAL);
	fputs("\nNAME is a plugin, all its instances, or one of them "
	      "(NAME:2).\npluginctl COMMAND --help explains a command; the "
	      "manual is pluginctl(1).\n",
	    f);
}

void
command_print_help(FILE *f, const struct command *cmd)
{
	fprintf(f, "usage: pluginctl %s%s%s%s\n\n%s\n", cmd->name,
	    cmd->options ? " [OPTION…]" : "", *cmd->operands ? " " : "",
	    cmd->operands, cmd->help);
	if (cmd->more)
		fprintf(f, "%s\n", cmd->more);
	if (cmd->aliases)
		fprintf(f, "Also called: %s\n", cmd->aliases);
	if (cmd->options) {
		fputs("\nOptions\n", f);
		print_options(f, cmd->options);
	}
	fputs("\nOptions of every command\n", f);
	print_options(f, OPTION_GLOBAL);
}
