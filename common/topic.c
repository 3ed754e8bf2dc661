/*
 * topic: see topic.h. Must never: allocate, or read behind a length.
 */
#include "topic.h"

#include <stdint.h>
#include <string.h>

size_t
topic_token(const char *s, size_t len)
{
	const char *dot = memchr(s, '.', len);

	return dot != NULL ? (size_t)(dot - s) : len;
}

/* clang-format off */
static const bool in_words[256] = {
	['a' ... 'z'] = true,
	['A' ... 'Z'] = true,
	['0' ... '9'] = true,
	['_'] = true,
	['-'] = true,
};
/* clang-format on */

static bool
is_wild(const char *token, size_t len)
{
	return len == 1 && (token[0] == '*' || token[0] == '>');
}

static const char *
check_token(const char *token, size_t len, bool is_last, bool is_pattern)
{
	if (len == 0)
		return "there is an empty word between the dots";
	if (is_wild(token, len) && !is_pattern)
		return "* and > are for patterns";
	if (is_wild(token, len))
		return token[0] == '>' && !is_last
		           ? "a > may stand at the end only"
		           : NULL;
	for (size_t i = 0; i < len; i++) {
		if (!in_words[(uint8_t)token[i]])
			return "a topic is words of a-z, A-Z, 0-9, _ and - "
			       "with dots between them; * is any one word, > "
			       "any words";
	}
	return NULL;
}

static const char *
check(const char *s, size_t len, bool is_pattern)
{
	const char *wrong = NULL;
	size_t tokens = 0;

	if (len > TOPIC_MAX)
		return "a topic is at most 255 bytes long";
	while (wrong == NULL) {
		size_t n = topic_token(s, len);

		if (++tokens > TOPIC_TOKENS_MAX)
			return "a topic has at most 16 words";
		wrong = check_token(s, n, n == len, is_pattern);
		if (n == len)
			break;
		s += n + 1;
		len -= n + 1;
	}
	return wrong;
}

const char *
topic_check(const char *topic, size_t len)
{
	return check(topic, len, false);
}

const char *
topic_check_pattern(const char *pattern, size_t len)
{
	return check(pattern, len, true);
}

/* One token of each at a time. In `inner`, `*` is covered by `*` only, and `>`
 * by `>`. */
bool
topic_covers(
    const char *outer, size_t outer_len, const char *inner, size_t inner_len)
{
	for (;;) {
		size_t o = topic_token(outer, outer_len);
		size_t i = topic_token(inner, inner_len);

		if (o == 1 && outer[0] == '>')
			return true;
		if (i == 1 && inner[0] == '>')
			return false;
		if (!(o == 1 && outer[0] == '*') &&
		    (o != i || memcmp(outer, inner, o) != 0))
			return false;
		if (o == outer_len || i == inner_len)
			return o == outer_len && i == inner_len;
		outer += o + 1;
		outer_len -= o + 1;
		inner += i + 1;
		inner_len -= i + 1;
	}
}
