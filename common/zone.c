/*
 * zone: reads TZif files, and answers from what was in them.
 *
 * A zone is a list of changes, without those that do not change the offset,
 * and the rule that takes over at the last one. Everything a file says is
 * checked when it is read, nothing when it is asked. Where RFC 9636 and glibc
 * differ this does what glibc does, as plugins ask that one: before the first
 * change it is the first type that is not DST, not type 0, and without any
 * change the rule is not looked at. Unlike glibc it takes a file as a whole
 * or not at all.
 *
 * Must never touch TZ or call tzset(): that is the whole process's.
 */
#include "zone.h"

#include "zonerule.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HEADER_LEN = 44,
	COUNTS_AT = 20,
	TYPE_LEN = 6, /* an offset and two bytes */
	DST_AT = 4,
	NAME_AT = 5,
	TYPES_MAX = 256,
};

struct entry {
	int64_t from;
	int32_t offset;
};

struct zone {
	struct zonerule rule;
	int64_t rule_from;
	bool has_rule;
	size_t n; /* at least 1: what was before everything */
	struct entry entries[];
};

/* One of the two data blocks of a file. */
struct block {
	uint32_t n_times, n_types, n_chars;
	size_t width; /* of a time: 4 or 8 bytes */
	const uint8_t *times, *indices, *types;
	size_t len; /* with its header */
};

static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static int64_t
get_time(const struct block *b, size_t i)
{
	const uint8_t *p = b->times + i * b->width;

	if (b->width == 4)
		return (int32_t)get_u32(p);
	return (int64_t)((uint64_t)get_u32(p) << 32 | get_u32(p + 4));
}

static int32_t
get_offset(const struct block *b, size_t type)
{
	return (int32_t)get_u32(b->types + type * TYPE_LEN);
}

/* Where the block is; whether the counts fit into the bytes, but not yet
 * what it says. */
static int
find_block(const uint8_t *data, size_t len, size_t width, struct block *ret)
{
	const uint8_t *counts = data + COUNTS_AT;
	struct block b = {.width = width};
	uint64_t n_ut, n_std, n_leaps, need;

	if (len < HEADER_LEN || memcmp(data, "TZif", 4) != 0)
		return -EBADMSG;
	n_ut = get_u32(counts);
	n_std = get_u32(counts + 4);
	n_leaps = get_u32(counts + 8);
	b.n_times = get_u32(counts + 12);
	b.n_types = get_u32(counts + 16);
	b.n_chars = get_u32(counts + 20);
	need = b.n_times * (uint64_t)(width + 1) +
	       b.n_types * (uint64_t)TYPE_LEN + b.n_chars +
	       n_leaps * (width + 4) + n_std + n_ut;
	if (need > len - HEADER_LEN || (n_std != 0 && n_std != b.n_types) ||
	    (n_ut != 0 && n_ut != b.n_types))
		return -EBADMSG;
	b.times = data + HEADER_LEN;
	b.indices = b.times + b.n_times * width;
	b.types = b.indices + b.n_times;
	b.len = HEADER_LEN + (size_t)need;
	*ret = b;
	return 0;
}

static bool
are_types_good(const struct block *b)
{
	if (b->n_types < 1 || b->n_types > TYPES_MAX)
		return false;
	for (size_t i = 0; i < b->n_types; i++) {
		const uint8_t *type = b->types + i * TYPE_LEN;
		int32_t offset = get_offset(b, i);

		if (offset <= -ZONE_OFFSET_MAX || offset >= ZONE_OFFSET_MAX ||
		    type[DST_AT] > 1 || type[NAME_AT] >= b->n_chars)
			return false;
	}
	return true;
}

/* INT64_MAX stands for "never". */
static bool
are_times_good(const struct block *b)
{
	for (size_t i = 0; i < b->n_times; i++) {
		if (b->indices[i] >= b->n_types ||
		    get_time(b, i) == INT64_MAX ||
		    (i > 0 && get_time(b, i) <= get_time(b, i - 1)))
			return false;
	}
	return true;
}

static void
add_entry(struct zone *z, int64_t from, int32_t offset)
{
	if (z->n > 0 && z->entries[z->n - 1].offset == offset)
		return;
	z->entries[z->n++] = (struct entry){from, offset};
}

static void
add_entries(struct zone *z, const struct block *b)
{
	/* From the last change on it is the rule that counts. */
	size_t type = 0, n = b->n_times - (z->has_rule ? 1 : 0);

	while (type < b->n_types && b->types[type * TYPE_LEN + DST_AT] != 0)
		type++;
	if (type == b->n_types)
		type = 0;
	add_entry(z, INT64_MIN, get_offset(b, type));
	for (size_t i = 0; i < n; i++)
		add_entry(z, get_time(b, i), get_offset(b, b->indices[i]));
}

/* The text between two newlines that ends a file. */
static int
read_footer(const uint8_t *p, size_t len, struct zone *z)
{
	if (len < 2 || p[0] != '\n' || p[len - 1] != '\n')
		return -EBADMSG;
	if (len == 2)
		return 0;
	z->has_rule = true;
	return zonerule_parse((const char *)p + 1, len - 2, &z->rule);
}

