/*
 * sock: one nng socket on a libevent loop, see sock.h. The only file that
 * includes nng's headers, but for socktask.c.
 *
 * Two worlds meet here. nng's threads run on_new, on_added and on_gone, which
 * write into a sock's table of pipes and post it (sockthread.h). The loop
 * does everything else and is the only one that calls back. nng may call with
 * a sock's address until nng_close() has returned, which is why a closed sock
 * is freed only then; should it hang for ever, the sock is leaked.
 *
 * nng_listener_close(), nng_dialer_close() and nng_pipe_close() run on the
 * loop. Read in 1.5.2 and 1.12: they mark and unlink under short locks and
 * leave all that waits to nng's reaper; the path of a listener is free when
 * the call returns, so that it can be bound anew at once.
 *
 * Must never: wait on the loop, call back from one of nng's threads, or keep
 * a message for another pipe than the one it was meant for.
 */
#include "sock.h"

#include "sockpipe.h"
#include "socktask.h"
#include "sockthread.h"

#include <errno.h>
#include <event2/event.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TURN_MESSAGES = SOCK_QUEUE, /* of one sock in one turn of the loop */
	REPLIES = 2 * TURN_MESSAGES,
	NO_REDIAL_MS = 60 * 60 * 1000,
	PATH_CAP = 108,
	PERMISSIONS = 0666, /* its directory is the guard */
	WORD = 4,           /* a request id, a pipe id */
};

static const uint32_t last_hop = 0x80000000u; /* marks a request id */

struct sock {
	nng_socket nng;
	nng_listener listener;
	nng_dialer dialer;
	struct event *readable;
	struct event *writable; /* armed while something waits */
	struct sock_options options;
	char url[sizeof("ipc://") + PATH_CAP];
	uint32_t pipe;  /* the peer's, 0: none */
	uint64_t order; /* of the newest pipe so far */
	bool owes_down; /* to be called from the loop's next turn */
	bool is_closed;
	uint32_t last_id;
	nng_msg *held; /* received, of a pipe that has yet to be made ours */
	nng_msg *waiting[SOCK_QUEUE]; /* a ring: to be sent */
	unsigned first, count;
	struct sockthread_item item;
	struct sockpipe_table pipes; /* under sockthread_lock() */
};

static struct event_base *loop;
/* For what is done without waiting: the loop's own, one at a time. */
static nng_aio *at_once;

/* Raw: neither contexts nor nng's own re-sending and matching. */
static int (*const openers[SOCK_KIND__COUNT])(nng_socket *) = {
    [SOCK_REQ] = nng_req0_open_raw,
    [SOCK_REP] = nng_rep0_open_raw,
    [SOCK_PUB] = nng_pub0_open_raw,
    [SOCK_SUB] = nng_sub0_open_raw,
};

static const struct {
	int nng;
	int error;
} errors[] = {
    {NNG_ENOMEM, ENOMEM},
    {NNG_ENOFILES, EMFILE},
    {NNG_EAGAIN, EAGAIN},
    {NNG_EADDRINUSE, EADDRINUSE},
    {NNG_EADDRINVAL, EADDRNOTAVAIL},
    {NNG_ENOENT, ENOENT},
    {NNG_EPERM, EACCES},
    {NNG_EMSGSIZE, EMSGSIZE},
    {NNG_ECLOSED, ENOTCONN},
};

static int
to_errno(int r)
{
	if (r == 0)
		return 0;
	if (r & NNG_ESYSERR)
		return -(r & ~NNG_ESYSERR);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].nng == r)
			return -errors[i].error;
	}
	return -EIO;
}

/* --- nng's threads ----------------------------------------------------- */

static struct sock_peer
identify(nng_pipe p)
{
	struct sock_peer peer = {.pid = -1, .uid = (uid_t)-1};
	uint64_t v;

	if (nng_pipe_get_uint64(p, NNG_OPT_IPC_PEER_PID, &v) == 0 && v != 0)
		peer.pid = (pid_t)v;
	if (nng_pipe_get_uint64(p, NNG_OPT_IPC_PEER_UID, &v) == 0)
		peer.uid = (uid_t)v;
	return peer;
}

/* Before nng uses the pipe: the moment to refuse it. */
static void
on_new(nng_pipe p, nng_pipe_ev ev, void *arg)
{
	struct sock *s = arg;
	struct sock_peer peer = identify(p);
	bool ok = !s->options.check_uid || peer.uid == s->options.uid;

	(void)ev;
	sockthread_lock();
	ok = ok && sockpipe_new(&s->pipes, (uint32_t)nng_pipe_id(p), &peer);
	sockthread_unlock();
	if (!ok)
		nng_pipe_close(p);
}

