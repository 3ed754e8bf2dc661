/*
 * test_routerlink: commands and what they come to, links that go down, come
 * back and are healed, and the router's own life.
 */
#include "routerrig.h"

/* --- commands and what they come to ------------------------------------ */

START_TEST(test_command)
{
	link_plugin();
	command(MSG_HEALTH, 1234);
	await(&heard.commands);
	ck_assert_uint_eq(heard.type, MSG_HEALTH);
	ck_assert_uint_eq(heard.op, 1234);
	ck_assert_uint_eq(
	    say_outcome(1234, OUTCOME_DEGRADED, "so so", 65000), FRAME_OK);
	await(&told.outcomes);
	ck_assert_uint_eq(told.op, 1234);
	ck_assert_uint_eq(told.code, OUTCOME_DEGRADED);
	ck_assert_str_eq(told.text, "so so");
	ck_assert_uint_gt(told.data_len, 65000);
}
END_TEST

START_TEST(test_status)
{
	struct buf b;

	link_plugin();
	buf_init(&b, 1000);
	frame_put(&b, MSG_PLUGIN_STATUS, 12, 2);
	wire_put_uint(&b, OUTCOME_DEGRADED);
	wire_put_str(&b, "slow disk");
	ask(&b);
	ck_assert_uint_eq(heard.code, FRAME_OK);
	await(&told.statuses);
	ck_assert_uint_eq(told.code, OUTCOME_DEGRADED);
	ck_assert_str_eq(told.text, "slow disk");
}
END_TEST

START_TEST(test_unknown_type)
{
	struct buf b;

	link_plugin();
	for (int i = 0; i < 4; i++) {
		buf_init(&b, 1000);
		frame_put(&b, 399, 13, 0);
		ask(&b);
		ck_assert_uint_eq(heard.code, FRAME_UNKNOWN_TYPE);
	}
	ck_assert_uint_eq(told.violations, 0);
}
END_TEST

/* Many at once are fine as long as they are answered. */
START_TEST(test_many_commands)
{
	link_plugin();
	for (uint64_t op = 1; op <= 200; op++) {
		heard.commands = 0;
		command(MSG_HEALTH, op);
		await(&heard.commands);
		ck_assert_uint_eq(heard.op, op);
	}
	ck_assert_uint_eq(told.downs, 0);
}
END_TEST

/* One that the plugin did not take has an outcome all the same. */
START_TEST(test_refused_command)
{
	link_plugin();
	heard.says = FRAME_BUSY;
	command(MSG_CONFIGURE, 77);
	await(&told.outcomes);
	ck_assert_uint_eq(told.op, 77);
	ck_assert_uint_eq(told.code, OUTCOME_FAILED);
	ck_assert_str_eq(told.text, "not now");
	ck_assert_uint_eq(told.violations, 0);
}
END_TEST

START_TEST(test_unanswered)
{
	link_plugin();
	heard.is_silent = true;
	for (uint64_t op = 1; op <= 33; op++)
		command(MSG_HEALTH, op);
	await(&told.downs);
	loop_until(is_command_down, NULL);
	ck_assert_uint_eq(told.violations, 0);
	ck_assert(sock_is_up(socks[HUB_SOCK]));
}
END_TEST

/* --- the link ---------------------------------------------------------- */

START_TEST(test_down_and_up)
{
	link_plugin();
	told.ups = 0;
	sock_drop(socks[_i]);
	await(&told.downs);
	/* Dropped: the core says it again. */
	command(MSG_HEALTH, 1);
	stay_quiet();
	ck_assert_uint_eq(heard.commands, 0);
	dial_missing();
	loop_until(are_up, NULL);
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
	await(&told.ups);
	ck_assert_uint_eq(told.ups, 1);
	command(MSG_HEALTH, 2);
	await(&heard.commands);
	ck_assert_uint_eq(heard.op, 2);
}
END_TEST

