/*
 * test_confparts: the small parts of the configuration one by one: diff,
 * dump and mask, variables, targets, distances, and what happens when memory
 * runs out at any point.
 */
#include "conftest.h"

#include "supervisor/core/expand.h"
#include "supervisor/core/number.h"
#include "supervisor/core/target.h"

#include <errno.h>

/* Two versions of one plugin: what follows the colon of "w:". */
static const struct {
	const char *a;
	const char *b;
	enum conf_change change;
	const char *fields;
} diffs[] = {
    {"{command: [a]}", "{command: a}", CONF_SAME, ""},
    {"{command: [a]}", "{command: [b]}", CONF_RESTART, "command"},
    {"{command: [a]}", "{command: [a, b]}", CONF_RESTART, "command"},
    {"{command: [a]}", "{exec: [a]}", CONF_RESTART, "exec, command, events"},
    {"{module: a}", "{module: b}", CONF_RESTART, "module"},
    {"{command: a}", "{command: a, enabled: false}", CONF_LIVE, "enabled"},
    {"{command: a}", "{command: a, instances: 2}", CONF_LIVE, "instances"},
    {"{command: a}", "{command: a, restart: {delay: 1s}}", CONF_LIVE,
        "restart"},
    {"{command: a}", "{command: a, restart: {policy: never}, user: x}",
        CONF_RESTART, "restart, user"},
    {"{command: a, user: x}", "{command: a, user: x}", CONF_SAME, ""},
    {"{command: a}", "{command: a, stop: {signal: INT}}", CONF_LIVE, "stop"},
    {"{command: a}", "{command: a, reload_signal: INT}", CONF_LIVE,
        "reload_signal"},
    {"{command: a}", "{command: a, health: {probe: {exec: [b]}}}", CONF_LIVE,
        "health"},
    {"{command: a}", "{command: a, ready: {notify: true}}", CONF_RESTART,
        "ready"},
    {"{command: a}", "{command: a, umask: 0077}", CONF_RESTART, "umask"},
    {"{command: a, environment: {A: 1}}", "{command: a, environment: {A: 2}}",
        CONF_RESTART, "environment"},
    {"{command: a}", "{command: a, limits: {core: 0}}", CONF_LIVE, "limits"},
    {"{command: a}", "{command: a, essential: true, type: transport}",
        CONF_LIVE, "essential, type"},
    {"{command: a, depends_on: [x]}", "{command: a, depends_on: {x: }}",
        CONF_SAME, ""},
    {"{command: a, depends_on: [x]}", "{command: a}", CONF_LIVE, "depends_on"},
    {"{command: a, depends_on: [x]}",
        "{command: a, depends_on: {x: {restart: true}}}", CONF_LIVE,
        "depends_on"},
    {"{module: a, config: {b: 1}}", "{module: a, config: {b: 1}}", CONF_SAME,
        ""},
    {"{module: a, config: {b: 1}}", "{module: a, config: {b: 2}}",
        CONF_CONFIGURE, "config"},
    {"{module: a, config: {}}", "{module: a}", CONF_CONFIGURE, "config"},
    {"{module: a, calls: [x]}", "{module: a, calls: [y]}", CONF_LIVE, "calls"},
};

static struct config *
config_of(const char *plugin)
{
	char text[512];

	snprintf(text, sizeof(text), "plugins:\n  x: {command: x}\n  w: %s\n",
	    plugin);
	return conftest_good(text);
}

START_TEST(diffs_name_keys_and_consequences)
{
	struct config *a = config_of(diffs[_i].a);
	struct config *b = config_of(diffs[_i].b);
	const struct plugin_conf *p = config_find(a, "w");
	const struct plugin_conf *q = config_find(b, "w");
	struct buf fields;

	buf_init(&fields, 1024);
	ck_assert_int_eq(plugin_conf_diff(p, q, &fields), diffs[_i].change);
	ck_assert_str_eq(buf_cstr(&fields), diffs[_i].fields);
	ck_assert_int_eq(plugin_conf_diff(q, p, NULL), diffs[_i].change);
	ck_assert_int_eq(plugin_conf_diff(p, p, NULL), CONF_SAME);
	buf_fini(&fields);
	config_unref(a);
	config_unref(b);
}
END_TEST

