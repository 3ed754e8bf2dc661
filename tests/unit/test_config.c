/*
 * test_config: files in tests/golden/config and what they come to.
 *
 * bad/NNN-name.yaml is refused with the complaints in NNN-name.expect,
 * good/name.yaml is accepted and its effective form is name.json, which is
 * itself a configuration with the same effect. Hostile files are made here;
 * each is refused in a tenth of a second, whatever it is. docs/CONFIG.md and
 * config/plugind.schema.json are what the table of the schema makes of it.
 *
 * With PLUGIND_TEST_WRITE=1 in the environment all of these are written
 * anew; look at what has changed before you believe it.
 */
#include "conftest.h"

#include <dirent.h>
#include <errno.h>
#include <time.h>

#define DIR_OF(what) GOLDEN_DIR "/config/" what
#define SOURCE(path) GOLDEN_DIR "/../../" path

static int
is_yaml(const struct dirent *entry)
{
	return strstr(entry->d_name, ".yaml") != NULL;
}

/* Calls `check` with the path of each file, without its extension. */
static int
each_file(const char *dir, void (*check)(const char *stem))
{
	struct dirent **names;
	int n = scandir(dir, &names, is_yaml, alphasort);

	for (int i = 0; i < n; i++) {
		char stem[1024];

		snprintf(stem, sizeof(stem), "%s/%.*s", dir,
		    (int)strcspn(names[i]->d_name, "."), names[i]->d_name);
		check(stem);
		free(names[i]);
	}
	free(names);
	return n;
}

static void
read_beside(const char *stem, const char *ending, struct buf *out)
{
	char path[1100];

	buf_init(out, 1 << 24);
	snprintf(path, sizeof(path), "%s%s", stem, ending);
	conftest_read(path, out);
}

/* The file is `expected`, or becomes it. */
static void
compare(const char *path, const char *expected)
{
	struct buf file;
	FILE *f;

	if (getenv("PLUGIND_TEST_WRITE") != NULL) {
		f = fopen(path, "we");
		ck_assert_msg(f != NULL, "cannot write %s", path);
		ck_assert_int_ge(fputs(expected, f), 0);
		ck_assert_int_eq(fclose(f), 0);
	}
	buf_init(&file, 1 << 20);
	conftest_read(path, &file);
	/* Check takes messages of 8 KiB at most. */
	ck_assert_msg(strcmp(buf_cstr(&file), expected) == 0,
	    "%s is not fresh (PLUGIND_TEST_WRITE=1 writes it); it should "
	    "be\n%.3000s",
	    path, expected);
	buf_fini(&file);
}

static void
compare_beside(const char *stem, const char *ending, const char *expected)
{
	char path[1100];

	snprintf(path, sizeof(path), "%s%s", stem, ending);
	compare(path, expected);
}

static void
check_bad(const char *stem)
{
	struct config *c = NULL;
	struct conf_errors errs;
	struct buf yaml;
	struct buf got;
	int err;

	read_beside(stem, ".yaml", &yaml);
	buf_init(&got, 1 << 20);
	err = conftest_load((char *)yaml.data, yaml.len, &c, &errs);
	conftest_complaints(&errs, &got);
	ck_assert_msg(err == -EINVAL, "%s: %d", stem, err);
	ck_assert_ptr_null(c);
	ck_assert_uint_gt(errs.nerrors, 0);
	compare_beside(stem, ".expect", buf_cstr(&got));
	conf_errors_fini(&errs);
	buf_fini(&yaml);
	buf_fini(&got);
}

START_TEST(bad_files_are_refused_with_all_complaints)
{
	ck_assert_int_ge(each_file(DIR_OF("bad"), check_bad), 65);
}
END_TEST

static void
load_and_dump(const struct buf *yaml, const char *stem, struct buf *out)
{
	struct config *c = NULL;
	struct conf_errors errs;
	int err = conftest_load((char *)yaml->data, yaml->len, &c, &errs);

	ck_assert_msg(
	    err == 0, "%s: %s", stem, errs.n > 0 ? errs.v[0].text : "?");
	ck_assert_uint_eq(errs.nerrors, 0);
	conf_errors_fini(&errs);
	buf_init(out, 1 << 24);
	conftest_json(c, NULL, false, out);
	buf_putc(out, '\n');
	config_unref(c);
}

