/*
 * command: what the daemon asks of the plugin, by command.sock. A frame is
 * read first and answered ("received"), then run; what it came to follows as
 * an outcome. One command is under way at a time, health aside, and none runs
 * twice: the daemon may send it again after a lost link.
 */
#ifndef SDK_COMMAND_H
#define SDK_COMMAND_H

#include "plugin.h"

#include "common/wire.h"

struct command_row;

struct command {
	const struct command_row *row; /* NULL: nothing to run */
	uint64_t op;
	struct wire_cursor config; /* into the frame */
	char state_dir[PATH_MAX];  /* "": not said */
	int64_t deadline_ms;       /* -1: not said */
};

/* Reads a frame from the router, and writes its answer (nothing if it is not
 * even a frame). The result borrows `data`. */
void command_read(struct plugind *p, const void *data, size_t len,
    struct command *ret, struct buf *answer);

/* Calls the plugin, or says again what it came to. */
void command_run(struct plugind *p, const struct command *c);

/* Stops the plugin and leaves, as if the daemon had said so: for signals. */
void command_stop(struct plugind *p);
/* The same for MSG_INITIALIZE, without a configuration, and
 * MSG_PLUGIN_START. */
void command_advance(struct plugind *p, unsigned type);

#endif
