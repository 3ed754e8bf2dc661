/*
 * managed: the life of module and exec plugins over the bus: what the core
 * says to the router about an incarnation, the command that is under way, and
 * what its outcome means for the state machine. PROTOCOL.md in docs/ has the
 * exchange.
 *
 * Only says how far a plugin has come; whether it lives is the reaper's to
 * know. Without a router everything waits: commands are kept, one a plugin,
 * and sent again when its link is up.
 */
#ifndef CORE_MANAGED_H
#define CORE_MANAGED_H

#include "table.h"

#include "common/frame.h"

/* Once per row, and again when its account has changed. 0 or -ENOMEM. */
int managed_prepare(struct row *row, uid_t uid, gid_t gid);
void managed_free(struct row *row);

/*
 * Before a spawn: makes the directory of sockets, a cookie, tells the router.
 * *ret_gift is the descriptor that the process inherits; the caller closes
 * it. 0 or -errno.
 */
int managed_begin(struct row *row, int *ret_gift);
void managed_spawned(struct row *row);
/* After the exit, or a spawn that failed. */
void managed_end(struct row *row);

/* The command of the state that is entered. */
void managed_start(struct row *row);
/* False: it cannot hear a command now, use a signal. */
bool managed_stop(struct row *row);
/* False: it cannot, or is not running: restart it. */
bool managed_can_reconfigure(const struct row *row);
bool managed_reconfigure(struct row *row);
/* Its `events:` or `bus:` are others now. */
void managed_rights_changed(const struct row *row);
bool managed_is_configuring(const struct row *row);
/* The deadline of lifecycle_limit. */
void managed_late(struct row *row);

/* Asks; health_answer follows, or not. */
void managed_ask_health(struct row *row);
/* True when silence since `since_ms` is the plugin's own and not the
 * router's. */
bool managed_is_to_blame(const struct row *row, int64_t since_ms);

/* What it wrote to stderr before it was running: a host that cannot load its
 * module says so there. "" when nothing. */
const char *managed_last_words(const struct row *row);
void managed_hear(struct row *row, const char *line, size_t len);

/* It runs on with its old configuration. */
bool managed_has_refused(const struct row *row);
/* What a start that was not ready in time may be due to: ": ...", or "". */
const char *managed_silence(const struct row *row);

/* From the router. */
void managed_take(const struct frame *f);
/* It is new and knows nothing: everything is said again. */
void managed_replay(void);
/* It is gone, and with it all links. */
void managed_router_lost(void);

/* Managed plugins whose link is up. */
size_t managed_links(void);

struct managed_report {
	bool up;             /* the link */
	const char *version; /* "" before its hello */
	const char *type;
	const char *command; /* that is under way, or NULL */
	const char *sockets; /* directory, "" when there is none */
	uint64_t serial;     /* 0: the router knows nothing of it */
};
void managed_report(const struct row *row, struct managed_report *ret);

#endif
