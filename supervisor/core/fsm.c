/*
 * fsm: the table. Every pair of state and event has a cell of its own; the
 * golden file in the tests prints them all, so a change here is seen in
 * review as a change of behaviour.
 *
 * Must never: look at a clock, a row or a configuration, or call anything.
 */
#include "fsm.h"

#include <errno.h>
#include <string.h>

#define GO(next_, action_)                      \
	{                                       \
		STATE_##next_, ACTION_##action_ \
	}

/* clang-format off */
/* A cell that is not named is {0, ACTION_INVALID}: fsm_step keeps the state. */
static const struct fsm_cell table[STATE__COUNT][EVENT__COUNT] = {
	[STATE_REGISTERED] = {
		[EVENT_START]        = GO(WAITING, CLEAR_GATE),
		[EVENT_STOP]         = GO(STOPPED, ENDED),
		[EVENT_RESTART]      = GO(WAITING, CLEAR_GATE),
		[EVENT_RESET]        = GO(REGISTERED, CLEAR),
		[EVENT_REMOVE]       = GO(DESTROYED, FORGET),
		[EVENT_CONFIG]       = GO(REGISTERED, NONE),
		[EVENT_DEP_LOST]     = GO(REGISTERED, NONE),
	},
	[STATE_WAITING] = {
		[EVENT_START]        = GO(WAITING, GATE),
		[EVENT_STOP]         = GO(STOPPED, ENDED),
		[EVENT_RESTART]      = GO(WAITING, GATE),
		[EVENT_RESET]        = GO(WAITING, CLEAR_GATE),
		[EVENT_REMOVE]       = GO(DESTROYED, FORGET),
		[EVENT_CONFIG]       = GO(WAITING, CLEAR_GATE),
		[EVENT_GATE_OPEN]    = GO(INITIALIZING, SPAWN),
		[EVENT_DEP_LOST]     = GO(WAITING, NONE),
		[EVENT_TIMEOUT]      = GO(WAITING, GATE),
	},
	[STATE_INITIALIZING] = {
		[EVENT_START]        = GO(INITIALIZING, NONE),
		[EVENT_STOP]         = GO(STOPPING, STOP),
		[EVENT_RESTART]      = GO(STOPPING, STOP),
		[EVENT_RESET]        = GO(INITIALIZING, CLEAR),
		[EVENT_REMOVE]       = GO(STOPPING, STOP),
		[EVENT_CONFIG]       = GO(STOPPING, STOP),
		[EVENT_DEP_LOST]     = GO(STOPPING, STOP),
		[EVENT_SPAWN_FAILED] = GO(WAITING, SPAWN_RETRY),
		[EVENT_EXECED]       = GO(STARTING, AWAIT_READY),
		[EVENT_INITIALIZED]  = GO(INITIALIZED, START_MANAGED),
		[EVENT_TIMEOUT]      = GO(STOPPING, STOP),
		[EVENT_EXIT_STAY]    = GO(STOPPED, ENDED),
		[EVENT_EXIT_AGAIN]   = GO(WAITING, GATE),
		[EVENT_EXIT_BACKOFF] = GO(BACKOFF, BACKOFF),
		[EVENT_EXIT_GIVE_UP] = GO(FAILED, ENDED),
		[EVENT_EXIT_REMOVED] = GO(DESTROYED, FORGET),
	},
	[STATE_INITIALIZED] = {
		[EVENT_START]        = GO(INITIALIZED, NONE),
		[EVENT_STOP]         = GO(STOPPING, STOP),
		[EVENT_RESTART]      = GO(STOPPING, STOP),
		[EVENT_RESET]        = GO(INITIALIZED, CLEAR),
		[EVENT_REMOVE]       = GO(STOPPING, STOP),
		[EVENT_CONFIG]       = GO(STOPPING, STOP),
		[EVENT_DEP_LOST]     = GO(STOPPING, STOP),
		[EVENT_EXECED]       = GO(STARTING, AWAIT_READY),
		[EVENT_TIMEOUT]      = GO(STOPPING, STOP),
		[EVENT_EXIT_STAY]    = GO(STOPPED, ENDED),
		[EVENT_EXIT_AGAIN]   = GO(WAITING, GATE),
		[EVENT_EXIT_BACKOFF] = GO(BACKOFF, BACKOFF),
		[EVENT_EXIT_GIVE_UP] = GO(FAILED, ENDED),
		[EVENT_EXIT_REMOVED] = GO(DESTROYED, FORGET),
	},
	[STATE_STARTING] = {
		[EVENT_START]        = GO(STARTING, NONE),
		[EVENT_STOP]         = GO(STOPPING, STOP),
		[EVENT_RESTART]      = GO(STOPPING, STOP),
		[EVENT_RESET]        = GO(STARTING, CLEAR),
		[EVENT_REMOVE]       = GO(STOPPING, STOP),
		[EVENT_CONFIG]       = GO(STOPPING, STOP),
		[EVENT_DEP_LOST]     = GO(STOPPING, STOP),
		[EVENT_READY]        = GO(RUNNING, RUNNING),
		[EVENT_TIMEOUT]      = GO(STOPPING, STOP),
		[EVENT_EXIT_STAY]    = GO(STOPPED, ENDED),
		[EVENT_EXIT_AGAIN]   = GO(WAITING, GATE),
		[EVENT_EXIT_BACKOFF] = GO(BACKOFF, BACKOFF),
		[EVENT_EXIT_GIVE_UP] = GO(FAILED, ENDED),
		[EVENT_EXIT_REMOVED] = GO(DESTROYED, FORGET),
	},
	[STATE_RUNNING] = {
		[EVENT_START]        = GO(RUNNING, NONE),
		[EVENT_STOP]         = GO(STOPPING, STOP),
		[EVENT_RESTART]      = GO(STOPPING, STOP),
		[EVENT_RESET]        = GO(RUNNING, CLEAR),
		[EVENT_REMOVE]       = GO(STOPPING, STOP),
		[EVENT_CONFIG]       = GO(STOPPING, STOP),
		[EVENT_DEP_LOST]     = GO(STOPPING, STOP),
		[EVENT_READY]        = GO(RUNNING, NONE),
		[EVENT_UNHEALTHY]    = GO(STOPPING, STOP),
		[EVENT_EXIT_STAY]    = GO(STOPPED, ENDED),
		[EVENT_EXIT_AGAIN]   = GO(WAITING, GATE),
		[EVENT_EXIT_BACKOFF] = GO(BACKOFF, BACKOFF),
		[EVENT_EXIT_GIVE_UP] = GO(FAILED, ENDED),
		[EVENT_EXIT_REMOVED] = GO(DESTROYED, FORGET),
	},
	[STATE_STOPPING] = {
		[EVENT_START]        = GO(STOPPING, NONE),
		[EVENT_STOP]         = GO(STOPPING, NONE),
		[EVENT_RESTART]      = GO(STOPPING, NONE),
		[EVENT_RESET]        = GO(STOPPING, CLEAR),
		[EVENT_REMOVE]       = GO(STOPPING, NONE),
		[EVENT_CONFIG]       = GO(STOPPING, NONE),
		[EVENT_DEP_LOST]     = GO(STOPPING, NONE),
		[EVENT_EXECED]       = GO(STOPPING, NONE),
		[EVENT_INITIALIZED]  = GO(STOPPING, NONE),
		[EVENT_READY]        = GO(STOPPING, NONE),
		[EVENT_UNHEALTHY]    = GO(STOPPING, NONE),
		[EVENT_TIMEOUT]      = GO(STOPPING, ESCALATE),
		[EVENT_EXIT_STAY]    = GO(STOPPED, ENDED),
		[EVENT_EXIT_AGAIN]   = GO(WAITING, GATE),
		[EVENT_EXIT_BACKOFF] = GO(BACKOFF, BACKOFF),
		[EVENT_EXIT_GIVE_UP] = GO(FAILED, ENDED),
		[EVENT_EXIT_REMOVED] = GO(DESTROYED, FORGET),
	},
	[STATE_STOPPED] = {
		[EVENT_START]        = GO(WAITING, CLEAR_GATE),
		[EVENT_STOP]         = GO(STOPPED, NONE),
		[EVENT_RESTART]      = GO(WAITING, CLEAR_GATE),
		[EVENT_RESET]        = GO(STOPPED, CLEAR),
		[EVENT_REMOVE]       = GO(DESTROYED, FORGET),
		[EVENT_CONFIG]       = GO(STOPPED, NONE),
		[EVENT_DEP_LOST]     = GO(STOPPED, NONE),
	},
	[STATE_BACKOFF] = {
		[EVENT_START]        = GO(WAITING, GATE),
		[EVENT_STOP]         = GO(STOPPED, ENDED),
		[EVENT_RESTART]      = GO(WAITING, GATE),
		[EVENT_RESET]        = GO(BACKOFF, CLEAR),
		[EVENT_REMOVE]       = GO(DESTROYED, FORGET),
		[EVENT_CONFIG]       = GO(BACKOFF, NONE),
		[EVENT_DEP_LOST]     = GO(BACKOFF, NONE),
		[EVENT_TIMEOUT]      = GO(WAITING, GATE),
	},
	[STATE_FAILED] = {
		[EVENT_START]        = GO(WAITING, CLEAR_GATE),
		[EVENT_STOP]         = GO(FAILED, NONE),
		[EVENT_RESTART]      = GO(WAITING, CLEAR_GATE),
		[EVENT_RESET]        = GO(STOPPED, CLEAR),
		[EVENT_REMOVE]       = GO(DESTROYED, FORGET),
		[EVENT_CONFIG]       = GO(WAITING, CLEAR_GATE),
		[EVENT_DEP_LOST]     = GO(FAILED, NONE),
	},
};

