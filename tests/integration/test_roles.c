/*
 * test_roles: who may give commands on control.sock, and a client that is not
 * ours.
 */
#include "harness.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char one[] = "  a: {command: [stub, run]}\n";

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
		if (setgroups(0, NULL) != 0 || setgid(gid) != 0 ||
		    setuid(uid) != 0)
			_exit(201);
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
	struct group *gr = getgrnam("plugind");

	if (!it_is_root())
		return;
	t = it_new(one);
	it_spawn(t, NULL);
	IT_UNTIL(it_exists(t, "run/control.sock"));
	ck_assert_int_eq(ask_as(t, 65534, 65534, MSG_PING), 200);
	snprintf(path, sizeof(path), "%s/run/control.sock", t->dir);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(ask_as(t, 65534, 65534, MSG_PING), MSG_CODE_DENIED);
	ck_assert_int_eq(ask_as(t, 65534, 65534, MSG_APPLY), MSG_CODE_DENIED);
	if (gr != NULL) {
		ck_assert_int_eq(ask_as(t, 65534, gr->gr_gid, MSG_PING), 0);
		ck_assert_int_eq(ask_as(t, 65534, gr->gr_gid, MSG_STATUS), 0);
		ck_assert_int_eq(
		    ask_as(t, 65534, gr->gr_gid, MSG_ENABLE), MSG_CODE_DENIED);
	}
	it_up(t);
	it_end(t);
}
END_TEST

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
	    {"own_plugins", test_own_plugins},
#ifdef NNG_REQ
	    {"nng", test_nng},
#endif
	};

	return it_main("roles", tests, sizeof(tests) / sizeof(tests[0]));
}
