/*
 * restart: owns the tally of recent restarts of one plugin instance and
 * decides what follows an exit. Called by lifecycle.c only.
 *
 * Must never: read a clock, log, or allocate outside restart_init.
 */
#include "restart.h"

#include <errno.h>
#include <stdlib.h>

static size_t
copy_newest(const struct restart_state *r, int64_t *out, size_t cap)
{
	size_t n = r->n < cap ? r->n : cap;

	for (size_t i = 0; i < n; i++)
		out[i] = r->times[(r->head + r->n - n + i) % r->cap];
	return n;
}

int
restart_init(struct restart_state *r, const struct restart_conf *conf)
{
	size_t cap = conf->max_restarts > 0 ? (size_t)conf->max_restarts : 0;
	int64_t *times = NULL;

	if (r->next_delay_ms > conf->max_delay_ms)
		r->next_delay_ms = conf->max_delay_ms;
	if (r->ready && r->cap == cap)
		return 0;
	if (cap > 0) {
		times = calloc(cap, sizeof(*times));
		if (times == NULL)
			return -ENOMEM;
	}
	if (!r->ready)
		restart_clear(r);
	r->n = copy_newest(r, times, cap);
	r->head = 0;
	free(r->times);
	r->times = times;
	r->cap = cap;
	r->ready = true;
	return 0;
}

void
restart_fini(struct restart_state *r)
{
	free(r->times);
	*r = (struct restart_state){0};
}

void
restart_clear(struct restart_state *r)
{
	r->n = r->head = 0;
	r->next_delay_ms = -1;
}

static void
forget_old(struct restart_state *r, int64_t since_ms)
{
	while (r->n > 0 && r->times[r->head] <= since_ms) {
		r->head = (r->head + 1) % r->cap;
		r->n--;
	}
}

/* True when one more restart now stays within the policy. */
static bool
count_restart(
    struct restart_state *r, const struct restart_conf *conf, int64_t now_ms)
{
	if (r->cap == 0) /* unlimited */
		return true;
	forget_old(r, now_ms - conf->window_ms);
	if (r->n == r->cap)
		return false;
	r->times[(r->head + r->n) % r->cap] = now_ms;
	r->n++;
	return true;
}

static int64_t
grow_delay(const struct restart_conf *conf, int64_t delay_ms)
{
	int64_t next = delay_ms / 1000 * conf->factor_milli +
	               delay_ms % 1000 * conf->factor_milli / 1000;

	return next > conf->max_delay_ms ? conf->max_delay_ms : next;
}

static int64_t
add_jitter(const struct restart_conf *conf, int64_t delay_ms, uint32_t random)
{
	/* -1000 .. 1000 thousandths of the jitter */
	int64_t part = (int64_t)(random % 2001) - 1000;
	int64_t shift = delay_ms * conf->jitter_milli / 100000 * part / 1000;

	return delay_ms + shift;
}

struct restart_verdict
restart_decide(struct restart_state *r, const struct restart_conf *conf,
    const struct restart_exit *e, int64_t now_ms, uint32_t random)
{
	struct restart_verdict v = {RESTART_STAY, 0};
	bool wanted = conf->policy == RESTART_ALWAYS ||
	              (conf->policy == RESTART_ON_FAILURE && !e->clean);

	if (e->refused || !wanted) {
		/* A failure that nobody restarts is still a failure. */
		if (!e->clean && !e->refused)
			v.kind = RESTART_GIVE_UP;
		return v;
	}
	if (!count_restart(r, conf, now_ms)) {
		v.kind = RESTART_GIVE_UP;
		return v;
	}
	if (e->uptime_ms >= conf->stable_after_ms) {
		r->next_delay_ms = -1;
		v.kind = RESTART_NOW;
		return v;
	}
	if (r->next_delay_ms < 0)
		r->next_delay_ms = conf->delay_ms < conf->max_delay_ms
		                       ? conf->delay_ms
		                       : conf->max_delay_ms;
	v.delay_ms = add_jitter(conf, r->next_delay_ms, random);
	v.kind = v.delay_ms > 0 ? RESTART_LATER : RESTART_NOW;
	r->next_delay_ms = grow_delay(conf, r->next_delay_ms);
	return v;
}

size_t
restart_in_window(const struct restart_state *r,
    const struct restart_conf *conf, int64_t now_ms)
{
	size_t count = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->times[(r->head + i) % r->cap] > now_ms - conf->window_ms)
			count++;
	}
	return count;
}

int64_t
restart_delay(const struct restart_conf *conf, unsigned n)
{
	int64_t delay = conf->delay_ms < conf->max_delay_ms
	                    ? conf->delay_ms
	                    : conf->max_delay_ms;

	while (n-- > 0)
		delay = grow_delay(conf, delay);
	return delay;
}
