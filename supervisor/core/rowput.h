/*
 * rowput: a row as the maps of docs/CONTROL.md. Only reads.
 */
#ifndef CORE_ROWPUT_H
#define CORE_ROWPUT_H

#include "common/buf.h"
#include "table.h"

void rowput_status(struct buf *out, const struct row *row);
void rowput_show(struct buf *out, const struct row *row);
/* The newest first. */
void rowput_exits(struct buf *out, const struct row *row);
/* The one line for people in `status`: what it waits for, its last error, or
 * its own STATUS. */
void rowput_message(const struct row *row, char *out, size_t cap);

/* "key": value, for the maps of others. */
void put_key_str(struct buf *out, const char *key, const char *value);
void put_key_int(struct buf *out, const char *key, int64_t value);
void put_key_bool(struct buf *out, const char *key, bool value);
/* nil when negative. */
void put_key_opt(struct buf *out, const char *key, int64_t value);
/* RFC 3339, nil when 0. */
void put_key_time(struct buf *out, const char *key, int64_t unix_ms);

#endif
