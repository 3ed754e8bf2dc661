/*
 * builder: a descriptor that is put together at run time.
 *
 * Owns copies of all strings. Pure but for the heap. An error sticks, as in
 * common/buf: whoever builds asks once, at the end. Must never check what it
 * is given: descriptor.c does, when it is used.
 */
#include <plugind.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPENDS_MAX = 256 };

struct plugind_builder {
	struct plugind_descriptor descriptor;
	char *name;
	char *version;
	char **depends_on; /* NULL-terminated */
	size_t ndepends;
	int error; /* errno; 0: none */
};

static char *
copy(struct plugind_builder *b, const char *s)
{
	char *out = s == NULL ? NULL : strdup(s);

	if (s != NULL && out == NULL)
		b->error = ENOMEM;
	return out;
}

struct plugind_builder *
plugind_builder_new(const char *name, const char *version)
{
	struct plugind_builder *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->name = copy(b, name);
	b->version = copy(b, version);
	b->descriptor = (struct plugind_descriptor){
	    .magic = PLUGIND_MAGIC,
	    .size = sizeof(b->descriptor),
	    .abi_min = PLUGIND_ABI,
	    .abi_max = PLUGIND_ABI,
	    .name = b->name,
	    .version = b->version,
	};
	return b;
}

void
plugind_builder_free(struct plugind_builder *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->ndepends; i++)
		free(b->depends_on[i]);
	free(b->depends_on);
	free(b->version);
	free(b->name);
	free(b);
}

void
plugind_builder_type(struct plugind_builder *b, enum plugind_type type)
{
	b->descriptor.type = type;
}

void
plugind_builder_depends_on(struct plugind_builder *b, const char *name)
{
	char **longer;

	if (name == NULL || b->ndepends == DEPENDS_MAX) {
		b->error = name == NULL ? EINVAL : E2BIG;
		return;
	}
	longer = reallocarray(b->depends_on, b->ndepends + 2, sizeof(*longer));
	if (longer == NULL) {
		b->error = ENOMEM;
		return;
	}
	b->depends_on = longer;
	longer[b->ndepends] = copy(b, name);
	if (longer[b->ndepends] != NULL)
		b->ndepends++;
	longer[b->ndepends] = NULL;
	b->descriptor.depends_on = (const char *const *)longer;
}

void
plugind_builder_initialize(struct plugind_builder *b, plugind_initialize_fn *fn)
{
	b->descriptor.initialize = fn;
}

void
plugind_builder_start(struct plugind_builder *b, plugind_start_fn *fn)
{
	b->descriptor.start = fn;
}

void
plugind_builder_stop(struct plugind_builder *b, plugind_stop_fn *fn)
{
	b->descriptor.stop = fn;
}

void
plugind_builder_health(struct plugind_builder *b, plugind_health_fn *fn)
{
	b->descriptor.health = fn;
}

void
plugind_builder_configure(struct plugind_builder *b, plugind_configure_fn *fn)
{
	b->descriptor.configure = fn;
}

const struct plugind_descriptor *
plugind_builder_get(struct plugind_builder *b)
{
	if (b->error == 0)
		return &b->descriptor;
	errno = b->error;
	return NULL;
}
