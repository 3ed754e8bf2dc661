/*
 * test_lossless: nothing is lost in silence, whoever is killed or stands still.
 *
 * Publishers number their events; each incarnation is a "life" of its own. A
 * subscriber's incarnation is an "ear". tests/stubs/lossmod.c writes both down
 * where no kill reaches (loss.h). What docs/PROTOCOL.md promises, said of these:
 *
 * - A subscription is live from when the plugin's `start` runs (its "subscribe"
 *   is ahead of the outcome of `initialize`, so the router has it) to the end
 *   of its process. A router's end does not end it; a new process is a new one.
 * - With `on_overflow: block` it hears, of every life, each number that was
 *   published since then and acknowledged: at any moment in which the publisher
 *   knows a number as acknowledged, the handler has returned from it. That is
 *   checked before every kill, of whoever it is, with the figures of that
 *   moment, and no gap excuses it. What had not been acknowledged when its
 *   publisher, or a subscriber, was killed was promised to nobody.
 * - With `drop_oldest` it hears each such number, or of a gap between the one
 *   before and the one behind (or, at the end, behind the last one). Gaps of
 *   the router's queue say how many, and no fewer than are missing; one of a
 *   router's end covers anything.
 * - The numbers of a life come in order. One that has come already says
 *   `again`, and is followed by the one behind it, or by one further back.
 *
 * block_timeout and health leave the time for a SIGSTOP, since a subscriber
 * that is given up is another test (bus). Moments are random;
 * $PLUGIND_TEST_SEED repeats a run's choices.
 */
#include "harness.h"

#include "tests/stubs/loss.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LOSS "module: " LOSS_MODULE
#define ROUTER "plugind-router"
#define PATIENT                                    \
	"restart: {delay: 0s, max_restarts: 0},\n" \
	"    health: {interval: 5m, timeout: 2m, failures: 9}"

enum {
	PUBLISHERS = 4,
	EARS = 5,
	PLUGINS = PUBLISHERS + EARS,
	MOMENT_MAX_NS = 20000000,
	STOP_MIN_MS = 100,
	STEP_MAX_MS = 60000, /* for some more events to be acknowledged */
	TEXT_MAX = 200,
};

static const struct {
	const char *name;
	const char *more; /* of its configuration */
} plugins[PLUGINS] = {
    {"p1", "say: true"},
    {"p2", "say: true"},
    {"p3", "say: true"},
    {"p4", "say: true"},
    {"b1", "hear: true, blocks: true"},
    {"b2", "hear: true, blocks: true, pause: 1ms"},
    {"b3", "hear: true, blocks: true"},
    {"d1", "hear: true"},
    {"d2", "hear: true, pause: 4ms"},
};

struct plan {
	uint64_t events; /* acknowledged, of all lives */
	int kills;
	int router_kills;
	int stops;
	int stop_max_ms;
};

struct run {
	struct it *t;
	struct loss_books *books;
	struct plan plan;
	unsigned seed;
	int kills[2]; /* of publishers, of ears */
	int router_kills;
	int stops;
	/* The ear that stands still. */
	const char *stopped; /* NULL: none */
	int64_t stopped_pid;
	int64_t until_ms;
	/* What was acknowledged at one moment. */
	uint64_t acked[LOSS_LIVES];
	unsigned nlives;
};

/* --- the books --------------------------------------------------------- */

