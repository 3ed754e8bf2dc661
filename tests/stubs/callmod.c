/*
 * callmod: a module that offers methods and calls those of others, as its
 * `config:` says, and keeps the books in its state directory.
 *
 *	config:
 *	  offer: true           the methods below
 *	  methods: 250          so many more, m1 and so on, which are `add`
 *	  to: other             whom it calls, once it is started
 *	  method: add           which method
 *	  n: 7                  the argument {n: 7}
 *	  names: a              instead: the argument [[a]]
 *	  await: a              instead: the argument [a, stopped, 30000]
 *	  count: 1000           how often
 *	  window: 64            how many at a time
 *	  timeout: 5s
 *	  cancel: true          each as soon as it is made
 *
 * add: the sum of all n so far. fail: fails with "as you wish". late: succeeds
 * a little later. never: does nothing. slow: takes n milliseconds on a thread.
 * relay: calls `add` of the plugin that `via` names, on a thread, and waits.
 * trace: the traceparent that came along.
 *
 * The file `books`, written anew when something has changed: how many calls
 * came to what ("ok 10 failed 0 ..."), the sum of results, and the last text.
 * "served" is how many calls it has executed, "dropped" how many of those of
 * `never` were cancelled.
 */
#include <plugind.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

enum { BOOKS_MS = 20, STATUSES = 8, NEVER_MAX = 64 };

static const char *const status_names[STATUSES] = {"ok", "failed",
    "unavailable", "denied", "unknown", "busy", "timeout", "lost"};

static struct {
	unsigned long by_status[STATUSES];
	unsigned long sum, made, served, dropped;
	char text[256];
} books, written;

static atomic_ulong served_on_threads;
static int64_t n_arg, count, window, timeout_ms, under_way;
static bool offers, cancels;
static char *to, *method, *via, *names, *await;
static struct plugind_timer *timer;
static struct plugind_call *never[NEVER_MAX];

static void
write_books(struct plugind *p, void *arg)
{
	char from[4096], to_path[4096];
	FILE *out;

	(void)arg;
	for (int i = 0; i < NEVER_MAX; i++) {
		if (never[i] == NULL || !plugind_call_is_cancelled(never[i]))
			continue;
		plugind_call_done(never[i], PLUGIND_OK);
		never[i] = NULL;
		books.dropped++;
	}
	snprintf(from, sizeof(from), "%s/enough", plugind_state_dir(p));
	if (access(from, F_OK) == 0)
		count = 0;
	books.served += atomic_exchange(&served_on_threads, 0);
	if (memcmp(&books, &written, sizeof(books)) == 0)
		return;
	written = books;
	snprintf(from, sizeof(from), "%s/.books-%u", plugind_state_dir(p),
	    plugind_instance(p));
	out = fopen(from, "w");
	if (out == NULL)
		return;
	for (int i = 0; i < STATUSES; i++)
		fprintf(out, "%s %lu ", status_names[i], books.by_status[i]);
	fprintf(out, "sum %lu made %lu served %lu dropped %lu text %s\n",
	    books.sum, books.made, books.served, books.dropped, books.text);
	(void)fclose(out);
	snprintf(to_path, sizeof(to_path), "%s/books-%u", plugind_state_dir(p),
	    plugind_instance(p));
	(void)rename(from, to_path);
}

/* --- offering ---------------------------------------------------------- */

static int64_t
get_n(struct plugind_call *c)
{
	return plugind_config_int(
	    plugind_call_map(c), "n", 1, 0, INT64_MAX / 2);
}

static int
add(struct plugind *p, struct plugind_call *c, void *arg)
{
	static int64_t sum;

	(void)p;
	(void)arg;
	books.served++;
	sum += get_n(c);
	plugind_write_map(plugind_call_result(c), 1);
	plugind_write_string(plugind_call_result(c), "n");
	plugind_write_int(plugind_call_result(c), sum);
	return PLUGIND_OK;
}

static int
fail(struct plugind *p, struct plugind_call *c, void *arg)
{
	(void)p;
	(void)arg;
	books.served++;
	return plugind_call_fail(c, "as you wish, %s", plugind_call_source(c));
}

static void
on_late(struct plugind *p, void *arg)
{
	(void)p;
	plugind_call_done(arg, PLUGIND_OK);
}

static int
late(struct plugind *p, struct plugind_call *c, void *arg)
{
	(void)arg;
	books.served++;
	/* The timer is leaked: this is a test. */
	return plugind_timer_new(p, 30, false, on_late, c) != NULL
	           ? PLUGIND_LATER
	           : -ENOMEM;
}

static int
do_nothing(struct plugind *p, struct plugind_call *c, void *arg)
{
	(void)p;
	(void)arg;
	books.served++;
	for (int i = 0; i < NEVER_MAX; i++) {
		if (never[i] == NULL) {
			never[i] = c;
			return PLUGIND_LATER;
		}
	}
	return PLUGIND_FAILED;
}

static int
slow(struct plugind *p, struct plugind_call *c, void *arg)
{
	int64_t ms = get_n(c);
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	(void)p;
	(void)arg;
	nanosleep(&t, NULL);
	atomic_fetch_add(&served_on_threads, 1);
	return PLUGIND_OK;
}

