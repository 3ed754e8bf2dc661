/*
 * conform: the command that tries a plugin against docs/PROTOCOL.md. Returns
 * the exit code.
 */
#ifndef PLUGINCTL_CONFORM_H
#define PLUGINCTL_CONFORM_H

struct ctl;

int conform_run(struct ctl *ctl);

#endif
