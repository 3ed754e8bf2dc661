/*
 * test_request: what clients send, from bytes to arguments, and the reply.
 * No sockets, no handlers run; that each message has one is checked.
 */
#include "core.h"

#include "supervisor/core/request.h"

#include <errno.h>

/* [1, type, id, ...]: an array of arguments follows. */
static void
put_head(struct buf *b, uint64_t version, uint64_t type, uint64_t id)
{
	wire_put_array(b, 4);
	wire_put_uint(b, version);
	wire_put_uint(b, type);
	wire_put_uint(b, id);
}

/* A request of that type with the arguments in hex, parsed. */
struct given {
	struct buf bytes;
	struct request req;
};

static void
give(struct given *g, enum msg_type type, const char *arguments)
{
	uint8_t args[256];
	size_t n = unit_unhex(arguments, args, sizeof(args));

	memset(g, 0, sizeof(*g));
	buf_init(&g->bytes, 4096);
	put_head(&g->bytes, 1, (uint64_t)type, 7);
	wire_put_raw(&g->bytes, args, n);
	ck_assert_int_eq(
	    request_parse(&g->req, g->bytes.data, g->bytes.len), 0);
	ck_assert_ptr_nonnull(g->req.info);
}

static void
drop(struct given *g)
{
	request_fini(&g->req);
	buf_fini(&g->bytes);
}

