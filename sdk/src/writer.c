/*
 * writer: see writer.h. Whether what was written is one whole object is looked
 * at by who sends it, as it is for bytes from elsewhere.
 */
#include "writer.h"

#include "publish.h"

#include "common/wire.h"

#include <errno.h>
#include <stdlib.h>

struct plugind_writer *
plugind_writer_new(void)
{
	struct plugind_writer *w = malloc(sizeof(*w));

	if (w != NULL)
		buf_init(&w->bytes, PUBLISH_EVENT_MAX);
	return w;
}

void
plugind_writer_free(struct plugind_writer *w)
{
	if (w == NULL)
		return;
	buf_fini(&w->bytes);
	free(w);
}

void
plugind_writer_reset(struct plugind_writer *w)
{
	buf_reset(&w->bytes);
}

void
plugind_write_nil(struct plugind_writer *w)
{
	wire_put_nil(&w->bytes);
}

void
plugind_write_bool(struct plugind_writer *w, bool v)
{
	wire_put_bool(&w->bytes, v);
}

void
plugind_write_int(struct plugind_writer *w, int64_t v)
{
	wire_put_int(&w->bytes, v);
}

void
plugind_write_uint(struct plugind_writer *w, uint64_t v)
{
	wire_put_uint(&w->bytes, v);
}

void
plugind_write_double(struct plugind_writer *w, double v)
{
	wire_put_double(&w->bytes, v);
}

void
plugind_write_string(struct plugind_writer *w, const char *s)
{
	wire_put_str(&w->bytes, s);
}

void
plugind_write_bytes(struct plugind_writer *w, const void *data, size_t len)
{
	wire_put_bin(&w->bytes, data, len);
}

void
plugind_write_list(struct plugind_writer *w, uint32_t n)
{
	wire_put_array(&w->bytes, n);
}

void
plugind_write_map(struct plugind_writer *w, uint32_t pairs)
{
	wire_put_map(&w->bytes, pairs);
}

void
plugind_write_raw(struct plugind_writer *w, const void *data, size_t len)
{
	wire_put_raw(&w->bytes, data, len);
}
