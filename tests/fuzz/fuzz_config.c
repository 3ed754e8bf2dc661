/*
 * fuzz_config: bytes as a configuration file, through the tree reader and
 * the binder, without a disk.
 *
 * Promises: the same bytes are always judged the same; there is a
 * configuration or there are complaints, never both; complaints are in order
 * and safe to show; what is accepted can be shown, and what is shown is a
 * configuration with the same effect.
 */
#include "fuzz.h"

#include "common/escape.h"
#include "common/json.h"
#include "supervisor/core/load.h"

#include <errno.h>
#include <string.h>

static const char *
get_variable(const char *name)
{
	if (strcmp(name, "HOME") == 0)
		return "/home/op";
	return strcmp(name, "A") == 0 ? "value" : NULL;
}

static const struct config_host host = {
    .uid = 1000, .gid = 1000, .env = get_variable};

static int
load(
    const char *data, size_t len, struct config **ret, struct conf_errors *errs)
{
	struct load_bytes in = {"f", "/etc/plugind", data, len};
	int err = load_bytes(&in, &host, ret, errs);

	MUST(err == 0 || err == -EINVAL);
	MUST((err == 0) == (*ret != NULL));
	MUST((err == 0) == (errs->nerrors == 0));
	MUST(errs->n <= CONFIG_ERRORS_MAX);
	return err;
}

static void
check_complaints(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		const struct conf_error *e = &errs->v[i];

		MUST(escape_clean(e->text, strlen(e->text)));
		MUST(strchr(e->text, '\n') == NULL);
		if (i == 0 || strcmp(e->loc.file, e[-1].loc.file) != 0)
			continue;
		MUST(e->loc.line >= e[-1].loc.line);
		MUST(e->loc.line > e[-1].loc.line ||
		     e->loc.column >= e[-1].loc.column);
	}
}

static void
show(const struct config *c, struct buf *out)
{
	struct wire_cursor cursor;
	struct buf wire;
	struct json j;

	buf_init(&wire, 1 << 24);
	buf_init(out, 1 << 24);
	config_put(&wire, c, NULL, true);
	MUST(wire_validate(wire.data, wire.len, WIRE_MAX_DEPTH) == 0);
	buf_reset(&wire);
	config_put(&wire, c, NULL, false);
	MUST(wire_validate(wire.data, wire.len, WIRE_MAX_DEPTH) == 0);
	wire_cursor_init(&cursor, wire.data, wire.len);
	json_init(&j, out, 0);
	MUST(json_wire(&j, &cursor) == 0);
	MUST(buf_error(out) == 0);
	buf_fini(&wire);
}

/* JSON may hold what YAML cannot: some characters, very long keys, large
 * floats without a point, a negative zero. What looks like a variable by now
 * would be one again. */
static bool
can_come_back(const struct buf *shown, const struct conf_errors *errs)
{
	const char *text = errs->n > 0 ? errs->v[0].text : "";

	return shown->len < CONFIG_FILE_MAX &&
	       memmem(shown->data, shown->len, "$", 1) == NULL &&
	       memmem(shown->data, shown->len, "-0", 2) == NULL &&
	       strstr(text, "does not fit") == NULL &&
	       strstr(text, "control character") == NULL &&
	       strstr(text, "key: value") == NULL &&
	       strstr(text, "more than 65536") == NULL;
}

static void
check_shown(const struct config *c)
{
	struct config *back = NULL;
	struct conf_errors errs;
	struct buf shown;
	struct buf again;
	int err;

	show(c, &shown);
	err = load((char *)shown.data, shown.len, &back, &errs);
	if (can_come_back(&shown, &errs)) {
		MUST(err == 0);
		show(back, &again);
		MUST(again.len == shown.len);
		MUST(memcmp(again.data, shown.data, shown.len) == 0);
		buf_fini(&again);
	}
	config_unref(back);
	conf_errors_fini(&errs);
	buf_fini(&shown);
}

static void
check_again(const char *text, size_t size, const struct conf_errors *errs)
{
	struct config *c = NULL;
	struct conf_errors again;

	(void)load(text, size, &c, &again);
	MUST(errs->n == again.n);
	for (size_t i = 0; i < again.n; i++)
		MUST(strcmp(errs->v[i].text, again.v[i].text) == 0);
	config_unref(c);
	conf_errors_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = NULL;
	struct conf_errors errs;
	const char *text = (const char *)data;

	(void)load(text, size, &c, &errs);
	check_complaints(&errs);
	/* Some of them twice: loading is most of the time. */
	if (size % 8 == 0)
		check_again(text, size, &errs);
	if (c != NULL)
		check_shown(c);
	config_unref(c);
	conf_errors_fini(&errs);
	return 0;
}
