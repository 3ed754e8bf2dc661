/*
 * ctl: one run of pluginctl: what was asked for, the connection to the
 * daemon, and what is said when that fails.
 */
#ifndef PLUGINCTL_CTL_H
#define PLUGINCTL_CTL_H

#include "command.h"
#include "option.h"
#include "output.h"

#include "common/buf.h"
#include "common/msgs.h"
#include "common/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct client;

enum { CTL_QUERY_MS = 5000, CTL_ACTION_MS = 90000, CTL_INTERRUPTED = 130 };

struct ctl {
	const struct command *command;
	const char *option[OPTION__COUNT]; /* see option_parse */
	int argc;                          /* operands */
	char **argv;
	enum output_format format;
	int64_t timeout_ms; /* -1: not given */
	char *socket_path;
	struct client *client; /* NULL until something is asked */
	int interrupt_fd;      /* -1: ^C ends the program as usual */
};

/* Takes the values of ctl->option apart. 0, or an exit code after saying what
 * is wrong. */
int ctl_init(struct ctl *ctl);
void ctl_fini(struct ctl *ctl);

/* "pluginctl: ..." on stderr; returns `code`. */
int ctl_fail(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* From now on ^C and TERM do not end the program but the call that waits. */
void ctl_catch_interrupts(struct ctl *ctl);
/* Waits that long; false when interrupted. */
bool ctl_pause(struct ctl *ctl, int64_t ms);

/* When the command's time is over, on the monotonic clock. */
int64_t ctl_deadline(const struct ctl *ctl, int64_t default_ms);

/* Begins the argument array of a request. */
void ctl_args(struct buf *args, uint32_t count);
/* An array of the operands, empty (all plugins) when there are none. */
void ctl_put_names(struct buf *args, int argc, char **argv);

/*
 * Asks the daemon and takes the arguments always. 0 and the data of the
 * reply, or the exit code after saying why. The data, and every text of
 * field.h, are borrowed until the next call.
 */
int ctl_ask(struct ctl *ctl, enum msg_type type, struct buf *args,
    int64_t deadline_ms, struct wire_cursor *ret);
/* The same with the query deadline and at most one argument (NULL: none). */
int ctl_query(struct ctl *ctl, enum msg_type type, const char *argument,
    struct wire_cursor *ret);

/* Says on stderr what the {error, hint, errors} of a reply holds. */
void ctl_print_refusal(const struct wire_cursor *data);

#endif
