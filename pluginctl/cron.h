/*
 * cron: the commands about schedules, which need no daemon. Each returns the
 * exit code.
 */
#ifndef PLUGINCTL_CRON_H
#define PLUGINCTL_CRON_H

struct ctl;
struct cron;
struct buf;

int cron_command_next(struct ctl *ctl);
int cron_command_explain(struct ctl *ctl);

/* cronwords.c: what a schedule means, as a sentence; then, a line each, what is
 * surprising about it (none: ""). */
void cron_put_words(struct buf *out, const struct cron *c);
void cron_put_warnings(struct buf *out, const struct cron *c);

#endif
