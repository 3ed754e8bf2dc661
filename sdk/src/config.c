/*
 * config: see config.h. Pure but for the heap.
 *
 * The bytes stay msgpack; a place is a cursor into them and its name. What is
 * handed out (places, texts, names) hangs on one list and is freed with the
 * whole. Must never fail a reader for want of memory: it gets a fallback, the
 * shortage is noted, and the command fails as a whole. value.c has the typed
 * readers.
 */
#include "config.h"

#include "common/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	_Alignas(16) char bytes[];
};

struct config_error {
	const char *path;
	const char *line; /* "path: text" */
	const char *text; /* in it */
	bool is_of_key;
};

struct config {
	struct plugind_config top;
	struct plugind_config nothing; /* where there was no memory */
	struct block *blocks;
	struct config_error errors[CONFIG_ERRORS_MAX];
	size_t nerrors; /* kept */
	size_t total;
	bool short_of_memory;
};

static const char *const type_names[] = {
    [WIRE_NIL] = "nothing",
    [WIRE_BOOL] = "true or false",
    [WIRE_UINT] = "a whole number",
    [WIRE_INT] = "a whole number",
    [WIRE_DOUBLE] = "a number with a fraction",
    [WIRE_STR] = "a text",
    [WIRE_BIN] = "bytes",
    [WIRE_ARRAY] = "a list",
    [WIRE_MAP] = "a map",
    [WIRE_END] = "nothing",
};

const char *
config_type_name(enum wire_type type)
{
	return type_names[type];
}

/* --- the whole --------------------------------------------------------- */

int
config_new(const struct wire_cursor *map, struct config **ret)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->top = (struct plugind_config){.whole = c, .at = *map, .path = ""};
	c->nothing = (struct plugind_config){.whole = c, .path = ""};
	*ret = c;
	return 0;
}

void
config_free(struct config *c)
{
	struct block *next;

	if (c == NULL)
		return;
	for (struct block *b = c->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(c);
}

const struct plugind_config *
config_top(const struct config *c)
{
	return &c->top;
}

static void *
keep_bytes(struct config *c, size_t size)
{
	struct block *b = malloc(sizeof(*b) + size);

	if (b == NULL) {
		c->short_of_memory = true;
		return NULL;
	}
	b->next = c->blocks;
	c->blocks = b;
	return b->bytes;
}

char *
config_keep(struct config *whole, const char *s, size_t len)
{
	char *out = keep_bytes(whole, len + 1);

	if (out == NULL)
		return NULL;
	memcpy(out, s, len);
	out[len] = '\0';
	return out;
}

const struct plugind_config *
config_place(
    struct config *whole, const struct wire_cursor *at, const char *path)
{
	struct plugind_config *place = keep_bytes(whole, sizeof(*place));

	if (place == NULL || path == NULL)
		return &whole->nothing;
	*place = (struct plugind_config){whole, *at, path};
	return place;
}

/* --- errors ------------------------------------------------------------ */

bool
config_has_errors(const struct config *c)
{
	return c->total > 0;
}

bool
config_is_short_of_memory(const struct config *c)
{
	return c->short_of_memory;
}

size_t
config_error_count(const struct config *c)
{
	return c->nerrors;
}

const char *
config_error_text(const struct config *c, size_t i)
{
	return c->errors[i].line;
}

void
config_summary(const struct config *c, char *out, size_t cap)
{
	const char *first = c->nerrors > 0 ? c->errors[0].line : "";

	if (c->total == 1)
		snprintf(out, cap, "%s", first);
	else
		snprintf(out, cap, "%zu errors in its configuration, first %s",
		    c->total, first);
}

void
config_put_errors(const struct config *c, struct buf *b)
{
	wire_put_array(b, (uint32_t)c->nerrors);
	for (size_t i = 0; i < c->nerrors; i++) {
		const struct config_error *e = &c->errors[i];

		wire_put_array(b, 3);
		wire_put_strn(b, e->path, strnlen(e->path, CONFIG_PATH_MAX));
		wire_put_str(b, e->text);
		wire_put_bool(b, e->is_of_key);
	}
}

/* The same once more: two readers of what lies below one mistake. */
static bool
is_known(const struct config *c, const char *line)
{
	for (size_t i = 0; i < c->nerrors; i++) {
		if (strcmp(c->errors[i].line, line) == 0)
			return true;
	}
	return false;
}

static void
record(struct config *c, const char *path, const char *text, bool is_of_key)
{
	size_t path_len = strlen(path);
	size_t colon = path_len > 0 ? 2 : 0;
	char *line = keep_bytes(c, path_len + colon + strlen(text) + 1);

	if (line == NULL)
		return;
	sprintf(line, "%s%s%s", path, colon > 0 ? ": " : "", text);
	if (is_known(c, line))
		return;
	c->total++;
	if (c->nerrors == CONFIG_ERRORS_MAX)
		return;
	c->errors[c->nerrors++] = (struct config_error){
	    path, line, line + path_len + colon, is_of_key};
}

bool
plugind_config_ok(const struct plugind_config *c)
{
	return c->whole->total == 0 && !c->whole->short_of_memory;
}

static void complain(const struct plugind_config *c, const char *path,
    bool is_of_key, const char *fmt, va_list ap) PLUGIND_PRINTF(4, 0);

static void
complain(const struct plugind_config *c, const char *path, bool is_of_key,
    const char *fmt, va_list ap)
{
	char raw[CONFIG_TEXT_MAX + 1];
	char text[CONFIG_TEXT_MAX + 1];
	const char *full = config_join(c, path);

	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0 || full == NULL)
		return;
	escape_text(text, sizeof(text), raw, strlen(raw), NULL);
	record(c->whole, full, text, is_of_key);
}

