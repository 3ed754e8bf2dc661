/*
 * cron: see cron.h. Reads a schedule, a zone and a time, asks common/cron, and
 * prints. What is wrong with an expression is said with its place.
 */
#include "cron.h"

#include "ctl.h"

#include "common/clock.h"
#include "common/cron.h"
#include "common/units.h"
#include "common/zone.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	INSTANTS_MAX = 100000,
	INSTANT_LEN = 40,
	EXPLAINED = 3, /* instants that are shown as an example */
	MINUTE = 60,
	TEXT_MAX = 8192,
};

struct question {
	struct cron cron;
	struct zone *zone;
	const char *zone_name;
	int64_t from_s;
	int64_t count;
};

/* --- what is asked ------------------------------------------------------- */

/* The expression and a mark below what is wrong with it. */
static int
fail_expression(const char *text, const struct cron_error *e)
{
	int code = ctl_fail(MSG_CODE_USAGE, "column %u%s%s: %s", e->column,
	    e->field != NULL ? ", " : "", e->field != NULL ? e->field : "",
	    e->reason);

	fprintf(stderr, "  %s\n  %*s\n", text, (int)e->column, "^");
	return code;
}

static int
open_zone(struct question *q, const char *given)
{
	int r;

	if (given != NULL && q->cron.zone[0] != '\0')
		return ctl_fail(MSG_CODE_USAGE,
		    "--tz %s and %s in the expression: which one is it?", given,
		    q->cron.zone);
	q->zone_name = given != NULL             ? given
	               : q->cron.zone[0] != '\0' ? q->cron.zone
	                                         : "UTC";
	r = zone_open(q->zone_name, &q->zone);
	if (r == 0)
		return 0;
	if (r == -ENOENT || r == -EINVAL)
		return ctl_fail(MSG_CODE_USAGE,
		    "%s: no such time zone; zones are named like "
		    "Europe/Berlin, see 'timedatectl list-timezones'",
		    q->zone_name);
	return ctl_fail(MSG_CODE_FAILED, "cannot read the time zone %s: %s",
	    q->zone_name, r == -EBADMSG ? "its file is broken" : strerror(-r));
}

static int
read_from(struct question *q, const char *given)
{
	int64_t now_ms = clock_real_ms();
	int64_t ms = now_ms;

	if (given != NULL && units_parse_since(given, now_ms, &ms) != 0)
		return ctl_fail(MSG_CODE_USAGE,
		    "--from %s: write a time like 2026-03-29T00:00:00Z", given);
	q->from_s = ms / 1000 - (ms % 1000 < 0);
	return 0;
}

static int
read_count(struct question *q, const char *given)
{
	char *end = NULL;

	q->count = 1;
	if (given == NULL)
		return 0;
	errno = 0;
	q->count = strtoll(given, &end, 10);
	if (errno != 0 || end == given || *end != '\0' || q->count < 1 ||
	    q->count > INSTANTS_MAX)
		return ctl_fail(MSG_CODE_USAGE,
		    "-n %s: write a number from 1 to %d", given, INSTANTS_MAX);
	return 0;
}

/* 0, or an exit code after saying what is wrong. */
static int
ask(struct ctl *ctl, struct question *q)
{
	struct cron_error e;
	int r;

	*q = (struct question){0};
	if (cron_parse(ctl->argv[0], &q->cron, &e) != 0)
		return fail_expression(ctl->argv[0], &e);
	r = read_from(q, ctl->option[OPTION_FROM]);
	if (r == 0)
		r = read_count(q, ctl->option[OPTION_COUNT]);
	return r != 0 ? r : open_zone(q, ctl->option[OPTION_TZ]);
}

/* --- what is told -------------------------------------------------------- */

/* With Z for an offset of 0 where it is not that of a zone by chance. */
static const char *
format(char out[INSTANT_LEN], int64_t at, int32_t offset, bool is_local)
{
	struct cron_wall w = cron_wall(at + offset);
	int32_t east = offset < 0 ? -offset : offset;
	size_t len;

	snprintf(out, INSTANT_LEN, "%04d-%02d-%02dT%02d:%02d:%02d", (int)w.year,
	    w.month, w.day, w.hour, w.minute, w.second);
	len = strlen(out);
	if (!is_local)
		snprintf(out + len, INSTANT_LEN - len, "Z");
	else
		snprintf(out + len, INSTANT_LEN - len, "%c%02d:%02d",
		    offset < 0 ? '-' : '+', (int)(east / MINUTE / MINUTE),
		    (int)(east / MINUTE % MINUTE));
	return out;
}

