/*
 * completion: writes scripts for bash and zsh, and the commands for the man
 * page, from the tables of commands and options. Plugin names are asked of
 * the daemon when a shell wants them. Must never know a command by name.
 */
#include "completion.h"

#include "command.h"
#include "ctl.h"
#include "output.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What a shell offers for a kind, but for plugins and files. */
static const char *const kind_words[] = {
    [KIND_OUTPUT] = "table wide json yaml name",
    [KIND_STATE] = ("ready healthy running registered waiting initializing "
                    "starting stopping stopped backoff failed"),
    [KIND_SIGNAL] = "TERM HUP INT QUIT KILL USR1 USR2 STOP CONT ABRT",
    [KIND_SHELL] = "bash zsh man",
    [KIND_ORDER] = "cpu rss in out calls drops name",
};

enum { KIND_WORDS = sizeof(kind_words) / sizeof(*kind_words) };

/* "--all -a " for the options of a set. */
static void
print_option_words(uint32_t set)
{
	const char *between = "";

	for (int i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *o = &option_table[i];

		if (!(set & OPTION_BIT(i)))
			continue;
		printf("%s--%s", between, o->name);
		between = " ";
		if (o->letter)
			printf(" -%c", o->letter);
	}
}

/* The first words of commands, each once; their second words with `first`. */
static void
print_command_words(const char *first)
{
	const char *last = "";
	const char *between = "";

	for (size_t i = 0; i < command_count; i++) {
		const struct command *cmd = &command_table[i];
		size_t len = strcspn(cmd->name, " ");
		bool same = strncmp(cmd->name, last, len) == 0 &&
		            strcspn(last, " ") == len;

		last = cmd->name;
		if (cmd->group == GROUP_HIDDEN)
			continue;
		if (!first && !same) {
			printf("%s%.*s", between, (int)len, cmd->name);
			if (cmd->aliases)
				printf(" %s", cmd->aliases);
			between = " ";
		}
		if (first && cmd->name[len] && strlen(first) == len &&
		    strncmp(cmd->name, first, len) == 0) {
			printf("%s%s", between, cmd->name + len + 1);
			between = " ";
		}
	}
}

static const char *
offer_function(enum option_kind kind)
{
	if (kind == KIND_PLUGIN || kind == KIND_PLUGINS)
		return "plugins";
	return kind == KIND_FILE ? "files" : "words";
}

static const char *
offer_words(enum option_kind kind)
{
	return (size_t)kind < KIND_WORDS && kind_words[kind] ? kind_words[kind]
	                                                     : "";
}

/* A case of a shell's `case "$previous"` for each option with an argument. */
static void
print_argument_cases(const char *prefix)
{
	for (int i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *o = &option_table[i];

		if (!o->argument)
			continue;
		printf("\t--%s", o->name);
		if (o->letter)
			printf(" | -%c", o->letter);
		printf(") %s_%s '%s'; return ;;\n", prefix,
		    offer_function(o->kind), offer_words(o->kind));
	}
}

/* A case of a shell's `case "$command"` for each command. */
static void
print_command_cases(const char *prefix)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *cmd = &command_table[i];

		printf("\t'%s'", cmd->name);
		for (const char *p = cmd->aliases; p && *p;) {
			int n = (int)strcspn(p, " ");

			printf(" | %.*s", n, p);
			p += n + (p[n] == ' ');
		}
		fputs(")\n\t\toptions='", stdout);
		print_option_words(OPTION_GLOBAL | cmd->options);
		printf("'\n\t\t[[ $current == -* ]] && { %s_words "
		       "\"$options\"; return; }\n",
		    prefix);
		printf("\t\t%s_%s '%s' ;;\n", prefix, offer_function(cmd->kind),
		    offer_words(cmd->kind));
	}
}

/* What both shells share: finding the command among the words before the
 * cursor, then the two `case`s. */
static void
print_body(const char *prefix)
{
	fputs("\tcase $previous in\n", stdout);
	print_argument_cases(prefix);
	fputs("\tesac\n\tcase $command in\n\t'')\n"
	      "\t\tif [[ $current == -* ]]; then\n",
	    stdout);
	printf("\t\t\t%s_words '", prefix);
	print_option_words(OPTION_GLOBAL);
	printf("'\n\t\telse\n\t\t\t%s_words 'help ", prefix);
	print_command_words(NULL);
	printf("'\n\t\tfi ;;\n\tconfig)\n\t\t%s_words '", prefix);
	print_command_words("config");
	fputs("' ;;\n", stdout);
	print_command_cases(prefix);
	fputs("\tesac\n", stdout);
}

static const char bash_head[] =
    "# bash completion for pluginctl; made by pluginctl completion bash\n"
    "\n"
    "_pluginctl_words() {\n"
    "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "_pluginctl_files() {\n"
    "\tcompopt -o filenames\n"
    "\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "}\n"
    "\n"
    "_pluginctl_plugins() {\n"
    "\t_pluginctl_words \"$(\"${words[0]}\" \"${socket[@]}\" -o name "
    "--timeout 1s status 2>/dev/null)\"\n"
    "\ttype __ltrim_colon_completions >/dev/null 2>&1 &&\n"
    "\t\t__ltrim_colon_completions \"$current\"\n"
    "}\n"
    "\n"
    "_pluginctl() {\n"
    "\tlocal current previous command='' options i words cword socket=()\n"
    "\tif type _get_comp_words_by_ref >/dev/null 2>&1; then\n"
    "\t\t_get_comp_words_by_ref -n := -w words -i cword\n"
    "\telse\n"
    "\t\twords=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD\n"
    "\tfi\n"
    "\tcurrent=${words[cword]}\n"
    "\tprevious=${words[cword - 1]}\n"
    "\tCOMPREPLY=()\n"
    "\tfor ((i = 1; i < cword; i++)); do\n";

