/*
 * test_fsm: every cell of the machine against the golden file, which cells
 * cannot be, and what holds for all of them.
 */
#include "supervisor/core/fsm.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

static const char *
state_name(unsigned s)
{
	return plugin_state_to_string((enum plugin_state)s);
}

static const char *
event_name(unsigned e)
{
	return fsm_event_to_string((enum fsm_event)e);
}

static struct fsm_cell
step(unsigned s, unsigned e)
{
	return fsm_step((enum plugin_state)s, (enum fsm_event)e);
}

/* --- golden ------------------------------------------------------------ */

/* One line a cell; a change of behaviour is a change of this file. */
START_TEST(test_golden)
{
	FILE *in = fopen(GOLDEN_DIR "/fsm.txt", "re");
	char want[128];
	struct buf out;
	char *save = NULL;
	char *line;
	int n = 0;

	ck_assert_ptr_nonnull(in);
	buf_init(&out, 1 << 16);
	fsm_print(&out);
	ck_assert_int_eq(buf_error(&out), 0);
	(void)buf_cstr(&out);
	line = strtok_r((char *)out.data, "\n", &save);
	while (fgets(want, sizeof(want), in) != NULL) {
		want[strcspn(want, "\n")] = '\0';
		n++;
		ck_assert_msg(line != NULL && strcmp(line, want) == 0,
		    "line %d of fsm.txt: '%s', but the table says '%s'", n,
		    want, line != NULL ? line : "");
		line = strtok_r(NULL, "\n", &save);
	}
	ck_assert_ptr_null(line);
	ck_assert_int_eq(n, STATE__COUNT * EVENT__COUNT);
	(void)fclose(in);
	buf_fini(&out);
}
END_TEST

/* --- which cells cannot be --------------------------------------------- */

static bool
is_command(unsigned e)
{
	return e == EVENT_START || e == EVENT_STOP || e == EVENT_RESTART ||
	       e == EVENT_RESET || e == EVENT_REMOVE || e == EVENT_CONFIG ||
	       e == EVENT_DEP_LOST;
}

static bool
is_exit(unsigned e)
{
	return e >= EVENT_EXIT_STAY && e <= EVENT_EXIT_REMOVED;
}

/* Events that only some states can see, whoever posts them. */
static const struct {
	enum fsm_event event;
	enum plugin_state states[STATE__COUNT]; /* REGISTERED ends the list */
} seen_in[] = {
    {EVENT_GATE_OPEN, {STATE_WAITING}},
    {EVENT_SPAWN_FAILED, {STATE_INITIALIZING}},
    {EVENT_EXECED, {STATE_INITIALIZING, STATE_INITIALIZED, STATE_STOPPING}},
    {EVENT_INITIALIZED, {STATE_INITIALIZING, STATE_STOPPING}},
    {EVENT_READY, {STATE_STARTING, STATE_RUNNING, STATE_STOPPING}},
    {EVENT_UNHEALTHY, {STATE_RUNNING, STATE_STOPPING}},
    {EVENT_TIMEOUT, {STATE_WAITING, STATE_INITIALIZING, STATE_INITIALIZED,
                        STATE_STARTING, STATE_STOPPING, STATE_BACKOFF}},
};

static bool
is_possible(unsigned s, unsigned e)
{
	if (s == STATE_DESTROYED)
		return false;
	if (is_command(e))
		return true;
	if (is_exit(e))
		return fsm_has_process((enum plugin_state)s);
	for (size_t i = 0; i < COUNT(seen_in); i++) {
		if (seen_in[i].event != e)
			continue;
		for (size_t k = 0; seen_in[i].states[k] != 0; k++) {
			if (seen_in[i].states[k] == s)
				return true;
		}
	}
	return false;
}

START_TEST(test_impossible)
{
	for (unsigned e = 0; e < EVENT__COUNT; e++) {
		struct fsm_cell c = step((unsigned)_i, e);
		bool possible = is_possible((unsigned)_i, e);

		ck_assert_msg((c.action != ACTION_INVALID) == possible,
		    "%s in %s is %s", event_name(e), state_name((unsigned)_i),
		    possible ? "possible" : "impossible");
		if (!possible)
			ck_assert_int_eq((int)c.next, _i);
	}
}
END_TEST

