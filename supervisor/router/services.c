/*
 * services: see services.h. Owns the registry, a hash of plugin and method.
 * Must never: choose one that is not linked, or keep what a peer has offered
 * longer than the peer.
 */
#include "services.h"

#include "events.h"
#include "hash.h"
#include "peer.h"

#include "common/topic.h"
#include "common/wire.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, ANNOUNCEMENT_MAX = 1024 };

struct about {
	char method[SERVICE_METHOD_MAX + 1];
	char help[SERVICE_HELP_MAX + 1]; /* "": none */
	char verb[SERVICE_VERB_MAX + 1];
	char path[SERVICE_PATH_MAX + 1];
};

struct service {
	LIST_ENTRY(service) of_bucket;
	LIST_ENTRY(service) of_peer;
	struct peer *p;
	size_t method_len;
	struct about about;
};

static struct service_list buckets[BUCKETS];

static size_t
hash(const char *plugin, size_t plugin_len, const char *method, size_t len)
{
	uint32_t h = hash_bytes(HASH_FIRST, plugin, plugin_len);

	h = hash_bytes(hash_bytes(h, ".", 1), method, len);
	return h % BUCKETS;
}

/* --- what is offered --------------------------------------------------- */

static bool
is_upper_word(const char *s)
{
	return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

/* No blank, nothing that is not printable ASCII: it is shown, and part of a
 * request line. */
static bool
is_plain_path(const char *s)
{
	if (*s != '/')
		return false;
	for (; *s != '\0'; s++) {
		if (*s <= ' ' || *s > '~')
			return false;
	}
	return true;
}

/* NULL, or what is wrong with it. */
static const char *
check(const struct about *a)
{
	if (topic_check(a->method, strlen(a->method)) != NULL)
		return "a method is words of letters, digits, _ and - with "
		       "dots between them";
	if ((a->verb[0] == '\0') != (a->path[0] == '\0'))
		return "an endpoint has a verb and a path";
	if (a->verb[0] != '\0' && !is_upper_word(a->verb))
		return "a verb is in capital letters: GET, POST";
	if (a->path[0] != '\0' && !is_plain_path(a->path))
		return "a path begins with / and has no blanks";
	return NULL;
}

static struct service *
find(const struct peer *p, const char *method)
{
	struct service *s;

	LIST_FOREACH(s, &p->services, of_peer) {
		if (strcmp(s->about.method, method) == 0)
			return s;
	}
	return NULL;
}

static void
put_text(struct buf *b, const char *s)
{
	if (*s == '\0')
		wire_put_nil(b);
	else
		wire_put_str(b, s);
}

static void
announce(const struct service *s, const char *topic)
{
	struct buf b;

	buf_init(&b, ANNOUNCEMENT_MAX);
	wire_put_map(&b, 5);
	wire_put_str(&b, "plugin");
	wire_put_str(&b, s->p->id.name);
	wire_put_str(&b, "instance");
	wire_put_uint(&b, s->p->id.instance);
	wire_put_str(&b, "method");
	wire_put_str(&b, s->about.method);
	wire_put_str(&b, "verb");
	put_text(&b, s->about.verb);
	wire_put_str(&b, "path");
	put_text(&b, s->about.path);
	if (buf_error(&b) == 0)
		events_own(topic, b.data, b.len);
	buf_fini(&b);
}

static int
add(struct peer *p, const struct about *about)
{
	struct service *s;

	if (p->nservices >= SERVICES_MAX)
		return -ENOSPC;
	s = malloc(sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	*s = (struct service){.p = p, .about = *about};
	s->method_len = strlen(about->method);
	LIST_INSERT_HEAD(&p->services, s, of_peer);
	LIST_INSERT_HEAD(&buckets[hash(p->id.name, strlen(p->id.name),
	                     about->method, s->method_len)],
	    s, of_bucket);
	p->nservices++;
	announce(s, "service.registered");
	return 0;
}

static void
drop(struct service *s)
{
	s->p->nservices--;
	LIST_REMOVE(s, of_peer);
	LIST_REMOVE(s, of_bucket);
	announce(s, "service.unregistered");
	free(s);
}

/* Absent is fine. */
static bool
read_text(struct frame *f, char *out, size_t cap)
{
	return frame_str(f, out, cap) != -EBADMSG;
}

int
services_register(struct peer_request *q)
{
	struct frame f = q->frame;
	struct about about = {0};
	struct service *s;
	int r = 0;

	q->why = "method, help, verb and path are short texts";
	if (frame_str(&f, about.method, sizeof(about.method)) != 0 ||
	    !read_text(&f, about.help, sizeof(about.help)) ||
	    !read_text(&f, about.verb, sizeof(about.verb)) ||
	    !read_text(&f, about.path, sizeof(about.path)))
		return FRAME_MALFORMED;
	q->why = check(&about);
	if (q->why != NULL)
		return FRAME_DENIED;
	s = find(q->p, about.method);
	if (s != NULL)
		s->about = about;
	else
		r = add(q->p, &about);
	q->why = r == -ENOSPC ? "more than 256 methods" : "out of memory";
	if (r != 0)
		return r == -ENOSPC ? FRAME_DENIED : FRAME_BUSY;
	return FRAME_OK;
}

int
services_unregister(struct peer_request *q)
{
	char method[SERVICE_METHOD_MAX + 1];
	struct frame f = q->frame;
	struct service *s;

	q->why = "a method is a short text";
	if (frame_str(&f, method, sizeof(method)) != 0)
		return FRAME_MALFORMED;
	s = find(q->p, method);
	if (s != NULL)
		drop(s);
	return FRAME_OK;
}

void
services_close(struct peer *p)
{
	struct service *s = LIST_FIRST(&p->services);

	while (s != NULL) {
		struct service *next = LIST_NEXT(s, of_peer);

		drop(s);
		s = next;
	}
}

/* --- who gets a call --------------------------------------------------- */

/* Of equals, the one that has had fewer. */
static bool
is_better(const struct peer *a, const struct peer *b)
{
	if (b == NULL || a->calls.nserving != b->calls.nserving)
		return b == NULL || a->calls.nserving < b->calls.nserving;
	return a->calls.served < b->calls.served;
}

struct peer *
services_pick(const char *target, size_t target_len, const char *method,
    size_t method_len)
{
	const char *colon = memchr(target, ':', target_len);
	size_t len = colon == NULL ? target_len : (size_t)(colon - target);
	struct peer *best = NULL;
	struct service *s;

	LIST_FOREACH(
	    s, &buckets[hash(target, len, method, method_len)], of_bucket) {
		if (s->p->is_up && s->method_len == method_len &&
		    memcmp(s->about.method, method, method_len) == 0 &&
		    peer_is_named(s->p, target, target_len) &&
		    is_better(s->p, best))
			best = s->p;
	}
	return best;
}

/* --- discovery --------------------------------------------------------- */

static void
put_one(struct buf *b, const struct service *s)
{
	wire_put_array(b, 6);
	wire_put_str(b, s->p->id.name);
	wire_put_uint(b, s->p->id.instance);
	wire_put_str(b, s->about.method);
	put_text(b, s->about.help);
	put_text(b, s->about.verb);
	put_text(b, s->about.path);
}

static bool
is_wanted(const struct service *s, const char *plugin, const char *method)
{
	return s->p->is_up &&
	       (*plugin == '\0' || strcmp(s->p->id.name, plugin) == 0) &&
	       (*method == '\0' || strcmp(s->about.method, method) == 0);
}

static void
put_all(struct buf *b, const char *plugin, const char *method)
{
	struct service *s;
	uint32_t n = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(s, &buckets[i], of_bucket)
			n += is_wanted(s, plugin, method);
	}
	wire_put_array(b, n);
	for (size_t i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(s, &buckets[i], of_bucket) {
			if (is_wanted(s, plugin, method))
				put_one(b, s);
		}
	}
}

int
services_discover(struct peer_request *q)
{
	char plugin[PEER_NAME_MAX] = "";
	char method[SERVICE_METHOD_MAX + 1] = "";
	struct frame f = q->frame;
	struct buf b;

	q->why = "plugin and method are short texts";
	if (!read_text(&f, plugin, sizeof(plugin)) ||
	    !read_text(&f, method, sizeof(method)))
		return FRAME_MALFORMED;
	buf_init(&b, BATCH_RECORD_MAX);
	frame_put(&b, q->frame.type, q->frame.id, 2);
	wire_put_uint(&b, FRAME_OK);
	put_all(&b, plugin, method);
	q->why = "more services than fit into an answer: ask for one plugin";
	if (buf_error(&b) != 0) {
		buf_fini(&b);
		return FRAME_BUSY;
	}
	peer_reply(q, &b);
	return PEER_LATER;
}
