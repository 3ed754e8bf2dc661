/*
 * cron: schedules in the language of cron, with seconds and years, and what
 * Quartz adds to days. Pure: no clock, no locale.
 *
 * An expression has five fields (minute hour day month weekday), six (second
 * in front) or seven (year behind), or is a descriptor (@daily, @every 5m).
 * docs/CRON.md is the whole of it, for people.
 */
#ifndef COMMON_CRON_H
#define COMMON_CRON_H

#include <stdbool.h>
#include <stdint.h>

struct zone;

enum cron_field {
	CRON_SECOND,
	CRON_MINUTE,
	CRON_HOUR,
	CRON_DAY, /* of the month */
	CRON_MONTH,
	CRON_WEEKDAY,
	CRON_YEAR,
	CRON__FIELDS
};

enum cron_kind {
	CRON_FIELDS_KIND, /* the fields say */
	CRON_EVERY,       /* so many seconds apart */
	CRON_REBOOT,      /* when the scheduler starts */
};

/* How day and weekday go together. */
enum cron_match {
	CRON_MATCH_VIXIE, /* OR if neither begins with a star, else AND */
	CRON_MATCH_OR,
	CRON_MATCH_AND,
};

/* What becomes of times that a zone skips or has twice. */
enum cron_dst {
	/* A fixed time that is skipped comes at the first instant after, one
	 * that is there twice the first time only; where minute or hour begin
	 * with a star, the wall clock decides. */
	CRON_DST_VIXIE,
	CRON_DST_SKIP, /* skipped is skipped, and twice is once, for all */
};

enum {
	CRON_TEXT_MAX = 512,
	CRON_ZONE_MAX = 256,
	CRON_YEAR_MIN = 1970,
	CRON_YEAR_MAX = 2199,
	CRON_YEAR_WORDS = (CRON_YEAR_MAX - CRON_YEAR_MIN) / 64 + 1,
};

/* Sets are bits: bit n is the value n. */
struct cron {
	enum cron_kind kind;
	enum cron_match match; /* may be changed before cron_next */
	enum cron_dst dst;     /* the same */
	int64_t every_s;
	uint64_t second, minute;
	uint32_t hour, month;
	uint32_t day;       /* of the month */
	uint32_t last;      /* L-n */
	uint32_t near;      /* nW */
	uint32_t near_last; /* L-nW */
	uint8_t weekday;    /* 0 is Sunday */
	uint8_t nth[7];     /* of each weekday: bit k is #k, bit 0 the last */
	uint64_t year[CRON_YEAR_WORDS]; /* from CRON_YEAR_MIN */
	uint8_t stars;                  /* bit f: field f begins with * or ? */
	uint8_t all;                    /* bit f: it is nothing but that */
	uint8_t uneven; /* bit f: steps of a star that do not divide it */
	uint8_t steps;  /* bit f: a star with steps */
	unsigned nfields;
	char zone[CRON_ZONE_MAX]; /* of CRON_TZ= or TZ=; "": none */
};

struct cron_error {
	unsigned column;   /* of what is wrong, from 1 */
	const char *field; /* "minute"; NULL: the whole */
	char reason[128];
};

/* 0, or -EINVAL and *e. */
int cron_parse(const char *text, struct cron *c, struct cron_error *e);

enum cron_reason {
	CRON_NORMAL,
	CRON_GAP, /* in place of a time that the zone skips */
};

struct cron_instant {
	int64_t at; /* seconds since 1970 */
	enum cron_reason reason;
};

/* The first instant after `after`; false: none in the next 100 years. An
 * interval counts from `after`. */
bool cron_next(const struct cron *c, const struct zone *z, int64_t after,
    struct cron_instant *ret);

/* The name of a field for people: "day of the month". */
const char *cron_field_name(enum cron_field f);

/* --- the calendar, which is the same for all zones ----------------------- */

/* Seconds since 1970 as if the wall clock were UTC. */
struct cron_wall {
	int64_t year;
	int month, day; /* from 1 */
	int hour, minute, second;
	int weekday; /* 0 is Sunday */
};
struct cron_wall cron_wall(int64_t seconds);
int64_t cron_seconds(const struct cron_wall *w);
int cron_month_days(int64_t year, int month);

/* Whether a day of the month and one of the week are due each for itself. */
bool cron_is_or(const struct cron *c);
/* The days of a month on which it is due, as bits. */
uint32_t cron_days(const struct cron *c, int64_t year, int month);

#endif
