/*
 * childlog: owns the read ends of the plugins' stdout and stderr and the way
 * from their bytes to lines of a file. Writing is logfile.c's, reading back
 * is logread.c's.
 *
 * A plugin that writes more than CHILDLOG_RATE_LINES a second for longer than
 * a burst is not read for a while: its pipe fills and its next write waits.
 * Back-pressure rather than dropping, because it loses nothing (the lines
 * before a crash are the ones that matter) and costs nothing: dropping means
 * reading all of it, which takes a flooded core most of a CPU. The timer that
 * ends the pause exists only during it.
 *
 * An idle plugin owns no buffer: bytes are read to the stack, and only what
 * cannot be used yet (half a line, lines over the rate) is kept on the heap.
 * Must never wait for a child, read without a bound in one turn of the loop,
 * or allocate when a process has ended.
 */
#include "childlog.h"

#include "common/clock.h"
#include "common/escape.h"
#include "common/log.h"
#include "common/units.h"
#include "logfile.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	CHILDLOG_MAGIC = 0x63686c67,
	READ_MAX = 16384,    /* a turn of the loop and stream */
	DETACH_MAX = 262144, /* of what an ended process left in its pipe */
	INPUT_MAX = READ_MAX + 2 * CHILDLOG_LINE_MAX,
	BATCH_MAX = 65536,
	HEAD_MAX = 64, /* time, stream, tabs */
	NAME_LEN_MAX = 255,
	NOTE_MAX = 1024,
	COST_BYTES = 1024,
	LINE_COST = 1000, /* of a line in allowance */
	ALLOWANCE_MAX = 2 * CHILDLOG_RATE_LINES * LINE_COST,
	ALLOWANCE_MS = CHILDLOG_RATE_LINES * LINE_COST / 1000,
	PAUSE_MS = 50,
	PAUSE_NOTE_MS = 60000,
};

struct stream {
	struct event event;
	struct childlog *log;
	const char *label;
	enum childlog_stream which;
	int fd;     /* -1: closed */
	char *rest; /* bytes that are not in a line yet, or NULL */
	size_t rest_len;
};

struct childlog {
	uint32_t magic;
	struct event_base *base;
	struct logfile *file;
	char *name;
	size_t name_len;
	struct stream streams[2];
	int64_t allowance; /* lines that may be taken now, times LINE_COST */
	int64_t refilled_ms;
	bool paused;
	int first; /* stream that goes on first after a pause: in turns */
	struct event resume;    /* pending only while paused */
	int64_t pause_noted_ms; /* 0: never */
	uint64_t dropped;
	childlog_line_fn *watch;
	void *watch_arg;
};

/* Bytes of one read, and what an earlier one left before them. One byte
 * more than can be filled: the watcher gets terminated lines. */
struct input {
	struct stream *stream;
	bool limited; /* by the rate */
	size_t len;
	char data[INPUT_MAX + 1];
};

/* Lines on their way to the file of `owner`: one write for many lines. */
static struct {
	struct childlog *owner;
	size_t len;
	char data[BATCH_MAX];
} batch;

static uint64_t sequence;

/* --- writing ----------------------------------------------------------- */

static void
flush_batch(void)
{
	struct childlog *log = batch.owner;

	if (batch.len > 0)
		log->dropped +=
		    logfile_append(log->file, batch.data, batch.len);
	batch.owner = NULL;
	batch.len = 0;
}

static const char *
format_now(void)
{
	static char text[40];
	static int64_t formatted_ms = -1;
	int64_t now_ms = clock_real_ms();

	if (now_ms != formatted_ms)
		units_format_time(now_ms, text, sizeof(text));
	formatted_ms = now_ms;
	return text;
}

/* TIME TAB NAME TAB STREAM TAB. By hand: it is most of the cost of a line. */
static char *
put_head(char *out, const struct childlog *log, const char *label)
{
	const char *now = format_now();

	out = mempcpy(out, now, strlen(now));
	*out++ = '\t';
	out = mempcpy(out, log->name, log->name_len);
	*out++ = '\t';
	out = mempcpy(out, label, strlen(label));
	*out++ = '\t';
	return out;
}

