/*
 * plugind-router: carries commands from the core to plugins and what they
 * answer back, over nng. Started by the core with one end of a socketpair;
 * expendable: it keeps nothing that the core cannot tell its successor.
 *
 *     plugind-router --link FD        ($PLUGIND_SOCKET_DIR: its own socket)
 */
#include "calls.h"
#include "canary.h"
#include "core.h"
#include "hold.h"
#include "peer.h"
#include "peers.h"

#include "common/log.h"
#include "common/sock.h"
#include "common/sockheap.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int
read_link(int argc, char **argv)
{
	char *end = NULL;
	long fd;

	if (argc != 3 || strcmp(argv[1], "--link") != 0)
		return -1;
	fd = strtol(argv[2], &end, 10);
	return end != argv[2] && *end == '\0' && fd >= 0 && fd < 1024 ? (int)fd
	                                                              : -1;
}

/* A dozen descriptors a plugin. */
static void
raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static struct event_base *
make_loop(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int
main(int argc, char **argv)
{
	const char *directory = getenv("PLUGIND_SOCKET_DIR");
	int fd = read_link(argc, argv);
	struct event_base *base;
	int r;

	log_init("plugind-router");
	if (fd < 0 || directory == NULL) {
		fprintf(stderr, "plugind-router is started by plugind, with "
		                "--link FD\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	sockheap_keep();
	raise_open_files();
	base = make_loop();
	r = base != NULL ? sock_init(base) : -ENOMEM;
	if (r == 0)
		r = peer_init(base);
	if (r == 0)
		r = peers_init(base);
	if (r == 0)
		r = hold_init(base);
	if (r == 0)
		r = calls_init(base);
	if (r == 0)
		r = core_init(base, fd);
	if (r != 0) {
		log_error(NULL, "cannot start: %s", strerror(-r));
		_exit(1);
	}
	r = canary_init(directory);
	if (r != 0) {
		log_error(NULL,
		    "cannot listen in %s: %s; uid %d must be able to enter "
		    "every directory of this path",
		    directory, strerror(-r), (int)geteuid());
		_exit(1);
	}
	event_base_dispatch(base);
	_exit(1);
}
