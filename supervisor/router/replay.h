/*
 * replay: the `since` of a subscription: what is retained of the time before
 * it goes to the one who subscribes, in front of what comes from now on.
 */
#ifndef ROUTER_REPLAY_H
#define ROUTER_REPLAY_H

#include "common/frame.h"

#include <sys/queue.h>

struct peer;

/* Those that wait until the peer listens; see hold.h. */
STAILQ_HEAD(replay_list, replay_late);

struct replay {
	bool is_asked;
	bool is_elsewhere;  /* of another router's life */
	uint64_t since_ms;  /* 0: not by time */
	uint64_t after_seq; /* 0, and not by time: all there is */
	bool has_seq;
};

/*
 * Of MSG_SUBSCRIBE: a number is a time (0: all that is held), a text the
 * event after which, "EPOCH:SEQ"; absent: nothing. 0 or -EBADMSG.
 */
int replay_read(struct frame *f, struct replay *ret);

/*
 * Puts what `pattern` matches into the peer's outlet; `last_seq` is the last
 * number there is, `wish` the id of the request. First comes that something is
 * missing, if it is.
 */
void replay_run(struct peer *p, const char *pattern,
    const struct replay *replay, uint64_t wish, uint64_t last_seq);

/* One that hears nothing yet would miss what comes behind: it is run when it
 * begins to, by replay_run_late. 0; -ENOMEM, also for more than SUBS_EACH_MAX. */
int replay_put_off(struct peer *p, const char *pattern,
    const struct replay *replay, uint64_t wish);
void replay_run_late(struct peer *p, uint64_t last_seq);
void replay_forget(struct peer *p);

#endif
