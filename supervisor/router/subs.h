/*
 * subs: who wants which events: patterns in a trie, so that what a topic costs
 * does not grow with the subscriptions that it does not match.
 */
#ifndef ROUTER_SUBS_H
#define ROUTER_SUBS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

enum { SUBS_EACH_MAX = 1024 }; /* patterns of one who subscribes */

struct subs_hold;

/* What subs knows of one who subscribes: a part of something larger. */
struct subs_who {
	LIST_HEAD(, subs_hold) holds;
	size_t n;
	bool is_marked; /* while a match is made */
};

void subs_init(struct subs_who *who);

/*
 * `pattern` was checked (common/topic.h); the same again is fine. 0, -ENOSPC
 * (SUBS_EACH_MAX) or -ENOMEM.
 */
int subs_add(struct subs_who *who, const char *pattern, size_t len);
void subs_remove(struct subs_who *who, const char *pattern, size_t len);
/* Those that `keep` is false for; how many there were. */
typedef bool subs_keep_fn(void *arg, const char *pattern, size_t len);
size_t subs_remove_unless(struct subs_who *who, subs_keep_fn *keep, void *arg);
void subs_remove_all(struct subs_who *who);

struct subs_match {
	struct subs_who *const *who; /* each once */
	size_t n;
};

/*
 * Who wants `topic`, which was checked. The answer holds until the next call
 * of a function of this file. 0 or -ENOMEM.
 */
int subs_match(const char *topic, size_t len, struct subs_match *ret);

#endif