static void
put_line(struct childlog *log, const char *label, const char *text, size_t len)
{
	size_t need = HEAD_MAX + log->name_len + 4 * len + 2;
	char *out;

	if (batch.owner != log || need > BATCH_MAX - batch.len)
		flush_batch();
	batch.owner = log;
	out = put_head(batch.data + batch.len, log, label);
	out += escape_text(out, 4 * len + 1, text, len, NULL);
	*out++ = '\n';
	batch.len = (size_t)(out - batch.data);
	sequence++;
}

void
childlog_note(struct childlog *log, const char *fmt, ...)
{
	char text[NOTE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	put_line(log, "--", text, strnlen(text, (size_t)n));
	flush_batch();
}

/* Says in the file itself that something is missing there. */
static void
note_lost(struct childlog *log)
{
	uint64_t before = log->dropped;
	uint64_t lost = logfile_lost(log->file);

	if (lost == 0)
		return;
	childlog_note(
	    log, "%" PRIu64 " lines lost: they could not be written", lost);
	if (log->dropped == before)
		logfile_forget_lost(log->file);
}

/* --- lines ------------------------------------------------------------- */

static void
refill(struct childlog *log)
{
	int64_t now_ms = clock_mono_ms();
	int64_t past_ms = now_ms - log->refilled_ms;

	log->refilled_ms = now_ms;
	if (past_ms >= (ALLOWANCE_MAX - log->allowance) / ALLOWANCE_MS)
		log->allowance = ALLOWANCE_MAX;
	else
		log->allowance += past_ms * ALLOWANCE_MS;
}

static bool
is_exhausted(const struct childlog *log)
{
	return log->allowance < LINE_COST;
}

/* Long lines count for several: it is bytes that fill a disk. */
static int64_t
get_cost(size_t len)
{
	return LINE_COST * (1 + (int64_t)(len / COST_BYTES));
}

static void
take_line(struct stream *s, char *line, size_t len)
{
	struct childlog *log = s->log;
	char saved = line[len];

	if (!is_exhausted(log))
		log->allowance -= get_cost(len);
	put_line(log, s->label, line, len);
	if (!log->watch)
		return;
	line[len] = '\0';
	log->watch(log->watch_arg, s->which, line, len);
	line[len] = saved;
}

/* Where to cut a line that is too long: not inside a character. */
static size_t
choose_cut(const char *line)
{
	size_t n = CHILDLOG_LINE_MAX;

	while (n > CHILDLOG_LINE_MAX - 4 && ((uint8_t)line[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* Length of the line at the front, and of what is to be skipped with it;
 * false when it is not complete. */
static bool
find_line(const char *data, size_t len, size_t *ret_line, size_t *ret_used)
{
	size_t look = len <= CHILDLOG_LINE_MAX ? len : CHILDLOG_LINE_MAX + 1;
	const char *nl = memchr(data, '\n', look);

	if (nl) {
		*ret_line = (size_t)(nl - data);
		*ret_used = *ret_line + 1;
		return true;
	}
	if (len <= CHILDLOG_LINE_MAX)
		return false;
	*ret_line = *ret_used = choose_cut(data);
	return true;
}

/* Takes what may be taken; the rest moves to the front. */
static void
take_lines(struct input *in)
{
	size_t done = 0;
	size_t line;
	size_t used;

	while (!(in->limited && is_exhausted(in->stream->log)) &&
	       find_line(in->data + done, in->len - done, &line, &used)) {
		take_line(in->stream, in->data + done, line);
		done += used;
	}
	in->len -= done;
	memmove(in->data, in->data + done, in->len);
}

/* Nothing follows: what has no newline is a line now. */
static void
take_all(struct input *in)
{
	in->limited = false;
	take_lines(in);
	if (in->len > 0)
		take_line(in->stream, in->data, in->len);
	in->len = 0;
}

/* --- streams ----------------------------------------------------------- */

static void
input_init(struct input *in, struct stream *s, bool limited)
{
	in->stream = s;
	in->limited = limited;
	in->len = s->rest_len;
	if (s->rest)
		memcpy(in->data, s->rest, s->rest_len);
	free(s->rest);
	s->rest = NULL;
	s->rest_len = 0;
}

/* Puts aside what is to be continued, if it can be. The watcher may have
 * closed the stream meanwhile, and then nothing continues it. */
static void
keep_rest(struct input *in)
{
	struct stream *s = in->stream;

	if (in->len == 0)
		return;
	if (s->fd >= 0 && !s->rest)
		s->rest = malloc(in->len);
	if (s->fd < 0 || !s->rest) {
		take_all(in);
		return;
	}
	memcpy(s->rest, in->data, in->len);
	s->rest_len = in->len;
}

static void
close_stream(struct stream *s)
{
	if (s->fd < 0)
		return;
	event_del(&s->event);
	close(s->fd);
	s->fd = -1;
}

/* Reads once. Bytes read; 0: nothing now; -1: nothing ever again. */
static int
read_some(struct input *in, size_t max)
{
	size_t room = INPUT_MAX - in->len;
	ssize_t n;

	if (room == 0)
		return 0;
	n = read(in->stream->fd, in->data + in->len, max < room ? max : room);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	in->len += (size_t)n;
	return (int)n;
}

/* Takes what is there, to the end of what is in the pipe now. A grandchild
 * that keeps writing cannot prolong it. */
static void
drain_stream(struct stream *s)
{
	struct input in;
	int left = 0;
	int n = 0;

	if (s->fd < 0)
		return;
	input_init(&in, s, false);
	if (ioctl(s->fd, FIONREAD, &left) != 0)
		left = READ_MAX;
	for (int max = left < DETACH_MAX ? left : DETACH_MAX; max > 0;
	     max -= n) {
		n = read_some(&in, (size_t)(max < READ_MAX ? max : READ_MAX));
		if (n <= 0)
			break;
		take_lines(&in);
	}
	close_stream(s);
	take_all(&in);
	if (left > DETACH_MAX)
		childlog_note(s->log, "%d more bytes of the output not read",
		    left - DETACH_MAX);
}

/* --- the loop ---------------------------------------------------------- */

static void
note_pause(struct childlog *log)
{
	int64_t now_ms = clock_mono_ms();

	if (log->pause_noted_ms != 0 &&
	    now_ms - log->pause_noted_ms < PAUSE_NOTE_MS)
		return;
	log->pause_noted_ms = now_ms;
	childlog_note(log,
	    "slowed down: more than %d lines a second; nothing is lost",
	    (int)CHILDLOG_RATE_LINES);
}

static void
pause_reading(struct childlog *log)
{
	static const struct timeval pause = {.tv_usec = PAUSE_MS * 1000L};

	if (log->paused || event_add(&log->resume, &pause) != 0)
		return;
	log->paused = true;
	for (int i = 0; i < 2; i++) {
		if (log->streams[i].fd >= 0)
			event_del(&log->streams[i].event);
	}
	note_pause(log);
}

static void
end_turn(struct childlog *log)
{
	if (is_exhausted(log))
		pause_reading(log);
	flush_batch();
	note_lost(log);
}

/* What an earlier turn left, then one read. */
static void
read_turn(struct stream *s)
{
	struct input in;
	int n = 0;

	if (s->fd < 0)
		return;
	input_init(&in, s, true);
	take_lines(&in);
	if (!is_exhausted(s->log))
		n = read_some(&in, READ_MAX);
	if (n < 0) {
		close_stream(s);
		take_all(&in);
	} else {
		take_lines(&in);
		keep_rest(&in);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	INVARIANT(s->log->magic == CHILDLOG_MAGIC && s->fd >= 0);
	refill(s->log);
	read_turn(s);
	end_turn(s->log);
}

static void
start_reading(struct stream *s)
{
	if (s->fd < 0 || event_add(&s->event, NULL) == 0)
		return;
	log_warn(s->log->name, "out of memory: its output is closed");
	drain_stream(s);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct childlog *log = arg;

	(void)fd;
	(void)what;
	INVARIANT(log->magic == CHILDLOG_MAGIC && log->paused);
	log->paused = false;
	refill(log);
	log->first = !log->first;
	read_turn(&log->streams[log->first]);
	read_turn(&log->streams[!log->first]);
	for (int i = 0; i < 2 && !is_exhausted(log); i++)
		start_reading(&log->streams[i]);
	end_turn(log);
}

static void
attach_stream(struct stream *s, int fd)
{
	s->fd = fd;
	if (fd < 0)
		return;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		log_warn(s->log->name, "cannot read its output: %s",
		    strerror(errno));
	event_assign(
	    &s->event, s->log->base, fd, EV_READ | EV_PERSIST, on_readable, s);
	start_reading(s);
}

void
childlog_attach(struct childlog *log, int out_fd, int err_fd)
{
	childlog_detach(log);
	attach_stream(&log->streams[0], out_fd);
	attach_stream(&log->streams[1], err_fd);
}

void
childlog_detach(struct childlog *log)
{
	if (log->paused)
		event_del(&log->resume);
	log->paused = false;
	for (int i = 0; i < 2; i++)
		drain_stream(&log->streams[i]);
	flush_batch();
}

/* --- life cycle -------------------------------------------------------- */

/* The names of *opts, on the heap. */
static int
prepare(const struct childlog_options *opts, struct logfile **ret_file,
    char **ret_name)
{
	char path[PATH_MAX];
	char *name;
	int r;

	r = snprintf(
	    path, sizeof(path), "%s/%s.log", opts->directory, opts->plugin);
	if (r < 0 || (size_t)r >= sizeof(path))
		return -ENAMETOOLONG;
	name = strndup(opts->name, NAME_LEN_MAX);
	if (!name)
		return -ENOMEM;
	r = logfile_ref(path, ret_file);
	if (r != 0) {
		free(name);
		return r;
	}
	*ret_name = name;
	return 0;
}

int
childlog_configure(struct childlog *log, const struct childlog_options *o)
{
	struct logfile *file;
	char *name;
	int r = prepare(o, &file, &name);

	if (r != 0)
		return r;
	if (batch.owner == log)
		flush_batch();
	logfile_configure(file, o->max_size, o->max_files);
	logfile_unref(log->file);
	free(log->name);
	log->file = file;
	log->name = name;
	log->name_len = strlen(name);
	return 0;
}

int
childlog_new(struct event_base *base, const struct childlog_options *opts,
    struct childlog **ret)
{
	static const char *const labels[] = {"out", "err"};
	struct childlog *log = calloc(1, sizeof(*log));
	int r;

	if (!log)
		return -ENOMEM;
	log->magic = CHILDLOG_MAGIC;
	log->base = base;
	log->allowance = ALLOWANCE_MAX;
	log->refilled_ms = clock_mono_ms();
	for (int i = 0; i < 2; i++)
		log->streams[i] = (struct stream){.log = log,
		    .label = labels[i],
		    .which = (enum childlog_stream)i,
		    .fd = -1};
	event_assign(&log->resume, base, -1, 0, on_resume, log);
	r = childlog_configure(log, opts);
	if (r != 0) {
		free(log);
		return r;
	}
	*ret = log;
	return 0;
}

void
childlog_free(struct childlog *log)
{
	if (!log)
		return;
	childlog_detach(log);
	logfile_unref(log->file);
	free(log->name);
	log->magic = 0;
	free(log);
}

void
childlog_watch(struct childlog *log, childlog_line_fn *fn, void *arg)
{
	log->watch = fn;
	log->watch_arg = arg;
}

void
childlog_reopen(struct childlog *log)
{
	logfile_reopen(log->file);
}

uint64_t
childlog_dropped(const struct childlog *log)
{
	return log->dropped;
}

const char *
childlog_path(const struct childlog *log)
{
	return logfile_path(log->file);
}

uint64_t
childlog_sequence(void)
{
	return sequence;
}
