/*
 * conferr: the list of complaints about a configuration.
 */
#ifndef CORE_CONFERR_H
#define CORE_CONFERR_H

#include "config.h"

/* Appends a complaint; the place and the text are copied. Beyond the bound
 * or out of memory it is only counted. */
void conf_error_add(struct conf_errors *errs, struct conf_loc loc,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void conf_warning_add(struct conf_errors *errs, struct conf_loc loc,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts them in the order of file, line, column and arrival. */
void conf_errors_sort(struct conf_errors *errs);

/* What the operator wrote, in quotes, cut and harmless for a terminal. */
struct conf_quoted {
	char text[176];
};
const char *conf_quote(struct conf_quoted *q, const char *s);

#endif
