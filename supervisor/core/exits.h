/*
 * exits: what is kept and said about ended processes: the last few of each
 * row, and one list of failures for the whole daemon.
 */
#ifndef CORE_EXITS_H
#define CORE_EXITS_H

#include "table.h"

enum { FAILURES_MAX = 200 };

struct failure {
	char name[ROW_NAME_MAX];
	struct exit_record exit;
	int64_t next_restart_ms; /* Unix; 0: none */
};

/* Notes the exit of row's process in the row. A failure's words go to
 * last_error, too. Never NULL: without memory it is a static record that the
 * next call overwrites. */
struct exit_record *exits_record(struct row *row, int status);

/* Logs it together with what follows, and lists it if it is a failure. */
void exits_tell(struct row *row, const struct exit_record *e, pid_t pid,
    enum fsm_event follows);

/* The n-th newest failure, or NULL. */
const struct failure *exits_failure(size_t n);

/* "exited with status 1", "killed by SIGKILL". */
const char *exits_describe(const struct exit_record *e, char *out, size_t cap);

#endif
