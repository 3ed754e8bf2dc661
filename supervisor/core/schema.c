/*
 * schema: the one table of what may stand in a configuration file.
 *
 * Owns the rows, the words of the enums and the search among the names.
 * Everything here is constant; a new key is a field in config.h and a row
 * below, and the reader, the diff, the dump and the documents follow. What
 * involves several keys at once is not here but in confcheck.c.
 */
#include "schema.h"

#include "target.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define IN(type, field) .offset = offsetof(struct type, field)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const policies[] = {"on-failure", "always", "never", NULL};
static const char *const conditions[] = {
    "started", "ready", "healthy", "completed", NULL};
static const char *const overflows[] = {"drop_oldest", "block", NULL};
static const char *const types[] = {"service", "middleware", "transport", NULL};
static const char *const log_words[] = {"stderr", NULL};
static const char *const kinds[] = {
    "command", "exec", "module", "router", NULL};

/* clang-format off */
static const struct schema_key logfile_keys[] = {
	{"max_size", VAL_SIZE, IN(logfile_conf, max_size), .def = "50MiB", .min = 4 * KIB, .max = TIB, .change = CONF_LIVE,
	 .help = "size at which the log file of the plugin is rotated"},
	{"max_files", VAL_INT, IN(logfile_conf, max_files), .def = "10", .min = 0, .max = 1000, .change = CONF_LIVE,
	 .help = "how many rotated files are kept"},
};

static const struct schema_key log_keys[] = {
	{"level", VAL_ENUM, IN(daemon_log_conf, level), .def = "info", .words = levels,
	 .help = "how much the daemon tells; `$LOG_LEVEL` and `--log-level` override it"},
	{"format", VAL_ENUM, IN(daemon_log_conf, format), .def = "text", .words = formats,
	 .help = "text lines or JSON lines"},
	{"path", VAL_PATH, IN(daemon_log_conf, path), .def = "stderr", .min = 1, .max = 4095, .words = log_words,
	 .help = "`stderr` or a file"},
	{"max_size", VAL_SIZE, IN(daemon_log_conf, file.max_size), .def = "50MiB", .min = 4 * KIB, .max = TIB,
	 .help = "size at which the file is rotated"},
	{"max_files", VAL_INT, IN(daemon_log_conf, file.max_files), .def = "10", .min = 0, .max = 1000,
	 .help = "how many rotated files are kept"},
};

static const struct schema_key autoload_keys[] = {
	{"enabled", VAL_BOOL, IN(autoload_conf, enabled), .def = "false",
	 .help = "load every module that appears in the directory"},
	{"directory", VAL_PATH, IN(autoload_conf, directory), .def = "./plugins", .min = 1, .max = 4095,
	 .help = "the directory to watch; one that others may write to is refused"},
	{"hot_swap", VAL_BOOL, IN(autoload_conf, hot_swap), .def = "true",
	 .help = "replace a module whose file has changed"},
};

static const struct schema_key queue_keys[] = {
	{"events", VAL_INT, IN(bus_conf, queue_events), .def = "65536", .min = 1, .max = 16777216,
	 .help = "events that may wait for one subscriber"},
	{"bytes", VAL_SIZE, IN(bus_conf, queue_bytes), .def = "64MiB", .min = 64 * KIB, .max = 16 * GIB,
	 .help = "bytes that may wait for one subscriber"},
};
static const struct schema_map queue_map = {queue_keys, COUNT(queue_keys)};

static const struct schema_key bus_keys[] = {
	{"max_frame", VAL_SIZE, IN(bus_conf, max_frame), .def = "1MiB", .min = 4 * KIB, .max = MIB,
	 .help = "largest data of an event, arguments of a call, and result"},
	{"retain", VAL_INT, IN(bus_conf, retain), .def = "1000", .min = 0, .max = 1000000,
	 .help = "events of a topic that are kept for those who subscribe later; 0: none"},
	{"retain_bytes", VAL_SIZE, IN(bus_conf, retain_bytes), .def = "16MiB", .min = 64 * KIB, .max = 16 * GIB,
	 .help = "memory for what is kept, of all topics; the one that was silent for the longest time goes first"},
	{"block_timeout", VAL_DURATION, IN(bus_conf, block_timeout_ms), .def = "5s", .min = 0, .max = HOUR,
	 .help = "how long a full subscriber with `on_overflow: block` holds publishers up"},
	{"queue", VAL_MAP, .map = &queue_map,
	 .help = "what may wait for one subscriber"},
};

