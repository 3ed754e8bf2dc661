/*
 * plugind: the command line of the daemon. Always in the foreground.
 */
#include "config.h"
#include "daemon.h"
#include "fsm.h"

#include "common/json.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "Usage: plugind [OPTION...]\n"
    "Starts the plugins of a configuration and keeps them as its operator\n"
    "wishes. Runs in the foreground; pluginctl gives commands.\n"
    "\n"
    "  --config FILE       the configuration; otherwise $PLUGIND_CONFIG, then\n"
    "                      /etc/plugind/plugind.yaml (root) or\n"
    "                      $XDG_CONFIG_HOME/plugind/plugind.yaml\n"
    "  --runtime-dir DIR   sockets; overrides runtime_dir\n"
    "  --state-dir DIR     logs and state; overrides state_dir\n"
    "  --log-level LEVEL   error, warn, info or debug; overrides log.level\n"
    "  --check-config      read the configuration, print every error, exit 0\n"
    "                      or 78\n"
    "  --version, --help\n"
    "\n"
    "Signals: TERM and INT stop in order (a second one kills), HUP applies\n"
    "the configuration again, USR1 reopens logs, USR2 dumps the state.\n"
    "Exit: 0 stopped, 1 failure, 2 usage, 10 an essential plugin failed, 78\n"
    "bad configuration, 100 another instance holds the runtime directory.\n";

struct options {
	struct daemon_args args;
	bool check;
	const char *print;
};

enum {
	OPT_CONFIG = 256,
	OPT_RUNTIME,
	OPT_STATE,
	OPT_LEVEL,
	OPT_CHECK,
	OPT_PRINT,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"runtime-dir", required_argument, NULL, OPT_RUNTIME},
    {"state-dir", required_argument, NULL, OPT_STATE},
    {"log-level", required_argument, NULL, OPT_LEVEL},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"print", required_argument, NULL, OPT_PRINT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static _Noreturn void
usage(void)
{
	fputs("Try 'plugind --help'.\n", stderr);
	exit(DAEMON_USAGE);
}

static _Noreturn void
print_and_exit(const char *text)
{
	fputs(text, stdout);
	exit(fflush(stdout) == 0 ? DAEMON_OK : DAEMON_FAILURE);
}

static void
take_level(struct options *o, const char *level)
{
	enum log_level parsed;

	if (log_level_from_string(level, &parsed) != 0) {
		fprintf(stderr,
		    "plugind: --log-level %s: must be error, warn, info or "
		    "debug\n",
		    level);
		usage();
	}
	o->args.source.log_level = level;
}

static void
take_option(struct options *o, int option)
{
	switch (option) {
	case OPT_CONFIG:
		o->args.source.path = optarg;
		break;
	case OPT_RUNTIME:
		o->args.source.runtime_dir = optarg;
		break;
	case OPT_STATE:
		o->args.source.state_dir = optarg;
		break;
	case OPT_LEVEL:
		take_level(o, optarg);
		break;
	case OPT_CHECK:
		o->check = true;
		break;
	case OPT_PRINT:
		o->print = optarg;
		break;
	case OPT_VERSION:
		print_and_exit("plugind " PLUGIND_VERSION "\n");
	case OPT_HELP:
		print_and_exit(help);
	default:
		usage();
	}
}

static void
print_effective(struct buf *out)
{
	struct config_source source = {0};
	struct conf_errors errs = {0};
	struct config *config = NULL;
	struct wire_cursor c;
	struct buf packed;
	struct json j;

	buf_init(&packed, 16 * 1024 * 1024);
	if (config_load(&source, &config, &errs) == 0) {
		config_put(&packed, config, NULL, true);
		wire_cursor_init(&c, packed.data, packed.len);
		json_init(&j, out, 2);
		(void)json_wire(&j, &c);
		buf_putc(out, '\n');
	}
	conf_errors_fini(&errs);
	config_unref(config);
	buf_fini(&packed);
}

/* Texts that are generated from the tables of this program. */
static int
print_table(const char *what)
{
	static const struct {
		const char *name;
		void (*fn)(struct buf *out);
	} texts[] = {
	    {"schema", config_put_json_schema},
	    {"docs", config_put_docs},
	    {"fsm", fsm_print},
	    {"config", print_effective},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf out;

		if (strcmp(texts[i].name, what) != 0)
			continue;
		buf_init(&out, 16 * 1024 * 1024);
		texts[i].fn(&out);
		fputs(buf_cstr(&out), stdout);
		buf_fini(&out);
		return fflush(stdout) == 0 ? DAEMON_OK : DAEMON_FAILURE;
	}
	fprintf(stderr,
	    "plugind: --print %s: must be schema, docs, config or "
	    "fsm\n",
	    what);
	return DAEMON_USAGE;
}

/* A daemon without 0, 1 and 2 would write its log into a socket. */
static void
keep_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int
load(const struct options *o, struct config **ret)
{
	struct conf_errors errs = {0};
	struct buf text;
	int r = config_load(&o->args.source, ret, &errs);

	buf_init(&text, 1024 * 1024);
	conf_errors_print(&errs, &text);
	fputs(buf_cstr(&text), stderr);
	buf_fini(&text);
	conf_errors_fini(&errs);
	if (r == 0)
		return DAEMON_OK;
	if (r == -ENOMEM) {
		fputs("plugind: out of memory\n", stderr);
		return DAEMON_FAILURE;
	}
	return DAEMON_CONFIG;
}

int
main(int argc, char **argv)
{
	struct options o = {.args = {.title = argv[0]}};
	struct config *config = NULL;
	int option;
	int code;

	keep_standard_fds();
	umask(022); /* whatever we were given: plugins enter some directories */
	log_init("plugind");
	o.args.title_len =
	    (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(&o, option);
	if (optind < argc) {
		fprintf(stderr, "plugind: unexpected argument '%s'\n",
		    argv[optind]);
		usage();
	}
	if (o.print != NULL)
		return print_table(o.print);
	code = load(&o, &config);
	if (code != DAEMON_OK)
		return code;
	if (o.check) {
		printf("%s: %zu plugin%s, no errors\n", config->path,
		    config_count(config), config_count(config) == 1 ? "" : "s");
		config_unref(config);
		return fflush(stdout) == 0 ? DAEMON_OK : DAEMON_FAILURE;
	}
	return daemon_run(&o.args, config);
}
