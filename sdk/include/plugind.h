/*
 * plugind.h: all that a plugin sees of plugind.
 *
 * A plugin is a descriptor: who it is, and up to five callbacks.
 *
 *	#include <plugind.h>
 *
 *	static int
 *	start(struct plugind *p)
 *	{
 *		plugind_log(p, PLUGIND_INFO, "hello from %s", plugind_name(p));
 *		return PLUGIND_OK;
 *	}
 *
 *	PLUGIND_PLUGIN(.name = "hello", .version = "1.0", .start = start)
 *
 * Compiled as a shared object that is a module, `module: hello.so` in
 * plugind.yaml. Compiled with -DPLUGIND_STANDALONE as a program of its own,
 * `exec: [./hello]`. Both are linked with -lplugind and run in a process of
 * their own, under an event loop that this library brings.
 *
 * Life:  initialize  (configuration read and checked)
 *        start       (work begun: the plugin is running)
 *        health, configure   (any number of times while running)
 *        stop        (work ended; then the process exits with status 0)
 *
 * Threads: the thread that runs plugind_main is the main thread. Every
 * callback is called on it, one at a time, and while one runs nothing else
 * does: no other callback, no timer, no answer to the daemon. Return soon,
 * or return PLUGIND_LATER. Functions here are for the main thread only,
 * unless their comment says: any thread. The library has threads of its own,
 * which run none of the plugin's code; fork only to exec, as posix_spawn does.
 * A plugin that uses nng itself has one thread for all of nng's callbacks:
 * none may wait for another.
 *
 * Errors: unless a comment says otherwise, int is 0 or a negative errno,
 * and a pointer is NULL with errno set.
 *
 * Ownership: what the library hands out stays its own, and a comment says
 * until when it may be looked at. What is given to it is copied, except the
 * descriptor, which must live as long as the process, and `arg` pointers,
 * which are only handed back.
 */
#ifndef PLUGIND_H
#define PLUGIND_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUGIND_API __attribute__((visibility("default")))
#define PLUGIND_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define PLUGIND_SENTINEL __attribute__((sentinel))

/* The binary interface that this header describes. A later one adds to it; a
 * plugin says which range it works with (abi_min, abi_max). */
#define PLUGIND_ABI 1
#define PLUGIND_MAGIC 0x706c7567u

struct event_base; /* libevent's; see plugind_event_base */
struct plugind;
struct plugind_config;
struct plugind_timer;
struct plugind_watch;
struct plugind_builder;
struct plugind_writer;
struct plugind_event;
struct plugind_call;
struct plugind_reply;

/*
 * What a callback returns: one of these, or a negative errno, which is a
 * failure too. The reason that people will read is what plugind_fail was
 * told; without it, the text of the errno.
 */
enum plugind_result {
	PLUGIND_OK = 0,
	PLUGIND_LATER = 1,    /* not yet known: plugind_done will say */
	PLUGIND_DEGRADED = 2, /* health only: works, but not as it should */
	PLUGIND_FAILED = -1,
};

enum plugind_level {
	PLUGIND_ERROR,
	PLUGIND_WARN,
	PLUGIND_INFO,
	PLUGIND_DEBUG,
};

/* How a process with a plugin in it ends, other than by its own wish. */
enum plugind_exit_status {
	PLUGIND_EXIT_STOPPED = 0,      /* stop succeeded */
	PLUGIND_EXIT_FAILURE = 1,      /* stop failed, or the machine did */
	PLUGIND_EXIT_USAGE = 2,        /* started by hand */
	PLUGIND_EXIT_DENIED = 4,       /* a client: it may not be one */
	PLUGIND_EXIT_UNREACHABLE = 69, /* a client: there is no daemon */
	PLUGIND_EXIT_TIMEOUT = 75,     /* a client: the daemon did not answer */
	PLUGIND_EXIT_UNUSABLE = 78,    /* not a plugin that can be run here */
	PLUGIND_EXIT_NO_RESTART = 125  /* for plugind_exit: do not restart me */
};

/* ---- The descriptor ---------------------------------------------------- */

/* What kind of plugin it is. For people: nothing is decided by it. */
enum plugind_type {
	PLUGIND_SERVICE,
	PLUGIND_MIDDLEWARE,
	PLUGIND_TRANSPORT,
};

