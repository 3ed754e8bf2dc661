/*
 * autoload: modules that run because they lie in a directory. The directory
 * is watched; what is in it is copied to state_dir/autoload as NAME@STAMP.so,
 * and the configuration reader makes plugins of the copies (confautoload.c).
 * A file that is replaced gets a new stamp, which is a new module to a reload:
 * nothing else knows of any of this.
 */
#ifndef CORE_AUTOLOAD_H
#define CORE_AUTOLOAD_H

#include "config.h"

struct event_base;

/* `changed` is called on the loop when the copies have changed. */
void autoload_init(struct event_base *base, void (*changed)(void));
void autoload_fini(void);

/* Before the loop runs: takes over what `config` says and makes the copies.
 * True when they have changed: the configuration should be read again. */
bool autoload_start(const struct config *config);
/* From then on: takes over what a new one says and looks at the directory
 * soon, without holding up the loop. */
void autoload_follow(const struct config *config);

/* Of "hello@1a2b.so": "hello". False when it is no name of a copy. */
bool autoload_name(const char *file, char *out, size_t cap);

#endif
