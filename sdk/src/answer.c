/*
 * answer: what a plugin says about how it is: the texts of its outcomes, and
 * that it is degraded. plugind_done is in command.c, which knows what is
 * unfinished.
 *
 * Texts are escaped as they come in: whatever a plugin passes on from
 * outside, the daemon and its logs get one clean line.
 */
#include "plugin.h"

#include "common/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of what runs now. */
static char *
current_text(struct plugind *p)
{
	return p->in_health ? p->health.text : p->life.text;
}

void
plugin_set_text(char out[PLUGIN_TEXT_MAX + 1], const char *fmt, va_list ap)
{
	char raw[PLUGIN_TEXT_MAX + 1];
	int n = vsnprintf(raw, sizeof(raw), fmt, ap);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len >= sizeof(raw))
		len = sizeof(raw) - 1;
	escape_text(out, PLUGIN_TEXT_MAX + 1, raw, len, NULL);
}

int
plugind_fail(struct plugind *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	plugin_set_text(current_text(p), fmt, ap);
	va_end(ap);
	return PLUGIND_FAILED;
}

int
plugind_answer(struct plugind *p, int result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	plugin_set_text(current_text(p), fmt, ap);
	va_end(ap);
	return result;
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int
plugind_degraded(struct plugind *p, const char *text)
{
	char *copy = NULL;

	if (text != NULL) {
		copy = malloc(PLUGIN_TEXT_MAX + 1);
		if (copy == NULL)
			return -ENOMEM;
		escape_text(
		    copy, PLUGIN_TEXT_MAX + 1, text, strlen(text), NULL);
	}
	if (is_same(copy, p->degraded)) {
		free(copy);
		return 0;
	}
	free(p->degraded);
	p->degraded = copy;
	p->status_news = true;
	plugin_send_status(p);
	return 0;
}