/*
 * initialize: read and check the configuration, open what is needed. Called
 * first and once. `config` is the `config:` of the plugin (an empty map if
 * there is none), valid until the callback returns.
 *
 * Returns PLUGIND_OK, PLUGIND_LATER or a failure; a failure ends the process.
 * If the configuration had errors (see plugind_config_ok), that is the
 * outcome, whatever is returned: the operator sees file, line and column.
 */
typedef int plugind_initialize_fn(
    struct plugind *p, const struct plugind_config *config);

/*
 * start: begin to work. Called once, after initialize has succeeded. When it
 * has succeeded the plugin is running, and what depends on it starts.
 * Returns as initialize.
 */
typedef int plugind_start_fn(struct plugind *p);

/*
 * stop: finish work, close, save. Called once at most, and only if
 * initialize was called and did not fail; also when SIGTERM or SIGINT comes.
 * plugind_deadline_ms says how long there is. After its outcome the process
 * ends: with status 0 on success, 1 on failure; no handler of events or calls
 * is called any more. If an initialize, start or
 * configure is still unfinished (PLUGIND_LATER), that one no longer matters:
 * plugind_done now speaks of the stop.
 */
typedef int plugind_stop_fn(struct plugind *p);

/*
 * health: how are you? Asked every `health.interval`, only while running.
 * Returns PLUGIND_OK, PLUGIND_DEGRADED or a failure, at once: PLUGIND_LATER
 * counts as a failure. plugind_answer gives the text. Degraded is shown;
 * `health.failures` failures in a row restart the plugin.
 */
typedef int plugind_health_fn(struct plugind *p);

/*
 * configure: here is a new `config:`, while running. Returns as initialize;
 * `config` is complete and replaces the former one. On a failure or an error
 * in it the plugin must go on as it was: check everything, then switch.
 */
typedef int plugind_configure_fn(
    struct plugind *p, const struct plugind_config *config);

/*
 * Who a plugin is. Filled by PLUGIND_PLUGIN or a builder. A callback that is
 * NULL means "fine"; without `configure` a changed configuration restarts
 * the plugin. Fields are only ever added at the end: `size` tells a library
 * which of them there are.
 */
struct plugind_descriptor {
	uint32_t magic; /* PLUGIND_MAGIC */
	uint32_t size;  /* of this struct, in bytes */
	uint16_t abi_min;
	uint16_t abi_max;
	const char *name;    /* [a-z][a-z0-9_-]{0,47} */
	const char *version; /* for people, 1 to 63 printable bytes */
	enum plugind_type type;
	/* Plugins that this one is of no use without, for people; NULL ends
	 * the list, NULL is none. What waits for what is decided by
	 * `depends_on` in the configuration. */
	const char *const *depends_on;
	plugind_initialize_fn *initialize;
	plugind_start_fn *start;
	plugind_stop_fn *stop;
	plugind_health_fn *health;
	plugind_configure_fn *configure;
};

/*
 * Runs a plugin as this process: returns when it has stopped, with the exit
 * status that main should return. The main thread is the caller's. Once a
 * process.
 *
 * Started by anything but plugind it says so on stderr and returns
 * PLUGIND_EXIT_USAGE; with the argument --version it prints name and version
 * and returns 0. A descriptor that cannot be used (NULL too) is explained on
 * stderr: PLUGIND_EXIT_UNUSABLE.
 *
 * SIGPIPE is ignored from then on; SIGTERM and SIGINT mean stop.
 */
PLUGIND_API int plugind_main(
    int argc, char **argv, const struct plugind_descriptor *descriptor);

/*
 * For a program with a main of its own that starts processes, threads or
 * foreign code before plugind_main: takes what the daemon handed over in the
 * environment, and closes the descriptor that came with it, so that nobody
 * else gets hold of it. First thing in main. 0, or an exit status after it
 * has said on stderr what is wrong. plugind_main does this by itself if it
 * was not called.
 */
PLUGIND_API int plugind_prepare(void);

