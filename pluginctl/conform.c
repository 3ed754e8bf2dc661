/*
 * conform: runs every rule against a program and prints the verdicts as TAP.
 *
 * Each rule gets a process and a router of its own, so that nothing that one
 * leaves behind decides about another. What the program writes stands behind
 * the verdict, escaped and bounded. Needs no daemon, and must never talk to
 * one.
 */
#include "conform.h"

#include "bus.h"
#include "conformscript.h"
#include "ctl.h"

#include "common/escape.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TIMEOUT_MS = 5000,
	TIMEOUT_MIN_MS = 100,
	LINES_MAX = 12,     /* of output, a rule */
	LINE_BYTES = 240,   /* bytes of one */
	GREETING_RULES = 2, /* after these, no hello means that there is none */
};

static const struct group {
	const struct conform_rule *rules;
	const size_t *count;
} groups[] = {
    {conform_link_rules, &conform_link_count},
    {conform_life_rules, &conform_life_count},
    {conform_event_rules, &conform_event_count},
    {conform_call_rules, &conform_call_count},
    {conform_end_rules, &conform_end_count},
};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

struct tally {
	unsigned number; /* of the rule */
	unsigned kept;
	unsigned broken;
	unsigned skipped;
};

/* --- what is printed --------------------------------------------------- */

static void
print_note(const char *what, const char *s, size_t len)
{
	char text[4 * LINE_BYTES + 1];
	size_t n = len < LINE_BYTES ? len : LINE_BYTES;

	escape_text(text, sizeof(text), s, n, NULL);
	printf("# %s%s%s\n", what, text, n < len ? " …" : "");
}

static void
print_output(const struct conformproc *p)
{
	const char *s = p->said;
	size_t left = p->said_len;
	int lines = 0;

	for (; left > 0 && lines < LINES_MAX; lines++) {
		const char *end = memchr(s, '\n', left);
		size_t n = end ? (size_t)(end - s) : left;

		print_note("output: ", s, n);
		n += end ? 1 : 0;
		s += n;
		left -= n;
	}
	if (left > 0 || p->said_more)
		puts("# output: and more");
}

static void
print_verdict(
    const struct script *s, const struct conform_rule *rule, struct tally *t)
{
	const char *result = s->verdict == VERDICT_BAD ? "not ok" : "ok";

	printf("%s %u - %s", result, t->number, rule->name);
	if (s->verdict == VERDICT_SKIPPED) {
		printf(" # SKIP %s\n", s->seen);
		t->skipped++;
	} else if (s->verdict == VERDICT_GOOD) {
		putchar('\n');
		t->kept++;
	} else {
		putchar('\n');
		t->broken++;
		print_note("seen: ", s->seen, strlen(s->seen));
		print_note("expected: ", s->expected, strlen(s->expected));
		printf("# read: PROTOCOL.md, \"%s\"\n", rule->section);
		if (s->peer.heard_count == CONFORM_HEARD_MAX)
			printf("# it said so much that %zu messages were not "
			       "kept\n",
			    s->peer.unheard);
	}
	print_output(&s->proc);
	(void)fflush(stdout);
}

/* --- rules ------------------------------------------------------------- */

static void
run_rule(struct script *s, const struct conform_rule *rule, unsigned number)
{
	if (number > GREETING_RULES && !s->conform->has_hello)
		(void)script_fail(s, "hello, before anything else can be tried",
		    "it has never said hello");
	else
		(void)rule->run(s);
}

/* False when it makes no sense to go on. */
static bool
try_rule(struct script *s, const struct conform_rule *rule, struct tally *t)
{
	struct conform *conform = s->conform;

	if (script_init(s, conform))
		run_rule(s, rule, t->number);
	conformproc_hear(&s->proc);
	if (conform->is_unusable)
		printf("Bail out! %s\n", s->seen);
	else if (conform->is_interrupted)
		puts("Bail out! interrupted");
	else
		print_verdict(s, rule, t);
	script_fini(s);
	return !conform->is_unusable && !conform->is_interrupted;
}

