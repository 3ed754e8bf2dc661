/*
 * test_zone: every zone of this machine says what libc says; what spans and
 * zone_find() promise; and files that are broken.
 */
#include "common/zone.h"

#include "common/buf.h"
#include "tzif.h"
#include "unit.h"
#include "zonecheck.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char zoneinfo[] = "/usr/share/zoneinfo";

enum { NAMES_MAX = 1000, QUICK_NAMES = 50 };

static const int64_t YEAR_10000 = 253402300800;

/* The zones of this machine; of every `step` the first one. */
static char *names[NAMES_MAX];
static size_t n_names, step;

static bool
begins_as_tzif(const char *path)
{
	FILE *file = fopen(path, "re");
	char magic[4] = "";

	ck_assert_ptr_nonnull(file);
	if (fread(magic, 1, sizeof(magic), file) != sizeof(magic))
		magic[0] = '\0';
	ck_assert_int_eq(fclose(file), 0);
	return memcmp(magic, "TZif", 4) == 0;
}

static int
add_name(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	const char *name = path + sizeof(zoneinfo);

	(void)st;
	if (flag == FTW_D && (strcmp(path + at->base, "right") == 0 ||
	                         strcmp(path + at->base, "posix") == 0))
		return FTW_SKIP_SUBTREE;
	if (flag != FTW_F || !begins_as_tzif(path))
		return FTW_CONTINUE;
	ck_assert_uint_lt(n_names, NAMES_MAX);
	names[n_names] = strdup(name);
	ck_assert_ptr_nonnull(names[n_names++]);
	return FTW_CONTINUE;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
setup(void)
{
	n_names = 0;
	nftw(zoneinfo, add_name, 20, FTW_PHYS | FTW_ACTIONRETVAL);
	ck_assert_msg(n_names >= QUICK_NAMES,
	    "%s has %zu zones; install the package tzdata", zoneinfo, n_names);
	qsort(names, n_names, sizeof(names[0]), compare_names);
	step = is_level("quick") ? n_names / QUICK_NAMES : 1;
}

static void
teardown(void)
{
	while (n_names > 0)
		free(names[--n_names]);
}

static struct zone *
open_zone(const char *name)
{
	struct zone *z = NULL;
	int r = zone_open(name, &z);

	ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
	return z;
}

START_TEST(test_libc)
{
	for (size_t i = 0; i < n_names; i += step) {
		struct zone *z = open_zone(names[i]);

		set_libc(names[i]);
		compare_with_libc(names[i], z, 2 * YEAR_1900, YEAR_1900);
		compare_with_libc(names[i], z, YEAR_1900, YEAR_2100);
		for (int n = 0; n < 1000; n++)
			check_libc(names[i], z,
			    random_between(YEAR_2100, YEAR_10000 - ZONE_DAY));
		zone_free(z);
	}
}
END_TEST

START_TEST(test_spans)
{
	int most = 0;

	for (size_t i = 0; i < n_names; i += step) {
		struct zone *z = open_zone(names[i]);
		int64_t until = i % 40 == 0 ? INT64_MAX : YEAR_2500;
		int n = check_spans(names[i], z, until, INT32_MAX);

		most = n > most ? n : most;
		zone_free(z);
	}
	ck_assert_int_gt(most, 2 * 400);
}
END_TEST

START_TEST(test_find)
{
	for (size_t i = 0; i < n_names; i += step) {
		struct zone *z = open_zone(names[i]);

		check_finds(names[i], z);
		zone_free(z);
	}
}
END_TEST

static int64_t
read_time(const char *text)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);

	ck_assert_msg(end != NULL && *end == '\0', "\"%s\"", text);
	return timegm(&tm);
}

