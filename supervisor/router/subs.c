/*
 * subs: owns the trie, a node for each token of a pattern, and the answers
 * that were given last, by topic.
 *
 * Children are found in one hash table of all nodes, by their parent and
 * their token; `*` and `>` are tokens like others. The recursion of a match is
 * as deep as a topic has tokens. Must never: look into who subscribes.
 */
#include "subs.h"

#include "hash.h"

#include "common/topic.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS_FIRST = 64,
	ANSWERS = 256, /* a power of two */
};

struct node {
	struct node *parent; /* NULL: of the first token */
	struct node *next;   /* in its bucket */
	uint32_t hash;
	uint32_t users; /* holds and children */
	LIST_HEAD(, subs_hold) holds;
	size_t len;
	char token[];
};

struct subs_hold {
	LIST_ENTRY(subs_hold) of_node;
	LIST_ENTRY(subs_hold) of_who;
	struct node *node;
	struct subs_who *who;
};

struct answer {
	unsigned long generation; /* 0: none */
	size_t len;
	char topic[TOPIC_MAX];
	struct subs_who **who;
	size_t n;
	size_t cap;
};

static struct node **buckets;
static size_t nbuckets;
static size_t nnodes;
static unsigned long generation = 1; /* of the trie */
static struct answer answers[ANSWERS];

/* --- nodes ------------------------------------------------------------- */

static uint32_t
hash_token(const struct node *parent, const char *token, size_t len)
{
	return hash_bytes(
	    parent != NULL ? parent->hash * 31 : HASH_FIRST, token, len);
}

static struct node *
find_child(const struct node *parent, const char *token, size_t len)
{
	uint32_t hash = hash_token(parent, token, len);
	struct node *n = nbuckets > 0 ? buckets[hash & (nbuckets - 1)] : NULL;

	while (n != NULL &&
	       !(n->hash == hash && n->parent == parent && n->len == len &&
	           memcmp(n->token, token, len) == 0))
		n = n->next;
	return n;
}

static int
grow(void)
{
	size_t wanted = nbuckets > 0 ? 2 * nbuckets : BUCKETS_FIRST;
	struct node **more;

	if (nnodes < nbuckets)
		return 0;
	more = calloc(wanted, sizeof(struct node *));
	if (more == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < nbuckets; i++) {
		struct node *n, *next;

		for (n = buckets[i]; n != NULL; n = next) {
			next = n->next;
			n->next = more[n->hash & (wanted - 1)];
			more[n->hash & (wanted - 1)] = n;
		}
	}
	free(buckets);
	buckets = more;
	nbuckets = wanted;
	return 0;
}

static struct node *
make_child(struct node *parent, const char *token, size_t len)
{
	struct node *n = grow() == 0 ? calloc(1, sizeof(*n) + len) : NULL;

	if (n == NULL)
		return NULL;
	n->parent = parent;
	n->hash = hash_token(parent, token, len);
	n->len = len;
	memcpy(n->token, token, len);
	n->next = buckets[n->hash & (nbuckets - 1)];
	buckets[n->hash & (nbuckets - 1)] = n;
	nnodes++;
	if (parent != NULL)
		parent->users++;
	return n;
}

static void
free_node(struct node *n)
{
	struct node **at = &buckets[n->hash & (nbuckets - 1)];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	nnodes--;
	if (nnodes == 0) {
		free(buckets);
		buckets = NULL;
		nbuckets = 0;
	}
	free(n);
}

/* It, and the way to it, as far as nobody uses them. */
static void
prune(struct node *n)
{
	while (n != NULL && n->users == 0) {
		struct node *parent = n->parent;

		free_node(n);
		if (parent != NULL)
			parent->users--;
		n = parent;
	}
}

/* The node of a whole pattern; NULL: none, or no memory for it. */
static struct node *
walk(const char *pattern, size_t len, bool make)
{
	struct node *n = NULL;

	for (;;) {
		size_t token = topic_token(pattern, len);
		struct node *child = find_child(n, pattern, token);

		if (child == NULL && make)
			child = make_child(n, pattern, token);
		if (child == NULL) {
			prune(n);
			return NULL;
		}
		n = child;
		if (token == len)
			return n;
		pattern += token + 1;
		len -= token + 1;
	}
}

/* --- holds ------------------------------------------------------------- */

void
subs_init(struct subs_who *who)
{
	LIST_INIT(&who->holds);
	who->n = 0;
	who->is_marked = false;
}

static struct subs_hold *
find_hold(const struct node *n, const struct subs_who *who)
{
	struct subs_hold *h;

	LIST_FOREACH(h, &who->holds, of_who) {
		if (h->node == n)
			return h;
	}
	return NULL;
}

