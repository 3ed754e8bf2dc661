/*
 * yaml: writes one msgpack object as a YAML document.
 */
#ifndef PLUGINCTL_YAML_H
#define PLUGINCTL_YAML_H

#include "common/buf.h"
#include "common/wire.h"

/*
 * Appends the object at `data` (validated) in block style, ending in a
 * newline. A string that any YAML reader could take for something else is
 * put in double quotes, in which JSON's escapes are YAML's. Errors stick in
 * `out`.
 */
void yaml_write(struct buf *out, const struct wire_cursor *data);

#endif