/* The error text of the reply so far. */
static void
check_error(struct request *req, unsigned code, const char *part)
{
	struct wire_cursor c;
	struct wire_cursor at;
	const char *s;
	size_t len;

	ck_assert_uint_eq((unsigned)req->code, code);
	ck_assert(request_failed(req));
	ck_assert_int_eq(
	    wire_validate(req->data.data, req->data.len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&c, req->data.data, req->data.len);
	ck_assert_int_eq(wire_map_find(&c, "error", &at), 0);
	ck_assert_int_eq(wire_get_str(&at, &s, &len), 0);
	ck_assert_msg(memmem(s, len, part, strlen(part)) != NULL,
	    "'%.*s' does not say '%s'", (int)len, s, part);
}

/* --- handlers ---------------------------------------------------------- */

START_TEST(test_handlers)
{
	for (size_t i = 0; i < msg_count; i++) {
		if (msg_table[i].role == ROLE_NONE) { /* of the bus */
			ck_assert(request_handler(msg_table[i].type) == NULL);
			continue;
		}
		ck_assert_msg(request_handler(msg_table[i].type) != NULL,
		    "%s has no handler", msg_table[i].name);
		for (size_t k = 0; k < i; k++)
			ck_assert(request_handler(msg_table[i].type) !=
			          request_handler(msg_table[k].type));
	}
	ck_assert(request_handler((enum msg_type)0) == NULL);
	ck_assert(request_handler((enum msg_type)9999) == NULL);
}
END_TEST

/* --- parsing ----------------------------------------------------------- */

static const struct {
	const char *hex;
	int want;
	bool known;
} payloads[] = {
    {"94 01 cd 0191 07 90", 0, true},    /* ping */
    {"95 01 cd 0191 07 90 c0", 0, true}, /* of a later version */
    {"94 01 cd 0191 cf ffffffffffffffff 90", 0, true},
    {"94 02 cd 0191 07 90", 0, false}, /* version */
    {"94 00 cd 0191 07 90", 0, false}, {"94 01 00 07 90", 0, false}, /* type */
    {"94 01 cf 0000000100000191 07 90", 0, false},
    {"94 01 cd 0191 ff 90", -EBADMSG, false},     /* a negative id */
    {"94 01 a4 70696e67 07 90", -EBADMSG, false}, /* a type in words */
    {"94 01 cd 0191 07 c0", -EBADMSG, false},     /* no arguments */
    {"94 01 cd 0191 07 80", -EBADMSG, false},
    {"93 01 cd 0191 07", -EBADMSG, false}, {"90", -EBADMSG, false},
    {"80", -EBADMSG, false}, {"c0", -EBADMSG, false}, {"", -EBADMSG, false},
    {"c1", -EBADMSG, false},
    {"94 01 cd 0191 07 90 00", -EBADMSG, false}, /* a byte behind */
    {"94 01 cd 0191 07 dd ffffffff", -EBADMSG, false},
    {"94 01 cd 0191 07 91 a1 ff", -EBADMSG, false}, /* no UTF-8 */
};

START_TEST(test_parse)
{
	uint8_t bytes[64];
	size_t n = unit_unhex(payloads[_i].hex, bytes, sizeof(bytes));
	struct request req = {0};

	ck_assert_int_eq(request_parse(&req, bytes, n), payloads[_i].want);
	if (payloads[_i].want == 0) {
		ck_assert_int_eq(req.info != NULL, payloads[_i].known);
		ck_assert_int_eq((int)req.code, MSG_CODE_OK);
	}
	request_fini(&req);
}
END_TEST

/* A request that is cut anywhere is no request. */
START_TEST(test_truncated)
{
	const struct msg_info *m = &msg_table[_i];
	struct buf b;

	buf_init(&b, 4096);
	put_head(&b, 1, (uint64_t)m->type, UINT64_MAX);
	wire_put_array(&b, 4);
	wire_put_array(&b, 2);
	wire_put_str(&b, "worker");
	wire_put_str(&b, "cache:2");
	wire_put_bool(&b, true);
	wire_put_uint(&b, 70000);
	wire_put_nil(&b);
	for (size_t n = 0; n <= b.len; n++) {
		/* In memory of its own, so that a sanitizer sees the end. */
		uint8_t *copy = malloc(n + 1);
		struct request req = {0};
		int r;

		ck_assert_ptr_nonnull(copy);
		copy = realloc(memcpy(copy, b.data, n), n > 0 ? n : 1);
		r = request_parse(&req, copy, n);
		ck_assert_int_eq(r, n == b.len ? 0 : -EBADMSG);
		if (r == 0)
			ck_assert_uint_eq(req.nargs, 4);
		request_fini(&req);
		free(copy);
	}
	buf_fini(&b);
}
END_TEST

/* --- arguments --------------------------------------------------------- */

enum getter { GET_STR, GET_UINT, OPT_UINT, OPT_BOOL };

static const struct {
	const char *args;
	uint64_t want;
	enum getter getter;
	bool ok;
} arguments[] = {
    {"91 a3 616263", 3, GET_STR, true},
    {"92 a3 616263 c0", 3, GET_STR, true},
    {"91 a7 61626364656667", 7, GET_STR, true},
    {"91 a8 6162636465666768", 0, GET_STR, false}, /* too long */
    {"91 a3 610063", 0, GET_STR, false},           /* a NUL byte */
    {"91 a0", 0, GET_STR, true},
    {"90", 0, GET_STR, false},
    {"91 c0", 0, GET_STR, false},
    {"91 05", 0, GET_STR, false},
    {"91 91 a1 61", 0, GET_STR, false},
    {"91 c4 01 61", 0, GET_STR, false},
    {"91 05", 5, GET_UINT, true},
    {"91 cf ffffffffffffffff", UINT64_MAX, GET_UINT, true},
    {"91 ff", 0, GET_UINT, false},
    {"91 cb 3ff0000000000000", 0, GET_UINT, false},
    {"91 a1 35", 0, GET_UINT, false},
    {"91 c3", 0, GET_UINT, false},
    {"91 c0", 0, GET_UINT, false},
    {"90", 0, GET_UINT, false},
    {"90", 42, OPT_UINT, true},
    {"91 c0", 42, OPT_UINT, true},
    {"91 05", 5, OPT_UINT, true},
    {"91 a1 35", 0, OPT_UINT, false},
    {"90", 0, OPT_BOOL, true},
    {"91 c0", 0, OPT_BOOL, true},
    {"91 c2", 0, OPT_BOOL, true},
    {"91 c3", 1, OPT_BOOL, true},
    {"91 01", 0, OPT_BOOL, false},
    {"91 a4 74727565", 0, OPT_BOOL, false},
};

static bool
read_argument(struct request *req, enum getter getter, uint64_t *ret)
{
	char text[8];
	bool flag = true;
	bool ok;

	switch (getter) {
	case GET_STR:
		ok = request_get_str(req, "what", text, sizeof(text));
		*ret = ok ? strlen(text) : 0;
		return ok;
	case GET_UINT:
		return request_get_uint(req, "what", ret);
	case OPT_UINT:
		return request_opt_uint(req, "what", 42, ret);
	case OPT_BOOL:
		ok = request_opt_bool(req, "what", &flag);
		*ret = flag;
		return ok;
	}
	return false;
}

START_TEST(test_arguments)
{
	struct given g;
	uint64_t got = 0;
	bool ok;

	give(&g, MSG_KILL, arguments[_i].args);
	ok = read_argument(&g.req, arguments[_i].getter, &got);
	ck_assert_int_eq(ok, arguments[_i].ok);
	if (ok) {
		ck_assert(!request_failed(&g.req));
		ck_assert_uint_eq(got, arguments[_i].want);
	} else {
		check_error(&g.req, MSG_CODE_USAGE, "kill: argument `what`");
		check_error(&g.req, MSG_CODE_USAGE, "(arguments: name signal)");
	}
	drop(&g);
}
END_TEST

/* A nil in the middle is skipped, and what follows is found. */
START_TEST(test_argument_order)
{
	struct given g;
	uint64_t v = 0;
	bool flag = false;
	char text[8];

	give(&g, MSG_LOGS, "95 c0 c3 05 a1 78 07");
	ck_assert(request_opt_uint(&g.req, "a", 9, &v));
	ck_assert_uint_eq(v, 9);
	ck_assert(request_opt_bool(&g.req, "b", &flag));
	ck_assert(flag);
	ck_assert(request_get_uint(&g.req, "c", &v));
	ck_assert_uint_eq(v, 5);
	ck_assert(request_get_str(&g.req, "d", text, sizeof(text)));
	ck_assert_str_eq(text, "x");
	ck_assert(request_opt_uint(&g.req, "e", 9, &v));
	ck_assert_uint_eq(v, 7);
	ck_assert_uint_eq(g.req.nargs, 0);
	ck_assert(request_opt_uint(&g.req, "f", 9, &v));
	ck_assert_uint_eq(v, 9);
	drop(&g);
}
END_TEST

/* --- rows -------------------------------------------------------------- */

static const struct {
	const char *args;
	size_t rows;
	unsigned code;
	bool named;
} selections[] = {
    {"90", 4, 0, false},
    {"91 c0", 4, 0, false},
    {"91 90", 4, 0, false},
    {"91 91 a1 61", 1, 0, true},
    {"91 91 a1 62", 3, 0, true},
    {"91 91 a3 623a32", 1, 0, true},
    {"91 92 a1 61 a1 62", 4, 0, true},
    {"91 93 a1 62 a1 62 a3 623a31", 3, 0, true}, /* each once */
    {"91 91 a3 623a34", 0, MSG_CODE_UNKNOWN_PLUGIN, true},
    {"91 92 a1 61 a1 7a", 0, MSG_CODE_UNKNOWN_PLUGIN, true},
    {"91 91 a0", 0, MSG_CODE_UNKNOWN_PLUGIN, true},
    {"91 a1 61", 0, MSG_CODE_USAGE, true}, /* no list */
    {"91 81 a1 61 01", 0, MSG_CODE_USAGE, true},
    {"91 91 05", 0, MSG_CODE_USAGE, true},
    {"91 92 a1 61 c0", 0, MSG_CODE_USAGE, true},
    {"91 91 a2 6100", 0, MSG_CODE_USAGE, true},
};

START_TEST(test_rows)
{
	struct selection s = {0};
	struct given g;
	bool ok;

	core_apply("  a: {command: [/bin/true]}\n"
	           "  b: {command: [/bin/true], instances: 3}\n");
	give(&g, MSG_START, selections[_i].args);
	ok = request_get_rows(&g.req, &s);
	ck_assert_int_eq(ok, selections[_i].code == 0);
	if (ok) {
		ck_assert_uint_eq(s.n, selections[_i].rows);
		ck_assert_int_eq(s.named, selections[_i].named);
		ck_assert_uint_eq(g.req.nargs, 0);
	} else {
		check_error(&g.req, selections[_i].code, "");
	}
	free(s.rows);
	drop(&g);
	table_free();
}
END_TEST

START_TEST(test_long_name)
{
	struct selection s = {0};
	struct given g;
	struct buf hex;

	buf_init(&hex, 512);
	buf_puts(&hex, "91 91 d9 c8");
	for (int i = 0; i < 200; i++)
		buf_puts(&hex, "61");
	give(&g, MSG_START, buf_cstr(&hex));
	buf_fini(&hex);
	ck_assert(!request_get_rows(&g.req, &s));
	check_error(&g.req, MSG_CODE_UNKNOWN_PLUGIN, "a very long name");
	drop(&g);
}
END_TEST

START_TEST(test_one_row)
{
	struct selection s = {0};
	struct given g;

	core_apply("  b: {command: [/bin/true], instances: 3}\n");
	give(&g, MSG_SHOW, "91 a1 62");
	ck_assert(request_get_row(&g.req, &s));
	ck_assert_uint_eq(s.n, 3);
	free(s.rows);
	drop(&g);
	give(&g, MSG_SHOW, "91 a1 63");
	ck_assert(!request_get_row(&g.req, &s));
	check_error(&g.req, MSG_CODE_UNKNOWN_PLUGIN, "unknown plugin 'c'");
	drop(&g);
	table_free();
}
END_TEST

/* --- replies ----------------------------------------------------------- */

/* Reads [1, type, id, [code, ...]] up to the data. */
static struct wire_cursor
open_reply(const struct buf *out, uint64_t type, uint64_t id, uint64_t code)
{
	struct wire_cursor c;
	uint32_t n;
	uint64_t v;

	ck_assert_int_eq(wire_validate(out->data, out->len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&c, out->data, out->len);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(wire_get_uint(&c, &v), 0);
	ck_assert_uint_eq(v, MSG_VERSION);
	ck_assert_int_eq(wire_get_uint(&c, &v), 0);
	ck_assert_uint_eq(v, type);
	ck_assert_int_eq(wire_get_uint(&c, &v), 0);
	ck_assert_uint_eq(v, id);
	ck_assert_int_eq(wire_get_array(&c, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(wire_get_uint(&c, &v), 0);
	ck_assert_uint_eq(v, code);
	return c;
}

START_TEST(test_reply)
{
	struct wire_cursor c;
	struct given g;
	struct buf out;
	bool flag = false;

	give(&g, MSG_PING, "90");
	buf_init(&out, REPLY_MAX);
	request_put_reply(&g.req, &out);
	c = open_reply(&out, MSG_PING, 7, MSG_CODE_OK);
	ck_assert_int_eq(wire_get_nil(&c), 0);
	buf_reset(&out);
	wire_put_bool(&g.req.data, true);
	request_put_reply(&g.req, &out);
	c = open_reply(&out, MSG_PING, 7, MSG_CODE_OK);
	ck_assert_int_eq(wire_get_bool(&c, &flag), 0);
	ck_assert(flag);
	buf_reset(&out);
	/* A failure replaces what a handler had written. */
	request_fail(&g.req, MSG_CODE_FAILED, "a hint", "text %d", 5);
	request_put_reply(&g.req, &out);
	c = open_reply(&out, MSG_PING, 7, MSG_CODE_FAILED);
	ck_assert_int_eq(wire_map_find(&c, "error", &c), 0);
	check_error(&g.req, MSG_CODE_FAILED, "text 5");
	buf_fini(&out);
	drop(&g);
}
END_TEST

START_TEST(test_reply_too_large)
{
	static char big[1 << 20];
	struct wire_cursor c;
	struct wire_cursor at;
	struct given g;
	struct buf out;

	give(&g, MSG_STATUS, "90");
	buf_init(&out, REPLY_MAX);
	for (int i = 0; i < 5; i++)
		wire_put_bin(&g.req.data, big, sizeof(big));
	request_put_reply(&g.req, &out);
	c = open_reply(&out, MSG_STATUS, 7, MSG_CODE_FAILED);
	ck_assert_int_eq(wire_map_find(&c, "error", &at), 0);
	buf_fini(&out);
	drop(&g);
}
END_TEST

/* What plugins have written may be anything; a reply is UTF-8. */
START_TEST(test_reply_of_garbage)
{
	struct given g;
	struct buf out;

	give(&g, MSG_PING, "90");
	buf_init(&out, REPLY_MAX);
	request_fail(&g.req, MSG_CODE_FAILED, "\xff\xfe", "bad \xc3 bytes");
	request_put_reply(&g.req, &out);
	(void)open_reply(&out, MSG_PING, 7, MSG_CODE_FAILED);
	buf_fini(&out);
	drop(&g);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("request");
	TCase *tc = tcase_create("request");

	tcase_add_test(tc, test_handlers);
	tcase_add_loop_test(tc, test_parse, 0, COUNT(payloads));
	tcase_add_loop_test(tc, test_truncated, 0, (int)msg_count);
	tcase_add_loop_test(tc, test_arguments, 0, COUNT(arguments));
	tcase_add_test(tc, test_argument_order);
	tcase_add_loop_test(tc, test_rows, 0, COUNT(selections));
	tcase_add_test(tc, test_long_name);
	tcase_add_test(tc, test_one_row);
	tcase_add_test(tc, test_reply);
	tcase_add_test(tc, test_reply_too_large);
	tcase_add_test(tc, test_reply_of_garbage);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
