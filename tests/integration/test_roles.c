/*
 * test_roles: who may give commands on control.sock and in calls of `plugind`,
 * and a client that is not ours.
 */
#include "harness.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, NO_GROUP = -1 };

static const char one[] = "  a: {command: [stub, run]}\n";

static gid_t
find_operators(void)
{
	const struct group *gr = getgrnam("plugind");

	return gr != NULL ? gr->gr_gid : (gid_t)NO_GROUP;
}

/* Before the daemon is started. Where the machine has no such group, this
 * process and what it starts see one all the same, if it may do that. */
static gid_t
get_operators(struct it *t)
{
	gid_t found = find_operators();
	char path[IT_PATH_MAX];

	if (found != (gid_t)NO_GROUP)
		return found;
	it_write(t, "group", "root:x:0:\nplugind:x:64123:\n");
	it_path(t, "group", path);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(path, "/etc/group", NULL, MS_BIND, NULL) != 0)
		return (gid_t)NO_GROUP;
	return find_operators();
}

static void
become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
		_exit(201);
}

/* As another user and group: the code of a reply to a request, or 200 when
 * the socket does not even open. */
static int
ask_as(struct it *t, uid_t uid, gid_t gid, enum msg_type type)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct it_reply r;
		char path[128];

		snprintf(path, sizeof(path), "%s/run/control.sock", t->dir);
		become(uid, gid);
		if (access(path, W_OK) != 0)
			_exit(200);
		close(it_dial(t));
		r = it_call(t, type, "");
		_exit((int)r.code);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(test_strangers)
{
	struct it *t;
	char path[128];
	gid_t group;

	if (!it_is_root())
		return;
	t = it_new(one);
	group = get_operators(t);
	it_spawn(t, NULL);
	IT_UNTIL(it_exists(t, "run/control.sock"));
	ck_assert_int_eq(ask_as(t, NOBODY, NOBODY, MSG_PING), 200);
	snprintf(path, sizeof(path), "%s/run/control.sock", t->dir);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(ask_as(t, NOBODY, NOBODY, MSG_PING), MSG_CODE_DENIED);
	ck_assert_int_eq(ask_as(t, NOBODY, NOBODY, MSG_APPLY), MSG_CODE_DENIED);
	if (group != (gid_t)NO_GROUP) {
		ck_assert_int_eq(ask_as(t, NOBODY, group, MSG_PING), 0);
		ck_assert_int_eq(ask_as(t, NOBODY, group, MSG_STATUS), 0);
		ck_assert_int_eq(
		    ask_as(t, NOBODY, group, MSG_ENABLE), MSG_CODE_DENIED);
	}
	it_up(t);
	it_end(t);
}
END_TEST

/* --- calls of plugind -------------------------------------------------- */

enum { ARGS_MAX = 4 };

struct word {
	const char *args[ARGS_MAX]; /* of pluginctl */
	int code;
	const char *says; /* NULL: no matter */
};

/* The code with which pluginctl ends, as another user unless `uid` is 0. */
static int
run_pluginctl(
    struct it *t, uid_t uid, gid_t gid, const char *const args[ARGS_MAX])
{
	char socket[IT_PATH_MAX];
	char said[IT_PATH_MAX];
	int status;
	pid_t pid;

