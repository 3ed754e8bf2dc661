/*
 * test_confload: the way from files on a disk to a configuration: which
 * files, in which order, under whose hands; and what pluginctl keeps.
 *
 * Each test has a directory of its own below /tmp.
 */
#include "conftest.h"

#include "supervisor/core/conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static struct config_host host;
static struct config *config;
static struct conf_errors errs;
static struct buf said;

static const char *variables[8][2];

static const char *
get_variable(const char *name)
{
	for (size_t i = 0; i < COUNT(variables); i++)
		if (variables[i][0] != NULL &&
		    strcmp(variables[i][0], name) == 0)
			return variables[i][1];
	return NULL;
}

static void
set_variable(const char *name, const char *value)
{
	size_t i = 0;

	while (variables[i][0] != NULL)
		i++;
	variables[i][0] = name;
	variables[i][1] = value;
}

static void
setup(void)
{
	strcpy(root, "/tmp/plugind-confload.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
	ck_assert_int_eq(mkdir("plugins.d", 0755), 0);
	memset(variables, 0, sizeof(variables));
	host =
	    (struct config_host){.uid = 1000, .gid = 1000, .env = get_variable};
	buf_init(&said, 1 << 20);
	config = NULL;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
teardown(void)
{
	config_unref(config);
	conf_errors_fini(&errs);
	buf_fini(&said);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

/* Loads and keeps what was said, as text. */
static int
load(const struct config_source *src)
{
	int err;

	config_unref(config);
	config = NULL;
	conf_errors_fini(&errs);
	buf_reset(&said);
	err = load_files(src, &host, &config, &errs);
	conf_errors_print(&errs, &said);
	ck_assert_int_eq(err == 0, config != NULL);
	return err;
}

static int
load_main(void)
{
	struct config_source src = {.path = "main.yaml"};

	return load(&src);
}

#define SAID(part)                                           \
	ck_assert_msg(strstr(buf_cstr(&said), part) != NULL, \
	    "not said: %s\n%s", part, buf_cstr(&said))
#define SILENT() ck_assert_str_eq(buf_cstr(&said), "")

START_TEST(no_file_is_told_apart)
{
	ck_assert_int_eq(load_main(), -ENOENT);
	ck_assert_str_eq(buf_cstr(&said),
	    "main.yaml: there is no such file: write one, or name another by "
	    "--config FILE or in $PLUGIND_CONFIG\n");
}
END_TEST

START_TEST(files_are_searched_in_order)
{
	struct config_source src = {0};

	/* Nothing but the system's place is left. */
	ck_assert_int_eq(load(&src), -ENOENT);
	SAID("/etc/plugind/plugind.yaml: there is no such file");
	set_variable("HOME", "/nowhere/home");
	ck_assert_int_eq(load(&src), -ENOENT);
	SAID("/nowhere/home/.config/plugind/plugind.yaml: there is no");
	set_variable("XDG_CONFIG_HOME", "/nowhere/xdg");
	ck_assert_int_eq(load(&src), -ENOENT);
	SAID("/nowhere/xdg/plugind/plugind.yaml: there is no");
	host.uid = 0;
	ck_assert_int_eq(load(&src), -ENOENT);
	SAID("/etc/plugind/plugind.yaml: there is no");
	host.uid = 1000;
	set_variable("PLUGIND_CONFIG", "given.yaml");
	ck_assert_int_eq(load(&src), -ENOENT);
	SAID("given.yaml: there is no");
	put("given.yaml", "");
	ck_assert_int_eq(load(&src), 0);
	SILENT();
	src.path = "other.yaml";
	ck_assert_int_eq(load(&src), -ENOENT);
	SAID("other.yaml: there is no");
}
END_TEST

START_TEST(directories_follow_user_file_and_command_line)
{
	struct config_source src = {.path = "main.yaml"};
	char path[128];

	put("main.yaml", "");
	ck_assert_int_eq(load(&src), 0);
	ck_assert_str_eq(config->runtime_dir, "/tmp/plugind-1000");
	ck_assert_str_eq(config->state_dir, "/tmp/plugind-1000/state");
	set_variable("HOME", "/home/op");
	set_variable("XDG_RUNTIME_DIR", "/run/user/7");
	ck_assert_int_eq(load(&src), 0);
	ck_assert_str_eq(config->runtime_dir, "/run/user/7/plugind");
	ck_assert_str_eq(config->state_dir, "/home/op/.local/state/plugind");
	set_variable("XDG_STATE_HOME", "/st");
	ck_assert_int_eq(load(&src), 0);
	ck_assert_str_eq(config->state_dir, "/st/plugind");
	host.uid = 0;
	ck_assert_int_eq(load(&src), 0);
	ck_assert_str_eq(config->runtime_dir, "/run/plugind");
	ck_assert_str_eq(config->state_dir, "/var/lib/plugind");
	put("main.yaml", "runtime_dir: r\nstate_dir: /s\n");
	ck_assert_int_eq(load(&src), 0);
	snprintf(path, sizeof(path), "%s/r", root);
	ck_assert_str_eq(config->runtime_dir, path);
	ck_assert_str_eq(config->state_dir, "/s");
	src.runtime_dir = "/cli";
	src.state_dir = "here/$x";
	ck_assert_int_eq(load(&src), 0);
	ck_assert_str_eq(config->runtime_dir, "/cli");
	snprintf(path, sizeof(path), "%s/here/$x", root);
	ck_assert_str_eq(config->state_dir, path);
	snprintf(path, sizeof(path), "%s/main.yaml", root);
	ck_assert_str_eq(config->path, path);
}
END_TEST

START_TEST(long_and_empty_directories_are_refused)
{
	static const char longest[] = "/2345678901234567890123456789012345678"
	                              "90123456789012345678901";
	struct config_source src = {
	    .path = "main.yaml", .runtime_dir = longest};

	put("main.yaml", "");
	ck_assert_int_eq(load(&src), -EINVAL);
	SAID("command line: runtime_dir: \"/234567890");
	src.runtime_dir = "";
	ck_assert_int_eq(load(&src), -EINVAL);
	SAID("command line: runtime_dir: expected a directory");
	src.runtime_dir = longest + 1;
	ck_assert_int_eq(load(&src), -EINVAL);
	SAID("is longer than 60 bytes");
	/* What the command line says instead does not count in the file. */
	put("main.yaml", "runtime_dir: /234567890123456789012345678901234567"
	                 "890123456789012345678901\n");
	src.runtime_dir = "/short";
	ck_assert_int_eq(load(&src), 0);
	src.runtime_dir = NULL;
	ck_assert_int_eq(load(&src), -EINVAL);
	SAID("main.yaml:1:14: runtime_dir:");
	put("main.yaml", "");
	set_variable("XDG_RUNTIME_DIR", longest);
	ck_assert_int_eq(load(&src), -EINVAL);
	SAID("default: runtime_dir:");
}
END_TEST

START_TEST(log_level_has_three_voices)
{
	struct config_source src = {.path = "main.yaml"};

	put("main.yaml", "log: {level: error}\n");
	ck_assert_int_eq(load(&src), 0);
	ck_assert_int_eq(config->log.level, LOG_ERROR);
	set_variable("LOG_LEVEL", "");
	ck_assert_int_eq(load(&src), 0);
	ck_assert_int_eq(config->log.level, LOG_ERROR);
	variables[0][1] = "WARNING";
	ck_assert_int_eq(load(&src), 0);
	ck_assert_int_eq(config->log.level, LOG_WARN);
	SILENT();
	src.log_level = "debug";
	ck_assert_int_eq(load(&src), 0);
	ck_assert_int_eq(config->log.level, LOG_DEBUG);
	src.log_level = "debugg";
	ck_assert_int_eq(load(&src), -EINVAL);
	SAID("command line: level: expected error, warn, info or debug, not "
	     "\"debugg\" (did you mean debug?)");
	src.log_level = NULL;
	variables[0][1] = "5-and-a-very-long-text";
	ck_assert_int_eq(load(&src), 0);
	ck_assert_int_eq(config->log.level, LOG_ERROR);
	SAID("environment: warning: LOG_LEVEL: ");
}
END_TEST

START_TEST(dropins_are_read_in_byte_order)
{
	put("main.yaml", "defaults: {stop: {timeout: 1s}}\n"
	                 "plugins: {m: {command: [./m]}}\n");
	put("plugins.d/20-b.yaml", "plugins: {b: {command: [./b]}}\n");
	put("plugins.d/10-a.yaml",
	    "plugins: {a: {command: [a], depends_on: [b, m]}}\n");
	put("plugins.d/30-empty.yaml", "# nothing\n");
	put("plugins.d/.hidden.yaml", "nonsense");
	put("plugins.d/notes.txt", "nonsense");
	put("plugins.d/.yaml", "nonsense");
	ck_assert_int_eq(load_main(), 0);
	SILENT();
	ck_assert_uint_eq(config->nplugins, 3);
	ck_assert_str_eq(config->plugins[0]->name, "a");
	ck_assert_str_eq(config->plugins[0]->loc.file, "plugins.d/10-a.yaml");
	ck_assert_int_eq(config->plugins[1]->stop.timeout_ms, 1000);
	/* Paths are as seen from the file they stand in. */
	ck_assert_ptr_nonnull(
	    strstr(config->plugins[1]->command.v[0], "/plugins.d/b"));
	ck_assert_ptr_null(
	    strstr(config->plugins[2]->command.v[0], "plugins.d"));
	ck_assert_ptr_eq(config_find(config, "m"), config->plugins[2]);
	ck_assert_ptr_null(config_find(config, "n"));
}
END_TEST

START_TEST(all_files_speak_in_one_run)
{
	put("main.yaml", "x: 1\nplugins: {m: {command: [a]}}\n");
	put("plugins.d/1.yaml", "log: {}\nplugins: {m: {command: [b]}}\n");
	put("plugins.d/2.yaml", "plugins: [\n");
	put("plugins.d/3.yaml", "- list\n");
	put("plugins.d/4.yaml",
	    "plugins: {n: {command: [a], depends_on: [q]}}");
	ck_assert_int_eq(load_main(), -EINVAL);
	/* q may stand in the file that could not be read. */
	ck_assert_str_eq(buf_cstr(&said),
	    "main.yaml:1:1: unknown key \"x\": known here are runtime_dir, "
	    "state_dir, log, module_path, autoload, bus, defaults, plugins\n"
	    "plugins.d/1.yaml:1:1: \"log\" belongs in the main file: a file "
	    "in plugins.d holds plugins: only\n"
	    "plugins.d/1.yaml:2:11: plugin m is already defined at "
	    "main.yaml:2:11\n"
	    "plugins.d/2.yaml:2:1: did not find expected node content (while "
	    "parsing a flow node of line 2)\n"
	    "plugins.d/3.yaml:1:1: the file: expected keys and values, not a "
	    "list\n");
}
END_TEST

START_TEST(other_files_than_files_are_refused)
{
	put("main.yaml", "");
	ck_assert_int_eq(mkdir("plugins.d/dir.yaml", 0755), 0);
	ck_assert_int_eq(mkfifo("plugins.d/fifo.yaml", 0644), 0);
	ck_assert_int_eq(symlink("nowhere", "plugins.d/gone.yaml"), 0);
	ck_assert_int_eq(symlink("loop.yaml", "plugins.d/loop.yaml"), 0);
	ck_assert_int_eq(load_main(), -EINVAL);
	ck_assert_str_eq(buf_cstr(&said),
	    "plugins.d/dir.yaml: not a regular file\n"
	    "plugins.d/fifo.yaml: not a regular file\n"
	    "plugins.d/loop.yaml: cannot be read: Too many levels of symbolic "
	    "links\n");
	ck_assert_int_eq(rename("plugins.d", "elsewhere"), 0);
	ck_assert_int_eq(load_main(), 0);
	put("plugins.d", "a file");
	ck_assert_int_eq(load_main(), -EINVAL);
	SAID("plugins.d: cannot be read: Not a directory");
	ck_assert_int_eq(mkdir("d", 0755), 0);
	ck_assert_int_eq(load(&(struct config_source){.path = "./d"}), -EINVAL);
	SAID("./d: not a regular file\n");
}
END_TEST

START_TEST(number_of_files_is_bounded)
{
	char path[64];

	put("main.yaml", "");
	for (int i = 0; i <= CONFIG_FILES_MAX; i++) {
		snprintf(path, sizeof(path), "plugins.d/%04d.yaml", i);
		put(path, "");
	}
	ck_assert_int_eq(load_main(), -EINVAL);
	ck_assert_str_eq(buf_cstr(&said), "plugins.d: more than 1024 files\n");
}
END_TEST

START_TEST(number_of_plugins_is_bounded)
{
	FILE *f = fopen("main.yaml", "we");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "plugins:\n");
	for (int i = 0; i <= CONFIG_PLUGINS_MAX; i++)
		fprintf(f, " p%d: {command: [a]}\n", i);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(load_main(), -EINVAL);
	ck_assert_str_eq(
	    buf_cstr(&said), "main.yaml:4098:2: more than 4096 plugins\n");
}
END_TEST

START_TEST(root_trusts_no_open_file)
{
	put("main.yaml", "");
	put("plugins.d/a.yaml", "");
	host.uid = 0;
	ck_assert_int_eq(load_main(), 0);
	ck_assert_int_eq(chmod("main.yaml", 0646), 0);
	ck_assert_int_eq(load_main(), -EINVAL);
	SAID("main.yaml: anyone may write to this file, so root does not use "
	     "it: chmod o-w\n");
	host.uid = 1000;
	ck_assert_int_eq(load_main(), 0);
	host.uid = 0;
	ck_assert_int_eq(chmod("main.yaml", 0644), 0);
	ck_assert_int_eq(chmod("plugins.d/a.yaml", 0666), 0);
	ck_assert_int_eq(load_main(), -EINVAL);
	SAID("plugins.d/a.yaml: anyone may write to this file");
	ck_assert_int_eq(chmod("plugins.d/a.yaml", 0644), 0);
	ck_assert_int_eq(chmod("plugins.d", 0777), 0);
	ck_assert_int_eq(load_main(), -EINVAL);
	SAID("plugins.d: anyone may write to this directory");
	ck_assert_int_eq(chmod("plugins.d", 0755), 0);
	ck_assert_int_eq(chmod(".", 0757), 0);
	ck_assert_int_eq(load_main(), -EINVAL);
	SAID("main.yaml: anyone may write to /tmp/plugind-confload.");
	ck_assert_int_eq(chmod(".", 0700), 0);
}
END_TEST

START_TEST(root_is_warned_of_the_files_of_others)
{
	put("main.yaml", "");
	host.uid = 0;
	if (geteuid() != 0) {
		ck_assert_int_eq(load_main(), 0);
		SAID("who can run programs as root by it");
		return;
	}
	ck_assert_int_eq(chown("main.yaml", 65534, 65534), 0);
	ck_assert_int_eq(load_main(), 0);
	SAID("main.yaml: warning: this file belongs to user 65534, who can "
	     "run programs as root by it\n");
	ck_assert_int_eq(chown("main.yaml", 0, 65534), 0);
	ck_assert_int_eq(chmod("main.yaml", 0664), 0);
	ck_assert_int_eq(load_main(), 0);
	SAID("main.yaml: warning: group 65534 may write to this file and run "
	     "programs as root by it\n");
}
END_TEST

START_TEST(users_are_looked_up)
{
	host.look = true;
	put("main.yaml",
	    "plugins:\n"
	    "  a: {command: [/bin/sh], user: root, group: root}\n"
	    "  b: {command: [/bin/sh], user: root}\n"
	    "  c: {command: [/bin/sh], user: no-such-user, group: no-group}\n"
	    "  d: {command: [/bin/sh]}\n");
	ck_assert_int_eq(load_main(), -EINVAL);
	ck_assert_str_eq(buf_cstr(&said),
	    "main.yaml:2:33: warning: user: the daemon is not root and cannot "
	    "become \"root\"\n"
	    "main.yaml:2:46: warning: group: the daemon is not root and "
	    "cannot join \"root\"\n"
	    "main.yaml:3:33: warning: user: the daemon is not root and cannot "
	    "become \"root\"\n"
	    "main.yaml:4:33: user: there is no user \"no-such-user\" on this "
	    "machine\n"
	    "main.yaml:4:54: group: there is no group \"no-group\" on this "
	    "machine\n");
}
END_TEST

START_TEST(running_as_root_is_summed_up)
{
	host.look = true;
	host.uid = 0;
	put("main.yaml", "plugins:\n"
	                 "  a: {command: [/bin/sh]}\n"
	                 "  b: {command: [/bin/sh], user: root}\n"
	                 "  c: {command: [/bin/sh]}\n");
	ck_assert_int_eq(load_main(), 0);
	SAID("main.yaml:2:3: warning: plugins without a user: run as root: a, "
	     "c (2 in all)\n");
	put("main.yaml",
	    "plugins:\n"
	    "  a1: {command: [/bin/sh]}\n  a2: {command: [/bin/sh]}\n"
	    "  a3: {command: [/bin/sh]}\n  a4: {command: [/bin/sh]}\n"
	    "  a5: {command: [/bin/sh]}\n  a6: {command: [/bin/sh]}\n"
	    "  a7: {command: [/bin/sh]}\n  a8: {command: [/bin/sh]}\n"
	    "  a9: {command: [/bin/sh]}\n");
	ck_assert_int_eq(load_main(), 0);
	SAID("a7, a8, ... (9 in all)\n");
}
END_TEST

START_TEST(programs_and_modules_are_looked_for)
{
	host.look = true;
	set_variable("PATH", "/nowhere::bin:/usr/bin");
	ck_assert_int_eq(mkdir("bin", 0755), 0);
	put("bin/here", "");
	ck_assert_int_eq(chmod("bin/here", 0755), 0);
	put("mod.so", "");
	put("main.yaml", "module_path: [/nowhere, .]\n"
	                 "plugins:\n"
	                 "  a: {command: [here]}\n"
	                 "  b: {command: [here]}\n"
	                 "  c: {exec: no-such-program}\n"
	                 "  d: {exec: [./bin/here]}\n"
	                 "  e: {command: [./main.yaml]}\n"
	                 "  f: {command: [./bin]}\n"
	                 "  g: {module: mod.so}\n"
	                 "  h: {module: ./mod.so}\n"
	                 "  i: {module: other.so}\n"
	                 "  j: {module: ./other.so}\n"
	                 "  k: {command: [/dev/null]}\n");
	ck_assert_int_eq(load_main(), 0);
	SAID("main.yaml:5:13: warning: exec: there is no program "
	     "\"no-such-program\" in PATH\n"
	     "main.yaml:7:17: warning: command: \"/tmp/plugind-confload.");
	SAID("/main.yaml\" cannot be run: Permission denied\n"
	     "main.yaml:8:17: warning: command: \"/tmp/");
	SAID("/bin\" cannot be run: Is a directory\n"
	     "main.yaml:11:15: warning: module: there is no \"other.so\" in "
	     "module_path\n"
	     "main.yaml:12:15: warning: module: there is no \"/tmp/");
	SAID("main.yaml:13:17: warning: command: \"/dev/null\" cannot be run");
	ck_assert_uint_eq(errs.n, 6);
	memset(variables, 0, sizeof(variables));
	put("main.yaml", "plugins: {a: {command: [sh]}}\n");
	ck_assert_int_eq(load_main(), 0);
	SILENT();
	ck_assert_str_eq(config->module_path.v[0], load_module_dir());
}
END_TEST

/* Of a program in BUILD/supervisor/core the modules are in BUILD/plugins;
 * this one is not there. */
START_TEST(this_machine_will_do)
{
	struct config_source src = {.path = "main.yaml"};

	put("main.yaml", "plugins: {a: {command: [sh], user: root}}\n");
	ck_assert_int_eq(config_load(&src, &config, &errs), 0);
	ck_assert_uint_eq(config->nplugins, 1);
	ck_assert_uint_eq(config->module_path.n, 1);
	ck_assert_ptr_eq(config_ref(config), config);
	config_unref(config);
	ck_assert_str_eq(plugin_conf_argv(config->plugins[0])->v[0], "sh");
}
END_TEST

#define OVERRIDE "plugins.d/" CONFFILE_OVERRIDE

START_TEST(overrides_are_written_and_read)
{
	struct buf text;

	put("main.yaml", "plugins:\n"
	                 "  a: {command: [a]}\n"
	                 "  b: {command: [b], enabled: false, instances: 2}\n");
	ck_assert_int_eq(rmdir("plugins.d"), 0);
	ck_assert_int_eq(load_main(), 0);
	ck_assert_int_eq(config_override(config, "a", 0, -1), 0);
	ck_assert_int_eq(config_override(config, "b", 1, 7), 0);
	ck_assert_int_eq(config_override(config, "a", -1, 3), 0);
	ck_assert_int_eq(config_override(config, "b", 0, -1), 0);
	ck_assert_int_eq(config_override(config, "a", -1, -1), 0);
	buf_init(&text, 1 << 16);
	conftest_read(OVERRIDE, &text);
	ck_assert_str_eq(strstr(buf_cstr(&text), "plugins:"),
	    "plugins:\n"
	    "  a:\n    enabled: false\n    instances: 3\n"
	    "  b:\n    enabled: false\n    instances: 7\n");
	buf_fini(&text);
	ck_assert_int_eq(load_main(), 0);
	SILENT();
	ck_assert(!config->plugins[0]->enabled);
	ck_assert_int_eq(config->plugins[0]->instances, 3);
	ck_assert_int_eq(config->plugins[1]->instances, 7);
}
END_TEST

START_TEST(overrides_are_checked_too)
{
	put("main.yaml", "plugins: {a: {command: [a]}}\n");
	put(OVERRIDE, "log: {}\n"
	              "plugins:\n"
	              "  a: {enabled: no, user: root, instances: 0}\n"
	              "  gone: {enabled: true}\n"
	              "  odd: 3\n");
	ck_assert_int_eq(load_main(), -EINVAL);
	ck_assert_str_eq(buf_cstr(&said),
	    OVERRIDE ":1:1: this file belongs to pluginctl and holds plugins: "
	             "only\n" OVERRIDE
	             ":3:16: enabled: expected true or false (write false), "
	             "not \"no\"\n" OVERRIDE
	             ":3:20: unknown key \"user\": known here are enabled, "
	             "instances\n" OVERRIDE
	             ":3:43: instances: \"0\" is out of range: 1 to "
	             "10000\n" OVERRIDE
	             ":4:3: warning: no other file has a plugin \"gone\": "
	             "remove this entry\n" OVERRIDE
	             ":5:8: odd: expected a map such as {enabled: false}, not "
	             "\"3\"\n");
	put(OVERRIDE, "plugins: [a]\n");
	ck_assert_int_eq(load_main(), -EINVAL);
	SAID("expected a map from names to plugins, not a list");
	put(OVERRIDE, "plugins:\n");
	ck_assert_int_eq(load_main(), 0);
	put(OVERRIDE, "");
	ck_assert_int_eq(load_main(), 0);
	put(OVERRIDE, "plugins: {gone: {enabled: false}}\n");
	ck_assert_int_eq(load_main(), 0);
	SAID("warning: no other file has a plugin \"gone\"");
}
END_TEST

START_TEST(overrides_leave_strange_files_alone)
{
	static const char *const strange[] = {
	    "plugins: {a: {user: x}}\n",
	    "plugins: {a: {enabled: maybe}}\n",
	    "plugins: {a: {enabled: [1]}}\n",
	    "plugins: {a: {instances: [1]}}\n",
	    "plugins: {a: {instances: x}}\n",
	    "plugins: {A: {enabled: true}}\n",
	    "plugins: {a: {enabled: true}, a: {enabled: false}}\n",
	    "plugins: {}\nlog: {}\n",
	    "log: {}\n",
	    "plugins: [\n",
	};
	struct buf text;

	put("main.yaml", "plugins: {a: {command: [a]}}\n");
	ck_assert_int_eq(load_main(), 0);
	for (size_t i = 0; i < COUNT(strange); i++) {
		put(OVERRIDE, strange[i]);
		ck_assert_int_eq(config_override(config, "a", 1, -1), -EINVAL);
		buf_init(&text, 1 << 16);
		conftest_read(OVERRIDE, &text);
		ck_assert_str_eq(buf_cstr(&text), strange[i]);
		buf_fini(&text);
	}
	put(OVERRIDE, "# empty\n");
	ck_assert_int_eq(config_override(config, "a", 1, -1), 0);
	put(OVERRIDE, "plugins:\n");
	ck_assert_int_eq(config_override(config, "a", 1, -1), 0);
}
END_TEST

START_TEST(overrides_that_cannot_be_are_refused)
{
	struct config relative = {.path = root};

	put("main.yaml", "");
	ck_assert_int_eq(load_main(), 0);
	ck_assert_int_eq(config_override(config, "Bad", 1, -1), -EINVAL);
	ck_assert_int_eq(config_override(config, "a", 1, 0), -EINVAL);
	ck_assert_int_eq(config_override(config, "a", 1, 10001), -EINVAL);
	relative.path = root + 5; /* no slash in it */
	ck_assert_int_eq(config_override(&relative, "a", 1, -1), -EINVAL);
	/* A directory stands where the file should be. */
	ck_assert_int_eq(mkdir(OVERRIDE, 0755), 0);
	ck_assert_int_eq(config_override(config, "a", 1, -1), -EINVAL);
	ck_assert_int_eq(rmdir(OVERRIDE), 0);
	ck_assert_int_eq(rmdir("plugins.d"), 0);
	put("plugins.d", "a file");
	ck_assert_int_eq(config_override(config, "a", 1, -1), -EINVAL);
	ck_assert_int_eq(unlink("plugins.d"), 0);
	ck_assert_int_eq(symlink("/nowhere/at/all", "plugins.d"), 0);
	ck_assert_int_lt(config_override(config, "a", 1, -1), 0);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
	    no_file_is_told_apart,
	    files_are_searched_in_order,
	    directories_follow_user_file_and_command_line,
	    long_and_empty_directories_are_refused,
	    log_level_has_three_voices,
	    dropins_are_read_in_byte_order,
	    all_files_speak_in_one_run,
	    other_files_than_files_are_refused,
	    number_of_files_is_bounded,
	    number_of_plugins_is_bounded,
	    root_trusts_no_open_file,
	    root_is_warned_of_the_files_of_others,
	    users_are_looked_up,
	    running_as_root_is_summed_up,
	    programs_and_modules_are_looked_for,
	    this_machine_will_do,
	    overrides_are_written_and_read,
	    overrides_are_checked_too,
	    overrides_leave_strange_files_alone,
	    overrides_that_cannot_be_are_refused,
	};
	Suite *suite = suite_create("confload");
	TCase *disk = tcase_create("disk");

	tcase_set_timeout(disk, 60);
	tcase_add_checked_fixture(disk, setup, teardown);
	for (size_t i = 0; i < COUNT(tests); i++)
		tcase_add_test(disk, tests[i]);
	suite_add_tcase(suite, disk);
	return unit_run(suite);
}
