/*
 * logfile: one rotated log file, shared by all who name the same path. Only
 * appends whole lines; knows nothing of what they say. Never fails its
 * caller: what cannot be written is counted and forgotten.
 */
#ifndef CORE_LOGFILE_H
#define CORE_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

struct logfile;

/* The file of this path, made when nobody has it yet; opens nothing. Each
 * logfile_ref needs one logfile_unref. 0 or -ENOMEM. */
int logfile_ref(const char *path, struct logfile **ret);
void logfile_unref(struct logfile *f); /* NULL is fine */

/* max_size 0: never rotated. Old files above max_files are removed. */
void logfile_configure(struct logfile *f, int64_t max_size, int64_t max_files);

/* Appends whole lines (data ends with a newline), rotating where max_size is
 * reached. Returns how many of them were lost; 0 when all is well. */
uint64_t logfile_append(struct logfile *f, const char *data, size_t len);

/* How many lines were lost, once a write has succeeded again (until then 0),
 * so that it can be said in the file; forget it then. */
uint64_t logfile_lost(const struct logfile *f);
void logfile_forget_lost(struct logfile *f);

/* The next line opens the file by its name. */
void logfile_reopen(struct logfile *f);
const char *logfile_path(const struct logfile *f);

#endif