/*
 * Runs a program that is no plugin as a client of the daemon: it publishes
 * and subscribes like one, and is neither started, nor watched, nor ended by
 * the daemon. Who may: see `pluginctl`; root and the daemon's user may
 * publish anything that a plugin may, others custom.> only. The daemon knows it as client:UID:N, which
 * plugind_name returns.
 *
 * `control_socket` is the daemon's, NULL: $PLUGIND_SOCKET, or where it usually
 * is. `data` is what plugind_data returns from the first callback on. The
 * callbacks are a plugin's: initialize comes first, with an empty
 * configuration, start when there is a link for the first time, stop at
 * SIGTERM and SIGINT. configure and health are never called, there is no
 * state directory (""). What is logged goes to stderr, behind the name in the
 * descriptor.
 *
 * Returns what plugind_exit or the end of stop said, or after a line on stderr
 * PLUGIND_EXIT_UNREACHABLE (there is no daemon, or it has ended), _DENIED,
 * _TIMEOUT, _FAILURE (initialize or start failed, or the daemon refused for
 * another reason that it gave) or _UNUSABLE. When the router is replaced it
 * goes on; when the daemon is, it ends. Once a process, instead of
 * plugind_main.
 */
PLUGIND_API int plugind_client_main(const char *control_socket,
    const struct plugind_descriptor *descriptor, void *data);

/* clang-format off */
#ifdef __cplusplus
#define PLUGIND_BEGIN_ \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") \
	extern "C"
#define PLUGIND_END_ _Pragma("GCC diagnostic pop")
#else
#define PLUGIND_BEGIN_ extern
#define PLUGIND_END_
#endif

#ifdef PLUGIND_STANDALONE
#define PLUGIND_MAIN_ \
	int main(int argc, char **argv) \
	{ \
		return plugind_main(argc, argv, &plugind_plugin); \
	}
#else
#define PLUGIND_MAIN_
#endif

/*
 * Defines the plugin of this module or program; once in it. The arguments
 * initialise fields of struct plugind_descriptor by name, in the order of
 * the struct where the language is C++ (20 or later). No semicolon follows.
 */
#define PLUGIND_PLUGIN(...) \
	PLUGIND_BEGIN_ PLUGIND_API \
	    const struct plugind_descriptor plugind_plugin; \
	const struct plugind_descriptor plugind_plugin = { \
	    .magic = PLUGIND_MAGIC, \
	    .size = sizeof(struct plugind_descriptor), \
	    .abi_min = PLUGIND_ABI, \
	    .abi_max = PLUGIND_ABI, \
	    __VA_ARGS__}; \
	PLUGIND_END_ \
	PLUGIND_MAIN_
/* clang-format on */

/*
 * A builder, for programs that learn only at run time who they are (bindings
 * to other languages). An error (no memory) sticks until plugind_builder_get.
 * Everything given is copied. `b` must not be NULL.
 */
PLUGIND_API struct plugind_builder *plugind_builder_new(
    const char *name, const char *version);
PLUGIND_API void plugind_builder_free(struct plugind_builder *b);
PLUGIND_API void plugind_builder_type(
    struct plugind_builder *b, enum plugind_type type);
PLUGIND_API void plugind_builder_depends_on(
    struct plugind_builder *b, const char *name);
PLUGIND_API void plugind_builder_initialize(
    struct plugind_builder *b, plugind_initialize_fn *fn);
PLUGIND_API void plugind_builder_start(
    struct plugind_builder *b, plugind_start_fn *fn);
PLUGIND_API void plugind_builder_stop(
    struct plugind_builder *b, plugind_stop_fn *fn);
PLUGIND_API void plugind_builder_health(
    struct plugind_builder *b, plugind_health_fn *fn);
PLUGIND_API void plugind_builder_configure(
    struct plugind_builder *b, plugind_configure_fn *fn);
/* For plugind_main. Valid until plugind_builder_free or the next change; NULL
 * with errno if something failed before. */
PLUGIND_API const struct plugind_descriptor *plugind_builder_get(
    struct plugind_builder *b);

/* ---- Answers ----------------------------------------------------------- */

/*
 * Says why: the text for the outcome of the callback that runs, or of the one
 * that returned PLUGIND_LATER. At most 4,000 bytes are kept, the last call
 * counts. Returns PLUGIND_FAILED, so that a callback can
 * `return plugind_fail(p, "cannot open %s: %s", path, strerror(errno));`.
 * Name what, where, why and what to do.
 */
PLUGIND_API int plugind_fail(struct plugind *p, const char *fmt, ...)
    PLUGIND_PRINTF(2, 3);

