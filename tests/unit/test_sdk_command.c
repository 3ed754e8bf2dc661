/*
 * test_sdk_command: frames into the SDK, frames out of it: what is answered,
 * that nothing runs twice, that nothing unacknowledged is lost, and which
 * descriptors are believed.
 */
#include "common/msgs.h"
#include "sdk/src/command.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENT_MAX = 32 };

static struct plugind *p;
static struct buf frame;

/* What the plugin was asked, and what it answers. */
static struct {
	int calls[5];
	int result;
} asked;

enum { INITIALIZE, START, STOP, HEALTH, CONFIGURE };

static int
on_initialize(struct plugind *plugin, const struct plugind_config *c)
{
	(void)plugin;
	(void)c;
	asked.calls[INITIALIZE]++;
	return asked.result;
}

static int
on_start(struct plugind *plugin)
{
	(void)plugin;
	asked.calls[START]++;
	return asked.result;
}

static int
on_stop(struct plugind *plugin)
{
	(void)plugin;
	asked.calls[STOP]++;
	return asked.result;
}

static int
on_health(struct plugind *plugin)
{
	(void)plugin;
	asked.calls[HEALTH]++;
	return PLUGIND_OK;
}

static int
on_configure(struct plugind *plugin, const struct plugind_config *c)
{
	(void)plugin;
	(void)c;
	asked.calls[CONFIGURE]++;
	return asked.result;
}

static const struct plugind_descriptor good = {
    .magic = PLUGIND_MAGIC,
    .size = sizeof(good),
    .abi_min = 1,
    .abi_max = 1,
    .name = "good",
    .version = "1",
    .initialize = on_initialize,
    .start = on_start,
    .stop = on_stop,
    .health = on_health,
    .configure = on_configure,
};

/* What was sent on hub.sock. */
static struct {
	uint64_t type, id, op, code;
	char text[256];
} sent[SENT_MAX];
static size_t nsent;
static bool is_connected;

static int
keep(void *arg, const void *data, size_t len)
{
	struct frame f;

	(void)arg;
	if (!is_connected)
		return -ENOTCONN;
	ck_assert_uint_lt(nsent, SENT_MAX);
	ck_assert_int_eq(frame_parse(data, len, &f), 0);
	sent[nsent].type = f.type;
	sent[nsent].id = f.id;
	if (f.type == MSG_OUTCOME)
		ck_assert_int_eq(frame_uint(&f, &sent[nsent].op), 0);
	ck_assert_int_eq(frame_uint(&f, &sent[nsent].code), 0);
	ck_assert_int_eq(
	    frame_str(&f, sent[nsent].text, sizeof(sent[0].text)), 0);
	nsent++;
	return 0;
}

static void
setup(void)
{
	const struct identity id = {.name = "n", .instance = 2};

	buf_init(&frame, 4096);
	memset(&asked, 0, sizeof(asked));
	nsent = 0;
	is_connected = true;
	ck_assert_int_eq(plugin_new(&good, &id, keep, NULL, &p), 0);
}

static void
teardown(void)
{
	plugin_free(p);
	buf_fini(&frame);
}

/* The code of the answer to `frame`, which is then run; -1: no answer. */
static int
give(void)
{
	struct command command;
	struct buf answer;
	struct frame f;
	uint64_t code = 0;

	buf_init(&answer, 4096);
	command_read(p, frame.data, frame.len, &command, &answer);
	if (answer.len == 0) {
		ck_assert_ptr_null(command.row);
		return -1;
	}
	ck_assert_int_eq(frame_parse(answer.data, answer.len, &f), 0);
	ck_assert_int_eq(frame_uint(&f, &code), 0);
	ck_assert(code == FRAME_OK || command.row == NULL);
	buf_fini(&answer);
	command_run(p, &command);
	return (int)code;
}

static int
command(unsigned type, uint64_t op)
{
	buf_reset(&frame);
	frame_put(&frame, type, 1, 1);
	wire_put_uint(&frame, op);
	return give();
}