START_TEST(test_other_uid)
{
	char path[108];
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	uint8_t c;
	int fd;

	attach(getuid() + 1, getpid());
	loop_until(has_marker, NULL);
	snprintf(path, sizeof(path), "%s/hub.sock", dir);
	memcpy(to.sun_path, path, sizeof(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(send(fd, "\0SP\0\0\x30\0\0", 8, 0), 8);
	/* A greeting, and the end. */
	while (recv(fd, &c, 1, 0) > 0)
		;
	close(fd);
}
END_TEST

static bool
has_new_marker(void *arg)
{
	const struct stat *was = arg;
	struct stat st;

	return stat(marker_path, &st) == 0 &&
	       (st.st_ino != was->st_ino ||
	           st.st_mtim.tv_nsec != was->st_mtim.tv_nsec);
}

static void
make_deaf(const char *name)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", dir, name);
	for (int i = 0; i < 50; i++) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		(void)!connect(fd, (const struct sockaddr *)&to, sizeof(to));
		close(fd);
	}
}

/* As the SDK does: a new marker is a reason to dial, a full set of pipes one
 * for hello. Behind a deaf listener it looks like a pipe from here. */
static bool
heals(void *arg)
{
	static bool was_complete;
	struct stat *was = arg;
	struct buf b;
	uint32_t id;

	if (has_new_marker(was)) {
		ck_assert_int_eq(stat(marker_path, was), 0);
		dial_missing();
	}
	if (are_up(NULL) && !was_complete) {
		buf_init(&b, 8000);
		put_hello(&b, &good);
		ck_assert_int_eq(
		    sock_request(socks[HUB_SOCK], b.data, b.len, &id), 0);
		buf_fini(&b);
	}
	was_complete = are_up(NULL);
	return told.ups > 0;
}

START_TEST(test_heal)
{
	struct stat was;

	attach(getuid(), getpid());
	loop_until(has_marker, NULL);
	ck_assert_int_eq(stat(marker_path, &was), 0);
	for (int i = 0; i < SOCKS; i++)
		make_deaf(roles[i].name);
	dial_missing();
	loop_until(heals, &was);
	/* And then it is quiet: no marker is written any more. */
	loop_until_ms(loop_never, NULL, 1000);
	ck_assert_int_eq(stat(marker_path, &was), 0);
	loop_until_ms(loop_never, NULL, 1000);
	ck_assert(!has_new_marker(&was));
}
END_TEST

START_TEST(test_detach)
{
	char path[108];

	link_plugin();
	say_number(MSG_DETACH, SERIAL);
	loop_until(are_down, NULL);
	stay_quiet();
	snprintf(path, sizeof(path), "%s/hub.sock", dir);
	ck_assert_int_ne(access(path, F_OK), 0);
	/* Of nobody: neither is a reason to stumble. */
	say_number(MSG_DETACH, SERIAL);
	command(MSG_HEALTH, 1);
	say_number(MSG_LINK_PING, 5);
	await(&told.pongs);
}
END_TEST

START_TEST(test_ping)
{
	for (uint64_t i = 1; i <= 20; i++) {
		told.pongs = 0;
		say_number(MSG_LINK_PING, i);
		await(&told.pongs);
		ck_assert_uint_eq(told.number, i);
	}
}
END_TEST

enum { LARGEST = 100 };

/* --- who is awaited ---------------------------------------------------- */

/* serial source publish subscribe blocks block_ms events bytes calls */
static void
policy(bool blocks, uint64_t block_ms)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_POLICY, 5, 10);
	wire_put_uint(&b, SERIAL);
	wire_put_str(&b, "worker");
	for (int i = 0; i < 2; i++) {
		wire_put_array(&b, 1);
		wire_put_str(&b, ">");
	}
	wire_put_uint(&b, blocks);
	wire_put_uint(&b, block_ms);
	wire_put_uint(&b, 1000);
	wire_put_uint(&b, 100000);
	wire_put_array(&b, 0);
	wire_put_uint(&b, LARGEST);
	say(&b);
}

static uint64_t
publish_data(uint64_t id, const char *topic, const void *data, size_t len)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_PUBLISH, id, 4);
	wire_put_uint(&b, 1);
	wire_put_nil(&b);
	wire_put_bool(&b, false);
	wire_put_array(&b, 1);
	wire_put_array(&b, 2);
	wire_put_str(&b, topic);
	wire_put_raw(&b, data, len);
	ask(&b);
	ck_assert_uint_eq(heard.type, MSG_PUBLISH);
	return heard.code;
}