/* The same with a result of your choice, which it returns:
 * `return plugind_answer(p, PLUGIND_DEGRADED, "one of two disks is full");`. */
PLUGIND_API int plugind_answer(
    struct plugind *p, int result, const char *fmt, ...) PLUGIND_PRINTF(3, 4);

/*
 * Ends what returned PLUGIND_LATER, with PLUGIND_OK or a failure. Once; a call
 * when nothing is unfinished is logged and ignored. It may come before the
 * callback has returned PLUGIND_LATER.
 */
PLUGIND_API void plugind_done(struct plugind *p, int result);

/*
 * Tells the daemon, unasked, that the plugin is degraded (a text of at most
 * 4,000 bytes) or no longer so (NULL). It stays until told otherwise, and
 * health answers of PLUGIND_OK meanwhile are sent as degraded with this text.
 * The same text again costs nothing. 0 or -ENOMEM.
 */
PLUGIND_API int plugind_degraded(struct plugind *p, const char *text);

/*
 * Ends the process with `status` (0 to 255) once the callback that runs has
 * returned, without calling stop. Whether it is restarted is decided by
 * `restart:`; PLUGIND_EXIT_NO_RESTART means never.
 */
PLUGIND_API void plugind_exit(struct plugind *p, int status);

/* ---- Who and where ----------------------------------------------------- */

/* The plugin's name in plugind.yaml, which need not be the descriptor's. Any
 * thread; valid while the process lives. */
PLUGIND_API const char *plugind_name(const struct plugind *p);

/* 1 and up: which of its `instances` this is. Any thread. */
PLUGIND_API unsigned plugind_instance(const struct plugind *p);

/* A directory of its own that outlives it, absolute and existing. All its
 * instances share it. Valid while the process lives; from initialize on any
 * thread. */
PLUGIND_API const char *plugind_state_dir(const struct plugind *p);

/* From the call of stop on: milliseconds until the daemon ends the process by
 * force, not below 0. -1 before, and where nobody said. */
PLUGIND_API int64_t plugind_deadline_ms(const struct plugind *p);

/* The library's loop, for libraries that work with libevent 2.1. Do not run,
 * break or free it. It has no locks: main thread only. */
PLUGIND_API struct event_base *plugind_event_base(struct plugind *p);

/* A pointer of the plugin's own, NULL at first. */
PLUGIND_API void plugind_set_data(struct plugind *p, void *data);
PLUGIND_API void *plugind_data(const struct plugind *p);

/*
 * One line "level: text" on stderr, which is the plugin's log; what the
 * plugin writes to stdout or stderr itself goes there too. Control bytes are
 * made visible, so that text from outside forges no line; what is longer than
 * 2,000 bytes is cut. errno is kept. It waits while the daemon reads slowly.
 * Any thread.
 */
PLUGIND_API void plugind_log(struct plugind *p, enum plugind_level level,
    const char *fmt, ...) PLUGIND_PRINTF(3, 4);
PLUGIND_API void plugind_vlog(struct plugind *p, enum plugind_level level,
    const char *fmt, va_list ap) PLUGIND_PRINTF(3, 0);

/* ---- Configuration ----------------------------------------------------- */

/*
 * Values are named by a path: "port", "tls.certificate", "tasks[0].cron",
 * "[2]" in a list; "" is the value itself. Counting is from 0. A key with a
 * dot or a bracket in its name is reached by plugind_config_element only.
 *
 * Each reader returns the value, or `fallback` when it is absent or null. A
 * value of another type or out of range is recorded as an error of its path,
 * and `fallback` is returned, so that one run finds all errors. With any
 * recorded, the outcome of initialize or configure is "bad configuration";
 * the daemon shows each with file, line and column. 32 are kept.
 *
 * A configuration and everything read from it live until the callback
 * returns; strdup what must stay.
 */

/* True while no error was recorded: ask before acting on what was read. */
PLUGIND_API bool plugind_config_ok(const struct plugind_config *c);

/* Records an error of the plugin's own: say what is wrong with the value at
 * `path`, and what is right. */
PLUGIND_API void plugind_config_error(const struct plugind_config *c,
    const char *path, const char *fmt, ...) PLUGIND_PRINTF(3, 4);

/* Records every key of the map `c` that is not among the names given, which
 * NULL ends: a typing error is not silently a default. */
