/*
 * routerrig: what the tests of plugind-router share: the real program, a core
 * at its link and a plugin at its three sockets. The router starts before nng
 * does in this process.
 */
#ifndef TESTS_UNIT_ROUTERRIG_H
#define TESTS_UNIT_ROUTERRIG_H

#include "common/frame.h"
#include "common/link.h"
#include "common/msgs.h"
#include "common/sock.h"

#include "unit.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

enum {
	LINK_FD = 3,
	SERIAL = 77,
	GENERATION = 5,
	COOKIE_LEN = 16,
	EPOCH_LEN = 16,
};

enum role { COMMAND_SOCK, HUB_SOCK, EVENTS_SOCK, SOCKS };

static const struct {
	const char *name;
	enum sock_kind kind;
} roles[SOCKS] = {
    [COMMAND_SOCK] = {"command.sock", SOCK_REP},
    [HUB_SOCK] = {"hub.sock", SOCK_REQ},
    [EVENTS_SOCK] = {"events.sock", SOCK_SUB},
};

static pid_t router;
static struct link *core;
static struct sock *socks[SOCKS];
static char dir[80], canary_dir[80], marker_path[96];
static const uint8_t cookie[COOKIE_LEN] = "0123456789abcdef";

/* What the router told the core. */
static struct {
	unsigned ups, downs, outcomes, statuses, violations, pongs, ends,
	    counters;
	uint64_t pid, abi, op, code, number;
	char version[32], type[32], text[256];
	size_t capabilities_len, data_len;
	uint64_t counts[2][9]; /* records, the first two */
	uint32_t ncounts;
} told;

/* What it told the plugin. */
static struct {
	unsigned answers, commands;
	uint64_t code, type, id, op;
	char text[256];
	uint64_t protocol;
	bool is_silent;       /* leaves commands unanswered */
	enum frame_code says; /* to commands; with a sentence if not OK */
	const char *answer_hex;
} heard;

/* Frames of calls; it answers. NULL: none may come. */
static void (*on_calls)(const struct sock_message *m, struct frame *f);

/* --- the core's end ---------------------------------------------------- */

static inline void
take_up(struct frame *f)
{
	const void *p;

	told.ups++;
	ck_assert_int_eq(frame_uint(f, &told.pid), 0);
	ck_assert_int_eq(frame_uint(f, &told.abi), 0);
	ck_assert_int_eq(frame_str(f, told.version, sizeof(told.version)), 0);
	ck_assert_int_eq(frame_str(f, told.type, sizeof(told.type)), 0);
	ck_assert_int_eq(frame_raw(f, &p, &told.capabilities_len), 0);
}

static inline void
take_outcome(struct frame *f)
{
	const void *p;

	told.outcomes++;
	ck_assert_int_eq(frame_uint(f, &told.op), 0);
	ck_assert_int_eq(frame_uint(f, &told.code), 0);
	ck_assert_int_eq(frame_str(f, told.text, sizeof(told.text)), 0);
	ck_assert_int_eq(frame_raw(f, &p, &told.data_len), 0);
}

static inline void
take_counters(struct frame *f)
{
	uint32_t n;

	told.counters++;
	ck_assert(frame_next(f));
	ck_assert_int_eq(wire_get_array(&f->args, &told.ncounts), 0);
	for (uint32_t i = 0; i < told.ncounts && i < 2; i++) {
		ck_assert_int_eq(wire_get_array(&f->args, &n), 0);
		ck_assert_uint_eq(n, 9);
		for (uint32_t k = 0; k < n; k++)
			ck_assert_int_eq(
			    wire_get_uint(&f->args, &told.counts[i][k]), 0);
	}
}

static inline void
take_text(struct frame *f, unsigned *count)
{
	++*count;
	ck_assert_int_eq(frame_str(f, told.text, sizeof(told.text)), 0);
}

static inline void
on_link_frame(void *arg, struct frame *f)
{
	uint64_t first;

	(void)arg;
	ck_assert_int_eq(frame_uint(f, &first), 0);
	if (f->type == MSG_LINK_PONG) {
		told.pongs++;
		told.number = first;
		return;
	}
	if (f->type == MSG_COUNTERS) {
		told.number = first;
		take_counters(f);
		return;
	}
	ck_assert_uint_eq(first, SERIAL);
	if (f->type == MSG_LINK_UP)
		take_up(f);
	else if (f->type == MSG_LINK_OUTCOME)
		take_outcome(f);
	else if (f->type == MSG_LINK_DOWN)
		take_text(f, &told.downs);
	else if (f->type == MSG_VIOLATION)
		take_text(f, &told.violations);
	else if (f->type == MSG_LINK_STATUS) {
		ck_assert_int_eq(frame_uint(f, &told.code), 0);
		take_text(f, &told.statuses);
	} else
		ck_abort_msg("the core got a message %d", (int)f->type);
}

/* A frame that is none ends the router, and with it every link. */
static inline void
on_link_end(void *arg, const char *why)
{
	(void)arg;
	told.ends++;
	snprintf(told.text, sizeof(told.text), "%s", why);
}

