/*
 * canary: proves that nng in this process still carries messages: a request
 * over a private socket, from this process to itself.
 */
#ifndef ROUTER_CANARY_H
#define ROUTER_CANARY_H

#include <stdint.h>

/* `directory` holds the socket. 0 or -errno. */
int canary_init(const char *directory);

/* Answers the core's ping `number` once the round trip is done; a ping that
 * comes meanwhile takes its place. */
void canary_sing(uint64_t number);

#endif
