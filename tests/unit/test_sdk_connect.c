/*
 * test_sdk_connect: real plugins, a program and a module, whose router is
 * played here: the handshake, lost links and routers, and the end.
 */
#include "common/frame.h"
#include "common/msgs.h"
#include "common/sock.h"
#include "leaky.h"
#include "plugproc.h"

#include <dirent.h>
#include <plugind.h>

enum {
	PIPE_COMMAND,
	PIPE_HUB,
	PIPE_EVENTS,
	PIPE__COUNT,
	HEARD_MAX = 64,
};

/* --- the router -------------------------------------------------------- */

static struct sock *socks[PIPE__COUNT];

static struct heard {
	uint64_t type, id, op, code;
	char text[512];
} heard[HEARD_MAX];

static struct {
	size_t heard; /* outcomes and statuses */
	size_t hellos;
	size_t acks;
	size_t answers; /* to commands */
	uint64_t last_code;
	size_t ups[PIPE__COUNT];
	/* How it behaves. */
	enum frame_code hello_code;
	bool is_forgetful; /* wants hello first */
	bool is_silent;    /* acknowledges nothing */
	char hello[512];   /* the last, in words */
} router;

static void
note_hello(struct frame *f)
{
	uint64_t numbers[3], generation;
	char name[64], version[64], type[64];
	const void *data;
	struct wire_cursor c;
	uint32_t n;
	size_t len;
	struct buf b;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(frame_uint(f, &numbers[i]), 0);
	ck_assert_int_eq(frame_str(f, name, sizeof(name)), 0);
	ck_assert_int_eq(frame_str(f, version, sizeof(version)), 0);
	ck_assert_int_eq(frame_str(f, type, sizeof(type)), 0);
	ck_assert_int_eq(frame_uint(f, &generation), 0);
	ck_assert_int_eq(frame_bin(f, &data, &len), 0);
	ck_assert_uint_eq(len, sizeof(cookie));
	ck_assert_mem_eq(data, cookie, len);
	buf_init_fixed(&b, router.hello, sizeof(router.hello));
	buf_printf(&b, "%u-%u abi %u %s %s %s %u:", (unsigned)numbers[0],
	    (unsigned)numbers[1], (unsigned)numbers[2], name, version, type,
	    (unsigned)generation);
	ck_assert_int_eq(frame_raw(f, &data, &len), 0);
	wire_cursor_init(&c, data, len);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	for (; n > 0; n--) {
		ck_assert_int_eq(wire_get_cstr(&c, name, sizeof(name)), 0);
		buf_printf(&b, " %s", name);
	}
	buf_cstr(&b);
	router.hellos++;
}

static void
note_outcome(struct frame *f)
{
	struct heard *h = &heard[router.heard];

	ck_assert_uint_lt(router.heard, HEARD_MAX);
	*h = (struct heard){.type = f->type, .id = f->id};
	if (f->type == MSG_OUTCOME)
		ck_assert_int_eq(frame_uint(f, &h->op), 0);
	ck_assert_int_eq(frame_uint(f, &h->code), 0);
	ck_assert_int_eq(frame_str(f, h->text, sizeof(h->text)), 0);
	router.heard++;
}

static void
answer_hub(
    const struct sock_message *m, const struct frame *f, enum frame_code code)
{
	struct buf b;

	buf_init(&b, 4096);
	frame_put(&b, (unsigned)f->type, f->id, 2);
	wire_put_uint(&b, code);
	if (code == FRAME_OK)
		wire_put_uint(&b, 1);
	else
		wire_put_str(&b, "because");
	ck_assert_int_eq(
	    sock_reply(socks[PIPE_HUB], &m->answer, b.data, b.len), 0);
	buf_fini(&b);
}

static void
on_hub(const struct sock_message *m)
{
	enum frame_code code = FRAME_OK;
	struct frame f, head;

	ck_assert_int_eq(frame_parse(m->data, m->len, &f), 0);
	head = f;
	if (f.type == MSG_HELLO) {
		note_hello(&f);
		code = router.hello_code;
		router.is_forgetful = false;
	} else if (router.is_forgetful) {
		code = FRAME_HELLO_REQUIRED;
	} else {
		/* Behind each hello: that there are no subscriptions. */
		if (f.type == MSG_EVENTS_ACK)
			router.acks++;
		else
			note_outcome(&f);
		if (router.is_silent)
			return;
	}
	answer_hub(m, &head, code);
}

