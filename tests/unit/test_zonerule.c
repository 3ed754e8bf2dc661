/*
 * test_zonerule: footers, and other things that no zone of this machine has,
 * in files of our own, which libc reads as well.
 */
#include "tzif.h"
#include "zonecheck.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct zone *
make_zone(const struct tzif *t)
{
	struct zone *z = NULL;
	struct buf b;
	int r;

	buf_init(&b, ZONE_FILE_MAX);
	tzif_write(&b, t);
	r = zone_parse(b.data, b.len, &z);
	ck_assert_msg(r == 0, "\"%s\": %s", t->footer, strerror(-r));
	buf_fini(&b);
	return z;
}

/* libc looks for a file only when TZ is another one. */
static void
compare_file(const struct tzif *t, int64_t from, int64_t until)
{
	struct zone *z = make_zone(t);
	char name[20], path[100];
	struct buf b;

	buf_init(&b, ZONE_FILE_MAX);
	tzif_write(&b, t);
	snprintf(name, sizeof(name), "%d", n_files);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	write_file(name, b.data, b.len);
	set_libc(path);
	compare_with_libc(t->footer != NULL ? t->footer : "-", z, from, until);
	check_spans(t->footer != NULL ? t->footer : "-", z, YEAR_2500, 2000);
	check_finds(t->footer != NULL ? t->footer : "-", z);
	remove_file(name);
	buf_fini(&b);
	zone_free(z);
}

/* The last change of a zone that has only a rule from then on. */
static const struct tzif by_rule = {
    .n_types = 1,
    .types = {{-10800, 0, 0}},
    .n_times = 1,
    .times = {200000000},
};

static const struct tzif odd[] = {
    {.version = 1,
        .n_types = 2,
        .types = {{3600, 0, 0}, {7200, 1, 0}},
        .n_times = 3,
        .times = {200000000, 300000000, 400000000},
        .indices = {1, 0, 1}},
    /* No footer: the last one goes on. */
    {.n_types = 2,
        .types = {{3600, 0, 0}, {7200, 1, 0}},
        .n_times = 2,
        .times = {200000000, 300000000},
        .indices = {1, 1}},
    /* Before the first change: not DST, or type 0 where all are. */
    {.n_types = 2,
        .types = {{7200, 1, 0}, {3600, 0, 0}},
        .n_times = 1,
        .times = {2000000000},
        .indices = {0}},
    {.n_types = 2,
        .types = {{7200, 1, 0}, {3600, 1, 0}},
        .n_times = 1,
        .times = {2000000000},
        .indices = {1}},
    /* No change, so no rule. */
    {.n_types = 1, .types = {{3600, 0, 0}}, .footer = "STD-1DST,J90,J300"},
    {.n_types = 1, .types = {{3600, 0, 0}}},
    /* The rule has other offsets than all before. */
    {.n_types = 1,
        .types = {{3600, 0, 0}},
        .n_times = 1,
        .times = {1000000000},
        .footer = "STD5DST,M3.2.0,M11.1.0"},
    /* Nothing changes where it begins, but the names. */
    {.n_types = 2,
        .types = {{3600, 0, 0}, {7200, 1, 0}},
        .n_times = 2,
        .times = {1000000000, 1100000000},
        .indices = {1, 0},
        .footer = "STD-1"},
};

START_TEST(test_odd)
{
	compare_file(&odd[_i], YEAR_1900, YEAR_2100);
}
END_TEST

static const char *const good_footers[] = {
    "<+03>-3",
    "<-0330>+3:30",
    "XXX24:59:59",
    "XXX3YYY,J59/0,J60/24",
    "XXX3YYY,59/0,60/24",
    "XXX3YYY,J60/0,J300/24",
    "XXX3YYY,59,299/-5:30:15",
    "XXX3YYY3,59,299",
    "XXX3YYY,100,100",
    "XXX3YYY,100/2,100/3",
    "XXX3YYY4,0/0,J365/23",
    "XXX3YYY,365,0",
    "XXX3YYY,M2.5.0/-167,M2.5.0/167",
    "XXX-13:45YYY-14:45,M1.1.0/-24,M12.5.6/167",
    "ABCDEFGHIJ-1<+00>0,M10.5.0,M3.5.0/1",
};

