/*
 * socktask: nng's task threads, which run its callbacks. For sock.c only.
 */
#ifndef COMMON_SOCKTASK_H
#define COMMON_SOCKTASK_H

/*
 * Leaves one of them to work and makes the others stand still, for the rest
 * of the process; the second time it does nothing. On a thread that may take
 * its time: it reads /proc. Where that is not there they all go on.
 *
 * One is more than enough for sockets that all end on one loop, and several
 * are much slower: a message comes by way of three callbacks, and each of them
 * would wake another thread, which then waits for the lock of the one that
 * woke it. nng itself has no option for it before 1.7, and allows no fewer
 * than two after; it never waits for one callback in another.
 */
void socktask_leave_one(void);

#endif