static inline void
say(struct buf *b)
{
	ck_assert_int_eq(link_send(core, b), 0);
	buf_fini(b);
}

static inline void
attach(uid_t uid, pid_t pid)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_ATTACH, 1, 8);
	wire_put_uint(&b, SERIAL);
	wire_put_str(&b, "worker");
	wire_put_uint(&b, 1);
	wire_put_uint(&b, GENERATION);
	wire_put_uint(&b, uid);
	wire_put_str(&b, dir);
	wire_put_bin(&b, cookie, COOKIE_LEN);
	wire_put_uint(&b, (uint64_t)pid);
	say(&b);
}

static inline void
spawned(pid_t pid, const char *cgroup)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_SPAWNED, 2, 3);
	wire_put_uint(&b, SERIAL);
	wire_put_uint(&b, (uint64_t)pid);
	wire_put_str(&b, cgroup);
	say(&b);
}

static inline void
say_number(unsigned type, uint64_t number)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, type, 3, 1);
	wire_put_uint(&b, number);
	say(&b);
}

static inline void
command(unsigned type, uint64_t op)
{
	struct buf b;

	buf_init(&b, 1000);
	frame_put(&b, MSG_COMMAND, 4, 3);
	wire_put_uint(&b, SERIAL);
	wire_put_uint(&b, type);
	wire_put_array(&b, 1);
	wire_put_uint(&b, op);
	say(&b);
}

/* --- the plugin's end -------------------------------------------------- */

static inline void
on_command(const struct sock_message *m, struct frame *f)
{
	uint8_t raw[32];
	struct buf b;

	if (on_calls != NULL &&
	    (f->type == MSG_SERVE || f->type == MSG_RETURNS)) {
		on_calls(m, f);
		return;
	}
	heard.commands++;
	heard.type = f->type;
	ck_assert_int_eq(frame_uint(f, &heard.op), 0);
	if (heard.is_silent)
		return;
	buf_init(&b, 1000);
	if (heard.answer_hex) {
		buf_append(
		    &b, raw, unit_unhex(heard.answer_hex, raw, sizeof(raw)));
	} else {
		frame_put(&b, f->type, f->id, 2);
		wire_put_uint(&b, heard.says);
		wire_put_str(&b, "not now");
	}
	ck_assert_int_eq(
	    sock_reply(socks[COMMAND_SOCK], &m->answer, b.data, b.len), 0);
	buf_fini(&b);
}

static inline void
on_answer(struct frame *f)
{
	heard.answers++;
	heard.type = f->type;
	heard.id = f->id;
	heard.text[0] = '\0';
	ck_assert_int_eq(frame_uint(f, &heard.code), 0);
	if (f->type == MSG_HELLO && heard.code == FRAME_OK)
		ck_assert_int_eq(frame_uint(f, &heard.protocol), 0);
	if (frame_next(f))
		ck_assert_int_eq(
		    frame_str(f, heard.text, sizeof(heard.text)), 0);
}

static inline void
on_message(void *arg, const struct sock_message *m)
{
	struct frame f;

	ck_assert_int_eq(frame_parse(m->data, m->len, &f), 0);
	if (arg == &socks[COMMAND_SOCK])
		on_command(m, &f);
	else if (arg == &socks[HUB_SOCK])
		on_answer(&f);
}

static inline void
open_socks(void)
{
	char path[108];

	for (int i = 0; i < SOCKS; i++) {
		const struct sock_options o = {
		    .kind = roles[i].kind,
		    .path = path,
		    .ops = {.message = on_message},
		    .arg = &socks[i],
		};

		snprintf(path, sizeof(path), "%s/%s", dir, roles[i].name);
		ck_assert_int_eq(sock_new(&o, &socks[i]), 0);
	}
}

static inline void
dial_missing(void)
{
	for (int i = 0; i < SOCKS; i++) {
		if (!sock_is_up(socks[i]))
			ck_assert_int_eq(sock_dial(socks[i]), 0);
	}
}

struct hello {
	uint64_t min, max, generation;
	const char *name;
	size_t cookie_len;
	const uint8_t *cookie;
	uint32_t nargs; /* the first so many */
};

static const struct hello good = {
    1, 1, GENERATION, "worker", COOKIE_LEN, cookie, 9};

static inline void
put_hello(struct buf *b, const struct hello *h)
{
	struct buf all;
	struct wire_cursor c;

	buf_init(&all, 8000);
	wire_put_uint(&all, h->min);
	wire_put_uint(&all, h->max);
	wire_put_uint(&all, 1);
	wire_put_str(&all, h->name);
	wire_put_str(&all, "1.2");
	wire_put_str(&all, "service");
	wire_put_uint(&all, h->generation);
	wire_put_bin(&all, h->cookie, h->cookie_len);
	wire_put_array(&all, 1);
	wire_put_str(&all, "configure");
	wire_cursor_init(&c, all.data, all.len);
	for (uint32_t i = 0; i < h->nargs; i++)
		ck_assert_int_eq(wire_skip(&c), 0);
	frame_put(b, MSG_HELLO, 9, h->nargs);
	buf_append(b, all.data, (size_t)(c.p - all.data));
	buf_fini(&all);
}

