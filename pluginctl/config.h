/*
 * config: the commands about the configuration. Each returns
 * the exit code.
 */
#ifndef PLUGINCTL_CONFIG_H
#define PLUGINCTL_CONFIG_H

struct ctl;

int config_check(struct ctl *ctl);
int config_show(struct ctl *ctl);
int config_schema(struct ctl *ctl);
int config_plan(struct ctl *ctl);
int config_apply(struct ctl *ctl);

#endif
