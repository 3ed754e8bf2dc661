/*
 * option: the one table of options and how an argument vector becomes their
 * values. Options stand before or after the command.
 */
#ifndef PLUGINCTL_OPTION_H
#define PLUGINCTL_OPTION_H

#include <stdint.h>

enum option_id {
	OPTION_SOCKET,
	OPTION_OUTPUT,
	OPTION_NO_COLOR,
	OPTION_TIMEOUT,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_ALL,
	OPTION_CASCADE,
	OPTION_NO_WAIT,
	OPTION_SIGNAL,
	OPTION_NOW,
	OPTION_FOR,
	OPTION_DOT,
	OPTION_FOLLOW,
	OPTION_LINES,
	OPTION_SINCE,
	OPTION_COUNT,
	OPTION_CONFIG,
	OPTION_NO_APPLY,
	OPTION_SETTINGS,
	OPTION_INTERVAL,
	OPTION_SORT,
	OPTION_TZ,
	OPTION_FROM,
	OPTION__COUNT
};

#define OPTION_BIT(o) (UINT32_C(1) << (o))
/* What every command takes. */
#define OPTION_GLOBAL                                                  \
	(OPTION_BIT(OPTION_SOCKET) | OPTION_BIT(OPTION_OUTPUT) |       \
	    OPTION_BIT(OPTION_NO_COLOR) | OPTION_BIT(OPTION_TIMEOUT) | \
	    OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION))

/* What a shell offers for an argument. */
enum option_kind {
	KIND_NONE,
	KIND_PLUGIN,  /* one plugin */
	KIND_PLUGINS, /* any number of them */
	KIND_FILE,
	KIND_OUTPUT,
	KIND_STATE,
	KIND_SIGNAL,
	KIND_SHELL,
	KIND_ORDER,
};

struct option_info {
	enum option_id id;
	char letter;          /* 0: no short form */
	const char *name;     /* without the dashes */
	const char *argument; /* its name in help; NULL: a flag */
	enum option_kind kind;
	const char *help;
};

/* Row i is the option of value i. Two may have the same letter if no command
 * takes both. */
extern const struct option_info option_table[OPTION__COUNT];

/*
 * Reads argv into values[OPTION__COUNT]: NULL when not given, "" for a flag,
 * else the argument (borrowed from argv). Operands are moved to the end; the
 * index of the first is returned, or -EINVAL after saying on stderr what is
 * wrong.
 */
int option_parse(int argc, char **argv, const char **values);
/* A letter means the option that the command takes, of `allowed`: the others
 * that have it become NULL. */
void option_settle(const char **values, uint32_t allowed);

#endif