static const char *const state_names[STATE__COUNT] = {
	[STATE_REGISTERED]   = "registered",
	[STATE_WAITING]      = "waiting",
	[STATE_INITIALIZING] = "initializing",
	[STATE_INITIALIZED]  = "initialized",
	[STATE_STARTING]     = "starting",
	[STATE_RUNNING]      = "running",
	[STATE_STOPPING]     = "stopping",
	[STATE_STOPPED]      = "stopped",
	[STATE_BACKOFF]      = "backoff",
	[STATE_FAILED]       = "failed",
	[STATE_DESTROYED]    = "destroyed",
};

static const char *const wish_names[WISH__COUNT] = {
	[WISH_DOWN] = "down", [WISH_UP] = "up", [WISH_AGAIN] = "again",
};

static const char *const event_names[EVENT__COUNT] = {
	[EVENT_START]        = "start",
	[EVENT_STOP]         = "stop",
	[EVENT_RESTART]      = "restart",
	[EVENT_RESET]        = "reset",
	[EVENT_REMOVE]       = "remove",
	[EVENT_CONFIG]       = "config",
	[EVENT_GATE_OPEN]    = "gate_open",
	[EVENT_DEP_LOST]     = "dep_lost",
	[EVENT_SPAWN_FAILED] = "spawn_failed",
	[EVENT_EXECED]       = "execed",
	[EVENT_INITIALIZED]  = "initialized",
	[EVENT_READY]        = "ready",
	[EVENT_UNHEALTHY]    = "unhealthy",
	[EVENT_TIMEOUT]      = "timeout",
	[EVENT_EXIT_STAY]    = "exit_stay",
	[EVENT_EXIT_AGAIN]   = "exit_again",
	[EVENT_EXIT_BACKOFF] = "exit_backoff",
	[EVENT_EXIT_GIVE_UP] = "exit_give_up",
	[EVENT_EXIT_REMOVED] = "exit_removed",
};

