/*
 * control: control.sock. Accepts, greets, frames, limits, authorizes, and
 * hands requests to their handlers. See docs/CONTROL.md.
 */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

struct event_base;

/* Binds runtime_dir/control.sock. 0, or -errno after logging. */
int control_init(struct event_base *base, const char *runtime_dir);
void control_fini(void);

#endif