static const struct {
	const char *zone, *wall;
	const char *want[2];
} finds[] = {
    {"UTC", "2026-03-29 02:30:00", {"2026-03-29 02:30:00"}},
    {"Europe/Berlin", "2026-03-29 01:59:59", {"2026-03-29 00:59:59"}},
    {"Europe/Berlin", "2026-03-29 02:00:00", {NULL}},
    {"Europe/Berlin", "2026-03-29 02:59:59", {NULL}},
    {"Europe/Berlin", "2026-03-29 03:00:00", {"2026-03-29 01:00:00"}},
    {"Europe/Berlin", "2026-10-25 01:59:59", {"2026-10-24 23:59:59"}},
    {"Europe/Berlin", "2026-10-25 02:00:00",
        {"2026-10-25 00:00:00", "2026-10-25 01:00:00"}},
    {"Europe/Berlin", "2026-10-25 02:59:59",
        {"2026-10-25 00:59:59", "2026-10-25 01:59:59"}},
    {"Europe/Berlin", "2026-10-25 03:00:00", {"2026-10-25 02:00:00"}},
    /* By the rule behind the list. */
    {"Europe/Berlin", "2050-03-27 02:30:00", {NULL}},
    {"Europe/Berlin", "9999-12-31 23:59:59", {"9999-12-31 22:59:59"}},
    /* Half an hour. */
    {"Australia/Lord_Howe", "2026-04-05 01:29:59", {"2026-04-04 14:29:59"}},
    {"Australia/Lord_Howe", "2026-04-05 01:30:00",
        {"2026-04-04 14:30:00", "2026-04-04 15:00:00"}},
    {"Australia/Lord_Howe", "2026-04-05 02:00:00", {"2026-04-04 15:30:00"}},
    {"Australia/Lord_Howe", "2026-10-04 02:15:00", {NULL}},
    {"Australia/Lord_Howe", "2026-10-04 02:30:00", {"2026-10-03 15:30:00"}},
    /* A day that was not. */
    {"Pacific/Apia", "2011-12-29 23:59:59", {"2011-12-30 09:59:59"}},
    {"Pacific/Apia", "2011-12-30 00:00:00", {NULL}},
    {"Pacific/Apia", "2011-12-30 23:59:59", {NULL}},
    {"Pacific/Apia", "2011-12-31 00:00:00", {"2011-12-30 10:00:00"}},
    /* DST is the winter's, and an hour less. */
    {"Europe/Dublin", "2026-01-15 12:00:00", {"2026-01-15 12:00:00"}},
    {"Europe/Dublin", "2026-03-29 01:30:00", {NULL}},
    {"Europe/Dublin", "2026-07-15 12:00:00", {"2026-07-15 11:00:00"}},
    {"Europe/Dublin", "2026-10-25 01:30:00",
        {"2026-10-25 00:30:00", "2026-10-25 01:30:00"}},
    {"Europe/Dublin", "2050-10-30 01:30:00",
        {"2050-10-30 00:30:00", "2050-10-30 01:30:00"}},
    /* By the moon. */
    {"Africa/Casablanca", "2026-02-15 02:30:00",
        {"2026-02-15 01:30:00", "2026-02-15 02:30:00"}},
    {"Africa/Casablanca", "2026-03-22 02:30:00", {NULL}},
    /* Two hours. */
    {"Antarctica/Troll", "2026-03-29 01:00:00", {NULL}},
    {"Antarctica/Troll", "2026-03-29 02:59:59", {NULL}},
    {"Antarctica/Troll", "2026-10-25 02:59:59",
        {"2026-10-25 00:59:59", "2026-10-25 02:59:59"}},
};

START_TEST(test_find_known)
{
	struct zone *z = open_zone(finds[_i].zone);
	int64_t is[2];
	int n = zone_find(z, read_time(finds[_i].wall), is), want = 0;

	while (want < 2 && finds[_i].want[want] != NULL)
		want++;
	ck_assert_msg(n == want, "%s, %s: %d times, want %d", finds[_i].zone,
	    finds[_i].wall, n, want);
	for (int i = 0; i < n; i++)
		ck_assert_msg(is[i] == read_time(finds[_i].want[i]),
		    "%s, %s: %" PRId64 ", want %s", finds[_i].zone,
		    finds[_i].wall, is[i], finds[_i].want[i]);
	zone_free(z);
}
END_TEST

/* The ends of time: nothing overflows, and what has no end has none. */
START_TEST(test_ends)
{
	struct zone *z = open_zone("Europe/Berlin");
	struct zone_span s = zone_span(z, INT64_MAX);
	int64_t is[2];

	ck_assert_int_eq(s.until, INT64_MAX);
	ck_assert_int_eq(s.from, read_time("9999-10-31 01:00:00"));
	ck_assert_int_eq(s.offset, 3600);
	check_same("Berlin", s, zone_span(z, YEAR_10000 + 1));
	ck_assert_int_eq(zone_find(z, INT64_MAX, is), 1);
	ck_assert_int_eq(is[0], INT64_MAX - 3600);
	/* It would be before the first second. */
	ck_assert_int_eq(zone_find(z, INT64_MIN, is), 0);
	ck_assert_int_eq(zone_find(z, INT64_MIN + 53 * 60 + 28, is), 1);
	ck_assert_int_eq(is[0], INT64_MIN);
	zone_free(z);

	z = open_zone("America/New_York");
	ck_assert_int_eq(zone_find(z, INT64_MAX, is), 0);
	ck_assert_int_eq(zone_find(z, INT64_MAX - 5 * 3600, is), 1);
	ck_assert_int_eq(is[0], INT64_MAX);
	zone_free(z);
	zone_free(NULL);
}
END_TEST

