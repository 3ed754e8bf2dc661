/*
 * zone: time zones from the system's TZif files (RFC 9636). Nothing here asks
 * or sets the process's own zone, and any number of zones may be open at a
 * time: a zone is read once, never changes, and may be asked from any thread.
 * Leap seconds are left out, as Unix time does. But for zone_open(), pure.
 */
#ifndef COMMON_ZONE_H
#define COMMON_ZONE_H

#include <stddef.h>
#include <stdint.h>

enum {
	ZONE_NAME_MAX = 255,
	ZONE_FILE_MAX = 256 * 1024,
	/* Every offset is nearer to UTC than this; RFC 9636 allows no more. */
	ZONE_OFFSET_MAX = 26 * 3600,
};

struct zone;

/*
 * Reads the zone `name` ("Europe/Berlin") below $TZDIR, or /usr/share/zoneinfo
 * without one; "UTC" needs no file. Reads a file, so it may wait for a disk.
 * 0; -ENOENT: no such zone; -EINVAL: not the name of a zone (empty, absolute,
 * a part that is empty or begins with a dot, odd bytes, or too long);
 * -EBADMSG: not a TZif file, or a broken one; -ENOMEM; other -errno. The
 * caller frees `*ret`.
 */
int zone_open(const char *name, struct zone **ret);

/* The same from the bytes of a file, which are copied: 0, -EBADMSG or
 * -ENOMEM. */
int zone_parse(const void *data, size_t len, struct zone **ret);

void zone_free(struct zone *z); /* NULL is fine */

/* [from, until) in seconds since 1970 in UTC; INT64_MIN and INT64_MAX: no
 * end there. `offset` is in seconds east of UTC. */
struct zone_span {
	int64_t from, until;
	int32_t offset;
};

/*
 * The time around `at` in which the offset is the same. Two neighbours never
 * have the same offset: a change of nothing but the name, or of whether it is
 * called daylight saving time, is none. From the year 10000 on nothing
 * changes any more.
 */
struct zone_span zone_span(const struct zone *z, int64_t at);

/*
 * The instants at which clocks on the wall show `wall` (seconds since 1970 as
 * if they showed UTC), ascending. How many: 0 where clocks are put forward
 * over it, 2 where they are put back over it, else 1. Of more, which only a
 * very odd zone has, the first two. What is not returned is not touched.
 */
int zone_find(const struct zone *z, int64_t wall, int64_t ret[2]);

#endif