/* `tail`: what is behind the block. */
static int
make_zone(const struct block *b, const uint8_t *tail, size_t tail_len,
    struct zone **ret)
{
	struct zone *z;

	if (!are_types_good(b) || !are_times_good(b))
		return -EBADMSG;
	z = calloc(1, sizeof(*z) + (b->n_times + 1) * sizeof(z->entries[0]));
	if (z == NULL)
		return -ENOMEM;
	if (b->width == 8 ? read_footer(tail, tail_len, z) != 0
	                  : tail_len != 0) {
		free(z);
		return -EBADMSG;
	}
	if (b->n_times == 0)
		z->has_rule = false;
	if (z->has_rule)
		z->rule_from = get_time(b, b->n_times - 1);
	add_entries(z, b);
	*ret = z;
	return 0;
}

int
zone_parse(const void *data, size_t len, struct zone **ret)
{
	const uint8_t *p = data;
	struct block b;
	int r;

	if (len > ZONE_FILE_MAX)
		return -EBADMSG;
	r = find_block(p, len, 4, &b);
	if (r)
		return r;
	if (p[4] != '\0') {
		if (p[4] < '2')
			return -EBADMSG;
		p += b.len;
		len -= b.len;
		r = find_block(p, len, 8, &b);
		if (r)
			return r;
	}
	return make_zone(&b, p + b.len, len - b.len, ret);
}

static bool
is_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
	                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                           "0123456789_-+./";
	size_t len = strspn(name, good);

	return len > 0 && len <= ZONE_NAME_MAX && name[len] == '\0' &&
	       name[0] != '/' && name[0] != '.' && name[len - 1] != '/' &&
	       strstr(name, "//") == NULL && strstr(name, "/.") == NULL;
}

/* As many bytes as there are and fit; or -errno. */
static ssize_t
read_all(int fd, uint8_t *data, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, data + len, cap - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < cap) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : (ssize_t)len;
}

static int
read_zone(int fd, struct zone **ret)
{
	uint8_t *data;
	struct stat st;
	ssize_t len;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -ENOENT;
	if (!S_ISREG(st.st_mode) || st.st_size > ZONE_FILE_MAX)
		return -EBADMSG;
	data = malloc(ZONE_FILE_MAX + 1);
	if (data == NULL)
		return -ENOMEM;
	len = read_all(fd, data, ZONE_FILE_MAX + 1);
	r = len < 0 ? (int)len : zone_parse(data, (size_t)len, ret);
	free(data);
	return r;
}

static int
make_utc(struct zone **ret)
{
	struct zone *z = calloc(1, sizeof(*z) + sizeof(z->entries[0]));

	if (z == NULL)
		return -ENOMEM;
	add_entry(z, INT64_MIN, 0);
	*ret = z;
	return 0;
}

int
zone_open(const char *name, struct zone **ret)
{
	const char *dir = getenv("TZDIR");
	char path[PATH_MAX];
	int fd, n, r;

	if (!is_name(name))
		return -EINVAL;
	if (strcmp(name, "UTC") == 0)
		return make_utc(ret);
	if (dir == NULL || *dir == '\0')
		dir = "/usr/share/zoneinfo";
	n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	/* Whatever is there in place of a file, it does not wait. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	r = read_zone(fd, ret);
	close(fd);
	return r;
}

void
zone_free(struct zone *z)
{
	free(z);
}

/* The last entry that does not begin after `at`. */
static size_t
find_entry(const struct zone *z, int64_t at)
{
	size_t low = 0, high = z->n, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (z->entries[middle].from <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Where the list ends and the rule begins the offset may stay the same. */
static struct zone_span
span_by_rule(const struct zone *z, int64_t at)
{
	const struct entry *last = &z->entries[z->n - 1];
	struct zone_span s = zonerule_span(&z->rule, at);

	if (s.from <= z->rule_from)
		s.from = last->offset == s.offset ? last->from : z->rule_from;
	return s;
}

struct zone_span
zone_span(const struct zone *z, int64_t at)
{
	struct zone_span s = {.until = INT64_MAX}, next;
	size_t i;

	if (z->has_rule && at >= z->rule_from)
		return span_by_rule(z, at);
	i = find_entry(z, at);
	s.from = z->entries[i].from;
	s.offset = z->entries[i].offset;
	if (i + 1 < z->n) {
		s.until = z->entries[i + 1].from;
	} else if (z->has_rule) {
		next = zonerule_span(&z->rule, z->rule_from);
		s.until = next.offset == s.offset ? next.until : z->rule_from;
	}
	return s;
}

static int64_t
add_bounded(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static bool
is_within(const struct zone_span *s, int64_t at)
{
	return at >= s->from && (at < s->until || s->until == INT64_MAX);
}

int
zone_find(const struct zone *z, int64_t wall, int64_t ret[2])
{
	int64_t last = add_bounded(wall, ZONE_OFFSET_MAX), at;
	struct zone_span s = zone_span(z, add_bounded(wall, -ZONE_OFFSET_MAX));
	int n = 0;

	for (;;) {
		if (!__builtin_sub_overflow(wall, s.offset, &at) &&
		    is_within(&s, at))
			ret[n++] = at;
		if (n == 2 || s.until > last || s.until == INT64_MAX)
			return n;
		s = zone_span(z, s.until);
	}
}
