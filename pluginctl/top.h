/* top: what plugins use and do. Returns the exit code. */
#ifndef PLUGINCTL_TOP_H
#define PLUGINCTL_TOP_H

struct ctl;

int top_run(struct ctl *ctl);

#endif
