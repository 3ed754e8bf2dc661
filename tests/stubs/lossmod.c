/*
 * lossmod: a module that publishes numbered events as fast as it can, or
 * listens to those that others publish and checks every number at once. Its
 * books (loss.h) are in a file that the test maps, too.
 *
 *	config:
 *	  books: /a/file          which the test has made
 *	  say: true               publishes until the test says "enough"
 *	  hear: true              listens; see judge for what must hold
 *	  blocks: true            as its events.on_overflow says
 *	  pause: 1ms              how long 100 events take it
 *	  answer: custom.x        publishes that from its handler of custom.y,
 *	  to: custom.y            as often as `times`, and one to begin with
 *	  times: 2
 *
 * Must never: believe that a process lives to write a number down later.
 */
#include "loss.h"

#include <plugind.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { TOPICS = 2, RUN = 37, LOOK_MS = 5, PAUSE_EVERY = 100, HEAD = 2 };

static const char *const topics[TOPICS] = {"custom.loss.a", "custom.loss.b"};

static struct loss_books *books;
static struct loss_life *life;
static struct loss_ear *ear;
static uint32_t life_no, ear_no;
static bool says, hears;
static int64_t times, pause_ms;
static char *answer;
static char *to;
static struct plugind_timer *timer;

/* --- the books --------------------------------------------------------- */

static void
note(enum loss_fault_kind kind, uint32_t of, uint64_t before, uint64_t got)
{
	unsigned i = atomic_fetch_add(&books->nfaults, 1);

	if (i < LOSS_FAULTS)
		books->faults[i] =
		    (struct loss_fault){kind, ear_no, of, before, got};
}

static void
sign(struct plugind *p, struct loss_who *who)
{
	snprintf(who->name, sizeof(who->name), "%s", plugind_name(p));
	who->instance = plugind_instance(p);
	atomic_store(&who->pid, (int)getpid());
}

