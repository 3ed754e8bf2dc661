/*
 * image: everything a launcher needs to become one plugin instance's
 * program, built ahead of time (common/launch.h) so that a respawn needs no
 * heap and looks nothing up.
 */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H

#include "config.h"

#include "common/launch.h"

struct image {
	struct launch_head *head; /* head->size bytes; NULL: not built */
	size_t tail_at; /* offset of what image_set_generation writes */
	char *sockets;  /* directory of the sockets without the generation, in
	                   the image's block; NULL: none */
};

struct image_input {
	const struct plugin_conf *conf;
	const struct strv *argv; /* NULL: the plugin's own program */
	unsigned instance;       /* from 1 */
	const char *state_dir;   /* of the plugin, exported as STATE_DIR */
	const char *notify_path; /* NULL: none */
	const char *sockets; /* "/run/plugind/p/NAME.", the generation follows;
	                        NULL: not managed */
	const char *cgroup_procs; /* NULL: none */
	bool rlimit_processes;    /* no pids controller: RLIMIT_NPROC */
	bool rlimit_memory;       /* no memory controller: RLIMIT_DATA */
};

/* The account a plugin runs under. */
struct account {
	uint32_t uid; /* UINT32_MAX: as the daemon */
	uint32_t gid;
	char user[64];
	char home[256];
	uint32_t groups[LAUNCH_GROUPS_MAX];
	uint32_t ngroups;
};

/* Looks up user and group of the configuration. 0, or -errno with a sentence
 * in `why`. Asks the name service: at load time only. */
int account_lookup(
    const struct plugin_conf *conf, struct account *ret, char *why, size_t cap);

/* Builds; an old image is replaced on success only. 0, -ENOMEM, -E2BIG (the
 * image would pass LAUNCH_IMAGE_MAX), or what account_lookup says. */
int image_build(
    const struct image_input *in, struct image *image, char *why, size_t cap);
void image_fini(struct image *image);

/* Writes what is new with each start into the environment. No heap. */
void image_set_generation(struct image *image, uint64_t generation);
/* Join the cgroup after birth: it has seen cgroup.kill. No heap. */
void image_set_join(struct image *image, bool join);

/* The soft NOFILE limit that the daemon was started with: children get it
 * back. Called once, before the daemon raises its own. */
void image_note_limits(void);

#endif