static uint64_t
publish_to(uint64_t id, const char *topic)
{
	return publish_data(id, topic, "\xc0", 1);
}

static uint64_t
publish(uint64_t id)
{
	return publish_to(id, "custom.x");
}

/* Each time anew: what was refused must come before what follows it. */
static bool
is_taken(void *arg)
{
	return publish(*(uint64_t *)arg) == FRAME_OK;
}

/* The head of a bin, and what it says. */
START_TEST(test_largest)
{
	uint8_t data[LARGEST + 1] = {0xc4, LARGEST - 2};
	uint64_t id = 10;

	link_plugin();
	policy(false, 0);
	say_number(MSG_LINK_PING, 5);
	loop_until(is_taken, &id);
	ck_assert_uint_eq(
	    publish_data(11, "custom.x", data, LARGEST), FRAME_OK);
	data[1]++;
	ck_assert_uint_eq(
	    publish_data(12, "custom.x", data, LARGEST + 1), FRAME_DENIED);
	ck_assert_uint_eq(publish(13), FRAME_OK);
}
END_TEST

static uint64_t
try_acknowledge(void)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_EVENTS_ACK, 77, 2);
	wire_put_str(&b, "");
	wire_put_uint(&b, 0);
	ask(&b);
	return heard.code;
}

static void
acknowledge(void)
{
	ck_assert_uint_eq(try_acknowledge(), FRAME_OK);
}

static bool
is_acknowledged(void *arg)
{
	(void)arg;
	return try_acknowledge() == FRAME_OK;
}

/* One that was there before this router and blocks has to subscribe first. */
START_TEST(test_hold)
{
	uint64_t id = 11;

	link_plugin();
	policy(true, 60000);
	ck_assert_uint_eq(publish(id), FRAME_BUSY);
	say_number(MSG_LINK_PING, 5);
	await(&told.pongs);
	ck_assert_uint_eq(publish(id), FRAME_BUSY);
	acknowledge();
	ck_assert_uint_eq(publish(id + 1), FRAME_BUSY);
	ck_assert_uint_eq(publish(id), FRAME_OK);
	ck_assert_uint_eq(publish(id + 1), FRAME_OK);
	/* It does not begin again. */
	policy(true, 60000);
	say_number(MSG_LINK_PING, 6);
	ck_assert_uint_eq(publish(id + 2), FRAME_OK);
}
END_TEST

/* It was there before the router knew what it may do: nobody waits for what has
 * come already. */
START_TEST(test_hold_early)
{
	link_plugin();
	ck_assert_uint_eq(try_acknowledge(), FRAME_BUSY);
	ck_assert_uint_eq(publish(11), FRAME_BUSY);
	policy(true, 60000);
	loop_until(is_acknowledged, NULL);
	say_number(MSG_LINK_PING, 5);
	await(&told.pongs);
	ck_assert_uint_eq(publish(11), FRAME_OK);
}
END_TEST

/* One that had to wait may be denied then: that is no reason to hold up those
 * behind it, and it stays denied when it is said again. */
START_TEST(test_hold_denied)
{
	link_plugin();
	policy(true, 60000);
	say_number(MSG_LINK_PING, 5);
	await(&told.pongs);
	ck_assert_uint_eq(publish_to(11, "system.x"), FRAME_BUSY);
	acknowledge();
	ck_assert_uint_eq(publish_to(11, "system.x"), FRAME_DENIED);
	ck_assert_uint_eq(publish(12), FRAME_OK);
	ck_assert_uint_eq(publish_to(11, "system.x"), FRAME_DENIED);
	ck_assert_uint_eq(publish(12), FRAME_OK);
}
END_TEST

/* Nobody is awaited, or not for long. */
START_TEST(test_no_hold)
{
	uint64_t id = 11;

	link_plugin();
	policy(_i == 0, 20);
	say_number(MSG_LINK_PING, 5);
	loop_until(is_taken, &id);
}
END_TEST

enum { WISHES = 60, WISH_PAUSE_MS = 2 };

