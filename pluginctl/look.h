/*
 * look: the commands that list things. Each returns
 * the exit code.
 */
#ifndef PLUGINCTL_LOOK_H
#define PLUGINCTL_LOOK_H

struct ctl;

int look_status(struct ctl *ctl);
int look_failures(struct ctl *ctl);
int look_version(struct ctl *ctl);
int look_ping(struct ctl *ctl);

#endif
