/*
 * units: durations, sizes, percentages and times as people write and read
 * them. Pure. Parsers take the whole string or nothing; none accepts a sign,
 * blanks, or a value that overflows. A fraction (six digits at most) finer
 * than the result is dropped, but nothing but zero is read as zero.
 */
#ifndef COMMON_UNITS_H
#define COMMON_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "500ms" "10s" "1h30m" "2d" "0s" -> milliseconds. Units ms, s, m, h, d, w in
 * falling order, each at most once, a decimal fraction allowed ("1.5s").
 * A bare number is refused, but for "0". 0, -EINVAL or -ERANGE. */
int units_parse_duration(const char *s, int64_t *ret_ms);

/* "64MiB" "1GB" "512K" "4096" -> bytes. KiB MiB GiB TiB and K M G T are powers
 * of 1024; kB KB MB GB TB of 1000; B or nothing is bytes. */
int units_parse_size(const char *s, int64_t *ret_bytes);

/* "50%" or "12.5%" -> thousandths of a percent (50000, 12500), at most
 * `max_percent`. A bare number is refused. */
int units_parse_percent(const char *s, int64_t max_percent, int64_t *ret_milli);

/* A signal by name (TERM, SIGTERM, any case) or number -> 1..64. */
int units_parse_signal(const char *s, int *ret_signal);
/* "TERM", "KILL", "RTMIN+1"; a number for one without a name. `cap` >= 16
 * here, 32 below. */
const char *units_signal_name(int signal, char *out, size_t cap);

/* The shortest exact form that units_parse_duration reads back: "1m30s". */
const char *units_format_duration(int64_t ms, char *out, size_t cap);
/* For people, two units at most: "3d4h", "12m5s", "850ms". */
const char *units_format_age(int64_t ms, char *out, size_t cap);
/* The shortest exact form that units_parse_size reads back: "64MiB". */
const char *units_format_size(int64_t bytes, char *out, size_t cap);
const char *units_format_percent(int64_t milli, char *out, size_t cap);

/* RFC 3339 in UTC with milliseconds from Unix milliseconds; cap >= 32. */
const char *units_format_time(int64_t unix_ms, char *out, size_t cap);
/* RFC 3339 (Z or an offset), "YYYY-MM-DD[ HH:MM[:SS]]" in UTC, "@UNIX" in
 * seconds, or a duration meaning "that long ago" -> Unix milliseconds. 0 or
 * -EINVAL. */
int units_parse_since(const char *s, int64_t now_unix_ms, int64_t *ret_unix_ms);

#endif
