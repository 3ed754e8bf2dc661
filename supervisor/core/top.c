/*
 * top: answers what plugins use and do, in numbers that only grow: rates are
 * made by who asks, from two answers. What is known of the bus the router has
 * counted; it is asked first, and the answer waits for it, a second at most.
 *
 * Must never: depend on the router: without it the rest is told all the same.
 */
#include "top.h"

#include "clients.h"
#include "counters.h"
#include "managed.h"
#include "rowput.h"
#include "usage.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

enum { ROUTER_MS = 1000, PAIRS = 15 };

/* Its arguments, which are read again when it is answered: plugins may have
 * come and gone. */
struct wait {
	uint64_t number; /* of the router's answer; 0: none */
	uint32_t nargs;
	size_t len;
	uint8_t args[];
};

static void
put_counter(struct buf *out, const char *key, const uint64_t *value)
{
	wire_put_str(out, key);
	if (value == NULL)
		wire_put_nil(out);
	else
		wire_put_uint(out, *value);
}

/* c NULL: nothing is known of it on the bus. */
static void
put_counters(struct buf *out, const struct counters *c)
{
#define FIELD(name) put_counter(out, #name, c != NULL ? &c->name : NULL)
	FIELD(published);
	FIELD(received);
	FIELD(called);
	FIELD(served);
	FIELD(dropped);
	FIELD(queue);
#undef FIELD
	put_counter(out, "queue_bytes", c != NULL ? &c->bytes : NULL);
	put_counter(
	    out, "queue_limit", c != NULL && c->limit > 0 ? &c->limit : NULL);
}

static void
put_usage(struct buf *out, pid_t pid)
{
	struct usage usage = {-1, -1};

	if (pid > 0)
		(void)usage_read(pid, &usage);
	put_key_opt(out, "cpu_ms", usage.cpu_ms);
	put_key_opt(out, "rss", usage.rss_bytes);
}

static void
put_row(struct buf *out, const struct row *row, bool is_told)
{
	struct managed_report managed;
	bool is_router = row->conf->kind == KIND_ROUTER;

	managed_report(row, &managed);
	wire_put_map(out, PAIRS);
	put_key_str(out, "name", row->name);
	put_key_str(out, "kind", conf_kind_to_string(row->conf->kind));
	put_key_str(out, "state", plugin_state_to_string(row->state));
	put_key_opt(out, "pid", row->child.pid != 0 ? row->child.pid : -1);
	put_key_int(out, "generation", (int64_t)row->generation);
	put_usage(out, row->child.pid);
	put_counters(out, is_told && (is_router || managed.serial != 0)
	                      ? counters_find(managed.serial)
	                      : NULL);
}

struct answer {
	struct buf *out;
	bool is_told; /* by the router */
};

/* Not ours: its pid may be another's by now, so no more is said of that. */
static void
put_client(void *arg, const struct clients_report *c)
{
	const struct answer *a = arg;
	struct buf *out = a->out;

	wire_put_map(out, PAIRS);
	put_key_str(out, "name", c->name);
	put_key_str(out, "kind", "client");
	put_key_str(out, "state", "running");
	put_key_int(out, "pid", c->pid);
	put_key_int(out, "generation", 1);
	put_usage(out, 0);
	put_counters(out, a->is_told ? counters_find(c->serial) : NULL);
}

/* {time_ms, router, rows} */
static void
put_all(struct request *req, const struct selection *s, bool is_told)
{
	struct buf *out = &req->data;
	const struct plugin *router = table_find_plugin(ROUTER_NAME);
	struct answer answer = {out, is_told};

	wire_put_map(out, 3);
	put_key_int(out, "time_ms", clock_mono_ms());
	/* Another one has counted from 0 again. */
	put_key_opt(out, "router",
	    is_told && router != NULL && router->nrows > 0
	        ? (int64_t)router->rows[0]->generation
	        : -1);
	wire_put_str(out, "rows");
	wire_put_array(
	    out, (uint32_t)(s->n + (s->named ? 0 : clients_linked())));
	for (size_t i = 0; i < s->n; i++)
		put_row(out, s->rows[i], is_told);
	if (!s->named)
		clients_each_linked(put_client, &answer);
}

static bool
poll_answer(struct request *req, bool expired)
{
	const struct wait *w = req->state;
	struct selection s;

	if (counters_are_due(w->number) && !expired)
		return false;
	wire_cursor_init(&req->args, w->args, w->len);
	req->nargs = w->nargs;
	if (!request_get_rows(req, &s))
		return true;
	put_all(req, &s, counters_have(w->number));
	free(s.rows);
	return true;
}

/* Whether its arguments are good, which it tells. */
static bool
check_names(struct request *req)
{
	struct selection s;

	if (!request_get_rows(req, &s))
		return false;
	free(s.rows);
	return true;
}

void
top_show(struct request *req)
{
	size_t len = (size_t)(req->args.end - req->args.p);
	struct wait *w = malloc(sizeof(*w) + len);

	if (w == NULL) {
		request_fail(req, MSG_CODE_FAILED, NULL, "out of memory");
		return;
	}
	w->nargs = req->nargs;
	w->len = len;
	memcpy(w->args, req->args.p, len);
	if (!check_names(req)) {
		free(w);
		return;
	}
	w->number = counters_ask();
	request_hold(req, poll_answer, w, ROUTER_MS);
}