static void
acknowledge(size_t i)
{
	const struct frame f = {.type = sent[i].type, .id = sent[i].id};

	plugin_acknowledged(p, &f, FRAME_OK);
}

static void
check_sent(size_t i, uint64_t op, unsigned code)
{
	ck_assert_uint_gt(nsent, i);
	ck_assert_uint_eq(sent[i].type, MSG_OUTCOME);
	ck_assert_uint_eq(sent[i].op, op);
	ck_assert_uint_eq(sent[i].code, code);
}

static void
get_running(void)
{
	ck_assert_int_eq(command(MSG_INITIALIZE, 11), FRAME_OK);
	ck_assert_int_eq(command(MSG_PLUGIN_START, 12), FRAME_OK);
	acknowledge(0);
	acknowledge(1);
	nsent = 0;
}

/* --- commands ---------------------------------------------------------- */

START_TEST(test_life)
{
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	check_sent(0, 5, OUTCOME_OK);
	ck_assert_int_eq(command(MSG_PLUGIN_START, 6), FRAME_OK);
	check_sent(1, 6, OUTCOME_OK);
	ck_assert_int_eq(command(MSG_HEALTH, 7), FRAME_OK);
	check_sent(2, 7, OUTCOME_OK);
	ck_assert_int_eq(command(MSG_CONFIGURE, 8), FRAME_OK);
	check_sent(3, 8, OUTCOME_OK);
	ck_assert_int_eq(command(MSG_PLUGIN_STOP, 9), FRAME_OK);
	check_sent(4, 9, OUTCOME_OK);
	for (size_t i = 0; i < COUNT(asked.calls); i++)
		ck_assert_int_eq(asked.calls[i], 1);
}
END_TEST

/* The same op once more: the outcome again, the plugin is not asked. */
START_TEST(test_again)
{
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	ck_assert_int_eq(asked.calls[INITIALIZE], 1);
	check_sent(1, 5, OUTCOME_OK);
	ck_assert_uint_eq(sent[0].id, sent[1].id);
	acknowledge(0);
	ck_assert(outbox_is_empty(&p->outbox));
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	check_sent(2, 5, OUTCOME_OK);
}
END_TEST

START_TEST(test_again_while_unfinished)
{
	asked.result = PLUGIND_LATER;
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	ck_assert_int_eq(command(MSG_INITIALIZE, 6), FRAME_BUSY);
	ck_assert_int_eq(command(MSG_PLUGIN_START, 7), FRAME_BUSY);
	ck_assert_int_eq(asked.calls[INITIALIZE], 1);
	ck_assert_uint_eq(nsent, 0);
	plugind_done(p, PLUGIND_OK);
	ck_assert_uint_eq(nsent, 1);
	check_sent(0, 5, OUTCOME_OK);
}
END_TEST

/* A question in between does not make it forget what it did. */
START_TEST(test_again_after_health)
{
	get_running();
	asked.result = PLUGIND_LATER;
	ck_assert_int_eq(command(MSG_CONFIGURE, 20), FRAME_OK);
	ck_assert_int_eq(command(MSG_HEALTH, 21), FRAME_OK);
	check_sent(0, 21, OUTCOME_OK);
	ck_assert_int_eq(command(MSG_CONFIGURE, 20), FRAME_OK);
	ck_assert_int_eq(asked.calls[CONFIGURE], 1);
	plugind_done(p, PLUGIND_OK);
	check_sent(1, 20, OUTCOME_OK);
	ck_assert_int_eq(command(MSG_HEALTH, 21), FRAME_OK);
	ck_assert_int_eq(asked.calls[HEALTH], 1);
	check_sent(2, 21, OUTCOME_OK);
}
END_TEST

