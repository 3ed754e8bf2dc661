/*
 * log: the program's own log, text or JSON lines, to stderr or a file.
 *
 * A line is built on the stack and leaves with one write; nothing is
 * allocated and nothing waits: a sink that would block loses the line and
 * log_dropped() counts it. Everything that came from outside is escaped, so
 * no line can be forged. Not for use in several threads at once.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL__COUNT };
enum log_format { LOG_TEXT, LOG_JSON, LOG_FORMAT__COUNT };

const char *log_level_to_string(enum log_level level);
/* 0 or -EINVAL; *ret untouched on failure. */
int log_level_from_string(const char *s, enum log_level *ret);
const char *log_format_to_string(enum log_format format);
int log_format_from_string(const char *s, enum log_format *ret);

/* Name shown in each line ("plugind"). Until log_open() lines go to stderr
 * as text. When stderr is journald (JOURNAL_STREAM), text lines carry a "<N>"
 * priority instead of time, level and name, which journald knows; JSON lines
 * have it in front. */
void log_init(const char *ident);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_format(enum log_format format);

/* Sends the log to a file (NULL or "stderr": to stderr), rotated at
 * max_size bytes with max_files old ones kept. 0 or -errno (the old sink
 * stays). */
int log_open(const char *path, int64_t max_size, int max_files);
/* Reopens the file by its name, for logrotate. 0 or -errno. */
int log_reopen(void);
uint64_t log_dropped(void);

/* One line. `subject` is the plugin or client it is about, or NULL. */
void log_write(enum log_level level, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(subject, ...) log_write(LOG_ERROR, subject, __VA_ARGS__)
#define log_warn(subject, ...) log_write(LOG_WARN, subject, __VA_ARGS__)
#define log_info(subject, ...) log_write(LOG_INFO, subject, __VA_ARGS__)
#define log_debug(subject, ...) log_write(LOG_DEBUG, subject, __VA_ARGS__)

/* Says what broke and aborts. For our own inconsistencies only. */
_Noreturn void log_panic(const char *file, int line, const char *what);
#define INVARIANT(x) \
	((x) ? (void)0 : log_panic(__FILE__, __LINE__, "broken invariant: " #x))

#endif
