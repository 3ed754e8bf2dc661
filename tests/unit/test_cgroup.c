/*
 * test_cgroup: groups and limits in a tree of plain files, and killing for
 * real where this machine has a writable cgroup v2 tree (root; else those
 * tests do nothing).
 */
#include "cgroup.h"

#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The directory of a daemon has the same name in each of its lives, so the
 * hash of its runtime directory must never change. */
static const char runtime_dir[] = "/run/plugind-test";
static const char tag[] = "plugind-40bc23701d4e0314";

static char own[128];

/* --- a tree of plain files --------------------------------------------- */

static void
make_dir(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", own, name);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void
put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", own, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static const char *
get_file(const char *name)
{
	static char text[256];
	char path[256];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", own, name);
	f = fopen(path, "r");
	ck_assert_msg(f, "there is no %s", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

static void
put_tag_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tag, name);
	put_file(path, text);
}

static const char *
get_tag_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tag, name);
	return get_file(path);
}

static void
setup(void)
{
	char text[32];

	loop_setup();
	snprintf(own, sizeof(own), "%s/own", scratch);
	ck_assert_int_eq(mkdir(own, 0755), 0);
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	put_file("cgroup.procs", text);
	put_file("cgroup.type", "domain\n");
	put_file("cgroup.controllers", "cpuset cpu io memory pids\n");
	put_file("cgroup.subtree_control", "");
	make_dir("supervisor");
	put_file("supervisor/cgroup.procs", "");
	make_dir(tag);
	put_tag_file("cgroup.procs", "");
	put_tag_file("cgroup.kill", "");
	put_tag_file("cgroup.events", "populated 0\n");
	put_tag_file("cgroup.subtree_control", "");
}

static void
teardown(void)
{
	loop_teardown();
}

/* The files that the kernel would make in a new group. */
static void
make_group(const char *name)
{
	static const char *const files[] = {"cgroup.kill", "cgroup.procs",
	    "memory.max", "memory.oom.group", "cpu.max", "pids.max"};
	char path[128];

	ck_assert_int_eq(cgroup_create(name), 0);
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		put_tag_file(path, "");
	}
}

/* --- which layer ------------------------------------------------------- */

START_TEST(test_full)
{
	char text[256];

	ck_assert_int_eq(cgroup_init(runtime_dir, own), CGROUP_FULL);
	ck_assert_int_eq(cgroup_get_layer(), CGROUP_FULL);
	ck_assert(cgroup_has("memory") && cgroup_has("cpu"));
	ck_assert(cgroup_has("pids") && !cgroup_has("io"));
	snprintf(text, sizeof(text), "%s/%s", own, tag);
	ck_assert_str_eq(cgroup_root(), text);
	/* We were alone there, and have left it for the leaf. */
	snprintf(text, sizeof(text), "%d", (int)getpid());
	ck_assert_str_eq(get_file("supervisor/cgroup.procs"), text);
	ck_assert_str_eq(get_tag_file("cgroup.subtree_control"), "+pids");
}
END_TEST

/* clang-format off */
static const struct {
	const char *name;
	const char *file; /* of the own group, and what it holds */
	const char *text;
	const char *missing; /* ...or a file that is not there */
	enum cgroup_layer want;
} layer_cases[] = {
	{"others live here", "cgroup.procs", "1\n2\n", NULL, CGROUP_KILL},
	{"no controllers", "cgroup.controllers", "hugetlb\n", NULL, CGROUP_KILL},
	{"similar names", "cgroup.controllers", "cpuset pids2\n", NULL,
	    CGROUP_KILL},
	{"one controller", "cgroup.controllers", "pids\n", NULL, CGROUP_FULL},
	{"the top group", NULL, NULL, "cgroup.type", CGROUP_FULL},
	{"no control", NULL, NULL, "cgroup.subtree_control", CGROUP_KILL},
	{"not a cgroup", NULL, NULL, "cgroup.procs", CGROUP_NONE},
	{"nobody lives here", "cgroup.procs", "", NULL, CGROUP_FULL},
};
/* clang-format on */

