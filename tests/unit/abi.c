/*
 * abi: prints what a compiled plugin relies on: the values and the layout of
 * plugind.h. For abi.py, which compares it with tests/golden/abi.txt.
 */
#include <plugind.h>

#include <stddef.h>
#include <stdio.h>

#define VALUE(x) printf("value %s %lld\n", #x, (long long)(x))
#define SIZE(type) printf("size %s %zu\n", #type, sizeof(type))
#define FIELD(type, field)                             \
	printf("field %s.%s %zu %zu\n", #type, #field, \
	    offsetof(struct type, field), sizeof(((struct type *)0)->field))

static void
print_values(void)
{
	VALUE(PLUGIND_ABI);
	VALUE(PLUGIND_MAGIC);
	VALUE(PLUGIND_OK);
	VALUE(PLUGIND_LATER);
	VALUE(PLUGIND_DEGRADED);
	VALUE(PLUGIND_FAILED);
	VALUE(PLUGIND_ERROR);
	VALUE(PLUGIND_WARN);
	VALUE(PLUGIND_INFO);
	VALUE(PLUGIND_DEBUG);
	VALUE(PLUGIND_EXIT_STOPPED);
	VALUE(PLUGIND_EXIT_FAILURE);
	VALUE(PLUGIND_EXIT_USAGE);
	VALUE(PLUGIND_EXIT_DENIED);
	VALUE(PLUGIND_EXIT_UNREACHABLE);
	VALUE(PLUGIND_EXIT_TIMEOUT);
	VALUE(PLUGIND_EXIT_UNUSABLE);
	VALUE(PLUGIND_EXIT_NO_RESTART);
	VALUE(PLUGIND_SERVICE);
	VALUE(PLUGIND_MIDDLEWARE);
	VALUE(PLUGIND_TRANSPORT);
	VALUE(PLUGIND_READ);
	VALUE(PLUGIND_WRITE);
	VALUE(PLUGIND_ECHO);
	VALUE(PLUGIND_GAP_OVERFLOW);
	VALUE(PLUGIND_GAP_ROUTER);
	VALUE(PLUGIND_GAP_RETENTION);
}

int
main(void)
{
	print_values();
	SIZE(struct plugind_descriptor);
	FIELD(plugind_descriptor, magic);
	FIELD(plugind_descriptor, size);
	FIELD(plugind_descriptor, abi_min);
	FIELD(plugind_descriptor, abi_max);
	FIELD(plugind_descriptor, name);
	FIELD(plugind_descriptor, version);
	FIELD(plugind_descriptor, type);
	FIELD(plugind_descriptor, depends_on);
	FIELD(plugind_descriptor, initialize);
	FIELD(plugind_descriptor, start);
	FIELD(plugind_descriptor, stop);
	FIELD(plugind_descriptor, health);
	FIELD(plugind_descriptor, configure);
	return 0;
}