PLUGIND_API void plugind_config_only(
    const struct plugind_config *c, ...) PLUGIND_SENTINEL;

/* True when there is a value, and it is not null. */
PLUGIND_API bool plugind_config_has(
    const struct plugind_config *c, const char *path);

/* A text, UTF-8, without a NUL byte in it. `fallback` may be NULL. */
PLUGIND_API const char *plugind_config_string(
    const struct plugind_config *c, const char *path, const char *fallback);

/* A whole number from `min` to `max`. */
PLUGIND_API int64_t plugind_config_int(const struct plugind_config *c,
    const char *path, int64_t fallback, int64_t min, int64_t max);

PLUGIND_API bool plugind_config_bool(
    const struct plugind_config *c, const char *path, bool fallback);

/* Any number that is finite. */
PLUGIND_API double plugind_config_double(
    const struct plugind_config *c, const char *path, double fallback);

/* "500ms", "10s", "5m", "1h30m", "0": milliseconds. */
PLUGIND_API int64_t plugind_config_duration(
    const struct plugind_config *c, const char *path, int64_t fallback_ms);

/* "64MiB", "1GB", "512K", or a whole number: bytes. */
PLUGIND_API int64_t plugind_config_size(
    const struct plugind_config *c, const char *path, int64_t fallback_bytes);

/* A map in the map. Never NULL: an absent one is empty. */
PLUGIND_API const struct plugind_config *plugind_config_map(
    const struct plugind_config *c, const char *path);

/* How many elements a list, or keys a map, has; 0 when it is absent. */
PLUGIND_API uint32_t plugind_config_count(
    const struct plugind_config *c, const char *path);

/* Element `i` of a list, or the value of key `i` of a map, in the order of
 * the file. Never NULL: beyond the end it is an absent value. A scalar is
 * read from it with the path "". */
PLUGIND_API const struct plugind_config *plugind_config_element(
    const struct plugind_config *c, const char *path, uint32_t i);

/* Key `i` of a map; NULL beyond the end. */
PLUGIND_API const char *plugind_config_key(
    const struct plugind_config *c, const char *path, uint32_t i);

/* ---- Timers and descriptors -------------------------------------------- */

typedef void plugind_timer_fn(struct plugind *p, void *arg);

/*
 * Calls `fn` after `ms` milliseconds, with `repeat` every `ms` again (then at
 * least 1) until it is freed; without, once. The clock stands while the
 * machine sleeps and is not moved by changes of the time of day. NULL with
 * EINVAL or ENOMEM. Caller frees, also after a single call; from within `fn`
 * too. NULL is fine.
 */
PLUGIND_API struct plugind_timer *plugind_timer_new(struct plugind *p,
    int64_t ms, bool repeat, plugind_timer_fn *fn, void *arg);
PLUGIND_API void plugind_timer_free(struct plugind_timer *t);

enum plugind_watch_events { PLUGIND_READ = 1, PLUGIND_WRITE = 2 };

typedef void plugind_watch_fn(
    struct plugind *p, int fd, unsigned events, void *arg);

/*
 * Calls `fn` whenever `fd` is ready for what `events` asks for, as long as it
 * is (level triggered); a hang-up counts as ready. The descriptor stays the
 * caller's: free the watch first, then close it. NULL with EINVAL, ENOMEM or
 * EPERM (a file that is always ready). From within `fn` it may be freed.
 * NULL is fine.
 */
PLUGIND_API struct plugind_watch *plugind_watch_new(struct plugind *p, int fd,
    unsigned events, plugind_watch_fn *fn, void *arg);
PLUGIND_API void plugind_watch_free(struct plugind_watch *w);

/* ---- Events ------------------------------------------------------------
 *
 * An event has a topic, words with dots between them ("custom.orders.new"),
 * and data, any one msgpack object. It goes to every plugin that subscribes
 * to its topic. What a plugin may publish and subscribe to is in its
 * `events:` in plugind.yaml; by default custom.> and NAME.>, and everything.
 */

/*
 * A msgpack object under construction. Written front to back; a list or a map
 * is begun with the number of its elements or pairs, which then follow. Errors
 * stick and are reported by what takes the object.
 */

