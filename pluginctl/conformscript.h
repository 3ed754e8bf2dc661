/*
 * conformscript: one rule of `conform` while it is tried: a process, its
 * router, and the verdict. What a rule is written in: each call waits for
 * something with a deadline, and one that fails has said why.
 */
#ifndef PLUGINCTL_CONFORMSCRIPT_H
#define PLUGINCTL_CONFORMSCRIPT_H

#include "conformpeer.h"
#include "conformproc.h"

enum conform_stage {
	STAGE_STARTED, /* the process is there */
	STAGE_LINKED,  /* it has said hello */
	STAGE_INITIALIZED,
	STAGE_RUNNING,
};

enum conform_verdict { VERDICT_GOOD, VERDICT_BAD, VERDICT_SKIPPED };

enum conform_offers { OFFERS_UNKNOWN, OFFERS_NOTHING, OFFERS_METHODS };

enum { CONFORM_CONFIG_MAX = 64 << 10 };

/* What holds for all rules. */
struct conform {
	char **argv;
	const struct buf *config; /* borrowed: a map */
	int64_t timeout_ms;
	int interrupt_fd; /* -1: none */
	bool is_interrupted;
	bool is_unusable;    /* no rule can be tried */
	bool has_hello;      /* once, at least */
	uint64_t generation; /* of the last process */
	char topic[256];     /* one that it has subscribed to; "": none yet */
	enum conform_offers offers;
	char form[CONFORM_TEXT_MAX]; /* the first FAULT_FORM of all */
};

struct script {
	struct conform *conform;
	struct conformproc proc;
	struct conformpeer peer;
	enum conform_verdict verdict;
	char seen[512];
	const char *expected; /* static */
};

/* True when the rule is kept; else script_fail or script_skip was called. */
typedef bool conform_fn(struct script *s);

struct conform_rule {
	const char *name;
	const char *section; /* of docs/PROTOCOL.md */
	conform_fn *run;
};

/* False after script_fail. Nothing runs yet. */
bool script_init(struct script *s, struct conform *conform);
void script_fini(struct script *s);

/* Both return false, for `return`. */
bool script_fail(struct script *s, const char *expected, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool script_skip(struct script *s, const char *why);

/* Starts the process, the marker being there, and leads it to that stage. */
bool script_begin(struct script *s, enum conform_stage until);
bool script_start(struct script *s); /* the process alone */
bool script_mark(struct script *s);

/* A command that was sent. */
struct order {
	unsigned type;
	uint64_t op;
	uint64_t id; /* of the frame */
	uint32_t request;
	int64_t sent_ms;
	size_t since; /* how much had been heard */
};

/* `type` with the arguments that it should have. */
struct order script_send(struct script *s, unsigned type);
/* The same, for an op that was used before. */
struct order script_send_again(struct script *s, const struct order *first);
/* A command with other arguments: one encoded array. */
struct order script_send_args(
    struct script *s, unsigned type, uint64_t op, const struct buf *args);
/* The configuration of --settings. */
void script_put_config(const struct script *s, struct buf *b);

/* Wait for the answer, the outcome (NULL after script_fail). */
const struct heard *script_answer(struct script *s, const struct order *o);
const struct heard *script_outcome(struct script *s, const struct order *o);
/* The answer is this code. */
bool script_answered(struct script *s, const struct order *o, unsigned code);
/* Sends it, and it succeeds; health may say degraded, too. */
bool script_do(struct script *s, unsigned type);

/* Whichever message of that type (and with `op`, `id`, if not 0) has come
 * since; NULL when none does in time, without a word. */
const struct heard *script_hear(
    struct script *s, unsigned type, uint64_t op, uint64_t id, size_t since);

/* What it says of its own accord, if it does: waits half a moment at most. */
const struct heard *script_hear_unasked(struct script *s, unsigned type);

/* Waits for the n-th accepted hello. */
bool script_hello(struct script *s, unsigned n);
/* Makes it connect what is missing, by a marker of the same epoch, or of
 * another if that does not help, and waits for hello. */
bool script_relink(struct script *s);
/* That it is well: with all connections, or connected again. */
bool script_is_well(struct script *s);
/* It ends by itself, in time, with status 0. */
bool script_exits(struct script *s, const char *expected);

/* Listens for that long; false when the process ended meanwhile. */
bool script_rest(struct script *s, int64_t ms);
/* A fifth of the time for anything: "at once". */
int64_t script_moment_ms(const struct script *s);
/* That, but a second at most: "not at all". Who is given more time because
 * he is slow need not be waited for longer when nothing is to come. */
int64_t script_pause_ms(const struct script *s);

/* The rules, and how many. */
extern const struct conform_rule conform_link_rules[];
extern const size_t conform_link_count;
extern const struct conform_rule conform_life_rules[];
extern const size_t conform_life_count;
extern const struct conform_rule conform_event_rules[];
extern const size_t conform_event_count;
extern const struct conform_rule conform_call_rules[];
extern const size_t conform_call_count;
extern const struct conform_rule conform_end_rules[];
extern const size_t conform_end_count;

#endif
