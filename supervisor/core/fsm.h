/*
 * fsm: the life of a plugin instance as one flat table
 * [state][event] -> {next, action}. Pure: no clock, no I/O, calls nothing;
 * may be called from anywhere. tests/golden/fsm.txt pins every cell.
 *
 * Wish and state are different things. The wish (down, up, again) is what the
 * operator wants and is kept by lifecycle.c; which EXIT_* event an exit
 * becomes is decided there from the wish and the restart policy. This table
 * only says what may follow what.
 */
#ifndef CORE_FSM_H
#define CORE_FSM_H

#include "common/buf.h"

#include <stdbool.h>

enum plugin_state {
	STATE_REGISTERED,   /* never started */
	STATE_WAITING,      /* no process; a dependency is not ready */
	STATE_INITIALIZING, /* spawned */
	STATE_INITIALIZED,  /* transient, managed plugins */
	STATE_STARTING,     /* the program runs, not ready yet */
	STATE_RUNNING,
	STATE_STOPPING, /* told to go; the process is still there */
	STATE_STOPPED,
	STATE_BACKOFF, /* a restart is pending */
	STATE_FAILED,  /* policy exhausted or refused */
	STATE_DESTROYED,
	STATE__COUNT
};

enum plugin_wish { WISH_DOWN, WISH_UP, WISH_AGAIN, WISH__COUNT };

enum fsm_event {
	EVENT_START,        /* operator */
	EVENT_STOP,         /* operator, or shutdown */
	EVENT_RESTART,      /* operator */
	EVENT_RESET,        /* operator: clear failed */
	EVENT_REMOVE,       /* gone from the configuration */
	EVENT_CONFIG,       /* new configuration that needs a new process */
	EVENT_GATE_OPEN,    /* every dependency meets its condition */
	EVENT_DEP_LOST,     /* a dependency with `restart: true` went away */
	EVENT_SPAWN_FAILED, /* no process could be made: short of resources */
	EVENT_EXECED,       /* the program runs in the new process */
	EVENT_INITIALIZED,  /* managed: initialize succeeded */
	EVENT_READY,
	EVENT_UNHEALTHY,
	EVENT_TIMEOUT,      /* the deadline of this state has passed */
	EVENT_EXIT_STAY,    /* gone, and stays so */
	EVENT_EXIT_AGAIN,   /* gone, start again now */
	EVENT_EXIT_BACKOFF, /* gone, start again later */
	EVENT_EXIT_GIVE_UP, /* gone, and the policy is exhausted */
	EVENT_EXIT_REMOVED, /* gone, and so is its configuration */
	EVENT__COUNT
};

enum fsm_action {
	ACTION_INVALID, /* this event cannot happen here: our bug */
	ACTION_NONE,    /* nothing to do: the event is late or already true */
	ACTION_GATE,    /* look at the dependencies */
	ACTION_CLEAR_GATE, /* forget past failures, then as GATE */
	ACTION_CLEAR,      /* forget past failures */
	ACTION_SPAWN,
	ACTION_SPAWN_RETRY, /* wait a second, then spawn again; not counted */
	ACTION_AWAIT_READY,
	ACTION_START_MANAGED, /* send `start` */
	ACTION_RUNNING,
	ACTION_STOP,     /* begin the stop: command or signal */
	ACTION_ESCALATE, /* the next, harder step of the stop */
	ACTION_BACKOFF,  /* arm the restart timer */
	ACTION_ENDED,    /* the process is gone for good */
	ACTION_FORGET,   /* drop the row */
	ACTION__COUNT
};

struct fsm_cell {
	enum plugin_state next;
	enum fsm_action action;
};

/* The cell of state and event. ACTION_INVALID keeps the state. */
struct fsm_cell fsm_step(enum plugin_state state, enum fsm_event event);

/* Predicates of a state. */
bool fsm_has_process(enum plugin_state state);
/* running, stopped, failed, backoff, registered, destroyed: nothing is under
 * way that ends by itself (waiting is judged by its dependencies). */
bool fsm_is_settled(enum plugin_state state);

const char *plugin_state_to_string(enum plugin_state s);
int plugin_state_from_string(const char *s, enum plugin_state *ret);
const char *plugin_wish_to_string(enum plugin_wish w);
const char *fsm_event_to_string(enum fsm_event e);
const char *fsm_action_to_string(enum fsm_action a);

/* The whole table as text, for the golden file and the documentation. */
void fsm_print(struct buf *out);

#endif
