/* act: the requests that change something. One handler each, for handlers.c. */
#ifndef CORE_ACT_H
#define CORE_ACT_H

#include "request.h"

void act_start(struct request *req);
void act_stop(struct request *req);
void act_restart(struct request *req);
void act_reload(struct request *req);
void act_kill(struct request *req);
void act_reset(struct request *req);
void act_enable(struct request *req);
void act_scale(struct request *req);
void act_op_wait(struct request *req);
void act_plan(struct request *req);
void act_apply(struct request *req);

#endif
