/*
 * run: a process that is a plugin, or a client, from main to its exit status.
 *
 * Owns the only globals of the library: what the daemon handed over, which can
 * be read once, and the plugin that runs. Everything that goes wrong before
 * the loop is said on stderr, in the manner of a program that was started by
 * hand, and is an exit status. Must never call exit: main returns.
 */
#include "attach.h"
#include "command.h"
#include "connect.h"
#include "host.h"

#include "common/sockheap.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct {
	bool was_read;
	int status;
	struct identity identity;
} handed_over;

static bool has_run;

int
plugind_prepare(void)
{
	char why[IDENTITY_WHY_MAX];
	int r;

	if (handed_over.was_read)
		return handed_over.status;
	handed_over.was_read = true;
	r = identity_read(&handed_over.identity, why);
	if (r == -ENOENT) {
		fprintf(stderr,
		    "%s: a plugin is started by plugind, not by hand (%s).\n"
		    "Write it into plugind.yaml, as `exec: [PROGRAM]` or "
		    "`module: FILE.so`, and run: pluginctl apply\n",
		    program_invocation_short_name, why);
		handed_over.status = PLUGIND_EXIT_USAGE;
	} else if (r != 0) {
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
		handed_over.status = PLUGIND_EXIT_FAILURE;
	}
	return handed_over.status;
}

static void
on_signal(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	command_stop(arg);
}

static const int stop_signals[] = {SIGTERM, SIGINT};

enum { STOP_SIGNALS = sizeof(stop_signals) / sizeof(stop_signals[0]) };

/* All that a running plugin has. */
struct run {
	struct plugind *p;
	struct connection *connection;
	struct host *host; /* of a client */
	struct event *signals[STOP_SIGNALS];
};

static int
catch_signals(struct run *r)
{
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	for (int i = 0; i < STOP_SIGNALS; i++) {
		r->signals[i] =
		    evsignal_new(r->p->base, stop_signals[i], on_signal, r->p);
		if (r->signals[i] == NULL || event_add(r->signals[i], NULL))
			return -ENOMEM;
	}
	return 0;
}

/* What a client is, beyond a plugin. */
struct client_options {
	void *data;
};

/* A program that people run: it says who it is. */
static void
print_log(void *arg, enum plugind_level level, const char *text)
{
	const struct plugind *p = arg;

	(void)level;
	fprintf(stderr, "%s: %s\n", p->descriptor.name, text);
}

static int
make_client(struct run *r, const struct client_options *options)
{
	r->p->data = options->data;
	r->p->log = print_log;
	r->p->log_arg = r->p;
	return host_new(r->p, &r->host);
}

static int
start(struct run *r, const struct plugind_descriptor *descriptor,
    const struct identity *identity, const struct client_options *client)
{
	int error = plugin_new(
	    descriptor, identity, connection_send, &r->connection, &r->p);

	if (error == 0 && client != NULL)
		error = make_client(r, client);
	if (error == 0)
		error = catch_signals(r);
	if (error == 0)
		error = connection_new(r->p, &r->connection);
	return error;
}

/* What is closed here closes in the background; nobody waits for it. */
static void
finish(struct run *r)
{
	host_free(r->host);
	connection_free(r->connection);
	for (int i = 0; i < STOP_SIGNALS; i++) {
		if (r->signals[i] != NULL)
			event_free(r->signals[i]);
	}
	plugin_free(r->p);
}

static int
run(const struct plugind_descriptor *descriptor,
    const struct identity *identity, const struct client_options *client)
{
	struct run r = {0};
	int error = start(&r, descriptor, identity, client);
	int status = PLUGIND_EXIT_FAILURE;

	if (error == 0)
		status = plugin_run(r.p);
	else
		fprintf(stderr,
		    "%s: cannot get ready to talk to plugind in %s: %s%s\n",
		    descriptor->name, identity->socket_dir, strerror(-error),
		    client != NULL ? ""
		                   : "; if that is a limit, raise it (limits: "
		                     "in plugind.yaml)");
	if (r.p != NULL && !pool_end(&r.p->pool)) {
		plugind_log(r.p, PLUGIND_WARN,
		    "a method still runs on a thread: the process ends "
		    "without waiting for it");
		_exit(status);
	}
	finish(&r);
	return status;
}

/* 0, or an exit status after saying why not. */
static int
begin(const char *where, const char *function)
{
	if (has_run) {
		fprintf(
		    stderr, "%s: %s runs once a process\n", where, function);
		return PLUGIND_EXIT_FAILURE;
	}
	has_run = true;
	return 0;
}

int
plugind_main(int argc, char **argv, const struct plugind_descriptor *descriptor)
{
	const char *where = argc > 0 ? argv[0] : program_invocation_short_name;
	struct plugind_descriptor d;
	char why[DESCRIPTOR_WHY_MAX];
	int status;

	if (descriptor_take(descriptor, &d, why) != 0) {
		fprintf(
		    stderr, "%s: cannot be run as a plugin: %s\n", where, why);
		return PLUGIND_EXIT_UNUSABLE;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("%s %s (plugin ABI %u)\n", d.name, d.version,
		    (unsigned)d.abi_max);
		return PLUGIND_EXIT_STOPPED;
	}
	status = plugind_prepare();
	if (status == 0)
		status = begin(where, "plugind_main");
	if (status == 0)
		sockheap_keep();
	return status == 0 ? run(&d, &handed_over.identity, NULL) : status;
}

int
plugind_client_main(const char *control_socket,
    const struct plugind_descriptor *descriptor, void *data)
{
	const struct client_options options = {data};
	const char *where = program_invocation_short_name;
	struct plugind_descriptor d;
	struct identity identity;
	char why[DESCRIPTOR_WHY_MAX];
	int status;

	if (descriptor_take(descriptor, &d, why) != 0) {
		fprintf(
		    stderr, "%s: cannot be run as a client: %s\n", where, why);
		return PLUGIND_EXIT_UNUSABLE;
	}
	status = begin(where, "plugind_client_main");
	if (status == 0)
		status = attach_ask(control_socket, d.name, &identity);
	if (status == 0)
		status = run(&d, &identity, &options);
	explicit_bzero(&identity, sizeof(identity));
	return status;
}
