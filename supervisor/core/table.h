/*
 * table: the process table. A plugin is an entry of the configuration; a row
 * is one instance of it and has at most one process. The table knows names,
 * rows and who depends on whom; it decides nothing and does no I/O.
 *
 * Rows and plugins are freed by table_collect only, never inside a callback.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include "config.h"
#include "fsm.h"
#include "image.h"
#include "reaper.h"
#include "restart.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <sys/queue.h>

struct childlog;
struct notify_listener;
struct op;
struct health;
struct managed;
struct plugin;

enum plugin_health {
	HEALTH_UNKNOWN,
	HEALTH_OK,
	HEALTH_DEGRADED,
	HEALTH_FAILING,
	HEALTH__COUNT
};

enum stop_reason {
	STOP_NONE,
	STOP_OPERATOR,
	STOP_RESTART,    /* operator asked for a new process */
	STOP_CONFIG,     /* new configuration */
	STOP_DEPENDENCY, /* a dependency with restart: true went away */
	STOP_UNHEALTHY,
	STOP_START_TIMEOUT,
	STOP_START_FAILED, /* it said so */
	STOP_REFUSED,      /* it does not want its configuration */
	STOP_REMOVED,
	STOP_SHUTDOWN,
	STOP_REASON__COUNT
};

/* Each harder than the one before it. */
enum stop_step {
	STOP_BY_COMMAND, /* over the bus */
	STOP_BY_SIGNAL,
	STOP_BY_KILL,
};

enum exit_kind { EXIT_KIND_NONE, EXIT_KIND_EXIT, EXIT_KIND_SIGNAL };

enum { ROW_NAME_MAX = 64, ROW_TEXT_MAX = 200, ROW_EXITS = 5 };

struct exit_record {
	int64_t time_ms; /* Unix */
	uint64_t generation;
	int64_t uptime_ms;
	enum exit_kind kind;
	int value; /* exit status or signal */
	bool core_dumped;
	bool asked; /* a stop was under way */
	char error[ROW_TEXT_MAX];
};

#define ROW_MAGIC 0x726f7731u

struct row {
	uint32_t magic;
	char name[ROW_NAME_MAX]; /* "worker", or "worker:2" if there are more */
	char id[ROW_NAME_MAX];   /* "worker:1" always: cgroup, socket names */
	unsigned instance;       /* from 1 */
	struct plugin *plugin;
	struct config *config; /* a reference: what this row runs with */
	const struct plugin_conf *conf;

	enum plugin_state state; /* written by lifecycle.c only */
	enum plugin_wish wish;
	enum plugin_health health;
	enum stop_reason stop_reason;
	unsigned stop_step;  /* of enum stop_step: what comes next */
	bool stop_commanded; /* over the bus: the signal is the second step */
	bool removed;        /* gone from the configuration */
	bool draining;       /* ordered stop: goes when its dependents went */
	bool queued;         /* in the spawn queue */
	bool was_ready;      /* this incarnation */
	bool launch_failed;  /* this incarnation never became its program */
	bool has_cgroup;
	bool cgroup_killed; /* it has seen cgroup.kill */
	bool taken;         /* known to lifecycle.c and prepare.c */
	bool unsettled;     /* counted by lifecycle.c */

	struct child child;
	struct image image;
	struct event status_event; /* of the launcher's pipe */
	int status_fd;             /* -1: closed */
	uint64_t generation;
	uint64_t restarts;
	int64_t since_ms;   /* monotonic: when the state was entered */
	int64_t started_ms; /* monotonic, of this process */
	int64_t started_real_ms;
	int64_t ready_ms;      /* monotonic */
	int64_t due_ms;        /* monotonic: when the deadline fires; 0: none */
	struct event deadline; /* the one deadline of the present state */

	struct restart_state tally;
	struct exit_record *exits; /* ring of ROW_EXITS, newest at `nexits`-1 */
	unsigned nexits;           /* ever */
	char last_error[ROW_TEXT_MAX];
	char message[ROW_TEXT_MAX]; /* STATUS of the plugin */

	struct childlog *log;
	struct notify_listener *notify;
	struct health *watch;    /* readiness and probes; health.c */
	struct managed *managed; /* NULL: a command; managed.c */
	struct op *op; /* the latest operation that waits for this row */
	unsigned op_index;
	int64_t backoff_ms; /* of the restart that is pending */
	uint64_t oom_kills; /* of its cgroup, as last seen */
	TAILQ_ENTRY(row) spawn_link;
};

#define PLUGIN_MAGIC 0x706c7567u

struct plugin {
	uint32_t magic;
	char name[CONFIG_NAME_MAX + 1];
	const struct plugin_conf *conf; /* of the newest configuration */
	struct row **rows;
	size_t nrows;
	struct plugin **deps; /* parallel to conf->deps */
	size_t ndeps;         /* conf->ndeps, or 0 when memory was short */
	struct plugin **dependents;
	size_t ndependents;
	bool removed;
	bool visited; /* scratch of walks */
};

struct table {
	struct plugin **plugins; /* in start order: dependencies first */
	size_t n;
	struct config *config; /* the newest */
};

extern struct table table;

/*
 * Takes a new configuration (a reference of its own): makes plugins and rows
 * that are new, marks those that are gone, links dependencies, sorts. Rows
 * that exist keep their old conf: reload.c moves them. 0 or -ENOMEM, and
 * then some dependencies may be missing until the next call.
 */
int table_apply(struct config *config);
/* Frees plugins and rows that are destroyed. From the top of the loop only. */
void table_collect(void);
void table_free(void);

struct plugin *table_find_plugin(const char *name);
/* "worker" finds all its rows, "worker:2" one; *ret_rows points into the
 * plugin. 0 or -ENOENT. */
int table_find_rows(const char *name, struct row ***ret_rows, size_t *ret_n);
size_t table_count_rows(void);

/* Every row, in start order. */
struct table_cursor {
	size_t plugin;
	size_t row;
};
struct row *table_next(struct table_cursor *c);
#define table_foreach(row_, cursor_)               \
	for (struct table_cursor cursor_ = {0, 0}; \
	     ((row_) = table_next(&(cursor_))) != NULL;)

/* The newest exit of a row, or NULL; n counts back from it. */
const struct exit_record *row_exit(const struct row *row, unsigned n);

const char *plugin_health_to_string(enum plugin_health h);
const char *stop_reason_to_string(enum stop_reason r);
/* A stop that counts as a failure of the plugin. */
bool stop_reason_is_failure(enum stop_reason r);
const char *exit_kind_to_string(enum exit_kind k);

#endif
