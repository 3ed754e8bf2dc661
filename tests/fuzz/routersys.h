/*
 * routersys: the system, as far as the router looks at it: files and sessions,
 * for fuzz_router. Nothing is written to a disk, whatever directory the core
 * is said to name.
 */
#ifndef TESTS_FUZZ_ROUTERSYS_H
#define TESTS_FUZZ_ROUTERSYS_H

/* Between these two every file is a stand-in, and closed in the end; the
 * fuzzer's own are real. */
void routersys_enter(void);
void routersys_leave(void);

/* The next so many files cannot be written. */
void routersys_fail(unsigned files);

#endif