START_TEST(test_stop_supersedes)
{
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	asked.result = PLUGIND_LATER;
	ck_assert_int_eq(command(MSG_PLUGIN_START, 6), FRAME_OK);
	ck_assert_int_eq(command(MSG_PLUGIN_STOP, 7), FRAME_OK);
	ck_assert_int_eq(asked.calls[STOP], 1);
	/* Another one is the same stop. */
	ck_assert_int_eq(command(MSG_PLUGIN_STOP, 8), FRAME_OK);
	ck_assert_int_eq(asked.calls[STOP], 1);
	plugind_done(p, PLUGIND_OK);
	ck_assert_uint_eq(nsent, 2);
	check_sent(1, 8, OUTCOME_OK);
	ck_assert(!p->ended);
	acknowledge(0);
	ck_assert(!p->ended);
	acknowledge(1);
	ck_assert(p->ended);
	ck_assert_int_eq(p->exit_status, 0);
}
END_TEST

START_TEST(test_signal)
{
	get_running();
	command_stop(p);
	command_stop(p);
	ck_assert_int_eq(asked.calls[STOP], 1);
	ck_assert_uint_eq(nsent, 0); /* nobody asked */
	ck_assert(p->ended);
	ck_assert_int_eq(p->exit_status, 0);
}
END_TEST

/* The daemon's stop finds one that a signal has begun. */
START_TEST(test_signal_then_stop)
{
	get_running();
	asked.result = PLUGIND_LATER;
	command_stop(p);
	ck_assert(!p->ended);
	ck_assert_int_eq(command(MSG_PLUGIN_STOP, 30), FRAME_OK);
	ck_assert_int_eq(asked.calls[STOP], 1);
	plugind_done(p, PLUGIND_FAILED);
	check_sent(0, 30, OUTCOME_FAILED);
	acknowledge(0);
	ck_assert_int_eq(p->exit_status, 1);
}
END_TEST

/* It leaves without the last acknowledgement, but not at once. */
START_TEST(test_leave_unheard)
{
	is_connected = false;
	ck_assert_int_eq(command(MSG_PLUGIN_STOP, 5), FRAME_OK);
	ck_assert(!p->ended);
	ck_assert_int_eq(plugin_run(p), 0);
}
END_TEST

/* --- frames that are not good ------------------------------------------ */

static const struct {
	const char *hex;
	int code; /* -1: no answer */
} frames[] = {
    {"", -1},
    {"c0", -1},
    {"93 01 cc c9 01", -1},
    {"94 02 cc c9 01 91 05", -1},              /* version 2 */
    {"94 01 cc c9 01 91 05 00", -1},           /* a byte behind it */
    {"94 01 cc c9 01 90", FRAME_MALFORMED},    /* no op */
    {"94 01 cc c9 01 91 00", FRAME_MALFORMED}, /* op 0 */
    {"94 01 cc c9 01 91 a1 31", FRAME_MALFORMED},
    {"94 01 cc c9 01 91 05", FRAME_OK}, /* no config */
    {"94 01 cc c9 01 92 05 c0", FRAME_OK},
    {"94 01 cc c9 01 92 05 80", FRAME_OK},
    {"94 01 cc c9 01 92 05 90", FRAME_MALFORMED}, /* not a map */
    {"94 01 cc c9 01 93 05 80 a2 2f 78", FRAME_OK},
    {"94 01 cc c9 01 93 05 80 07", FRAME_MALFORMED},   /* not a path */
    {"94 01 cc c9 01 94 05 80 a2 2f 78 07", FRAME_OK}, /* one more */
    {"94 01 cc cb 01 92 05 cd 03 e8", FRAME_OK},       /* stop, 1 s */
    {"94 01 cc cb 01 92 05 a1 78", FRAME_MALFORMED},   /* stop, "x" */
    {"94 01 cc cb 01 92 05 cf ff ff ff ff ff ff ff ff", FRAME_OK},
    {"94 01 cc ff 01 91 05", FRAME_UNKNOWN_TYPE},
    {"94 01 00 01 91 05", FRAME_UNKNOWN_TYPE},
    {"94 01 cf 00 00 00 01 00 00 00 c9 01 91 05", -1},
};