static void
send_wish(uint64_t id, unsigned type)
{
	struct buf b;
	uint32_t request;

	buf_init(&b, 1000);
	frame_put(&b, type, id, 3);
	wire_put_str(&b, "custom.>");
	wire_put_uint(&b, 1);
	wire_put_uint(&b, 0);
	ck_assert_int_eq(
	    sock_request(socks[HUB_SOCK], b.data, b.len, &request), 0);
	buf_fini(&b);
}

/* The last of many. */
static bool
has_all(void *arg)
{
	ck_assert_uint_eq(heard.answers > 0 ? heard.code : FRAME_OK, FRAME_OK);
	return heard.answers == *(unsigned *)arg;
}

/* Who asks for what was kept without end gets it by and by, and in the order in
 * which it asks. */
START_TEST(test_brake)
{
	int64_t begin_ms;
	uint64_t id = 11;

	link_plugin();
	policy(false, 0);
	say_number(MSG_LINK_PING, 5);
	await(&told.pongs);
	acknowledge();
	loop_until(is_taken, &id);
	begin_ms = clock_mono_ms();
	heard.answers = 0;
	for (id = 100; id < 100 + WISHES; id++)
		send_wish(id, MSG_SUBSCRIBE);
	send_wish(id, MSG_UNSUBSCRIBE);
	loop_until(has_all, &(unsigned){WISHES + 1});
	ck_assert_uint_eq(heard.id, id);
	ck_assert_int_ge(
	    clock_mono_ms() - begin_ms, (WISHES - 1) * WISH_PAUSE_MS);
	/* What does not ask for that waits for nobody. */
	ck_assert_uint_eq(publish(12), FRAME_OK);
	ck_assert_uint_eq(told.violations, 0);
}
END_TEST

/* What it has counted of each and of all; of those that are gone, too. */
START_TEST(test_count)
{
	static const uint64_t of_peer[9] = {SERIAL, 2, 0, 0, 0, 0, 0, 0, 1000};
	static const uint64_t of_all[9] = {0, 2};

	link_plugin();
	policy(false, 0);
	say_number(MSG_LINK_PING, 5);
	await(&told.pongs);
	ck_assert_uint_eq(publish(11), FRAME_OK);
	ck_assert_uint_eq(publish(12), FRAME_OK);
	ck_assert_uint_eq(publish(12), FRAME_OK); /* said again */
	ck_assert_uint_eq(told.counters, 0);
	say_number(MSG_COUNT, 3);
	await(&told.counters);
	ck_assert_uint_eq(told.number, 3);
	ck_assert_uint_eq(told.ncounts, 2);
	ck_assert_mem_eq(told.counts[0], of_peer, sizeof(of_peer));
	ck_assert_mem_eq(told.counts[1], of_all, sizeof(of_all));
	told.counters = 0;
	say_number(MSG_DETACH, SERIAL);
	say_number(MSG_COUNT, 4);
	await(&told.counters);
	ck_assert_uint_eq(told.number, 4);
	ck_assert_uint_eq(told.ncounts, 1);
	ck_assert_mem_eq(told.counts[0], of_all, sizeof(of_all));
}
END_TEST

/* It lives as long as its link, whatever is attached. */
START_TEST(test_end)
{
	if (_i == 1)
		link_plugin();
	ck_assert_int_eq(end_router(), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("routerlink");
	TCase *tc = make_case(s, "commands");

	tcase_add_test(tc, test_command);
	tcase_add_test(tc, test_status);
	tcase_add_test(tc, test_unknown_type);
	tcase_add_test(tc, test_many_commands);
	tcase_add_test(tc, test_refused_command);
	tcase_add_test(tc, test_unanswered);
	tc = make_case(s, "link");
	tcase_add_loop_test(tc, test_down_and_up, 0, SOCKS);
	tcase_add_test(tc, test_other_uid);
	tcase_add_test(tc, test_heal);
	tcase_add_test(tc, test_detach);
	tcase_add_test(tc, test_ping);
	tcase_add_test(tc, test_hold);
	tcase_add_test(tc, test_hold_early);
	tcase_add_test(tc, test_hold_denied);
	tcase_add_test(tc, test_largest);
	tcase_add_loop_test(tc, test_no_hold, 0, 2);
	tcase_add_test(tc, test_brake);
	tcase_add_test(tc, test_count);
	tcase_add_loop_test(tc, test_end, 0, 2);
	return unit_run(s);
}
