/*
 * core: a process table from a text, for the tests of files that need one.
 */
#ifndef TESTS_UNIT_CORE_H
#define TESTS_UNIT_CORE_H

#include "supervisor/core/table.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A configuration with these plugins (the text below `plugins:`). */
static inline struct config *
core_config(const char *plugins)
{
	char path[] = "/tmp/plugind-unit.XXXXXX";
	struct config_source source = {.path = path,
	    .runtime_dir = "/tmp/plugind-unit",
	    .state_dir = "/tmp/plugind-unit"};
	struct conf_errors errs = {0};
	struct config *config = NULL;
	struct buf text;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "plugins:\n%s", plugins), 0);
	close(fd);
	(void)config_load(&source, &config, &errs);
	unlink(path);
	buf_init(&text, 1 << 16);
	conf_errors_print(&errs, &text);
	ck_assert_msg(config != NULL, "%s", buf_cstr(&text));
	buf_fini(&text);
	conf_errors_fini(&errs);
	return config;
}

/* Makes it the table's. */
static inline void
core_apply(const char *plugins)
{
	struct config *config = core_config(plugins);

	ck_assert_int_eq(table_apply(config), 0);
	config_unref(config);
}

/* The one row of a name. */
static inline struct row *
core_row(const char *name)
{
	struct row **rows = NULL;
	size_t n = 0;

	ck_assert_int_eq(table_find_rows(name, &rows, &n), 0);
	ck_assert_uint_eq(n, 1);
	return rows[0];
}

#endif
