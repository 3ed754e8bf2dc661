/* top: the request of that name, for handlers.c. */
#ifndef CORE_TOP_H
#define CORE_TOP_H

#include "request.h"

void top_show(struct request *req);

#endif
