/*
 * descriptor: see descriptor.h. Pure.
 *
 * Compatibility is decided here and nowhere else: the magic number says that
 * it is a descriptor at all, the size which fields it has, the range of ABIs
 * whether plugin and library understand each other. Must never look at a
 * field that is not within the size, nor follow a pointer before all that.
 */
#include "descriptor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	ABI_MIN = 1, /* what this library can still serve */
	/* The first descriptor there was; later ones are only longer. */
	SIZE_MIN =
	    offsetof(struct plugind_descriptor, configure) + sizeof(void *),
	SIZE_MAX_SANE = 4096,
};

static const char *const type_names[] = {
    [PLUGIND_SERVICE] = "service",
    [PLUGIND_MIDDLEWARE] = "middleware",
    [PLUGIND_TRANSPORT] = "transport",
};

enum { TYPE_COUNT = sizeof(type_names) / sizeof(type_names[0]) };

const char *
descriptor_type_name(enum plugind_type type)
{
	return type_names[type];
}

static bool
is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = strnlen(s, DESCRIPTOR_NAME_MAX + 1);

	return len > 0 && len <= DESCRIPTOR_NAME_MAX &&
	       strchr(letters, s[0]) != NULL && strspn(s, all) >= len;
}

static bool
is_version(const char *s)
{
	size_t len = strnlen(s, DESCRIPTOR_VERSION_MAX + 1);

	for (size_t i = 0; i < len; i++) {
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	}
	return len > 0 && len <= DESCRIPTOR_VERSION_MAX;
}

static int
check_layout(const struct plugind_descriptor *d, char *why)
{
	if (d == NULL)
		snprintf(why, DESCRIPTOR_WHY_MAX, "there is no descriptor");
	else if (d->magic != PLUGIND_MAGIC)
		snprintf(why, DESCRIPTOR_WHY_MAX,
		    "plugind_plugin is not a descriptor (its magic number is "
		    "0x%08x): define it with PLUGIND_PLUGIN of plugind.h",
		    (unsigned)d->magic);
	else if (d->size < SIZE_MIN || d->size > SIZE_MAX_SANE)
		snprintf(why, DESCRIPTOR_WHY_MAX,
		    "the descriptor claims %u bytes (%u to %u are possible): "
		    "compile the plugin again with the plugind.h that is "
		    "installed",
		    (unsigned)d->size, (unsigned)SIZE_MIN,
		    (unsigned)SIZE_MAX_SANE);
	else if (d->abi_min > d->abi_max || d->abi_max < ABI_MIN ||
	         d->abi_min > PLUGIND_ABI)
		snprintf(why, DESCRIPTOR_WHY_MAX,
		    "it needs the plugin ABI %u to %u, this libplugind has %u "
		    "to %u: install a libplugind that fits, or compile the "
		    "plugin again",
		    (unsigned)d->abi_min, (unsigned)d->abi_max,
		    (unsigned)ABI_MIN, (unsigned)PLUGIND_ABI);
	else
		return 0;
	return -EINVAL;
}

static int
check_fields(const struct plugind_descriptor *d, char *why)
{
	if (d->name == NULL || !is_name(d->name))
		snprintf(why, DESCRIPTOR_WHY_MAX,
		    "the name in its descriptor is %s: it must be 1 to %d of "
		    "a-z 0-9 _ -, a letter first",
		    d->name == NULL ? "missing" : "malformed",
		    (int)DESCRIPTOR_NAME_MAX);
	else if (d->version == NULL || !is_version(d->version))
		snprintf(why, DESCRIPTOR_WHY_MAX,
		    "the version in its descriptor is %s: it must be 1 to %d "
		    "printable bytes without blanks, such as 1.0",
		    d->version == NULL ? "missing" : "malformed",
		    (int)DESCRIPTOR_VERSION_MAX);
	else if ((unsigned)d->type >= TYPE_COUNT)
		snprintf(why, DESCRIPTOR_WHY_MAX,
		    "the type in its descriptor is %u: it must be one of enum "
		    "plugind_type",
		    (unsigned)d->type);
	else
		return 0;
	return -EINVAL;
}

int
descriptor_take(const struct plugind_descriptor *from,
    struct plugind_descriptor *ret, char why[DESCRIPTOR_WHY_MAX])
{
	struct plugind_descriptor d = {0};
	int r = check_layout(from, why);

	if (r != 0)
		return r;
	memcpy(&d, from, from->size < sizeof(d) ? from->size : sizeof(d));
	r = check_fields(&d, why);
	if (r == 0)
		*ret = d;
	return r;
}