static const struct schema_key restart_keys[] = {
	{"policy", VAL_ENUM, IN(restart_conf, policy), .def = "on-failure", .words = policies, .change = CONF_LIVE,
	 .help = "when a process that has ended is started again"},
	{"delay", VAL_DURATION, IN(restart_conf, delay_ms), .def = "100ms", .min = 0, .max = DAY, .change = CONF_LIVE,
	 .help = "wait before the second restart in a row"},
	{"factor", VAL_FACTOR, IN(restart_conf, factor_milli), .def = "2", .min = 1000, .max = 100000, .change = CONF_LIVE,
	 .help = "by which each further wait grows"},
	{"max_delay", VAL_DURATION, IN(restart_conf, max_delay_ms), .def = "30s", .min = 0, .max = DAY, .change = CONF_LIVE,
	 .help = "longest wait"},
	{"jitter", VAL_PERCENT, IN(restart_conf, jitter_milli), .def = "10%", .min = 0, .max = 100000, .change = CONF_LIVE,
	 .help = "random part of each wait"},
	{"max_restarts", VAL_INT, IN(restart_conf, max_restarts), .def = "5", .min = 0, .max = 1000000, .change = CONF_LIVE,
	 .help = "more than that within `window` is `failed`; 0 is no limit"},
	{"window", VAL_DURATION, IN(restart_conf, window_ms), .def = "60s", .min = 1, .max = YEAR, .change = CONF_LIVE,
	 .help = "time in which restarts are counted"},
	{"stable_after", VAL_DURATION, IN(restart_conf, stable_after_ms), .def = "30s", .min = 0, .max = YEAR, .change = CONF_LIVE,
	 .help = "running that long, it begins with a clean slate"},
};
static const struct schema_map restart_map = {restart_keys, COUNT(restart_keys)};

static const struct schema_key stop_keys[] = {
	{"timeout", VAL_DURATION, IN(stop_conf, timeout_ms), .def = "10s", .min = 0, .max = DAY, .change = CONF_LIVE,
	 .help = "how long it may take to stop before it is forced to"},
	{"signal", VAL_SIGNAL, IN(stop_conf, signal), .def = "TERM", .change = CONF_LIVE,
	 .help = "signal that asks it to stop"},
	{"kill_after", VAL_DURATION, IN(stop_conf, kill_after_ms), .def = "5s", .min = 0, .max = DAY, .change = CONF_LIVE,
	 .help = "`module` and `exec`: from that signal to SIGKILL"},
};
static const struct schema_map stop_map = {stop_keys, COUNT(stop_keys)};

static const struct schema_key probe_keys[] = {
	{"http", VAL_STRING, IN(probe_conf, http), .min = 1, .max = 2048, .check = target_check_http, .change = CONF_LIVE,
	 .help = "URL that answers 2xx or 3xx when all is well"},
	{"tcp", VAL_STRING, IN(probe_conf, tcp), .min = 1, .max = 256, .check = target_check_tcp, .change = CONF_LIVE,
	 .help = "`address:port` that accepts a connection when all is well"},
	{"exec", VAL_ARGV, IN(probe_conf, exec), .change = CONF_LIVE,
	 .help = "program that exits 0 when all is well"},
};
static const struct schema_map probe_map = {probe_keys, COUNT(probe_keys), 1, 1};

#define HEALTH_ROWS \
	{"interval", VAL_DURATION, IN(health_conf, interval_ms), .def = "10s", .min = 10, .max = DAY, .change = CONF_LIVE, \
	 .help = "time between two questions"}, \
	{"timeout", VAL_DURATION, IN(health_conf, timeout_ms), .def = "5s", .min = 10, .max = HOUR, .change = CONF_LIVE, \
	 .help = "no answer within that time is a failure"}, \
	{"failures", VAL_INT, IN(health_conf, failures), .def = "3", .min = 1, .max = 1000, .change = CONF_LIVE, \
	 .help = "failures in a row after which it is restarted"}

static const struct schema_key health_keys[] = {
	HEALTH_ROWS,
	{"probe", VAL_MAP, IN(health_conf, probe), .map = &probe_map, .change = CONF_LIVE, .scope = SCOPE_COMMAND,
	 .help = "how to ask: one of `http`, `tcp`, `exec`"},
};
static const struct schema_map health_map = {health_keys, COUNT(health_keys)};

static const struct schema_key default_health_keys[] = {HEALTH_ROWS};
static const struct schema_map default_health_map = {
	default_health_keys, COUNT(default_health_keys)};