static int
try_all(struct conform *conform)
{
	struct script *s = calloc(1, sizeof(*s));
	struct tally t = {0};
	size_t total = 0;
	bool go_on = true;

	if (s == NULL)
		return ctl_fail(MSG_CODE_FAILED, "out of memory");
	for (int g = 0; g < GROUPS; g++)
		total += *groups[g].count;
	printf("1..%zu\n", total);
	s->conform = conform;
	for (int g = 0; go_on && g < GROUPS; g++) {
		for (size_t i = 0; go_on && i < *groups[g].count; i++) {
			t.number++;
			go_on = try_rule(s, &groups[g].rules[i], &t);
		}
	}
	free(s);
	if (conform->is_interrupted)
		return CTL_INTERRUPTED;
	if (go_on)
		printf("# %u kept, %u broken, %u skipped\n", t.kept, t.broken,
		    t.skipped);
	return go_on && t.broken == 0 ? MSG_CODE_OK : MSG_CODE_FAILED;
}

/* --- the command ------------------------------------------------------- */

/* 0, or an exit code. */
static int
read_config(const char *given, struct buf *config)
{
	struct wire_cursor c;
	int code = bus_read_data(given, "--settings", config);

	wire_cursor_init(&c, config->data, config->len);
	if (code != 0 || wire_peek(&c) == WIRE_MAP)
		return code;
	return ctl_fail(MSG_CODE_USAGE,
	    "--settings: not an object; write it like '{\"port\": 7007}'");
}

static bool
is_module(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && strcmp(path + len - 3, ".so") == 0;
}

/* Relative to the folder of pluginctl: installed, and as built. */
static const char *const host_places[] = {
    "../libexec/plugind/pluginhost",
    "../pluginhost/pluginhost",
};

static bool
find_host(char *out, size_t cap)
{
	char folder[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	char *slash;

	folder[n > 0 ? n : 0] = '\0';
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	for (size_t i = 0; i < sizeof(host_places) / sizeof(*host_places);
	     i++) {
		snprintf(out, cap, "%s/%s", folder, host_places[i]);
		if (access(out, X_OK) == 0)
			return true;
	}
	return false;
}

static int
try_program(struct ctl *ctl, char **argv, const struct buf *config)
{
	struct conform conform = {.argv = argv,
	    .config = config,
	    .timeout_ms = ctl->timeout_ms >= 0 ? ctl->timeout_ms : TIMEOUT_MS,
	    /* Not 1: who writes a constant is found out. */
	    .generation = 40};
	int r;

	if (conform.timeout_ms < TIMEOUT_MIN_MS)
		return ctl_fail(MSG_CODE_USAGE,
		    "--timeout %s: nothing can be done in less than 100ms",
		    ctl->option[OPTION_TIMEOUT]);
	r = conformproc_adopt();
	if (r != 0)
		return ctl_fail(MSG_CODE_FAILED,
		    "cannot become a subreaper: %s", strerror(-r));
	ctl_catch_interrupts(ctl);
	conform.interrupt_fd = ctl->interrupt_fd;
	return try_all(&conform);
}

static int
run_program(struct ctl *ctl, char **argv)
{
	const char *settings = ctl->option[OPTION_SETTINGS];
	struct buf config;
	int code;

	buf_init(&config, CONFORM_CONFIG_MAX);
	code = read_config(settings != NULL ? settings : "{}", &config);
	if (code == 0)
		code = try_program(ctl, argv, &config);
	buf_fini(&config);
	return code;
}

/* A module is run by pluginhost, which wants a path with a slash. */
static int
run_module(struct ctl *ctl)
{
	char host[PATH_MAX + sizeof("../libexec/plugind/pluginhost")];
	char module[PATH_MAX];
	char *argv[] = {host, module, NULL};

	if (ctl->argc > 1)
		return ctl_fail(MSG_CODE_USAGE,
		    "a module takes no arguments: %s is one too many",
		    ctl->argv[1]);
	if (!find_host(host, sizeof(host)))
		return ctl_fail(MSG_CODE_FAILED,
		    "cannot find pluginhost, which runs modules: it is not "
		    "where it would be installed beside pluginctl");
	snprintf(module, sizeof(module), "%s%s",
	    strchr(ctl->argv[0], '/') ? "" : "./", ctl->argv[0]);
	return run_program(ctl, argv);
}

int
conform_run(struct ctl *ctl)
{
	char **argv;
	int code;

	if (is_module(ctl->argv[0]))
		return run_module(ctl);
	/* The operands need not end with NULL. */
	argv = calloc((size_t)ctl->argc + 1, sizeof(*argv));
	if (argv == NULL)
		return ctl_fail(MSG_CODE_FAILED, "out of memory");
	memcpy(argv, ctl->argv, (size_t)ctl->argc * sizeof(*argv));
	code = run_program(ctl, argv);
	free(argv);
	return code;
}