/* --- what holds for all cells ------------------------------------------ */

/* A process appears by SPAWN only and goes by an exit only. */
START_TEST(test_processes)
{
	for (unsigned e = 0; e < EVENT__COUNT; e++) {
		struct fsm_cell c = step((unsigned)_i, e);
		bool before = fsm_has_process((enum plugin_state)_i);
		bool after = fsm_has_process(c.next);

		if (c.action == ACTION_INVALID)
			continue;
		if (!before && after)
			ck_assert_int_eq((int)c.action, ACTION_SPAWN);
		if (before && !after)
			ck_assert(is_exit(e) || e == EVENT_SPAWN_FAILED);
		if (is_exit(e))
			ck_assert(!after);
		if (c.action == ACTION_FORGET)
			ck_assert_int_eq((int)c.next, STATE_DESTROYED);
		if (c.next == STATE_DESTROYED)
			ck_assert_int_eq((int)c.action, ACTION_FORGET);
		if (c.action == ACTION_STOP)
			ck_assert_int_eq((int)c.next, STATE_STOPPING);
	}
}
END_TEST

/* Whatever the state, a stop and then an exit end down, a start leads up. */
START_TEST(test_commands_win)
{
	enum plugin_state s = (enum plugin_state)_i;
	enum plugin_state down;
	enum plugin_state up;

	if (s == STATE_DESTROYED)
		return;
	down = fsm_step(s, EVENT_STOP).next;
	if (fsm_has_process(down))
		down = fsm_step(down, EVENT_EXIT_STAY).next;
	ck_assert(down == STATE_STOPPED || down == STATE_FAILED);
	ck_assert_int_eq((int)fsm_step(down, EVENT_START).next, STATE_WAITING);
	up = fsm_step(s, EVENT_START).next;
	ck_assert(up == STATE_WAITING || fsm_has_process(up));
	up = fsm_step(s, EVENT_REMOVE).next;
	if (fsm_has_process(up))
		up = fsm_step(up, EVENT_EXIT_REMOVED).next;
	ck_assert_int_eq((int)up, STATE_DESTROYED);
}
END_TEST

/* What the design names one by one. */
static const struct {
	enum plugin_state state;
	enum fsm_event event;
	enum plugin_state next;
	enum fsm_action action;
} named[] = {
    {STATE_REGISTERED, EVENT_START, STATE_WAITING, ACTION_CLEAR_GATE},
    {STATE_WAITING, EVENT_STOP, STATE_STOPPED, ACTION_ENDED},
    {STATE_BACKOFF, EVENT_STOP, STATE_STOPPED, ACTION_ENDED},
    {STATE_INITIALIZING, EVENT_STOP, STATE_STOPPING, ACTION_STOP},
    {STATE_STARTING, EVENT_STOP, STATE_STOPPING, ACTION_STOP},
    {STATE_RUNNING, EVENT_RESTART, STATE_STOPPING, ACTION_STOP},
    {STATE_STOPPING, EVENT_START, STATE_STOPPING, ACTION_NONE},
    {STATE_STOPPING, EVENT_RESTART, STATE_STOPPING, ACTION_NONE},
    {STATE_STOPPING, EVENT_CONFIG, STATE_STOPPING, ACTION_NONE},
    {STATE_BACKOFF, EVENT_CONFIG, STATE_BACKOFF, ACTION_NONE},
    {STATE_BACKOFF, EVENT_START, STATE_WAITING, ACTION_GATE},
    {STATE_STOPPING, EVENT_TIMEOUT, STATE_STOPPING, ACTION_ESCALATE},
    {STATE_STOPPING, EVENT_EXIT_REMOVED, STATE_DESTROYED, ACTION_FORGET},
    {STATE_STOPPING, EVENT_EXIT_AGAIN, STATE_WAITING, ACTION_GATE},
    {STATE_FAILED, EVENT_START, STATE_WAITING, ACTION_CLEAR_GATE},
    {STATE_FAILED, EVENT_RESET, STATE_STOPPED, ACTION_CLEAR},
    {STATE_FAILED, EVENT_STOP, STATE_FAILED, ACTION_NONE},
    {STATE_RUNNING, EVENT_EXIT_STAY, STATE_STOPPED, ACTION_ENDED},
    {STATE_RUNNING, EVENT_EXIT_GIVE_UP, STATE_FAILED, ACTION_ENDED},
    {STATE_RUNNING, EVENT_EXIT_BACKOFF, STATE_BACKOFF, ACTION_BACKOFF},
    {STATE_STARTING, EVENT_TIMEOUT, STATE_STOPPING, ACTION_STOP},
    {STATE_RUNNING, EVENT_UNHEALTHY, STATE_STOPPING, ACTION_STOP},
};