static const struct schema_key ready_keys[] = {
	{"notify", VAL_BOOL, IN(ready_conf, notify), .change = CONF_RESTART,
	 .help = "it sends READY=1 to `$NOTIFY_SOCKET` (sd_notify)"},
	{"log", VAL_STRING, IN(ready_conf, log), .min = 1, .max = 1024, .check = target_check_regex, .change = CONF_RESTART,
	 .help = "a line it writes matches this POSIX extended regular expression"},
	{"probe", VAL_MAP, IN(ready_conf, probe), .map = &probe_map, .change = CONF_RESTART,
	 .help = "a probe succeeds: one of `http`, `tcp`, `exec`"},
	{"after", VAL_DURATION, IN(ready_conf, after_ms), .min = 0, .max = DAY, .change = CONF_RESTART,
	 .help = "it has been running that long"},
};
static const struct schema_map ready_map = {ready_keys, COUNT(ready_keys), 0, 1};

static const struct schema_key limits_keys[] = {
	{"memory", VAL_SIZE, IN(limits_conf, memory), .min = MIB, .max = INT64_MAX, .change = CONF_LIVE,
	 .help = "memory of all its processes"},
	{"cpu", VAL_PERCENT, IN(limits_conf, cpu_milli), .min = 1000, .max = 102400000, .change = CONF_LIVE,
	 .help = "processor time; `100%` is one processor"},
	{"processes", VAL_INT, IN(limits_conf, processes), .min = 1, .max = 4194304, .change = CONF_LIVE,
	 .help = "processes and threads"},
	{"open_files", VAL_INT, IN(limits_conf, open_files), .min = 16, .max = 1048576, .change = CONF_LIVE,
	 .help = "open files of each process"},
	{"core", VAL_SIZE, IN(limits_conf, core), .min = 0, .max = INT64_MAX, .change = CONF_LIVE,
	 .help = "size of a core dump; 0 is none"},
};
static const struct schema_map limits_map = {limits_keys, COUNT(limits_keys)};

static const struct schema_key events_keys[] = {
	{"publish", VAL_LIST, IN(events_conf, publish), .check = target_check_topic, .change = CONF_LIVE, .shown = "custom.>, NAME.>",
	 .help = "topics that it may publish to"},
	{"subscribe", VAL_LIST, IN(events_conf, subscribe), .check = target_check_topic, .change = CONF_LIVE, .shown = ">",
	 .help = "topics that it may see"},
	{"on_overflow", VAL_ENUM, IN(events_conf, on_overflow), .def = "drop_oldest", .words = overflows, .change = CONF_LIVE,
	 .help = "when too many events wait for it: lose the oldest, or hold publishers up"},
};
static const struct schema_map events_map = {events_keys, COUNT(events_keys)};
static const struct schema_map logfile_map = {logfile_keys, COUNT(logfile_keys)};

static const struct schema_key dep_keys[] = {
	{"condition", VAL_ENUM, IN(dep_conf, condition), .def = "ready", .words = conditions, .change = CONF_LIVE,
	 .help = "how far the other plugin must have come"},
	{"restart", VAL_BOOL, IN(dep_conf, restart), .def = "false", .change = CONF_LIVE,
	 .help = "restart this one when the other has been restarted"},
};
const struct schema_map schema_dep = {dep_keys, COUNT(dep_keys)};

