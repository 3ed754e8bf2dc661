/*
 * completion: scripts for shells, made from the command table. Each returns
 * the exit code.
 */
#ifndef PLUGINCTL_COMPLETION_H
#define PLUGINCTL_COMPLETION_H

struct ctl;

int completion_print(struct ctl *ctl);

#endif