START_TEST(secrets_are_masked)
{
	struct config *c = config_of(
	    "{module: m, environment: {A: s3, B: s3}, config: {PassWord: s3, "
	    "list: [{api_token: [s3]}, 1], tls: {key: s3, port: 1}, x: ok}}");
	const struct plugin_conf *p = config_find(c, "w");
	struct buf out;

	buf_init(&out, 1 << 20);
	conftest_json(c, NULL, true, &out);
	ck_assert_ptr_null(strstr(buf_cstr(&out), "s3"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\"x\": \"ok\""));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\"port\": 1"));
	buf_reset(&out);
	conftest_json(c, p, true, &out);
	ck_assert_ptr_null(strstr(buf_cstr(&out), "s3"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\"A\": \"***\""));
	buf_reset(&out);
	conftest_json(c, p, false, &out);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\"A\": \"s3\""));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\"key\": \"s3\""));
	buf_fini(&out);
	config_unref(c);
}
END_TEST

/* Where a plugin's complaint about its config points to. */
START_TEST(values_have_places)
{
	static const struct {
		const char *path;
		unsigned line; /* 0: there is none */
		unsigned column;
		bool of_key;
	} cases[] = {
	    {"", 3, 26},
	    {"a", 3, 30},
	    {"list", 4, 7},
	    {"list[0]", 4, 8},
	    {"list[1]", 4, 11},
	    {"list[1].x", 4, 15},
	    {"list[1].y[1][0]", 4, 26},
	    {"b", 5, 4},
	    {"", 3, 26, true},
	    {"a", 3, 27, true},
	    {"list", 3, 33, true},
	    {"list[0]", 4, 8, true},
	    {"list[1].x", 4, 12, true},
	    {"list[1].y", 4, 18, true},
	    {"b", 4, 33, true},
	    {"list[2]", 0, 0},
	    {"list[x]", 0, 0},
	    {"list[0].x", 0, 0},
	    {"a.b", 0, 0},
	    {"none", 0, 0},
	    {"[0]", 0, 0},
	    {".", 0, 0},
	    {"list[", 0, 0},
	};
	struct config *c = config_of("{module: m, config: {a: 1, list:\n"
	                             "      [7, {x: 1, y: [2, [3]]}], b:\n"
	                             "   ok}}");
	const struct plugin_conf *p = config_find(c, "w");

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf_mark mark = {0, 0};
		int r =
		    plugin_conf_mark(p, cases[i].path, cases[i].of_key, &mark);

		ck_assert_msg(r == (cases[i].line != 0 ? 0 : -ENOENT) &&
		                  mark.line == cases[i].line &&
		                  mark.column == cases[i].column,
		    "%s: %d, %u:%u", cases[i].path, r, mark.line, mark.column);
	}
	ck_assert_int_eq(plugin_conf_mark(config_find(c, "x"), "a", false,
	                     &(struct conf_mark){0, 0}),
	    -ENOENT);
	config_unref(c);
}
END_TEST

/* What probes and readiness come to. */
START_TEST(probes_are_resolved)
{
	static const struct {
		const char *probe;
		const char *host;
		const char *path;
		enum probe_kind kind;
		uint16_t port;
	} probes[] = {
	    {"http: 'http://localhost'", "127.0.0.1", "/", PROBE_HTTP, 80},
	    {"http: 'http://[::1]:81/a?b'", "::1", "/a?b", PROBE_HTTP, 81},
	    {"http: 'http://10.0.0.1?x'", "10.0.0.1", "/?x", PROBE_HTTP, 80},
	    {"tcp: 'localhost:65535'", "127.0.0.1", NULL, PROBE_TCP, 65535},
	    {"tcp: '[fe80::1]:1'", "fe80::1", NULL, PROBE_TCP, 1},
	    {"exec: [a, b]", NULL, NULL, PROBE_EXEC, 0},
	};
	char text[256];

	for (size_t i = 0; i < COUNT(probes); i++) {
		const struct probe_conf *p;
		struct config *c;

		snprintf(text, sizeof(text),
		    "{command: a, ready: {probe: {%s}}}", probes[i].probe);
		c = config_of(text);
		ck_assert_int_eq(config_find(c, "w")->ready.kind, READY_PROBE);
		p = &config_find(c, "w")->ready.probe;
		ck_assert_int_eq(p->kind, probes[i].kind);
		ck_assert_pstr_eq(p->host, probes[i].host);
		ck_assert_uint_eq(p->port, probes[i].port);
		ck_assert_pstr_eq(p->path, probes[i].path);
		config_unref(c);
	}
}
END_TEST