static const char zsh_head[] =
    "#compdef pluginctl\n"
    "# zsh completion for pluginctl; made by pluginctl completion zsh\n"
    "\n"
    "_pluginctl_words() {\n"
    "\tcompadd -- ${=1}\n"
    "}\n"
    "\n"
    "_pluginctl_files() {\n"
    "\t_files\n"
    "}\n"
    "\n"
    "_pluginctl_plugins() {\n"
    "\tcompadd -- ${(f)\"$(${words[1]} $socket -o name --timeout 1s status "
    "2>/dev/null)\"}\n"
    "}\n"
    "\n"
    "_pluginctl() {\n"
    "\tlocal current=${words[CURRENT]} previous=${words[CURRENT-1]}\n"
    "\tlocal command='' options i\n"
    "\tlocal -a socket\n"
    "\tfor ((i = 2; i < CURRENT; i++)); do\n";

/* Skips options and their arguments, keeps --socket for asking. */
static void
print_scan(void)
{
	const char *bar = "";

	fputs("\t\tcase ${words[i]} in\n"
	      "\t\t--socket) socket=(--socket \"${words[i + 1]}\"); "
	      "((i += 1)) ;;\n\t\t",
	    stdout);
	for (int i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *o = &option_table[i];

		if (!o->argument || i == OPTION_SOCKET)
			continue;
		printf("%s--%s", bar, o->name);
		bar = " | ";
		if (o->letter)
			printf(" | -%c", o->letter);
	}
	fputs(") ((i += 1)) ;;\n"
	      "\t\t-* | help) ;;\n"
	      "\t\t*)\n"
	      "\t\t\tif [[ -z $command ]]; then\n"
	      "\t\t\t\tcommand=${words[i]}\n"
	      "\t\t\telif [[ $command == config ]]; then\n"
	      "\t\t\t\tcommand=\"config ${words[i]}\"\n"
	      "\t\t\tfi ;;\n"
	      "\t\tesac\n"
	      "\tdone\n",
	    stdout);
}

static void
print_bash(void)
{
	fputs(bash_head, stdout);
	print_scan();
	print_body("_pluginctl");
	fputs("}\n\ncomplete -F _pluginctl pluginctl\n", stdout);
}

static void
print_zsh(void)
{
	fputs(zsh_head, stdout);
	print_scan();
	print_body("_pluginctl");
	fputs("}\n\n_pluginctl \"$@\"\n", stdout);
}

/* A text in scdoc's language: its marks are escaped. */
static void
print_scdoc(const char *s)
{
	for (; *s; s++) {
		if (strchr("_*\\", *s))
			putchar('\\');
		putchar(*s);
	}
}

/* The same as a sentence: helps are written in lower case, without a stop. */
static void
print_sentence(const char *s)
{
	putchar(toupper((unsigned char)*s));
	print_scdoc(s + 1);
	putchar('.');
}

static void
print_man_options(uint32_t set)
{
	for (int i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *o = &option_table[i];

		if (!(set & OPTION_BIT(i)))
			continue;
		putchar('\t');
		if (o->letter)
			printf("*-%c*, ", o->letter);
		printf("*--%s*", o->name);
		if (o->argument)
			printf(" _%s_", o->argument);
		fputs("\n\t\t", stdout);
		print_sentence(o->help);
		fputs("\n\n", stdout);
	}
}

static void
print_man_command(const struct command *cmd)
{
	printf("*%s* ", cmd->name);
	print_scdoc(cmd->operands);
	fputs("\n\t", stdout);
	print_sentence(cmd->help);
	if (cmd->more) {
		putchar(' ');
		print_scdoc(cmd->more);
	}
	if (cmd->aliases)
		printf(" Also called: %s.", cmd->aliases);
	fputs("\n\n", stdout);
	print_man_options(cmd->options);
}

/* The sections that pluginctl.1.scd must hold; a test compares them. */
static void
print_man(void)
{
	fputs("# COMMANDS\n\n", stdout);
	for (int g = 0; g < GROUP_HIDDEN; g++) {
		printf("## %s\n\n", command_group_title((enum command_group)g));
		for (size_t i = 0; i < command_count; i++) {
			if ((int)command_table[i].group == g)
				print_man_command(&command_table[i]);
		}
	}
	fputs("# OPTIONS\n\nOptions are taken before and after the command.\n"
	      "\n",
	    stdout);
	for (int i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *o = &option_table[i];

		if (!(OPTION_GLOBAL & OPTION_BIT(i)))
			continue;
		if (o->letter)
			printf("*-%c*, ", o->letter);
		printf("*--%s*", o->name);
		if (o->argument)
			printf(" _%s_", o->argument);
		fputs("\n\t", stdout);
		print_sentence(o->help);
		fputs("\n\n", stdout);
	}
}

int
completion_print(struct ctl *ctl)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {
	    {"bash", print_bash}, {"zsh", print_zsh}, {"man", print_man}};

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++) {
		if (strcmp(shells[i].name, ctl->argv[0]) == 0) {
			shells[i].print();
			return 0;
		}
	}
	return ctl_fail(MSG_CODE_USAGE,
	    "completion %s: only bash and zsh are known", ctl->argv[0]);
}
