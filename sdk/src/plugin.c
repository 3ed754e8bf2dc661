/*
 * plugin: see plugin.h. Owns the struct, the loop, and the end of the process:
 * nothing else breaks the loop.
 *
 * The end waits for acknowledgements, half a second at most, since the daemon
 * would otherwise learn of an exit before it learns that a stop succeeded.
 * Must never call the plugin's code: command.c does.
 */
#include "plugin.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/msgs.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_MAX = 1024 };

static void
end(struct plugind *p)
{
	p->ended = true;
	event_base_loopbreak(p->base);
}

static void
on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct plugind *p = arg;

	(void)fd;
	(void)what;
	INVARIANT(p->magic == PLUGIN_MAGIC);
	end(p);
}

int
plugin_new(const struct plugind_descriptor *descriptor,
    const struct identity *identity, outbox_send_fn *send, void *send_arg,
    struct plugind **ret)
{
	struct plugind *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->magic = PLUGIN_MAGIC;
	p->descriptor = *descriptor;
	p->identity = *identity;
	p->stop_at_ms = -1;
	outbox_init(&p->outbox, send, send_arg);
	publish_init(&p->publish, p);
	calls_init(&p->calls, p);
	serve_init(&p->serve, p);
	p->base = event_base_new();
	if (p->base != NULL)
		p->leave_event = event_new(p->base, -1, 0, on_leave, p);
	if (p->leave_event == NULL || subscribe_init(&p->subscribe, p) != 0 ||
	    pool_init(&p->pool, p) != 0) {
		plugin_free(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

void
plugin_free(struct plugind *p)
{
	if (p == NULL || !pool_end(&p->pool))
		return;
	pool_fini(&p->pool);
	serve_fini(&p->serve);
	calls_fini(&p->calls);
	if (p->leave_event != NULL)
		event_free(p->leave_event);
	subscribe_fini(&p->subscribe);
	publish_fini(&p->publish);
	if (p->base != NULL)
		event_base_free(p->base);
	outbox_fini(&p->outbox);
	free(p->degraded);
	p->magic = 0;
	free(p);
}

int
plugin_run(struct plugind *p)
{
	while (!p->ended) {
		if (event_base_loop(p->base, EVLOOP_NO_EXIT_ON_EMPTY) != 0)
			return PLUGIND_EXIT_FAILURE;
	}
	return p->exit_status;
}

static bool
is_all_said(const struct plugind *p)
{
	return outbox_is_empty(&p->outbox) && publish_is_empty(&p->publish) &&
	       serve_is_empty(&p->serve);
}

void
plugin_leave(struct plugind *p, int status)
{
	const struct timeval patience = {.tv_usec = PLUGIN_LEAVE_MS * 1000};

	if (p->leaving)
		return;
	p->leaving = true;
	p->exit_status = status;
	if (is_all_said(p) || event_add(p->leave_event, &patience) != 0)
		end(p);
}

void
plugin_acknowledged(struct plugind *p, const struct frame *f, uint64_t code)
{
	if (!publish_acknowledge(&p->publish, f, code) &&
	    !subscribe_acknowledge(&p->subscribe, f, code) &&
	    !calls_acknowledge(&p->calls, f, code) &&
	    !serve_acknowledge(&p->serve, f, code))
		outbox_acknowledge(&p->outbox, f);
	plugin_send_status(p);
	/* There is room for one message more, perhaps for one of these. */
	batch_flush(&p->calls.out);
	batch_flush(&p->serve.results);
	if (p->leaving && is_all_said(p))
		end(p);
}

void
plugin_refused(
    struct plugind *p, const char *what, const struct frame *f, uint64_t code)
{
	char why[SENTENCE_MAX] = "without a reason";
	struct frame answer = *f;

	(void)frame_str(&answer, why, sizeof(why));
	if (p->refused != NULL)
		p->refused(p, code == FRAME_DENIED ? -EACCES : -EINVAL, why,
		    p->refused_arg);
	else
		plugind_log(p, PLUGIND_ERROR, "%s: %s", what, why);
}

void
plugind_on_refused(struct plugind *p, plugind_refused_fn *fn, void *arg)
{
	p->refused = fn;
	p->refused_arg = arg;
}

void
plugin_say_again(struct plugind *p, bool is_anew)
{
	subscribe_resend(&p->subscribe, is_anew);
	publish_resend(&p->publish, is_anew);
	outbox_resend(&p->outbox);
	serve_announce(&p->serve, is_anew);
	calls_linked(&p->calls);
}

void
plugin_unlinked(struct plugind *p)
{
	serve_unlinked(&p->serve);
	calls_unlinked(&p->calls);
}

void
plugin_send_status(struct plugind *p)
{
	const char *text = p->degraded == NULL ? "" : p->degraded;
	struct buf *b;

	/* One at a time: a plugin that changes its mind without end sends no
	 * more than the daemon takes. */
	if (!p->status_news || outbox_is_waiting(&p->outbox, OUTBOX_STATUS))
		return;
	p->status_news = false;
	b = outbox_begin(&p->outbox, OUTBOX_STATUS, MSG_PLUGIN_STATUS, 2);
	wire_put_uint(b, p->degraded == NULL ? OUTCOME_OK : OUTCOME_DEGRADED);
	wire_put_str(b, text);
	if (outbox_post(&p->outbox, OUTBOX_STATUS) != 0)
		p->status_news = true;
}

void
plugind_exit(struct plugind *p, int status)
{
	plugin_leave(p, status);
}

const char *
plugind_name(const struct plugind *p)
{
	return p->identity.name;
}

unsigned
plugind_instance(const struct plugind *p)
{
	return p->identity.instance;
}

const char *
plugind_state_dir(const struct plugind *p)
{
	return p->identity.state_dir;
}

int64_t
plugind_deadline_ms(const struct plugind *p)
{
	int64_t left_ms;

	if (p->stop_at_ms < 0)
		return -1;
	left_ms = p->stop_at_ms - clock_mono_ms();
	return left_ms > 0 ? left_ms : 0;
}

struct event_base *
plugind_event_base(struct plugind *p)
{
	return p->base;
}

void
plugind_set_data(struct plugind *p, void *data)
{
	p->data = data;
}

void *
plugind_data(const struct plugind *p)
{
	return p->data;
}
