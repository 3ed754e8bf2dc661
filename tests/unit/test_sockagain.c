/*
 * test_sockagain: listeners and dialers that are made anew, also deaf ones,
 * and socks that are closed in every state and by their own callbacks.
 */
#include "sockends.h"

#include "leaky.h"

/* --- listening and dialling again -------------------------------------- */

START_TEST(test_path)
{
	struct stat st;

	open_end(&a, SOCK_REQ);
	ck_assert_int_eq(sock_listen(a.s), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0666);
	close_end(&a);
	ck_assert_int_ne(stat(path, &st), 0);
}
END_TEST

START_TEST(test_bad_paths)
{
	struct sock_options o = {.kind = SOCK_REQ};
	char longest[120] = "";
	struct sock *s = NULL;

	o.path = longest;
	ck_assert_int_eq(sock_new(&o, &s), -ENAMETOOLONG);
	memset(longest, 'x', 108);
	ck_assert_int_eq(sock_new(&o, &s), -ENAMETOOLONG);
	ck_assert_ptr_null(s);
	snprintf(longest, sizeof(longest), "%s/none/x", scratch);
	ck_assert_int_eq(sock_new(&o, &s), 0);
	ck_assert_int_eq(sock_listen(s), -ENOENT);
	ck_assert_int_eq(sock_dial(s), 0); /* fails in the background */
	stay_quiet();
	ck_assert(!sock_is_up(s));
	sock_close(s);
	sock_close(NULL);
	ck_assert_int_eq(sock_init(base), -EBUSY);
}
END_TEST

/* In place of a socket that nobody listens on any more. */
START_TEST(test_listen_on_stale)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, path, sizeof(at.sun_path));
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
	join(SOCK_REQ, SOCK_REP);
}
END_TEST

/* nng 1.5.2 is deaf after them; a later one need not be. */
START_TEST(test_deaf_listener)
{
	open_end(&a, SOCK_REQ);
	open_end(&b, SOCK_REP);
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(sock_listen(a.s), 0);
		for (int i = 0; i < 50; i++)
			close(raw_connect());
		stay_quiet();
	}
	ck_assert_int_eq(sock_listen(a.s), 0);
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(are_up, NULL);
}
END_TEST

START_TEST(test_listen_again)
{
	join(SOCK_REQ, SOCK_REP);
	for (unsigned i = 1; i <= 20; i++) {
		b.downs = b.ups = a.downs = a.ups = 0;
		a.ups = b.ups = 1;
		ck_assert_int_eq(sock_listen(a.s), 0);
		ck_assert(!sock_is_up(a.s));
		loop_until(has_downs, &a);
		loop_until(has_downs, &b);
		ck_assert_int_eq(sock_dial(b.s), 0);
		loop_until(are_up, NULL);
	}
}
END_TEST

START_TEST(test_dial_again)
{
	open_end(&a, SOCK_REQ);
	open_end(&b, SOCK_REP);
	ck_assert_int_eq(sock_dial(b.s), 0);
	stay_quiet();
	ck_assert_uint_eq(b.ups, 0);
	ck_assert_int_eq(sock_listen(a.s), 0);
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(are_up, NULL);
	/* In place of a pipe. */
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(has_downs, &b);
	loop_until(has_downs, &a);
	loop_until(are_up, NULL);
	ck_assert_uint_eq(b.ups, 2);
	ck_assert_uint_eq(b.downs, 1);
}
END_TEST

/* --- closing ----------------------------------------------------------- */

static unsigned
count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

struct resources {
	unsigned fds, threads;
};

static bool
is_at_base(void *arg)
{
	const struct resources *was = arg;

	return count_entries("/proc/self/fd") == was->fds &&
	       count_entries("/proc/self/task") == was->threads;
}

