/*
 * busmod: a module that publishes and listens, as its `config:` says, and
 * keeps the books in its state directory.
 *
 *	config:
 *	  listen: [custom.>]      topics that it subscribes to
 *	  echo: true              its own, too
 *	  since: 0                what was before, too: a time, 0: all
 *	  catch_up: custom.x      after a thousand events, to this, too, since
 *	                          the beginning, with another handler
 *	  note: true              each event is a line of the file `events`:
 *	                          "TOPIC SOURCE DATA", and "kept" if it is old
 *	  say: custom.x           what it publishes: {n: 1}, {n: 2}, ...
 *	  count: 10               how many, as fast as it can
 *	  size: 64                with so many bytes more in each
 *	  to: other               to this plugin only
 *	  pause: 1s               how long one event takes it
 *
 * The file `books`, written anew when something has changed: "received N
 * missed N gaps N disorder N sent N caught N leaps N", the last two by the
 * other handler. An event of a source whose `n` is not one more than the last
 * of that source is out of order, unless a gap came in between.
 */
#include <plugind.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SOURCES_MAX = 64, BOOKS_MS = 20, CATCH_UP_AT = 1000 };

static struct {
	char name[80];
	int64_t last;
} sources[SOURCES_MAX];

static struct {
	unsigned long received, missed, gaps, disorder, sent, caught, leaps;
} books, written;

static bool notes;
static int64_t count, size, pause_ms;
static char *catch_up;
static int64_t caught; /* the last number */
static char *say;
static char *to;
static uint8_t *padding;
static struct plugind_writer *writer;
static struct plugind_timer *timer;

static FILE *
open_file(struct plugind *p, const char *name, const char *mode)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", plugind_state_dir(p), name);
	return fopen(path, mode);
}

static void
write_books(struct plugind *p, void *arg)
{
	char from[4096], to_path[4096];
	FILE *out;

	(void)arg;
	if (memcmp(&books, &written, sizeof(books)) == 0)
		return;
	written = books;
	out = open_file(p, ".books", "w");
	if (out == NULL)
		return;
	fprintf(out,
	    "received %lu missed %lu gaps %lu disorder %lu sent %lu "
	    "caught %lu leaps %lu\n",
	    books.received, books.missed, books.gaps, books.disorder,
	    books.sent, books.caught, books.leaps);
	(void)fclose(out);
	snprintf(from, sizeof(from), "%s/.books", plugind_state_dir(p));
	snprintf(to_path, sizeof(to_path), "%s/books", plugind_state_dir(p));
	(void)rename(from, to_path);
}

/* --- listening --------------------------------------------------------- */

static int64_t *
find_source(const char *name)
{
	int i = 0;

	while (i < SOURCES_MAX - 1 && sources[i].name[0] != '\0' &&
	       strcmp(sources[i].name, name) != 0)
		i++;
	snprintf(sources[i].name, sizeof(sources[i].name), "%s", name);
	return &sources[i].last;
}

/* From one publisher: each once, from the first that is kept on. */
static void
on_caught(struct plugind *p, struct plugind_event *e, void *arg)
{
	int64_t n =
	    plugind_config_int(plugind_event_map(e), "n", 0, 0, INT64_MAX);

	(void)p;
	(void)arg;
	books.caught++;
	if (caught > 0 && n != caught + 1)
		books.leaps++;
	caught = n;
}

static void
catch_up_once(struct plugind *p)
{
	if (catch_up == NULL || books.received < CATCH_UP_AT)
		return;
	if (plugind_subscribe_since(p, catch_up, 0, 0, on_caught, NULL) != 0)
		plugind_log(p, PLUGIND_ERROR, "subscribe since");
	free(catch_up);
	catch_up = NULL;
}

