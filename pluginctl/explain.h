/*
 * explain: the pages about one plugin. Each returns
 * the exit code.
 */
#ifndef PLUGINCTL_EXPLAIN_H
#define PLUGINCTL_EXPLAIN_H

struct ctl;

int explain_show(struct ctl *ctl);
int explain_why(struct ctl *ctl);

#endif