START_TEST(readiness_has_a_kind)
{
	static const struct {
		const char *ready;
		enum ready_kind kind;
	} kinds[] = {
	    {"{}", READY_DEFAULT},
	    {"{notify: true}", READY_NOTIFY},
	    {"{notify: false}", READY_DEFAULT},
	    {"{log: x}", READY_LOG},
	    {"{after: 0s}", READY_AFTER},
	};
	char text[256];

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "{command: a, ready: %s}",
		    kinds[i].ready);
		c = config_of(text);
		ck_assert_int_eq(
		    config_find(c, "w")->ready.kind, kinds[i].kind);
		config_unref(c);
	}
}
END_TEST

START_TEST(argv_is_of_the_programs)
{
	struct config *c =
	    conftest_good("plugins:\n  a: {command: [x, y]}\n"
	                  "  b: {exec: [z]}\n  c: {module: m}\n");

	ck_assert_str_eq(plugin_conf_argv(config_find(c, "a"))->v[1], "y");
	ck_assert_str_eq(plugin_conf_argv(config_find(c, "b"))->v[0], "z");
	ck_assert_ptr_null(plugin_conf_argv(config_find(c, "c")));
	ck_assert_ptr_null(config_find(c, "c")->command.v);
	config_unref(c);
}
END_TEST

START_TEST(enums_have_names)
{
	ck_assert_str_eq(conf_kind_to_string(KIND_EXEC), "exec");
	ck_assert_str_eq(conf_kind_to_string(CONF_KIND__COUNT), "?");
	ck_assert_str_eq(restart_policy_to_string(RESTART_NEVER), "never");
	ck_assert_str_eq(restart_policy_to_string(RESTART_POLICY__COUNT), "?");
	ck_assert_str_eq(dep_condition_to_string(DEP_STARTED), "started");
	ck_assert_str_eq(dep_condition_to_string(DEP_CONDITION__COUNT), "?");
	ck_assert_ptr_null(number_type_get(VAL_STRING));
	ck_assert_ptr_null(number_type_get(VAL_BOOL));
}
END_TEST

START_TEST(words_have_distances)
{
	static const struct {
		const char *a;
		const char *b;
		unsigned distance;
	} words[] = {
	    {"", "", 0},
	    {"a", "", 1},
	    {"", "abc", 3},
	    {"kitten", "sitting", 3},
	    {"polcy", "policy", 1},
	    {"dealy", "delay", 1},
	    {"abc", "abc", 0},
	};
	char longer[128];

	for (size_t i = 0; i < COUNT(words); i++) {
		ck_assert_uint_eq(
		    schema_distance(words[i].a, words[i].b), words[i].distance);
		ck_assert_uint_eq(
		    schema_distance(words[i].b, words[i].a), words[i].distance);
	}
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_uint_eq(schema_distance(longer, "a"), ~0U);
	ck_assert_uint_eq(schema_distance("a", longer), ~0U);
	ck_assert_ptr_null(schema_suggest(&schema_main, longer));
}
END_TEST

START_TEST(regular_expressions_have_a_price)
{
	ck_assert_uint_eq(target_regex_cost("ready"), 25 / 64);
	ck_assert_uint_eq(target_regex_cost("a{3}"), 144 / 64);
	ck_assert_uint_eq(target_regex_cost("(a)*"), 16);
	ck_assert_uint_eq(target_regex_cost("(a){2,}"), 14 * 14);
	ck_assert_uint_eq(target_regex_cost("(a){0,1}"), 64);
	ck_assert_uint_eq(target_regex_cost("(a){1,2}"), 16 * 16 / 64);
	ck_assert_uint_eq(target_regex_cost("[(]{2})*]"), 18 * 18);
	ck_assert_uint_eq(target_regex_cost("\\{99}"), 36 / 64);
	/* Once more for each, of all that is before it. */
	ck_assert_uint_eq(target_regex_cost("a+b+[c]+\\++"), 121 / 64);
	ck_assert_uint_eq(target_regex_cost("a++"), 36 / 64);
	ck_assert_uint_eq(target_regex_cost("a*+?+"), 400 / 64);
	ck_assert_uint_eq(target_regex_cost("(a)+"), 64);
	ck_assert_uint_eq(target_regex_cost("a++++++++++++++++++"), ~0UL);
	ck_assert_uint_eq(target_regex_cost("(a{99999999999999999999})"), ~0UL);
	ck_assert_ptr_null(target_check_regex("[\\1] \\\\ \\["));
	ck_assert_ptr_nonnull(target_check_regex("(a)\\1"));
}
END_TEST

