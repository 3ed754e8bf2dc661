/*
 * descriptor: what a plugin says about itself, checked before it is believed:
 * it may come from any shared object, built by any version of plugind.h.
 */
#ifndef SDK_DESCRIPTOR_H
#define SDK_DESCRIPTOR_H

#include <plugind.h>
#include <stddef.h>

enum {
	DESCRIPTOR_NAME_MAX = 48,
	DESCRIPTOR_VERSION_MAX = 63,
	DESCRIPTOR_WHY_MAX = 256,
};

/*
 * Copies `from` (NULL too) to *ret; fields that it is too old to have become
 * zero. 0, or -EINVAL with the reason, a sentence, in `why`.
 */
int descriptor_take(const struct plugind_descriptor *from,
    struct plugind_descriptor *ret, char why[DESCRIPTOR_WHY_MAX]);

/* "service", "middleware" or "transport". */
const char *descriptor_type_name(enum plugind_type type);

#endif