static void
on_added(nng_pipe p, nng_pipe_ev ev, void *arg)
{
	struct sock *s = arg;
	bool ok;

	(void)ev;
	sockthread_lock();
	ok = sockpipe_added(&s->pipes, (uint32_t)nng_pipe_id(p));
	if (ok)
		sockthread_post(&s->item);
	sockthread_unlock();
	if (!ok)
		nng_pipe_close(p);
}

static void
on_gone(nng_pipe p, nng_pipe_ev ev, void *arg)
{
	struct sock *s = arg;
	nng_dialer d = nng_pipe_dialer(p);

	(void)ev;
	/* Next, nng would start the dialer's timer; half of all times it
	 * redials at once, whatever RECONNMINT says. */
	if (nng_dialer_id(d) > 0)
		nng_dialer_close(d);
	sockthread_lock();
	if (sockpipe_gone(&s->pipes, (uint32_t)nng_pipe_id(p)))
		sockthread_post(&s->item);
	sockthread_unlock();
}

/* --- sending ----------------------------------------------------------- */

/* nng_sendmsg and nng_recvmsg would make an aio each time, which costs them
 * more system calls than the message. */
static int
wait_at_once(void)
{
	int r;

	nng_aio_wait(at_once);
	r = nng_aio_result(at_once);
	return r == NNG_ETIMEDOUT ? NNG_EAGAIN : r;
}

/* The message is nng's then, if it is 0. */
static int
send_at_once(const struct sock *s, nng_msg *msg)
{
	nng_aio_set_msg(at_once, msg);
	nng_send_aio(s->nng, at_once);
	return wait_at_once();
}

static nng_msg *
receive_at_once(const struct sock *s)
{
	nng_recv_aio(s->nng, at_once);
	return wait_at_once() == 0 ? nng_aio_get_msg(at_once) : NULL;
}

static void
forget_waiting(struct sock *s)
{
	for (; s->count > 0; s->count--) {
		nng_msg_free(s->waiting[s->first]);
		s->first = (s->first + 1) % SOCK_QUEUE;
	}
	if (s->writable)
		event_del(s->writable);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct sock *s = arg;
	int r = 0;

	(void)fd;
	(void)what;
	while (s->count > 0) {
		r = send_at_once(s, s->waiting[s->first]);
		if (r != 0)
			break;
		s->first = (s->first + 1) % SOCK_QUEUE;
		s->count--;
	}
	if (s->count == 0)
		event_del(s->writable);
	else if (r != NNG_EAGAIN)
		sock_drop(s);
}

/* nng says "may be sent" by making a descriptor readable; nobody reads it. */
static int
watch(struct sock *s, const char *option, event_callback_fn fn,
    struct event **ret)
{
	struct event *e;
	int fd, r;

	r = nng_socket_get_int(s->nng, option, &fd);
	if (r != 0)
		return to_errno(r);
	e = event_new(loop, fd, EV_READ | EV_PERSIST, fn, s);
	if (!e)
		return -ENOMEM;
	*ret = e;
	return 0;
}

static int
enqueue(struct sock *s, nng_msg *msg)
{
	int r = 0;

	if (s->count == SOCK_QUEUE)
		return -EAGAIN;
	if (!s->writable)
		r = watch(s, NNG_OPT_SENDFD, on_writable, &s->writable);
	if (r == 0 && s->count == 0 && event_add(s->writable, NULL) != 0)
		r = -ENOMEM;
	if (r == 0)
		s->waiting[(s->first + s->count++) % SOCK_QUEUE] = msg;
	return r;
}

static int
submit(struct sock *s, nng_msg *msg)
{
	int r = s->count > 0 ? NNG_EAGAIN : send_at_once(s, msg);

	return r == NNG_EAGAIN ? enqueue(s, msg) : to_errno(r);
}

