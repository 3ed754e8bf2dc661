/*
 * stub: the behaviours. Owns no resources worth mentioning: every process
 * here ends by a signal or at once, and whatever it leaves behind is what the
 * test is about.
 *
 * Must never: be linked with anything but the C library, so that it starts
 * as fast as the programs that it stands for.
 */
#include "stub.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAUSE_MS = 3 };

const char *
stub_path(const char *name)
{
	static char path[PATH_MAX];
	const char *state = getenv("PLUGIND_STATE_DIR");

	snprintf(
	    path, sizeof(path), "%s/../../../%s", state ? state : ".", name);
	return path;
}

void
stub_await(const char *name)
{
	while (strcmp(name, "-") != 0 && access(stub_path(name), F_OK) != 0)
		poll(NULL, 0, PAUSE_MS);
}

_Noreturn void
stub_pause(void)
{
	for (;;)
		pause();
}

void
stub_append(const char *name, const char *line)
{
	char text[256];
	int fd = open(stub_path(name), O_WRONLY | O_CREAT | O_APPEND, 0666);
	int n = snprintf(text, sizeof(text), "%s\n", line);

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		_exit(99);
	close(fd);
}

void
stub_write(const char *name, const char *text)
{
	char temp[PATH_MAX + 16];
	size_t len = strlen(text);
	int fd;

	snprintf(temp, sizeof(temp), "%s.%d", stub_path(name), (int)getpid());
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd) != 0 ||
	    rename(temp, stub_path(name)) != 0)
		_exit(99);
}

static int
number(int argc, char **argv, int i)
{
	return i < argc ? (int)strtol(argv[i], NULL, 10) : 0;
}

static const char *
own_name(void)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s:%s", getenv("PLUGIND_NAME"),
	    getenv("PLUGIND_INSTANCE"));
	return name;
}

static int
run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	stub_pause();
}

/* exit STATUS */
static int
leave(int argc, char **argv)
{
	return number(argc, argv, 1);
}

/* gate FILE STATUS: exits when the file is there */
static int
gate(int argc, char **argv)
{
	stub_await(argv[1]);
	return number(argc, argv, 2);
}

/* fragile FILE: exits with 1 as long as the file is there */
static int
fragile(int argc, char **argv)
{
	(void)argc;
	if (access(stub_path(argv[1]), F_OK) == 0)
		return 1;
	stub_pause();
}

/* check FILE: an exec probe that is good while the file is there */
static int
check(int argc, char **argv)
{
	char text[64];

	(void)argc;
	snprintf(text, sizeof(text), "%d %d", (int)getuid(), (int)getgid());
	stub_append("probed", text);
	return access(stub_path(argv[1]), F_OK) == 0 ? 0 : 3;
}

static int exit_status;

static void
exit_now(int signal)
{
	if (signal == SIGUSR1)
		_exit(0);
	if (signal == SIGUSR2)
		_exit(125);
	_exit(exit_status);
}

/* signals STATUS: USR1 exits 0, USR2 125, ALRM and HUP with the status */
static int
signals(int argc, char **argv)
{
	exit_status = number(argc, argv, 1);
	signal(SIGUSR1, exit_now);
	signal(SIGUSR2, exit_now);
	signal(SIGALRM, exit_now);
	signal(SIGHUP, exit_now);
	puts("armed");
	(void)fflush(stdout);
	stub_pause();
}

static volatile sig_atomic_t told;

static void
note_signal(int signal)
{
	told = signal;
}

static void
await_term(void)
{
	while (told != SIGTERM)
		poll(NULL, 0, PAUSE_MS);
}

/* ignore: TERM does nothing */
static int
ignore(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	signal(SIGTERM, SIG_IGN);
	puts("ignoring");
	(void)fflush(stdout);
	stub_pause();
}

/* hold FILE STATUS: after TERM it stays until the file is there */
static int
hold(int argc, char **argv)
{
	signal(SIGTERM, note_signal);
	puts("holding");
	(void)fflush(stdout);
	await_term();
	stub_await(argv[1]);
	return number(argc, argv, 2);
}

static void
send_notify(const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (path == NULL)
		_exit(98);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to,
	        sizeof(to)) < 0)
		_exit(97);
	close(fd);
}

/* order FILE: writes +NAME when it starts and -NAME when it is told to go; it
 * is ready, if anybody wants to know, when the first is written */
static int
order(int argc, char **argv)
{
	char line[160];

	(void)argc;
	signal(SIGTERM, note_signal);
	snprintf(line, sizeof(line), "+%s", own_name());
	stub_append(argv[1], line);
	if (getenv("NOTIFY_SOCKET") != NULL)
		send_notify("READY=1");
	await_term();
	line[0] = '-';
	stub_append(argv[1], line);
	return 0;
}

