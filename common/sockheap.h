/*
 * sockheap: the heap of a process through which messages of nng go.
 */
#ifndef COMMON_SOCKHEAP_H
#define COMMON_SOCKHEAP_H

/* Once, before there are threads: what messages have used is kept for the next
 * ones, up to SOCKHEAP_KEEP_BYTES a thread that makes them. */
enum { SOCKHEAP_KEEP_BYTES = 2 * 1024 * 1024 };
void sockheap_keep(void);

#endif
