/*
 * confmark: from a path in a plugin's `config:` to its place in the file.
 *
 * subtree.c notes a place for every key and value, in the order in which the
 * msgpack has them. Pure; recursion is bounded by the depth that
 * subtree.c allows.
 */
#include "config.h"

#include "common/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	struct wire_cursor c;
	size_t index; /* of the value that the cursor stands at */
	bool has_key; /* and the key before it */
};

/* Behind the value at the cursor, and all that is in it. */
static void
skip_value(struct walk *w)
{
	uint32_t n;

	w->index++;
	if (wire_get_map(&w->c, &n) == 0) {
		for (; n > 0; n--) {
			w->index++;
			(void)wire_skip(&w->c);
			skip_value(w);
		}
	} else if (wire_get_array(&w->c, &n) == 0) {
		for (; n > 0; n--)
			skip_value(w);
	} else {
		(void)wire_skip(&w->c);
	}
}

static int
enter_key(struct walk *w, const char *key, size_t len)
{
	uint32_t n;
	const char *s;
	size_t s_len;

	if (wire_get_map(&w->c, &n) != 0)
		return -ENOENT;
	w->index++;
	w->has_key = true;
	for (; n > 0; n--) {
		if (wire_get_str(&w->c, &s, &s_len) != 0)
			return -ENOENT;
		w->index++;
		if (s_len == len && memcmp(s, key, len) == 0)
			return 0;
		skip_value(w);
	}
	return -ENOENT;
}

static int
enter_element(struct walk *w, unsigned long at)
{
	uint32_t n;

	if (wire_get_array(&w->c, &n) != 0 || at >= n)
		return -ENOENT;
	w->index++;
	w->has_key = false;
	for (; at > 0; at--)
		skip_value(w);
	return 0;
}

/* One step of the path; moves *path behind it. */
static int
enter(struct walk *w, const char **path)
{
	const char *p = *path;
	char *end;
	unsigned long at;
	size_t len;

	if (*p == '[') {
		at = strtoul(p + 1, &end, 10);
		if (*end != ']')
			return -ENOENT;
		*path = end + 1;
		return enter_element(w, at);
	}
	p += *p == '.';
	len = strcspn(p, ".[");
	*path = p + len;
	return len > 0 ? enter_key(w, p, len) : -ENOENT;
}

int
plugin_conf_mark(const struct plugin_conf *p, const char *path, bool of_key,
    struct conf_mark *ret)
{
	struct walk w = {.index = 0};
	int r = p->config != NULL ? 0 : -ENOENT;

	wire_cursor_init(&w.c, p->config, p->config_len);
	while (r == 0 && *path != '\0')
		r = enter(&w, &path);
	if (r != 0 || w.index >= p->nconfig_marks)
		return -ENOENT;
	*ret = p->config_marks[w.index - (of_key && w.has_key)];
	return 0;
}
