/*
 * test_sock: messages between real nng sockets, who may have a pipe and what
 * ends it, and peers that do not read. Listening, dialling again and closing
 * are in test_sockagain.c.
 */
#include "sockends.h"

/* --- messages ---------------------------------------------------------- */

static const struct {
	enum sock_kind listens, dials;
} pairs[] = {{SOCK_REQ, SOCK_REP}, {SOCK_REP, SOCK_REQ}};

/* Command socket and hub socket: who asks and who listens differ. */
START_TEST(test_request)
{
	struct end *asks = _i == 0 ? &a : &b, *answers = _i == 0 ? &b : &a;
	uint32_t id, last = 0;

	answers->answers = true;
	join(pairs[_i].listens, pairs[_i].dials);
	ck_assert_int_eq(a.peer.pid, getpid());
	ck_assert_uint_eq(a.peer.uid, getuid());
	for (uint8_t i = 0; i < 20; i++) {
		asks->messages = answers->messages = 0;
		ck_assert_int_eq(sock_request(asks->s, &i, 1, &id), 0);
		ck_assert_uint_ne(id, last);
		loop_until(has_messages, asks);
		ck_assert_uint_eq(asks->id, id);
		ck_assert_uint_eq(asks->len, 1);
		ck_assert_uint_eq(asks->data[0], i);
		last = id;
	}
	ck_assert_uint_eq(a.ups + b.ups, 2);
	ck_assert_uint_eq(a.downs + b.downs, 0);
}
END_TEST

START_TEST(test_publish)
{
	join(SOCK_PUB, SOCK_SUB);
	ck_assert_int_eq(sock_publish(a.s, "ev", 2, "ent", 3), 0);
	loop_until(has_messages, &b);
	ck_assert_uint_eq(b.len, 5);
	ck_assert_mem_eq(b.data, "event", 5);
}
END_TEST

static bool
has_300_answers(void *arg)
{
	uint8_t n[2];
	uint32_t id;
	unsigned *sent = arg;

	while (*sent < 300) {
		n[0] = (uint8_t)(*sent >> 8);
		n[1] = (uint8_t)*sent;
		if (sock_request(a.s, n, 2, &id) != 0)
			break;
		++*sent;
	}
	return a.messages == 300;
}

/* More than fit, as fast as they are taken: none lost, all in order. */
START_TEST(test_burst)
{
	unsigned sent = 0;

	b.answers = true;
	join(SOCK_REQ, SOCK_REP);
	loop_until(has_300_answers, &sent);
	ck_assert_uint_eq(a.messages, 300);
	ck_assert_uint_eq(b.messages, 300);
	ck_assert_uint_eq(a.data[0] << 8 | a.data[1], 299);
	ck_assert_uint_eq(a.id, 300);
}
END_TEST

static const size_t sizes[] = {0, 1, 65536, SOCK_BODY_MAX - 4};

START_TEST(test_size)
{
	uint8_t *big = calloc(1, SOCK_BODY_MAX);
	uint32_t id = 77;

	ck_assert_ptr_nonnull(big);
	join(SOCK_REQ, SOCK_REP);
	ck_assert_int_eq(sock_request(a.s, big, sizes[_i], &id), 0);
	loop_until(has_messages, &b);
	ck_assert_uint_eq(b.len, sizes[_i]);
	id = 77;
	ck_assert_int_eq(
	    sock_request(a.s, big, SOCK_BODY_MAX - 3, &id), -EMSGSIZE);
	ck_assert_uint_eq(id, 77);
	free(big);
}
END_TEST

START_TEST(test_not_sent)
{
	struct sock_return to = {.len = 8};
	uint32_t id;

	open_end(&a, SOCK_REQ);
	open_end(&b, SOCK_REP);
	ck_assert_int_eq(sock_request(a.s, "", 0, &id), -ENOTCONN);
	ck_assert_int_eq(sock_reply(a.s, &to, "", 0), -EINVAL);
	ck_assert_int_eq(sock_publish(a.s, "", 0, "", 0), -EINVAL);
	ck_assert_int_eq(sock_request(b.s, "", 0, &id), -EINVAL);
	to.len = 4;
	ck_assert_int_eq(sock_reply(b.s, &to, "", 0), -EINVAL);
	to.len = SOCK_TRACE_MAX + 1;
	ck_assert_int_eq(sock_reply(b.s, &to, "", 0), -EINVAL);
}
END_TEST

