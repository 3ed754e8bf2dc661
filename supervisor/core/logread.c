/*
 * logread: reads plugins' logs back (childlog_read). Owns nothing between two
 * calls: where a reader stands is in its position, and a file is found again
 * by its inode, whatever number rotation has given it meanwhile.
 *
 * Files are taken as they are. Operators edit, cut and copy them: what does
 * not look like a line that childlog wrote is skipped, so nothing that could
 * harm a terminal gets out, and an offset behind the end begins the file
 * anew. Work is bounded by SEARCH_MAX backwards and READ_MAX forwards in a
 * call. Must never hold a whole file in memory or write anything.
 */
#include "childlog.h"

#include "common/escape.h"
#include "common/units.h"
#include "common/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BLOCK = 65536, /* longer than any line of ours */
	READ_MAX = 1024 * 1024,
	SEARCH_MAX = READ_MAX, /* for the first of the last lines */
	NUMBER_MAX = 1000,
	TIME_LEN = 24,   /* 2026-01-31T12:00:00.000Z */
	ENTRY_ROOM = 64, /* of an encoded line, besides name and text */
};

/* The place before all that is in a file which does not exist yet. */
static const uint64_t INODE_NONE = UINT64_MAX;

struct line {
	const char *time;
	const char *name;
	size_t name_len;
	const char *stream;
	size_t stream_len;
	const char *text;
	size_t text_len;
};

struct reader {
	const struct childlog_query *q;
	struct buf *out;
	size_t room;  /* bytes that may still be appended */
	size_t quota; /* bytes that may still be read */
	uint32_t count;
	bool more;
};

/* One at a time, on the loop, with no callback between: one will do. */
static char block[BLOCK];

/* --- lines ------------------------------------------------------------- */

/* Splits off the bytes up to the next TAB. */
static bool
split(const char **p, const char *end, const char **ret, size_t *ret_len)
{
	const char *tab = memchr(*p, '\t', (size_t)(end - *p));

	if (!tab)
		return false;
	*ret = *p;
	*ret_len = (size_t)(tab - *p);
	*p = tab + 1;
	return true;
}

static bool
parse_line(const char *p, size_t len, struct line *ret)
{
	const char *end = p + len;
	size_t time_len;

	if (!split(&p, end, &ret->time, &time_len) || time_len != TIME_LEN ||
	    ret->time[10] != 'T' || ret->time[TIME_LEN - 1] != 'Z')
		return false;
	if (!split(&p, end, &ret->name, &ret->name_len) ||
	    !split(&p, end, &ret->stream, &ret->stream_len) ||
	    ret->stream_len > 3)
		return false;
	ret->text = p;
	ret->text_len = (size_t)(end - p);
	return true;
}

static int
parse_time(const struct line *l, int64_t *ret_ms)
{
	char text[TIME_LEN + 1];

	memcpy(text, l->time, TIME_LEN);
	text[TIME_LEN] = '\0';
	return units_parse_since(text, 0, ret_ms);
}

static bool
is_wanted(const struct childlog_query *q, const struct line *l)
{
	return !q->name || (strlen(q->name) == l->name_len &&
	                       memcmp(q->name, l->name, l->name_len) == 0);
}

/* Makes the first line of an answer fit, or there would never be one. */
static void
cut_text(struct line *l, size_t room)
{
	size_t head = ENTRY_ROOM + l->name_len;

	l->text_len = room > head ? room - head : 0;
	while (l->text_len > 0 && (l->text[l->text_len] & 0xc0) == 0x80)
		l->text_len--;
}

/* False when there is no room for it. */
static bool
put_entry(struct reader *r, struct line *l, int64_t time_ms)
{
	size_t before = r->out->len;
	size_t need = ENTRY_ROOM + l->name_len + l->text_len;

	if (need > r->room && r->count > 0)
		return false;
	if (need > r->room)
		cut_text(l, r->room);
	wire_put_map(r->out, 4);
	wire_put_str(r->out, "time_ms");
	wire_put_int(r->out, time_ms);
	wire_put_str(r->out, "name");
	wire_put_strn(r->out, l->name, l->name_len);
	wire_put_str(r->out, "stream");
	wire_put_strn(r->out, l->stream, l->stream_len);
	wire_put_str(r->out, "text");
	wire_put_strn(r->out, l->text, l->text_len);
	need = r->out->len - before;
	r->room -= need < r->room ? need : r->room;
	r->count++;
	return true;
}

