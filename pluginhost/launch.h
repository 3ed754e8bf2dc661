/* launch: pluginhost --exec FD. See common/launch.h. */
#ifndef PLUGINHOST_LAUNCH_H
#define PLUGINHOST_LAUNCH_H

/* Becomes the program that the image on `fd` describes. Returns only on
 * failure, with the exit status to use. */
int launch_exec(int fd);

#endif
