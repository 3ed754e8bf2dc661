/*
 * conformproc: one process of the program that `conform` tries: started as
 * the daemon would start it, heard on stdout and stderr, ended with all that
 * it leaves behind.
 */
#ifndef PLUGINCTL_CONFORMPROC_H
#define PLUGINCTL_CONFORMPROC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONFORM_COOKIE = 16, CONFORM_SAID_MAX = 2048 };

struct conformproc {
	char **argv;      /* borrowed */
	const char *name; /* borrowed */
	uint64_t generation;
	uint8_t cookie[CONFORM_COOKIE];
	char dir[PATH_MAX];       /* private; what is below belongs to it */
	char state_dir[PATH_MAX]; /* below it */
	pid_t pid;                /* 0: not started */
	int pidfd;
	int output_fd; /* -1: at its end */
	ino_t cookie_pipe;
	bool has_ended;
	bool was_killed; /* by the signal `status` */
	int status;
	char said[CONFORM_SAID_MAX];
	size_t said_len;
	bool said_more; /* than fits */
};

/* Once, before all: what a program leaves behind will be ours. 0 or -errno. */
int conformproc_adopt(void);

/* Where directories are made: $TMPDIR, unless it is not absolute or the paths
 * of sockets would become too long. */
const char *conformproc_place(void);

/* Makes the directories. 0 or -errno. */
int conformproc_init(
    struct conformproc *p, char **argv, const char *name, uint64_t generation);
/* Kills what is left, and removes the directories. */
void conformproc_fini(struct conformproc *p);

/* 0 or -errno, that of exec included. Once. */
int conformproc_start(struct conformproc *p);

/* Takes what was written; never waits. */
void conformproc_hear(struct conformproc *p);
/* Never waits. */
bool conformproc_has_ended(struct conformproc *p);
/* "exited with status 3", "was killed by SIGTERM"; cap >= 64. */
const char *conformproc_how(const struct conformproc *p, char *out, size_t cap);

/* Whether `pid` has the pipe of the cookie open. */
bool conformproc_holds_cookie(const struct conformproc *p, pid_t pid);
/* Kills what it has left behind, and says how many processes that were. */
unsigned conformproc_sweep(struct conformproc *p);

#endif
