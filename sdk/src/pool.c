/*
 * pool: see pool.h. Owns the threads, which are started when there is work for
 * one more, and the calls that wait for them. Whoever is not on the main thread
 * puts things into a list and writes to an eventfd.
 *
 * Must never: run a method under the lock, call libevent or the outbox off the
 * main thread, or wait for a thread that is in the plugin's code.
 */
#include "pool.h"

#include "config.h"
#include "plugin.h"
#include "writer.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STACK_SIZE = 1024 * 1024 };

/* Somebody waits for a reply. It lives on his stack. */
struct question {
	TAILQ_ENTRY(question) link;
	struct pool *pool;
	const struct plugind_request *request;
	pthread_cond_t answered;
	bool is_over;
	int error;
	struct plugind_reply *reply;
};

void
pool_lock(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
}

void
pool_unlock(struct pool *pool)
{
	pthread_mutex_unlock(&pool->lock);
}

static bool
is_main(const struct pool *pool)
{
	return pthread_equal(pool->main, pthread_self()) != 0;
}

static void
wake_main(const struct pool *pool)
{
	static const uint64_t one = 1;

	/* Full means that it is awake. */
	if (write(pool->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* --- questions --------------------------------------------------------- */

/* Under the lock. */
static void
answer(struct question *q, int error, struct plugind_reply *reply)
{
	q->error = error;
	q->reply = reply;
	q->is_over = true;
	pthread_cond_signal(&q->answered);
}

static struct plugind_reply *
copy_reply(const struct plugind_reply *from)
{
	size_t text_len = strlen(from->text) + 1;
	struct plugind_reply *r = malloc(sizeof(*r) + text_len + from->len);
	char *behind = (char *)(r + 1);

	if (r == NULL)
		return NULL;
	*r = (struct plugind_reply){
	    .status = from->status, .len = from->len, .text = behind};
	memcpy(behind, from->text, text_len);
	r->data = memcpy(behind + text_len, from->data, from->len);
	return r;
}

void
plugind_reply_free(struct plugind_reply *r)
{
	if (r == NULL)
		return;
	config_free(r->map);
	free(r);
}

static void
on_reply(struct plugind *p, struct plugind_reply *reply, void *arg)
{
	struct plugind_reply *copy = copy_reply(reply);
	struct question *q = arg;

	pool_lock(&p->pool);
	TAILQ_REMOVE(&p->pool.asked, q, link);
	answer(q, copy == NULL ? -ENOMEM : 0, copy);
	pool_unlock(&p->pool);
}

static void
ask(struct pool *pool, struct question *q)
{
	int64_t r;

	pool_lock(pool);
	TAILQ_INSERT_TAIL(&pool->asked, q, link);
	pool_unlock(pool);
	r = plugind_call(pool->p, q->request, on_reply, q);
	if (r > 0)
		return;
	pool_lock(pool);
	TAILQ_REMOVE(&pool->asked, q, link);
	answer(q, (int)r, NULL);
	pool_unlock(pool);
}

int
plugind_call_wait(struct plugind *p, const struct plugind_request *request,
    struct plugind_reply **ret)
{
	struct pool *pool = &p->pool;
	struct question q = {.pool = pool, .request = request};

	if (is_main(pool))
		return -EDEADLK;
	pthread_cond_init(&q.answered, NULL);
	pool_lock(pool);
	if (pool->is_ending) {
		answer(&q, -ECANCELED, NULL);
	} else {
		TAILQ_INSERT_TAIL(&pool->questions, &q, link);
		wake_main(pool);
	}
	while (!q.is_over)
		pthread_cond_wait(&q.answered, &pool->lock);
	pool_unlock(pool);
	pthread_cond_destroy(&q.answered);
	if (q.error == 0)
		*ret = q.reply;
	return q.error;
}

/* --- back on the main thread ------------------------------------------- */

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct pool *pool = arg;
	struct plugind_call *c;
	struct question *q;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	pool_lock(pool);
	while ((c = TAILQ_FIRST(&pool->over)) != NULL) {
		TAILQ_REMOVE(&pool->over, c, queued);
		pool_unlock(pool);
		serve_finish(c);
		pool_lock(pool);
	}
	while ((q = TAILQ_FIRST(&pool->questions)) != NULL) {
		TAILQ_REMOVE(&pool->questions, q, link);
		pool_unlock(pool);
		ask(pool, q);
		pool_lock(pool);
	}
	pool_unlock(pool);
}

/* Under the lock. */
static void
put_over(struct pool *pool, struct plugind_call *c)
{
	TAILQ_INSERT_TAIL(&pool->over, c, queued);
	wake_main(pool);
}

void
pool_finish(struct pool *pool, struct plugind_call *c)
{
	if (is_main(pool)) {
		serve_finish(c);
		return;
	}
	pool_lock(pool);
	put_over(pool, c);
	pool_unlock(pool);
}

/* --- threads ----------------------------------------------------------- */

static void *
work(void *arg)
{
	struct pool *pool = arg;
	struct plugind_call *c;
	bool is_over;

	pool_lock(pool);
	while (!pool->is_ending) {
		c = TAILQ_FIRST(&pool->todo);
		if (c == NULL) {
			pthread_cond_wait(&pool->work, &pool->lock);
			continue;
		}
		TAILQ_REMOVE(&pool->todo, c, queued);
		pool->waiting--;
		pool->busy++;
		pool_unlock(pool);
		is_over = serve_run(c);
		pool_lock(pool);
		pool->busy--;
		if (is_over)
			put_over(pool, c);
	}
	pool_unlock(pool);
	return NULL;
}

/* One more, with all signals blocked: they are the main thread's. */
static int
add_thread(struct pool *pool)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return -r;
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&pool->threads[pool->n], &attr, work, pool);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r == 0)
		pool->n++;
	return -r;
}

