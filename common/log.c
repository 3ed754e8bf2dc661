/*
 * log: lines of text or JSON to stderr, the journal or a file.
 *
 * Owns the program's log sink, the only writable globals of common/. A line
 * is built in LINE_MAX_BYTES on the stack and leaves with one system call;
 * what does not fit is cut and marked "...". Must never allocate while it
 * writes a line, must never wait for a reader (a sink that is not ready
 * loses the line, which is counted), and must never let a byte from outside
 * end a line. Only log_panic() is fatal: it is for our own broken
 * invariants.
 */
#include "log.h"

#include "buf.h"
#include "clock.h"
#include "escape.h"
#include "json.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 2048,
	MESSAGE_MAX_BYTES = 1536,
	SUBJECT_MAX_BYTES = 128,
	MARK_ROOM = sizeof("...\n") - 1,
	TIME_CAP = 40,
};

struct sink {
	int fd;
	mode_t kind;            /* S_IFREG, S_IFSOCK, ... */
	bool torn;              /* the last line went out in part */
	char path[PATH_MAX];    /* "" for stderr */
	int64_t size, max_size; /* bytes */
	int max_files;
};

static struct sink sink = {.fd = STDERR_FILENO};
static char program[32] = "plugind";
static bool is_journal;
static enum log_level max_level = LOG_INFO;
static enum log_format line_format = LOG_TEXT;
static uint64_t dropped;

static const struct {
	const char *name;
	char priority; /* of syslog(3) */
} levels[LOG_LEVEL__COUNT] = {
    [LOG_ERROR] = {"error", '3'},
    [LOG_WARN] = {"warn", '4'},
    [LOG_INFO] = {"info", '6'},
    [LOG_DEBUG] = {"debug", '7'},
};

static const char *const formats[LOG_FORMAT__COUNT] = {
    [LOG_TEXT] = "text",
    [LOG_JSON] = "json",
};

const char *
log_level_to_string(enum log_level level)
{
	return levels[level].name;
}

