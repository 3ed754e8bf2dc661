/* nomem: the page that a test shares with the preloaded shim. */
#ifndef TESTS_STUBS_NOMEM_H
#define TESTS_STUBS_NOMEM_H

#include <stdatomic.h>

struct nomem {
	atomic_int countdown; /* the request that makes it 0 fails; 0: off */
	atomic_int failed;    /* how many have */
	atomic_int asked;     /* how many came while it was counting */
};

#endif
