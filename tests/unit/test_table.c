/*
 * test_table: plugins and rows as configurations come and go, names, order,
 * links, and the ring of exits.
 */
#include "core.h"

#include <errno.h>

static const char three[] =
    "  web: {command: [/bin/true], depends_on: [cache, db]}\n"
    "  cache: {command: [/bin/true], depends_on: [db]}\n"
    "  db: {command: [/bin/true]}\n";

/* "a b c": the rows in table order. */
static const char *
list_rows(char *out, size_t cap)
{
	struct row *row;
	size_t used = 0;

	out[0] = '\0';
	table_foreach(row, cursor)
		used += (size_t)snprintf(out + used, cap - used, "%s%s",
		    used > 0 ? " " : "", row->name);
	return out;
}

START_TEST(test_order)
{
	char text[256];

	core_apply(three);
	ck_assert_str_eq(list_rows(text, sizeof(text)), "db cache web");
	ck_assert_uint_eq(table_count_rows(), 3);
	table_free();
	ck_assert_uint_eq(table_count_rows(), 0);
	ck_assert_str_eq(list_rows(text, sizeof(text)), "");
}
END_TEST

START_TEST(test_links)
{
	struct plugin *web;
	struct plugin *db;

	core_apply(three);
	web = table_find_plugin("web");
	db = table_find_plugin("db");
	ck_assert_uint_eq(web->ndeps, 2);
	ck_assert_uint_eq(web->ndependents, 0);
	ck_assert_uint_eq(db->ndeps, 0);
	ck_assert_uint_eq(db->ndependents, 2);
	for (size_t i = 0; i < web->ndeps; i++)
		ck_assert_str_eq(web->deps[i]->name, web->conf->deps[i].name);
	/* Links follow the configuration. */
	core_apply("  web: {command: [/bin/true]}\n"
	           "  cache: {command: [/bin/true]}\n"
	           "  db: {command: [/bin/true], depends_on: [web]}\n");
	ck_assert_ptr_eq(table_find_plugin("web"), web);
	ck_assert_uint_eq(web->ndeps, 0);
	ck_assert_uint_eq(web->ndependents, 1);
	ck_assert_ptr_eq(web->dependents[0], db);
	table_free();
}
END_TEST

static const struct {
	const char *name;
	size_t n;          /* 0: -ENOENT */
	const char *first; /* its name */
} names[] = {
    {"one", 1, "one"},
    {"one:1", 1, "one"},
    {"one:2", 0, NULL},
    {"many", 3, "many:1"},
    {"many:1", 1, "many:1"},
    {"many:3", 1, "many:3"},
    {"many:4", 0, NULL},
    {"many:0", 0, NULL},
    {"many:01", 0, NULL},
    {"many:-1", 0, NULL},
    {"many:", 0, NULL},
    {"many:1:1", 0, NULL},
    {":1", 0, NULL},
    {"", 0, NULL},
    {"ones", 0, NULL},
    {"on", 0, NULL},
    {"a-name-that-is-far-too-long-for-any-plugin-that-could-be-configured-x", 0,
        NULL},
};

START_TEST(test_names)
{
	struct row **rows = NULL;
	size_t n = 77;
	int r;

	core_apply("  one: {command: [/bin/true]}\n"
	           "  many: {command: [/bin/true], instances: 3}\n");
	r = table_find_rows(names[_i].name, &rows, &n);
	if (names[_i].n == 0) {
		ck_assert_int_eq(r, -ENOENT);
		ck_assert_uint_eq(n, 77);
	} else {
		ck_assert_int_eq(r, 0);
		ck_assert_uint_eq(n, names[_i].n);
		ck_assert_str_eq(rows[0]->name, names[_i].first);
	}
	table_free();
}
END_TEST

static void
destroy(struct row *row)
{
	ck_assert(row->removed);
	row->state = STATE_DESTROYED;
}

START_TEST(test_scale)
{
	char text[256];
	struct row *first;

	core_apply("  w: {command: [/bin/true]}\n");
	first = core_row("w");
	ck_assert_str_eq(first->id, "w:1");
	core_apply("  w: {command: [/bin/true], instances: 3}\n");
	ck_assert_str_eq(list_rows(text, sizeof(text)), "w:1 w:2 w:3");
	ck_assert_ptr_eq(core_row("w:1"), first);
	/* Rows are marked only; who owns their processes lets them go. */
	core_apply("  w: {command: [/bin/true], instances: 2}\n");
	ck_assert_uint_eq(table_count_rows(), 3);
	ck_assert(!core_row("w:1")->removed && !core_row("w:2")->removed);
	table_collect();
	ck_assert_uint_eq(table_count_rows(), 3);
	destroy(core_row("w:3"));
	table_collect();
	ck_assert_str_eq(list_rows(text, sizeof(text)), "w:1 w:2");
	/* One that comes back before it has gone is taken over. */
	core_apply("  w: {command: [/bin/true]}\n");
	ck_assert(core_row("w:2")->removed);
	core_apply("  w: {command: [/bin/true], instances: 2}\n");
	ck_assert(!core_row("w:2")->removed);
	table_free();
}
END_TEST

