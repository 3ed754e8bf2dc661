/*
 * childlog: what plugins write to stdout and stderr.
 *
 * One struct childlog a plugin instance, for its whole life; each incarnation
 * attaches two new pipes. Bytes are split into lines, capped in length,
 * escaped, stamped and appended to state_dir/logs/NAME.log, which is rotated
 * here. Never blocks on a child, never trusts a byte, never allocates on the
 * way from an exit to a respawn.
 *
 * A plugin that writes faster than CHILDLOG_RATE_LINES is slowed down: its
 * pipe is read at that rate, and its writes wait. Nothing is lost by that.
 * Lines are lost only when the disk does not take them.
 *
 * A line of the file:  TIME TAB NAME TAB out|err TAB text
 */
#ifndef CORE_CHILDLOG_H
#define CORE_CHILDLOG_H

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct childlog;

enum childlog_stream { CHILDLOG_OUT, CHILDLOG_ERR };

struct childlog_options {
	const char *directory; /* state_dir/logs */
	const char *plugin;    /* names the file: all instances share it */
	const char *name;      /* "worker:2", in each line */
	int64_t max_size;
	int64_t max_files;
};

/* Called on the loop for each complete line, unescaped, NUL-terminated, at
 * most CHILDLOG_LINE_MAX bytes. May end the watch and write notes; must not
 * attach or free this log. */
typedef void childlog_line_fn(
    void *arg, enum childlog_stream stream, const char *line, size_t len);

enum {
	CHILDLOG_LINE_MAX = 8192,   /* longer lines are cut in pieces */
	CHILDLOG_RATE_LINES = 2000, /* a second and instance, burst of twice; a
	                               line counts once more a KiB */
};

/* 0 or -ENOMEM. Opens nothing yet: the file appears with the first line. */
int childlog_new(struct event_base *base, const struct childlog_options *opts,
    struct childlog **ret);
void childlog_free(struct childlog *log); /* flushes; NULL is fine */

/* New limits or names after a reload. 0 or -ENOMEM. */
int childlog_configure(struct childlog *log, const struct childlog_options *o);

/* While set, every line is shown to fn (readiness by pattern). */
void childlog_watch(struct childlog *log, childlog_line_fn *fn, void *arg);

/* Takes the read ends always (non-blocking is set here); -1 for none. Pipes of
 * an earlier incarnation are read to their end and closed first. */
void childlog_attach(struct childlog *log, int out_fd, int err_fd);

/* The incarnation is gone: reads what is in the pipes now (at most 256 KiB
 * of each) and closes them, without waiting for grandchildren that hold the
 * other ends. */
void childlog_detach(struct childlog *log);

/* A line from the supervisor itself ("exited with status 1"), stream "--". */
void childlog_note(struct childlog *log, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Closes the file so that the next line opens it by name (USR1, logrotate). */
void childlog_reopen(struct childlog *log);

/* Lines that the disk did not take, since ever. */
uint64_t childlog_dropped(const struct childlog *log);
const char *childlog_path(const struct childlog *log);
/* Counts up with each line of any childlog: long polls compare it. */
uint64_t childlog_sequence(void);

/*
 * Reading back, for the `logs` command. Appends up to `limit` bytes of
 * encoded lines (msgpack maps {time_ms, name, stream, text}) to out and counts
 * them in *ret_count.
 *
 * position: where the last read of this file ended: inode and offset; inode 0
 * begins with the last `lines` lines that are not older than since_ms
 * (0: no bound), as far as they are in the last 1 MiB. A file that was rotated
 * meanwhile is read to its end under its old name first, as far as it still
 * exists. `name` NULL takes all instances, else only its lines. Lines that
 * childlog cannot have written are skipped; a text longer than `limit` is
 * cut. Reads at most 1 MiB of disk a call, and to begin with as much again
 * for the search.
 * 0 and *ret_more (there is more to read at once), or -errno. No file is
 * not an error: the position then stands before its first line.
 */
struct childlog_position {
	uint64_t inode;
	uint64_t offset;
};
struct childlog_query {
	const char *path;
	const char *name;
	uint64_t lines;
	int64_t since_ms;
	size_t limit;
};
int childlog_read(const struct childlog_query *q,
    struct childlog_position *position, struct buf *out, uint32_t *ret_count,
    bool *ret_more);

#endif
