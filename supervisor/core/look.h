/* look: the requests that only read. One handler each, for handlers.c. */
#ifndef CORE_LOOK_H
#define CORE_LOOK_H

#include "request.h"

void look_ping(struct request *req);
void look_version(struct request *req);
void look_status(struct request *req);
void look_show(struct request *req);
void look_why(struct request *req);
void look_graph(struct request *req);
void look_failures(struct request *req);
void look_config(struct request *req);
void look_logs(struct request *req);
void look_state_wait(struct request *req);

#endif