static void
on_event(struct plugind *p, struct plugind_event *e, void *arg)
{
	const struct plugind_config *data = plugind_event_map(e);
	int64_t n = plugind_config_int(data, "n", 0, 0, INT64_MAX);
	int64_t *last = find_source(plugind_event_source(e));
	FILE *out = notes ? open_file(p, "events", "a") : NULL;

	(void)arg;
	books.received++;
	if (n > 0 && *last >= 0 && n != *last + 1 && !plugind_event_is_again(e))
		books.disorder++;
	*last = n;
	if (out != NULL) {
		fprintf(out, "%s %s %s%s\n", plugind_event_topic(e),
		    plugind_event_source(e),
		    plugind_config_string(
		        data, "name", plugind_config_string(data, "text", "-")),
		    plugind_event_is_retained(e) ? " kept" : "");
		(void)fclose(out);
	}
	if (pause_ms > 0) {
		const struct timespec t = {
		    pause_ms / 1000, pause_ms % 1000 * 1000000};

		nanosleep(&t, NULL);
	}
	catch_up_once(p);
}

static void
on_gap(struct plugind *p, uint64_t n, enum plugind_gap_reason reason, void *arg)
{
	(void)p;
	(void)reason;
	(void)arg;
	books.gaps++;
	books.missed += n;
	for (int i = 0; i < SOURCES_MAX; i++)
		sources[i].last = -1; /* anything may follow */
}

/* --- publishing -------------------------------------------------------- */

static int
publish_one(struct plugind *p)
{
	plugind_writer_reset(writer);
	plugind_write_map(writer, size > 0 ? 2 : 1);
	plugind_write_string(writer, "n");
	plugind_write_int(writer, (int64_t)books.sent + 1);
	if (size > 0) {
		plugind_write_string(writer, "padding");
		plugind_write_bytes(writer, padding, (size_t)size);
	}
	return to != NULL ? plugind_publish_to(p, to, say, writer)
	                  : plugind_publish(p, say, writer);
}

static void
go_on(struct plugind *p, void *arg)
{
	int r = 0;

	while ((int64_t)books.sent < count && r == 0) {
		r = publish_one(p);
		books.sent += r == 0;
	}
	if (r == -EAGAIN)
		plugind_on_writable(p, go_on, arg);
	else if (r != 0)
		plugind_log(p, PLUGIND_ERROR, "publish: %s", strerror(-r));
}

/* --- the plugin -------------------------------------------------------- */

static char *
copy(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

static int
listen_to(
    struct plugind *p, const struct plugind_config *c, const char *pattern)
{
	unsigned flags =
	    plugind_config_bool(c, "echo", false) ? PLUGIND_ECHO : 0;

	if (!plugind_config_has(c, "since"))
		return plugind_subscribe(p, pattern, flags, on_event, NULL);
	return plugind_subscribe_since(p, pattern, flags,
	    plugind_config_int(c, "since", 0, 0, INT64_MAX), on_event, NULL);
}

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	char path[32];

	notes = plugind_config_bool(c, "note", false);
	say = copy(plugind_config_string(c, "say", NULL));
	to = copy(plugind_config_string(c, "to", NULL));
	catch_up = copy(plugind_config_string(c, "catch_up", NULL));
	count = plugind_config_int(c, "count", 0, 0, INT64_MAX);
	size = plugind_config_int(c, "size", 0, 0, 1 << 20);
	pause_ms = plugind_config_duration(c, "pause", 0);
	for (uint32_t i = 0; i < plugind_config_count(c, "listen"); i++) {
		const char *pattern;

		snprintf(path, sizeof(path), "listen[%u]", (unsigned)i);
		pattern = plugind_config_string(c, path, "");
		if (listen_to(p, c, pattern) != 0)
			plugind_config_error(c, path, "is no pattern");
	}
	plugind_on_gap(p, on_gap, NULL);
	writer = plugind_writer_new();
	padding = calloc(1, (size_t)size + 1);
	return writer != NULL && padding != NULL ? PLUGIND_OK : -ENOMEM;
}

static int
start(struct plugind *p)
{
	timer = plugind_timer_new(p, BOOKS_MS, true, write_books, NULL);
	if (say != NULL)
		plugind_on_writable(p, go_on, NULL);
	return timer != NULL ? PLUGIND_OK : -ENOMEM;
}

static int
stop(struct plugind *p)
{
	write_books(p, NULL);
	plugind_timer_free(timer);
	plugind_writer_free(writer);
	free(padding);
	free(say);
	free(to);
	free(catch_up);
	return PLUGIND_OK;
}

PLUGIND_PLUGIN(.name = "busmod", .version = "1", .initialize = initialize,
    .start = start, .stop = stop)