START_TEST(test_layer)
{
	char path[256];

	if (layer_cases[_i].file)
		put_file(layer_cases[_i].file, layer_cases[_i].text);
	if (layer_cases[_i].missing) {
		snprintf(
		    path, sizeof(path), "%s/%s", own, layer_cases[_i].missing);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(cgroup_init(runtime_dir, own), layer_cases[_i].want);
	if (layer_cases[_i].want != CGROUP_FULL)
		ck_assert_str_eq(get_file("supervisor/cgroup.procs"), "");
}
END_TEST

START_TEST(test_no_tree)
{
	char path[64];

	ck_assert_int_eq(cgroup_init(runtime_dir, "/nonexistent"), CGROUP_NONE);
	ck_assert_ptr_null(cgroup_root());
	ck_assert(!cgroup_has("memory"));
	ck_assert_int_eq(cgroup_create("w"), -ENOENT);
	ck_assert_int_eq(cgroup_kill("w"), -ENOENT);
	ck_assert_int_eq(cgroup_remove("w"), -ENOENT);
	ck_assert(!cgroup_populated("w"));
	ck_assert(!cgroup_contains_pid(getpid()));
	ck_assert_ptr_null(cgroup_procs_path("w", path, sizeof(path)));
	cgroup_fini();
}
END_TEST

/* --- what is written --------------------------------------------------- */

/* clang-format off */
static const struct {
	struct cgroup_limits limits;
	const char *memory, *cpu, *pids;
} limit_cases[] = {
	{{-1, -1, -1}, "max", "max 100000", "max"},
	{{64 << 20, 50000, 10}, "67108864", "50000 100000", "10"},
	{{0, 400000, 0}, "0", "400000 100000", "0"},
	{{-1, 100, -1}, "max", "1000 100000", "max"},
	{{INT64_MAX, 100000, INT64_MAX}, "9223372036854775807",
	    "100000 100000", "9223372036854775807"},
};
/* clang-format on */

START_TEST(test_limits)
{
	ck_assert_int_eq(cgroup_init(runtime_dir, own), CGROUP_FULL);
	make_group("worker:2");
	ck_assert_int_eq(cgroup_limit("worker:2", &limit_cases[_i].limits), 0);
	ck_assert_str_eq(
	    get_tag_file("worker:2/memory.max"), limit_cases[_i].memory);
	ck_assert_str_eq(get_tag_file("worker:2/memory.oom.group"), "1");
	ck_assert_str_eq(get_tag_file("worker:2/cpu.max"), limit_cases[_i].cpu);
	ck_assert_str_eq(
	    get_tag_file("worker:2/pids.max"), limit_cases[_i].pids);
}
END_TEST

/* Only what is enabled is set; the rest is no error. */
START_TEST(test_limits_of_layer)
{
	const struct cgroup_limits limits = {1, 1, 1};

	put_file("cgroup.procs", "1\n2\n");
	ck_assert_int_eq(cgroup_init(runtime_dir, own), CGROUP_KILL);
	make_group("w");
	ck_assert_int_eq(cgroup_limit("w", &limits), 0);
	ck_assert_str_eq(get_tag_file("w/memory.max"), "");
}
END_TEST

START_TEST(test_limit_refused)
{
	const struct cgroup_limits limits = {1, 1, 1};

	ck_assert_int_eq(cgroup_init(runtime_dir, own), CGROUP_FULL);
	ck_assert_int_eq(cgroup_create("w"), 0);
	put_tag_file("w/pids.max", "");
	ck_assert_int_eq(cgroup_limit("w", &limits), -ENOENT);
	ck_assert_str_eq(get_tag_file("w/pids.max"), "1");
}
END_TEST

START_TEST(test_group_files)
{
	char path[256];
	char want[256];

	ck_assert_int_eq(cgroup_init(runtime_dir, own), CGROUP_FULL);
	make_group("w");
	ck_assert_int_eq(cgroup_create("w"), 0);
	put_tag_file("w/cgroup.events", "populated 1\nfrozen 0\n");
	put_tag_file("w/memory.events",
	    "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n");
	ck_assert(cgroup_populated("w"));
	ck_assert_uint_eq(cgroup_oom_kills("w"), 2);
	ck_assert_uint_eq(cgroup_oom_kills("nobody"), 0);
	ck_assert_int_eq(cgroup_kill("w"), 0);
	ck_assert_str_eq(get_tag_file("w/cgroup.kill"), "1");
	ck_assert_int_eq(cgroup_kill("nobody"), -ENOENT);
	ck_assert_int_eq(cgroup_remove("nobody"), -ENOENT);
	snprintf(want, sizeof(want), "%s/%s/w/cgroup.procs", own, tag);
	ck_assert_str_eq(cgroup_procs_path("w", path, sizeof(path)), want);
	ck_assert_ptr_null(cgroup_procs_path("w", path, strlen(want)));
	ck_assert_ptr_nonnull(cgroup_procs_path("w", path, strlen(want) + 1));
}
END_TEST

static const char *const bad_names[] = {"", ".", "..", "../x", "a/b", "/"};

START_TEST(test_bad_name)
{
	char path[256];

	ck_assert_int_eq(cgroup_init(runtime_dir, own), CGROUP_FULL);
	ck_assert_int_eq(cgroup_create(bad_names[_i]), -EINVAL);
	ck_assert_int_eq(cgroup_kill(bad_names[_i]), -EINVAL);
	ck_assert_int_eq(cgroup_remove(bad_names[_i]), -EINVAL);
	ck_assert_ptr_null(
	    cgroup_procs_path(bad_names[_i], path, sizeof(path)));
}
END_TEST

/* --- the real tree ----------------------------------------------------- */

static char real_dir[64];

static bool
init_real(void)
{
	int64_t start_ms = clock_mono_ms();
	bool there;

	snprintf(
	    real_dir, sizeof(real_dir), "/run/plugind-test-%d", (int)getpid());
	there = cgroup_init(real_dir, NULL) != CGROUP_NONE;
	ck_assert_int_lt(clock_mono_ms() - start_ms, 5000);
	return there;
}

static void
join(const char *procs, pid_t pid)
{
	int fd = open(procs, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "%d", (int)pid), 0);
	close(fd);
}

