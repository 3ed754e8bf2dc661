/*
 * msgs: the one table of messages (msgs.def) and the shape of a control
 * exchange.
 *
 * Request [version, type, id, [argument, ...]]
 * Reply   [version, type, id, [code, data]]: code 0 and the result, or one of
 * MSG_CODE_* and a map {error, hint?, errors?}.
 */
#ifndef COMMON_MSGS_H
#define COMMON_MSGS_H

#include <stddef.h>

enum { MSG_VERSION = 1 }; /* in front of each message */

enum msg_role { ROLE_NONE, ROLE_OPERATOR, ROLE_ADMIN };

enum msg_type {
#define MSG(number, constant, name, role, args, help) MSG_##constant = (number),
#include "common/msgs.def"
#undef MSG
};

/* Codes of a reply; they are pluginctl's exit codes too. */
enum msg_code {
	MSG_CODE_OK = 0,
	MSG_CODE_FAILED = 1,
	MSG_CODE_USAGE = 2,
	MSG_CODE_NOT_RUNNING = 3,
	MSG_CODE_DENIED = 4,
	MSG_CODE_UNKNOWN_PLUGIN = 5,
	MSG_CODE_BUSY = 69,
	MSG_CODE_TIMEOUT = 75,
	MSG_CODE_CONFIG = 78,
};

struct msg_info {
	enum msg_type type;
	enum msg_role role;
	const char *name;
	const char *args;
	const char *help;
};

extern const struct msg_info msg_table[];
extern const size_t msg_count;

/* The row of a number, or NULL. */
const struct msg_info *msg_find(unsigned type);

#endif