static void
on_message(void *arg, const struct sock_message *m)
{
	struct sock **s = arg;
	struct frame f;

	if (s == &socks[PIPE_HUB]) {
		on_hub(m);
		return;
	}
	ck_assert_ptr_eq(s, &socks[PIPE_COMMAND]);
	ck_assert_int_eq(frame_parse(m->data, m->len, &f), 0);
	ck_assert_int_eq(frame_uint(&f, &router.last_code), 0);
	router.answers++;
}

static void
on_up(void *arg, const struct sock_peer *peer)
{
	struct sock **s = arg;

	(void)peer;
	router.ups[s - socks]++;
}

static void
open_router(void)
{
	static const char *const names[] = {
	    "command.sock", "hub.sock", "events.sock"};
	static const enum sock_kind kinds[] = {SOCK_REQ, SOCK_REP, SOCK_PUB};
	char path[108];

	for (int i = 0; i < PIPE__COUNT; i++) {
		struct sock_options o = {.kind = kinds[i],
		    .path = path,
		    .ops = {.up = on_up, .message = on_message},
		    .arg = &socks[i]};

		snprintf(path, sizeof(path), "%s/%s", scratch, names[i]);
		ck_assert_int_eq(sock_new(&o, &socks[i]), 0);
		ck_assert_int_eq(sock_listen(socks[i]), 0);
	}
}

static void
close_router(void)
{
	for (int i = 0; i < PIPE__COUNT; i++) {
		sock_close(socks[i]);
		socks[i] = NULL;
	}
}

static void
put_marker(const char *epoch)
{
	char from[128], to[128];
	FILE *file;

	snprintf(from, sizeof(from), "%s/.router", scratch);
	snprintf(to, sizeof(to), "%s/router", scratch);
	file = fopen(from, "we");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "%s", epoch);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(rename(from, to), 0);
}

/* A command of 2xx; extra < 0: none. */
static void
command(unsigned type, uint64_t op, const char *greeting, int extra)
{
	struct buf b;
	uint32_t id;

	buf_init(&b, 4096);
	frame_put(&b, type, op, 1 + (greeting != NULL) + (extra >= 0));
	wire_put_uint(&b, op);
	if (greeting != NULL) {
		wire_put_map(&b, 1);
		wire_put_str(&b, "greeting");
		wire_put_str(&b, greeting);
	}
	if (extra >= 0)
		wire_put_uint(&b, (uint64_t)extra);
	ck_assert_int_eq(
	    sock_request(socks[PIPE_COMMAND], b.data, b.len, &id), 0);
	buf_fini(&b);
}

static void
setup(void)
{
	loop_setup();
	memset(&router, 0, sizeof(router));
	memset(&plugin, 0, sizeof(plugin));
	ck_assert_int_eq(sock_init(base), 0);
}

static void
teardown(void)
{
	end_plugin();
	close_router();
	sock_fini();
	loop_teardown();
}

/* --- waiting ----------------------------------------------------------- */

/* A hello can be here before this side of the other pipes is. */
static bool
has_hellos(void *arg)
{
	for (int i = 0; i < PIPE__COUNT; i++) {
		if (!sock_is_up(socks[i]))
			return false;
	}
	return router.hellos >= *(size_t *)arg;
}

static void
await_hellos(size_t n)
{
	loop_until(has_hellos, &n);
	ck_assert_uint_eq(router.hellos, n);
}

static bool
has_heard(void *arg)
{
	return router.heard >= *(size_t *)arg;
}

static bool
has_answers(void *arg)
{
	return router.answers >= *(size_t *)arg;
}

/* The n-th outcome, from 1. */
static const struct heard *
await_outcome(size_t n, uint64_t op, unsigned code)
{
	loop_until(has_heard, &n);
	ck_assert_uint_eq(router.heard, n);
	ck_assert_uint_eq(heard[n - 1].type, MSG_OUTCOME);
	ck_assert_uint_eq(heard[n - 1].op, op);
	ck_assert_msg(heard[n - 1].code == code, "code %d: %s",
	    (int)heard[n - 1].code, heard[n - 1].text);
	return &heard[n - 1];
}

static void
begin(void)
{
	open_router();
	put_marker("00000000000000a1");
	start_hello();
	await_hellos(1);
}

/* --- cases ------------------------------------------------------------- */

