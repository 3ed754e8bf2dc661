/*
 * link: frames over a socketpair, see link.h.
 *
 * Owns one bufferevent and with it the descriptor; what the socket does not
 * take at once lies in its output buffer. A frame is handed over where it lies
 * in the input buffer, so nothing is copied on the way in. A callback may free
 * the link: while one runs, link_free() only marks it, and the last line of
 * the caller does the rest. Must never look into a frame beyond its head, and
 * must never go on after nonsense, since where the next frame begins is then
 * unknown.
 */
#include "link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEAD_LEN = 4, CATCH_UP_MAX = 256 }; /* reads of 4 KiB */

struct link {
	struct bufferevent *bev;
	struct link_ops ops;
	void *arg;
	bool ended;
	bool is_calling; /* a callback of the owner runs */
	bool is_freed;   /* by that callback */
};

/* libevent closes the descriptor in the loop's next turn; the other end hears
 * of it now. */
static void
destroy(struct link *l)
{
	(void)shutdown(bufferevent_getfd(l->bev), SHUT_RDWR);
	bufferevent_free(l->bev);
	free(l);
}

/* After a callback: false when the link is gone. */
static bool
is_left(struct link *l)
{
	l->is_calling = false;
	if (!l->is_freed)
		return true;
	destroy(l);
	return false;
}

static void
end(struct link *l, const char *why)
{
	if (l->ended)
		return;
	l->ended = true;
	bufferevent_disable(l->bev, EV_READ | EV_WRITE);
	l->is_calling = true;
	l->ops.end(l->arg, why);
	is_left(l);
}

/* The length in front of the next frame, or -EAGAIN. */
static int64_t
peek_len(struct evbuffer *in)
{
	uint8_t head[HEAD_LEN];

	if (evbuffer_copyout(in, head, HEAD_LEN) < HEAD_LEN)
		return -EAGAIN;
	return (int64_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
}

/* Hands over the frame at the front. False when there is no more to do: it is
 * not whole yet, the link is gone, or it has ended. */
static bool
read_frame(struct link *l)
{
	struct evbuffer *in = bufferevent_get_input(l->bev);
	int64_t len = peek_len(in);
	const uint8_t *bytes;
	struct frame f;
	size_t wanted;

	if (len > LINK_FRAME_MAX) {
		end(l, "a frame is too long");
		return false;
	}
	if (len < 0 || evbuffer_get_length(in) < (size_t)len + HEAD_LEN) {
		/* Not to be called for each part of a long frame. */
		wanted = HEAD_LEN + (len > 0 ? (size_t)len : 0);
		bufferevent_setwatermark(l->bev, EV_READ, wanted, 0);
		return false;
	}
	bytes = evbuffer_pullup(in, HEAD_LEN + (ssize_t)len);
	if (!bytes) {
		end(l, "out of memory");
		return false;
	}
	if (frame_parse(bytes + HEAD_LEN, (size_t)len, &f) != 0) {
		end(l, "it sent something that is not a frame");
		return false;
	}
	l->is_calling = true;
	l->ops.frame(l->arg, &f);
	if (!is_left(l))
		return false;
	evbuffer_drain(in, HEAD_LEN + (size_t)len);
	return true;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	while (read_frame(arg))
		;
}

void
link_catch_up(struct link *l)
{
	struct evbuffer *in = bufferevent_get_input(l->bev);
	evutil_socket_t fd = bufferevent_getfd(l->bev);

	if (l->ended || l->is_calling)
		return;
	/* A bufferevent keeps its input closed to others. Its end, if that is
	 * what comes, is still there for the loop to find. */
	evbuffer_unfreeze(in, 0);
	for (int i = 0; i < CATCH_UP_MAX && evbuffer_read(in, fd, -1) > 0; i++)
		;
	evbuffer_freeze(in, 0);
	on_read(l->bev, l);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	end(arg, what & BEV_EVENT_EOF ? "it closed the link"
	                              : strerror(EVUTIL_SOCKET_ERROR()));
}

int
link_new(struct event_base *base, int fd, const struct link_ops *ops, void *arg,
    struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l || evutil_make_socket_nonblocking(fd) != 0)
		goto fail;
	l->ops = *ops;
	l->arg = arg;
	l->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!l->bev)
		goto fail;
	bufferevent_setcb(l->bev, on_read, NULL, on_event, l);
	bufferevent_setwatermark(l->bev, EV_READ, HEAD_LEN, 0);
	if (bufferevent_enable(l->bev, EV_READ | EV_WRITE) != 0) {
		destroy(l);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
fail:
	free(l);
	close(fd);
	return -ENOMEM;
}

void
link_free(struct link *l)
{
	if (!l)
		return;
	if (l->is_calling)
		l->is_freed = true;
	else
		destroy(l);
}

/* What the socket takes at once: the peer hears it in this turn, whatever else
 * happens in it. Bytes, or 0. */
static size_t
send_now(struct link *l, const uint8_t *head, const struct buf *b)
{
	struct iovec parts[] = {
	    {(void *)(uintptr_t)head, HEAD_LEN}, {b->data, b->len}};
	const struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n = sendmsg(
	    bufferevent_getfd(l->bev), &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n > 0 ? (size_t)n : 0; /* an error comes again, to the loop */
}

int
link_send(struct link *l, const struct buf *b)
{
	struct evbuffer *out = bufferevent_get_output(l->bev);
	const uint8_t head[HEAD_LEN] = {(uint8_t)(b->len >> 24),
	    (uint8_t)(b->len >> 16), (uint8_t)(b->len >> 8), (uint8_t)b->len};
	size_t queued = evbuffer_get_length(out);
	size_t sent = 0;

	if (buf_error(b) != 0)
		return buf_error(b);
	if (l->ended)
		return -EPIPE;
	if (b->len > LINK_FRAME_MAX)
		return -EMSGSIZE;
	if (queued + HEAD_LEN + b->len > LINK_QUEUE_MAX)
		return -ENOBUFS;
	/* Both or neither: half a frame would be nonsense. */
	if (evbuffer_expand(out, HEAD_LEN + b->len) != 0)
		return -ENOMEM;
	if (queued == 0)
		sent = send_now(l, head, b);
	if (sent < HEAD_LEN)
		evbuffer_add(out, head + sent, HEAD_LEN - sent);
	sent = sent < HEAD_LEN ? 0 : sent - HEAD_LEN;
	if (sent < b->len)
		evbuffer_add(out, b->data + sent, b->len - sent);
	return 0;
}