static const char *const action_names[ACTION__COUNT] = {
	[ACTION_INVALID]       = "invalid",
	[ACTION_NONE]          = "none",
	[ACTION_GATE]          = "gate",
	[ACTION_CLEAR_GATE]    = "clear_gate",
	[ACTION_CLEAR]         = "clear",
	[ACTION_SPAWN]         = "spawn",
	[ACTION_SPAWN_RETRY]   = "spawn_retry",
	[ACTION_AWAIT_READY]   = "await_ready",
	[ACTION_START_MANAGED] = "start_managed",
	[ACTION_RUNNING]       = "running",
	[ACTION_STOP]          = "stop",
	[ACTION_ESCALATE]      = "escalate",
	[ACTION_BACKOFF]       = "backoff",
	[ACTION_ENDED]         = "ended",
	[ACTION_FORGET]        = "forget",
};

enum { HAS_PROCESS = 1, SETTLED = 2 };
static const unsigned char state_flags[STATE__COUNT] = {
	[STATE_REGISTERED]   = SETTLED,
	[STATE_INITIALIZING] = HAS_PROCESS,
	[STATE_INITIALIZED]  = HAS_PROCESS,
	[STATE_STARTING]     = HAS_PROCESS,
	[STATE_RUNNING]      = HAS_PROCESS | SETTLED,
	[STATE_STOPPING]     = HAS_PROCESS,
	[STATE_STOPPED]      = SETTLED,
	[STATE_BACKOFF]      = SETTLED,
	[STATE_FAILED]       = SETTLED,
	[STATE_DESTROYED]    = SETTLED,
};
/* clang-format on */

struct fsm_cell
fsm_step(enum plugin_state state, enum fsm_event event)
{
	struct fsm_cell cell = table[state][event];

	if (cell.action == ACTION_INVALID)
		cell.next = state;
	return cell;
}

bool
fsm_has_process(enum plugin_state state)
{
	return (state_flags[state] & HAS_PROCESS) != 0;
}

bool
fsm_is_settled(enum plugin_state state)
{
	return (state_flags[state] & SETTLED) != 0;
}

const char *
plugin_state_to_string(enum plugin_state s)
{
	return s < STATE__COUNT ? state_names[s] : "unknown";
}

int
plugin_state_from_string(const char *s, enum plugin_state *ret)
{
	for (unsigned i = 0; i < STATE__COUNT; i++) {
		if (strcmp(s, state_names[i]) == 0) {
			*ret = (enum plugin_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *
plugin_wish_to_string(enum plugin_wish w)
{
	return w < WISH__COUNT ? wish_names[w] : "unknown";
}

const char *
fsm_event_to_string(enum fsm_event e)
{
	return e < EVENT__COUNT ? event_names[e] : "unknown";
}

const char *
fsm_action_to_string(enum fsm_action a)
{
	return a < ACTION__COUNT ? action_names[a] : "unknown";
}

void
fsm_print(struct buf *out)
{
	for (unsigned s = 0; s < STATE__COUNT; s++) {
		for (unsigned e = 0; e < EVENT__COUNT; e++) {
			struct fsm_cell c =
			    fsm_step((enum plugin_state)s, (enum fsm_event)e);

			buf_printf(out, "%-13s %-13s -> %-13s %s\n",
			    state_names[s], event_names[e], state_names[c.next],
			    action_names[c.action]);
		}
	}
}