static int
parse(const struct buf *b, size_t len)
{
	/* A block of exactly that size, for ASan. */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct zone *z = NULL;
	int r;

	ck_assert_ptr_nonnull(copy);
	if (len > 0)
		memcpy(copy, b->data, len);
	r = zone_parse(copy, len, &z);
	free(copy);
	ck_assert_msg(r == 0 || (r == -EBADMSG && z == NULL), "%d", r);
	if (r == 0) {
		int64_t is[2];

		check_spans("a broken file", z, INT64_MAX, 300);
		for (int i = 0; i < 10; i++)
			zone_find(z, (int64_t)random_bits(), is);
	}
	zone_free(z);
	return r;
}

static const struct {
	struct tzif tzif;
	int want;
} checks[] = {
    {{.n_types = 1}, 0},
    {{.n_types = 1, .n_std = 1, .n_leaps = 2}, 0},
    {{.n_types = 1, .version = '4', .n_leaps = 2, .footer = "STD0"}, 0},
    {{.n_types = 1, .version = 1, .n_leaps = 2}, 0},
    {{.n_types = 1, .version = '1'}, -EBADMSG},
    {{.n_types = 0}, -EBADMSG},
    {{.n_types = 1, .n_std = 2}, -EBADMSG},
    {{.n_types = 1, .types = {{93599, 0, 0}}}, 0},
    {{.n_types = 1, .types = {{-93599, 0, 0}}}, 0},
    {{.n_types = 1, .types = {{93600, 0, 0}}}, -EBADMSG},
    {{.n_types = 1, .types = {{-93600, 0, 0}}}, -EBADMSG},
    {{.n_types = 1, .types = {{INT32_MIN, 0, 0}}}, -EBADMSG},
    {{.n_types = 1, .types = {{0, 2, 0}}}, -EBADMSG},
    {{.n_types = 1, .types = {{0, 0, 7}}}, 0},
    {{.n_types = 1, .types = {{0, 0, 8}}}, -EBADMSG},
    {{.n_types = 1, .n_times = 2, .times = {1, 2}}, 0},
    {{.n_types = 1, .n_times = 2, .times = {2, 2}}, -EBADMSG},
    {{.n_types = 1, .n_times = 2, .times = {2, 1}}, -EBADMSG},
    {{.n_types = 1, .n_times = 1, .times = {1}, .indices = {1}}, -EBADMSG},
    {{.n_types = 1, .n_times = 1, .times = {INT64_MIN}, .footer = "STD9"}, 0},
    {{.n_types = 1, .n_times = 1, .times = {INT64_MAX - 1}}, 0},
    {{.n_types = 1, .n_times = 1, .times = {INT64_MAX}}, -EBADMSG},
    {{.n_types = 1,
         .n_times = 1,
         .times = {INT64_MAX - 1},
         .footer = "STD5DST,M3.2.0,M11.1.0"},
        0},
    {{.n_types = 1,
         .n_times = 1,
         .times = {INT64_MIN},
         .footer = "STD5DST,M3.2.0,M11.1.0"},
        0},
};

START_TEST(test_check)
{
	struct buf b;

	buf_init(&b, ZONE_FILE_MAX);
	tzif_write(&b, &checks[_i].tzif);
	ck_assert_int_eq(parse(&b, b.len), checks[_i].want);
	buf_putc(&b, '\n');
	ck_assert_int_eq(parse(&b, b.len), -EBADMSG);
	buf_fini(&b);
}
END_TEST

static const char *const victims[] = {
    "Europe/Berlin", "Africa/Casablanca", "Etc/GMT-1", "Asia/Kathmandu"};

