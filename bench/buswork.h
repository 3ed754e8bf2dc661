/*
 * buswork: what the workers of bench/bus share: the memory in which the
 * driver gives orders and the workers keep the books, and the data of an
 * event. One process has one slot. The driver (Python) reads and writes the
 * same layout.
 *
 * An event's data is `size` bytes: struct bus_data and zeros. It is the same
 * for every system. A call has the same as its argument and gets it back; who
 * calls is publisher and subscriber at once, of its own replies.
 */
#ifndef BENCH_BUSWORK_H
#define BENCH_BUSWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUS_TOPIC "custom.bench"
#define BUS_METHOD "bench.echo"

enum {
	BUS_SOURCES = 8,
	BUS_SAMPLES = 65536,
	BUS_SIZE_MAX = 65536,
	BUS_WINDOW = 512, /* calls under way */
};

/* Of the driver. */
struct bus_orders {
	uint64_t round; /* written last; then every FIFO is rung */
	uint64_t stop;  /* this round ends, however many are left */
	uint64_t count; /* events of each publisher */
	uint64_t size;  /* bytes of data */
	uint64_t rate;  /* events a second of each; 0: as fast as it can */
	uint64_t unused[11];
};

/* Of one worker. */
struct bus_slot {
	uint64_t pid; /* it is set up */
	uint64_t sent;
	uint64_t first_ns; /* when the round's first event was sent */
	uint64_t done;     /* the last round that it has published in full */
	uint64_t unused[4];
	uint64_t round; /* the newest of which it has received */
	uint64_t received;
	uint64_t last_ns; /* of every 64th event, and of the last */
	uint64_t nsamples;
	uint64_t from[BUS_SOURCES]; /* by publisher */
	uint64_t unused_too[4];
	uint32_t samples_ns[BUS_SAMPLES]; /* latencies, while there is room */
};

struct bus_data {
	uint64_t sent_ns; /* CLOCK_MONOTONIC; 0 in a round without a rate */
	uint32_t round;
	uint32_t source; /* number of the publisher */
	uint64_t n;
};

/* PATH: the memory; PATH.SLOT: this worker's FIFO. Returns its descriptor,
 * which becomes readable when there is a new order, or -errno. */
int bus_open(const char *path, unsigned slot, unsigned source);
/* It can publish, or is subscribed. */
void bus_tell_ready(void);

/* --- publishers -------------------------------------------------------- */

/* Reads what rang. True: a new round begins. */
bool bus_begin(int fd);
/* How many more are to be sent now. 0 with bus_is_over() false: later. */
uint64_t bus_due(void);
bool bus_is_over(void);
/* Whether the round has a rate; then 1 ms between looks at bus_due(). */
bool bus_is_paced(void);
/* The next event's data; the same memory again and again. */
const void *bus_next(size_t *ret_len);
/* It was sent. */
void bus_count_sent(void);

struct bus_publisher {
	/* 0, or it ends the program with a message of its own. */
	void (*publish)(const void *data, size_t len);
	/* Now, not when more have come. NULL: nothing waits. */
	void (*flush)(void);
};

/* Publishes, round after round, for ever. */
void bus_publish_all(int fd, const struct bus_publisher *ops)
    __attribute__((noreturn));

/* --- subscribers ------------------------------------------------------- */

/* One event has come. */
void bus_take(const void *data, size_t len);

/* --- for programs of a peer -------------------------------------------- */

/* Ends the program. */
void bus_fail(const char *what, const char *why) __attribute__((noreturn));
/* argv: PROGRAM ROLE MEMORY SLOT SOURCE ADDRESS...; what bus_open returns. */
int bus_open_argv(int argc, char **argv);

#endif