static inline bool
has_answer(void *arg)
{
	(void)arg;
	return heard.answers > 0;
}

/* Sends on hub.sock and waits for the answer; frees the frame. */
static inline void
ask(struct buf *b)
{
	uint32_t id;

	heard.answers = 0;
	ck_assert_int_eq(buf_error(b), 0);
	ck_assert_int_eq(
	    sock_request(socks[HUB_SOCK], b->data, b->len, &id), 0);
	buf_fini(b);
	loop_until(has_answer, NULL);
}

static inline uint64_t
say_hello(const struct hello *h)
{
	struct buf b;

	buf_init(&b, 8000);
	put_hello(&b, h);
	ask(&b);
	ck_assert_uint_eq(heard.type, MSG_HELLO);
	ck_assert_uint_eq(heard.id, 9);
	return heard.code;
}

static inline uint64_t
say_outcome(uint64_t op, uint64_t code, const char *text, size_t data_len)
{
	static const uint8_t zeros[100000];
	struct buf b;

	buf_init(&b, 200000);
	frame_put(&b, MSG_OUTCOME, 11, 4);
	wire_put_uint(&b, op);
	wire_put_uint(&b, code);
	wire_put_str(&b, text);
	wire_put_bin(&b, zeros, data_len);
	ask(&b);
	return heard.code;
}

/* --- waiting ----------------------------------------------------------- */

static inline bool
is_above(void *arg)
{
	return *(unsigned *)arg > 0;
}

static inline void
await(unsigned *count)
{
	loop_until(is_above, count);
}

static inline bool
has_marker(void *arg)
{
	(void)arg;
	return access(marker_path, R_OK) == 0;
}

static inline bool
are_up(void *arg)
{
	(void)arg;
	return sock_is_up(socks[COMMAND_SOCK]) && sock_is_up(socks[HUB_SOCK]) &&
	       sock_is_up(socks[EVENTS_SOCK]);
}

static inline bool
are_down(void *arg)
{
	(void)arg;
	return !sock_is_up(socks[COMMAND_SOCK]) &&
	       !sock_is_up(socks[HUB_SOCK]) && !sock_is_up(socks[EVENTS_SOCK]);
}

static inline bool
is_command_down(void *arg)
{
	(void)arg;
	return !sock_is_up(socks[COMMAND_SOCK]);
}

/* --- fixture ----------------------------------------------------------- */

static inline void
start_router(void)
{
	static const struct link_ops ops = {on_link_frame, on_link_end};
	char program[] = ROUTER, option[] = "--link", number[] = "3";
	char *argv[] = {program, option, number, NULL};
	char env[100];
	char *envp[] = {env, NULL};
	posix_spawn_file_actions_t actions;
	int fds[2];

	snprintf(env, sizeof(env), "PLUGIND_SOCKET_DIR=%s", canary_dir);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], LINK_FD);
	ck_assert_int_eq(
	    posix_spawn(&router, program, &actions, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	ck_assert_int_eq(link_new(base, fds[0], &ops, NULL, &core), 0);
}

static inline void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	loop_setup();
	memset(&told, 0, sizeof(told));
	memset(&heard, 0, sizeof(heard));
	snprintf(dir, sizeof(dir), "%s/p", scratch);
	snprintf(canary_dir, sizeof(canary_dir), "%s/c", scratch);
	snprintf(marker_path, sizeof(marker_path), "%s/router", dir);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(mkdir(canary_dir, 0700), 0);
	start_router();
	ck_assert_int_eq(sock_init(base), 0);
	open_socks();
}

static inline bool
has_ended(void *arg)
{
	return waitpid(router, arg, WNOHANG) == router;
}

/* Ends it by its link, as a core that dies does; returns its status. */
static inline int
end_router(void)
{
	int status = -1;

	link_free(core);
	core = NULL;
	if (!loop_until_ms(has_ended, &status, LOOP_DEADLINE_MS))
		kill(router, SIGKILL);
	router = 0;
	return status;
}

static inline void
teardown(void)
{
	for (int i = 0; i < SOCKS; i++)
		sock_close(socks[i]);
	if (router != 0)
		ck_assert_int_eq(end_router(), 0);
	sock_fini();
	loop_teardown();
}

/* Attached, spawned, all three connected; hello is not said. */
static inline void
connect_all(void)
{
	attach(getuid(), getpid());
	loop_until(has_marker, NULL);
	dial_missing();
	loop_until(are_up, NULL);
}

static inline void
link_plugin(void)
{
	connect_all();
	ck_assert_uint_eq(say_hello(&good), FRAME_OK);
	await(&told.ups);
}

static inline TCase *
make_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

#endif
