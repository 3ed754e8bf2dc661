/*
 * conftest: what the tests of the configuration share: a machine that is the
 * same everywhere, and loads from memory.
 */
#ifndef TESTS_UNIT_CONFTEST_H
#define TESTS_UNIT_CONFTEST_H

#include "common/json.h"
#include "supervisor/core/load.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static inline const char *
conftest_env(const char *name)
{
	static const char *const env[][2] = {
	    {"HOME", "/home/op"},
	    {"XDG_RUNTIME_DIR", "/run/user/1000"},
	    {"NAME", "value"},
	    {"EMPTY", ""},
	};

	for (size_t i = 0; i < COUNT(env); i++)
		if (strcmp(env[i][0], name) == 0)
			return env[i][1];
	return NULL;
}

static const struct config_host conftest_host = {
    .uid = 1000, .gid = 1000, .env = conftest_env};

static inline int
conftest_load(
    const char *data, size_t len, struct config **ret, struct conf_errors *errs)
{
	struct load_bytes in = {"f", "/etc/plugind", data, len};

	return load_bytes(&in, &conftest_host, ret, errs);
}

/* A configuration that must be good. */
static inline struct config *
conftest_good(const char *text)
{
	struct config *c = NULL;
	struct conf_errors errs;
	int err = conftest_load(text, strlen(text), &c, &errs);

	ck_assert_msg(err == 0, "refused: %s\n%s", text,
	    errs.n > 0 ? errs.v[0].text : "");
	conf_errors_fini(&errs);
	return c;
}

/* The complaints, without the name of the file. */
static inline void
conftest_complaints(const struct conf_errors *errs, struct buf *out)
{
	struct buf all;
	const char *line;

	buf_init(&all, 1 << 20);
	conf_errors_print(errs, &all);
	for (line = buf_cstr(&all); *line != '\0';) {
		size_t len = strcspn(line, "\n") + 1;

		if (strncmp(line, "f:", 2) == 0)
			buf_append(out, line + 2, len - 2);
		else
			buf_append(out, line, len);
		line += len;
	}
	buf_fini(&all);
}

/* The effective configuration as JSON. */
static inline void
conftest_json(const struct config *c, const struct plugin_conf *plugin,
    bool mask, struct buf *out)
{
	struct buf wire;
	struct wire_cursor cursor;
	struct json j;

	buf_init(&wire, 1 << 24);
	config_put(&wire, c, plugin, mask);
	ck_assert_int_eq(wire_validate(wire.data, wire.len, WIRE_MAX_DEPTH), 0);
	wire_cursor_init(&cursor, wire.data, wire.len);
	json_init(&j, out, 2);
	ck_assert_int_eq(json_wire(&j, &cursor), 0);
	buf_fini(&wire);
}

/* A whole file into `out`; dies if it is not there. */
static inline void
conftest_read(const char *path, struct buf *out)
{
	char block[4096];
	size_t n;
	FILE *f = fopen(path, "re");

	ck_assert_msg(f != NULL, "no %s", path);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_append(out, block, n);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(buf_error(out), 0);
}

#endif