/* Sends `data` behind `head`. */
static int
send_bytes(struct sock *s, const void *head, size_t head_len, const void *data,
    size_t len)
{
	nng_msg *msg = NULL;
	int r;

	if (s->pipe == 0)
		return -ENOTCONN;
	if (len > SOCK_BODY_MAX - head_len)
		return -EMSGSIZE;
	if (nng_msg_alloc(&msg, 0) != 0)
		return -ENOMEM;
	r = -ENOMEM;
	if ((head_len == 0 ||
	        nng_msg_header_append(msg, head, head_len) == 0) &&
	    (len == 0 || nng_msg_append(msg, data, len) == 0))
		r = submit(s, msg);
	if (r != 0)
		nng_msg_free(msg);
	return r;
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

int
sock_request(struct sock *s, const void *data, size_t len, uint32_t *ret_id)
{
	uint32_t id = (s->last_id + 1) & ~last_hop;
	uint8_t head[WORD];
	int r;

	if (s->options.kind != SOCK_REQ)
		return -EINVAL;
	put_word(head, id | last_hop);
	r = send_bytes(s, head, sizeof(head), data, len);
	if (r == 0)
		*ret_id = s->last_id = id;
	return r;
}

int
sock_reply(
    struct sock *s, const struct sock_return *to, const void *data, size_t len)
{
	if (s->options.kind != SOCK_REP || to->len < 2 * WORD ||
	    to->len > SOCK_TRACE_MAX)
		return -EINVAL;
	/* It begins with the pipe that the request came from. */
	if (get_word(to->trace) != s->pipe)
		return -ENOTCONN;
	return send_bytes(s, to->trace, to->len, data, len);
}

int
sock_publish(struct sock *s, const void *head, size_t head_len,
    const void *data, size_t len)
{
	if (s->options.kind != SOCK_PUB)
		return -EINVAL;
	/* What is a header there goes out as the beginning of the body. */
	return send_bytes(s, head, head_len, data, len);
}

/* --- receiving, and what becomes of pipes ------------------------------ */

/* False: not what a peer of ours sends. */
static bool
read_head(const struct sock *s, nng_msg *msg, struct sock_message *m)
{
	const uint8_t *head = nng_msg_header(msg);
	size_t len = nng_msg_header_len(msg);

	if (s->options.kind == SOCK_SUB)
		return len == 0;
	if (s->options.kind == SOCK_REQ) {
		if (len != WORD)
			return false;
		m->id = get_word(head) & ~last_hop;
		return true;
	}
	if (len < 2 * WORD || len > SOCK_TRACE_MAX)
		return false;
	memcpy(m->answer.trace, head, len);
	m->answer.len = (uint8_t)len;
	return true;
}

static void
deliver(struct sock *s, nng_msg *msg)
{
	struct sock_message m = {
	    .data = nng_msg_body(msg), .len = nng_msg_len(msg)};

	if (!read_head(s, msg, &m))
		sock_drop(s);
	else if (s->options.ops.message)
		s->options.ops.message(s->options.arg, &m);
}

static nng_msg *
receive(struct sock *s)
{
	nng_msg *msg = s->held;

	s->held = NULL;
	return msg ? msg : receive_at_once(s);
}

static bool
is_ours(const struct sock *s, const nng_msg *msg)
{
	return s->pipe != 0 &&
	       (uint32_t)nng_pipe_id(nng_msg_get_pipe(msg)) == s->pipe;
}

/* What the peer sent before it went is not lost with it. */
static void
receive_rest(struct sock *s)
{
	nng_msg *msg;

	for (int i = 0; i < 2 * SOCK_QUEUE && s->pipe != 0; i++) {
		msg = receive(s);
		if (!msg)
			return;
		if (!is_ours(s, msg)) {
			s->held = msg;
			return;
		}
		deliver(s, msg);
		nng_msg_free(msg);
		if (s->is_closed)
			return;
	}
}

static void
end_pipe(struct sock *s)
{
	nng_pipe p = {.id = s->pipe};

	if (s->pipe == 0)
		return;
	sockthread_lock();
	sockpipe_drop(&s->pipes, s->pipe);
	sockthread_unlock();
	nng_pipe_close(p);
	s->pipe = 0;
	s->owes_down = true;
	forget_waiting(s);
}

static void
pay_down(struct sock *s)
{
	if (!s->owes_down)
		return;
	s->owes_down = false;
	if (s->options.ops.down)
		s->options.ops.down(s->options.arg);
}

static bool
look_at_pipes(struct sock *s, struct sockpipe *ret_newest)
{
	bool is_lost;

	sockthread_lock();
	is_lost = sockpipe_look(&s->pipes, s->pipe, s->order, ret_newest);
	sockthread_unlock();
	return is_lost;
}

static void
adopt_newest(struct sock *s)
{
	struct sockpipe newest;

	if (s->pipe != 0)
		return;
	look_at_pipes(s, &newest);
	if (newest.id == 0)
		return;
	s->pipe = newest.id;
	s->order = newest.order;
	sockthread_settle();
	if (s->options.ops.up)
		s->options.ops.up(s->options.arg, &newest.peer);
}

/* After news about pipes. A callback may change all of it. */
static void
update(struct sock *s)
{
	struct sockpipe newest;
	bool is_lost = look_at_pipes(s, &newest);

	if (is_lost || newest.id != 0) {
		receive_rest(s);
		if (!s->is_closed)
			end_pipe(s);
	}
	if (!s->is_closed)
		pay_down(s);
	if (!s->is_closed)
		adopt_newest(s);
	if (!s->is_closed && s->held)
		event_active(s->readable, EV_READ, 0);
}

/* A message may be here before the news that its pipe was added. */
static void
admit(struct sock *s, nng_msg *msg)
{
	uint32_t id = (uint32_t)nng_pipe_id(nng_msg_get_pipe(msg));
	bool ok;

	sockthread_lock();
	ok = sockpipe_admit(&s->pipes, id, s->order);
	sockthread_unlock();
	if (!ok)
		return;
	s->held = msg;
	update(s);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct sock *s = arg;
	nng_msg *msg;

	(void)fd;
	(void)what;
	/* What is left makes the descriptor readable in the next turn. */
	for (int i = 0; i < TURN_MESSAGES && !s->is_closed; i++) {
		msg = receive(s);
		if (!msg)
			return;
		if (!is_ours(s, msg))
			admit(s, msg);
		if (s->held == msg)
			s->held = NULL;
		else if (s->is_closed)
			return; /* freed with the rest */
		if (is_ours(s, msg))
			deliver(s, msg);
		nng_msg_free(msg);
	}
}

void
sock_drop(struct sock *s)
{
	if (s->pipe == 0)
		return;
	end_pipe(s);
	sockthread_lock();
	sockthread_post(&s->item);
	sockthread_unlock();
}

bool
sock_is_up(const struct sock *s)
{
	return s->pipe != 0;
}

/* --- open, listen, dial, close ----------------------------------------- */

/* All that came from the old listener or dialer. */
static void
drop_all(struct sock *s)
{
	sockthread_lock();
	sockpipe_drop_all(&s->pipes);
	sockthread_unlock();
	sock_drop(s);
}

static void
close_ends(struct sock *s)
{
	if (nng_listener_id(s->listener) > 0)
		nng_listener_close(s->listener);
	if (nng_dialer_id(s->dialer) > 0)
		nng_dialer_close(s->dialer);
	s->listener = (nng_listener)NNG_LISTENER_INITIALIZER;
	s->dialer = (nng_dialer)NNG_DIALER_INITIALIZER;
}

int
sock_listen(struct sock *s)
{
	nng_listener l = NNG_LISTENER_INITIALIZER;
	int r;

	close_ends(s);
	drop_all(s);
	/* One left by a process that was killed: nng would find out by
	 * connecting to it. */
	unlink(s->url + strlen("ipc://"));
	r = nng_listener_create(&l, s->nng, s->url);
	if (r == 0)
		r = nng_listener_set_size(
		    l, NNG_OPT_RECVMAXSZ, (size_t)SOCK_BODY_MAX);
	if (r == 0)
		r = nng_listener_set_int(
		    l, NNG_OPT_IPC_PERMISSIONS, PERMISSIONS);
	if (r == 0)
		r = nng_listener_start(l, 0);
	if (r == 0)
		s->listener = l;
	else if (nng_listener_id(l) > 0)
		nng_listener_close(l);
	return to_errno(r);
}

int
sock_dial(struct sock *s)
{
	nng_dialer d = NNG_DIALER_INITIALIZER;
	int r;

	close_ends(s);
	drop_all(s);
	r = nng_dialer_create(&d, s->nng, s->url);
	if (r == 0)
		r = nng_dialer_set_size(
		    d, NNG_OPT_RECVMAXSZ, (size_t)SOCK_BODY_MAX);
	if (r == 0)
		r = nng_dialer_set_ms(d, NNG_OPT_RECONNMINT, NO_REDIAL_MS);
	if (r == 0)
		r = nng_dialer_set_ms(d, NNG_OPT_RECONNMAXT, NO_REDIAL_MS);
	if (r == 0)
		r = nng_dialer_start(d, NNG_FLAG_NONBLOCK);
	if (r == 0)
		s->dialer = d;
	else if (nng_dialer_id(d) > 0)
		nng_dialer_close(d);
	return to_errno(r);
}

void
sock_close(struct sock *s)
{
	if (!s)
		return;
	s->is_closed = true;
	close_ends(s);
	forget_waiting(s);
	nng_msg_free(s->held);
	s->held = NULL;
	s->pipe = 0;
	if (s->readable)
		event_free(s->readable);
	if (s->writable)
		event_free(s->writable);
	sockthread_close(&s->item);
}

/*
 * A request waits here, not in nng: what nng holds for a socket goes to its
 * next pipe when this one ends. A reply carries its pipe's number, and events
 * wait at their pipe. Replies do not wait, if at most one is sent for each
 * message, as there is room for more than a turn can read.
 */
static int
set_up(struct sock *s)
{
	enum sock_kind kind = s->options.kind;
	int r = 0;

	if (kind == SOCK_REP)
		r = nng_socket_set_int(s->nng, NNG_OPT_SENDBUF, REPLIES);
	if (kind == SOCK_PUB)
		r = nng_socket_set_int(s->nng, NNG_OPT_SENDBUF, SOCK_QUEUE);
	else if (r == 0)
		r = nng_socket_set_int(s->nng, NNG_OPT_RECVBUF, SOCK_QUEUE);
	if (r == 0)
		r = nng_pipe_notify(s->nng, NNG_PIPE_EV_ADD_PRE, on_new, s);
	if (r == 0)
		r = nng_pipe_notify(s->nng, NNG_PIPE_EV_ADD_POST, on_added, s);
	if (r == 0)
		r = nng_pipe_notify(s->nng, NNG_PIPE_EV_REM_POST, on_gone, s);
	if (r != 0 || kind == SOCK_PUB)
		return to_errno(r);
	r = watch(s, NNG_OPT_RECVFD, on_readable, &s->readable);
	if (r == 0 && event_add(s->readable, NULL) != 0)
		r = -ENOMEM;
	if (r == 0 && kind == SOCK_REQ)
		r = watch(s, NNG_OPT_SENDFD, on_writable, &s->writable);
	return r;
}

int
sock_new(const struct sock_options *options, struct sock **ret)
{
	size_t len = strlen(options->path);
	struct sock *s;
	int r;

	if (len == 0 || len >= PATH_CAP)
		return -ENAMETOOLONG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	r = openers[options->kind](&s->nng);
	if (r != 0) {
		free(s);
		return to_errno(r);
	}
	s->options = *options;
	s->options.path = NULL;
	snprintf(s->url, sizeof(s->url), "ipc://%s", options->path);
	r = set_up(s);
	if (r != 0)
		sock_close(s);
	else
		*ret = s;
	return r;
}

/* --- the process ------------------------------------------------------- */

static struct sock *
get_sock(struct sockthread_item *item)
{
	return (struct sock *)((char *)item - offsetof(struct sock, item));
}

/* The first call of nng makes its threads: all of them, once. */
static int
start_nng(void)
{
	int r = nng_aio_alloc(&at_once, NULL, NULL);

	if (r == 0)
		nng_aio_set_timeout(at_once, NNG_DURATION_ZERO);
	return to_errno(r);
}

static void
close_nng(struct sockthread_item *item)
{
	nng_close(get_sock(item)->nng);
}

static void
on_news(struct sockthread_item *item)
{
	struct sock *s = get_sock(item);

	if (!s->is_closed)
		update(s);
}

static void
free_sock(struct sockthread_item *item)
{
	free(get_sock(item));
}

int
sock_init(struct event_base *base)
{
	static const struct sockthread_ops ops = {
	    .start = start_nng,
	    .settle = socktask_leave_one,
	    .close = close_nng,
	    .news = on_news,
	    .free = free_sock,
	};

	loop = base;
	return sockthread_init(base, &ops);
}

void
sock_fini(void)
{
	sockthread_fini();
	nng_aio_free(at_once);
	at_once = NULL;
}

int64_t
sock_close_hangs(void)
{
	return sockthread_hangs();
}

#ifdef __SANITIZE_ADDRESS__
/*
 * For LeakSanitizer. nng 1.5.2 forgets a message that it has taken from a
 * pipe's queue when that pipe ends in the same moment: nni_aio_begin gives up
 * without a callback, and nobody else knows of the message.
 */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(
    void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:send_bytes\n";
}
#endif
