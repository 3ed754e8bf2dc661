/*
 * fuzz_escape_units: any bytes escaped are clean, fit in four times the room
 * and do not change when escaped again; any text that reads as a unit reads
 * back from what is written for it.
 */
#include "common/escape.h"
#include "common/json.h"
#include "common/units.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

static void
check_escape(const char *in, size_t len, size_t cap)
{
	char *out = malloc(4 * len + 1), *cut = malloc(cap ? cap : 1);
	char *again;
	size_t n, used, part;

	n = escape_text(out, 4 * len + 1, in, len, &used);
	MUST(used == len);
	MUST(n <= 4 * len && out[n] == '\0');
	MUST(escape_clean(out, n));
	MUST(escape_clean(in, len) == (n == len && !memcmp(in, out, n)));

	again = malloc(n + 1);
	MUST(escape_text(again, n + 1, out, n, &used) == n);
	MUST(used == n && memcmp(again, out, n) == 0);

	part = escape_text(cut, cap, in, len, &used);
	MUST(cap == 0 ? part == 0 && used == 0 : part < cap);
	MUST(memcmp(cut, out, part) == 0);
	MUST(escape_clean(cut, part));
	MUST(
	    escape_text(again, n + 1, in + used, len - used, NULL) == n - part);
	MUST(memcmp(again, out + part, n - part) == 0);
	free(again);
	free(cut);
	free(out);
}

static void
check_json(const char *in, size_t len)
{
	struct json j;
	struct buf b;

	buf_init(&b, 6 * len + 2);
	json_init(&j, &b, 0);
	json_strn(&j, in, len);
	MUST(buf_error(&b) == 0);
	MUST(b.len >= 2 && b.data[0] == '"' && b.data[b.len - 1] == '"');
	MUST(escape_clean((const char *)b.data, b.len));
	MUST(!memchr(b.data + 1, '"', b.len - 2) ||
	     memchr(b.data + 1, '\\', b.len - 2));
	buf_fini(&b);
}

typedef int (*parse_fn)(const char *s, int64_t *ret);
typedef const char *(*format_fn)(int64_t v, char *out, size_t cap);

static int
parse_percent(const char *s, int64_t *ret)
{
	return units_parse_percent(s, INT64_MAX, ret);
}

static int
parse_since(const char *s, int64_t *ret)
{
	return units_parse_since(s, 0, ret);
}

static const struct {
	parse_fn parse;
	format_fn format;
} pairs[] = {
    {units_parse_duration, units_format_duration},
    {units_parse_size, units_format_size},
    {parse_percent, units_format_percent},
};

static const int64_t YEAR_10000_MS = 253402300800000;

static void
check_number(int64_t v)
{
	int64_t back = -1;
	char out[32];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		pairs[i].format(v, out, sizeof(out));
		MUST(pairs[i].parse(out, &back) == 0);
		MUST(back == (v > 0 ? v : 0));
	}
	units_format_age(v, out, sizeof(out));
	MUST(units_parse_duration(out, &back) == 0);
	MUST(back <= (v > 0 ? v : 0));
	units_format_time(v, out, sizeof(out));
	if (v >= 0 && v < YEAR_10000_MS) {
		MUST(parse_since(out, &back) == 0);
		MUST(back == v);
	}
	units_signal_name((int)(v & 127), out, sizeof(out));
}

static void
check_text(const char *s)
{
	int64_t v = -1;
	int sig = -1, r;
	char out[16];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		v = -1;
		r = pairs[i].parse(s, &v);
		MUST(r == 0 || r == -EINVAL || r == -ERANGE);
		MUST(r == 0 ? v >= 0 : v == -1);
		if (r == 0)
			check_number(v);
	}
	r = units_parse_signal(s, &sig);
	MUST(r == 0 ? sig >= 1 && sig <= 64 : r == -EINVAL && sig == -1);
	if (r == 0) {
		units_signal_name(sig, out, sizeof(out));
		MUST(units_parse_signal(out, &r) == 0 && r == sig);
	}
	if (parse_since(s, &v) == 0)
		check_number(v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t v = 0;
	char *s;

	check_escape((const char *)data, size, size ? data[size - 1] : 0);
	check_json((const char *)data, size);
	memcpy(&v, data, size < sizeof(v) ? size : sizeof(v));
	check_number(v);
	s = strndup((const char *)data, size);
	check_text(s);
	free(s);
	return 0;
}
