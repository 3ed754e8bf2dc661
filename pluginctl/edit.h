/*
 * edit: config edit, which checks a file before it replaces it. Each returns
 * the exit code.
 */
#ifndef PLUGINCTL_EDIT_H
#define PLUGINCTL_EDIT_H

struct ctl;

int edit_run(struct ctl *ctl);

#endif