static struct loss_books *
make_books(struct it *t)
{
	char path[IT_PATH_MAX];
	void *at;
	int fd;

	it_path(t, "books", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(ftruncate(fd, sizeof(struct loss_books)), 0);
	at = mmap(NULL, sizeof(struct loss_books), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	close(fd);
	ck_assert_ptr_ne(at, MAP_FAILED);
	return at;
}

static unsigned
count_lives(const struct loss_books *b)
{
	unsigned n = atomic_load(&b->nlives);

	ck_assert_uint_le(n, LOSS_LIVES);
	return n;
}

/* The newest of this process; NULL: it has not come so far. */
static struct loss_ear *
find_ear(struct loss_books *b, int64_t pid)
{
	unsigned n = atomic_load(&b->nears);

	ck_assert_uint_le(n, LOSS_EARS);
	while (n-- > 0) {
		if (atomic_load(&b->ears[n].who.pid) == pid)
			return &b->ears[n];
	}
	return NULL;
}

static struct loss_life *
find_life(struct loss_books *b, int64_t pid)
{
	unsigned n = count_lives(b);

	while (n-- > 0) {
		if (atomic_load(&b->lives[n].who.pid) == pid)
			return &b->lives[n];
	}
	return NULL;
}

static uint64_t
count_acknowledged(const struct loss_books *b)
{
	unsigned n = count_lives(b);
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += atomic_load(&b->lives[i].acked);
	return sum;
}

/* --- what went wrong --------------------------------------------------- */

static const char *
print_who(const struct loss_who *who, char out[TEXT_MAX])
{
	snprintf(out, TEXT_MAX, "%s (process %d)", who->name,
	    atomic_load(&who->pid));
	return out;
}

static void
print_fault(const struct loss_books *b, const struct loss_fault *f)
{
	static const char *const texts[LOSS_FAULT__COUNT] = {
	    [LOSS_MISSING] = "%s, of %s: %llu, then %llu: those between are "
	                     "missing, and no gap was told",
	    [LOSS_TWICE] = "%s, of %s: had come to %llu; %llu came once more "
	                   "and does not say `again`",
	    [LOSS_ORDER] = "%s, of %s: once more %llu, then %llu",
	    [LOSS_UNSENT] = "%s, of %s: %llu, then %llu, which was not sent",
	    [LOSS_GAP_BLOCKED] = "%s (%s and others): a gap after %llu, of "
	                         "%llu events, but it blocks",
	    [LOSS_GAP_UNKNOWN] = "%s (%s and others): a gap of %llu events, "
	                         "%llu: how many?",
	    [LOSS_GAP_SMALL] = "%s, of %s and others: all gaps told of %llu "
	                       "events; %llu are missing",
	    [LOSS_NOT_OURS] = "%s (%s and others): %llu: data of no "
	                      "publisher: %llu",
	};
	char ear[TEXT_MAX], life[TEXT_MAX], line[4 * TEXT_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(line, sizeof(line), texts[f->kind],
	    print_who(&b->ears[f->ear].who, ear),
	    print_who(&b->lives[f->life].who, life),
	    (unsigned long long)f->before, (unsigned long long)f->got);
#pragma GCC diagnostic pop
	printf("# %s\n", line);
}

/* Those that the ears have found. */
static void
check_faults(const struct run *r)
{
	unsigned n = atomic_load(&r->books->nfaults);

	for (unsigned i = 0; i < n && i < LOSS_FAULTS; i++)
		print_fault(r->books, &r->books->faults[i]);
	(void)fflush(stdout);
	ck_assert_msg(n == 0, "%u faults, see above", n);
}

/* --- what must have been heard ----------------------------------------- */

static void
note_acknowledged(struct run *r)
{
	r->nlives = count_lives(r->books);
	for (unsigned i = 0; i < r->nlives; i++)
		r->acked[i] = atomic_load(&r->books->lives[i].acked);
}

/* The number from which on `e` owes us what was acknowledged of a life, or 0:
 * nothing. */
static uint64_t
first_missing(const struct run *r, const struct loss_ear *e, unsigned i)
{
	const struct loss_heard *h = &e->heard[i];
	uint64_t high = atomic_load(&h->high);
	uint64_t first = atomic_load(&h->first);

	if (r->acked[i] <= h->base)
		return 0;
	if (high < r->acked[i])
		return (high > 0 ? high : h->base) + 1;
	return first > h->base + 1 && e->blocks ? h->base + 1 : 0;
}

/* An ear that blocks has heard all that was acknowledged when that was noted,
 * if it was live then. */
static void
check_ear(const struct run *r, const struct loss_ear *e, const char *when)
{
	char ear[TEXT_MAX], life[TEXT_MAX];

	for (unsigned i = 0; i < r->nlives; i++) {
		uint64_t first = first_missing(r, e, i);

		ck_assert_msg(first == 0,
		    "%s, %s: of %s %llu and on to %llu were acknowledged, and "
		    "%llu to %llu were heard",
		    print_who(&e->who, ear), when,
		    print_who(&r->books->lives[i].who, life),
		    (unsigned long long)first, (unsigned long long)r->acked[i],
		    (unsigned long long)atomic_load(&e->heard[i].first),
		    (unsigned long long)atomic_load(&e->heard[i].high));
	}
}

static void
check_ears(struct run *r, const char *when)
{
	struct loss_ear *live[EARS];
	int n = 0;

	for (int i = PUBLISHERS; i < PLUGINS; i++) {
		struct it_row row = it_row(r->t, plugins[i].name);
		struct loss_ear *e = find_ear(r->books, row.pid);

		if (e != NULL && e->blocks && atomic_load(&e->is_live))
			live[n++] = e;
	}
	note_acknowledged(r);
	while (n-- > 0)
		check_ear(r, live[n], when);
	check_faults(r);
}

/* --- trouble ----------------------------------------------------------- */

static void
go_on_if_due(struct run *r, bool now)
{
	struct it_row row;

	if (r->stopped == NULL || (!now && clock_mono_ms() < r->until_ms))
		return;
	row = it_row(r->t, r->stopped);
	if (row.pid == r->stopped_pid)
		it_kill(row, SIGCONT);
	r->stopped = NULL;
}

/* A random plugin of `n` from `from` on, when it is there. */
static struct it_row
choose(struct run *r, int from, int n, const char **ret_name)
{
	const char *name = plugins[from + rand_r(&r->seed) % n].name;
	struct it_row row;

	IT_UNTIL((row = it_row(r->t, name)).pid > 1);
	*ret_name = name;
	return row;
}

static void
wait_moment(struct run *r)
{
	const struct timespec moment = {
	    .tv_nsec = rand_r(&r->seed) % MOMENT_MAX_NS};

	(void)nanosleep(&moment, NULL);
}

static void
stop_one(struct run *r)
{
	int range = r->plan.stop_max_ms - STOP_MIN_MS + 1;
	struct it_row row;

	go_on_if_due(r, true);
	row = choose(r, PUBLISHERS, EARS, &r->stopped);
	it_kill(row, SIGSTOP);
	r->stopped_pid = row.pid;
	r->until_ms = clock_mono_ms() + STOP_MIN_MS + rand_r(&r->seed) % range;
	r->stops++;
}

static void
kill_router(struct run *r)
{
	struct it_row row;

	wait_moment(r);
	IT_UNTIL((row = it_row(r->t, ROUTER)).pid > 1);
	check_ears(r, "before the router is killed");
	it_kill(row, SIGKILL);
	r->router_kills++;
}

static void
kill_one(struct run *r)
{
	bool is_ear = rand_r(&r->seed) % 2 == 0;
	const char *name;
	struct it_row row;

	wait_moment(r);
	row = is_ear ? choose(r, PUBLISHERS, EARS, &name)
	             : choose(r, 0, PUBLISHERS, &name);
	check_ears(r, "before a kill");
	it_kill(row, SIGKILL);
	r->kills[is_ear]++;
	IT_UNTIL(it_row(r->t, name).generation > row.generation);
}

/* --- one run ----------------------------------------------------------- */

/* Until so many events of all are acknowledged. */
static void
wait_events(struct run *r, uint64_t n)
{
	uint64_t last = count_acknowledged(r->books);
	int64_t since_ms = clock_mono_ms();

	while (last < n) {
		uint64_t now;

		go_on_if_due(r, false);
		it_pause();
		now = count_acknowledged(r->books);
		if (now > last)
			since_ms = clock_mono_ms();
		ck_assert_msg(
		    clock_mono_ms() - since_ms < it_limit(STEP_MAX_MS),
		    "nothing is acknowledged any more, after %llu events",
		    (unsigned long long)now);
		last = now;
	}
}

/* Whether step `i` of `n` is one of `k` that are spread over them. */
static bool
is_turn(int i, int n, int k)
{
	return (int64_t)(i + 1) * k / n > (int64_t)i * k / n;
}

static void
make_trouble(struct run *r)
{
	int n = r->plan.kills;

	for (int i = 0; i < n; i++) {
		wait_events(r, r->plan.events * (unsigned)i / (unsigned)n);
		if (is_turn(i, n, r->plan.stops))
			stop_one(r);
		if (is_turn(i, n, r->plan.router_kills))
			kill_router(r);
		kill_one(r);
	}
	go_on_if_due(r, true);
	wait_events(r, r->plan.events);
}

/* Of one that drops: all has come, or a gap says that it does not. */
static bool
has_settled(const struct run *r, const struct loss_ear *e)
{
	uint64_t lost = atomic_load(&e->lost);

	for (unsigned i = 0; i < r->nlives; i++) {
		const struct loss_heard *h = &e->heard[i];
		unsigned seen = atomic_load(&h->gaps);
		uint64_t from = first_missing(r, e, i);

		if (from == 0 || atomic_load(&e->router_gaps) > seen)
			continue;
		if (atomic_load(&e->gaps) == seen)
			return false;
		lost += r->acked[i] - from + 1;
	}
	return lost <= atomic_load(&e->missed);
}

static bool
are_all_acknowledged(struct run *r)
{
	for (int i = 0; i < PUBLISHERS; i++) {
		int64_t pid = it_row(r->t, plugins[i].name).pid;
		struct loss_life *l = find_life(r->books, pid);

		if (l == NULL ||
		    atomic_load(&l->acked) != atomic_load(&l->sent))
			return false;
	}
	return true;
}

static void
report(const char *name, const struct loss_ear *e)
{
	printf("# %s: heard %llu in its life, %llu again; %u gaps, %u of "
	       "routers, %llu missed in the others\n",
	    name, (unsigned long long)atomic_load(&e->received),
	    (unsigned long long)atomic_load(&e->again), atomic_load(&e->gaps),
	    atomic_load(&e->nrouter_gaps),
	    (unsigned long long)atomic_load(&e->missed));
}

static void
settle_ear(struct run *r, const char *name)
{
	struct loss_ear *e = find_ear(r->books, it_row(r->t, name).pid);
	int64_t end_ms = clock_mono_ms() + it_limit(IT_DEADLINE_MS);

	ck_assert_ptr_nonnull(e);
	while (!has_settled(r, e) && clock_mono_ms() < end_ms)
		it_pause();
	if (!has_settled(r, e))
		check_ear(r, e, "at the end, and the gaps told of less");
	ck_assert_msg(
	    has_settled(r, e), "%s: gaps told of less than was lost", name);
	report(name, e);
}

static void
settle(struct run *r)
{
	for (int i = PUBLISHERS; i < PLUGINS; i++)
		it_wait(r->t, plugins[i].name, "running");
	atomic_store(&r->books->is_enough, true);
	IT_UNTIL(are_all_acknowledged(r));
	check_ears(r, "at the end");
	for (int i = PUBLISHERS; i < PLUGINS; i++)
		settle_ear(r, plugins[i].name);
	check_faults(r);
}

static unsigned
choose_seed(void)
{
	const char *text = getenv("PLUGIND_TEST_SEED");
	unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10)
	                             : (unsigned)clock_mono_ms();

	printf("# PLUGIND_TEST_SEED=%u\n", seed);
	(void)fflush(stdout);
	return seed;
}

static struct it *
start_all(struct loss_books **ret)
{
	char *yaml = NULL;
	size_t len = 0;
	struct it *t = it_new("");
	FILE *out = open_memstream(&yaml, &len);

	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < PLUGINS; i++)
		fprintf(out,
		    "  %s: {" LOSS ", " PATIENT ",\n"
		    "    events: {on_overflow: %s},\n"
		    "    config: {books: '%s/books', %s}}\n",
		    plugins[i].name,
		    strstr(plugins[i].more, "blocks") ? "block" : "drop_oldest",
		    t->dir, plugins[i].more);
	fprintf(out, "bus: {block_timeout: 2m}\n");
	ck_assert_int_eq(fclose(out), 0);
	*ret = make_books(t);
	it_config(t, yaml);
	free(yaml);
	it_spawn(t, NULL);
	it_settle(t);
	return t;
}

static void
run_plan(const struct plan *plan)
{
	struct run *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	r->plan = *plan;
	r->seed = choose_seed();
	r->t = start_all(&r->books);
	make_trouble(r);
	settle(r);
	printf("# %llu events acknowledged; killed: %d publishers, %d "
	       "subscribers, %d routers; stopped for a while: %d\n",
	    (unsigned long long)count_acknowledged(r->books), r->kills[0],
	    r->kills[1], r->router_kills, r->stops);
	ck_assert(!it_printed(r->t, ROUTER, "strike"));
	it_end(r->t);
	(void)munmap(r->books, sizeof(*r->books));
	free(r);
}

START_TEST(test_quiet)
{
	run_plan(&(struct plan){
	    .events = (uint64_t)it_level(50000, 300000, 3000000)});
}
END_TEST

START_TEST(test_trouble)
{
	run_plan(&(struct plan){
	    .events = (uint64_t)it_level(100000, 1000000, 10000000),
	    .kills = it_level(10, 40, 500),
	    .router_kills = it_level(2, 6, 50),
	    .stops = it_level(1, 4, 40),
	    .stop_max_ms = it_level(500, 1000, 4000),
	});
}
END_TEST

/* --- from handlers ----------------------------------------------------- */

static uint64_t
heard_by(struct run *r, const char *name)
{
	struct loss_ear *e = find_ear(r->books, it_row(r->t, name).pid);

	return e != NULL ? atomic_load(&e->received) : 0;
}

/* Each event makes two, from a handler, and all who hear block: what is too
 * much is refused there (-EAGAIN), and none of them ever waits for itself. */
START_TEST(test_handlers)
{
	static const char *const names[] = {"ping", "pong", "self"};
	uint64_t many = (uint64_t)it_level(20000, 100000, 1000000);
	struct run r = {.t = it_new("")};
	char yaml[2048];

	r.books = make_books(r.t);
	snprintf(yaml, sizeof(yaml),
	    "  ping: {" LOSS ", events: {on_overflow: block}, config:\n"
	    "    {books: '%s/books', answer: custom.a, to: custom.b,\n"
	    "     times: 2, blocks: true}}\n"
	    "  pong: {" LOSS ", events: {on_overflow: block}, config:\n"
	    "    {books: '%s/books', answer: custom.b, to: custom.a,\n"
	    "     times: 2, blocks: true}}\n"
	    "  self: {" LOSS ", events: {on_overflow: block}, config:\n"
	    "    {books: '%s/books', answer: custom.c, to: custom.c,\n"
	    "     times: 2, blocks: true}}\n"
	    "bus: {block_timeout: 2m}\n",
	    r.t->dir, r.t->dir, r.t->dir);
	it_config(r.t, yaml);
	it_spawn(r.t, NULL);
	it_settle(r.t);
	for (int i = 0; i < 3; i++)
		IT_UNTIL(heard_by(&r, names[i]) > many);
	/* Also with another router, and they still do as they are told. */
	it_kill(it_row(r.t, ROUTER), SIGKILL);
	for (int i = 0; i < 3; i++) {
		uint64_t before = heard_by(&r, names[i]);

		IT_UNTIL(heard_by(&r, names[i]) > before + many);
	}
	ck_assert_uint_eq(it_act(r.t, MSG_STOP, "N", "ping self").worst, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(it_row(r.t, names[i]).generation, 1);
	check_faults(&r);
	it_end(r.t);
	(void)munmap(r.books, sizeof(*r.books));
}
END_TEST

int
main(void)
{
	const struct it_test tests[] = {
	    {"quiet", test_quiet, it_level(60, 120, 900)},
	    {"trouble", test_trouble, it_level(60, 180, 5400)},
	    {"handlers", test_handlers, it_level(60, 120, 900)},
	};

	return it_main("lossless", tests, sizeof(tests) / sizeof(tests[0]));
}
