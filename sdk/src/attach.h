/*
 * attach: how a program that is no plugin gets an identity: it asks the
 * daemon for a place on the bus, by control.sock.
 */
#ifndef SDK_ATTACH_H
#define SDK_ATTACH_H

#include "identity.h"

/* Asks at `control_socket` (NULL: where it usually is), as `program`, and
 * waits for the answer, some seconds at most. 0, or an exit status after
 * saying on stderr what is wrong. */
int attach_ask(
    const char *control_socket, const char *program, struct identity *ret);

#endif
