/*
 * msgs: the rows of msgs.def as a table. Pure.
 */
#include "common/msgs.h"

const struct msg_info msg_table[] = {
#define MSG(number, constant, name, role, args, help) \
	{MSG_##constant, ROLE_##role, name, args, help},
#include "common/msgs.def"
#undef MSG
};

const size_t msg_count = sizeof(msg_table) / sizeof(msg_table[0]);

const struct msg_info *
msg_find(unsigned type)
{
	for (size_t i = 0; i < msg_count; i++) {
		if ((unsigned)msg_table[i].type == type)
			return &msg_table[i];
	}
	return NULL;
}
