/*
 * sockthread: what sock.c has beside the loop: the lock and the queue through
 * which nng's threads tell the loop something, and the closer, a thread that
 * closes, since closing may hang. For sock.c only; knows nothing of nng.
 */
#ifndef COMMON_SOCKTHREAD_H
#define COMMON_SOCKTHREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;

/* Embedded in a sock; only sockthread.c looks inside. */
struct sockthread_item {
	TAILQ_ENTRY(sockthread_item) news_entry, closing_entry;
	bool is_queued;
	bool is_closed; /* close has returned */
	int64_t closing_ms;
};

struct sockthread_ops {
	/* In sockthread_init, with small stacks and all signals blocked for
	 * the threads that it makes. 0 or -errno. */
	int (*start)(void);
	/* On the closer, once, after sockthread_settle. */
	void (*settle)(void);
	/* On the closer. May hang. */
	void (*close)(struct sockthread_item *item);
	/* On the loop: it was posted. May post and close any item. */
	void (*news)(struct sockthread_item *item);
	/* On the loop: close has returned; nothing refers to it any more. */
	void (*free)(struct sockthread_item *item);
};

/* 0 or -errno; -EBUSY: twice, or the closer of an earlier time hangs. */
int sockthread_init(struct event_base *base, const struct sockthread_ops *ops);

/* Waits some seconds for closes under way; what hangs is leaked. */
void sockthread_fini(void);

void sockthread_lock(void);
void sockthread_unlock(void);

/* Any thread, with the lock held: `news` follows on the loop. */
void sockthread_post(struct sockthread_item *item);

/* There is time now for what may take some. Again: nothing. */
void sockthread_settle(void);

/* Hands it to the closer; `free` follows when it is done. */
void sockthread_close(struct sockthread_item *item);

/* For how many milliseconds the oldest has been closing; 0: none is. */
int64_t sockthread_hangs(void);

#endif
