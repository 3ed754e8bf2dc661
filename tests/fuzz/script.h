/*
 * script: an input read as steps: bytes, numbers and blobs, so that a mutated
 * byte changes one step and the rest still makes sense. At the end everything
 * reads as zero.
 */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

struct script {
	const uint8_t *p;
	size_t left;
};

static inline unsigned
script_byte(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->p++;
}

/* Two bytes, big endian. */
static inline unsigned
script_number(struct script *s)
{
	unsigned high = script_byte(s);

	return high << 8 | script_byte(s);
}

/* A number, and as many bytes as it says, or that there are. */
static inline const uint8_t *
script_blob(struct script *s, size_t *ret_len)
{
	size_t len = script_number(s);
	const uint8_t *p;

	if (len > s->left)
		len = s->left;
	p = s->p;
	s->p += len;
	s->left -= len;
	*ret_len = len;
	return p;
}

#endif