static const struct schema_key plugin_keys[] = {
	{"module", VAL_PROGRAM, IN(plugin_conf, module), .min = 1, .max = 4095, .change = CONF_RESTART,
	 .help = "a shared object that is run by pluginhost; a name without a slash is looked up in `module_path`"},
	{"exec", VAL_ARGV, IN(plugin_conf, exec), .change = CONF_RESTART,
	 .help = "a program that speaks the plugin protocol, and its arguments"},
	{"command", VAL_ARGV, IN(plugin_conf, command), .change = CONF_RESTART,
	 .help = "any other program, and its arguments"},
	{"enabled", VAL_BOOL, IN(plugin_conf, enabled), .def = "true", .change = CONF_LIVE,
	 .help = "start it with the daemon"},
	{"instances", VAL_INT, IN(plugin_conf, instances), .def = "1", .min = 1, .max = CONFIG_INSTANCES_MAX, .change = CONF_LIVE,
	 .help = "how many processes of it, `NAME:1`, `NAME:2` and so on"},
	{"depends_on", VAL_DEPS, IN(plugin_conf, deps), .map = &schema_dep, .change = CONF_LIVE,
	 .help = "plugins that must come first: a list of names, or a map from names to details"},
	{"restart", VAL_MAP, IN(plugin_conf, restart), .map = &restart_map, .change = CONF_LIVE,
	 .help = "what happens when its process ends"},
	{"start_timeout", VAL_DURATION, IN(plugin_conf, start_timeout_ms), .def = "60s", .min = 10, .max = DAY, .change = CONF_LIVE,
	 .help = "not running within that time, its start has failed"},
	{"stop", VAL_MAP, IN(plugin_conf, stop), .map = &stop_map, .change = CONF_LIVE,
	 .help = "how it is stopped"},
	{"reload_signal", VAL_SIGNAL, IN(plugin_conf, reload_signal), .def = "HUP", .change = CONF_LIVE, .scope = SCOPE_COMMAND,
	 .help = "signal that makes it read its own configuration again"},
	{"health", VAL_MAP, IN(plugin_conf, health), .map = &health_map, .change = CONF_LIVE,
	 .help = "how its health is watched"},
	{"ready", VAL_MAP, IN(plugin_conf, ready), .map = &ready_map, .change = CONF_RESTART, .scope = SCOPE_COMMAND, .shown = "the health probe, else its start",
	 .help = "how it is known to be running: one of `notify`, `log`, `probe`, `after`"},
	{"user", VAL_STRING, IN(plugin_conf, user), .min = 1, .max = 255, .change = CONF_RESTART, .shown = "the user of the daemon",
	 .help = "user that it runs as"},
	{"group", VAL_STRING, IN(plugin_conf, group), .min = 1, .max = 255, .change = CONF_RESTART, .shown = "the group of the user",
	 .help = "group that it runs as"},
	{"working_dir", VAL_PATH, IN(plugin_conf, working_dir), .def = "/", .min = 1, .max = 4095, .change = CONF_RESTART,
	 .help = "directory that it starts in"},
	{"umask", VAL_OCTAL, IN(plugin_conf, umask), .def = "0027", .min = 0, .max = 0777, .change = CONF_RESTART,
	 .help = "permissions that its files do not get, in octal"},
	{"environment", VAL_ENV, IN(plugin_conf, environment), .change = CONF_RESTART,
	 .help = "variables for it, a map from names to values"},
	{"no_new_privileges", VAL_BOOL, IN(plugin_conf, no_new_privileges), .def = "true", .change = CONF_RESTART,
	 .help = "neither it nor its children can gain privileges (setuid programs do not work)"},
	{"limits", VAL_MAP, IN(plugin_conf, limits), .map = &limits_map, .change = CONF_LIVE,
	 .help = "how much of the machine it may use"},
	{"events", VAL_MAP, IN(plugin_conf, events), .map = &events_map, .change = CONF_LIVE, .scope = SCOPE_MANAGED,
	 .help = "its rights on the bus"},
	{"calls", VAL_LIST, IN(plugin_conf, calls), .check = target_check_callee, .change = CONF_LIVE, .scope = SCOPE_MANAGED, .shown = "none",
	 .help = "plugins that it may call; `plugind` is the daemon itself"},
	{"log", VAL_MAP, IN(plugin_conf, log), .map = &logfile_map, .change = CONF_LIVE,
	 .help = "the file that its output goes to"},
	{"essential", VAL_BOOL, IN(plugin_conf, essential), .def = "false", .change = CONF_LIVE,
	 .help = "when it has finally failed, the daemon stops with exit code 10"},
	{"type", VAL_WORD, IN(plugin_conf, type), .def = "service", .words = types, .change = CONF_LIVE,
	 .help = "shown in lists; a module says it itself"},
	{"config", VAL_FREE, IN(plugin_conf, config), .change = CONF_CONFIGURE, .scope = SCOPE_MANAGED, .shown = "none",
	 .help = "what the plugin itself wants to know"},
};
const struct schema_map schema_plugin = {plugin_keys, COUNT(plugin_keys)};

static const struct schema_key override_keys[] = {
	{"enabled", VAL_BOOL, IN(plugin_conf, enabled),
	 .help = "start it with the daemon"},
	{"instances", VAL_INT, IN(plugin_conf, instances), .min = 1, .max = CONFIG_INSTANCES_MAX,
	 .help = "how many processes of it"},
};
const struct schema_map schema_override = {override_keys, COUNT(override_keys)};

