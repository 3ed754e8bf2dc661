/*
 * plugind_calls.h: calls between plugins; a part of plugind.h, which includes
 * it and whose rules hold.
 *
 * A plugin offers methods, and others call them by its name. A call is
 * executed once at most: it is never sent twice. Which plugins a plugin may
 * call is in its `calls:` in plugind.yaml; by default none.
 */
#ifndef PLUGIND_CALLS_H
#define PLUGIND_CALLS_H

#include <plugind.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What came of a call. */
enum plugind_status {
	PLUGIND_CALL_OK = 0,
	PLUGIND_CALL_FAILED = 1,      /* the method says so */
	PLUGIND_CALL_UNAVAILABLE = 2, /* no such plugin, or not running */
	PLUGIND_CALL_DENIED = 3,      /* by `calls:` */
	PLUGIND_CALL_UNKNOWN = 4,     /* it offers no such method */
	PLUGIND_CALL_BUSY = 5,        /* too many wait there */
	PLUGIND_CALL_TIMEOUT = 6,     /* may have been executed */
	PLUGIND_CALL_LOST = 7,        /* may have been executed */
};

/* The reply, valid until the callback returns. */
PLUGIND_API enum plugind_status plugind_reply_status(
    const struct plugind_reply *r);
/* Why it did not succeed; "" where nothing was said. */
PLUGIND_API const char *plugind_reply_text(const struct plugind_reply *r);
/* The result as msgpack: one object, checked; nil if there is none. */
PLUGIND_API const void *plugind_reply_data(
    const struct plugind_reply *r, size_t *ret_len);
/* The same for the readers of a configuration, where it is a map; else an
 * empty one. NULL with ENOMEM. */
PLUGIND_API const struct plugind_config *plugind_reply_map(
    struct plugind_reply *r);

typedef void plugind_reply_fn(
    struct plugind *p, struct plugind_reply *reply, void *arg);

struct plugind_request {
	const char *target; /* "worker", or "worker:2" for one instance */
	const char *method;
	const struct plugind_writer *args; /* one object; NULL: nil */
	int64_t timeout_ms;                /* 0: 30 seconds */
	uintptr_t reserved[2];             /* 0 */
};

/*
 * Calls a method of another plugin; of its instances, the one with the fewest
 * calls under way gets it.
 *
 *	plugind_call(p, &(struct plugind_request){.target = "worker",
 *	    .method = "add", .args = w}, on_reply, NULL);
 *
 * `fn` is called from the loop, once, whatever happens, unless the call is
 * cancelled; when its time is over at the latest. 4,096 may be under way. While
 * there is no connection, a call waits.
 *
 * A number above 0, for plugind_cancel. -EINVAL: no target, no method, not one
 * whole object, no time; -EMSGSIZE: more than 1 MiB; -EAGAIN: too much is
 * under way; -ENOMEM. Then `fn` is not called.
 */
PLUGIND_API int64_t plugind_call(struct plugind *p,
    const struct plugind_request *request, plugind_reply_fn *fn, void *arg);
/* Nobody waits for it any more: its callback is not called, and the plugin
 * that executes it can know. One that is over: nothing. */
PLUGIND_API void plugind_cancel(struct plugind *p, int64_t id);

/*
 * The same, and waits for the reply: for methods that run on threads
 * (PLUGIND_THREADS). Any thread but the main one, where it is -EDEADLK. *ret is
 * the caller's until plugind_reply_free. Errors as plugind_call, -ECANCELED
 * when the plugin ends.
 */
PLUGIND_API int plugind_call_wait(struct plugind *p,
    const struct plugind_request *request, struct plugind_reply **ret);
PLUGIND_API void plugind_reply_free(struct plugind_reply *r); /* NULL is fine */

/*
 * Executes a call. What it writes into plugind_call_result is the result.
 * Returns PLUGIND_OK, a failure (its text is what plugind_call_fail was told),
 * or PLUGIND_LATER: plugind_call_done will end it.
 */
typedef int plugind_method_fn(
    struct plugind *p, struct plugind_call *call, void *arg);