int
pool_run(struct pool *pool, struct plugind_call *c)
{
	int r = 0;

	pool_lock(pool);
	if (pool->busy + pool->waiting >= pool->n && pool->n < pool->limit)
		r = add_thread(pool);
	if (pool->n > 0) /* those that there are see to it */
		r = pool->waiting < POOL_WAITING_MAX ? 0 : -EAGAIN;
	if (r == 0) {
		TAILQ_INSERT_TAIL(&pool->todo, c, queued);
		pool->waiting++;
		pthread_cond_signal(&pool->work);
	}
	pool_unlock(pool);
	return r;
}

int
plugind_set_threads(struct plugind *p, unsigned n)
{
	if (n == 0 || n > POOL_MAX || p->pool.n > 0)
		return -EINVAL;
	p->pool.limit = n;
	return 0;
}

/* --- beginning and end ------------------------------------------------- */

int
pool_init(struct pool *pool, struct plugind *p)
{
	pool->p = p;
	pool->main = pthread_self();
	pool->limit = POOL_DEFAULT;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	TAILQ_INIT(&pool->todo);
	TAILQ_INIT(&pool->over);
	TAILQ_INIT(&pool->questions);
	TAILQ_INIT(&pool->asked);
	pool->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (pool->wake_fd < 0)
		return -errno;
	pool->wake = event_new(
	    p->base, pool->wake_fd, EV_READ | EV_PERSIST, on_wake, pool);
	if (pool->wake == NULL || event_add(pool->wake, NULL) != 0)
		return -ENOMEM;
	return 0;
}

bool
pool_end(struct pool *pool)
{
	struct question *q;
	bool is_busy;

	if (pool->p == NULL)
		return true;
	pool_lock(pool);
	pool->is_ending = true;
	while ((q = TAILQ_FIRST(&pool->questions)) != NULL) {
		TAILQ_REMOVE(&pool->questions, q, link);
		answer(q, -ECANCELED, NULL);
	}
	while ((q = TAILQ_FIRST(&pool->asked)) != NULL) {
		TAILQ_REMOVE(&pool->asked, q, link);
		answer(q, -ECANCELED, NULL);
	}
	pthread_cond_broadcast(&pool->work);
	is_busy = pool->busy > 0;
	pool_unlock(pool);
	if (is_busy)
		return false;
	for (unsigned i = 0; i < pool->n; i++)
		pthread_join(pool->threads[i], NULL);
	pool->n = 0;
	return true;
}

void
pool_fini(struct pool *pool)
{
	if (pool->p == NULL)
		return;
	if (pool->wake != NULL)
		event_free(pool->wake);
	if (pool->wake_fd >= 0)
		close(pool->wake_fd);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
}
