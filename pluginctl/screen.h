/*
 * screen: a terminal that is drawn anew, and its keys.
 */
#ifndef PLUGINCTL_SCREEN_H
#define PLUGINCTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

struct ctl;

/* Whether stdout is a terminal that can. */
bool screen_is_there(void);

/* From now on keys are not shown, and ^C ends screen_wait and what waits for
 * the daemon. */
void screen_open(struct ctl *ctl);
/* The terminal is as it was, what was drawn last stays there. */
void screen_close(void);

/* Shows a line and a text of lines, as far as there is room. */
void screen_draw(const char *head, const char *text);

/* Until then, on the monotonic clock; false: somebody wants to leave. */
bool screen_wait(const struct ctl *ctl, int64_t until_ms);

#endif