static void
check_life(const char *hello)
{
	await_hellos(1);
	ck_assert_str_eq(router.hello, hello);
	command(MSG_INITIALIZE, 11, "servus", -1);
	await_outcome(1, 11, OUTCOME_OK);
	command(MSG_PLUGIN_START, 12, NULL, -1);
	await_outcome(2, 12, OUTCOME_OK);
	loop_until(has_said, (char[]){"info: servus from mine\n"});
	command(MSG_HEALTH, 13, NULL, -1);
	await_outcome(3, 13, OUTCOME_OK);
	command(MSG_CONFIGURE, 14, "", -1);
	await_outcome(4, 14, OUTCOME_CONFIG);
	command(MSG_PLUGIN_STOP, 15, NULL, 5000);
	await_outcome(5, 15, OUTCOME_OK);
	await_exit(0);
	/* The last may be lost: nng leaves unread what came before the end. */
	ck_assert_uint_ge(router.answers, 4);
	ck_assert_uint_eq(router.last_code, FRAME_OK);
	ck_assert_uint_eq(router.hellos, 1);
	ck_assert_uint_eq(router.acks, 1);
	ck_assert_str_eq(
	    plugin.text, "info: servus from mine\ninfo: goodbye from mine\n");
}

START_TEST(test_program)
{
	open_router();
	put_marker("00000000000000a1");
	start_hello();
	check_life("1-1 abi 1 mine 1.0 service 77: configure");
}
END_TEST

START_TEST(test_module)
{
	open_router();
	put_marker("00000000000000a1");
	start_module(HELLO_MODULE);
	check_life("1-1 abi 1 mine 1.0 service 77: configure");
}
END_TEST

/* The plugin was there first. */
START_TEST(test_late_router)
{
	start_hello();
	ck_assert(!loop_until_ms(loop_never, NULL, 300));
	open_router();
	put_marker("00000000000000a1\n");
	await_hellos(1);
}
END_TEST

/* What was not acknowledged is told again, as the same frame. */
START_TEST(test_router_comes_back)
{
	begin();
	router.is_silent = true;
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(1, 11, OUTCOME_OK);
	close_router();
	ck_assert(!loop_until_ms(loop_never, NULL, 100));
	open_router();
	put_marker("00000000000000a2");
	await_hellos(2);
	await_outcome(2, 11, OUTCOME_OK);
	ck_assert_uint_eq(heard[0].id, heard[1].id);
	/* The daemon asks again, too: the outcome, not the work. */
	router.is_silent = false;
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(3, 11, OUTCOME_OK);
	command(MSG_PLUGIN_START, 12, NULL, -1);
	await_outcome(4, 12, OUTCOME_OK);
}
END_TEST

START_TEST(test_router_comes_back_often)
{
	char epoch[32];

	is_leaky = true;
	begin();
	for (size_t i = 0; i < 20; i++) {
		close_router();
		open_router();
		snprintf(epoch, sizeof(epoch), "%016zx", 0xb0 + i);
		put_marker(epoch);
		await_hellos(2 + i);
	}
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(1, 11, OUTCOME_OK);
}
END_TEST

/* The same epoch: what has no peer dials. */
START_TEST(test_one_listener_anew)
{
	begin();
	ck_assert_int_eq(sock_listen(socks[PIPE_COMMAND]), 0);
	put_marker("00000000000000a1");
	loop_until(has_hellos, &(size_t){2});
	ck_assert_uint_ge(router.ups[PIPE_COMMAND], 2);
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(1, 11, OUTCOME_OK);
}
END_TEST

/* Nobody tells it to dial: it does, after a while. */
START_TEST(test_last_resort)
{
	begin();
	sock_drop(socks[PIPE_EVENTS]);
	await_hellos(2);
	ck_assert_uint_eq(router.ups[PIPE_HUB], 1);
	ck_assert_uint_eq(router.ups[PIPE_EVENTS], 2);
}
END_TEST

START_TEST(test_bad_marker)
{
	open_router();
	put_marker("xyz");
	start_hello();
	ck_assert(!loop_until_ms(loop_never, NULL, 200));
	put_marker("00000000000000A1");
	put_marker("00000000000000a10");
	ck_assert(!loop_until_ms(loop_never, NULL, 200));
	ck_assert_uint_eq(router.ups[PIPE_HUB], 0);
	put_marker("00000000000000a1");
	await_hellos(1);
}
END_TEST

START_TEST(test_hello_required)
{
	begin();
	router.is_forgetful = true;
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_hellos(2);
	await_outcome(1, 11, OUTCOME_OK);
}
END_TEST

