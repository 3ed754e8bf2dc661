/*
 * ops: operations: what a client asked for and how it ended, plugin by
 * plugin. An action answers at once with an operation's number; waiting for
 * its end is a long poll (control.c). The last OPS_KEPT are remembered.
 */
#ifndef CORE_OPS_H
#define CORE_OPS_H

#include "common/buf.h"
#include "table.h"

enum { OPS_KEPT = 256 };

enum op_verb {
	OP_START,
	OP_STOP,
	OP_RESTART,
	OP_RELOAD,
	OP_RESET,
	OP_APPLY,
	OP_VERB__COUNT
};

struct op_result {
	char name[ROW_NAME_MAX];
	uint64_t generation; /* when it was asked */
	bool configure;      /* it goes on and takes a new configuration */
	int code;            /* -1: open; else enum msg_code */
	char message[ROW_TEXT_MAX];
};

struct op {
	uint64_t id;
	enum op_verb verb;
	struct op_result *results;
	uint32_t nresults;
	uint32_t room;
	uint32_t open;
	char note[512]; /* one for the whole, "" : none */
};

/* Registers its observer. `done` is called when an operation has no open
 * result left. */
typedef void op_done_fn(const struct op *op);
void ops_init(op_done_fn *done);
void ops_fini(void);

/* A new one with room for n results; the oldest is forgotten. NULL: out of
 * memory. */
struct op *ops_new(enum op_verb verb, size_t n);
/* Adds a row whose outcome is awaited: call it before the command is given.
 * An earlier operation that still waits for this row ends as superseded. */
void ops_add(struct op *op, struct row *row);
/* The same, for one that takes its new configuration while it runs. */
void ops_add_configure(struct op *op, struct row *row);
/* Adds a result that is known already. */
void ops_add_result(
    struct op *op, const char *name, int code, const char *message);
/* After the commands were given: looks at every row once. */
void ops_settle(struct op *op);

/* NULL: never was, or forgotten. */
struct op *ops_find(uint64_t id);

/* The operation as the map of docs/CONTROL.md. */
void ops_put(struct buf *out, const struct op *op);

#endif
