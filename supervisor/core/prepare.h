/*
 * prepare: gives a row what its configuration asks for, ahead of its first
 * start and again when the configuration changes: directories, cgroup, log,
 * notify socket, probes, launch image.
 */
#ifndef CORE_PREPARE_H
#define CORE_PREPARE_H

#include "table.h"

struct event_base;

struct prepare_dirs {
	const char *runtime_dir;
	const char *state_dir;
};

/* Makes runtime_dir/notify, state_dir/plugins and state_dir/logs. The strings
 * are kept by reference. 0, or -errno after logging. */
int prepare_init(struct event_base *base, const struct prepare_dirs *dirs);

/* 0, or -errno and a sentence in row->last_error; the row can then not be
 * started, everything else about it works. */
int prepare_row(struct row *row);

/* An image of another program with the plugin's user, limits and environment:
 * an exec probe. As image_build. */
int prepare_probe_image(const struct row *row, const struct strv *argv,
    struct image *image, char *why, size_t cap);

/* The cgroup alone: made if it is not there, with its limits. 0, or -errno
 * and a sentence in row->last_error. */
int prepare_cgroup(struct row *row);
/* The log alone, after new limits. 0 or -ENOMEM. */
int prepare_log(struct row *row);

/* Undoes what outlives the row's memory (its cgroup). */
void prepare_forget(struct row *row);

/* Whom the sockets belong to. */
uid_t prepare_router_uid(void);

/* state_dir/plugins/NAME of a plugin. */
const char *prepare_state_dir(const struct row *row, char *out, size_t cap);

#endif
