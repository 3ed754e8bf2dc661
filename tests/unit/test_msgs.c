/*
 * test_msgs: the message table. Numbers and names never change their
 * meaning, so a copy of them is kept here.
 */
#include "common/msgs.h"

#include "unit.h"

static const struct {
	unsigned type;
	enum msg_role role;
	const char *name;
} golden[] = {
    {101, ROLE_NONE, "attach"},
    {102, ROLE_NONE, "spawned"},
    {103, ROLE_NONE, "detach"},
    {104, ROLE_NONE, "command"},
    {105, ROLE_NONE, "link.ping"},
    {106, ROLE_NONE, "policy"},
    {107, ROLE_NONE, "system.event"},
    {108, ROLE_NONE, "retain"},
    {109, ROLE_NONE, "core.result"},
    {110, ROLE_NONE, "count"},
    {111, ROLE_NONE, "link.up"},
    {112, ROLE_NONE, "link.down"},
    {113, ROLE_NONE, "link.outcome"},
    {114, ROLE_NONE, "link.status"},
    {115, ROLE_NONE, "violation"},
    {116, ROLE_NONE, "link.pong"},
    {117, ROLE_NONE, "core.call"},
    {118, ROLE_NONE, "counters"},
    {201, ROLE_NONE, "initialize"},
    {202, ROLE_NONE, "plugin.start"},
    {203, ROLE_NONE, "plugin.stop"},
    {204, ROLE_NONE, "configure"},
    {205, ROLE_NONE, "health"},
    {221, ROLE_NONE, "serve"},
    {222, ROLE_NONE, "returns"},
    {251, ROLE_NONE, "events"},
    {301, ROLE_NONE, "hello"},
    {302, ROLE_NONE, "outcome"},
    {303, ROLE_NONE, "plugin.status"},
    {310, ROLE_NONE, "publish"},
    {311, ROLE_NONE, "subscribe"},
    {312, ROLE_NONE, "unsubscribe"},
    {313, ROLE_NONE, "events.ack"},
    {320, ROLE_NONE, "call"},
    {321, ROLE_NONE, "result"},
    {322, ROLE_NONE, "register"},
    {323, ROLE_NONE, "unregister"},
    {324, ROLE_NONE, "discover"},
    {401, ROLE_OPERATOR, "ping"},
    {402, ROLE_OPERATOR, "version"},
    {403, ROLE_OPERATOR, "status"},
    {404, ROLE_OPERATOR, "show"},
    {405, ROLE_OPERATOR, "why"},
    {406, ROLE_OPERATOR, "graph"},
    {407, ROLE_OPERATOR, "failures"},
    {408, ROLE_OPERATOR, "top"},
    {410, ROLE_OPERATOR, "start"},
    {411, ROLE_OPERATOR, "stop"},
    {412, ROLE_OPERATOR, "restart"},
    {413, ROLE_OPERATOR, "reload"},
    {414, ROLE_OPERATOR, "kill"},
    {415, ROLE_OPERATOR, "reset"},
    {416, ROLE_ADMIN, "enable"},
    {417, ROLE_ADMIN, "scale"},
    {420, ROLE_OPERATOR, "op.wait"},
    {421, ROLE_OPERATOR, "state.wait"},
    {430, ROLE_OPERATOR, "logs"},
    {440, ROLE_OPERATOR, "config.show"},
    {442, ROLE_OPERATOR, "plan"},
    {443, ROLE_OPERATOR, "apply"},
    {450, ROLE_OPERATOR, "attach.client"},
    {451, ROLE_OPERATOR, "clients"},
};

START_TEST(test_numbers_and_names)
{
	const struct msg_info *m = msg_find(golden[_i].type);

	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq((unsigned)m->type, golden[_i].type);
	ck_assert_str_eq(m->name, golden[_i].name);
	ck_assert_int_eq((int)m->role, (int)golden[_i].role);
}
END_TEST

START_TEST(test_table)
{
	ck_assert_uint_eq(msg_count, COUNT(golden));
	for (size_t i = 0; i < msg_count; i++) {
		const struct msg_info *m = &msg_table[i];

		ck_assert_ptr_eq(msg_find((unsigned)m->type), m);
		ck_assert_uint_gt(strlen(m->help), 0);
		ck_assert_ptr_nonnull(m->args);
		ck_assert((m->role == ROLE_NONE) == (m->type < MSG_PING));
		if (i > 0)
			ck_assert_uint_gt(
			    (unsigned)m->type, (unsigned)msg_table[i - 1].type);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(m->name, msg_table[k].name);
	}
}
END_TEST

START_TEST(test_unknown)
{
	static const unsigned unknown[] = {
	    0, 1, 400, 409, 441, 444, 65536, 0xffffffffU};

	for (size_t i = 0; i < COUNT(unknown); i++)
		ck_assert_ptr_null(msg_find(unknown[i]));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("msgs");
	TCase *tc = tcase_create("msgs");

	tcase_add_loop_test(tc, test_numbers_and_names, 0, COUNT(golden));
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_unknown);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
