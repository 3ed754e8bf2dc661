/*
 * bus: what pluginctl does as a client on the bus.
 */
#ifndef PLUGINCTL_BUS_H
#define PLUGINCTL_BUS_H

#include <stdint.h>

struct buf;
struct ctl;
struct plugind;

int bus_publish(struct ctl *ctl);
int bus_events(struct ctl *ctl);
int bus_clients(struct ctl *ctl);

/* JSON, as it was given or, for "-", of stdin, as one object. 0, or an exit
 * code after saying what is wrong, with `what` in front: "the data". */
int bus_read_data(const char *given, const char *what, struct buf *data);

/* Ends the program after --timeout, or `usual_ms`, with 75 and `what` (copied):
 * for a callback that initializes. As that returns. */
int bus_limit(struct plugind *p, const struct ctl *ctl, int64_t usual_ms,
    const char *what);

#endif