START_TEST(test_frame)
{
	uint8_t bytes[64];
	size_t len = unit_unhex(frames[_i].hex, bytes, sizeof(bytes));

	buf_append(&frame, bytes, len);
	ck_assert_msg(give() == frames[_i].code, "%s", frames[_i].hex);
	ck_assert_uint_eq(nsent, frames[_i].code == FRAME_OK);
}
END_TEST

START_TEST(test_deadline)
{
	buf_reset(&frame);
	frame_put(&frame, MSG_PLUGIN_STOP, 1, 2);
	wire_put_uint(&frame, 5);
	wire_put_uint(&frame, 60000);
	ck_assert_int_eq(give(), FRAME_OK);
	ck_assert_int_gt(plugind_deadline_ms(p), 30000);
	ck_assert_int_le(plugind_deadline_ms(p), 60000);
}
END_TEST

/* --- what is sent ------------------------------------------------------ */

START_TEST(test_resend)
{
	is_connected = false;
	ck_assert_int_eq(command(MSG_INITIALIZE, 5), FRAME_OK);
	ck_assert_int_eq(plugind_degraded(p, "cold"), 0);
	ck_assert_uint_eq(nsent, 0);
	is_connected = true;
	outbox_resend(&p->outbox);
	ck_assert_uint_eq(nsent, 2);
	check_sent(0, 5, OUTCOME_OK);
	ck_assert_uint_eq(sent[1].type, MSG_PLUGIN_STATUS);
	ck_assert_str_eq(sent[1].text, "cold");
	acknowledge(0);
	outbox_resend(&p->outbox);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_uint_eq(sent[2].id, sent[1].id);
	acknowledge(1);
	outbox_resend(&p->outbox);
	ck_assert_uint_eq(nsent, 3);
}
END_TEST

/* However often it changes, one status is under way, and the last arrives. */
START_TEST(test_status)
{
	char text[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		ck_assert_int_eq(plugind_degraded(p, text), 0);
		ck_assert_int_eq(plugind_degraded(p, text), 0);
	}
	ck_assert_uint_eq(nsent, 1);
	acknowledge(0);
	ck_assert_uint_eq(nsent, 2);
	ck_assert_str_eq(sent[1].text, "999");
	ck_assert_uint_eq(sent[1].code, OUTCOME_DEGRADED);
	acknowledge(1);
	ck_assert_int_eq(plugind_degraded(p, NULL), 0);
	ck_assert_int_eq(plugind_degraded(p, NULL), 0);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_uint_eq(sent[2].code, OUTCOME_OK);
	ck_assert_str_eq(sent[2].text, "");
}
END_TEST

/* --- descriptors ------------------------------------------------------- */

