/*
 * logs: what plugins wrote. Each returns
 * the exit code.
 */
#ifndef PLUGINCTL_LOGS_H
#define PLUGINCTL_LOGS_H

struct ctl;

int logs_print(struct ctl *ctl);

#endif
