/*
 * probe: asks a program once whether it is well: an HTTP GET, a TCP
 * connect, or a command. Never blocks; every question has a deadline; at most
 * one is open for each struct probe.
 */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#include "config.h"

#include <stdbool.h>

struct event_base;
struct probe;

/* ok, or a text that says what was asked and what came back: "GET
 * http://127.0.0.1:80/: connection refused". Text is valid in the call only.
 * The probe may be freed or asked again from the callback. */
typedef void probe_done_fn(void *arg, bool ok, const char *text);

/*
 * How an exec probe runs: given at init by the owner, since it needs the
 * plugin's user, limits and environment. Starts argv, returns its pid or
 * -errno; the exit comes back by probe_exec_exited. Output is not captured.
 */
typedef int probe_spawn_fn(void *arg, const struct strv *argv);
/* SIGKILL to the process group of an exec probe that is over its time. */
typedef void probe_kill_fn(void *arg, int pid);

struct probe_ops {
	probe_done_fn *done;
	probe_spawn_fn *spawn;
	probe_kill_fn *kill;
	void *arg;
};

/* 0 or -ENOMEM. `conf` is borrowed until probe_free. */
int probe_new(struct event_base *base, const struct probe_conf *conf,
    const struct probe_ops *ops, struct probe **ret);
void probe_free(struct probe *p); /* cancels; NULL is fine */

/* The same settings at another place: a new configuration that did not change
 * them. `conf` is borrowed from now on. NULL is fine for p. */
void probe_rebind(struct probe *p, const struct probe_conf *conf);

/* Asks; `done` follows from the loop, never from inside this call, within
 * timeout_ms. Asking while a question is open: -EBUSY. */
int probe_ask(struct probe *p, int64_t timeout_ms);
/* Forgets the open question; `done` is not called. */
void probe_cancel(struct probe *p);
bool probe_is_open(const struct probe *p);
/* The process that probe_spawn_fn started has ended (wait status). */
void probe_exec_exited(struct probe *p, int pid, int status);

/* "http http://...", "tcp ...", "exec a b": for show and why. */
const char *probe_describe(
    const struct probe_conf *conf, char *out, size_t cap);

#endif