/* say FILE TEXT: prints a line when the file is there */
static int
say(int argc, char **argv)
{
	(void)argc;
	stub_await(argv[1]);
	puts(argv[2]);
	(void)fflush(stdout);
	stub_pause();
}

/* notify FILE TEXT: the datagram is sent when the file is there */
static int
notify(int argc, char **argv)
{
	(void)argc;
	stub_await(argv[1]);
	send_notify(argv[2]);
	stub_pause();
}

/* parted FILE TEXT: sends it from a process that left the session */
static int
parted(int argc, char **argv)
{
	(void)argc;
	if (fork() == 0) {
		setsid();
		/* Without a cgroup nobody else would end it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		send_notify(argv[2]);
		stub_write(argv[1], "sent");
		stub_pause();
	}
	stub_pause();
}

static pid_t
branch(const char *file, bool escape)
{
	char text[32];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (escape) {
		setsid();
		if (fork() != 0)
			_exit(0);
	}
	snprintf(text, sizeof(text), "%d", (int)getpid());
	stub_append(file, text);
	return 0;
}

/* tree FILE [escape]: a child and a grandchild, their numbers in the file; with
 * escape one more that has left session and group, and ignores TERM */
static int
tree(int argc, char **argv)
{
	char text[32];

	signal(SIGTERM, SIG_IGN);
	if (argc > 2 && branch(argv[1], true) == 0)
		stub_pause();
	signal(SIGTERM, SIG_DFL);
	if (branch(argv[1], false) == 0) {
		(void)branch(argv[1], false);
		stub_pause();
	}
	snprintf(text, sizeof(text), "%d", (int)getpid());
	stub_append(argv[1], text);
	stub_pause();
}

/* orphan FILE STATUS: leaves a child behind and exits */
static int
orphan(int argc, char **argv)
{
	if (branch(argv[1], false) == 0)
		stub_pause();
	stub_await(argv[1]);
	return number(argc, argv, 2);
}

/* flood LINES: to stderr, as fast as they are taken */
static int
flood(int argc, char **argv)
{
	int lines = number(argc, argv, 1);

	for (int i = 1; i <= lines; i++)
		fprintf(stderr, "flood line %d\n", i);
	stub_append("flooded", own_name());
	stub_pause();
}

/* bytes: what a terminal should not see */
static int
bytes(int argc, char **argv)
{
	static const char text[] = "bell \a esc \033[31m c1 \x9b\x31m "
	                           "bad \xff\xfe utf8 \xc3\xa4\nno newline";

	(void)argc;
	(void)argv;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		return 1;
	fputs("to stderr\n", stderr);
	stub_pause();
}

/* mute: closes every descriptor */
static int
mute(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	stub_append("muted", own_name());
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	stub_pause();
}

/* files FILE: opens descriptors until there are no more */
static int
files(int argc, char **argv)
{
	char text[32];
	int n = 0;

	(void)argc;
	while (n < 100000 && dup(STDOUT_FILENO) >= 0)
		n++;
	snprintf(text, sizeof(text), "%d", n);
	close(STDOUT_FILENO + 2);
	stub_write(argv[1], text);
	stub_pause();
}

static const struct {
	const char *name;
	stub_fn *fn;
	int arguments;
} behaviours[] = {
    {"run", run, 0},
    {"exit", leave, 1},
    {"gate", gate, 1},
    {"fragile", fragile, 1},
    {"check", check, 1},
    {"signals", signals, 0},
    {"ignore", ignore, 0},
    {"hold", hold, 1},
    {"order", order, 1},
    {"say", say, 2},
    {"notify", notify, 2},
    {"parted", parted, 2},
    {"tree", tree, 1},
    {"orphan", orphan, 1},
    {"flood", flood, 1},
    {"bytes", bytes, 0},
    {"mute", mute, 0},
    {"files", files, 1},
    {"state", stub_state, 1},
    {"ask", stub_ask, 1},
};

int
main(int argc, char **argv)
{
	size_t n = sizeof(behaviours) / sizeof(behaviours[0]);

	for (size_t i = 0; argc > 1 && i < n; i++) {
		if (strcmp(behaviours[i].name, argv[1]) == 0 &&
		    argc - 2 >= behaviours[i].arguments)
			return behaviours[i].fn(argc - 1, argv + 1);
	}
	fprintf(stderr, "stub: no such behaviour, or too few arguments\n");
	return 96;
}
