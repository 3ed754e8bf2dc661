/*
 * pool: a few threads that run methods which take their time, and the way
 * back from any thread to the main one.
 */
#ifndef SDK_POOL_H
#define SDK_POOL_H

#include "serve.h"

#include <plugind.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

struct event;
struct question;

enum { POOL_DEFAULT = 4, POOL_MAX = 64, POOL_WAITING_MAX = 1024 };

struct pool {
	struct plugind *p;
	pthread_t main;
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t threads[POOL_MAX];
	unsigned limit;
	unsigned n;    /* threads that there are */
	unsigned busy; /* and run a method */
	bool is_ending;
	struct call_queue todo;
	unsigned waiting;                 /* in todo */
	struct call_queue over;           /* for the main thread to finish */
	TAILQ_HEAD(, question) questions; /* of plugind_call_wait, to be made */
	TAILQ_HEAD(, question) asked;     /* made, and not answered */
	int wake_fd;                      /* an eventfd; -1: none yet */
	struct event *wake;
};

/* 0 or -ENOMEM. */
int pool_init(struct pool *pool, struct plugind *p);
/* Ends the threads. False: one is in a method, so that nothing of the plugin
 * may be freed; the process must end as it is. Whoever waits for a reply is
 * told that none comes. */
bool pool_end(struct pool *pool);
void pool_fini(struct pool *pool); /* after pool_end was true */

void pool_lock(struct pool *pool);
void pool_unlock(struct pool *pool);

/* Main thread: runs it on a thread. -EAGAIN, or another -errno. */
int pool_run(struct pool *pool, struct plugind_call *c);
/* Any thread: serve_finish, on the main one. */
void pool_finish(struct pool *pool, struct plugind_call *c);

#endif
