/*
 * fakesock: see fakesock.h. Owns the socks of one input, in a list.
 *
 * A message lies in a block of exactly its size, freed when the callback
 * returns, so that ASan sees who reads beyond it or too late. A closed sock is
 * kept until the input is over, and whoever uses it breaks a promise.
 */
#include "fakesock.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

enum { IDS = 256, WORD = 4, PATH_CAP = 108 };

struct sock {
	TAILQ_ENTRY(sock) link;
	struct sock_options options;
	char path[PATH_CAP];
	bool is_open; /* listens or dials */
	bool is_dialer;
	bool owes_down;
	bool is_closed;
	uint32_t pipe; /* 0: none */
	uint32_t last_id;
	uint8_t answers[IDS]; /* SOCK_REP: to the last requests */
};

TAILQ_HEAD(sock_list, sock);

static struct sock_list socks = TAILQ_HEAD_INITIALIZER(socks);
static struct sock_list closed = TAILQ_HEAD_INITIALIZER(closed);
static const struct fakesock_hooks *hooks;
static unsigned failing_opens, failing_sends, failed;
static uint32_t last_pipe;

/* --- for the target ---------------------------------------------------- */

void
fakesock_reset(const struct fakesock_hooks *new_hooks)
{
	struct sock *s, *next;

	for (s = TAILQ_FIRST(&socks); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		sock_close(s);
	}
	for (s = TAILQ_FIRST(&closed); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		free(s);
	}
	TAILQ_INIT(&closed);
	hooks = new_hooks;
	failing_opens = failing_sends = failed = 0;
	last_pipe = 0;
}

void
fakesock_fail(unsigned opens, unsigned sends)
{
	failing_opens = opens;
	failing_sends = sends;
}

unsigned
fakesock_failed(void)
{
	return failed;
}

struct sock *
fakesock_find(const char *path, enum sock_kind kind)
{
	struct sock *s;

	TAILQ_FOREACH(s, &socks, link) {
		if (s->options.kind == kind && strcmp(s->path, path) == 0)
			return s;
	}
	return NULL;
}

struct sock *
fakesock_next(const struct sock *s)
{
	return s != NULL ? TAILQ_NEXT(s, link) : TAILQ_FIRST(&socks);
}

const struct sock_options *
fakesock_options(const struct sock *s)
{
	return &s->options;
}

uint32_t
fakesock_pipe(const struct sock *s)
{
	return s->pipe;
}

bool
fakesock_is_open(const struct sock *s)
{
	return s->is_open || s->pipe != 0;
}

static void
end_pipe(struct sock *s)
{
	if (s->pipe == 0)
		return;
	s->pipe = 0;
	s->owes_down = true;
}

static void
pay_down(struct sock *s)
{
	if (!s->owes_down)
		return;
	s->owes_down = false;
	if (hooks->down != NULL)
		hooks->down(s);
	if (s->options.ops.down != NULL)
		s->options.ops.down(s->options.arg);
}

bool
fakesock_connect(struct sock *s, pid_t pid, uid_t uid)
{
	const struct sock_peer peer = {.pid = pid, .uid = uid};
	bool is_wanted = s->is_open;

	if (s->options.check_uid && uid != s->options.uid)
		is_wanted = false;
	if (!is_wanted)
		return false;
	end_pipe(s);
	pay_down(s);
	if (!s->is_closed && s->is_open) {
		s->pipe = ++last_pipe;
		if (s->options.ops.up != NULL)
			s->options.ops.up(s->options.arg, &peer);
	}
	return true;
}

void
fakesock_disconnect(struct sock *s)
{
	/* One attempt is one pipe. */
	if (s->pipe != 0 && s->is_dialer)
		s->is_open = false;
	end_pipe(s);
	pay_down(s);
}

