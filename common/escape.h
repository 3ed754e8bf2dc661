/*
 * escape: makes bytes of unknown origin harmless for a text log or a
 * terminal. Pure. Control bytes (0x00-0x1f but for TAB, 0x7f), C1 controls
 * (U+0080-U+009F) and bytes that are not UTF-8 become \xNN; a backslash
 * stays as it is. Bidirectional overrides (U+202A-202E, U+2066-2069) and
 * line separators (U+2028, U+2029) become \xNN of their bytes too.
 */
#ifndef COMMON_ESCAPE_H
#define COMMON_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the escaped form of in[0..len) to `out` and a NUL behind it; never
 * splits an escape or a character. Returns the bytes written without the
 * NUL; *ret_used (may be NULL) says how much of the input fitted. out needs
 * room for 4 * len + 1 bytes to be sure.
 */
size_t escape_text(
    char *out, size_t cap, const char *in, size_t len, size_t *ret_used);

/* True when escape_text would change nothing. */
bool escape_clean(const char *in, size_t len);

/* Length of the valid UTF-8 character at in[0] (1-4), or 0 when it is none
 * (overlong forms, surrogates and > U+10FFFF are none). */
size_t escape_utf8_len(const unsigned char *in, size_t len);

#endif