/* Where modules are depends on how this was built. */
static void
hide_module_dir(const struct buf *in, struct buf *out)
{
	const char *dir = load_module_dir();
	const char *text = (const char *)in->data;
	const char *at;

	buf_init(out, 1 << 24);
	while ((at = strstr(text, dir)) != NULL) {
		buf_append(out, text, (size_t)(at - text));
		buf_puts(out, "/modules");
		text = at + strlen(dir);
	}
	buf_puts(out, text);
}

static void
check_good(const char *stem)
{
	struct buf yaml;
	struct buf got;
	struct buf again;
	struct buf portable;

	read_beside(stem, ".yaml", &yaml);
	load_and_dump(&yaml, stem, &got);
	(void)buf_cstr(&got);
	hide_module_dir(&got, &portable);
	compare_beside(stem, ".json", buf_cstr(&portable));
	load_and_dump(&got, stem, &again);
	ck_assert_str_eq(buf_cstr(&again), buf_cstr(&got));
	buf_fini(&yaml);
	buf_fini(&got);
	buf_fini(&again);
	buf_fini(&portable);
}

START_TEST(good_files_have_their_effect)
{
	ck_assert_int_ge(each_file(DIR_OF("good"), check_good), 10);
}
END_TEST

/* Hostile files: `part` again and again between two texts. */
static const struct {
	const char *before;
	const char *part; /* %d: a number that grows */
	const char *after;
	const char *complaint; /* part of the first; NULL: none */
} hostile[] = {
    {"", "[", "", "levels deep"},
    {"", "{a: ", "", "levels deep"},
    {"", "[\n", "", "levels deep"},
    {"", "{a:\n", "", "levels deep"},
    {"", "- ", "", "levels deep"},
    {"", "? ", "", "single word"},
    {"", "{", "", "single word"},
    {"", "[a: ", "", "levels deep"},
    {"", "[? ", "", "single word"},
    {"a: ", "[[[[[[[[[[[[[[],", "", "levels deep"},
    {"", "- &a%d x\n", "", "anchors"},
    {"[", "&a%d x,", "", "anchors"},
    {"a: &a [x]\nb: ", "[*a,*a,*a,*a,", "", "anchors"},
    {"", "- *a\n", "", "aliases"},
    {"", "- !!str x\n", "", "tags"},
    {"", "!", "", NULL},
    {"", "&", "", NULL},
    {"", "%%", "", NULL},
    {"", "%%a\n", "", NULL},
    {"", "---\n", "", "second document"},
    {"", "a: 1\n", "", NULL},
    {"", "k%d: 1\n", "", "unknown key"},
    {"plugins:\n", " k%d: {}\n", "", "what to run"},
    {"plugins:\n", " k%d: {comand: a}\n", "", "unknown key"},
    {"plugins:\n", " p%d: {command: a, type: aaaaaaaaaaaa}\n", "", "type"},
    {"plugins:\n", " p%d: {command: a}\n", "", NULL},
    {"plugins:\n", " p%d: {command: a, depends_on: [p%d, p0]}\n", "", "cycle"},
    {"plugins:\n", " p%d: {command: a, depends_on: [qqqqqqqqqqqqqq]}\n", "",
        "no plugin"},
    {"plugins:\n x: {command: a, depends_on: [", "d%d,", "]}", "more than 256"},
    {"plugins:\n x: {command: a, environment: {", "E%d: \"${HOME}\",", "}}\n",
        NULL},
    {"plugins:\n x: {module: a, config: {", "e%d: [[[[1]]]],", "}}\n",
        "more than 65536"},
    {"plugins:\n x: {module: a, config: {a: [", "1,", "]}}\n",
        "more than 65536"},
    {"plugins:\n",
        " x%d: {command: a, ready: {log: \"((((ab|c)*){9}){9}){2}x\"}}\n", "",
        "repeat too much"},
    {"plugins:\n",
        " x%d: {command: a, ready: {log: \"(((a*)*)*)*(((a*)*)*)*b\"}}\n", "",
        NULL},
    {"a: ", "x ", "", "unknown key"},
    {"a: \"", "x\\n", "", "not closed"},
    {"a: \"", "\n x", "", "not closed"},
    {"a: |\n ", "x", "", "unknown key"},
    {"a: |\n", "\n", "", "unknown key"},
    {"", "'", "", NULL},
    {"", "\"", "", NULL},
    {"", "\"a\": ", "", NULL},
    {"", "\t", "", "tab"},
    {"", ":", "", NULL},
    {"", ": ", "", NULL},
    {"[a", ",", "", NULL},
    {"[", "a,", "", NULL},
    {"", "[],", "", NULL},
    {"", "- a: ", "", "not allowed"},
    {"", "\xc2\x85", "", NULL},
    {"", "\xff", "", "invalid UTF-8"},
};

