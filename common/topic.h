/*
 * topic: names of events, and patterns of them. A topic is tokens with dots
 * between them: "custom.orders.new". In a pattern `*` stands for any one
 * token, and `>`, as the last one, for one or more: "custom.*.new",
 * "custom.>". A topic is a pattern that matches itself. Pure.
 */
#ifndef COMMON_TOPIC_H
#define COMMON_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

enum { TOPIC_MAX = 255, TOPIC_TOKENS_MAX = 16 };

/*
 * NULL, or a sentence that says what is wrong with it (static). Tokens are of
 * letters, digits, _ and -.
 */
const char *topic_check(const char *topic, size_t len);
const char *topic_check_pattern(const char *pattern, size_t len);

/* The length of the token that `s` begins with. */
size_t topic_token(const char *s, size_t len);

/* Whether the pattern `outer` matches `inner`, or, where that is a pattern as
 * well, every topic that it matches. Both were checked. */
bool topic_covers(
    const char *outer, size_t outer_len, const char *inner, size_t inner_len);

#endif