int
log_level_from_string(const char *s, enum log_level *ret)
{
	for (unsigned i = 0; i < LOG_LEVEL__COUNT; i++) {
		if (strcmp(s, levels[i].name) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *
log_format_to_string(enum log_format format)
{
	return formats[format];
}

int
log_format_from_string(const char *s, enum log_format *ret)
{
	for (unsigned i = 0; i < LOG_FORMAT__COUNT; i++) {
		if (strcmp(s, formats[i]) == 0) {
			*ret = (enum log_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

void
log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level
log_get_level(void)
{
	return max_level;
}

void
log_set_format(enum log_format format)
{
	line_format = format;
}

uint64_t
log_dropped(void)
{
	return dropped;
}

/* systemd names the journal's socket by device and inode: a stderr that was
 * redirected since then is not the journal. */
static bool
is_journal_stream(int fd)
{
	const char *s = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (!s || fstat(fd, &st) < 0)
		return false;
	errno = 0;
	dev = strtoull(s, &end, 10);
	if (*end != ':')
		return false;
	ino = strtoull(end + 1, &end, 10);
	return errno == 0 && *end == '\0' && dev == st.st_dev &&
	       ino == st.st_ino;
}

/* Makes `fd` the sink; the old one is closed unless it is stderr. */
static void
set_sink(int fd, const struct stat *st)
{
	if (sink.fd != STDERR_FILENO)
		close(sink.fd);
	sink.fd = fd;
	sink.kind = st->st_mode & S_IFMT;
	sink.torn = false;
	sink.size = st->st_size;
	is_journal = fd == STDERR_FILENO && is_journal_stream(fd);
}

static void
use_stderr(void)
{
	struct stat st = {0};

	/* A closed stderr: every write fails and is counted. */
	if (fstat(STDERR_FILENO, &st) < 0)
		st.st_mode = 0;
	sink.path[0] = '\0';
	set_sink(STDERR_FILENO, &st);
}

/* O_NONBLOCK: a FIFO or a tty instead of a file must not stop us. */
static int
open_file(const char *path)
{
	struct stat st;
	int fd, r;

	fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    0640);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	set_sink(fd, &st);
	return 0;
}

void
log_init(const char *ident)
{
	snprintf(program, sizeof(program), "%s", ident);
	use_stderr();
}

int
log_open(const char *path, int64_t max_size, int max_files)
{
	size_t len = path ? strlen(path) : 0;
	int r;

	if (!path || strcmp(path, "stderr") == 0) {
		use_stderr();
		return 0;
	}
	if (len == 0)
		return -EINVAL;
	if (len >= sizeof(sink.path))
		return -ENAMETOOLONG;
	r = open_file(path);
	if (r)
		return r;
	memcpy(sink.path, path, len + 1);
	sink.max_size = max_size;
	sink.max_files = max_files;
	return 0;
}

int
log_reopen(void)
{
	return sink.path[0] ? open_file(sink.path) : 0;
}

/* "name.N" of the file, N = 0 being the file itself. */
static bool
name_file(char *out, size_t cap, int n)
{
	int len = n ? snprintf(out, cap, "%s.%d", sink.path, n)
	            : snprintf(out, cap, "%s", sink.path);

	return len > 0 && (size_t)len < cap;
}

/*
 * Moves every file one number up and opens a new one. Without old files to
 * keep it is removed. A failure keeps the old file: its size counts from 0
 * again, so that the next try is not at the next line.
 */
static void
rotate(void)
{
	char from[PATH_MAX], to[PATH_MAX];
	bool moved = true;

	sink.size = 0;
	if (sink.max_files <= 0)
		moved = unlink(sink.path) == 0;
	for (int n = sink.max_files; n > 0; n--) {
		if (!name_file(from, sizeof(from), n - 1) ||
		    !name_file(to, sizeof(to), n))
			return;
		moved = rename(from, to) == 0;
	}
	if (moved)
		open_file(sink.path);
}

/*
 * True when a write of a line cannot wait. A pipe that polls writable has
 * room for PIPE_BUF bytes, which is more than a line.
 */
static bool
is_ready(void)
{
	struct pollfd pfd = {.fd = sink.fd, .events = POLLOUT};

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT;
}

static ssize_t
write_bytes(const uint8_t *data, size_t len)
{
	if (sink.kind == S_IFSOCK)
		return send(sink.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sink.kind != S_IFREG && !is_ready())
		return -1;
	return write(sink.fd, data, len);
}

static void
send_line(const struct buf *line)
{
	int64_t len = (int64_t)line->len;
	ssize_t n;

	if (sink.kind == S_IFREG && sink.path[0] && sink.max_size > 0 &&
	    sink.size > 0 && sink.size + len > sink.max_size)
		rotate();
	n = write_bytes(line->data, line->len);
	if (n > 0) {
		sink.torn = n < len;
		sink.size += n;
	}
	if (n < len)
		dropped++;
}

/* Appends escaped text, leaving room for the end of the line. */
static void
put_text(struct buf *line, const char *s, size_t len)
{
	size_t room = line->limit - line->len, used, n;

	room = room > MARK_ROOM ? room - MARK_ROOM : 0;
	n = escape_text((char *)line->data + line->len, room, s, len, &used);
	line->len += n;
	if (used < len)
		buf_puts(line, "...");
}

static void
build_text(struct buf *line, enum log_level level, const char *subject,
    const char *message, size_t len)
{
	char now[TIME_CAP];

	if (!is_journal) {
		units_format_time(clock_real_ms(), now, sizeof(now));
		buf_printf(line, "%s %-5s %s[%d]: ", now, levels[level].name,
		    program, (int)getpid());
	}
	if (subject) {
		put_text(line, subject, strnlen(subject, SUBJECT_MAX_BYTES));
		buf_puts(line, ": ");
	}
	put_text(line, message, len);
}

static void
build_json(struct buf *line, enum log_level level, const char *subject,
    const char *message, size_t len)
{
	struct json j;
	char now[TIME_CAP];

	json_init(&j, line, 0);
	json_object(&j);
	json_key(&j, "time");
	json_str(&j, units_format_time(clock_real_ms(), now, sizeof(now)));
	json_key(&j, "level");
	json_str(&j, levels[level].name);
	json_key(&j, "program");
	json_str(&j, program);
	json_key(&j, "pid");
	json_int(&j, getpid());
	json_key(&j, "subject");
	if (subject)
		json_strn(&j, subject, strnlen(subject, SUBJECT_MAX_BYTES));
	else
		json_null(&j);
	json_key(&j, "message");
	json_strn(&j, message, len);
	json_end_object(&j);
}

static void
build_line(struct buf *line, enum log_level level, const char *subject,
    const char *message, size_t len)
{
	if (sink.torn)
		buf_putc(line, '\n');
	if (is_journal)
		buf_printf(line, "<%c>", levels[level].priority);
	if (line_format == LOG_JSON)
		build_json(line, level, subject, message, len);
	else
		build_text(line, level, subject, message, len);
	buf_putc(line, '\n');
}

/* Cuts to at most `len` bytes, not inside a character. */
static size_t
cut_message(char *message, size_t len)
{
	static const char mark[] = "...";

	for (int i = 0; i < 3 && len > 0; i++, len--) {
		if (((unsigned char)message[len] & 0xc0) != 0x80)
			break;
	}
	memcpy(message + len, mark, sizeof(mark));
	return len + sizeof(mark) - 1;
}

void
log_write(enum log_level level, const char *subject, const char *fmt, ...)
{
	char message[MESSAGE_MAX_BYTES + 4], storage[LINE_MAX_BYTES];
	int saved_errno = errno, n;
	struct buf line;
	size_t len;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	n = vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	len = n < 0 ? 0 : (size_t)n;
	if (len > MESSAGE_MAX_BYTES)
		len = cut_message(message, MESSAGE_MAX_BYTES);
	/* In JSON a byte may need six: cut again until the line fits. All but
	 * the message needs less than 1200 bytes even so, so it will. */
	for (;;) {
		buf_init_fixed(&line, storage, sizeof(storage));
		build_line(&line, level, subject, message, len);
		if (!buf_error(&line))
			break;
		len = cut_message(message, len / 2);
	}
	send_line(&line);
	errno = saved_errno;
}

void
log_panic(const char *file, int line, const char *what)
{
	log_write(LOG_ERROR, NULL, "panic at %s:%d: %s", file, line, what);
	abort();
}
