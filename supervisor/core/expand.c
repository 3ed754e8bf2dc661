/*
 * expand: ${VAR} and ${VAR:-default} in a text.
 *
 * Pure but for the lookup that the caller gives. One pass: what comes out of
 * a variable is never expanded again, and a default holds no variables, so
 * the work is linear and nothing can be smuggled in by a value.
 */
#include "expand.h"

#include "conferr.h"

#include <errno.h>
#include <string.h>

enum { NAME_CAP = 128 };

static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789_";

static int
complain(struct buf *why, const char *what, const char *text, size_t len)
{
	char part[NAME_CAP];
	struct conf_quoted q;

	if (len >= sizeof(part))
		len = sizeof(part) - 1;
	memcpy(part, text, len);
	part[len] = '\0';
	buf_printf(why, "%s %s", conf_quote(&q, part), what);
	return -EINVAL;
}

/* `body` is what stands between the braces, `len` bytes. */
static int
expand_one(struct buf *out, const char *body, size_t len,
    const char *(*env)(const char *name), struct buf *why)
{
	size_t name_len = strspn(body, name_bytes);
	char name[NAME_CAP];
	const char *value;

	if (name_len > len)
		name_len = len;
	if (name_len == 0 || name_len >= sizeof(name) ||
	    strchr("0123456789", body[0]) != NULL ||
	    (name_len < len && strncmp(body + name_len, ":-", 2) != 0))
		return complain(why,
		    "is no variable: write ${NAME} or ${NAME:-default}, and "
		    "$$ for a $",
		    body - 2, len + 3);
	memcpy(name, body, name_len);
	name[name_len] = '\0';
	value = env(name);
	if (name_len < len && (value == NULL || value[0] == '\0')) {
		buf_append(out, body + name_len + 2, len - name_len - 2);
		return 0;
	}
	if (value == NULL) {
		buf_printf(why,
		    "${%s} is not set in the environment of the daemon: set "
		    "it, or write ${%s:-default}",
		    name, name);
		return -EINVAL;
	}
	buf_puts(out, value);
	return 0;
}

int
expand_text(struct buf *out, const char *text,
    const char *(*env)(const char *name), struct buf *why)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "$");
		size_t len;
		int err;

		buf_append(out, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		if (text[1] != '{') {
			buf_putc(out, '$');
			text += text[1] == '$' ? 2 : 1;
			continue;
		}
		len = strcspn(text, "}");
		if (text[len] == '\0')
			return complain(
			    why, "has no closing }", text, strlen(text));
		if (memmem(text + 2, len - 2, "${", 2) != NULL)
			return complain(why,
			    "holds another variable: that is not supported",
			    text, len + 1);
		err = expand_one(out, text + 2, len - 2, env, why);
		if (err < 0)
			return err;
		text += len + 1;
	}
	return 0;
}