void
plugind_config_error(
    const struct plugind_config *c, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(c, path, false, fmt, ap);
	va_end(ap);
}

void
config_key_error(
    const struct plugind_config *c, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(c, key, true, fmt, ap);
	va_end(ap);
}

/* --- names ------------------------------------------------------------- */

static const char *
join_part(const struct plugind_config *c, const char *path, size_t len)
{
	size_t before = strlen(c->path);
	bool dot = before > 0 && len > 0 && path[0] != '[';
	char *out;

	if (len == 0)
		return c->path;
	out = keep_bytes(c->whole, before + dot + len + 1);
	if (out != NULL)
		sprintf(
		    out, "%s%s%.*s", c->path, dot ? "." : "", (int)len, path);
	return out;
}

const char *
config_join(const struct plugind_config *c, const char *path)
{
	return join_part(c, path, strlen(path));
}

/* --- the way to a value ------------------------------------------------ */

static size_t
read_element(const char *s, struct config_step *ret)
{
	char *end;

	if (s[1] < '0' || s[1] > '9')
		return 0;
	*ret = (struct config_step){.element = strtoul(s + 1, &end, 10)};
	return *end == ']' ? (size_t)(end + 1 - s) : 0;
}

size_t
config_read_step(const char *s, bool is_first, struct config_step *ret)
{
	size_t dot = s[0] == '.' && !is_first;
	size_t len;

	if (s[0] == '[')
		return read_element(s, ret);
	if (!is_first && dot == 0)
		return 0;
	len = strcspn(s + dot, ".[");
	*ret = (struct config_step){.key = s + dot, .key_len = len};
	return len == 0 ? 0 : dot + len;
}

/* Every reader of wire.h moves on success only. */
static int
go_to_key(struct wire_cursor *at, const char *key, size_t key_len)
{
	struct wire_cursor c = *at;
	const char *s;
	uint32_t pairs;
	size_t len;

	if (wire_get_map(&c, &pairs) != 0)
		return -EPROTO;
	for (; pairs > 0; pairs--) {
		bool is_it = wire_get_str(&c, &s, &len) == 0 &&
		             len == key_len && memcmp(s, key, len) == 0;

		if (is_it) {
			*at = c;
			return 0;
		}
		wire_skip(&c);
	}
	return -ENOENT;
}

static int
go_to_element(struct wire_cursor *at, unsigned long i)
{
	struct wire_cursor c = *at;
	uint32_t count;

	if (wire_get_array(&c, &count) != 0)
		return -EPROTO;
	if (i >= count)
		return -ENOENT;
	for (; i > 0; i--)
		wire_skip(&c);
	*at = c;
	return 0;
}

static bool
is_absent(const struct wire_cursor *at)
{
	enum wire_type type = wire_peek(at);

	return type == WIRE_END || type == WIRE_NIL;
}

/* `upto` bytes of `path` name what should have been a map or a list. */
static void
complain_about_step(const struct plugind_config *c, const char *path,
    size_t upto, const struct config_step *step, const struct wire_cursor *at)
{
	const char *name = join_part(c, path, upto);
	const struct plugind_config root = {.whole = c->whole, .path = ""};

	if (name != NULL)
		plugind_config_error(&root, name, "must be %s, not %s",
		    step->key != NULL ? "a map" : "a list",
		    config_type_name(wire_peek(at)));
}

int
config_find(
    const struct plugind_config *c, const char *path, struct wire_cursor *ret)
{
	struct wire_cursor at = c->at;
	struct config_step step = {0};
	size_t done = 0;
	size_t len;
	int r;

	for (; path[done] != '\0'; done += len) {
		len = config_read_step(path + done, done == 0, &step);
		if (len == 0) {
			plugind_config_error(c, "",
			    "the plugin asks for \"%s\", which is no path: "
			    "this is a fault of the plugin",
			    path);
			return -EPROTO;
		}
		if (is_absent(&at))
			return -ENOENT;
		r = step.key != NULL ? go_to_key(&at, step.key, step.key_len)
		                     : go_to_element(&at, step.element);
		if (r == -EPROTO)
			complain_about_step(c, path, done, &step, &at);
		if (r != 0)
			return r;
	}
	if (is_absent(&at))
		return -ENOENT;
	*ret = at;
	return 0;
}
