/*
 * badmodule: modules that pluginhost must refuse, one a macro.
 */
#include <plugind.h>

#ifdef UNDEFINED
void no_such_function(void);

static int
start(struct plugind *p)
{
	(void)p;
	no_such_function();
	return PLUGIND_OK;
}
#define START start
#else
#define START ((plugind_start_fn *)0)
#endif

#ifndef MAGIC
#define MAGIC PLUGIND_MAGIC
#endif
#ifndef ABI
#define ABI PLUGIND_ABI
#endif
#ifndef NAME
#define NAME "bad"
#endif

#ifdef NOT_A_PLUGIN
#define SYMBOL something_else
#else
#define SYMBOL plugind_plugin
#endif

PLUGIND_API extern const struct plugind_descriptor SYMBOL;

const struct plugind_descriptor SYMBOL = {
    .magic = MAGIC,
    .size = sizeof(SYMBOL),
    .abi_min = ABI,
    .abi_max = ABI + 1,
    .name = NAME,
    .version = "1",
    .start = START,
};
