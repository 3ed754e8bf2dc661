/*
 * sockdir: the directory that holds the three sockets of one incarnation of
 * a managed plugin, runtime_dir/p/NAME.GENERATION. Made before the spawn,
 * removed after the exit; all of them are wiped when the daemon starts.
 * The router owns it and makes the sockets; the plugin's group may enter and
 * list it, nobody else.
 */
#ifndef CORE_SOCKDIR_H
#define CORE_SOCKDIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOCKDIR_MAX = 95 }; /* with "/command.sock" it fits in sun_path */

/* Makes runtime_dir/p and empties it; the path is kept by reference. 0 or
 * -errno after logging. */
int sockdir_init(const char *runtime_dir);

/* "RUNTIME_DIR/p/NAME." for the environment; a name that is too long is cut
 * and made unique by `number`. */
void sockdir_prefix(
    const char *name, unsigned number, char out[SOCKDIR_MAX + 1]);

/* Makes the directory. No heap. 0 or -errno. */
int sockdir_make(const char *path, uid_t owner, gid_t group);
/* And all that is in it; what is gone already is fine. */
void sockdir_remove(const char *path);

#endif