static const struct {
	const char *part; /* of the reason; NULL: it is good */
	uint32_t magic, size;
	uint16_t abi_min, abi_max;
	int type;
	const char *name, *version;
} descriptors[] = {
    {NULL, PLUGIND_MAGIC, sizeof(good), 1, 1, 0, "a", "1"},
    {NULL, PLUGIND_MAGIC, sizeof(good), 1, 9, 2, "a_b-1", "1.0~rc1"},
    {NULL, PLUGIND_MAGIC, 4096, 0, 1, 1,
        "abcdefghijklmnopqrstuvwxyz0123456789012345678901", "v"},
    {"magic number is 0x00000000", 0, sizeof(good), 1, 1, 0, "a", "1"},
    {"claims 8 bytes", PLUGIND_MAGIC, 8, 1, 1, 0, "a", "1"},
    {"claims 4097 bytes", PLUGIND_MAGIC, 4097, 1, 1, 0, "a", "1"},
    {"ABI 2 to 3", PLUGIND_MAGIC, sizeof(good), 2, 3, 0, "a", "1"},
    {"ABI 0 to 0", PLUGIND_MAGIC, sizeof(good), 0, 0, 0, "a", "1"},
    {"ABI 2 to 1", PLUGIND_MAGIC, sizeof(good), 2, 1, 0, "a", "1"},
    {"name in its descriptor is missing", PLUGIND_MAGIC, sizeof(good), 1, 1, 0,
        NULL, "1"},
    {"name in its descriptor is malformed", PLUGIND_MAGIC, sizeof(good), 1, 1,
        0, "", "1"},
    {"name in its descriptor is malformed", PLUGIND_MAGIC, sizeof(good), 1, 1,
        0, "Upper", "1"},
    {"name in its descriptor is malformed", PLUGIND_MAGIC, sizeof(good), 1, 1,
        0, "1st", "1"},
    {"name in its descriptor is malformed", PLUGIND_MAGIC, sizeof(good), 1, 1,
        0, "a b", "1"},
    {"name in its descriptor is malformed", PLUGIND_MAGIC, sizeof(good), 1, 1,
        0, "abcdefghijklmnopqrstuvwxyz01234567890123456789012", "1"},
    {"version in its descriptor is missing", PLUGIND_MAGIC, sizeof(good), 1, 1,
        0, "a", NULL},
    {"version in its descriptor is malformed", PLUGIND_MAGIC, sizeof(good), 1,
        1, 0, "a", "1 beta"},
    {"version in its descriptor is malformed", PLUGIND_MAGIC, sizeof(good), 1,
        1, 0, "a", "1\n"},
    {"type in its descriptor is 3", PLUGIND_MAGIC, sizeof(good), 1, 1, 3, "a",
        "1"},
};

START_TEST(test_descriptor)
{
	char why[DESCRIPTOR_WHY_MAX] = "";
	/* A later one has more fields. */
	union {
		struct plugind_descriptor d;
		char room[4096];
	} from = {.d = good};
	struct plugind_descriptor to = {0};
	int r;

	from.d.magic = descriptors[_i].magic;
	from.d.size = descriptors[_i].size;
	from.d.abi_min = descriptors[_i].abi_min;
	from.d.abi_max = descriptors[_i].abi_max;
	from.d.name = descriptors[_i].name;
	from.d.version = descriptors[_i].version;
	from.d.type = (enum plugind_type)descriptors[_i].type;
	r = descriptor_take(&from.d, &to, why);
	if (descriptors[_i].part == NULL) {
		ck_assert_msg(r == 0, "%s", why);
		ck_assert_ptr_eq(to.configure, on_configure);
		return;
	}
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(strstr(why, descriptors[_i].part) != NULL, "%s", why);
	ck_assert_uint_eq(to.magic, 0);
}
END_TEST

START_TEST(test_no_descriptor)
{
	char why[DESCRIPTOR_WHY_MAX];
	struct plugind_descriptor to;

	ck_assert_int_eq(descriptor_take(NULL, &to, why), -EINVAL);
	ck_assert_str_eq(why, "there is no descriptor");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("sdk_command");
	TCase *t = tcase_create("commands");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_life);
	tcase_add_test(t, test_again);
	tcase_add_test(t, test_again_while_unfinished);
	tcase_add_test(t, test_again_after_health);
	tcase_add_test(t, test_stop_supersedes);
	tcase_add_test(t, test_signal);
	tcase_add_test(t, test_signal_then_stop);
	tcase_add_test(t, test_leave_unheard);
	tcase_add_loop_test(t, test_frame, 0, COUNT(frames));
	tcase_add_test(t, test_deadline);
	tcase_add_test(t, test_resend);
	tcase_add_test(t, test_status);
	suite_add_tcase(s, t);

	t = tcase_create("descriptors");
	tcase_add_loop_test(t, test_descriptor, 0, COUNT(descriptors));
	tcase_add_test(t, test_no_descriptor);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(make_suite());
}
