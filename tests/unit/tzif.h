/*
 * tzif: TZif files that no compiler of time zones writes.
 */
#ifndef TESTS_UNIT_TZIF_H
#define TESTS_UNIT_TZIF_H

#include "common/buf.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TZIF_TYPES_MAX = 4, TZIF_TIMES_MAX = 4 };

/* What is 0 or NULL is as a good file has it. */
struct tzif {
	char version; /* '2'; 1 stands for a real '\0' */
	int n_types;
	struct {
		int32_t offset;
		uint8_t is_dst, name;
	} types[TZIF_TYPES_MAX];
	int n_times;
	int64_t times[TZIF_TIMES_MAX];
	uint8_t indices[TZIF_TIMES_MAX];
	const char *footer; /* without its newlines */
	uint32_t n_std, n_leaps;
};

static inline void
tzif_put(struct buf *b, uint64_t v, int width)
{
	while (width-- > 0)
		buf_putc(b, (char)(v >> 8 * width & 0xff));
}

static inline void
tzif_put_block(struct buf *b, const struct tzif *t, int width)
{
	static const char names[] = "STD\0DST";
	char version = t->version == 0 ? '2' : t->version;

	buf_puts(b, "TZif");
	buf_putc(b, version == 1 ? '\0' : version);
	tzif_put(b, 0, 7);
	tzif_put(b, 0, 8);
	tzif_put(b, 0, 4);
	tzif_put(b, t->n_std, 4);
	tzif_put(b, t->n_leaps, 4);
	tzif_put(b, (uint64_t)t->n_times, 4);
	tzif_put(b, (uint64_t)t->n_types, 4);
	tzif_put(b, sizeof(names), 4);
	for (int i = 0; i < t->n_times; i++)
		tzif_put(b, (uint64_t)t->times[i], width);
	buf_append(b, t->indices, (size_t)t->n_times);
	for (int i = 0; i < t->n_types; i++) {
		tzif_put(b, (uint32_t)t->types[i].offset, 4);
		tzif_put(b, t->types[i].is_dst, 1);
		tzif_put(b,
		    t->types[i].name ? t->types[i].name
		                     : (uint8_t)(t->types[i].is_dst ? 4 : 0),
		    1);
	}
	buf_append(b, names, sizeof(names));
	for (uint32_t i = 0; i < t->n_leaps; i++) {
		tzif_put(b, i, width);
		tzif_put(b, i, 4);
	}
	for (uint32_t i = 0; i < t->n_std; i++)
		tzif_put(b, 0, 1);
}

static inline void
tzif_write(struct buf *b, const struct tzif *t)
{
	tzif_put_block(b, t, 4);
	if (t->version != 1) {
		tzif_put_block(b, t, 8);
		buf_putc(b, '\n');
		buf_puts(b, t->footer != NULL ? t->footer : "");
		buf_putc(b, '\n');
	}
	ck_assert_int_eq(buf_error(b), 0);
}

/* A folder of files; each has a time of its own, as libc takes a file whose
 * number and time it knows for one that it has read. */
static char folder[32];
static int n_files;

static inline void
make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test_zone.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	n_files = 0;
}

static inline void
remove_folder(void)
{
	ck_assert_int_eq(rmdir(folder), 0);
}

static inline void
write_file(const char *name, const void *data, size_t len)
{
	struct timespec times[2] = {{n_files, 0}, {n_files, 0}};
	char path[100];
	FILE *file;

	n_files++;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static inline void
remove_file(const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(remove(path), 0);
}

#endif
