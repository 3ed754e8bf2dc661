/*
 * act: the commands that change something. Each returns the exit code.
 */
#ifndef PLUGINCTL_ACT_H
#define PLUGINCTL_ACT_H

struct ctl;

/* start, stop, restart, reload, reset: the request of the command's row. */
int act_names(struct ctl *ctl);
/* reload without a name is apply. */
int act_reload(struct ctl *ctl);
int act_kill(struct ctl *ctl);
int act_enable(struct ctl *ctl);
int act_disable(struct ctl *ctl);
int act_scale(struct ctl *ctl);
int act_wait(struct ctl *ctl);

#endif