static void
compare_footer(const char *footer)
{
	struct tzif t = by_rule;

	t.footer = footer;
	compare_file(&t, t.times[0], YEAR_2100);
}

START_TEST(test_good_footer)
{
	compare_footer(good_footers[_i]);
}
END_TEST

static void
put_random_date(struct buf *b)
{
	int kind = random_to(2);

	if (kind == 0)
		buf_printf(b, ",M%d.%d.%d", 1 + random_to(11), 1 + random_to(4),
		    random_to(6));
	else if (kind == 1)
		buf_printf(b, ",J%d", 1 + random_to(364));
	else
		buf_printf(b, ",%d", random_to(365));
	if (random_to(1))
		buf_printf(b, "/%s%d:%02d", random_to(1) ? "-" : "",
		    random_to(167), random_to(59));
}

START_TEST(test_random_footers)
{
	int rounds = is_level("quick") ? 30 : 300;
	char footer[100];
	struct buf b;

	for (int i = 0; i < rounds; i++) {
		buf_init_fixed(&b, footer, sizeof(footer));
		buf_printf(
		    &b, "XXX%d:%02dYYY", random_to(38) - 14, random_to(59));
		if (random_to(1))
			buf_printf(&b, "%d", random_to(38) - 14);
		put_random_date(&b);
		put_random_date(&b);
		ck_assert_int_eq(buf_error(&b), 0);
		buf_putc(&b, '\0');
		compare_footer(footer);
	}
}
END_TEST

static const char *const bad_footers[] = {
    "X",
    "XX3",
    "XXX",
    "3",
    "<+03-3",
    "<+3>-3",
    "<+0/>-3",
    "XXX25",
    "XXX3:60",
    "XXX3:00:60",
    "XXX3:",
    "XXX3 ",
    "XXX3\n",
    "XXX3YY",
    "XXX3YYY",
    "XXX3YYY4",
    "XXX3YYY,",
    "XXX3YYY,J60",
    "XXX3YYY,J60,",
    "XXX3YYY,J0,J60",
    "XXX3YYY,J366,J60",
    "XXX3YYY,366,60",
    "XXX3YYY,J60,J61,",
    "XXX3YYY,J60,J61/168",
    "XXX3YYY,J60,J61/",
    "XXX3YYY,J60,J61/2:60",
    "XXX3YYY,J60,J0061",
    "XXX3YYY,M0.1.0,J61",
    "XXX3YYY,M13.1.0,J61",
    "XXX3YYY,M1.0.0,J61",
    "XXX3YYY,M1.6.0,J61",
    "XXX3YYY,M1.1.7,J61",
    "XXX3YYY,M1.1,J61",
    "XXX3YYY,M1.1.,J61",
    "XXX3YYY,-1,J61",
    "XXX3YYYJ60,J61",
    "XXX3YYY4J60,J61",
    "XXX--3",
};

START_TEST(test_bad_footer)
{
	struct tzif t = by_rule;
	struct zone *z = NULL;
	struct buf b;

	t.footer = bad_footers[_i];
	buf_init(&b, ZONE_FILE_MAX);
	tzif_write(&b, &t);
	ck_assert_msg(zone_parse(b.data, b.len, &z) == -EBADMSG && z == NULL,
	    "\"%s\"", t.footer);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("zonerule");
	TCase *tc = tcase_create("zonerule");

	tcase_add_checked_fixture(tc, make_folder, remove_folder);
	tcase_add_loop_test(tc, test_odd, 0, COUNT(odd));
	tcase_add_loop_test(tc, test_good_footer, 0, COUNT(good_footers));
	tcase_add_test(tc, test_random_footers);
	tcase_add_loop_test(tc, test_bad_footer, 0, COUNT(bad_footers));
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
