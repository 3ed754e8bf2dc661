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
 * Without a C library: what that does before main() takes longer than the
 * exec, which is what is to be measured. Must never allocate or call libc.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

/* bench/restart reads it: "=IIQ" and padding to 64 bytes, a cache line. */
struct stamp {
	uint32_t count; /* of stamps so far, written last */
	uint32_t pid;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	char pad[48];
};

/* The kernel enters here, with argc, argv and the environment on the stack. */
#if defined(__x86_64__)
__asm__(".globl _start\n"
        "_start:\n"
        "	xor %ebp, %ebp\n"
        "	mov %rsp, %rdi\n"
        "	and $-16, %rsp\n"
        "	call run\n");

static long
call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = 0;
	long r;

	__asm__ volatile(
	    "syscall"
	    : "=a"(r)
	    : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	    : "rcx", "r11", "memory");
	return r;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n"
        "_start:\n"
        "	mov x29, #0\n"
        "	mov x0, sp\n"
        "	bl run\n");

static long
call(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = 0;

	__asm__ volatile("svc 0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "memory");
	return x0;
}
#else
#error "stamp.c: say here how a program begins and calls the kernel"
#endif

void run(long *stack) __attribute__((noreturn, used));

/* The value of `key`, which ends with '=', or NULL. */
static char *
find_env(char **env, const char *key)
{
	for (; *env != NULL; env++) {
		size_t i = 0;

		while (key[i] != '\0' && (*env)[i] == key[i])
			i++;
		if (key[i] == '\0')
			return *env + i;
	}
	return NULL;
}

static long
read_number(const char *s)
{
	long n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (*s - '0');
	return n;
}

/* Cuts FILE:SLOT at the colon. */
static long
cut_slot(char *where)
{
	char *colon = where;

	for (char *p = where; *p != '\0'; p++) {
		if (*p == ':')
			colon = p;
	}
	*colon = '\0';
	return read_number(colon + 1);
}

static struct stamp *
map_slot(char *where)
{
	long slot = cut_slot(where);
	long size = (slot + 1) * (long)sizeof(struct stamp);
	long fd = call(SYS_openat, AT_FDCWD, (long)where, O_RDWR, 0, 0);
	long at =
	    call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	call(SYS_close, fd, 0, 0, 0, 0);
	/* An error is a small negative number. */
	return at < 0 && at > -4096 ? NULL : (struct stamp *)at + slot;
}

static long
note(char **env, const struct timespec *now)
{
	char *where = find_env(env, "STAMP=");
	char *ready = find_env(env, "READY_FD=");
	struct stamp *s = where != NULL ? map_slot(where) : NULL;

	if (s == NULL)
		return 1;
	s->pid = (uint32_t)call(SYS_getpid, 0, 0, 0, 0, 0);
	s->time_ns =
	    (uint64_t)now->tv_sec * 1000000000 + (uint64_t)now->tv_nsec;
	__atomic_fetch_add(&s->count, 1, __ATOMIC_SEQ_CST);
	if (ready != NULL)
		call(SYS_write, read_number(ready), (long)"\n", 1, 0, 0);
	return 0;
}

void
run(long *stack)
{
	struct timespec now = {0, 0};
	struct timespec rest = {1000000, 0};
	char **env = (char **)(stack + 1 + *stack + 1);
	long r;

	call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0);
	r = note(env, &now);
	if (r != 0)
		call(SYS_exit_group, r, 0, 0, 0, 0);
	for (;;)
		call(SYS_nanosleep, (long)&rest, 0, 0, 0, 0);
}
