/*
 * launch: what the core tells the launcher about a process to start. The core
 * builds one image a plugin instance ahead of time, so that a respawn needs
 * no heap.
 *
 * One request is one message of a SOCK_SEQPACKET pair: the image, and as
 * SCM_RIGHTS the write ends for stdout, stderr and status, and one descriptor
 * more if the program is to inherit it as LAUNCH_GIFT_FD; without capture
 * only status. The answer is one int32_t: the pid, sent by the new
 * process itself, or a negative errno; a 0 follows when the launcher is free
 * again, which is when the new process has executed its program. The status pipe is close-on-exec: its
 * end says that the program runs; a struct launch_failure on it says why not.
 *
 * Image: struct launch_head, then at the given offsets the group list and
 * NUL-terminated strings; argv and environment are runs of such strings.
 * Both ends are built from this header in one tree: the format has no
 * versions, only a magic that includes the size of the head.
 */
#ifndef COMMON_LAUNCH_H
#define COMMON_LAUNCH_H

#include <stdint.h>

enum {
	LAUNCH_LIMITS_MAX = 8,
	LAUNCH_GROUPS_MAX = 256,
	LAUNCH_STRINGS_MAX = 16384, /* argv and environment */
	LAUNCH_FDS = 4, /* stdout, stderr, status, gift: those there are */
	LAUNCH_GIFT_FD = 3,
	/* Below the default send buffer of a unix socket. */
	LAUNCH_IMAGE_MAX = 192 * 1024,
};

struct launch_limit {
	uint32_t resource; /* RLIMIT_* */
	uint32_t pad;
	uint64_t soft;
	uint64_t hard;
};

struct launch_head {
	uint32_t magic; /* LAUNCH_MAGIC */
	uint32_t size;  /* of the whole image */
	int32_t parent; /* pid of the core: gone means exit at once */
	uint32_t uid;   /* UINT32_MAX: keep */
	uint32_t gid;
	uint32_t umask;
	uint32_t no_new_privileges;
	uint32_t ngroups;
	uint32_t groups; /* offset of uint32_t[ngroups], 4-aligned */
	uint32_t argc;
	uint32_t argv;
	uint32_t envc;
	uint32_t env;
	uint32_t working_dir;  /* offset; 0: stay */
	uint32_t cgroup_procs; /* offset of the path; 0: none */
	uint32_t cgroup_join; /* join by that file, not at birth: see serve.c */
	uint32_t nlimits;
	uint32_t pad;
	struct launch_limit limits[LAUNCH_LIMITS_MAX];
};

#define LAUNCH_MAGIC (0x706c0000u | (uint32_t)sizeof(struct launch_head))

/* Where it went wrong. Order is the order of the steps. */
enum launch_stage {
	LAUNCH_IMAGE,
	LAUNCH_CGROUP,
	LAUNCH_STDIO,
	LAUNCH_LIMITS,
	LAUNCH_GROUPS,
	LAUNCH_GID,
	LAUNCH_UID,
	LAUNCH_PRIVILEGES,
	LAUNCH_WORKING_DIR,
	LAUNCH_EXEC,
	LAUNCH_STAGE__COUNT
};

struct launch_failure {
	int32_t stage;
	int32_t error; /* errno */
};

/* Exit status of a process that could not become the program. */
enum { LAUNCH_EXIT_NOT_FOUND = 127, LAUNCH_EXIT_FAILED = 126 };

#endif
