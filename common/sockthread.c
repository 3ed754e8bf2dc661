/*
 * sockthread: the queue to the loop and the thread that closes, see
 * sockthread.h.
 *
 * Owns one mutex for the process, an eventfd that rings on the loop, and the
 * closer. An item is in the queue once however often it was posted. It is
 * taken from there for the last time after its close has returned, since the
 * closer posts it in the same breath: that is when it can be freed. Must
 * never make the loop wait for the closer, but in sockthread_fini().
 */
#include "sockthread.h"

#include "clock.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	TURN_ITEMS = 64, /* handled in one turn of the loop */
	STACK_BYTES = 256 * 1024,
	FINI_WAIT_S = 5,
};

TAILQ_HEAD(item_list, sockthread_item);

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;      /* for the closer */
	pthread_cond_t end;       /* of the closer */
	struct item_list news;    /* for the loop */
	struct item_list closing; /* oldest first */
	bool settle;              /* asked for */
	bool is_settled;
	bool stop;
	bool has_ended;
	int wake_fd; /* -1: not initialised */
} shared = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .work = PTHREAD_COND_INITIALIZER,
    .end = PTHREAD_COND_INITIALIZER,
    .news = TAILQ_HEAD_INITIALIZER(shared.news),
    .closing = TAILQ_HEAD_INITIALIZER(shared.closing),
    .wake_fd = -1,
};

/* The loop's own. */
static struct sockthread_ops ops;
static struct event *wake;
static pthread_t closer;

void
sockthread_lock(void)
{
	pthread_mutex_lock(&shared.lock);
}

void
sockthread_unlock(void)
{
	pthread_mutex_unlock(&shared.lock);
}

void
sockthread_post(struct sockthread_item *item)
{
	const uint64_t one = 1;

	if (item->is_queued)
		return;
	item->is_queued = true;
	TAILQ_INSERT_TAIL(&shared.news, item, news_entry);
	/* Fails only when it has been rung very often already. */
	if (write(shared.wake_fd, &one, sizeof(one)) < 0)
		return;
}

void
sockthread_settle(void)
{
	sockthread_lock();
	shared.settle = true;
	pthread_cond_signal(&shared.work);
	sockthread_unlock();
}

void
sockthread_close(struct sockthread_item *item)
{
	sockthread_lock();
	item->closing_ms = clock_mono_ms();
	TAILQ_INSERT_TAIL(&shared.closing, item, closing_entry);
	pthread_cond_signal(&shared.work);
	sockthread_unlock();
}

int64_t
sockthread_hangs(void)
{
	struct sockthread_item *item;
	int64_t ms = 0;

	sockthread_lock();
	item = TAILQ_FIRST(&shared.closing);
	if (item)
		ms = clock_mono_ms() - item->closing_ms + 1;
	sockthread_unlock();
	return ms;
}

/* With the lock held. */
static void
settle(void)
{
	shared.is_settled = true;
	sockthread_unlock();
	ops.settle();
	sockthread_lock();
}

/* With the lock held. NULL: it is to stop. */
static struct sockthread_item *
wait_for_work(void)
{
	struct sockthread_item *item;

	for (;;) {
		if (shared.settle && !shared.is_settled)
			settle();
		item = TAILQ_FIRST(&shared.closing);
		if (item || shared.stop)
			return item;
		if (!shared.settle || shared.is_settled)
			pthread_cond_wait(&shared.work, &shared.lock);
	}
}

static void *
run_closer(void *arg)
{
	struct sockthread_item *item;

	sockthread_lock();
	for (;;) {
		item = wait_for_work();
		if (!item)
			break;
		sockthread_unlock();
		ops.close(item);
		sockthread_lock();
		TAILQ_REMOVE(&shared.closing, item, closing_entry);
		item->is_closed = true;
		sockthread_post(item);
	}
	shared.has_ended = true;
	pthread_cond_signal(&shared.end);
	sockthread_unlock();
	return arg;
}

/* Whether it came to its end in time. */
static bool
stop_closer(void)
{
	struct timespec end;
	bool has_ended;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += FINI_WAIT_S;
	sockthread_lock();
	shared.stop = true;
	pthread_cond_signal(&shared.work);
	while (!shared.has_ended && r == 0)
		r = pthread_cond_clockwait(
		    &shared.end, &shared.lock, CLOCK_MONOTONIC, &end);
	has_ended = shared.has_ended;
	sockthread_unlock();
	return has_ended;
}

static struct sockthread_item *
take_news(bool *ret_is_closed)
{
	struct sockthread_item *item;

	sockthread_lock();
	item = TAILQ_FIRST(&shared.news);
	if (item) {
		TAILQ_REMOVE(&shared.news, item, news_entry);
		item->is_queued = false;
		*ret_is_closed = item->is_closed;
	}
	sockthread_unlock();
	return item;
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct sockthread_item *item;
	bool is_closed = false;
	uint64_t times;

	(void)what;
	(void)arg;
	if (read(fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return;
	for (int i = 0; i < TURN_ITEMS; i++) {
		item = take_news(&is_closed);
		if (!item)
			return;
		if (is_closed)
			ops.free(item);
		else
			ops.news(item);
	}
	event_active(wake, EV_READ, 0);
}

/* Makes the threads with the default attributes that are set now. */
static int
make_threads(void)
{
	int r = -pthread_create(&closer, NULL, run_closer, NULL);

	if (r != 0)
		return r;
	r = ops.start();
	if (r != 0) {
		stop_closer();
		pthread_join(closer, NULL);
	}
	return r;
}

/* The default is put back: a plugin's own threads are none of our business. */
static int
start_threads(void)
{
	pthread_attr_t old, small;
	sigset_t all, mask;
	int r = pthread_getattr_default_np(&old);

	if (r == 0)
		r = pthread_getattr_default_np(&small);
	if (r != 0)
		return -r;
	pthread_attr_setstacksize(&small, STACK_BYTES);
	pthread_setattr_default_np(&small);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	r = make_threads();
	pthread_setattr_default_np(&old);
	/* Too small for what is to lie there, as with some sanitizers. */
	if (r == -EINVAL)
		r = make_threads();
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	pthread_attr_destroy(&small);
	pthread_attr_destroy(&old);
	return r;
}

static void
close_wake(void)
{
	if (wake)
		event_free(wake);
	if (shared.wake_fd >= 0)
		close(shared.wake_fd);
	wake = NULL;
	shared.wake_fd = -1;
}

int
sockthread_init(struct event_base *base, const struct sockthread_ops *new_ops)
{
	int r = -ENOMEM;

	if (shared.wake_fd >= 0)
		return -EBUSY;
	shared.stop = shared.has_ended = false;
	shared.settle = shared.is_settled = false;
	shared.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shared.wake_fd < 0)
		return -errno;
	ops = *new_ops;
	wake = event_new(
	    base, shared.wake_fd, EV_READ | EV_PERSIST, on_wake, NULL);
	if (wake && event_add(wake, NULL) == 0)
		r = start_threads();
	if (r != 0)
		close_wake();
	return r;
}

void
sockthread_fini(void)
{
	struct sockthread_item *item;
	bool is_closed = false;

	if (shared.wake_fd < 0)
		return;
	if (!stop_closer()) {
		/* It may come back: what it uses stays. */
		event_free(wake);
		wake = NULL;
		pthread_detach(closer);
		return;
	}
	pthread_join(closer, NULL);
	while ((item = take_news(&is_closed))) {
		if (is_closed)
			ops.free(item);
	}
	close_wake();
}