START_TEST(test_named)
{
	struct fsm_cell c = fsm_step(named[_i].state, named[_i].event);

	ck_assert_str_eq(state_name(c.next), state_name(named[_i].next));
	ck_assert_str_eq(fsm_action_to_string(c.action),
	    fsm_action_to_string(named[_i].action));
}
END_TEST

/* --- predicates and names ---------------------------------------------- */

static const struct {
	const char *name;
	bool process;
	bool settled;
} states[STATE__COUNT] = {
    [STATE_REGISTERED] = {"registered", false, true},
    [STATE_WAITING] = {"waiting", false, false},
    [STATE_INITIALIZING] = {"initializing", true, false},
    [STATE_INITIALIZED] = {"initialized", true, false},
    [STATE_STARTING] = {"starting", true, false},
    [STATE_RUNNING] = {"running", true, true},
    [STATE_STOPPING] = {"stopping", true, false},
    [STATE_STOPPED] = {"stopped", false, true},
    [STATE_BACKOFF] = {"backoff", false, true},
    [STATE_FAILED] = {"failed", false, true},
    [STATE_DESTROYED] = {"destroyed", false, true},
};

START_TEST(test_states)
{
	enum plugin_state s = (enum plugin_state)_i;
	enum plugin_state back = STATE__COUNT;

	ck_assert_str_eq(plugin_state_to_string(s), states[_i].name);
	ck_assert_int_eq(plugin_state_from_string(states[_i].name, &back), 0);
	ck_assert_int_eq((int)back, _i);
	ck_assert_int_eq(fsm_has_process(s), states[_i].process);
	ck_assert_int_eq(fsm_is_settled(s), states[_i].settled);
}
END_TEST

typedef const char *name_fn(unsigned value);

static const char *
wish_name(unsigned w)
{
	return plugin_wish_to_string((enum plugin_wish)w);
}

static const char *
action_name(unsigned a)
{
	return fsm_action_to_string((enum fsm_action)a);
}

static const struct {
	name_fn *name;
	unsigned count;
} enums[] = {
    {state_name, STATE__COUNT},
    {wish_name, WISH__COUNT},
    {event_name, EVENT__COUNT},
    {action_name, ACTION__COUNT},
};

START_TEST(test_names)
{
	name_fn *name = enums[_i].name;

	for (unsigned i = 0; i < enums[_i].count; i++) {
		ck_assert_ptr_nonnull(name(i));
		ck_assert_uint_gt(strlen(name(i)), 0);
		ck_assert_str_ne(name(i), "unknown");
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(name(i), name(k));
	}
	ck_assert_str_eq(name(enums[_i].count), "unknown");
	ck_assert_str_eq(name(1000000), "unknown");
}
END_TEST

START_TEST(test_no_state)
{
	static const char *const texts[] = {
	    "", "unknown", "Running", "running ", "runnin", "0"};
	enum plugin_state s = STATE_FAILED;

	for (size_t i = 0; i < COUNT(texts); i++)
		ck_assert_int_eq(
		    plugin_state_from_string(texts[i], &s), -EINVAL);
	ck_assert_int_eq((int)s, STATE_FAILED);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fsm");
	TCase *tc = tcase_create("fsm");

	tcase_add_test(tc, test_golden);
	tcase_add_loop_test(tc, test_impossible, 0, STATE__COUNT);
	tcase_add_loop_test(tc, test_processes, 0, STATE__COUNT);
	tcase_add_loop_test(tc, test_commands_win, 0, STATE__COUNT);
	tcase_add_loop_test(tc, test_named, 0, COUNT(named));
	tcase_add_loop_test(tc, test_states, 0, STATE__COUNT);
	tcase_add_loop_test(tc, test_names, 0, COUNT(enums));
	tcase_add_test(tc, test_no_state);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