START_TEST(expansion_is_bounded)
{
	struct config *c = NULL;
	struct conf_errors errs;
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_puts(&text, "plugins:\n  w:\n    command:\n    - a\n    - \"");
	while (text.len < EXPAND_TEXT_MAX + 64)
		buf_puts(&text, "${NAME}");
	buf_puts(&text, "\"\n");
	ck_assert_int_eq(
	    conftest_load(buf_cstr(&text), text.len, &c, &errs), 0);
	conf_errors_fini(&errs);
	config_unref(c);
	c = NULL;
	buf_reset(&text);
	buf_puts(&text, "plugins:\n  w:\n    command:\n    - a\n    - \"");
	while (text.len < EXPAND_TEXT_MAX * 2)
		buf_puts(&text, "${NAME}");
	buf_puts(&text, "\"\n");
	ck_assert_int_eq(
	    conftest_load(buf_cstr(&text), text.len, &c, &errs), -EINVAL);
	ck_assert_str_eq(errs.v[0].text,
	    "command: the text is too long with its variables expanded");
	conf_errors_fini(&errs);
	buf_fini(&text);
}
END_TEST

START_TEST(complaints_without_a_file_come_first)
{
	struct conf_errors errs = {0};
	struct conf_loc nowhere = {0};
	struct buf out;

	buf_init(&out, 1024);
	conf_error_add(&errs,
	    (struct conf_loc){.file = "b", .line = 2, .column = 1}, "five");
	conf_error_add(&errs,
	    (struct conf_loc){.file = "b", .line = 1, .column = 9}, "four");
	conf_warning_add(&errs,
	    (struct conf_loc){.file = "b", .line = 1, .column = 2}, "three");
	conf_error_add(&errs, (struct conf_loc){.file = "a"}, "two");
	conf_error_add(&errs, nowhere, "one");
	conf_errors_sort(&errs);
	conf_errors_print(&errs, &out);
	ck_assert_str_eq(buf_cstr(&out),
	    "one\na: two\nb:1:2: warning: three\nb:1:9: four\nb:2:1: five\n");
	conf_errors_fini(&errs);
	buf_fini(&out);
}
END_TEST

/* --- Out of memory ------------------------------------------------------ */

/* The allocation that fails, counted down; 0: none. */
static int fails_at;

static bool
is_failing(void)
{
	return fails_at > 0 && --fails_at == 0;
}

