/*
 * log: one line on stderr, from any thread. Owns nothing.
 *
 * A line is built on the stack and leaves with one write, which is shorter
 * than what a pipe takes in one piece, so lines of several threads do not
 * mix. Must never allocate, and never let a byte from outside end a line.
 */
#include "plugin.h"

#include "common/escape.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 2000, LINE_MAX_BYTES = TEXT_MAX + 32 };

_Static_assert(LINE_MAX_BYTES <= PIPE_BUF, "a line is one write");

static const char mark[] = "...";

static const char *const level_names[] = {
    [PLUGIND_ERROR] = "error",
    [PLUGIND_WARN] = "warn",
    [PLUGIND_INFO] = "info",
    [PLUGIND_DEBUG] = "debug",
};

enum { LEVEL_COUNT = sizeof(level_names) / sizeof(level_names[0]) };

/* Escaped, and marked where it was cut. */
static void format_text(char out[TEXT_MAX + 1], const char *fmt, va_list ap)
    PLUGIND_PRINTF(2, 0);

static void
format_text(char out[TEXT_MAX + 1], const char *fmt, va_list ap)
{
	char raw[TEXT_MAX + 1];
	int n = vsnprintf(raw, sizeof(raw), fmt, ap);
	size_t len = n < 0 ? 0 : (size_t)n;
	size_t used;
	size_t got;

	if (len >= sizeof(raw))
		len = sizeof(raw) - 1;
	got = escape_text(
	    out, TEXT_MAX + 1 - (sizeof(mark) - 1), raw, len, &used);
	if (used < len || n > (int)len)
		memcpy(out + got, mark, sizeof(mark));
}

static void
write_line(enum plugind_level level, const char *text)
{
	char line[LINE_MAX_BYTES];
	int len =
	    snprintf(line, sizeof(line), "%s: %s\n", level_names[level], text);
	ssize_t n;

	do {
		n = write(STDERR_FILENO, line, (size_t)len);
	} while (n < 0 && errno == EINTR);
}

void
plugind_vlog(
    struct plugind *p, enum plugind_level level, const char *fmt, va_list ap)
{
	char text[TEXT_MAX + 1];
	int saved_errno = errno;

	if ((unsigned)level >= LEVEL_COUNT)
		level = PLUGIND_ERROR;
	format_text(text, fmt, ap);
	if (p->log != NULL)
		p->log(p->log_arg, level, text);
	else
		write_line(level, text);
	errno = saved_errno;
}

void
plugind_log(struct plugind *p, enum plugind_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	plugind_vlog(p, level, fmt, ap);
	va_end(ap);
}
