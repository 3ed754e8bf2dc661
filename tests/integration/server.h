/*
 * server: a small HTTP server on a loopback port of its own, in a thread of
 * the test, that answers probes as the test wishes.
 */
#ifndef TESTS_INTEGRATION_SERVER_H
#define TESTS_INTEGRATION_SERVER_H

#include <stdatomic.h>

enum { SERVER_HANGS = 0, SERVER_CLOSES = -1 };

struct server {
	int port;
	int listener;
	atomic_int status; /* HTTP, or one of the above */
	atomic_int asked;
};

/* Ends with the process of the test. */
struct server *server_start(int status);

#endif
