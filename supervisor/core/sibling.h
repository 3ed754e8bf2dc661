/* sibling: finds the programs that are installed, or built, with this one. */
#ifndef CORE_SIBLING_H
#define CORE_SIBLING_H

#include <stddef.h>

/* Absolute path of an executable by its name in libexec/plugind, looked up
 * relative to /proc/self/exe: installed (any prefix), then the build tree
 * (`built`, relative to its root). 0 or -ENOENT. */
int sibling_find(const char *name, const char *built, char *out, size_t cap);

#endif
