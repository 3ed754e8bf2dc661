/*
 * notify, upwards: tells the service manager that we are ready, what we do,
 * and, when it asks for it, that the loop still turns. The other direction
 * is notifylisten.c.
 *
 * Owns one socket and, with a watchdog, one timer of the loop: it is the
 * loop itself that has to keep turning for the timer to fire. A message that
 * the manager cannot take now is lost, and that is logged, since waiting for
 * it could hold up the loop. Must never run without a manager.
 */
#include "notify.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_MAX = 2048 };

static struct {
	int fd; /* -1: no manager */
	struct sockaddr_un address;
	socklen_t address_len;
	struct event *timer;
	bool told; /* that it cannot be told anything */
} manager = {.fd = -1};

/* "/path" or "@abstract". */
static int
set_address(const char *name)
{
	struct sockaddr_un *a = &manager.address;
	size_t len = strlen(name);

	if (len < 2 || (name[0] != '/' && name[0] != '@') ||
	    len >= sizeof(a->sun_path))
		return -EINVAL;
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(a->sun_path, name, len);
	if (name[0] == '@')
		a->sun_path[0] = '\0';
	else
		len++;
	manager.address_len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

/* A positive number from the environment, or 0. */
static int64_t
get_number(const char *name)
{
	const char *s = getenv(name);
	char *end;
	long long n;

	if (!s || *s < '0' || *s > '9')
		return 0;
	errno = 0;
	n = strtoll(s, &end, 10);
	return errno == 0 && *end == '\0' ? n : 0;
}

/* Microseconds between two signs of life, or 0 when nobody waits for them. */
static int64_t
get_watchdog_us(void)
{
	int64_t pid = get_number("WATCHDOG_PID");

	if (getenv("WATCHDOG_PID") && pid != getpid())
		return 0;
	return get_number("WATCHDOG_USEC") / 2;
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_send("WATCHDOG=1");
}

static int
start_watchdog(struct event_base *base, int64_t period_us)
{
	struct timeval period = {
	    .tv_sec = period_us / 1000000, .tv_usec = period_us % 1000000};

	manager.timer = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
	if (!manager.timer || event_add(manager.timer, &period) != 0)
		return -ENOMEM;
	on_watchdog(-1, 0, NULL);
	return 0;
}

static int
open_manager(struct event_base *base, const char *name, int64_t watchdog_us)
{
	int r = set_address(name);

	if (r != 0)
		return r;
	manager.fd =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (manager.fd < 0)
		return -errno;
	return watchdog_us > 0 ? start_watchdog(base, watchdog_us) : 0;
}

int
notify_init(struct event_base *base)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int64_t watchdog_us = get_watchdog_us();
	int r = 0;

	if (name && *name)
		r = open_manager(base, name, watchdog_us);
	if (r != 0)
		notify_fini();
	/* Ours: a plugin must not speak for us. */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return r;
}

void
notify_fini(void)
{
	if (manager.timer)
		event_free(manager.timer);
	if (manager.fd >= 0)
		close(manager.fd);
	manager.timer = NULL;
	manager.fd = -1;
}

void
notify_send(const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;
	int n;

	if (manager.fd < 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (sendto(manager.fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
	        (const struct sockaddr *)&manager.address,
	        manager.address_len) >= 0)
		return;
	/* Once: it would come again with every plugin that moves. */
	log_write(manager.told ? LOG_DEBUG : LOG_WARN, NULL,
	    "cannot notify the service manager of %.40s: %s", text,
	    strerror(errno));
	manager.told = true;
}

void
notify_reloading(void)
{
	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
}