int
subs_add(struct subs_who *who, const char *pattern, size_t len)
{
	struct node *n = walk(pattern, len, true);
	struct subs_hold *h;
	int r = 0;

	if (n == NULL)
		return -ENOMEM;
	if (find_hold(n, who) != NULL)
		return 0;
	h = who->n < SUBS_EACH_MAX ? malloc(sizeof(*h)) : NULL;
	if (h == NULL) {
		r = who->n < SUBS_EACH_MAX ? -ENOMEM : -ENOSPC;
		prune(n);
		return r;
	}
	*h = (struct subs_hold){.node = n, .who = who};
	LIST_INSERT_HEAD(&n->holds, h, of_node);
	LIST_INSERT_HEAD(&who->holds, h, of_who);
	n->users++;
	who->n++;
	generation++;
	return 0;
}

static void
free_hold(struct subs_hold *h)
{
	struct node *n = h->node;

	LIST_REMOVE(h, of_node);
	LIST_REMOVE(h, of_who);
	h->who->n--;
	free(h);
	n->users--;
	prune(n);
	generation++;
}

void
subs_remove(struct subs_who *who, const char *pattern, size_t len)
{
	struct node *n = walk(pattern, len, false);
	struct subs_hold *h = n != NULL ? find_hold(n, who) : NULL;

	if (h != NULL)
		free_hold(h);
}

/* As it was added: words with dots between them. */
static size_t
get_pattern(const struct node *n, char out[TOPIC_MAX])
{
	char *at = out + TOPIC_MAX;

	for (; n != NULL; n = n->parent) {
		if (at < out + TOPIC_MAX)
			*--at = '.';
		at -= n->len;
		memcpy(at, n->token, n->len);
	}
	memmove(out, at, (size_t)(out + TOPIC_MAX - at));
	return (size_t)(out + TOPIC_MAX - at);
}

size_t
subs_remove_unless(struct subs_who *who, subs_keep_fn *keep, void *arg)
{
	char pattern[TOPIC_MAX];
	struct subs_hold *h, *next;
	size_t removed = 0;

	for (h = LIST_FIRST(&who->holds); h != NULL; h = next) {
		next = LIST_NEXT(h, of_who);
		if (keep(arg, pattern, get_pattern(h->node, pattern)))
			continue;
		free_hold(h);
		removed++;
	}
	return removed;
}

void
subs_remove_all(struct subs_who *who)
{
	struct subs_hold *h, *next;

	for (h = LIST_FIRST(&who->holds); h != NULL; h = next) {
		next = LIST_NEXT(h, of_who);
		free_hold(h);
	}
}

/* --- a match ----------------------------------------------------------- */

static int
take(struct answer *a, struct node *n)
{
	struct subs_hold *h;

	if (n == NULL)
		return 0;
	LIST_FOREACH(h, &n->holds, of_node) {
		if (h->who->is_marked)
			continue;
		if (a->n == a->cap) {
			size_t cap = a->cap > 0 ? 2 * a->cap : 8;
			void *more = reallocarray(
			    a->who, cap, sizeof(struct subs_who *));

			if (more == NULL)
				return -ENOMEM;
			a->who = more;
			a->cap = cap;
		}
		h->who->is_marked = true;
		a->who[a->n++] = h->who;
	}
	return 0;
}

static int
descend(struct answer *a, const struct node *n, const char *rest, size_t len)
{
	size_t token = topic_token(rest, len);
	struct node *ways[2] = {
	    find_child(n, rest, token), find_child(n, "*", 1)};
	int r = take(a, find_child(n, ">", 1));

	for (int i = 0; i < 2 && r == 0; i++) {
		if (ways[i] == NULL)
			continue;
		r = token == len ? take(a, ways[i])
		                 : descend(a, ways[i], rest + token + 1,
		                       len - token - 1);
	}
	return r;
}

int
subs_match(const char *topic, size_t len, struct subs_match *ret)
{
	struct answer *a =
	    &answers[hash_bytes(HASH_FIRST, topic, len) & (ANSWERS - 1)];
	int r = 0;

	if (a->generation != generation || a->len != len ||
	    memcmp(a->topic, topic, len) != 0) {
		a->n = 0;
		r = descend(a, NULL, topic, len);
		for (size_t i = 0; i < a->n; i++)
			a->who[i]->is_marked = false;
		a->generation = r == 0 ? generation : 0;
		a->len = len;
		memcpy(a->topic, topic, len);
	}
	*ret = (struct subs_match){a->who, a->n};
	return r;
}
