/*
 * daemon: the program of the daemon and its files, for what works without a
 * running one.
 */
#ifndef PLUGINCTL_DAEMON_H
#define PLUGINCTL_DAEMON_H

/* Becomes plugind with these arguments (argv[0] is set here); returns the
 * exit code only when that cannot be, having said so. */
int daemon_exec(char **argv);

/* The main configuration file that plugind would read. Caller frees; NULL:
 * out of memory. */
char *daemon_config_path(void);

#endif