static void
put_word(uint8_t *out, uint32_t v)
{
	for (int i = 0; i < WORD; i++)
		out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t
get_word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

uint32_t
fakesock_deliver(struct sock *s, uint32_t id, const void *data, size_t len)
{
	struct sock_message m = {.len = len, .id = id};
	uint8_t *copy;
	bool is_asked = s->options.kind != SOCK_REQ;

	if (s->pipe == 0 || len > SOCK_BODY_MAX)
		return 0;
	if (is_asked) {
		id = ++s->last_id;
		s->answers[id % IDS] = 0;
	}
	if (s->options.kind == SOCK_REP) {
		put_word(m.answer.trace, s->pipe);
		put_word(m.answer.trace + WORD, id);
		m.answer.len = 2 * WORD;
	}
	copy = malloc(len);
	MUST(copy != NULL || len == 0);
	if (len > 0)
		memcpy(copy, data, len);
	m.data = copy;
	if (s->options.ops.message != NULL)
		s->options.ops.message(s->options.arg, &m);
	free(copy);
	return id;
}

unsigned
fakesock_answers(const struct sock *s, uint32_t id)
{
	return s->last_id - id < IDS ? s->answers[id % IDS] : 0;
}

bool
fakesock_turn(void)
{
	struct sock *s = TAILQ_FIRST(&socks);
	bool any = false;

	while (s != NULL) {
		bool owes = s->owes_down;

		any = any || owes;
		pay_down(s);
		/* After a callback the list may be another one. */
		s = owes ? TAILQ_FIRST(&socks) : TAILQ_NEXT(s, link);
	}
	return any;
}

/* --- for those who think that it is nng -------------------------------- */

int
sock_init(struct event_base *base)
{
	MUST(base != NULL);
	return 0;
}

void
sock_fini(void)
{
	MUST(TAILQ_EMPTY(&socks));
}

int
sock_new(const struct sock_options *options, struct sock **ret)
{
	size_t len = strlen(options->path);
	struct sock *s;

	if (len == 0 || len >= PATH_CAP)
		return -ENAMETOOLONG;
	s = calloc(1, sizeof(*s));
	MUST(s != NULL);
	s->options = *options;
	memcpy(s->path, options->path, len);
	s->options.path = s->path;
	TAILQ_INSERT_HEAD(&socks, s, link);
	*ret = s;
	return 0;
}

static int
open_again(struct sock *s)
{
	MUST(!s->is_closed);
	s->is_open = false;
	end_pipe(s);
	if (failing_opens > 0) {
		failing_opens--;
		return -EADDRINUSE;
	}
	s->is_open = true;
	return 0;
}

int
sock_listen(struct sock *s)
{
	return open_again(s);
}

int
sock_dial(struct sock *s)
{
	s->is_dialer = true;
	return open_again(s);
}

void
sock_close(struct sock *s)
{
	if (s == NULL)
		return;
	MUST(!s->is_closed);
	s->is_closed = true;
	s->is_open = false;
	s->pipe = 0;
	TAILQ_REMOVE(&socks, s, link);
	TAILQ_INSERT_HEAD(&closed, s, link);
}

bool
sock_is_up(const struct sock *s)
{
	MUST(!s->is_closed);
	return s->pipe != 0;
}

void
sock_drop(struct sock *s)
{
	MUST(!s->is_closed);
	if (s->pipe != 0 && s->is_dialer)
		s->is_open = false;
	end_pipe(s);
}

static int
send_bytes(struct sock *s, uint32_t id, const void *data, size_t len)
{
	MUST(!s->is_closed);
	if (s->pipe == 0)
		return -ENOTCONN;
	if (len > SOCK_BODY_MAX - 2 * WORD)
		return -EMSGSIZE;
	if (failing_sends > 0) {
		failing_sends--;
		failed++;
		return -EAGAIN;
	}
	if (hooks->said != NULL)
		hooks->said(s, id, data, len);
	return 0;
}

int
sock_request(struct sock *s, const void *data, size_t len, uint32_t *ret_id)
{
	uint32_t id = s->last_id + 1;
	int r;

	MUST(s->options.kind == SOCK_REQ);
	r = send_bytes(s, id, data, len);
	if (r == 0)
		*ret_id = s->last_id = id;
	return r;
}

int
sock_reply(
    struct sock *s, const struct sock_return *to, const void *data, size_t len)
{
	uint32_t id;

	MUST(s->options.kind == SOCK_REP);
	MUST(to->len == 2 * WORD);
	if (get_word(to->trace) != s->pipe)
		return -ENOTCONN;
	id = get_word(to->trace + WORD);
	MUST(id > 0 && id <= s->last_id);
	if (s->last_id - id < IDS)
		MUST(++s->answers[id % IDS] == 1);
	return send_bytes(s, id, data, len);
}

int
sock_publish(struct sock *s, const void *head, size_t head_len,
    const void *data, size_t len)
{
	static uint8_t whole[2 * SOCK_BODY_MAX];

	MUST(s->options.kind == SOCK_PUB);
	MUST(head_len + len <= sizeof(whole));
	memcpy(whole, head, head_len);
	if (len > 0) /* else there may be no data */
		memcpy(whole + head_len, data, len);
	return send_bytes(s, 0, whole, head_len + len);
}

int64_t
sock_close_hangs(void)
{
	return 0;
}
