/*
 * policy: see policy.h. Owns the patterns. Must never: allow what was not
 * said, or a topic that belongs to somebody else.
 */
#include "policy.h"

#include "common/topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Not even with `publish: [">"]`: others rely on who says this. */
static const struct {
	const char *prefix;
	const char *owner; /* NULL: the supervisor */
} reserved[] = {
    {"plugin.", NULL},
    {"system.", NULL},
    {"service.", NULL},
    {"scheduler.", "scheduler"},
};

enum { LISTS = 3 };

struct raw {
	const void *p;
	size_t len;
};

static int
read_all(struct policy *p, struct frame *f, struct raw lists[LISTS])
{
	uint64_t blocks, block_ms;

	if (frame_str(f, p->source, sizeof(p->source)) != 0 ||
	    frame_raw(f, &lists[0].p, &lists[0].len) != 0 ||
	    frame_raw(f, &lists[1].p, &lists[1].len) != 0 ||
	    frame_uint(f, &blocks) != 0 || frame_uint(f, &block_ms) != 0 ||
	    frame_uint(f, &p->limits.events) != 0 ||
	    frame_uint(f, &p->limits.bytes) != 0 ||
	    frame_raw(f, &lists[2].p, &lists[2].len) != 0 ||
	    frame_uint(f, &p->largest) != 0)
		return -EBADMSG;
	p->limits.blocks = blocks != 0;
	p->limits.block_ms = (int64_t)block_ms;
	return 0;
}

int
policy_read(struct policy *p, struct frame *f)
{
	struct policy next = {0};
	struct wire_cursor *const into[LISTS] = {
	    &next.publish, &next.subscribe, &next.calls};
	struct raw lists[LISTS];
	uint8_t *bytes;
	size_t at = 0;

	if (read_all(&next, f, lists) != 0)
		return -EBADMSG;
	bytes = malloc(lists[0].len + lists[1].len + lists[2].len);
	if (bytes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < LISTS; i++) {
		memcpy(bytes + at, lists[i].p, lists[i].len);
		wire_cursor_init(into[i], bytes + at, lists[i].len);
		at += lists[i].len;
	}
	policy_fini(p);
	*p = next;
	p->patterns = bytes;
	return 0;
}

void
policy_fini(struct policy *p)
{
	free(p->patterns);
	p->patterns = NULL;
}

bool
policy_is_known(const struct policy *p)
{
	return p->patterns != NULL;
}

static bool
is_covered(struct wire_cursor patterns, const char *topic, size_t len)
{
	uint32_t n = 0;
	const char *pattern;
	size_t pattern_len;

	(void)wire_get_array(&patterns, &n);
	for (; n > 0; n--) {
		if (wire_get_str(&patterns, &pattern, &pattern_len) != 0)
			return false;
		if (topic_covers(pattern, pattern_len, topic, len))
			return true;
	}
	return false;
}

static bool
is_anothers(const struct policy *p, const char *topic, size_t len)
{
	size_t own = strcspn(p->source, ":");

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		size_t n = strlen(reserved[i].prefix);
		const char *owner = reserved[i].owner;

		if (len >= n && memcmp(topic, reserved[i].prefix, n) == 0)
			return owner == NULL || strlen(owner) != own ||
			       memcmp(owner, p->source, own) != 0;
	}
	return false;
}

bool
policy_may_publish(const struct policy *p, const char *topic, size_t len)
{
	return is_covered(p->publish, topic, len) &&
	       !is_anothers(p, topic, len);
}

bool
policy_may_subscribe(const struct policy *p, const char *pattern, size_t len)
{
	return is_covered(p->subscribe, pattern, len);
}

bool
policy_may_call(const struct policy *p, const char *target, size_t len)
{
	const char *colon = memchr(target, ':', len);
	size_t n = colon == NULL ? len : (size_t)(colon - target);
	struct wire_cursor names = p->calls;
	const char *name;
	uint32_t count = 0;
	size_t name_len;

	(void)wire_get_array(&names, &count);
	for (; count > 0; count--) {
		if (wire_get_str(&names, &name, &name_len) != 0)
			return false;
		if ((name_len == 1 && *name == '*') ||
		    (name_len == n && memcmp(name, target, n) == 0))
			return true;
	}
	return false;
}
