/*
 * command: the one table of commands. Dispatch, help, shell completion and
 * the command list of the man page are all made from it.
 */
#ifndef PLUGINCTL_COMMAND_H
#define PLUGINCTL_COMMAND_H

#include "option.h"

#include "common/msgs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct ctl;

/* Does the command; returns the exit code, having said all there is to say. */
typedef int command_fn(struct ctl *ctl);

enum command_group {
	GROUP_LOOK,
	GROUP_ACT,
	GROUP_LOGS,
	GROUP_CONFIG,
	GROUP_BUS,
	GROUP_TASKS,
	GROUP_WRITE,
	GROUP_HIDDEN,
	GROUP__COUNT
};

struct command {
	const char *name;    /* one or two words */
	const char *aliases; /* words with blanks between, or NULL */
	enum command_group group;
	enum msg_type type;   /* the request behind it; 0: not just one */
	const char *operands; /* "NAME…" as in help, or "" */
	int min_operands;
	int max_operands; /* -1: any number */
	enum option_kind kind;
	uint32_t options; /* OPTION_BIT of its own */
	command_fn *run;
	const char *help; /* one line */
	const char *more; /* sentences, or NULL */
};

extern const struct command command_table[];
extern const size_t command_count;

const char *command_group_title(enum command_group group);

/* The command that argv[0] (and argv[1]) name, and how many words that took;
 * NULL when there is none. */
const struct command *command_find(int argc, char **argv, int *ret_words);
/* A name that resembles `word`, or NULL. */
const char *command_guess(const char *word);

/* Prints the list of commands, or how one is used. */
void command_print_usage(FILE *f);
void command_print_help(FILE *f, const struct command *cmd);

#endif
