/*
 * request: one request of control.sock: its arguments, its reply, and how it
 * is held while a client waits.
 */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include "common/buf.h"
#include "common/msgs.h"
#include "common/wire.h"
#include "table.h"

#include <sys/queue.h>
#include <sys/types.h>

enum {
	REQUEST_MAX = 64 * 1024,
	REPLY_MAX = 4 * 1024 * 1024,
	REQUEST_TRACE_MAX = 36,
	REQUEST_WAIT_MAX_MS = 30000,
};

struct conn;
struct request;

/* Looks again whether a held request can be answered; true: the reply is in
 * req->data (or request_fail was called). `expired`: now or never. */
typedef bool request_poll_fn(struct request *req, bool expired);

struct request {
	struct conn *conn;  /* NULL: a plugin calls */
	const char *source; /* which one; only while its handler runs */
	uint8_t trace[REQUEST_TRACE_MAX];
	size_t trace_len;
	const struct msg_info *info;
	uint64_t id;
	/* Who asks. */
	enum msg_role role;
	uid_t uid;
	gid_t gid;
	pid_t pid; /* when it connected */

	struct wire_cursor args; /* at the next argument; dead when held */
	uint32_t nargs;          /* not read yet */

	enum msg_code code;
	struct buf data; /* of the reply */

	/* Sends the reply of one that was held. */
	void (*reply)(struct request *req);

	/* Only while held. */
	request_poll_fn *poll;
	void *state; /* malloc'd, freed with the request */
	int64_t expires_ms;
	TAILQ_ENTRY(request) link;
};

/* Handlers fill req->data, or fail, or hold. They must not keep req->args. */
typedef void request_fn(struct request *req);

/* Parses a payload. 0, or -EBADMSG: not even an answer can be addressed; the
 * client gets a strike. An unknown type or version is answered by the
 * caller: info is NULL. */
int request_parse(struct request *req, const void *payload, size_t len);
void request_fini(struct request *req);

/* Writes the whole reply [version, type, id, [code, data]]. */
void request_put_reply(const struct request *req, struct buf *out);

/* The reply becomes {error, hint?}. hint NULL: none. */
void request_fail(struct request *req, enum msg_code code, const char *hint,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool request_failed(const struct request *req);

/* Arguments, by position. Each returns true, or false after request_fail. A
 * missing optional one gives the default. */
bool request_get_str(
    struct request *req, const char *what, char *out, size_t cap);
bool request_get_uint(struct request *req, const char *what, uint64_t *ret);
bool request_opt_uint(
    struct request *req, const char *what, uint64_t fallback, uint64_t *ret);
bool request_opt_bool(struct request *req, const char *what, bool *ret);

/* The rows that a list of names means; nil or an empty list: all. Unknown
 * names fail with MSG_CODE_UNKNOWN_PLUGIN. `explicit` tells whether there
 * were names. The caller frees rows. */
struct selection {
	struct row **rows;
	size_t n;
	bool named;
};
bool request_get_rows(struct request *req, struct selection *ret);
/* The rows of one name. */
bool request_get_row(struct request *req, struct selection *ret);

/* Holds the request for at most timeout_ms: poll is asked at once, whenever
 * something changed, and at the end. Takes `state` always. */
void request_hold(struct request *req, request_poll_fn *poll, void *state,
    uint64_t timeout_ms);

/* The table of handlers, by message type; NULL where there is none. */
request_fn *request_handler(enum msg_type type);

#endif
