/*
 * harness: a real plugind on a configuration of its own, in a directory of
 * its own, driven over control.sock. One a test.
 *
 * Everything fails the test itself, so that a test reads as a list of what
 * must hold. A test that fails leaves its directory; it_main then prints the
 * end of the daemon's log and removes it. Nothing here sleeps for a time:
 * waiting is for something, with a generous deadline.
 */
#ifndef TESTS_INTEGRATION_HARNESS_H
#define TESTS_INTEGRATION_HARNESS_H

#include "common/clock.h"
#include "common/msgs.h"
#include "common/wire.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

enum { IT_DEADLINE_MS = 20000, IT_TEXT_MAX = 512, IT_PATH_MAX = 512 };

struct it {
	char dir[48]; /* ${D} in a configuration; world-readable */
	pid_t pid;    /* of plugind, 0: not running */
	int expect;   /* its exit code at it_end, usually 0 */
	struct client *client;
	char *log; /* as last read */
};

/* --- the whole --------------------------------------------------------- */

/* Adds a test to a case of its own, so that one file has one suite. */
struct it_test {
	const char *name;
	const TTest *test;
	int timeout_s; /* 0: 30 */
};
int it_main(const char *suite, const struct it_test *tests, size_t n);

/* By $PLUGIND_TEST_LEVEL. */
int it_level(int quick, int usual, int full);
/* A promised limit, longer under a sanitizer. */
int64_t it_limit(int64_t ms);
bool it_is_root(void);

/* --- one daemon -------------------------------------------------------- */

/* A directory with a configuration that holds these plugins (the text below
 * `plugins:`, indented by two). Stubs are found in PATH as `stub`. */
struct it *it_new(const char *plugins);
/* Writes it again; it_write: another file of the directory. */
void it_config(struct it *t, const char *plugins);
void it_write(struct it *t, const char *name, const char *text);
bool it_exists(struct it *t, const char *name);
void it_remove(struct it *t, const char *name);
void it_path(const struct it *t, const char *name, char out[IT_PATH_MAX]);
void it_remove_tree(const char *path);
/* The whole file, "" when there is none; valid until the next call. */
const char *it_read(struct it *t, const char *name);

/* Extra variables of the daemon, "NAME=value"; before it_spawn. */
void it_putenv(struct it *t, const char *variable);
/* Starts it with more arguments (NULL: none) and does not wait. */
void it_spawn(struct it *t, const char *const *more);
/* Waits for control.sock to answer. */
void it_up(struct it *t);
/* ... and until every enabled plugin has settled. */
void it_settle(struct it *t);
/* All of it: it_new, it_spawn, it_settle. */
struct it *it_start(const char *plugins);

/* HUP, and until it has been served. */
void it_hup(struct it *t);

/* Waits for its end: the exit code, or 1000 + signal. */
int it_wait_exit(struct it *t);
/* TERM, the end with t->expect, nothing left: no process, no socket, no
 * complaint of a sanitizer, no cell of the machine that cannot be. Frees. */
void it_end(struct it *t);
/* The checks of it_end alone, for a daemon that has ended already. */
void it_gone(struct it *t);

/* --- requests ---------------------------------------------------------- */

struct it_reply {
	unsigned code;
	struct wire_cursor data; /* valid until the next request */
	char error[IT_TEXT_MAX]; /* "" when there is none */
	char hint[IT_TEXT_MAX];
};
/*
 * Arguments by `shape`: s string, u uint64_t, b int as bool, n nil, r struct
 * buf * with one encoded object, and N: names in one string, separated by
 * blanks ("" is an empty list).
 */
struct it_reply it_call(
    struct it *t, enum msg_type type, const char *shape, ...);
/* The same, and code 0 is a must. */
struct it_reply it_ok(struct it *t, enum msg_type type, const char *shape, ...);

/* One that may fail in any way: its code, or -errno of the connection. `names`
 * is its one argument, NULL: none. */
int it_try(struct it *t, enum msg_type type, const char *names);

/* An action, and its end. */
struct it_op {
	unsigned worst;             /* of the codes of its results */
	char messages[IT_TEXT_MAX]; /* "NAME: message; NAME: message" */
	char notes[IT_TEXT_MAX];
};
struct it_op it_act(struct it *t, enum msg_type type, const char *shape, ...);
/* Only the first half. */
uint64_t it_begin(struct it *t, enum msg_type type, const char *shape, ...);
struct it_op it_outcome(struct it *t, uint64_t op);

/* Of a map: a string ("" for nil) or number (-1 for nil) by its key. */
const char *it_str(
    const struct wire_cursor *map, const char *key, char *out, size_t cap);
int64_t it_int(const struct wire_cursor *map, const char *key);

/* A signal to the process of a row, which must have one. */
#define it_kill(row_, signal_)                                            \
	do {                                                              \
		const struct it_row it_row_ = (row_);                     \
		ck_assert_int_gt(it_row_.pid, 1);                         \
		ck_assert_int_eq(kill((pid_t)it_row_.pid, (signal_)), 0); \
	} while (0)

struct it_row {
	char state[24];
	char health[16];
	char wish[8];
	int64_t pid; /* -1: none */
	int64_t generation;
	int64_t restarts;
	char exit_kind[8]; /* "" : none */
	int64_t exit_value;
	char error[IT_TEXT_MAX];
	char message[IT_TEXT_MAX];
};
struct it_row it_row(struct it *t, const char *name);
/* Managed plugins that are linked. */
int64_t it_links(struct it *t);
bool it_is(struct it *t, const char *name, const char *state);
/* Waits for a state, by state.wait. */
struct it_row it_wait(struct it *t, const char *name, const char *state);
/* Waits until it runs in a newer incarnation than `generation`. */
struct it_row it_wait_newer(struct it *t, const char *name, int64_t generation);

/* --- looking ----------------------------------------------------------- */

/* How often a text holds a word. */
int it_occurrences(const char *text, const char *word);
/* The daemon's log so far holds the text. */
bool it_logged(struct it *t, const char *text);
/* logs/NAME.log holds it. */
bool it_printed(struct it *t, const char *name, const char *text);

bool it_alive(pid_t pid);
size_t it_count_fds(pid_t pid);
/* Processes whose environment names the directory: the daemon's children,
 * its guard and itself. */
size_t it_count_processes(struct it *t);
pid_t it_guard_pid(struct it *t);
/* The process that starts the others; its environment is empty. */
pid_t it_launcher_pid(struct it *t);
/* Clock ticks of user and system time so far, in milliseconds. */
int64_t it_cpu_ms(pid_t pid);

/* A raw connection to control.sock. */
int it_dial(struct it *t);

void it_pause(void);

/* Waits for a condition. */
#define IT_UNTIL(condition)                                                   \
	do {                                                                  \
		int64_t end_ms_ = clock_mono_ms() + it_limit(IT_DEADLINE_MS); \
		while (!(condition)) {                                        \
			ck_assert_msg(clock_mono_ms() < end_ms_,              \
			    "in vain waited for: %s", #condition);            \
			it_pause();                                           \
		}                                                             \
	} while (0)

#endif