START_TEST(test_open_close)
{
	struct resources was;

	/* One round, so that nng and libevent have all they ever need. */
	join(SOCK_REQ, SOCK_REP);
	close_end(&a);
	close_end(&b);
	loop_until(none_closes, NULL);
	stay_quiet();
	was.fds = count_entries("/proc/self/fd");
	was.threads = count_entries("/proc/self/task");
	for (int i = 0; i < 100; i++) {
		join(i % 2 ? SOCK_REQ : SOCK_REP, i % 2 ? SOCK_REP : SOCK_REQ);
		close_end(&a);
		close_end(&b);
	}
	loop_until(none_closes, NULL);
	loop_until(is_at_base, &was);
}
END_TEST

/* Without a turn of the loop in between. */
START_TEST(test_close_at_once)
{
	is_leaky = true;
	for (int i = 0; i < 50; i++) {
		open_end(&a, SOCK_REQ);
		open_end(&b, SOCK_REP);
		ck_assert_int_eq(sock_listen(a.s), 0);
		ck_assert_int_eq(sock_dial(b.s), 0);
		if (i % 3 == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
		close_end(i % 2 ? &a : &b);
		close_end(i % 2 ? &b : &a);
	}
	loop_until(none_closes, NULL);
}
END_TEST

START_TEST(test_close_in_handshake)
{
	int silent, half;

	open_end(&a, SOCK_REQ);
	ck_assert_int_eq(sock_listen(a.s), 0);
	silent = raw_connect();
	half = raw_connect();
	ck_assert_int_eq(send(half, "\0SP", 3, 0), 3);
	stay_quiet();
	close_end(&a);
	raw_expect_end(silent);
	raw_expect_end(half);
	loop_until(none_closes, NULL);
}
END_TEST

static bool
is_closed(void *arg)
{
	return !((struct end *)arg)->s;
}

START_TEST(test_close_in_up)
{
	open_end(&a, SOCK_REQ);
	open_end(&b, SOCK_REP);
	b.close_in_up = true;
	ck_assert_int_eq(sock_listen(a.s), 0);
	ck_assert_int_eq(sock_dial(b.s), 0);
	loop_until(is_closed, &b);
	stay_quiet();
	ck_assert(!sock_is_up(a.s));
	ck_assert_uint_eq(b.downs, 0);
}
END_TEST

START_TEST(test_close_in_down)
{
	join(SOCK_REQ, SOCK_REP);
	b.close_in_down = true;
	sock_drop(a.s);
	loop_until(is_closed, &b);
	ck_assert_uint_eq(b.downs, 1);
}
END_TEST

/* nng 1.5.2 may hang when a pipe is closed that receives: then that is known,
 * and the peer has not heard of it. */
static bool
has_downs_or_hangs(void *arg)
{
	return has_downs(arg) || sock_close_hangs() > 1000;
}

START_TEST(test_close_in_message)
{
	uint32_t id;

	may_hang = is_leaky = true;
	join(SOCK_REQ, SOCK_REP);
	b.close_in_message = true;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(sock_request(a.s, "x", 1, &id), 0);
	loop_until(is_closed, &b);
	loop_until(has_downs_or_hangs, &a);
	ck_assert_uint_eq(b.messages, 1);
	ck_assert_uint_eq(b.downs, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sockagain");
	TCase *tc = make_case(s, "again");

	tcase_add_test(tc, test_path);
	tcase_add_test(tc, test_bad_paths);
	tcase_add_test(tc, test_listen_on_stale);
	tcase_add_test(tc, test_deaf_listener);
	tcase_add_test(tc, test_listen_again);
	tcase_add_test(tc, test_dial_again);
	tc = make_case(s, "closing");
	tcase_add_test(tc, test_open_close);
	tcase_add_test(tc, test_close_at_once);
	tcase_add_test(tc, test_close_in_handshake);
	tcase_add_test(tc, test_close_in_up);
	tcase_add_test(tc, test_close_in_down);
	tcase_add_test(tc, test_close_in_message);
	return unit_run(s);
}
