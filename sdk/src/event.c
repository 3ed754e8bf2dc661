/*
 * event: what a handler reads from the event that it was given. Must never:
 * change what the next handler reads.
 */
#include "config.h"
#include "subscribe.h"

#include <inttypes.h>
#include <stdio.h>

const char *
plugind_event_topic(const struct plugind_event *e)
{
	return e->topic;
}

const char *
plugind_event_source(const struct plugind_event *e)
{
	return e->source;
}

const char *
plugind_event_target(const struct plugind_event *e)
{
	return e->target[0] != '\0' ? e->target : NULL;
}

int64_t
plugind_event_time_ms(const struct plugind_event *e)
{
	return e->time_ms;
}

uint64_t
plugind_event_seq(const struct plugind_event *e)
{
	return e->seq;
}

const char *
plugind_event_id(struct plugind_event *e)
{
	snprintf(e->id, sizeof(e->id), "%s:%" PRIu64, e->epoch, e->seq);
	return e->id;
}

bool
plugind_event_is_retained(const struct plugind_event *e)
{
	return e->is_retained;
}

bool
plugind_event_is_again(const struct plugind_event *e)
{
	return e->is_again;
}

const void *
plugind_event_data(const struct plugind_event *e, size_t *ret_len)
{
	*ret_len = e->len;
	return e->data;
}

const struct plugind_config *
plugind_event_map(struct plugind_event *e)
{
	static const struct wire_cursor none;
	struct wire_cursor c;

	wire_cursor_init(&c, e->data, e->len);
	if (e->map == NULL &&
	    config_new(wire_peek(&c) == WIRE_MAP ? &c : &none, &e->map) != 0)
		return NULL;
	return config_top(e->map);
}