	it_path(t, "run/control.sock", socket);
	it_path(t, "said", said);
	pid = fork();
	if (pid == 0) {
		int fd = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		if (dup2(fd, 1) != 1 || dup2(fd, 2) != 2 ||
		    setenv("PLUGIND_SOCKET", socket, true) != 0)
			_exit(201);
		if (uid != 0)
			become(uid, gid);
		execl(PLUGINCTL, "pluginctl", args[0], args[1], args[2],
		    args[3], (char *)NULL);
		_exit(202);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
check_words(
    struct it *t, uid_t uid, gid_t gid, const struct word *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int code = run_pluginctl(t, uid, gid, words[i].args);
		const char *said = it_read(t, "said");

		ck_assert_msg(code == words[i].code &&
		                  (words[i].says == NULL ||
		                      strstr(said, words[i].says) != NULL),
		    "%s %s %s as %u: exits with %d, says: %s", words[i].args[0],
		    words[i].args[1], words[i].args[2], (unsigned)uid, code,
		    said);
	}
}

#define WORDS(w) (w), sizeof(w) / sizeof((w)[0])
#define ONLY_ROOT "only root or the daemon's user may"

static const struct word of_admin[] = {
    {{"call", "plugind", "ping", "[]"}, 0, NULL},
    {{"call", "plugind", "restart", "[[\"a\"]]"}, 0, NULL},
    {{"call", "plugind", "enable", "[[\"a\"], false]"}, 0, NULL},
    {{"call", "plugind", "enable", "[[\"a\"], true]"}, 0, NULL},
    {{"call", "plugind", "attach.client", "[\"x\"]"}, MSG_CODE_FAILED,
        "on the bus already"},
    {{"publish", "other.x", "1", NULL}, 0, NULL},
};

/* What it may not do there, it may not do on the bus. */
static const struct word of_operator[] = {
    {{"call", "plugind", "ping", "[]"}, 0, NULL},
    {{"call", "plugind", "status", "[[\"a\"]]"}, 0, "\"a\""},
    {{"call", "plugind", "restart", "[[\"a\"]]"}, 0, NULL},
    {{"call", "plugind", "enable", "[[\"a\"], false]"}, MSG_CODE_DENIED,
        ONLY_ROOT},
    {{"call", "plugind", "scale", "[\"a\", 2]"}, MSG_CODE_DENIED, ONLY_ROOT},
    {{"call", "plugind", "attach.client", "[\"x\"]"}, MSG_CODE_FAILED,
        "on the bus already"},
    {{"publish", "custom.x", "1", NULL}, 0, NULL},
    {{"publish", "other.x", "1", NULL}, MSG_CODE_DENIED, NULL},
};

static const struct word of_others[] = {
    {{"call", "plugind", "ping", "[]"}, MSG_CODE_DENIED, "group `plugind`"},
    {{"publish", "custom.x", "1", NULL}, MSG_CODE_DENIED, NULL},
};

static void
check_others(struct it *t, gid_t group)
{
	static const char *const help[ARGS_MAX] = {"--help"};
	char path[IT_PATH_MAX];

	if (run_pluginctl(t, NOBODY, NOBODY, help) != 0)
		return; /* the program is where others cannot go */
	if (group != (gid_t)NO_GROUP)
		check_words(t, NOBODY, group, WORDS(of_operator));
	it_path(t, "run/control.sock", path);
	ck_assert_int_eq(chmod(path, 0666), 0);
	check_words(t, NOBODY, NOBODY, WORDS(of_others));
	if (group != (gid_t)NO_GROUP)
		check_words(t, NOBODY, group, WORDS(of_operator));
}

/* A client on the bus may call plugind for what its role allows. */
START_TEST(test_calls)
{
	struct it *t = it_new("  a: {command: [stub, run]}\n"
	                      "  b: {module: " HELLO_MODULE "}\n");
	gid_t group = (gid_t)NO_GROUP;

	if (it_is_root())
		group = get_operators(t);
	it_spawn(t, NULL);
	it_settle(t);
	check_words(t, 0, 0, WORDS(of_admin));
	if (it_is_root())
		check_others(t, group);
	it_wait(t, "a", "running");
	it_end(t);
}
END_TEST

/* --- plugins ----------------------------------------------------------- */

/* The code in the hex of a reply to the request of `stub ask`. */
static void
check_refused(struct it *t, const char *file)
{
	const char *hex;

	IT_UNTIL(it_exists(t, file));
	hex = it_read(t, file);
	/* greeting, header, backtrace; then [1, 403, 1, [4, ...]] */
	ck_assert_msg(strlen(hex) >= 58, "%s", hex);
	ck_assert_msg(
	    strncmp(hex + 42, "9401cd0193019204", 16) == 0, "%s", hex);
}

/* A plugin may not, although it runs as root; nor may one of its processes
 * that has left the session, where there are cgroups. */
START_TEST(test_own_plugins)
{
	char yaml[512];
	struct it *t = it_start(one);
	struct it_reply r = it_ok(t, MSG_GET_VERSION, "");
	char root[512];
	bool cgroups = it_str(&r.data, "cgroup", root, sizeof(root))[0] != 0;

	/* Without a cgroup nobody can tell whose the one that left is, nor end
	 * it. */
	snprintf(yaml, sizeof(yaml),
	    "  p: {command: [stub, ask, p, %s/run/control.sock]}\n", t->dir);
	if (cgroups)
		snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml),
		    "  q: {command: [stub, ask, q, %s/run/control.sock, "
		    "escape]}\n",
		    t->dir);
	it_config(t, yaml);
	it_act(t, MSG_APPLY, "");
	check_refused(t, "p");
	if (cgroups)
		check_refused(t, "q");
	it_end(t);
}
END_TEST

#ifdef NNG_REQ
/* A real nng client, before and after connections that lead to nothing. */
START_TEST(test_nng)
{
	struct it *t = it_start(one);
	char command[512];

	snprintf(command, sizeof(command), "%s ipc://%s/run/control.sock",
	    NNG_REQ, t->dir);
	ck_assert_int_eq(system(command), 0);
	for (int i = 0; i < it_level(100, 1000, 1000); i++)
		close(it_dial(t));
	ck_assert_int_eq(system(command), 0);
	it_end(t);
}
END_TEST
#endif

int
main(void)
{
	const struct it_test tests[] = {
	    {"strangers", test_strangers},
	    {"calls", test_calls, 60},
	    {"own_plugins", test_own_plugins},
#ifdef NNG_REQ
	    {"nng", test_nng},
#endif
	};

	return it_main("roles", tests, sizeof(tests) / sizeof(tests[0]));
}