START_TEST(test_remove)
{
	struct plugin *web;

	core_apply(three);
	web = table_find_plugin("web");
	core_apply("  db: {command: [/bin/true]}\n");
	ck_assert(web->removed);
	/* What it runs with lives as long as it does. */
	ck_assert_ptr_eq(web->conf, web->rows[0]->conf);
	ck_assert_str_eq(web->conf->name, "web");
	ck_assert_uint_eq(web->ndeps, 0);
	destroy(core_row("web"));
	destroy(core_row("cache"));
	table_collect();
	ck_assert_uint_eq(table.n, 1);
	ck_assert_ptr_null(table_find_plugin("web"));
	table_free();
}
END_TEST

/* A removed row with a process is never freed. */
START_TEST(test_collect_waits)
{
	struct row *row;

	core_apply("  a: {command: [/bin/true]}\n");
	row = core_row("a");
	core_apply("  b: {command: [/bin/true]}\n");
	row->child.pid = 4711;
	destroy(row);
	table_collect();
	ck_assert_ptr_eq(core_row("a"), row);
	row->child.pid = 0;
	table_collect();
	ck_assert_ptr_null(table_find_plugin("a"));
	table_free();
}
END_TEST

START_TEST(test_configuration_lives)
{
	struct row *row;
	const struct plugin_conf *old;

	core_apply("  a: {command: [/bin/true, one]}\n");
	row = core_row("a");
	old = row->conf;
	for (int i = 0; i < 5; i++)
		core_apply("  a: {command: [/bin/true, two]}\n");
	ck_assert_ptr_eq(row->conf, old);
	ck_assert_str_eq(row->conf->command.v[1], "one");
	ck_assert_str_eq(row->plugin->conf->command.v[1], "two");
	table_free();
}
END_TEST

START_TEST(test_exits)
{
	struct row *row;

	core_apply("  a: {command: [/bin/true]}\n");
	row = core_row("a");
	ck_assert_ptr_null(row_exit(row, 0));
	row->exits = calloc(ROW_EXITS, sizeof(*row->exits));
	ck_assert_ptr_nonnull(row->exits);
	for (int i = 0; i < 12; i++) {
		row->exits[row->nexits++ % ROW_EXITS].value = i;
		ck_assert_int_eq(row_exit(row, 0)->value, i);
	}
	for (unsigned n = 0; n < ROW_EXITS; n++)
		ck_assert_int_eq(row_exit(row, n)->value, 11 - (int)n);
	ck_assert_ptr_null(row_exit(row, ROW_EXITS));
	table_free();
}
END_TEST

START_TEST(test_enum_names)
{
	ck_assert_str_eq(plugin_health_to_string(HEALTH_UNKNOWN), "unknown");
	ck_assert_str_eq(plugin_health_to_string(HEALTH_OK), "ok");
	ck_assert_str_eq(plugin_health_to_string(HEALTH_DEGRADED), "degraded");
	ck_assert_str_eq(plugin_health_to_string(HEALTH_FAILING), "failing");
	ck_assert_str_eq(plugin_health_to_string(HEALTH__COUNT), "unknown");
	for (unsigned r = 0; r < STOP_REASON__COUNT; r++) {
		const char *s = stop_reason_to_string((enum stop_reason)r);

		ck_assert_ptr_nonnull(s);
		ck_assert_str_ne(s, "unknown");
	}
	ck_assert_str_eq(stop_reason_to_string(STOP_REASON__COUNT), "unknown");
	ck_assert_str_eq(exit_kind_to_string(EXIT_KIND_EXIT), "exit");
	ck_assert_str_eq(exit_kind_to_string(EXIT_KIND_SIGNAL), "signal");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = tcase_create("table");

	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_links);
	tcase_add_loop_test(tc, test_names, 0, COUNT(names));
	tcase_add_test(tc, test_scale);
	tcase_add_test(tc, test_remove);
	tcase_add_test(tc, test_collect_waits);
	tcase_add_test(tc, test_configuration_lives);
	tcase_add_test(tc, test_exits);
	tcase_add_test(tc, test_enum_names);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
