/*
 * writer: a msgpack object that a plugin writes.
 */
#ifndef SDK_WRITER_H
#define SDK_WRITER_H

#include "common/buf.h"

#include <plugind.h>

struct plugind_writer {
	struct buf bytes;
};

#endif
