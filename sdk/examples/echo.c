/*
 * echo: a plugin with a socket. It sends every datagram that comes to its UDP
 * port back, and shows how a plugin opens things while it initializes, works
 * from start to stop, tells how it is, and takes a new configuration without
 * a gap.
 *
 *	plugins:
 *	  echo:
 *	    module: echo.so
 *	    config: {address: 127.0.0.1, port: 7007, max_size: 1KiB}
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <plugind.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE_MAX_BYTES = 64 * 1024, BURST = 32 };

struct settings {
	struct sockaddr_in at;
	size_t max_bytes;
};

static struct echo {
	struct settings settings;
	int fd; /* valid from initialize to stop */
	struct plugind_watch *watch;
	uint64_t answered;
	uint64_t too_long;
} echo = {.fd = -1};

static int
read_config(const struct plugind_config *c, struct settings *ret)
{
	const char *address = plugind_config_string(c, "address", "127.0.0.1");
	int64_t port = plugind_config_int(c, "port", 7007, 0, 65535);
	int64_t max = plugind_config_size(c, "max_size", 1024);

	plugind_config_only(c, "address", "port", "max_size", NULL);
	memset(ret, 0, sizeof(*ret));
	ret->at.sin_family = AF_INET;
	ret->at.sin_port = htons((uint16_t)port);
	ret->max_bytes = (size_t)max;
	if (inet_pton(AF_INET, address, &ret->at.sin_addr) != 1)
		plugind_config_error(
		    c, "address", "must be an IPv4 address such as 127.0.0.1");
	if (max < 1 || max > SIZE_MAX_BYTES)
		plugind_config_error(c, "max_size", "must be from 1 to 64KiB");
	return plugind_config_ok(c) ? PLUGIND_OK : PLUGIND_FAILED;
}

static int
open_socket(struct plugind *p, const struct settings *s, int *ret)
{
	char address[INET_ADDRSTRLEN];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return plugind_fail(
		    p, "cannot make a socket: %s", strerror(errno));
	if (bind(fd, (const struct sockaddr *)&s->at, sizeof(s->at)) == 0) {
		*ret = fd;
		return PLUGIND_OK;
	}
	plugind_fail(p, "cannot bind to UDP %s:%u: %s; choose another `port`",
	    inet_ntop(AF_INET, &s->at.sin_addr, address, sizeof(address)),
	    ntohs(s->at.sin_port), strerror(errno));
	close(fd);
	return PLUGIND_FAILED;
}

static void
on_datagram(struct plugind *p, int fd, unsigned events, void *arg)
{
	static char bytes[SIZE_MAX_BYTES];
	struct sockaddr_storage from;

	(void)events;
	(void)arg;
	/* A bounded burst, so that everything else gets its turn. */
	for (int i = 0; i < BURST; i++) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, bytes, sizeof(bytes), MSG_TRUNC,
		    (struct sockaddr *)&from, &len);

		if (n < 0)
			return;
		if ((size_t)n > echo.settings.max_bytes) {
			echo.too_long++;
			plugind_degraded(p, "datagrams above max_size came in");
			continue;
		}
		if (sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from,
		        len) == n)
			echo.answered++;
	}
}

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	int r = read_config(c, &echo.settings);

	return r == PLUGIND_OK ? open_socket(p, &echo.settings, &echo.fd) : r;
}

static int
start(struct plugind *p)
{
	echo.watch =
	    plugind_watch_new(p, echo.fd, PLUGIND_READ, on_datagram, NULL);
	if (echo.watch == NULL)
		return plugind_fail(
		    p, "cannot watch the socket: %s", strerror(errno));
	return PLUGIND_OK;
}

static int
health(struct plugind *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(echo.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0)
		return plugind_answer(p, PLUGIND_DEGRADED,
		    "the socket had an error: %s", strerror(error));
	return PLUGIND_OK;
}

static bool
is_same_place(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_port == b->sin_port &&
	       a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* The new socket is there before the old one goes, or nothing changes. */
static int
move(struct plugind *p, const struct settings *to)
{
	struct plugind_watch *watch;
	int fd = -1;
	int r = open_socket(p, to, &fd);

	if (r != PLUGIND_OK)
		return r;
	watch = plugind_watch_new(p, fd, PLUGIND_READ, on_datagram, NULL);
	if (watch == NULL) {
		close(fd);
		return plugind_fail(p, "cannot watch the new socket");
	}
	plugind_watch_free(echo.watch);
	close(echo.fd);
	echo.watch = watch;
	echo.fd = fd;
	return PLUGIND_OK;
}

static int
configure(struct plugind *p, const struct plugind_config *c)
{
	struct settings s;
	int r = read_config(c, &s);

	if (r == PLUGIND_OK && !is_same_place(&s.at, &echo.settings.at))
		r = move(p, &s);
	if (r != PLUGIND_OK)
		return r;
	echo.settings = s;
	plugind_degraded(p, NULL);
	return PLUGIND_OK;
}

static int
stop(struct plugind *p)
{
	plugind_watch_free(echo.watch);
	echo.watch = NULL;
	if (echo.fd >= 0)
		close(echo.fd);
	echo.fd = -1;
	plugind_log(p, PLUGIND_INFO, "answered %llu, refused %llu",
	    (unsigned long long)echo.answered,
	    (unsigned long long)echo.too_long);
	return PLUGIND_OK;
}

PLUGIND_PLUGIN(.name = "echo", .version = "1.0", .initialize = initialize,
    .start = start, .stop = stop, .health = health, .configure = configure)