/* The linker sends the calls of the code under test here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_arena_alloc(struct arena *a, size_t size);
char *__real_arena_strdup(struct arena *a, const char *s);
char *__real_arena_strndup(struct arena *a, const char *s, size_t len);
void *__real_arena_memdup(struct arena *a, const void *p, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_arena_alloc(struct arena *a, size_t size);
char *__wrap_arena_strdup(struct arena *a, const char *s);
char *__wrap_arena_strndup(struct arena *a, const char *s, size_t len);
void *__wrap_arena_memdup(struct arena *a, const void *p, size_t len);
char *__wrap_arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void *
__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return is_failing() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return is_failing() ? NULL : __real_realloc(p, size);
}

void *
__wrap_arena_alloc(struct arena *a, size_t size)
{
	return is_failing() ? NULL : __real_arena_alloc(a, size);
}

char *
__wrap_arena_strdup(struct arena *a, const char *s)
{
	return is_failing() ? NULL : __real_arena_strdup(a, s);
}

char *
__wrap_arena_strndup(struct arena *a, const char *s, size_t len)
{
	return is_failing() ? NULL : __real_arena_strndup(a, s, len);
}

void *
__wrap_arena_memdup(struct arena *a, const void *p, size_t len)
{
	return is_failing() ? NULL : __real_arena_memdup(a, p, len);
}

char *
__wrap_arena_printf(struct arena *a, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return is_failing() ? NULL : __real_arena_strdup(a, text);
}

static const char *const starving[] = {
    "",
    ("runtime_dir: x\nmodule_path: [a, /b]\nlog: {path: x}\n"
     "plugins:\n"
     "  a:\n"
     "    command: [./a, '${NAME}', \"x${NOWHERE:-y}\"]\n"
     "    environment: {A: 1, B: \"${NAME}\"}\n"
     "    ready: {probe: {http: 'http://localhost/'}}\n"
     "    health: {probe: {tcp: 'localhost:1'}}\n"
     "    working_dir: .\n"
     "    type: transport\n"
     "  b:\n"
     "    module: ./b.so\n"
     "    depends_on: {a: {condition: started}}\n"
     "    config: {a: [1, x, {b: 2.5}], c: '${NAME}'}\n"
     "    calls: [a]\n"
     "  c: {exec: x, depends_on: [b], events: {subscribe: [x]}}\n"),
    ("plugins: {a: {command: [a], depends_on: [a, b, c]}, a: 1, B: {}}\n"
     "x: [1, *y]\n"),
};

START_TEST(memory_may_run_out_anywhere)
{
	const char *text = starving[_i];
	int n = 0;
	int want;
	int err;

	/* What it is with enough of it. */
	want = _i == 2 ? -EINVAL : 0;
	do {
		struct config *c = NULL;
		struct conf_errors errs;
		int failed;

		fails_at = ++n;
		err = conftest_load(text, strlen(text), &c, &errs);
		failed = fails_at == 0;
		fails_at = 0;
		if (!failed)
			ck_assert_int_eq(err, want);
		else if (err != want)
			ck_assert_int_eq(err, -ENOMEM);
		ck_assert_int_eq(err == 0, c != NULL);
		if (c != NULL && failed)
			ck_abort_msg("allocation %d failed unseen", n);
		conf_errors_fini(&errs);
		config_unref(c);
		if (!failed)
			break;
	} while (n < 10000);
	ck_assert_int_gt(n, 10);
	ck_assert_int_lt(n, 10000);
}
END_TEST

START_TEST(arenas_have_a_limit)
{
	struct arena *a = arena_new(1024, 4096);
	char *text;

	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(arena_size(a), 0);
	ck_assert_ptr_nonnull(arena_alloc(a, 2000));
	ck_assert_ptr_nonnull(arena_alloc(a, 100));
	ck_assert_ptr_null(arena_alloc(a, 2000));
	ck_assert_ptr_null(arena_alloc(a, 100000));
	ck_assert_ptr_null(arena_alloc(a, SIZE_MAX));
	text = arena_strdup(a, "text");
	ck_assert_str_eq(text, "text");
	/* Strings are packed, objects aligned. */
	ck_assert_ptr_eq(arena_strndup(a, "xy", 1), text + 5);
	ck_assert_uint_eq((uintptr_t)arena_alloc(a, 1) % 16, 0);
	while (arena_alloc(a, 200) != NULL)
		continue;
	ck_assert_uint_le(arena_size(a), 4096);
	ck_assert_ptr_null(arena_memdup(a, "x", 200));
	arena_free(a);
	arena_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("confparts");
	TCase *parts = tcase_create("parts");
	TCase *memory = tcase_create("memory");

	tcase_add_loop_test(
	    parts, diffs_name_keys_and_consequences, 0, (int)COUNT(diffs));
	tcase_add_test(parts, secrets_are_masked);
	tcase_add_test(parts, values_have_places);
	tcase_add_test(parts, probes_are_resolved);
	tcase_add_test(parts, readiness_has_a_kind);
	tcase_add_test(parts, argv_is_of_the_programs);
	tcase_add_test(parts, enums_have_names);
	tcase_add_test(parts, words_have_distances);
	tcase_add_test(parts, regular_expressions_have_a_price);
	tcase_add_test(parts, expansion_is_bounded);
	tcase_add_test(parts, complaints_without_a_file_come_first);
	tcase_add_test(parts, arenas_have_a_limit);
	suite_add_tcase(suite, parts);
	tcase_set_timeout(memory, 120);
	tcase_add_loop_test(
	    memory, memory_may_run_out_anywhere, 0, (int)COUNT(starving));
	suite_add_tcase(suite, memory);
	return unit_run(suite);
}
