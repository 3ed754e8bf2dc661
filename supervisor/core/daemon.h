/*
 * daemon: the life of plugind itself: start, signals, reload, settled, ordered
 * stop, exit code.
 */
#ifndef CORE_DAEMON_H
#define CORE_DAEMON_H

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit codes of the daemon. */
enum {
	DAEMON_OK = 0,
	DAEMON_FAILURE = 1,
	DAEMON_USAGE = 2,
	DAEMON_ESSENTIAL = 10,
	DAEMON_CONFIG = 78,
	DAEMON_RUNNING = 100,
};

struct daemon_args {
	struct config_source source;
	char *title; /* the area of argv, for the guard's name */
	size_t title_len;
};

/* Runs until told to stop. Returns the exit code. Takes `config` always. */
int daemon_run(const struct daemon_args *args, struct config *config);

/* Begins the ordered stop of everything; the loop ends with `code` when the
 * last process has. A second call keeps the first code. */
void daemon_stop(int code);
bool daemon_is_stopping(void);
bool daemon_is_settled(void);
/* Frees destroyed rows, from the top of the loop. */
void daemon_collect(void);
int64_t daemon_uptime_ms(void);
/* Reads the configuration again and applies it, soon: SIGHUP, or new modules. */
void daemon_reload(void);
/* What the configuration is read from again at a reload. */
const struct config_source *daemon_source(void);

#endif
