/*
 * notify: the sd_notify protocol, both ways: to the service manager above
 * us, and from plugins with `ready: {notify: true}`. Datagrams only, never
 * blocks, no libsystemd (it would double the core's memory for 30 lines).
 */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;

/* Upwards. Reads NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID from the
 * environment once and unsets them. With a watchdog, sends WATCHDOG=1 from a
 * timer of the loop at half its period; without one there is no timer. */
int notify_init(struct event_base *base);
void notify_fini(void);
/* "READY=1", "STATUS=...\nSTOPPING=1"; nothing when there is no manager. */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* RELOADING=1 with MONOTONIC_USEC. */
void notify_reloading(void);

/* Downwards. */
struct notify_listener;
struct notify_message {
	pid_t pid; /* of the sender, from the kernel */
	uid_t uid;
	bool ready;
	bool reloading;
	bool stopping;
	bool watchdog;
	const char *status; /* not escaped, NUL-terminated, or NULL */
	int64_t main_pid;   /* 0: not given */
	int64_t extend_ms;  /* EXTEND_TIMEOUT_USEC, -1: not given */
};
typedef void notify_message_fn(void *arg, const struct notify_message *m);

/* Binds a datagram socket at `path` (owned by uid, mode 0600 or, for another
 * user than ours, 0622 without listing rights beyond its directory). 0 or
 * -errno. Datagrams above 4 KiB, with fds or with NUL are dropped. */
int notify_listen(struct event_base *base, const char *path, uid_t uid,
    notify_message_fn *fn, void *arg, struct notify_listener **ret);
void notify_listener_free(struct notify_listener *l); /* unlinks */
/* Throws away what is queued: it came from an incarnation that is gone. */
void notify_listener_discard(struct notify_listener *l);

#endif