enum plugind_method_flags {
	/* Runs on one of a few threads, not on the main one: it may take its
	 * time, and only functions that allow any thread are for it. 1,024
	 * calls may wait; then callers are told that the plugin is busy. */
	PLUGIND_THREADS = 1,
};

struct plugind_method {
	const char *name; /* words with dots between them, 63 bytes at most */
	const char *help; /* one line for people; NULL: none */
	/* An endpoint that a gateway may offer over HTTP: "GET", "/orders".
	 * NULL, both: none. */
	const char *verb;
	const char *path;
	unsigned flags; /* PLUGIND_THREADS */
	plugind_method_fn *fn;
	void *arg;
	uintptr_t reserved[2]; /* 0 */
};

/*
 * Offers a method while the plugin is running; the same name again replaces
 * it. It lasts over restarts of the router. 0, -EINVAL, -ENOMEM. A refusal of
 * the router is in the plugin's log; 256 are allowed.
 */
PLUGIND_API int plugind_register(
    struct plugind *p, const struct plugind_method *method);
/* Calls that are under way go on. */
PLUGIND_API void plugind_unregister(struct plugind *p, const char *name);

/* How many threads there are for PLUGIND_THREADS, 1 to 64; 4 if it is not
 * called. Before the first call comes: in initialize. */
PLUGIND_API int plugind_set_threads(struct plugind *p, unsigned n);

/* A call that is executed. All of these: any thread, until it is done. */
PLUGIND_API const char *plugind_call_method(const struct plugind_call *c);
/* Who calls: a plugin's name, "worker:2". */
PLUGIND_API const char *plugind_call_source(const struct plugind_call *c);
/* Its arguments as msgpack: one object, checked. Until the method returns. */
PLUGIND_API const void *plugind_call_args(
    const struct plugind_call *c, size_t *ret_len);
/* The same for the readers of a configuration, as plugind_event_map. */
PLUGIND_API const struct plugind_config *plugind_call_map(
    struct plugind_call *c);
/* Milliseconds until its caller no longer waits, not below 0. */
PLUGIND_API int64_t plugind_call_left_ms(const struct plugind_call *c);
/* Nobody waits for it any more. */
PLUGIND_API bool plugind_call_is_cancelled(const struct plugind_call *c);

/* Where its result is written, empty at first. */
PLUGIND_API struct plugind_writer *plugind_call_result(struct plugind_call *c);
/* Says why it fails, 4,000 bytes at most; returns PLUGIND_FAILED. */
PLUGIND_API int plugind_call_fail(struct plugind_call *c, const char *fmt, ...)
    PLUGIND_PRINTF(2, 3);
/* Ends a call whose method has returned PLUGIND_LATER, or is about to: with
 * PLUGIND_OK or a failure. Once; `c` is gone then. */
PLUGIND_API void plugind_call_done(struct plugind_call *c, int result);

/*
 * The W3C traceparent of the event or call that this thread handles, or NULL;
 * what is published and called meanwhile carries it on by itself. Valid until
 * the handler returns. plugind_set_trace begins another one, of 255 bytes at
 * most, until then, or, outside of handlers, until it is set again; NULL: none.
 * Any thread.
 */
PLUGIND_API const char *plugind_trace(void);
PLUGIND_API void plugind_set_trace(const char *traceparent);

/* One service, valid until the callback returns. */
struct plugind_service {
	const char *plugin;
	unsigned instance;
	const char *method;
	const char *help; /* or NULL, as are verb and path */
	const char *verb;
	const char *path;
};
typedef void plugind_services_fn(struct plugind *p,
    const struct plugind_service *services, size_t n, void *arg);

/*
 * Asks who offers what: all methods of `plugin`, all plugins that offer
 * `method`, or both; NULL: any. `fn` is called from the loop, once; with NULL
 * where the connection was lost meanwhile: ask again. 0, -EINVAL, -ENOTCONN,
 * -EAGAIN: one question is under way. Events say when
 * services come and go: service.registered, service.unregistered.
 */
PLUGIND_API int plugind_discover(struct plugind *p, const char *plugin,
    const char *method, plugind_services_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