static void
read_file(const char *name, struct buf *b)
{
	char path[100], bytes[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", zoneinfo, name);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(fclose(file), 0);
	buf_init(b, ZONE_FILE_MAX);
	ck_assert_int_eq(buf_append(b, bytes, n), 0);
}

START_TEST(test_cut)
{
	struct buf b;

	read_file(victims[_i], &b);
	ck_assert_int_eq(parse(&b, b.len), 0);
	for (size_t len = 0; len < b.len; len++)
		ck_assert_int_eq(parse(&b, len), -EBADMSG);
	buf_fini(&b);
}
END_TEST

START_TEST(test_flip)
{
	int rounds = is_level("quick") ? 500 : 5000, n_good = 0;
	struct buf b;

	read_file(victims[_i], &b);
	for (int i = 0; i < rounds; i++) {
		size_t at[3];
		uint8_t was[3];

		for (int k = 0; k < 3; k++) {
			at[k] = random_bits() % b.len;
			was[k] = b.data[at[k]];
			b.data[at[k]] ^= (uint8_t)(1U << random_to(7));
		}
		n_good += parse(&b, b.len) == 0;
		for (int k = 2; k >= 0; k--)
			b.data[at[k]] = was[k];
	}
	/* Most of it is names, and times that may be others. */
	ck_assert_int_gt(n_good, 0);
	ck_assert_int_lt(n_good, rounds);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *name;
	int want;
} opens[] = {
    {"UTC", 0},
    {"Etc/GMT+1", 0},
    {"America/Argentina/Buenos_Aires", 0},
    {"", -EINVAL},
    {"/usr/share/zoneinfo/UTC", -EINVAL},
    {"../zoneinfo/UTC", -EINVAL},
    {"Europe/../UTC", -EINVAL},
    {"Europe/./Berlin", -EINVAL},
    {"..", -EINVAL},
    {"Europe//Berlin", -EINVAL},
    {"Europe/", -EINVAL},
    {":UTC", -EINVAL},
    {"UTC ", -EINVAL},
    {"UTC\n", -EINVAL},
    {"Europe/M\xc3\xbcnchen", -EINVAL},
    {"EST5EDT,M3.2.0,M11.1.0", -EINVAL},
    {"Europe/Atlantis", -ENOENT},
    {"Europe/Berlin/Mitte", -ENOENT},
    {"Europe", -ENOENT},
    {"utc", -ENOENT},
    {"zone.tab", -EBADMSG},
};

START_TEST(test_open)
{
	struct zone *z = NULL;

	ck_assert_int_eq(zone_open(opens[_i].name, &z), opens[_i].want);
	ck_assert(opens[_i].want == 0 ? z != NULL : z == NULL);
	zone_free(z);
}
END_TEST

START_TEST(test_open_long)
{
	char name[ZONE_NAME_MAX + 2];
	struct zone *z = NULL;

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(zone_open(name, &z), -EINVAL);
	name[sizeof(name) - 2] = '\0';
	ck_assert_int_eq(zone_open(name, &z), -ENOENT);
	ck_assert_ptr_null(z);
}
END_TEST

/* $TZDIR is asked, and what is no file does not make anybody wait. */
START_TEST(test_folder)
{
	struct tzif t = {.n_types = 1, .types = {{-10800, 0, 0}}};
	char *big = calloc(1, ZONE_FILE_MAX + 1), path[100];
	struct zone *z = NULL;
	struct buf b;

	ck_assert_ptr_nonnull(big);
	snprintf(path, sizeof(path), "%s/pipe", folder);
	ck_assert_int_eq(setenv("TZDIR", folder, 1), 0);
	ck_assert_int_eq(zone_open("Europe/Berlin", &z), -ENOENT);
	ck_assert_int_eq(zone_open("UTC", &z), 0);
	zone_free(z);
	z = NULL;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(zone_open("pipe", &z), -EBADMSG);
	remove_file("pipe");
	buf_init(&b, ZONE_FILE_MAX);
	tzif_write(&b, &t);
	memcpy(big, b.data, b.len);
	write_file("big", big, ZONE_FILE_MAX + 1);
	ck_assert_int_eq(zone_open("big", &z), -EBADMSG);
	remove_file("big");
	write_file("empty", "", 0);
	ck_assert_int_eq(zone_open("empty", &z), -EBADMSG);
	remove_file("empty");
	ck_assert_ptr_null(z);

	write_file("good", b.data, b.len);
	ck_assert_int_eq(zone_open("good", &z), 0);
	ck_assert_int_eq(zone_span(z, 0).offset, -10800);
	zone_free(z);
	remove_file("good");
	ck_assert_int_eq(setenv("TZDIR", "", 1), 0);
	ck_assert_int_eq(zone_open("Europe/Berlin", &z), 0);
	zone_free(z);
	buf_fini(&b);
	free(big);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("zone");
	TCase *all = tcase_create("all"), *tc = tcase_create("zone");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, test_libc);
	tcase_add_test(all, test_spans);
	tcase_add_test(all, test_find);
	tcase_set_timeout(all, 120);
	suite_add_tcase(suite, all);

	tcase_add_checked_fixture(files, make_folder, remove_folder);
	tcase_add_test(files, test_folder);
	suite_add_tcase(suite, files);

	tcase_add_loop_test(tc, test_find_known, 0, COUNT(finds));
	tcase_add_test(tc, test_ends);
	tcase_add_loop_test(tc, test_check, 0, COUNT(checks));
	tcase_add_loop_test(tc, test_cut, 0, COUNT(victims));
	tcase_add_loop_test(tc, test_flip, 0, COUNT(victims));
	tcase_add_loop_test(tc, test_open, 0, COUNT(opens));
	tcase_add_test(tc, test_open_long);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
