/*
 * buswork: see buswork.h. Must never take locks or make system calls for an
 * event, other than to read the clock: it is in what is measured.
 */
#include "buswork.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_EVERY = 64, TICK_NS = 1000 * 1000 };

static const volatile struct bus_orders *orders;
static volatile struct bus_slot *mine;

/* The publisher's own. */
static uint32_t source;
static uint64_t round_no, count, size, rate, sent;
static uint8_t data[BUS_SIZE_MAX];

/* The subscriber's own. */
static uint64_t received, seen_round;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int
bus_open(const char *path, unsigned slot, unsigned number)
{
	size_t len =
	    sizeof(struct bus_orders) + (slot + 1) * sizeof(struct bus_slot);
	char fifo[PATH_MAX];
	uint8_t *map;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	orders = (void *)map;
	mine = (void *)(map + len - sizeof(struct bus_slot));
	source = number;
	/* For writing too, so that it does not end when the driver closes. */
	snprintf(fifo, sizeof(fifo), "%s.%u", path, slot);
	fd = open(fifo, O_RDWR | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

void
bus_tell_ready(void)
{
	mine->pid = (uint64_t)getpid();
}

/* --- publishers -------------------------------------------------------- */

bool
bus_begin(int fd)
{
	char rings[64];

	if (read(fd, rings, sizeof(rings)) <= 0)
		return false;
	if (orders->round == round_no)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	round_no = orders->round;
	count = orders->count;
	size = orders->size;
	rate = orders->rate;
	if (size > sizeof(data))
		size = sizeof(data);
	sent = 0;
	mine->sent = 0;
	mine->first_ns = now_ns();
	return true;
}

bool
bus_is_paced(void)
{
	return rate > 0;
}

bool
bus_is_over(void)
{
	if (sent < count && orders->stop != round_no)
		return false;
	mine->done = round_no;
	return true;
}

uint64_t
bus_due(void)
{
	uint64_t due = count;

	if (orders->stop == round_no)
		return 0;
	if (rate > 0)
		due = 1 + (now_ns() - mine->first_ns) / 1000 * rate / 1000000;
	return due < count ? due - sent : count - sent;
}

const void *
bus_next(size_t *ret_len)
{
	const struct bus_data head = {
	    .sent_ns = rate > 0 ? now_ns() : 0,
	    .round = (uint32_t)round_no,
	    .source = source,
	    .n = sent,
	};

	memcpy(data, &head, sizeof(head));
	*ret_len = size;
	return data;
}

void
bus_count_sent(void)
{
	mine->sent = ++sent;
}

static void
wait_tick(void)
{
	const struct timespec tick = {0, TICK_NS};

	nanosleep(&tick, NULL);
}

static void
publish_round(const struct bus_publisher *ops)
{
	size_t len;

	while (!bus_is_over()) {
		uint64_t due = bus_due();

		for (; due > 0 && orders->stop != round_no; due--) {
			const void *next = bus_next(&len);

			ops->publish(next, len);
			bus_count_sent();
		}
		if (ops->flush != NULL)
			ops->flush();
		if (bus_is_paced())
			wait_tick();
	}
}

void
bus_publish_all(int fd, const struct bus_publisher *ops)
{
	bus_tell_ready();
	for (;;) {
		if (bus_begin(fd))
			publish_round(ops);
	}
}

/* --- subscribers ------------------------------------------------------- */

static void
begin_receiving(uint32_t round)
{
	seen_round = round;
	received = 0;
	for (int i = 0; i < BUS_SOURCES; i++)
		mine->from[i] = 0;
	mine->nsamples = 0;
	mine->received = 0;
	mine->round = round;
}

void
bus_take(const void *bytes, size_t len)
{
	struct bus_data head;

	if (len < sizeof(head))
		bus_fail("an event", "too short");
	memcpy(&head, bytes, sizeof(head));
	if (head.round < seen_round)
		return; /* a straggler */
	if (head.round > seen_round)
		begin_receiving(head.round);
	received++;
	mine->from[head.source % BUS_SOURCES]++;
	if (head.sent_ns != 0 && mine->nsamples < BUS_SAMPLES) {
		mine->samples_ns[mine->nsamples] =
		    (uint32_t)(now_ns() - head.sent_ns);
		mine->nsamples++;
	}
	if (received % CLOCK_EVERY == 0 || head.n + 1 == orders->count)
		mine->last_ns = now_ns();
	mine->received = received;
}

/* --- for programs of a peer -------------------------------------------- */

void
bus_fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	_exit(1);
}

static unsigned
read_number(const char *s)
{
	return (unsigned)strtoul(s, NULL, 10);
}

int
bus_open_argv(int argc, char **argv)
{
	int fd;

	if (argc < 6)
		bus_fail("usage", "ROLE MEMORY SLOT SOURCE ADDRESS...");
	/* Not longer than the driver, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = bus_open(argv[2], read_number(argv[3]), read_number(argv[4]));
	if (fd < 0)
		bus_fail(argv[2], strerror(-fd));
	return fd;
}