/* A process of the group "w" that ignores TERM and does nothing. */
static pid_t
start_member(void)
{
	char procs[256];
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	ck_assert_ptr_nonnull(cgroup_procs_path("w", procs, sizeof(procs)));
	join(procs, pid);
	return pid;
}

static bool
is_empty(void *arg)
{
	return !cgroup_populated(arg);
}

START_TEST(test_real_kill)
{
	static char name[] = "w";
	char path[256];
	pid_t pid;
	int status;

	if (!init_real())
		return;
	ck_assert_int_eq(cgroup_create(name), 0);
	ck_assert_int_eq(cgroup_create(name), 0);
	ck_assert(!cgroup_populated(name));
	pid = start_member();
	ck_assert(cgroup_populated(name));
	ck_assert(cgroup_contains_pid(pid));
	ck_assert(!cgroup_contains_pid(getpid()));
	ck_assert(!cgroup_contains_pid(1));
	ck_assert(!cgroup_contains_pid(0x7ffffff0));
	ck_assert_int_eq(cgroup_remove(name), -EBUSY);
	/* A group of its own making goes with it. */
	snprintf(path, sizeof(path), "%s/w/inner", cgroup_root());
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(cgroup_kill(name), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	loop_until(is_empty, name);
	ck_assert_int_eq(cgroup_remove(name), 0);
	ck_assert_int_eq(cgroup_remove(name), -ENOENT);
	snprintf(path, sizeof(path), "%s", cgroup_root());
	cgroup_fini();
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* The next life ends what this one leaves. */
START_TEST(test_real_leftovers)
{
	char path[256];
	pid_t pid;
	int status;

	if (!init_real())
		return;
	ck_assert_int_eq(cgroup_create("w"), 0);
	ck_assert_int_eq(cgroup_create("empty"), 0);
	pid = start_member();
	snprintf(path, sizeof(path), "%s/w", cgroup_root());
	ck_assert_int_ne(cgroup_init(real_dir, NULL), CGROUP_NONE);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	cgroup_fini();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cgroup");
	TCase *tc = tcase_create("cgroup");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_full);
	tcase_add_loop_test(tc, test_layer, 0, COUNT(layer_cases));
	tcase_add_test(tc, test_no_tree);
	tcase_add_loop_test(tc, test_limits, 0, COUNT(limit_cases));
	tcase_add_test(tc, test_limits_of_layer);
	tcase_add_test(tc, test_limit_refused);
	tcase_add_test(tc, test_group_files);
	tcase_add_loop_test(tc, test_bad_name, 0, COUNT(bad_names));
	tcase_add_test(tc, test_real_kill);
	tcase_add_test(tc, test_real_leftovers);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
