/*
 * server: owns its socket and its thread; both end with the test. See
 * server.h.
 *
 * Must never: be reached from another machine.
 */
#include "server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
answer(int fd, int status)
{
	char text[128];
	char request[1024];
	int n = snprintf(text, sizeof(text),
	    "HTTP/1.0 %d Whatever\r\nContent-Length: 2\r\n\r\nhi", status);

	if (read(fd, request, sizeof(request)) > 0)
		(void)!write(fd, text, (size_t)n);
	close(fd);
}

static void *
serve(void *arg)
{
	struct server *s = arg;

	for (;;) {
		int fd = accept(s->listener, NULL, NULL);
		int status = atomic_load(&s->status);

		if (fd < 0)
			return NULL;
		atomic_fetch_add(&s->asked, 1);
		if (status > 0)
			answer(fd, status);
		else if (status == SERVER_CLOSES)
			close(fd);
		/* else it stays open, without an answer */
	}
}

struct server *
server_start(int status)
{
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	pthread_t thread;

	ck_assert_ptr_nonnull(s);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	atomic_store(&s->status, status);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(s->listener, 0);
	ck_assert_int_eq(
	    bind(s->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(s->listener, 64), 0);
	ck_assert_int_eq(
	    getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, s), 0);
	pthread_detach(thread);
	return s;
}