static char *
make_hostile(size_t i, size_t size)
{
	char *text = malloc(size + 256);
	size_t behind = strlen(hostile[i].after);
	size_t len = 0;
	int n = 0;

	ck_assert_ptr_nonnull(text);
	len += (size_t)sprintf(text, "%s", hostile[i].before);
	while (len < size - behind - 64) {
		char part[128];

		/* The table holds the format; at most two numbers. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		len += (size_t)sprintf(text + len, "%s",
		    (snprintf(part, sizeof(part), hostile[i].part, n, n + 1),
		        part));
#pragma GCC diagnostic pop
		n++;
	}
	sprintf(text + len, "%s", hostile[i].after);
	return text;
}

/* The promise is 100 ms; instrumented builds are several times slower. */
static double
allowed_ms(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 1500;
#elif defined(__OPTIMIZE__)
	return getenv("RUNNING_ON_VALGRIND") != NULL ? 20000 : 100;
#else
	return 500;
#endif
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

START_TEST(hostile_files_are_cheap)
{
	char *text = make_hostile((size_t)_i, CONFIG_FILE_MAX);
	const char *complaint = hostile[_i].complaint;
	struct config *c = NULL;
	struct conf_errors errs;
	double best = 1e9;

	/* The best of three: the machine may be busy with something else. */
	for (int k = 0; k < 3 && best > allowed_ms(); k++) {
		double start = now_ms();
		int err = conftest_load(text, strlen(text), &c, &errs);
		double took = now_ms() - start;

		best = took < best ? took : best;
		ck_assert_uint_le(errs.n, CONFIG_ERRORS_MAX);
		ck_assert_msg(complaint == NULL || err == -EINVAL, "%d", err);
		if (complaint != NULL)
			ck_assert_msg(strstr(errs.v[0].text, complaint) != NULL,
			    "%s: %s", hostile[_i].part, errs.v[0].text);
		conf_errors_fini(&errs);
		config_unref(c);
		c = NULL;
	}
	ck_assert_msg(best <= allowed_ms(), "%s%s: %.0f ms", hostile[_i].before,
	    hostile[_i].part, best);
	free(text);
}
END_TEST

START_TEST(size_is_bounded)
{
	char *text = malloc(CONFIG_FILE_MAX + 1);
	struct config *c = NULL;
	struct conf_errors errs;

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', CONFIG_FILE_MAX + 1);
	ck_assert_int_eq(conftest_load(text, CONFIG_FILE_MAX, &c, &errs), 0);
	config_unref(c);
	conf_errors_fini(&errs);
	c = NULL;
	ck_assert_int_eq(
	    conftest_load(text, CONFIG_FILE_MAX + 1, &c, &errs), -EINVAL);
	ck_assert_ptr_nonnull(strstr(errs.v[0].text, "larger than 256 KiB"));
	conf_errors_fini(&errs);
	free(text);
}
END_TEST

START_TEST(complaints_are_bounded_and_counted)
{
	struct config *c = NULL;
	struct conf_errors errs;
	struct buf text;
	struct buf out;

	buf_init(&text, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int i = 0; i < CONFIG_ERRORS_MAX + 50; i++)
		buf_printf(&text, "k%d: 1\n", i);
	ck_assert_int_eq(
	    conftest_load(buf_cstr(&text), text.len, &c, &errs), -EINVAL);
	ck_assert_uint_eq(errs.n, CONFIG_ERRORS_MAX);
	ck_assert_uint_eq(errs.dropped, 50);
	ck_assert_uint_eq(errs.nerrors, CONFIG_ERRORS_MAX + 50);
	conf_errors_print(&errs, &out);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\nand 50 more\n"));
	conf_errors_fini(&errs);
	buf_fini(&text);
	buf_fini(&out);
}
END_TEST

/* The table stands between two marks; the rest is written by hand. */
START_TEST(documents_are_fresh)
{
	static const char begin[] = "<!-- begin of the generated table -->\n";
	static const char end[] = "<!-- end of the generated table -->\n";
	const char *path = SOURCE("docs/CONFIG.md");
	struct buf file;
	struct buf fresh;
	const char *head;
	const char *tail;

	buf_init(&file, 1 << 20);
	buf_init(&fresh, 1 << 20);
	conftest_read(path, &file);
	head = strstr(buf_cstr(&file), begin);
	tail = strstr(buf_cstr(&file), end);
	ck_assert(head != NULL && tail != NULL);
	buf_append(&fresh, file.data,
	    (size_t)(head - buf_cstr(&file)) + sizeof(begin) - 1);
	config_put_docs(&fresh);
	buf_puts(&fresh, tail);
	compare(path, buf_cstr(&fresh));
	buf_fini(&file);
	buf_fini(&fresh);
}
END_TEST

START_TEST(json_schema_is_fresh)
{
	struct buf schema;

	buf_init(&schema, 1 << 20);
	config_put_json_schema(&schema);
	compare(SOURCE("config/plugind.schema.json"), buf_cstr(&schema));
	buf_fini(&schema);
}
END_TEST

static void
check_shipped(const char *path)
{
	struct config *c = NULL;
	struct conf_errors errs;
	struct buf yaml;

	buf_init(&yaml, 1 << 20);
	conftest_read(path, &yaml);
	ck_assert_int_eq(
	    conftest_load((char *)yaml.data, yaml.len, &c, &errs), 0);
	ck_assert_uint_eq(errs.n, 0);
	conf_errors_fini(&errs);
	config_unref(c);
	buf_fini(&yaml);
}

START_TEST(shipped_files_are_good)
{
	check_shipped(SOURCE("config/plugind.yaml"));
	check_shipped(SOURCE("config/demo/plugind.yaml"));
}
END_TEST

/* Every line of the shipped file, with its comment signs taken off. */
START_TEST(shipped_file_is_good_without_comment_signs)
{
	struct config *c = NULL;
	struct conf_errors errs;
	struct buf yaml;
	struct buf bare;

	buf_init(&yaml, 1 << 20);
	buf_init(&bare, 1 << 20);
	conftest_read(SOURCE("config/plugind.yaml"), &yaml);
	for (const char *line = buf_cstr(&yaml); *line != '\0';) {
		size_t len = strcspn(line, "\n") + 1;
		size_t skip =
		    line[0] == '#' && line[1] != '#' && line[1] != '\n' ? 1 : 0;

		buf_append(&bare, line + skip, len - skip);
		line += len;
	}
	ck_assert_msg(conftest_load(buf_cstr(&bare), bare.len, &c, &errs) == 0,
	    "%d:%d: %s", errs.v[0].loc.line, errs.v[0].loc.column,
	    errs.v[0].text);
	ck_assert_uint_ge(c->nplugins, 3);
	conf_errors_fini(&errs);
	config_unref(c);
	buf_fini(&yaml);
	buf_fini(&bare);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *files = tcase_create("files");
	TCase *cheap = tcase_create("hostile");

	tcase_set_timeout(files, 120);
	tcase_add_test(files, bad_files_are_refused_with_all_complaints);
	tcase_add_test(files, good_files_have_their_effect);
	tcase_add_test(files, size_is_bounded);
	tcase_add_test(files, complaints_are_bounded_and_counted);
	tcase_add_test(files, documents_are_fresh);
	tcase_add_test(files, json_schema_is_fresh);
	tcase_add_test(files, shipped_files_are_good);
	tcase_add_test(files, shipped_file_is_good_without_comment_signs);
	suite_add_tcase(suite, files);
	tcase_set_timeout(cheap, 120);
	tcase_add_loop_test(
	    cheap, hostile_files_are_cheap, 0, (int)COUNT(hostile));
	suite_add_tcase(suite, cheap);
	return unit_run(suite);
}
