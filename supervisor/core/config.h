/*
 * config: what the operator wrote, checked and with all defaults filled in.
 *
 * A struct config is immutable once loaded and counted: each plugin row
 * holds a reference to the one it was started with. Everything in it lives
 * in one arena and goes with the last reference. Nothing here does I/O but
 * config_load.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "common/buf.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CONFIG_FILE_MAX = 256 * 1024,
	CONFIG_SUBTREE_MAX = 1000 * 1024, /* of `config:`: one message has it */
	CONFIG_DEPTH_MAX = 16,
	CONFIG_NODES_MAX = 65536, /* per file */
	CONFIG_KEY_MAX = 128,     /* YAML takes no 1024, written in quotes */
	CONFIG_FILES_MAX = 1024,
	CONFIG_ERRORS_MAX = 200, /* kept; the rest is counted */
	CONFIG_PLUGINS_MAX = 4096,
	CONFIG_DEPS_MAX = 256,        /* of one plugin */
	CONFIG_INSTANCES_MAX = 10000, /* of one plugin, and rows of all */
	CONFIG_MANAGED_MAX = 4096, /* of them on the bus: the router's limit */
	CONFIG_NAME_MAX = 48,
};

struct conf_loc {
	const char *file; /* as the operator named it; NULL: a default */
	int line;         /* from 1 */
	int column;       /* from 1, in characters */
};

/* A place in the file of a plugin's entry. */
struct conf_mark {
	uint32_t line;
	uint32_t column;
};

struct strv {
	char **v; /* NULL-terminated; NULL when n is 0 */
	size_t n;
};

/* The router is nobody's entry: load.c adds it where there are managed
 * plugins. */
enum conf_kind {
	KIND_COMMAND,
	KIND_EXEC,
	KIND_MODULE,
	KIND_ROUTER,
	CONF_KIND__COUNT
};

#define ROUTER_NAME "plugind-router"

enum restart_policy {
	RESTART_ON_FAILURE,
	RESTART_ALWAYS,
	RESTART_NEVER,
	RESTART_POLICY__COUNT
};
enum probe_kind { PROBE_NONE, PROBE_HTTP, PROBE_TCP, PROBE_EXEC };
enum ready_kind {
	READY_DEFAULT, /* the health probe if there is one, else the exec */
	READY_NOTIFY,
	READY_LOG,
	READY_PROBE,
	READY_AFTER,
};
enum dep_condition {
	DEP_STARTED,
	DEP_READY,
	DEP_HEALTHY,
	DEP_COMPLETED,
	DEP_CONDITION__COUNT
};
enum conf_overflow { OVERFLOW_DROP_OLDEST, OVERFLOW_BLOCK };

struct restart_conf {
	enum restart_policy policy;
	int64_t delay_ms;
	int64_t factor_milli; /* 2000 = doubles */
	int64_t max_delay_ms;
	int64_t jitter_milli; /* 10000 = 10 % */
	int64_t max_restarts; /* 0 = unlimited */
	int64_t window_ms;
	int64_t stable_after_ms;
};

struct stop_conf {
	int64_t timeout_ms;
	int signal;
	int64_t kill_after_ms;
};

struct probe_conf {
	enum probe_kind kind;
	char *http; /* the URL as written */
	char *host; /* http, tcp: numeric address, "localhost" resolved
	                     to 127.0.0.1 at load; names are an error */
	uint16_t port;
	char *path; /* http: path and query, at least "/" */
	char *tcp;  /* as written */
	struct strv exec;
};

struct health_conf {
	int64_t interval_ms;
	int64_t timeout_ms;
	int64_t failures;
	struct probe_conf probe;
};

struct ready_conf {
	enum ready_kind kind; /* derived from which key is given */
	bool notify;
	char *log; /* POSIX extended regex, compiled at load to
	                         check it */
	struct probe_conf probe;
	int64_t after_ms;
};

struct limits_conf {       /* -1: not set */
	int64_t memory;    /* bytes */
	int64_t cpu_milli; /* thousandths of a percent of one CPU */
	int64_t processes;
	int64_t open_files;
	int64_t core; /* bytes */
};

struct logfile_conf {
	int64_t max_size;
	int64_t max_files;
};

struct dep_conf {
	char *name;
	enum dep_condition condition;
	bool restart;
	struct conf_loc loc;
};

struct events_conf {
	struct strv publish;
	struct strv subscribe;
	enum conf_overflow on_overflow;
};

struct plugin_conf {
	char *name;
	struct conf_loc loc; /* of its key */
	enum conf_kind kind; /* derived: which of the three keys is given */
	char *module;
	struct strv exec;
	struct strv command;
	bool enabled;
	int64_t instances;
	struct dep_conf *deps;
	size_t ndeps;
	struct restart_conf restart;
	int64_t start_timeout_ms;
	struct stop_conf stop;
	int reload_signal;
	struct health_conf health;
	struct ready_conf ready;
	char *user;  /* NULL: the daemon's */
	char *group; /* NULL: the user's primary group */
	char *working_dir;
	int64_t umask;
	struct strv environment; /* "KEY=value", in order of the file */
	bool no_new_privileges;
	struct limits_conf limits;
	struct events_conf events;
	struct strv calls;
	struct logfile_conf log;
	bool essential;
	char *type;      /* service | middleware | transport */
	uint8_t *config; /* msgpack map of the free subtree, or NULL */
	size_t config_len;
	struct conf_mark *config_marks; /* of each object, in order */
	size_t nconfig_marks;
};