/* --- pipes ------------------------------------------------------------- */

START_TEST(test_uid)
{
	uint8_t theirs[GREETING];
	bool is_right = _i;
	int fd;

	a.options.check_uid = true;
	a.options.uid = is_right ? getuid() : getuid() + 1;
	open_end(&a, SOCK_REQ);
	ck_assert_int_eq(sock_listen(a.s), 0);
	fd = raw_connect();
	sp_greeting(theirs, PROTO_REP);
	ck_assert_int_eq(send(fd, theirs, GREETING, 0), GREETING);
	if (is_right) {
		loop_until(has_ups, &a);
		close(fd);
		return;
	}
	raw_expect_end(fd);
	stay_quiet();
	ck_assert_uint_eq(a.ups, 0);
}
END_TEST

START_TEST(test_newcomer)
{
	struct end first = {0};
	uint32_t id;

	open_end(&a, SOCK_REQ);
	open_end(&b, SOCK_REP);
	open_end(&first, SOCK_REP);
	ck_assert_int_eq(sock_listen(a.s), 0);
	ck_assert_int_eq(sock_dial(first.s), 0);
	loop_until(has_ups, &a);
	loop_until(has_ups, &first);
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(has_downs, &a);
	loop_until(has_downs, &first);
	loop_until(are_up, NULL);
	ck_assert_uint_eq(a.ups, 2);
	ck_assert_uint_eq(a.downs, 1);
	ck_assert_int_eq(sock_request(a.s, "new", 3, &id), 0);
	loop_until(has_messages, &b);
	ck_assert_mem_eq(b.data, "new", 3);
	sock_close(first.s);
}
END_TEST

/* What it sent last arrives before the news that it is gone. */
START_TEST(test_down)
{
	uint32_t id;

	join(SOCK_REP, SOCK_REQ);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(sock_request(b.s, "bye", 3, &id), 0);
	loop_until(has_messages, &a);
	close_end(&b);
	loop_until(has_downs, &a);
	ck_assert_uint_eq(a.messages, a.messages_at_down);
	ck_assert_uint_eq(a.ups, 1);
	ck_assert_int_eq(sock_reply(a.s, &a.answer, "late", 4), -ENOTCONN);
}
END_TEST

/* Ten have arrived, but for the hand-over of the last, when it goes. */
START_TEST(test_down_after_messages)
{
	int64_t end_ms = clock_mono_ms() + LOOP_DEADLINE_MS;
	int fd, unread = 1;

	open_end(&a, SOCK_REP);
	ck_assert_int_eq(sock_listen(a.s), 0);
	fd = raw_join(PROTO_REQ);
	loop_until(has_ups, &a);
	for (int i = 0; i < 10; i++)
		raw_send(fd, "80000001 61");
	/* Without a turn of our loop. */
	while (unread > 0 && clock_mono_ms() < end_ms) {
		ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &unread), 0);
		usleep(1000);
	}
	close(fd);
	loop_until(has_downs, &a);
	ck_assert_uint_ge(a.messages_at_down, 9);
}
END_TEST

START_TEST(test_drop)
{
	uint32_t id;

	b.drop_in_message = _i;
	join(SOCK_REQ, SOCK_REP);
	if (_i) {
		ck_assert_int_eq(sock_request(a.s, "x", 1, &id), 0);
	} else {
		sock_drop(b.s);
		ck_assert_uint_eq(b.downs, 0);
		ck_assert(!sock_is_up(b.s));
		sock_drop(b.s);
	}
	loop_until(has_downs, &b);
	loop_until(has_downs, &a);
	stay_quiet();
	/* It does not come back by itself. */
	ck_assert_uint_eq(a.ups + b.ups, 2);
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(are_up, NULL);
}
END_TEST

static const struct {
	enum sock_kind kind;
	uint16_t proto;
	const char *hex;
} bad_messages[] = {
    {SOCK_REQ, PROTO_REP, "00000001 80000001 61"}, /* one hop too many */
    {SOCK_REQ, PROTO_REP, "000000"},
    {SOCK_REQ, PROTO_REP, ""},
    {SOCK_REP, PROTO_REQ, "00000001"}, /* no request id */
    {SOCK_REP, PROTO_REQ, "8000"},
};

