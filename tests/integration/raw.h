/*
 * raw: bytes on control.sock, for clients that do not behave. Blocking, each
 * call with the usual deadline.
 */
#ifndef TESTS_INTEGRATION_RAW_H
#define TESTS_INTEGRATION_RAW_H

#include "harness.h"

/* Sends all of it; false when the peer has closed. */
bool raw_send(int fd, const void *data, size_t len);
/* Our greeting, and theirs. */
void raw_greet(int fd);
/* A request with this id in its backtrace. `payload` as it is. */
bool raw_request(int fd, uint32_t id, const void *payload, size_t len);
/* [1, type, id, [...]] with encoded arguments: "" for none. */
bool raw_ask(
    int fd, uint32_t id, enum msg_type type, const char *args, size_t len);
/* The next reply: the id of its backtrace and its code. False: closed. */
bool raw_reply(int fd, uint32_t *ret_id, unsigned *ret_code);
/* Waits until the peer closes; what comes meanwhile is dropped. */
void raw_closed(int fd);

#endif