static int
relay(struct plugind *p, struct plugind_call *c, void *arg)
{
	struct plugind_reply *reply;
	size_t len;
	const void *data;
	const struct plugind_request request = {.target = via,
	    .method = "add",
	    .timeout_ms = plugind_call_left_ms(c) + 1};
	int r = plugind_call_wait(p, &request, &reply);

	(void)arg;
	if (r != 0)
		return r;
	atomic_fetch_add(&served_on_threads, 1);
	data = plugind_reply_data(reply, &len);
	plugind_write_raw(plugind_call_result(c), data, len);
	r = plugind_reply_status(reply) == PLUGIND_CALL_OK
	        ? PLUGIND_OK
	        : plugind_call_fail(c, "%s", plugind_reply_text(reply));
	plugind_reply_free(reply);
	return r;
}

static int
trace(struct plugind *p, struct plugind_call *c, void *arg)
{
	(void)p;
	(void)arg;
	books.served++;
	return plugind_call_fail(
	    c, "%s", plugind_trace() != NULL ? plugind_trace() : "none");
}

static const struct plugind_method methods[] = {
    {.name = "add", .help = "the sum so far", .fn = add},
    {.name = "fail", .fn = fail},
    {.name = "late", .fn = late},
    {.name = "never", .fn = do_nothing},
    {.name = "slow", .flags = PLUGIND_THREADS, .fn = slow},
    {.name = "relay", .flags = PLUGIND_THREADS, .fn = relay},
    {.name = "trace", .fn = trace},
    {.name = "list", .verb = "GET", .path = "/things", .fn = add},
};

static int
offer_more(struct plugind *p, int64_t n)
{
	char name[32];
	int r = 0;

	for (int64_t i = 1; r == 0 && i <= n; i++) {
		snprintf(name, sizeof(name), "m%lld", (long long)i);
		r = plugind_register(
		    p, &(struct plugind_method){.name = name, .fn = add});
	}
	return r;
}

static int
offer(struct plugind *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(methods) / sizeof(methods[0]);
	     i++)
		r = plugind_register(p, &methods[i]);
	return r;
}

/* --- calling ----------------------------------------------------------- */

static void go_on(struct plugind *p, void *arg);

static void
on_reply(struct plugind *p, struct plugind_reply *r, void *arg)
{
	books.by_status[plugind_reply_status(r)]++;
	if (plugind_reply_text(r)[0] != '\0')
		snprintf(books.text, sizeof(books.text), "%s",
		    plugind_reply_text(r));
	books.sum += (unsigned long)plugind_config_int(
	    plugind_reply_map(r), "n", 0, 0, INT64_MAX);
	under_way--;
	go_on(p, arg);
}

static void
put_argument(struct plugind_writer *w)
{
	if (names != NULL) {
		plugind_write_list(w, 1);
		plugind_write_list(w, 1);
		plugind_write_string(w, names);
	} else if (await != NULL) {
		plugind_write_list(w, 3);
		plugind_write_string(w, await);
		plugind_write_string(w, "stopped");
		plugind_write_int(w, 30000);
	} else {
		plugind_write_map(w, 1);
		plugind_write_string(w, "n");
		plugind_write_int(w, n_arg);
	}
}

static void
go_on(struct plugind *p, void *arg)
{
	struct plugind_writer *w = plugind_writer_new();
	const struct plugind_request request = {.target = to,
	    .method = method,
	    .args = w,
	    .timeout_ms = timeout_ms};
	int64_t r = 1;

	put_argument(w);
	while (r > 0 && under_way < window && (int64_t)books.made < count) {
		r = plugind_call(p, &request, on_reply, arg);
		if (r < 0)
			plugind_log(
			    p, PLUGIND_ERROR, "call: %s", strerror((int)-r));
		books.made += r > 0;
		under_way += r > 0;
	}
	plugind_writer_free(w);
}

static void
on_cancel(struct plugind *p, struct plugind_reply *r, void *arg)
{
	(void)p;
	(void)r;
	(void)arg;
	books.by_status[1]++;
}

static void
make_and_cancel(struct plugind *p)
{
	const struct plugind_request request = {
	    .target = to, .method = method, .timeout_ms = timeout_ms};
	int64_t id;

	for (; (int64_t)books.made < count; books.made++) {
		id = plugind_call(p, &request, on_cancel, NULL);
		if (id < 0)
			return;
		plugind_cancel(p, id);
		plugind_cancel(p, id);
	}
}

/* --- the plugin -------------------------------------------------------- */

static char *
copy(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	offers = plugind_config_bool(c, "offer", false);
	cancels = plugind_config_bool(c, "cancel", false);
	to = copy(plugind_config_string(c, "to", NULL));
	method = copy(plugind_config_string(c, "method", "add"));
	names = copy(plugind_config_string(c, "names", NULL));
	await = copy(plugind_config_string(c, "await", NULL));
	via = copy(plugind_config_string(c, "via", "nobody"));
	n_arg = plugind_config_int(c, "n", 1, 0, INT64_MAX / 2);
	count = plugind_config_int(c, "count", 1, 0, INT64_MAX);
	window = plugind_config_int(c, "window", 1, 1, 4096);
	timeout_ms = plugind_config_duration(c, "timeout", 30000);
	if (offers && offer(p) != 0)
		return PLUGIND_FAILED;
	return offer_more(p, plugind_config_int(c, "methods", 0, 0, 256));
}

static int
start(struct plugind *p)
{
	timer = plugind_timer_new(p, BOOKS_MS, true, write_books, NULL);
	if (to == NULL)
		return timer != NULL ? PLUGIND_OK : -ENOMEM;
	plugind_set_trace(TRACEPARENT);
	if (cancels)
		make_and_cancel(p);
	else
		go_on(p, NULL);
	plugind_set_trace(NULL);
	return timer != NULL ? PLUGIND_OK : -ENOMEM;
}

PLUGIND_PLUGIN(.name = "callmod", .version = "1", .initialize = initialize,
    .start = start)
