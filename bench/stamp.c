/*
 * stamp: the program that the restart benchmark has supervised. The first
 * thing it does is to note the time and its pid where the benchmark looks,
 * then it waits to be killed.
 *
 * STAMP=FILE:SLOT in its environment says where: FILE is an array of struct
 * stamp that the benchmark has made, and SLOT counts from 0. Environment
 * rather than arguments, since runit and s6 give their programs none. With
 * READY_FD=N it then writes a newline there, which tells s6 that it is ready.
 *
 * Linked statically, so that the time to main() is little more than that of
 * the exec, which is what is measured. Must never do anything else.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* bench/restart reads it: "=IIQ" and padding to 64 bytes, a cache line. */
struct stamp {
	_Atomic uint32_t count; /* of stamps so far, written last */
	uint32_t pid;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	char pad[48];
};

static uint64_t
get_time_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int
tell_ready(const char *fd)
{
	if (fd == NULL || write((int)strtol(fd, NULL, 10), "\n", 1) == 1)
		return 0;
	return 1;
}

static struct stamp *
map_slot(const char *path, unsigned long slot)
{
	size_t size = (slot + 1) * sizeof(struct stamp);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd >= 0)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p != MAP_FAILED ? (struct stamp *)p + slot : NULL;
}

int
main(void)
{
	uint64_t now_ns = get_time_ns();
	char *where = getenv("STAMP");
	char *colon = where != NULL ? strrchr(where, ':') : NULL;
	struct stamp *s;

	if (colon == NULL)
		return 2;
	*colon = '\0';
	s = map_slot(where, strtoul(colon + 1, NULL, 10));
	if (s == NULL)
		return 1;
	s->pid = (uint32_t)getpid();
	s->time_ns = now_ns;
	atomic_fetch_add(&s->count, 1);
	if (tell_ready(getenv("READY_FD")) != 0)
		return 1;
	for (;;)
		pause();
}
