/*
 * handlers: which function serves which message. A unit test fails when a
 * row of msgs.def has none.
 */
#include "act.h"
#include "clients.h"
#include "look.h"
#include "request.h"
#include "top.h"

static const struct {
	enum msg_type type;
	request_fn *fn;
} handlers[] = {
    {MSG_PING, look_ping},
    {MSG_GET_VERSION, look_version},
    {MSG_STATUS, look_status},
    {MSG_SHOW, look_show},
    {MSG_WHY, look_why},
    {MSG_GRAPH, look_graph},
    {MSG_FAILURES, look_failures},
    {MSG_TOP, top_show},
    {MSG_START, act_start},
    {MSG_STOP, act_stop},
    {MSG_RESTART, act_restart},
    {MSG_RELOAD, act_reload},
    {MSG_KILL, act_kill},
    {MSG_RESET, act_reset},
    {MSG_ENABLE, act_enable},
    {MSG_SCALE, act_scale},
    {MSG_OP_WAIT, act_op_wait},
    {MSG_STATE_WAIT, look_state_wait},
    {MSG_LOGS, look_logs},
    {MSG_CONFIG_SHOW, look_config},
    {MSG_PLAN, act_plan},
    {MSG_APPLY, act_apply},
    {MSG_ATTACH_CLIENT, clients_attach},
    {MSG_CLIENTS, clients_list},
};

request_fn *
request_handler(enum msg_type type)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == type)
			return handlers[i].fn;
	}
	return NULL;
}
