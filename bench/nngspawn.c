/*
 * nngspawn ROUNDS: what a program costs that speaks nng, without any of ours:
 * starts itself again as a child that sends one request over ipc, and ends it
 * when that has come. Prints one line a round: milliseconds from the spawn to
 * the request. The floor under a managed plugin's start.
 */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
check(int r, const char *what)
{
	if (r != 0) {
		fprintf(stderr, "nngspawn: %s: %s\n", what, nng_strerror(r));
		exit(1);
	}
	return r;
}

static void
be_child(const char *url)
{
	nng_socket s;
	char hello[] = "hello";

	check(nng_req0_open(&s), "open");
	check(nng_dial(s, url, NULL, 0), "dial");
	check(nng_send(s, hello, sizeof(hello), 0), "send");
	pause();
}

static double
measure(nng_socket s, char *self, char *url)
{
	char *argv[] = {self, url, NULL};
	double start = now_ms();
	nng_msg *msg;
	double took;
	pid_t pid;

	check(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ),
	    "spawn");
	check(nng_recvmsg(s, &msg, 0), "receive");
	took = now_ms() - start;
	nng_msg_free(msg);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return took;
}

int
main(int argc, char **argv)
{
	char url[128];
	nng_socket s;
	long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

	if (argc == 2 && strncmp(argv[1], "ipc://", 6) == 0) {
		be_child(argv[1]);
		return 0;
	}
	if (rounds <= 0)
		return 2;
	snprintf(url, sizeof(url), "ipc:///tmp/nngspawn.%d", (int)getpid());
	check(nng_rep0_open(&s), "open");
	check(nng_listen(s, url, NULL, 0), "listen");
	while (rounds-- > 0)
		printf("%.3f\n", measure(s, argv[0], url));
	nng_close(s);
	unlink(url + strlen("ipc://"));
	return 0;
}