START_TEST(test_bad_message)
{
	int fd;

	open_end(&a, bad_messages[_i].kind);
	ck_assert_int_eq(sock_listen(a.s), 0);
	fd = raw_join(bad_messages[_i].proto);
	loop_until(has_ups, &a);
	raw_send(fd, bad_messages[_i].hex);
	raw_expect_end(fd);
	loop_until(has_downs, &a);
	ck_assert_uint_eq(a.messages, 0);
}
END_TEST

START_TEST(test_oversize)
{
	/* SOCK_BODY_MAX and one more. */
	static const uint8_t head[HEAD] = {1, 0, 0, 0, 0, 0, 0x10, 0x10, 0x01};
	int fd;

	open_end(&a, SOCK_REP);
	ck_assert_int_eq(sock_listen(a.s), 0);
	fd = raw_join(PROTO_REQ);
	loop_until(has_ups, &a);
	ck_assert_int_eq(send(fd, head, HEAD, 0), HEAD);
	raw_expect_end(fd);
	loop_until(has_downs, &a);
	ck_assert_uint_eq(a.messages, 0);
}
END_TEST

/* --- queues ------------------------------------------------------------ */

static bool
is_full(void *arg)
{
	static const uint8_t big[65536];
	unsigned *n = arg;
	uint32_t id;
	int r;

	while ((r = sock_request(a.s, big, sizeof(big), &id)) == 0)
		++*n;
	ck_assert_int_eq(r, -EAGAIN);
	return loop_until_ms(loop_never, NULL, 50) ||
	       sock_request(a.s, big, 1, &id) == -EAGAIN;
}

/* A peer that does not read; what it left unread is not for the next. */
START_TEST(test_overflow)
{
	unsigned n = 0;
	uint32_t id;
	int fd;

	open_end(&a, SOCK_REQ);
	ck_assert_int_eq(sock_listen(a.s), 0);
	fd = raw_join(PROTO_REP);
	loop_until(has_ups, &a);
	loop_until(is_full, &n);
	ck_assert_uint_ge(n, SOCK_QUEUE);
	ck_assert_uint_lt(n, 2 * SOCK_QUEUE);
	close(fd);
	loop_until(has_downs, &a);
	ck_assert_int_eq(sock_request(a.s, "x", 1, &id), -ENOTCONN);

	open_end(&b, SOCK_REP);
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(are_up, NULL);
	ck_assert_int_eq(sock_request(a.s, "new", 3, &id), 0);
	loop_until(has_messages, &b);
	ck_assert_mem_eq(b.data, "new", 3);
	ck_assert_uint_eq(b.len, 3);
	stay_quiet();
	ck_assert_uint_eq(b.messages, 1);
}
END_TEST

/* It reads again: all that was accepted arrives, in order. */
START_TEST(test_slow_peer)
{
	unsigned n = 0;
	uint8_t *in = malloc(HEAD + 4 + 65536);
	int fd;

	open_end(&a, SOCK_REQ);
	ck_assert_int_eq(sock_listen(a.s), 0);
	fd = raw_join(PROTO_REP);
	loop_until(has_ups, &a);
	loop_until(is_full, &n);
	for (unsigned i = 1; i <= n; i++) {
		ck_assert(raw_read(fd, in, HEAD + 4));
		ck_assert_uint_eq(in[HEAD + 3], i & 0xff);
		ck_assert(raw_read(fd, in, in[HEAD - 3] ? 65536 : 1));
	}
	free(in);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sock");
	TCase *tc = make_case(s, "messages");

	tcase_add_loop_test(tc, test_request, 0, COUNT(pairs));
	tcase_add_test(tc, test_publish);
	tcase_add_test(tc, test_burst);
	tcase_add_loop_test(tc, test_size, 0, COUNT(sizes));
	tcase_add_test(tc, test_not_sent);
	tc = make_case(s, "pipes");
	tcase_add_loop_test(tc, test_uid, 0, 2);
	tcase_add_test(tc, test_newcomer);
	tcase_add_test(tc, test_down);
	tcase_add_test(tc, test_down_after_messages);
	tcase_add_loop_test(tc, test_drop, 0, 2);
	tcase_add_loop_test(tc, test_bad_message, 0, COUNT(bad_messages));
	tcase_add_test(tc, test_oversize);
	tc = make_case(s, "queues");
	tcase_add_test(tc, test_overflow);
	tcase_add_test(tc, test_slow_peer);
	return unit_run(s);
}
