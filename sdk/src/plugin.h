/*
 * plugin: the plugin of this process, `struct plugind` of plugind.h: what it
 * is, how far it has come, and what it is busy with. Everything but the way
 * to the daemon, which is whatever `send` of its outbox does: connect.c, or a
 * test.
 */
#ifndef SDK_PLUGIN_H
#define SDK_PLUGIN_H

#include "call.h"
#include "descriptor.h"
#include "identity.h"
#include "outbox.h"
#include "pool.h"
#include "publish.h"
#include "serve.h"
#include "subscribe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;

enum {
	PLUGIN_MAGIC = 0x706c7567,
	PLUGIN_TEXT_MAX = 4000, /* of an outcome, as escaped */
	PLUGIN_LEAVE_MS = 500,  /* for the last acknowledgements */
};

/* How far it has come. */
enum plugin_phase {
	PHASE_NEW,
	PHASE_INITIALIZED,
	PHASE_RUNNING,
	PHASE_FAILED, /* initialize or start failed: only stop is left */
	PHASE_STOPPING,
	PHASE__COUNT
};

/* A command of one kind, the last that came. */
struct plugin_command {
	unsigned type; /* of msgs.def; 0: none yet */
	uint64_t op;
	bool unfinished;
	bool returned;    /* its callback has, with PLUGIND_LATER */
	bool done_early;  /* plugind_done came first... */
	int early_result; /* ...with this */
	int result;       /* when it is finished */
	char text[PLUGIN_TEXT_MAX + 1]; /* what plugind_fail was told */
};

/* What a program that is no plugin wants to know: nobody gives it commands.
 * Each may be called from anywhere below the loop. */
struct plugin_host {
	void (*linked)(struct plugind *p, bool is_up);
	void (*refused)(struct plugind *p, const char *why);
	void (*advanced)(struct plugind *p); /* to another phase */
};

/* Where log lines go instead of stderr, in tests. Any thread. */
typedef void plugin_log_fn(
    void *arg, enum plugind_level level, const char *text);

struct plugind {
	uint32_t magic;
	struct plugind_descriptor descriptor;
	struct identity identity;
	struct event_base *base;
	void *data; /* the plugin's */

	enum plugin_phase phase;
	bool opened; /* initialize was called and has not failed */
	struct plugin_command life;   /* all but health */
	struct plugin_command health; /* never unfinished for long */
	bool in_health;               /* its callback runs */
	int64_t stop_at_ms;           /* clock_mono_ms; -1: nobody said */

	struct outbox outbox;
	struct publish publish;
	struct subscribe subscribe;
	struct calls calls;
	struct serve serve;
	struct pool pool;
	char *degraded;   /* told unasked; NULL: it is not */
	bool status_news; /* not yet in the outbox */

	plugind_refused_fn *refused; /* NULL: a line in the log */
	void *refused_arg;

	bool leaving; /* as soon as the outbox is empty */
	bool ended;
	int exit_status;
	struct event *leave_event;

	plugin_log_fn *log; /* NULL: stderr */
	void *log_arg;

	const struct plugin_host *host; /* NULL: it is a plugin */
	void *host_arg;
};

/* Makes a plugin of a checked descriptor, with a loop of its own; `send` is
 * its way to the daemon. 0 or -ENOMEM. */
int plugin_new(const struct plugind_descriptor *descriptor,
    const struct identity *identity, outbox_send_fn *send, void *send_arg,
    struct plugind **ret);
void plugin_free(struct plugind *p); /* NULL is fine */

/* Runs the loop until plugin_leave has come to its end; the exit status. */
int plugin_run(struct plugind *p);

/* Ends the loop with `status`, once everything is acknowledged or after
 * PLUGIN_LEAVE_MS. The first call counts. */
void plugin_leave(struct plugind *p, int status);

/* The answer to a hub request other than hello; `f` stands behind its code. */
void plugin_acknowledged(
    struct plugind *p, const struct frame *f, uint64_t code);
/* All that has no answer yet; `is_anew`: hello was accepted on a new connection,
 * so all that a router has to know. */
void plugin_say_again(struct plugind *p, bool is_anew);
/* Hello holds no more. */
void plugin_unlinked(struct plugind *p);

/* The router's answer `f`, which stands behind its `code`, refuses `what`. */
void plugin_refused(
    struct plugind *p, const char *what, const struct frame *f, uint64_t code);

/* Sends its health, told unasked, if there is news and the last has arrived. */
void plugin_send_status(struct plugind *p);

/* Formats into a text of an outcome: escaped, cut to PLUGIN_TEXT_MAX. */
void plugin_set_text(char out[PLUGIN_TEXT_MAX + 1], const char *fmt, va_list ap)
    PLUGIND_PRINTF(2, 0);

#endif
