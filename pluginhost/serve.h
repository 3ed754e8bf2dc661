/* serve: the launcher. See common/launch.h. */
#ifndef PLUGINHOST_SERVE_H
#define PLUGINHOST_SERVE_H

/* Starts processes for the core until its end of `fd` closes. Returns the
 * exit status. */
int serve(int fd);

#endif
