/*
 * json: a streaming JSON writer into a struct buf. Commas, quotes and
 * escapes are its business; the caller opens and closes. Errors stick in
 * the buffer. With `indent` > 0 the output is pretty-printed.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/buf.h"
#include "common/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct json {
	struct buf *out;
	unsigned indent; /* spaces a level, 0 = compact */
	unsigned depth;
	bool comma; /* a value stands before the next one at this level */
	bool after_key;
};

void json_init(struct json *j, struct buf *out, unsigned indent);
void json_object(struct json *j);
void json_end_object(struct json *j);
void json_array(struct json *j);
void json_end_array(struct json *j);
void json_key(struct json *j, const char *key);
void json_null(struct json *j);
void json_bool(struct json *j, bool v);
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_double(struct json *j, double v);   /* NaN and infinity: null */
void json_str(struct json *j, const char *s); /* NULL: null */
/* Invalid UTF-8 becomes U+FFFD; control bytes and C1 are \u-escaped. */
void json_strn(struct json *j, const char *s, size_t len);

/*
 * Writes one validated msgpack object as JSON and moves the cursor behind it.
 * bin becomes base64; map keys that are no strings stand in quotes, arrays
 * and maps as keys as the base64 of their bytes. 0, the error of the buffer,
 * or -EPROTO when the bytes were never validated.
 */
int json_wire(struct json *j, struct wire_cursor *c);

#endif
