/*
 * test_link: frames through a socketpair, whole and byte by byte, up to the
 * largest; streams that are nonsense; ends from both sides; a peer that does
 * not read; and links that are freed by their own callbacks.
 */
#include "common/link.h"
#include "common/msgs.h"

#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

static struct link *l;
static int peer = -1;

static struct {
	unsigned frames, ends;
	uint64_t last_id;
	size_t last_len;
	char why[64];
	bool free_in_frame, free_in_end, answer;
} got;

static void
free_link(void)
{
	link_free(l);
	l = NULL;
}

static void
on_frame(void *arg, struct frame *f)
{
	const void *p;
	struct buf b;

	ck_assert_ptr_eq(arg, &got);
	got.frames++;
	got.last_id = f->id;
	if (frame_raw(f, &p, &got.last_len) != 0)
		got.last_len = 0;
	if (got.answer) {
		buf_init(&b, 100);
		frame_put(&b, MSG_LINK_PONG, f->id, 0);
		ck_assert_int_eq(link_send(l, &b), 0);
		buf_fini(&b);
	}
	if (got.free_in_frame)
		free_link();
}

static void
on_end(void *arg, const char *why)
{
	ck_assert_ptr_eq(arg, &got);
	got.ends++;
	snprintf(got.why, sizeof(got.why), "%s", why);
	if (got.free_in_end)
		free_link();
}

static const struct link_ops ops = {on_frame, on_end};

static void
setup(void)
{
	int fds[2];

	loop_setup();
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer = fds[1];
	ck_assert_int_eq(link_new(base, fds[0], &ops, &got, &l), 0);
}

static void
teardown(void)
{
	link_free(l);
	if (peer >= 0)
		close(peer);
	loop_teardown();
}

static bool
has_frames(void *arg)
{
	return got.frames >= *(unsigned *)arg;
}

static bool
has_end(void *arg)
{
	(void)arg;
	return got.ends > 0;
}

static void
await_frames(unsigned n)
{
	loop_until(has_frames, &n);
	ck_assert_uint_eq(got.frames, n);
}

static void
send_all(const void *data, size_t len)
{
	ck_assert_int_eq(send(peer, data, len, 0), (ssize_t)len);
}

/* A frame with one bin, so that it is `len` bytes behind its length. */
static void
make_frame(struct buf *b, uint64_t id, size_t len)
{
	static uint8_t zeros[LINK_FRAME_MAX + 100];
	size_t bare;

	buf_init(b, LINK_FRAME_MAX + 1000);
	frame_put(b, MSG_LINK_PING, id, 1);
	bare = b->len + 5; /* the head of a long bin */
	ck_assert_uint_ge(len, bare + 65536);
	wire_put_bin(b, zeros, len - bare);
	ck_assert_uint_eq(b->len, len);
}

static const uint8_t two[] = {
    0, 0, 0, 5, 0x94, 1, 5, 7, 0x90, 0, 0, 0, 6, 0x94, 1, 5, 8, 0x91, 0xc0};

START_TEST(test_two_at_once)
{
	send_all(two, sizeof(two));
	await_frames(2);
	ck_assert_uint_eq(got.last_id, 8);
	ck_assert_uint_eq(got.last_len, 1);
	ck_assert_uint_eq(got.ends, 0);
}
END_TEST

