/*
 * stub: programs that behave, or misbehave, in one way each, in one binary:
 * stub BEHAVIOUR [ARGUMENT...]. File names are relative to the directory of
 * the test, which lies three levels above $PLUGIND_STATE_DIR.
 */
#ifndef TESTS_STUBS_STUB_H
#define TESTS_STUBS_STUB_H

#include <stdbool.h>
#include <stddef.h>

/* Absolute path of a file of the test; valid until the next call. */
const char *stub_path(const char *name);
/* Returns when the file exists; "-" does at once. */
void stub_await(const char *name);
/* Sleeps for ever; signals do what they do. */
_Noreturn void stub_pause(void);
/* Appends a line, or replaces the file at once with the text. */
void stub_append(const char *name, const char *line);
void stub_write(const char *name, const char *text);

typedef int stub_fn(int argc, char **argv); /* argv[0]: the behaviour */

/* state.c: what a program finds when it starts. */
int stub_state(int argc, char **argv);
/* ask.c: a plugin that tries to give commands. */
int stub_ask(int argc, char **argv);

#endif