static int
open_books(struct plugind *p, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *at;

	if (fd < 0)
		return -errno;
	at = mmap(
	    NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return -errno;
	books = at;
	life_no =
	    says || answer != NULL ? atomic_fetch_add(&books->nlives, 1) : 0;
	ear_no =
	    hears || answer != NULL ? atomic_fetch_add(&books->nears, 1) : 0;
	if (life_no >= LOSS_LIVES || ear_no >= LOSS_EARS)
		return -ENOSPC;
	life = &books->lives[life_no];
	ear = &books->ears[ear_no];
	if (says || answer != NULL)
		sign(p, &life->who);
	if (hears || answer != NULL)
		sign(p, &ear->who);
	return 0;
}

/* --- listening --------------------------------------------------------- */

/* Numbers are missing between `before` and `n`. Only a gap since the last
 * event of this life makes that good, and only up to what it says. */
static void
judge_jump(struct loss_heard *h, uint32_t of, uint64_t before, uint64_t n)
{
	unsigned seen = atomic_load(&h->gaps);

	if (ear->blocks || atomic_load(&ear->gaps) == seen) {
		note(LOSS_MISSING, of, before, n);
		return;
	}
	if (atomic_load(&ear->router_gaps) > seen)
		return;
	if (atomic_fetch_add(&ear->lost, n - before - 1) + n - before - 1 >
	    atomic_load(&ear->missed))
		note(LOSS_GAP_SMALL, of, atomic_load(&ear->missed),
		    atomic_load(&ear->lost));
}

static void
judge(struct loss_heard *h, uint32_t of, uint64_t n, bool again)
{
	uint64_t high = atomic_load(&h->high);
	/* Below its base it may have listened to one topic and not yet to the
	 * other. */
	uint64_t before = high > h->base ? high : h->base;

	if (n > atomic_load(&books->lives[of].sent))
		note(LOSS_UNSENT, of, high, n);
	if (n > before + 1 && atomic_load(&ear->is_live)) {
		judge_jump(h, of, before, n);
	} else if (n <= high) {
		atomic_fetch_add(&ear->again, 1);
		if (!again)
			note(LOSS_TWICE, of, high, n);
		else if (n > h->last + 1 && h->last >= h->base &&
		         (ear->blocks ||
		             atomic_load(&ear->gaps) == atomic_load(&h->gaps)))
			note(LOSS_ORDER, of, h->last, n);
	}
}

static void
rest_now_and_then(void)
{
	const struct timespec t = {pause_ms / 1000, pause_ms % 1000 * 1000000};

	if (pause_ms > 0 && atomic_load(&ear->received) % PAUSE_EVERY == 0)
		(void)nanosleep(&t, NULL);
}

static void
on_event(struct plugind *p, struct plugind_event *e, void *arg)
{
	size_t len;
	const uint8_t *data = plugind_event_data(e, &len);
	struct loss_heard *h;
	uint32_t of;
	uint64_t n;

	(void)p;
	(void)arg;
	if (len != HEAD + LOSS_DATA) {
		note(LOSS_NOT_OURS, 0, 0, len);
		return;
	}
	memcpy(&of, data + HEAD, sizeof(of));
	memcpy(&n, data + HEAD + sizeof(of), sizeof(n));
	if (of >= LOSS_LIVES) {
		note(LOSS_NOT_OURS, 0, 0, of);
		return;
	}
	h = &ear->heard[of];
	judge(h, of, n, plugind_event_is_again(e));
	if (atomic_load(&h->first) == 0)
		atomic_store(&h->first, n);
	h->last = n;
	atomic_store(&h->gaps, atomic_load(&ear->gaps));
	if (n > atomic_load(&h->high))
		atomic_store(&h->high, n);
	atomic_fetch_add(&ear->received, 1);
	rest_now_and_then();
}

static void
on_gap(struct plugind *p, uint64_t n, enum plugind_gap_reason reason, void *arg)
{
	unsigned gaps = atomic_load(&ear->gaps) + 1;

	(void)p;
	(void)arg;
	if (reason == PLUGIND_GAP_ROUTER) {
		atomic_store(&ear->router_gaps, gaps);
		atomic_fetch_add(&ear->nrouter_gaps, 1);
	} else if (ear->blocks) {
		note(LOSS_GAP_BLOCKED, 0, 0, n);
	} else if (n == 0) {
		note(LOSS_GAP_UNKNOWN, 0, 0, 0);
	}
	atomic_fetch_add(&ear->missed, n);
	atomic_store(&ear->gaps, gaps);
}

/* The daemon has heard that we are initialized, behind our subscriptions. */
static void
begin_to_listen(void)
{
	unsigned n = atomic_load(&books->nlives);

	for (unsigned i = 0; i < n && i < LOSS_LIVES; i++)
		ear->heard[i].base = atomic_load(&books->lives[i].sent);
	atomic_store(&ear->is_live, true);
}

/* --- publishing -------------------------------------------------------- */

static void
write_acknowledged(struct plugind *p, uint64_t done)
{
	atomic_store(&life->acked, done - plugind_unacknowledged(p));
}

static int
publish_one(struct plugind *p, uint64_t n)
{
	uint8_t data[HEAD + LOSS_DATA] = {0xc4, LOSS_DATA};

	memcpy(data + HEAD, &life_no, sizeof(life_no));
	memcpy(data + HEAD + sizeof(life_no), &n, sizeof(n));
	return plugind_publish_raw(
	    p, topics[n / RUN % TOPICS], data, sizeof(data));
}

static void
go_on(struct plugind *p, void *arg)
{
	static uint64_t done;
	int r = 0;

	while (r == 0 && !atomic_load(&books->is_enough)) {
		atomic_store(&life->sent, done + 1);
		r = publish_one(p, done + 1);
		done += r == 0;
	}
	write_acknowledged(p, done);
	if (r == -EAGAIN)
		plugind_on_writable(p, go_on, arg);
	else if (r != 0)
		plugind_log(p, PLUGIND_ERROR, "publish: %s", strerror(-r));
	else
		atomic_store(&life->sent, done);
}

/* What is under way at the end is acknowledged while nobody publishes. */
static void
look(struct plugind *p, void *arg)
{
	(void)arg;
	if (atomic_load(&books->is_enough))
		go_on(p, NULL);
}

/* --- from handlers ----------------------------------------------------- */

/* What finds no room is let go: a handler never waits. */
static void
publish_answers(struct plugind *p)
{
	for (int64_t i = 0; i < times; i++) {
		if (plugind_publish_raw(p, answer, "\xc0", 1) == 0)
			atomic_fetch_add(&life->sent, 1);
	}
}

static void
on_question(struct plugind *p, struct plugind_event *e, void *arg)
{
	(void)e;
	(void)arg;
	atomic_fetch_add(&ear->received, 1);
	publish_answers(p);
}

/* --- the plugin -------------------------------------------------------- */

static char *
copy(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

static int
listen_to_all(struct plugind *p)
{
	int r = 0;

	for (int i = 0; i < TOPICS && r == 0 && hears; i++)
		r = plugind_subscribe(p, topics[i], 0, on_event, NULL);
	if (r == 0 && to != NULL)
		r = plugind_subscribe(p, to, PLUGIND_ECHO, on_question, NULL);
	plugind_on_gap(p, on_gap, NULL);
	return r;
}

static int
initialize(struct plugind *p, const struct plugind_config *c)
{
	int r;

	says = plugind_config_bool(c, "say", false);
	hears = plugind_config_bool(c, "hear", false);
	times = plugind_config_int(c, "times", 1, 1, 16);
	pause_ms = plugind_config_duration(c, "pause", 0);
	answer = copy(plugind_config_string(c, "answer", NULL));
	to = copy(plugind_config_string(c, "to", NULL));
	r = open_books(p, plugind_config_string(c, "books", ""));
	if (r != 0)
		return r;
	ear->blocks = plugind_config_bool(c, "blocks", false);
	return listen_to_all(p);
}

static int
start(struct plugind *p)
{
	if (hears)
		begin_to_listen();
	if (says) {
		timer = plugind_timer_new(p, LOOK_MS, true, look, NULL);
		plugind_on_writable(p, go_on, NULL);
	}
	if (answer != NULL)
		publish_answers(p);
	return PLUGIND_OK;
}

static int
stop(struct plugind *p)
{
	(void)p;
	plugind_timer_free(timer);
	free(answer);
	free(to);
	return PLUGIND_OK;
}

PLUGIND_PLUGIN(.name = "lossmod", .version = "1", .initialize = initialize,
    .start = start, .stop = stop)
