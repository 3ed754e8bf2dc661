/*
 * bareloop PROGRAM [hop]: the least that a supervisor can be, for orientation
 * in the restart benchmark: starts PROGRAM, waits for its end, starts it
 * again. With `hop` the child executes this program once more before it
 * becomes PROGRAM, as a child of plugind does with its launcher.
 *
 * Ends by SIGTERM or SIGINT, and its child with it.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t child;

static void
on_term(int sig)
{
	(void)sig;
	if (child > 0)
		kill(child, SIGKILL);
	_exit(0);
}

static int
run_once(char *program, char *const argv[])
{
	pid_t pid;
	int r = posix_spawn(&pid, program, NULL, NULL, argv, environ);

	if (r != 0) {
		fprintf(stderr, "bareloop: %s: %s\n", program, strerror(r));
		return -r;
	}
	child = pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	child = 0;
	return 0;
}

int
main(int argc, char **argv)
{
	char self[] = "/proc/self/exe";
	char last[] = "-";
	char *hop[] = {argv[0], argv[1], last, NULL};
	int r = 0;

	if (argc == 3 && strcmp(argv[2], "-") == 0) {
		execv(argv[1], argv + 1);
		return 127;
	}
	if (argc < 2 || argc > 3)
		return 2;
	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	while (r == 0)
		r = argc == 3 ? run_once(self, hop)
		              : run_once(argv[1], argv + 1);
	return 1;
}
