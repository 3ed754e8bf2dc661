/*
 * plugproc: what tests of the SDK's real processes share: one plugin at a
 * time, started as the daemon would, with a cookie and an environment, and
 * everything that it writes. After loop_setup(); its directory of sockets is
 * the loop's scratch.
 */
#ifndef TESTS_UNIT_PLUGPROC_H
#define TESTS_UNIT_PLUGPROC_H

#include "loop.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { OUTPUT_MAX = 8192 };

static const uint8_t cookie[16] = "0123456789abcde";

static struct {
	pid_t pid; /* 0: none */
	int status;
	int output; /* its stdout and stderr */
	ino_t gift; /* the pipe with its cookie */
	char text[OUTPUT_MAX];
	size_t len;
} plugin;

static char env[8][160];

/* `skip` is left out. */
static inline char **
make_env(int cookie_fd, const char *skip)
{
	static char *v[COUNT(env) + 1];
	size_t n = 0;

	snprintf(env[n++], sizeof(env[0]), "PLUGIND_NAME=mine");
	snprintf(env[n++], sizeof(env[0]), "PLUGIND_INSTANCE=3");
	snprintf(env[n++], sizeof(env[0]), "PLUGIND_GENERATION=77");
	snprintf(env[n++], sizeof(env[0]), "PLUGIND_STATE_DIR=/tmp");
	snprintf(env[n++], sizeof(env[0]), "PLUGIND_SOCKET_DIR=%s", scratch);
	snprintf(env[n++], sizeof(env[0]), "PLUGIND_COOKIE_FD=%d", cookie_fd);
	snprintf(env[n++], sizeof(env[0]), "ASAN_OPTIONS=%s",
	    getenv("ASAN_OPTIONS") ? getenv("ASAN_OPTIONS") : "");
	n = 0;
	for (size_t i = 0; i < 7; i++) {
		if (skip == NULL || strncmp(env[i], skip, strlen(skip)) != 0)
			v[n++] = env[i];
	}
	v[n] = NULL;
	return v;
}

static inline void
spawn(char *const argv[], const char *skip, size_t cookie_len)
{
	posix_spawn_file_actions_t actions;
	int out[2], gift[2];
	struct stat st;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_eq(pipe2(gift, O_CLOEXEC), 0);
	ck_assert_int_eq(fstat(gift[0], &st), 0);
	plugin.gift = st.st_ino;
	ck_assert_int_eq(write(gift[1], cookie, cookie_len), cookie_len);
	close(gift[1]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, out[1], 2);
	posix_spawn_file_actions_adddup2(&actions, gift[0], 20);
	ck_assert_int_eq(posix_spawn(&plugin.pid, argv[0], &actions, NULL, argv,
	                     make_env(20, skip)),
	    0);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	close(gift[0]);
	plugin.output = out[0];
}

static inline void
read_output(void)
{
	ssize_t n;

	while ((n = read(plugin.output, plugin.text + plugin.len,
	            OUTPUT_MAX - 1 - plugin.len)) > 0)
		plugin.len += (size_t)n;
	plugin.text[plugin.len] = '\0';
}

static inline bool
has_said(void *arg)
{
	read_output();
	return strstr(plugin.text, arg) != NULL;
}

static inline bool
has_ended(void *arg)
{
	(void)arg;
	if (plugin.pid != 0 &&
	    waitpid(plugin.pid, &plugin.status, WNOHANG) == plugin.pid)
		plugin.pid = 0;
	return plugin.pid == 0;
}

static inline void
await_exit(int status)
{
	loop_until(has_ended, NULL);
	read_output();
	ck_assert_msg(
	    WIFEXITED(plugin.status) && WEXITSTATUS(plugin.status) == status,
	    "status %x, %s", plugin.status, plugin.text);
}

static inline void
start_hello(void)
{
	char *argv[] = {(char[]){HELLO_PROGRAM}, NULL};

	spawn(argv, NULL, sizeof(cookie));
}

static inline void
start_module(const char *module)
{
	char *argv[] = {(char[]){PLUGINHOST}, strdup(module), NULL};

	spawn(argv, NULL, sizeof(cookie));
	free(argv[1]);
}

/* In a teardown. */
static inline void
end_plugin(void)
{
	if (plugin.pid != 0) {
		kill(plugin.pid, SIGKILL);
		waitpid(plugin.pid, NULL, 0);
	}
	close(plugin.output);
}

#endif
