/*
 * candidate: whether the configuration would be good with one file replaced.
 */
#ifndef PLUGINCTL_CANDIDATE_H
#define PLUGINCTL_CANDIDATE_H

#include "common/buf.h"

/*
 * Runs plugind --check-config on the configuration of `main_path` with
 * `copy` in the place of `target` (all absolute; the target is the main file
 * or one in plugins.d beside it). Returns plugind's exit code and appends
 * what it said to `report`, with the real names of the files; or -errno when
 * it could not be run. Changes nothing.
 */
int candidate_check(const char *main_path, const char *target, const char *copy,
    struct buf *report);

#endif