/* Empty. NULL with ENOMEM. Caller frees; NULL is fine. */
PLUGIND_API struct plugind_writer *plugind_writer_new(void);
PLUGIND_API void plugind_writer_free(struct plugind_writer *w);
/* Empties it, to be used again. */
PLUGIND_API void plugind_writer_reset(struct plugind_writer *w);

PLUGIND_API void plugind_write_nil(struct plugind_writer *w);
PLUGIND_API void plugind_write_bool(struct plugind_writer *w, bool v);
PLUGIND_API void plugind_write_int(struct plugind_writer *w, int64_t v);
PLUGIND_API void plugind_write_uint(struct plugind_writer *w, uint64_t v);
PLUGIND_API void plugind_write_double(struct plugind_writer *w, double v);
/* NULL is nil; what is not UTF-8 in it is replaced. */
PLUGIND_API void plugind_write_string(struct plugind_writer *w, const char *s);
PLUGIND_API void plugind_write_bytes(
    struct plugind_writer *w, const void *data, size_t len);
PLUGIND_API void plugind_write_list(struct plugind_writer *w, uint32_t n);
PLUGIND_API void plugind_write_map(struct plugind_writer *w, uint32_t pairs);
/* One object that is encoded already. */
PLUGIND_API void plugind_write_raw(
    struct plugind_writer *w, const void *data, size_t len);

/*
 * Publishes an event with the object in `w` (NULL: nil), or with `len` bytes
 * of msgpack. It is copied, and leaves at once or with those that follow.
 * Events of one plugin arrive in the order in which they were published, also
 * after the router was replaced; then some may arrive twice.
 *
 * 0: it is kept until the router has it. -EAGAIN: too much is under way, wait
 * for plugind_on_writable. -EINVAL: no topic, or not one whole object; -EMSGSIZE:
 * more than 1 MiB; -ENOMEM. Whether it may publish to the topic, and so much
 * (bus.max_frame), is checked by the router: a refusal is in the plugin's log,
 * and the event is lost with those that left together with it.
 */
PLUGIND_API int plugind_publish(
    struct plugind *p, const char *topic, const struct plugind_writer *w);
PLUGIND_API int plugind_publish_raw(
    struct plugind *p, const char *topic, const void *data, size_t len);
/* The same, for one plugin only: `target` is its name, "worker" for all of its
 * instances, "worker:2" for one. It must subscribe all the same. */
PLUGIND_API int plugind_publish_to(struct plugind *p, const char *target,
    const char *topic, const struct plugind_writer *w);

typedef void plugind_writable_fn(struct plugind *p, void *arg);

/* Calls `fn` once, from the loop, when plugind_publish works again after
 * -EAGAIN, or at once. A later call replaces an earlier one; NULL: none. */
PLUGIND_API void plugind_on_writable(
    struct plugind *p, plugind_writable_fn *fn, void *arg);

typedef void plugind_published_fn(struct plugind *p, void *arg);

/* Calls `fn` once, when the router has answered for everything that was
 * published so far, or at once. A later call replaces an earlier one; NULL:
 * none. */
PLUGIND_API void plugind_on_published(
    struct plugind *p, plugind_published_fn *fn, void *arg);

/* `error` is -EACCES (it may not, or not so much) or -EINVAL, `why` a sentence. */
typedef void plugind_refused_fn(
    struct plugind *p, int error, const char *why, void *arg);

/* Calls `fn` when the router refuses what was published, or a subscription,
 * in place of a line in the log. One a plugin; NULL: the line. */
PLUGIND_API void plugind_on_refused(
    struct plugind *p, plugind_refused_fn *fn, void *arg);

/* How many of the published events are not acknowledged yet: they are lost if
 * this process dies now. All before them have reached the router, and who
 * subscribes with `on_overflow: block` has handled them. */
PLUGIND_API uint64_t plugind_unacknowledged(const struct plugind *p);

