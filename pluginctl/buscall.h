/*
 * buscall: pluginctl calls methods of plugins, and asks who offers them.
 */
#ifndef PLUGINCTL_BUSCALL_H
#define PLUGINCTL_BUSCALL_H

struct ctl;

int buscall_call(struct ctl *ctl);
int buscall_services(struct ctl *ctl);

#endif
