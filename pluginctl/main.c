/*
 * main: reads the command line, finds the command in the table and runs it.
 * Owns nothing else: what a command does is in the file of its group, what
 * it says about itself in command.c.
 */
#include "command.h"
#include "ctl.h"
#include "option.h"

#include "common/msgs.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Widths of characters must be known to align columns. */
static void
use_utf8(void)
{
	if (!setlocale(LC_CTYPE, "") ||
	    strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		(void)!setlocale(LC_CTYPE, "C.UTF-8");
}

static int
unknown_command(int argc, char **argv)
{
	const char *guess = command_guess(argv[0]);

	if (strcmp(argv[0], "config") == 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "config%s%s: use config check, show, edit or schema",
		    argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	if (guess)
		return ctl_fail(MSG_CODE_USAGE,
		    "%s: no such command; did you mean %s?", argv[0], guess);
	return ctl_fail(MSG_CODE_USAGE,
	    "%s: no such command; pluginctl --help lists them", argv[0]);
}

/* `help` and `help COMMAND`; the latter is found as if with --help. */
static int
print_help(int argc, char **argv)
{
	const struct command *cmd;
	int words;

	if (argc == 0) {
		command_print_usage(stdout);
		return 0;
	}
	cmd = command_find(argc, argv, &words);
	if (!cmd)
		return unknown_command(argc, argv);
	command_print_help(stdout, cmd);
	return 0;
}

/* Every option that was given must be one of the command. */
static int
check_options(struct ctl *ctl)
{
	uint32_t allowed = OPTION_GLOBAL | ctl->command->options;

	option_settle(ctl->option, allowed);
	for (int i = 0; i < OPTION__COUNT; i++) {
		if (ctl->option[i] && !(allowed & OPTION_BIT(i)))
			return ctl_fail(MSG_CODE_USAGE,
			    "%s takes no --%s; pluginctl %s --help shows what "
			    "it takes",
			    ctl->command->name, option_table[i].name,
			    ctl->command->name);
	}
	return 0;
}

static int
check_operands(const struct ctl *ctl)
{
	const struct command *cmd = ctl->command;

	if (ctl->argc < cmd->min_operands ||
	    (cmd->max_operands >= 0 && ctl->argc > cmd->max_operands))
		return ctl_fail(MSG_CODE_USAGE, "usage: pluginctl %s%s%s",
		    cmd->name, *cmd->operands ? " " : "", cmd->operands);
	return 0;
}

static int
run_command(struct ctl *ctl)
{
	int words;
	int code;

	ctl->command = command_find(ctl->argc, ctl->argv, &words);
	if (!ctl->command)
		return unknown_command(ctl->argc, ctl->argv);
	ctl->argc -= words;
	ctl->argv += words;
	code = check_options(ctl);
	if (code == 0)
		code = check_operands(ctl);
	if (code == 0)
		code = ctl_init(ctl);
	if (code == 0)
		code = ctl->command->run(ctl);
	ctl_fini(ctl);
	return code;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = {.interrupt_fd = -1};
	int first;
	int code;

	use_utf8();
	first = option_parse(argc, argv, ctl.option);
	if (first < 0)
		return MSG_CODE_USAGE;
	ctl.argc = argc - first;
	ctl.argv = argv + first;
	if (ctl.option[OPTION_VERSION]) {
		puts("pluginctl " PLUGIND_VERSION);
		code = 0;
	} else if (ctl.option[OPTION_HELP]) {
		code = print_help(ctl.argc, ctl.argv);
	} else if (ctl.argc > 0 && strcmp(ctl.argv[0], "help") == 0) {
		code = print_help(ctl.argc - 1, ctl.argv + 1);
	} else if (ctl.argc == 0) {
		command_print_usage(stderr);
		code = MSG_CODE_USAGE;
	} else {
		code = run_command(&ctl);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return ctl_fail(MSG_CODE_FAILED, "cannot write the output: %s",
		    strerror(errno));
	return code;
}