START_TEST(test_byte_by_byte)
{
	for (size_t i = 0; i < sizeof(two); i++) {
		send_all(two + i, 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_le(got.frames, (i + 1) / 9);
	}
	await_frames(2);
	ck_assert_uint_eq(got.last_id, 8);
}
END_TEST

START_TEST(test_answer)
{
	uint8_t in[32];

	got.answer = true;
	send_all(two, sizeof(two));
	await_frames(2);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(recv(peer, in, sizeof(in), MSG_DONTWAIT), 18);
	ck_assert_mem_eq(in, "\0\0\0\5\x94\1\x74\7\x90", 9);
}
END_TEST

static const size_t sizes[] = {70000, 1024 * 1024, LINK_FRAME_MAX};

/* Two links, so that both sides of it are ours. */
START_TEST(test_size)
{
	static const struct link_ops silent = {on_frame, on_end};
	struct link *other;
	struct buf b;

	ck_assert_int_eq(link_new(base, peer, &silent, &got, &other), 0);
	peer = -1;
	make_frame(&b, 5, sizes[_i]);
	ck_assert_int_eq(link_send(other, &b), 0);
	ck_assert_int_eq(link_send(other, &b), 0);
	await_frames(2);
	ck_assert_uint_gt(got.last_len, sizes[_i] - 20);
	buf_fini(&b);
	link_free(other);
}
END_TEST

START_TEST(test_send_refused)
{
	struct buf b;
	unsigned n = 0;
	int r;

	make_frame(&b, 1, LINK_FRAME_MAX + 1);
	ck_assert_int_eq(link_send(l, &b), -EMSGSIZE);
	buf_fini(&b);
	buf_init(&b, 3);
	frame_put(&b, MSG_LINK_PING, 1, 0);
	ck_assert_int_eq(link_send(l, &b), -EMSGSIZE);
	buf_fini(&b);
	/* Nobody reads. */
	make_frame(&b, 1, 100000);
	while ((r = link_send(l, &b)) == 0) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_lt(++n, 200);
	}
	ck_assert_int_eq(r, -ENOBUFS);
	ck_assert_uint_ge(n, LINK_QUEUE_MAX / 100000 - 1);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *hex;
	const char *why;
} nonsense[] = {
    {"00000000", "not a frame"},
    {"00000001 c0", "not a frame"},
    {"00000005 94020507 90", "not a frame"},
    {"00200001", "too long"},
    {"ffffffff", "too long"},
    {"00000005 9401050790 ffffffff 9401050790", "too long"},
};

START_TEST(test_nonsense)
{
	uint8_t in[64];
	size_t len = unit_unhex(nonsense[_i].hex, in, sizeof(in));
	struct buf b;

	got.free_in_end = _i % 2;
	send_all(in, len);
	loop_until(has_end, NULL);
	ck_assert_ptr_nonnull(strstr(got.why, nonsense[_i].why));
	ck_assert_uint_eq(got.frames, len > 12);
	if (!l)
		return;
	send_all(two, sizeof(two));
	close(peer);
	peer = -1;
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(got.ends, 1);
	ck_assert_uint_eq(got.frames, len > 12);
	buf_init(&b, 100);
	frame_put(&b, MSG_LINK_PING, 1, 0);
	ck_assert_int_eq(link_send(l, &b), -EPIPE);
	buf_fini(&b);
}
END_TEST

/* What came before the end is not lost. */
START_TEST(test_end)
{
	got.free_in_end = _i;
	send_all(two, sizeof(two) - (size_t)_i);
	close(peer);
	peer = -1;
	loop_until(has_end, NULL);
	ck_assert_uint_eq(got.frames, 2 - (unsigned)_i);
	ck_assert_uint_eq(got.ends, 1);
	ck_assert_ptr_nonnull(strstr(got.why, "closed"));
}
END_TEST

START_TEST(test_free_in_frame)
{
	char c;

	got.free_in_frame = true;
	send_all(two, sizeof(two));
	await_frames(1);
	ck_assert_ptr_null(l);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(got.frames, 1);
	ck_assert_uint_eq(got.ends, 0);
	/* The descriptor went with it. */
	ck_assert_int_eq(recv(peer, &c, 1, MSG_DONTWAIT), 0);
}
END_TEST

/* The other end hears of it without a turn of the loop. */
START_TEST(test_free)
{
	char c;

	free_link();
	ck_assert_int_eq(recv(peer, &c, 1, MSG_DONTWAIT), 0);
}
END_TEST

START_TEST(test_bad_descriptor)
{
	struct link *none = NULL;

	link_free(NULL);
	ck_assert_int_ne(link_new(base, -1, &ops, &got, &none), 0);
	ck_assert_ptr_null(none);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("link");
	TCase *tc = tcase_create("link");

	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_two_at_once);
	tcase_add_test(tc, test_byte_by_byte);
	tcase_add_test(tc, test_answer);
	tcase_add_loop_test(tc, test_size, 0, COUNT(sizes));
	tcase_add_test(tc, test_send_refused);
	tcase_add_loop_test(tc, test_nonsense, 0, COUNT(nonsense));
	tcase_add_loop_test(tc, test_end, 0, 2);
	tcase_add_test(tc, test_free_in_frame);
	tcase_add_test(tc, test_free);
	tcase_add_test(tc, test_bad_descriptor);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
