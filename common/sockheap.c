/*
 * sockheap: see sockheap.h. Owns nothing.
 *
 * nng allocates and frees every message, and glibc gives the end of a heap
 * back to the kernel as soon as 128 KiB of it are free: with frames of that
 * size it is a system call and a page fault for each page, for each frame, a
 * quarter of what events cost. Must never be called in a process whose memory
 * is to be small rather than its messages quick, as the core's.
 */
#include "sockheap.h"

#include <malloc.h>

enum {
	/* Whatever is not a message has a mapping of its own as before; and
	 * glibc no longer finds a threshold by itself once it is told one. */
	MAPPED_FROM_BYTES = 2 * 1024 * 1024,
};

void
sockheap_keep(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, SOCKHEAP_KEEP_BYTES);
}