struct daemon_log_conf {
	enum log_level level;
	enum log_format format;
	char *path; /* "stderr" or a file */
	struct logfile_conf file;
};

struct autoload_conf {
	bool enabled;
	char *directory;
	bool hot_swap;
};

struct bus_conf {
	int64_t max_frame;
	int64_t retain;
	int64_t retain_bytes;
	int64_t block_timeout_ms;
	int64_t queue_events;
	int64_t queue_bytes;
};

struct config {
	char *path;        /* of the main file, absolute */
	char *runtime_dir; /* absolute */
	char *state_dir;   /* absolute */
	struct daemon_log_conf log;
	struct strv module_path;
	struct autoload_conf autoload;
	struct bus_conf bus;
	struct plugin_conf **plugins; /* in byte order of their names */
	size_t nplugins;
	/* private: references and arena */
	unsigned refs;
	struct arena *arena;
};

struct conf_error {
	struct conf_loc loc;
	bool warning;
	char *text;
};

/* All complaints of one load, in order of file, line and column. */
struct conf_errors {
	struct conf_error *v;
	size_t n;
	size_t dropped; /* beyond CONFIG_ERRORS_MAX */
	size_t nerrors; /* without the warnings */
};

struct config_source {
	const char *path;        /* NULL: the search order of the daemon */
	const char *runtime_dir; /* override from the command line or NULL */
	const char *state_dir;   /* likewise */
	const char *log_level;   /* likewise */
};

/*
 * Reads the main file and plugins.d/ beside it, checks everything, fills in
 * defaults. 0 and *ret (one reference, the caller's); -EINVAL when there
 * were errors, -ENOENT when no file was found, -ENOMEM. *errs is filled in
 * every case and belongs to the caller (conf_errors_fini). Blocks on disk.
 */
int config_load(const struct config_source *src, struct config **ret,
    struct conf_errors *errs);

struct config *config_ref(struct config *c);
void config_unref(struct config *c); /* NULL is fine */

void conf_errors_fini(struct conf_errors *errs);
/* "file:line:column: message\n" for each, warnings with "warning: " before
 * the message, and a count of what was dropped. */
void conf_errors_print(const struct conf_errors *errs, struct buf *out);

/* Plugins without the router. */
size_t config_count(const struct config *c);

/* Borrowed, or NULL. */
struct plugin_conf *config_find(const struct config *c, const char *name);

/* The argv of a plugin that runs a program of its own, else NULL. */
const struct strv *plugin_conf_argv(const struct plugin_conf *p);

/* Takes lifecycle commands over the bus: module and exec. */
bool plugin_conf_is_managed(const struct plugin_conf *p);

/* Where in its file the value at `path` ("tasks[0].cron") of a plugin's config
 * stands, or, where it is one of a map, its key. 0, or -ENOENT and *ret
 * untouched. */
int plugin_conf_mark(const struct plugin_conf *p, const char *path, bool of_key,
    struct conf_mark *ret);

/* How two versions of one plugin differ. */
enum conf_change {
	CONF_SAME,
	CONF_LIVE,      /* takes effect without a new process */
	CONF_CONFIGURE, /* without one if the plugin can */
	CONF_RESTART,   /* needs one */
};
/* Names of the top-level keys that differ go to `fields` as "restart, user"
 * (may be NULL). */
enum conf_change plugin_conf_diff(const struct plugin_conf *a,
    const struct plugin_conf *b, struct buf *fields);

/* Effective configuration, as one msgpack map whose keys are those of the
 * file. Values of `environment` and of keys that match
 * pass|secret|token|key are "***" when `mask`. plugin NULL: everything. */
void config_put(struct buf *out, const struct config *c,
    const struct plugin_conf *plugin, bool mask);

/* Generated from the schema table. */
void config_put_json_schema(struct buf *out);
void config_put_docs(
    struct buf *out); /* the Markdown table of docs/CONFIG.md */

const char *conf_kind_to_string(enum conf_kind k);
const char *restart_policy_to_string(enum restart_policy p);
const char *dep_condition_to_string(enum dep_condition c);

/* Names are [a-z][a-z0-9_-]{0,47} and not plugind, status or events. */
bool config_name_valid(const char *name);

/*
 * Reads, changes and atomically replaces plugins.d/90-pluginctl.yaml beside
 * `c->path`: sets `enabled` (0, 1, or -1 to leave it) and `instances` (-1 to
 * leave it) of one plugin. This file alone may name a plugin that another
 * file defines, and may hold only these two keys. 0 or -errno.
 */
int config_override(
    const struct config *c, const char *name, int enabled, int64_t instances);

#endif
