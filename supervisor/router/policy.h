/*
 * policy: what one plugin may publish and subscribe to, and how much may wait
 * for it, as the core says.
 */
#ifndef ROUTER_POLICY_H
#define ROUTER_POLICY_H

#include "outlet.h"

#include "common/frame.h"

enum { POLICY_SOURCE_MAX = 80 };

struct policy {
	char source[POLICY_SOURCE_MAX]; /* as others see it: "worker:2" */
	uint8_t *patterns;              /* three arrays, as they came */
	struct wire_cursor publish;
	struct wire_cursor subscribe;
	struct wire_cursor calls; /* names; "*" is all */
	struct outlet_limits limits;
	uint64_t largest; /* bytes of an event's data, of a call's
	                   * arguments, of a result */
};

/* Of MSG_POLICY, behind its serial. 0; -EBADMSG or -ENOMEM, and nothing has
 * changed. */
int policy_read(struct policy *p, struct frame *f);
void policy_fini(struct policy *p);

/* Whether the core has said anything yet. */
bool policy_is_known(const struct policy *p);

bool policy_may_publish(const struct policy *p, const char *topic, size_t len);
bool policy_may_subscribe(
    const struct policy *p, const char *pattern, size_t len);

/* `target`: a plugin's name, or name:instance. */
bool policy_may_call(const struct policy *p, const char *target, size_t len);

#endif
