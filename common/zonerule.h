/*
 * zonerule: the rule behind the last change that a TZif file lists: the text
 * of its footer, "CET-1CEST,M3.5.0,M10.5.0/3". For zone.c only. Pure.
 */
#ifndef COMMON_ZONERULE_H
#define COMMON_ZONERULE_H

#include "zone.h"

#include <stdbool.h>

/* One day in every year, and a time of it in seconds, which may be up to a
 * week before or after that day. */
struct zonerule_date {
	enum { ZONERULE_MONTH, ZONERULE_JULIAN, ZONERULE_DAY } kind;
	int month; /* 1..12 */
	int week;  /* 1..5; 5: the last one */
	int day;   /* of the week 0..6, or of the year */
	int32_t time;
};

struct zonerule {
	int32_t std, dst; /* seconds east of UTC */
	bool has_dst;
	struct zonerule_date start, end; /* of DST, if there is any */
};

/* 0 or -EBADMSG, and then `*ret` is undefined. */
int zonerule_parse(const char *s, size_t len, struct zonerule *ret);

/* As zone_span(), as if the rule had been in force at all times; it is
 * followed in the years 1 to 9999, and the offset stays the same before and
 * after. */
struct zone_span zonerule_span(const struct zonerule *rule, int64_t at);

#endif