static void
put_text(struct buf *b, const char *key, const char *text)
{
	wire_put_str(b, key);
	wire_put_str(b, text);
}

static void
put_instant(
    struct buf *b, const struct question *q, const struct cron_instant *i)
{
	char text[INSTANT_LEN];

	wire_put_map(b, 3);
	put_text(b, "at", format(text, i->at, 0, false));
	put_text(b, "local",
	    format(text, i->at, zone_span(q->zone, i->at).offset, true));
	put_text(b, "reason", i->reason == CRON_GAP ? "dst_gap" : "normal");
}

/* For programs: an array of objects; false: for people. */
static bool
print_data(const struct ctl *ctl, const struct question *q,
    const struct cron_instant *all, size_t n)
{
	struct wire_cursor data;
	struct buf b;
	bool done;

	if (ctl->format == OUTPUT_TABLE || ctl->format == OUTPUT_WIDE)
		return false;
	buf_init(&b, n * 256 + 64);
	wire_put_array(&b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		put_instant(&b, q, &all[i]);
	wire_cursor_init(&data, b.data, b.len);
	done = output_data(ctl->format, &data);
	buf_fini(&b);
	return done;
}

static void
print_lines(const struct ctl *ctl, const struct question *q,
    const struct cron_instant *all, size_t n)
{
	char text[INSTANT_LEN], local[INSTANT_LEN];

	for (size_t i = 0; i < n; i++) {
		int32_t offset = zone_span(q->zone, all[i].at).offset;

		format(text, all[i].at, 0, false);
		if (ctl->format == OUTPUT_WIDE)
			printf("%s  %s  %s\n", text,
			    format(local, all[i].at, offset, true),
			    all[i].reason == CRON_GAP ? "dst_gap" : "normal");
		else
			puts(text);
	}
	if (n < (size_t)q->count)
		puts("never");
}

int
cron_command_next(struct ctl *ctl)
{
	struct cron_instant *all;
	struct question q;
	int64_t after;
	size_t n = 0;
	int r = ask(ctl, &q);

	if (r != 0)
		return r;
	all = calloc((size_t)q.count, sizeof(*all));
	if (all == NULL) {
		zone_free(q.zone);
		return ctl_fail(MSG_CODE_FAILED, "out of memory");
	}
	after = q.from_s;
	while (
	    n < (size_t)q.count && cron_next(&q.cron, q.zone, after, &all[n]))
		after = all[n++].at;
	if (!print_data(ctl, &q, all, n))
		print_lines(ctl, &q, all, n);
	free(all);
	zone_free(q.zone);
	return 0;
}

static void
print_examples(const struct question *q)
{
	char text[INSTANT_LEN], local[INSTANT_LEN];
	struct cron_instant at = {.at = q->from_s};
	int n = 0;

	for (; n < EXPLAINED && cron_next(&q->cron, q->zone, at.at, &at); n++)
		printf("%s%s  %s%s\n", n == 0 ? "next: " : "      ",
		    format(text, at.at, 0, false),
		    format(
		        local, at.at, zone_span(q->zone, at.at).offset, true),
		    at.reason == CRON_GAP
		        ? "  in place of a time that the zone skips"
		        : "");
	if (n < EXPLAINED)
		printf("%snever%s\n", n == 0 ? "next: " : "      ",
		    n == 0 ? " in the next 100 years" : " again");
}

int
cron_command_explain(struct ctl *ctl)
{
	struct question q;
	struct buf words;
	int r = ask(ctl, &q);

	if (r != 0)
		return r;
	buf_init(&words, TEXT_MAX);
	cron_put_words(&words, &q.cron);
	if (q.cron.kind == CRON_FIELDS_KIND)
		buf_printf(&words, ", %s time", q.zone_name);
	puts(buf_cstr(&words));
	buf_reset(&words);
	cron_put_warnings(&words, &q.cron);
	fputs(buf_cstr(&words), stdout);
	buf_fini(&words);
	if (q.cron.kind != CRON_REBOOT)
		print_examples(&q);
	zone_free(q.zone);
	return 0;
}