/* False when this line has to wait for the next call. */
static bool
take_line(struct reader *r, const char *p, size_t len)
{
	struct line l;
	int64_t time_ms;

	if (!parse_line(p, len, &l) || !is_wanted(r->q, &l) ||
	    parse_time(&l, &time_ms) != 0 || time_ms < r->q->since_ms ||
	    !escape_clean(p, len))
		return true;
	return put_entry(r, &l, time_ms);
}

/* --- files ------------------------------------------------------------- */

/* Opens PATH.N, or PATH for 0. A descriptor, or -errno. */
static int
open_number(const char *path, int n, struct stat *ret_st)
{
	char name[PATH_MAX];
	int len, fd;

	*ret_st = (struct stat){0};
	len = n ? snprintf(name, sizeof(name), "%s.%d", path, n)
	        : snprintf(name, sizeof(name), "%s", path);
	if (len >= (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

/* The file of this inode: its number and descriptor. -ENOENT: it is gone. */
static int
open_inode(
    const char *path, uint64_t inode, int *ret_number, struct stat *ret_st)
{
	struct stat st;
	int fd;

	for (int n = 0; n <= NUMBER_MAX; n++) {
		fd = open_number(path, n, &st);
		if (fd >= 0 && st.st_ino == inode) {
			*ret_number = n;
			*ret_st = st;
			return fd;
		}
		if (fd >= 0)
			close(fd);
		else if (n > 0)
			break;
		else if (fd != -ENOENT)
			return fd;
	}
	return -ENOENT;
}

/* The oldest file there is, likewise: nothing of it has been read yet. */
static int
open_oldest(const char *path, int *ret_number, struct stat *ret_st)
{
	struct stat st;
	int fd, last = -ENOENT;

	for (int n = 0; n <= NUMBER_MAX; n++) {
		fd = open_number(path, n, &st);
		if (fd < 0 && n > 0)
			break;
		if (fd < 0)
			continue;
		if (last >= 0)
			close(last);
		last = fd;
		*ret_number = n;
		*ret_st = st;
	}
	return last;
}

/* --- backwards --------------------------------------------------------- */

struct search {
	const struct childlog_query *q;
	size_t quota;
	uint64_t found;
	bool done;
};

static void
judge_line(struct search *s, const char *p, size_t len)
{
	struct line l;
	int64_t time_ms;

	if (!parse_line(p, len, &l))
		return;
	if (s->q->since_ms > 0 && parse_time(&l, &time_ms) == 0 &&
	    time_ms < s->q->since_ms) {
		s->done = true;
		return;
	}
	if (is_wanted(s->q, &l) && ++s->found >= s->q->lines)
		s->done = true;
}

/*
 * Goes through the lines of block[0..len) from the last to the first, as far
 * as they are whole. Returns the start of the
 * last line that belongs to the answer (len: none does).
 */
static size_t
search_block(struct search *s, size_t len, bool at_start)
{
	size_t end = len;
	size_t from;
	const char *nl;

	while (end > 0 && block[end - 1] != '\n')
		end--; /* a line that is not whole is not in the answer */
	while (end > 0) {
		nl = end > 1 ? memrchr(block, '\n', end - 1) : NULL;
		if (!nl && !at_start)
			return end;
		from = nl ? (size_t)(nl + 1 - block) : 0;
		judge_line(s, block + from, end - 1 - from);
		/* The line that is too old is not in the answer. */
		if (s->done && s->found < s->q->lines)
			return end;
		end = from;
		if (s->done)
			return end;
	}
	return 0;
}

/* Searches one file from its end; *ret_offset is where the answer begins. */
static int
search_file(struct search *s, int fd, uint64_t size, uint64_t *ret_offset)
{
	uint64_t end = size;
	size_t len;
	size_t from;
	ssize_t n;

	while (end > 0 && !s->done) {
		len = end < BLOCK ? (size_t)end : BLOCK;
		n = pread(fd, block, len, (off_t)(end - len));
		if (n < 0)
			return -errno;
		if ((size_t)n < len || s->quota < len) {
			s->done = true; /* cut while we read; or enough */
			break;
		}
		s->quota -= len;
		from = search_block(s, len, end == len);
		/* No line ends here: it is none of ours, skip it all. */
		if (from == len && !s->done)
			from = 0;
		end = end - len + from;
	}
	*ret_offset = end;
	return 0;
}

/* Where the last q->lines lines begin, in whichever file that is. */
static int
find_start(const struct childlog_query *q, struct childlog_position *ret)
{
	struct search s = {.q = q, .quota = SEARCH_MAX, .done = q->lines == 0};
	struct childlog_position start = {.inode = INODE_NONE};
	struct stat st;
	int fd, r;

	for (int n = 0; n <= NUMBER_MAX; n++) {
		fd = open_number(q->path, n, &st);
		if (fd == -ENOENT && n == 0)
			continue;
		if (fd < 0)
			break;
		start.inode = st.st_ino;
		r = search_file(&s, fd, (uint64_t)st.st_size, &start.offset);
		close(fd);
		if (r != 0)
			return r;
		if (s.done)
			break;
	}
	if (fd < 0 && fd != -ENOENT && start.inode == INODE_NONE)
		return fd;
	*ret = start;
	return 0;
}

/* --- forwards ---------------------------------------------------------- */

/* Takes the whole lines of block[0..len). Bytes that are done with. */
static size_t
take_block(struct reader *r, size_t len)
{
	size_t done = 0;
	size_t line;
	const char *nl;

	while ((nl = memchr(block + done, '\n', len - done)) != NULL) {
		line = (size_t)(nl - block) - done;
		if (!take_line(r, block + done, line)) {
			r->more = true;
			break;
		}
		done += line + 1;
	}
	/* A block without an end of line is none of ours. */
	return done == 0 && !r->more && len == BLOCK ? len : done;
}

/* Reads from *offset to the end of the file, or until r->more. */
static int
read_file(struct reader *r, int fd, uint64_t *offset)
{
	size_t done;
	ssize_t n;

	while (!r->more) {
		n = pread(fd, block, BLOCK, (off_t)*offset);
		if (n < 0)
			return -errno;
		done = take_block(r, (size_t)n);
		*offset += done;
		if (done == 0)
			break;
		r->quota -= (size_t)n < r->quota ? (size_t)n : r->quota;
		if (r->quota < BLOCK)
			r->more = true;
	}
	return 0;
}

/* The next newer file that exists, from its beginning. */
static bool
step_number(const char *path, int number, struct childlog_position *position)
{
	struct stat st;
	int fd;

	while (number-- > 0) {
		fd = open_number(path, number, &st);
		if (fd < 0)
			continue;
		close(fd);
		position->inode = st.st_ino;
		position->offset = 0;
		return true;
	}
	return false;
}

/* Reads on in the file of the position. *ret_next: it was read to its end,
 * and the position is at the beginning of the next newer one. */
static int
read_on(struct reader *r, struct childlog_position *position, bool *ret_next)
{
	struct stat st;
	int number, status, fd;

	if (position->inode == INODE_NONE)
		fd = open_oldest(r->q->path, &number, &st);
	else
		fd = open_inode(r->q->path, position->inode, &number, &st);
	if (fd >= 0) {
		position->inode = st.st_ino;
	} else if (fd == -ENOENT) {
		/* Gone, with all that followed it there. */
		fd = open_number(r->q->path, 0, &st);
		number = 0;
		position->offset = 0;
		if (fd >= 0)
			position->inode = st.st_ino;
	}
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (position->offset > (uint64_t)st.st_size)
		position->offset = 0;
	status = read_file(r, fd, &position->offset);
	close(fd);
	if (status == 0 && !r->more)
		*ret_next = step_number(r->q->path, number, position);
	return status;
}

int
childlog_read(const struct childlog_query *q,
    struct childlog_position *position, struct buf *out, uint32_t *ret_count,
    bool *ret_more)
{
	struct reader r = {
	    .q = q, .out = out, .room = q->limit, .quota = READ_MAX};
	struct childlog_position at = *position;
	bool next = true;
	int status = 0;

	if (at.inode == 0)
		status = find_start(q, &at);
	while (status == 0 && next) {
		next = false;
		status = read_on(&r, &at, &next);
	}
	if (status == 0)
		status = buf_error(out);
	if (status != 0)
		return status;
	*position = at;
	*ret_count = r.count;
	*ret_more = r.more;
	return 0;
}