/* One event, valid until its handler returns. "custom.orders.new" */
PLUGIND_API const char *plugind_event_topic(const struct plugind_event *e);
/* Who published it: a plugin's name, "worker:2", or "plugind" itself. */
PLUGIND_API const char *plugind_event_source(const struct plugind_event *e);
/* When: milliseconds since 1970, by the publisher's clock; to the batch. */
PLUGIND_API int64_t plugind_event_time_ms(const struct plugind_event *e);
/* Its number in the life of one router, in which it never repeats. */
PLUGIND_API uint64_t plugind_event_seq(const struct plugind_event *e);
/* Which it is, for plugind_subscribe_after: "EPOCH:SEQ", at most 37 bytes. */
PLUGIND_API const char *plugind_event_id(struct plugind_event *e);
/* Whom it is for alone, or NULL: everybody. */
PLUGIND_API const char *plugind_event_target(const struct plugind_event *e);
/* It is from before its subscription began. */
PLUGIND_API bool plugind_event_is_retained(const struct plugind_event *e);
/* It may have come before: the router was replaced before it had told the
 * publisher that it has it. */
PLUGIND_API bool plugind_event_is_again(const struct plugind_event *e);
/* Its data as msgpack: one object, checked. */
PLUGIND_API const void *plugind_event_data(
    const struct plugind_event *e, size_t *ret_len);
/* The same for the readers of a configuration, where it is a map; else an
 * empty one. plugind_config_ok tells whether it was as they wanted. NULL with
 * ENOMEM. */
PLUGIND_API const struct plugind_config *plugind_event_map(
    struct plugind_event *e);

typedef void plugind_event_fn(
    struct plugind *p, struct plugind_event *event, void *arg);

enum plugind_subscribe_flags {
	PLUGIND_ECHO = 1, /* the plugin's own events, too */
};

/*
 * Calls `fn` for every event whose topic `pattern` matches, from now on: `*` in
 * it is any one word, `>` at the end all that follow. Any number of patterns;
 * an event that several match comes to each of them. It lasts over restarts
 * of the router. 0, -EINVAL (no pattern), -ENOMEM. Whether the plugin may is
 * checked by the router: a refusal is in its log.
 */
PLUGIND_API int plugind_subscribe(struct plugind *p, const char *pattern,
    unsigned flags, plugind_event_fn *fn, void *arg);
/*
 * The same, and in front of the first event of the time from now on come those
 * of before that the router has kept (bus.retain in plugind.yaml, by default
 * the last 1,000 of a topic), in their order, each once, to this `fn` alone:
 * since a time, in milliseconds since 1970 by the publishers' clocks, or 0: all
 * there are; or those behind the event with this id. Where there were more
 * that are no longer kept, or the id is of the life of another router, the
 * handler of gaps is told first (PLUGIND_GAP_RETENTION). When the router was
 * replaced, it goes on with what the new one has had since its start. -EINVAL
 * also for a time below 0, and for a text that is no id.
 */
PLUGIND_API int plugind_subscribe_since(struct plugind *p, const char *pattern,
    unsigned flags, int64_t since_ms, plugind_event_fn *fn, void *arg);
PLUGIND_API int plugind_subscribe_after(struct plugind *p, const char *pattern,
    unsigned flags, const char *id, plugind_event_fn *fn, void *arg);
typedef void plugind_caught_up_fn(struct plugind *p, void *arg);

/*
 * Calls `fn` when every subscription with `since` or `after` has had what was
 * kept for it, also if that was nothing: behind the last of these events, in
 * front of the first of the time after. Again when that has become true again,
 * after a further subscription or with another router. Not while one was
 * refused (plugind_on_refused). One a plugin, NULL: none; set it before you
 * subscribe.
 */
PLUGIND_API void plugind_on_caught_up(
    struct plugind *p, plugind_caught_up_fn *fn, void *arg);
/* All of this pattern. From within `fn`, too. */
PLUGIND_API void plugind_unsubscribe(struct plugind *p, const char *pattern);

/* Why events are missing. */
enum plugind_gap_reason {
	PLUGIND_GAP_OVERFLOW, /* more came than this plugin took */
	/* The router was replaced: what was on its way is missing, unless its
	 * publisher had no acknowledgement yet. */
	PLUGIND_GAP_ROUTER,
	/* A subscription has asked for more than was kept; count is 0. */
	PLUGIND_GAP_RETENTION,
};

/* `count` is 0 where nobody knows. */
typedef void plugind_gap_fn(struct plugind *p, uint64_t count,
    enum plugind_gap_reason reason, void *arg);

/* Calls `fn` where events are missing, between those before and behind them.
 * One a plugin; NULL: a line in its log. */
PLUGIND_API void plugind_on_gap(
    struct plugind *p, plugind_gap_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif

#include <plugind_calls.h>

#endif
