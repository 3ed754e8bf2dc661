/*
 * tsan: included before each of our files by a build with b_sanitize=thread,
 * which needs gcc: its runtime is a library of its own, so that the functions
 * below win over its weak ones.
 *
 * Every program has its options within, since plugind gives the router and
 * plugins an environment without ours. A report ends the process with 66 and
 * is a file in TSAN_REPORTS, where tools/test.sh looks at the end: that a
 * router or a plugin dies is no failure by itself, plugind makes it good.
 */
#if defined(__SANITIZE_THREAD__) && !defined(TESTS_TSAN_H)
#define TESTS_TSAN_H

#include <malloc.h>
#include <stdlib.h>

__attribute__((weak, visibility("default"))) const char *__tsan_default_options(
    void);
void __tsan_write_range(void *start, long len);

const char *
__tsan_default_options(void)
{
	return "halt_on_error=1:exitcode=66:atexit_sleep_ms=0:"
	       "log_exe_name=1:log_path='" TSAN_REPORTS "/race':"
	       "suppressions='" TSAN_SUPPRESSIONS "'";
}

/* What is freed is written to before, since races with free() itself are
 * suppressed for a library's sake. */
static inline void *
tsan_last_write(void *p)
{
	__tsan_write_range(p, (long)malloc_usable_size(p));
	return p;
}

/* A member of that name may be called, too: nothing changes for it. */
#define free(p) free(tsan_last_write(p))

#endif
