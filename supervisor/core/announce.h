/*
 * announce: events of the supervisor itself on the bus: what becomes of
 * plugins, and of the daemon. Without a router nobody listens, and nothing is
 * said.
 */
#ifndef CORE_ANNOUNCE_H
#define CORE_ANNOUNCE_H

/* Registers its observer. */
void announce_init(void);

/* system.started, system.stopped, system.config_changed */
enum announce_system {
	ANNOUNCE_STARTED,
	ANNOUNCE_STOPPED,
	ANNOUNCE_CONFIG_CHANGED,
};
void announce_system(enum announce_system what);

#endif