static const struct schema_key default_keys[] = {
	{"restart", VAL_MAP, IN(plugin_conf, restart), .map = &restart_map,
	 .help = "what happens when the process of a plugin ends"},
	{"stop", VAL_MAP, IN(plugin_conf, stop), .map = &stop_map,
	 .help = "how a plugin is stopped"},
	{"health", VAL_MAP, IN(plugin_conf, health), .map = &default_health_map,
	 .help = "how the health of a plugin is watched"},
	{"limits", VAL_MAP, IN(plugin_conf, limits), .map = &limits_map,
	 .help = "how much of the machine a plugin may use"},
};
static const struct schema_map defaults_map = {default_keys, COUNT(default_keys)};
static const struct schema_map log_map = {log_keys, COUNT(log_keys)};
static const struct schema_map autoload_map = {autoload_keys, COUNT(autoload_keys)};
static const struct schema_map bus_map = {bus_keys, COUNT(bus_keys)};

#define PLUGINS_ROW \
	{"plugins", VAL_PLUGINS, .map = &schema_plugin, \
	 .help = "a map from the names of the plugins to what they are"}

/* The order matters: a plugin needs what stands before `plugins`. */
static const struct schema_key main_keys[] = {
	{"runtime_dir", VAL_PATH, IN(config, runtime_dir), .min = 1, .max = 4095, .shown = "/run/plugind; not root: $XDG_RUNTIME_DIR/plugind",
	 .help = "sockets; an absolute path of at most 60 bytes"},
	{"state_dir", VAL_PATH, IN(config, state_dir), .min = 1, .max = 4095, .shown = "/var/lib/plugind; not root: $XDG_STATE_HOME/plugind",
	 .help = "what lasts: state and logs of the plugins"},
	{"log", VAL_MAP, IN(config, log), .map = &log_map,
	 .help = "the log of the daemon itself"},
	{"module_path", VAL_PATHS, IN(config, module_path), .min = 1, .max = 4095, .shown = "the directory that plugins are installed in",
	 .help = "where `module` names are looked up"},
	{"autoload", VAL_MAP, IN(config, autoload), .map = &autoload_map,
	 .help = "modules that are loaded because they are there"},
	{"bus", VAL_MAP, IN(config, bus), .map = &bus_map,
	 .help = "events and calls between plugins"},
	{"defaults", VAL_DEFAULTS, .map = &defaults_map,
	 .help = "what holds for a plugin that does not say it itself, key by key"},
	PLUGINS_ROW,
};
const struct schema_map schema_main = {main_keys, COUNT(main_keys)};

static const struct schema_key dropin_keys[] = {PLUGINS_ROW};
const struct schema_map schema_dropin = {dropin_keys, COUNT(dropin_keys)};
/* clang-format on */

const char *
conf_kind_to_string(enum conf_kind k)
{
	return k < CONF_KIND__COUNT ? kinds[k] : "?";
}

const char *
restart_policy_to_string(enum restart_policy p)
{
	return p < RESTART_POLICY__COUNT ? policies[p] : "?";
}

const char *
dep_condition_to_string(enum dep_condition c)
{
	return c < DEP_CONDITION__COUNT ? conditions[c] : "?";
}

const struct schema_key *
schema_find(const struct schema_map *map, const char *name)
{
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->keys[i].name, name) == 0)
			return &map->keys[i];
	return NULL;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

enum { WORD_MAX = 63 };

/* One row of the table of distances, from the two rows above it. */
static void
fill_row(unsigned rows[3][WORD_MAX + 1], size_t i, const char *a, const char *b)
{
	unsigned *now = rows[i % 3];
	const unsigned *above = rows[(i + 2) % 3];
	const unsigned *before = rows[(i + 1) % 3];

	now[0] = (unsigned)i;
	for (size_t j = 1; b[j - 1] != '\0'; j++) {
		unsigned replaced = above[j - 1] + (a[i - 1] != b[j - 1]);

		now[j] = least(replaced, least(above[j], now[j - 1]) + 1);
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
		    a[i - 2] == b[j - 1])
			now[j] = least(now[j], before[j - 2] + 1);
	}
}

unsigned
schema_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1] = {{0}};
	size_t m = strlen(a);
	size_t n = strlen(b);

	if (m > WORD_MAX || n > WORD_MAX)
		return ~0U;
	for (size_t j = 0; j <= n; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++)
		fill_row(rows, i, a, b);
	return rows[m % 3][n];
}

const char *
schema_suggest(const struct schema_map *map, const char *name)
{
	const char *found = NULL;
	unsigned best = (unsigned)(strlen(name) / 3) + 1;

	if (strlen(name) > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < map->n; i++) {
		unsigned d = schema_distance(name, map->keys[i].name);

		if (d < best || (d == best && found == NULL)) {
			best = d;
			found = map->keys[i].name;
		}
	}
	return found;
}
