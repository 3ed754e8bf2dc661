/*
 * loss: the books that lossmod keeps and test_lossless reads: a file that all
 * of them map, so that what was written is there after any end of a process.
 *
 * A life is one incarnation that publishes: its events are numbered from 1 on.
 * An ear is one that subscribes. Each has one writer, its process; the test
 * reads while it writes.
 */
#ifndef TESTS_STUBS_LOSS_H
#define TESTS_STUBS_LOSS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	LOSS_LIVES = 1024,
	LOSS_EARS = 1024,
	LOSS_NAME = 16,
	LOSS_FAULTS = 64,
	LOSS_DATA = 64, /* bytes of an event */
};

struct loss_who {
	char name[LOSS_NAME];
	uint32_t instance; /* of its process */
	atomic_int pid;    /* 0: not there yet */
};

struct loss_life {
	struct loss_who who;
	atomic_ullong sent;  /* the last number that was, or is being, tried */
	atomic_ullong acked; /* the last one that the SDK calls acknowledged */
};

/* What one ear has heard of one life. */
struct loss_heard {
	atomic_ullong first;
	atomic_ullong high; /* the largest number; 0: none */
	uint64_t last;      /* the number that came last */
	/* What had been sent when the ear was sure to listen: from the next
	 * one on it must hear all. */
	uint64_t base;
	atomic_uint gaps; /* of the ear, when it last heard this life */
};

enum loss_fault_kind {
	LOSS_MISSING,     /* got is more than one more than before */
	LOSS_TWICE,       /* it came before, and did not say so */
	LOSS_ORDER,       /* it came again, but not behind the one before it */
	LOSS_UNSENT,      /* nobody has published it */
	LOSS_GAP_BLOCKED, /* a gap of got events, though publishers are held */
	LOSS_GAP_UNKNOWN, /* events were dropped, and nobody knows how many */
	LOSS_GAP_SMALL,   /* got events are missing, the gaps say before */
	LOSS_NOT_OURS,
	LOSS_FAULT__COUNT
};

struct loss_fault {
	enum loss_fault_kind kind;
	uint32_t ear;
	uint32_t life;
	uint64_t before;
	uint64_t got;
};

struct loss_ear {
	struct loss_who who;
	bool blocks;
	atomic_bool is_live; /* its subscriptions hold */
	atomic_ullong received;
	atomic_ullong again;
	atomic_uint gaps;        /* of both kinds */
	atomic_uint router_gaps; /* `gaps` at the last of these */
	atomic_uint nrouter_gaps;
	atomic_ullong missed; /* as the gaps say */
	atomic_ullong lost;   /* as the numbers say */
	struct loss_heard heard[LOSS_LIVES];
};

struct loss_books {
	atomic_uint nlives;
	atomic_uint nears;
	atomic_bool is_enough; /* nobody publishes any more */
	atomic_uint nfaults;
	struct loss_fault faults[LOSS_FAULTS];
	struct loss_life lives[LOSS_LIVES];
	struct loss_ear ears[LOSS_EARS];
};

#endif
