/*
 * plugind_mock.h: unit tests for plugins, without a daemon.
 *
 * The plugin runs on the real library, in the process of the test; only the
 * daemon at the other end is played:
 *
 *	struct plugind_mock *m = plugind_mock_new(&plugind_plugin);
 *
 *	plugind_mock_set_string(m, "greeting", "");
 *	assert(plugind_mock_initialize(m) == PLUGIND_MOCK_CONFIG);
 *	assert(strcmp(plugind_mock_config_error(m, 0),
 *	           "greeting: must not be empty") == 0);
 *	plugind_mock_free(m);
 *
 * Link with -lplugind-mock instead of -lplugind. All functions are for one
 * thread, which is the plugin's main thread. A test that misuses them (a
 * malformed path, no memory left) is told so on stderr and aborted. Texts
 * that are returned live until the next call with the same mock.
 */
#ifndef PLUGIND_MOCK_H
#define PLUGIND_MOCK_H

#include <plugind.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plugind_mock;

/* What a command came to. */
enum plugind_mock_result {
	PLUGIND_MOCK_OK,
	PLUGIND_MOCK_FAILED,   /* plugind_mock_text says why */
	PLUGIND_MOCK_DEGRADED, /* health only; likewise */
	PLUGIND_MOCK_CONFIG,   /* plugind_mock_config_error says what */
	PLUGIND_MOCK_BUSY, /* the one before is unfinished: nothing was run */
	PLUGIND_MOCK_TIMEOUT, /* PLUGIND_LATER, and then nothing in time */
	PLUGIND_MOCK_EXITED,  /* the plugin called plugind_exit */
};

/* A plugin in its first state, named as in its descriptor. NULL with EINVAL,
 * after the reason was said on stderr, if the descriptor is no good. */
PLUGIND_API struct plugind_mock *plugind_mock_new(
    const struct plugind_descriptor *descriptor);
/* Without stopping the plugin. NULL is fine. */
PLUGIND_API void plugind_mock_free(struct plugind_mock *m);

/* For calls of the plugin's own functions, from the test. */
PLUGIND_API struct plugind *plugind_mock_plugin(struct plugind_mock *m);

/* What plugind_state_dir says from initialize on; /tmp else. */
PLUGIND_API void plugind_mock_state_dir(
    struct plugind_mock *m, const char *directory);

/* How long the commands below wait for their outcome; 5 s else. */
PLUGIND_API void plugind_mock_deadline(struct plugind_mock *m, int64_t ms);

/*
 * The configuration for the next initialize or configure; paths as in
 * plugind.h ("tls.certificate", "tasks[0].cron"). Maps and lists on the way
 * are made; elements that are left out are null. Durations and sizes are
 * texts, as in the file.
 */
PLUGIND_API void plugind_mock_set_string(
    struct plugind_mock *m, const char *path, const char *value);
PLUGIND_API void plugind_mock_set_int(
    struct plugind_mock *m, const char *path, int64_t value);
PLUGIND_API void plugind_mock_set_bool(
    struct plugind_mock *m, const char *path, bool value);
PLUGIND_API void plugind_mock_set_double(
    struct plugind_mock *m, const char *path, double value);
PLUGIND_API void plugind_mock_set_null(
    struct plugind_mock *m, const char *path);
/* Back to an empty one. */
PLUGIND_API void plugind_mock_clear(struct plugind_mock *m);

/* Each asks the plugin, and runs its loop until it has answered. */
PLUGIND_API enum plugind_mock_result plugind_mock_initialize(
    struct plugind_mock *m);
PLUGIND_API enum plugind_mock_result plugind_mock_start(struct plugind_mock *m);
PLUGIND_API enum plugind_mock_result plugind_mock_health(
    struct plugind_mock *m);
PLUGIND_API enum plugind_mock_result plugind_mock_configure(
    struct plugind_mock *m);
PLUGIND_API enum plugind_mock_result plugind_mock_stop(struct plugind_mock *m);

/* Runs the plugin's loop for `ms` milliseconds, or until it has exited; 0:
 * what is due now. */
PLUGIND_API void plugind_mock_run(struct plugind_mock *m, int64_t ms);

/* The text of the last outcome; "" if it had none. */
PLUGIND_API const char *plugind_mock_text(struct plugind_mock *m);

/* The errors of the last outcome, as "path: text"; NULL beyond the last. */
PLUGIND_API size_t plugind_mock_config_errors(struct plugind_mock *m);
PLUGIND_API const char *plugind_mock_config_error(
    struct plugind_mock *m, size_t i);

/* What it told unasked; NULL: it is not degraded. */
PLUGIND_API const char *plugind_mock_degraded(struct plugind_mock *m);

/* Lines that were logged, as "level: text"; NULL beyond the last. */
PLUGIND_API size_t plugind_mock_log_lines(struct plugind_mock *m);
PLUGIND_API const char *plugind_mock_log_line(struct plugind_mock *m, size_t i);
/* True if `part` is somewhere in them. */
PLUGIND_API bool plugind_mock_logged(struct plugind_mock *m, const char *part);

/* An event of somebody called "mock", with the object in `w` (NULL: nil):
 * handlers whose pattern matches are called before this returns. */
PLUGIND_API void plugind_mock_event(
    struct plugind_mock *m, const char *topic, const struct plugind_writer *w);
/* Events that it has published, as "topic JSON"; NULL beyond the last. */
PLUGIND_API size_t plugind_mock_published(struct plugind_mock *m);
PLUGIND_API const char *plugind_mock_published_line(
    struct plugind_mock *m, size_t i);

/*
 * Calls a method of the plugin as somebody called "mock", with the object in
 * `args` (NULL: nil), and runs its loop until it is done. One that fails, or is
 * not offered, is PLUGIND_MOCK_FAILED, and plugind_mock_text says why. The
 * plugin must be started.
 */
PLUGIND_API enum plugind_mock_result plugind_mock_call(struct plugind_mock *m,
    const char *method, const struct plugind_writer *args);
/* What the last call returned, as JSON. */
PLUGIND_API const char *plugind_mock_returned(struct plugind_mock *m);

/* Calls that it has made, as "target method JSON"; NULL beyond the last. */
PLUGIND_API size_t plugind_mock_called(struct plugind_mock *m);
PLUGIND_API const char *plugind_mock_called_line(
    struct plugind_mock *m, size_t i);
/* Replies to the oldest of them that has no reply yet: its callback is called
 * before this returns. `data` may be NULL: nil. False: there is none. */
PLUGIND_API bool plugind_mock_reply(struct plugind_mock *m,
    enum plugind_status status, const char *text,
    const struct plugind_writer *data);

/* What its process would have ended with; -1: it would still run. */
PLUGIND_API int plugind_mock_exit_status(struct plugind_mock *m);

#ifdef __cplusplus
}
#endif

#endif