START_TEST(test_refused)
{
	router.hello_code = FRAME_REFUSED;
	begin();
	loop_until(has_said,
	    (char[]){"error: the daemon refuses this plugin: because\n"});
	ck_assert(!has_ended(NULL));
	/* Perhaps the next router thinks otherwise. */
	router.hello_code = FRAME_OK;
	close_router();
	open_router();
	put_marker("00000000000000a2");
	await_hellos(2);
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(1, 11, OUTCOME_OK);
}
END_TEST

START_TEST(test_unreadable_command)
{
	uint32_t id;

	begin();
	ck_assert_int_eq(
	    sock_request(socks[PIPE_COMMAND], "rubbish", 7, &id), 0);
	loop_until(has_said, (char[]){"a command that cannot be read"});
	command(199, 10, NULL, -1);
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(1, 11, OUTCOME_OK);
	loop_until(has_answers, &(size_t){2});
}
END_TEST

START_TEST(test_signal)
{
	static const int signals[] = {SIGTERM, SIGINT};

	begin();
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(1, 11, OUTCOME_OK);
	kill(plugin.pid, signals[_i]);
	await_exit(0);
	ck_assert_str_eq(plugin.text, "info: goodbye from mine\n");
}
END_TEST

/* A signal before the daemon has said anything, router or not. */
START_TEST(test_signal_early)
{
	int64_t begin_ms;

	begin();
	close_router();
	begin_ms = clock_mono_ms();
	kill(plugin.pid, SIGTERM);
	await_exit(0);
	ck_assert_int_lt(clock_mono_ms() - begin_ms, LOOP_DEADLINE_MS / 2);
	ck_assert_str_eq(plugin.text, "");
}
END_TEST

START_TEST(test_stop_unheard)
{
	int64_t begin_ms;

	begin();
	router.is_silent = true;
	begin_ms = clock_mono_ms();
	command(MSG_PLUGIN_STOP, 11, NULL, -1);
	await_exit(0);
	ck_assert_int_ge(clock_mono_ms() - begin_ms, 490);
	await_outcome(1, 11, OUTCOME_OK);
}
END_TEST

START_TEST(test_cookie_is_gone)
{
	char dir[64], to[128], gift[64];
	struct dirent *e;
	size_t count = 0;
	DIR *d;

	begin();
	snprintf(gift, sizeof(gift), "pipe:[%lu]", (unsigned long)plugin.gift);
	snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)plugin.pid);
	d = opendir(dir);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);

		to[n < 0 ? 0 : n] = '\0';
		ck_assert_str_ne(to, gift);
		count++;
	}
	ck_assert_uint_gt(count, 5);
	closedir(d);
}
END_TEST

/* Voluntary context switches of all its threads. */
static long
count_wakeups(void)
{
	static const char head[] = "voluntary_ctxt_switches:";
	char path[512], line[128];
	struct dirent *e;
	long sum = 0;
	FILE *file;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)plugin.pid);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status",
		    (int)plugin.pid, e->d_name);
		file = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (file != NULL && fgets(line, sizeof(line), file)) {
			if (strncmp(line, head, sizeof(head) - 1) == 0)
				sum +=
				    strtol(line + sizeof(head) - 1, NULL, 10);
		}
		if (file != NULL)
			ck_assert_int_eq(fclose(file), 0);
	}
	closedir(d);
	return sum;
}

START_TEST(test_idle)
{
	long before;

	begin();
	command(MSG_INITIALIZE, 11, "hi", -1);
	await_outcome(1, 11, OUTCOME_OK);
	ck_assert(!loop_until_ms(loop_never, NULL, 500));
	before = count_wakeups();
	ck_assert(!loop_until_ms(loop_never, NULL, 3000));
	ck_assert_int_le(count_wakeups() - before, 3);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("sdk_connect");
	TCase *t = tcase_create("connect");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_program);
	tcase_add_test(t, test_module);
	tcase_add_test(t, test_late_router);
	tcase_add_test(t, test_router_comes_back);
	tcase_add_test(t, test_router_comes_back_often);
	tcase_add_test(t, test_one_listener_anew);
	tcase_add_test(t, test_last_resort);
	tcase_add_test(t, test_bad_marker);
	tcase_add_test(t, test_hello_required);
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_unreadable_command);
	tcase_add_loop_test(t, test_signal, 0, 2);
	tcase_add_test(t, test_signal_early);
	tcase_add_test(t, test_stop_unheard);
	tcase_add_test(t, test_cookie_is_gone);
	tcase_add_test(t, test_idle);
	suite_add_tcase(s, t);

	return s;
}

int
main(void)
{
	return unit_run(make_suite());
}
