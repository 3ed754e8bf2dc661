/*
 * target: short texts with a grammar of their own: probe targets, topics,
 * regular expressions, names.
 *
 * Pure. A probe target holds a numeric address or "localhost", since a name
 * would have to be looked up while the daemon must not wait. Whoever asks
 * gets a reason as a constant text; where it stands in which file is the
 * caller's business.
 */
#include "target.h"

#include "common/topic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_CAP = 64, REGEX_LEN_MAX = 4096 };

struct address {
	char host[HOST_CAP];
	uint16_t port;
};

static const char *
parse_port(const char *s, size_t len, uint16_t *ret)
{
	unsigned long port = 0;

	if (len == 0 || len > 5 || strspn(s, "0123456789") < len)
		return "the port is a number from 1 to 65535";
	for (size_t i = 0; i < len; i++)
		port = port * 10 + (unsigned long)(s[i] - '0');
	if (port == 0 || port > UINT16_MAX)
		return "the port is a number from 1 to 65535";
	*ret = (uint16_t)port;
	return NULL;
}

static const char *
parse_host(const char *s, size_t len, bool brackets, struct address *ret)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	if (len == 0)
		return "the address is missing";
	if (len >= sizeof(ret->host))
		return "the address is too long";
	memcpy(ret->host, s, len);
	ret->host[len] = '\0';
	if (brackets)
		return inet_pton(AF_INET6, ret->host, bytes) == 1
		           ? NULL
		           : "not an IPv6 address between [ and ]";
	if (strcmp(ret->host, "localhost") == 0)
		memcpy(ret->host, "127.0.0.1", sizeof("127.0.0.1"));
	if (inet_pton(AF_INET, ret->host, bytes) == 1)
		return NULL;
	return "the host must be a numeric address or localhost: names are "
	       "not looked up";
}

/* HOST, HOST:PORT or [HOST]:PORT; a port of 0 is one that must be given. */
static const char *
parse_address(const char *s, size_t len, uint16_t port, struct address *ret)
{
	const char *host = s;
	const char *end = s + len;
	const char *host_end;
	bool brackets = len > 0 && s[0] == '[';
	const char *problem;

	if (brackets) {
		host = s + 1;
		host_end = memchr(host, ']', (size_t)(end - host));
		if (host_end == NULL)
			return "a ] is missing";
		s = host_end + 1;
	} else {
		host_end = memchr(s, ':', len);
		if (host_end == NULL)
			host_end = end;
		s = host_end;
	}
	problem = parse_host(host, (size_t)(host_end - host), brackets, ret);
	if (problem != NULL)
		return problem;
	ret->port = port;
	if (s == end)
		return port != 0 ? NULL : "the port is missing";
	if (*s != ':')
		return "expected a : and the port behind the ]";
	return parse_port(s + 1, (size_t)(end - s) - 1, &ret->port);
}

static const char *
parse_http(const char *url, struct address *ret, const char **ret_path)
{
	static const char scheme[] = "http://";
	size_t len;

	if (strncmp(url, "https://", 8) == 0)
		return "https is not supported: probe a plain HTTP address, "
		       "or use exec";
	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return "a URL begins with http://";
	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return "blanks and special characters must be written "
			       "as %XX in a URL";
	url += sizeof(scheme) - 1;
	len = strcspn(url, "/?#");
	*ret_path = url + len;
	if (memchr(url, '@', len) != NULL)
		return "user names in a URL are not supported";
	if (strchr(*ret_path, '#') != NULL)
		return "a # has no meaning in a probe";
	return parse_address(url, len, 80, ret);
}

const char *
target_check_http(const char *url)
{
	struct address address;
	const char *path;

	return parse_http(url, &address, &path);
}

const char *
target_check_tcp(const char *text)
{
	struct address address;

	return parse_address(text, strlen(text), 0, &address);
}

const char *
target_check_topic(const char *pattern)
{
	return topic_check_pattern(pattern, strlen(pattern));
}

/* Behind a bracket expression that begins at `p`. */
static const char *
skip_brackets(const char *p)
{
	p += p[1] == '^' ? 2 : 1;
	if (*p == ']')
		p++;
	p += strcspn(p, "]");
	return *p == ']' ? p + 1 : p;
}

/* The larger number of a repetition "{n,m}" that begins at `p`. */
static unsigned long
repetition(const char *p)
{
	char *end;
	unsigned long least = strtoul(p + 1, &end, 10);
	unsigned long most = *end == ',' ? strtoul(end + 1, &end, 10) : 0;

	return most > least ? most : least;
}

/* "{n,}", "{,m}" or "{0,m}" at `p`. */
static bool
is_open(const char *p)
{
	const char *comma = p + 1 + strspn(p + 1, "0123456789");

	return *comma == ',' && (comma[1] == '}' || p[1] == '0' || p[1] == ',');
}

/* Back references take exponential time when lines are matched. */
const char *
target_check_regex(const char *pattern)
{
	const char *p = pattern;

	while (*p != '\0') {
		if (*p == '[') {
			p = skip_brackets(p);
			continue;
		}
		if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
			return "back references are not supported";
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	}
	return NULL;
}

/* How often what stands before `p` is written out because of it. */
static unsigned long
written_out(const char *p, char before)
{
	unsigned long n = 1;

	if (*p == '{')
		n = repetition(p);
	else if (*p == '+' && strchr(")*+?}", before) != NULL)
		n = 2; /* more than one letter: x+ is xx* */
	if (n < 1)
		n = 1;
	return n > REGEX_LEN_MAX ? REGEX_LEN_MAX : n;
}

/*
 * The C library writes out repetitions, nested ones too, and takes quadratic
 * time for what is then there, with a factor that is some 60 times larger if
 * groups are repeated without an end.
 */
unsigned long
target_regex_cost(const char *pattern)
{
	unsigned long len = strlen(pattern);
	const char *p = pattern;
	bool open_end = false;
	char before = ' ';

	while (*p != '\0' && len <= REGEX_LEN_MAX) {
		if (*p == '[') {
			p = skip_brackets(p);
			before = ']';
			continue;
		}
		len *= written_out(p, before);
		if (*p == ')' && (strchr("*+?", p[1]) != NULL || p[1] == '{'))
			open_end = open_end || p[1] != '{' || is_open(p + 1);
		before = *p == '\\' ? ' ' : *p;
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	}
	if (len > REGEX_LEN_MAX)
		return ULONG_MAX;
	return open_end ? len * len : len * len / 64;
}

const char *
target_compile_regex(const char *pattern)
{
	static char message[128];
	regex_t regex;
	int err = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);

	if (err == 0) {
		regfree(&regex);
		return NULL;
	}
	(void)regerror(err, &regex, message, sizeof(message));
	return message;
}

bool
config_name_valid(const char *name)
{
	static const char *const taken[] = {
	    "plugind", ROUTER_NAME, "status", "events"};
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (len == 0 || len > CONFIG_NAME_MAX || name[len] != '\0' ||
	    strchr("0123456789_-", name[0]) != NULL)
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (strcmp(name, taken[i]) == 0)
			return false;
	return true;
}

const char *
target_check_callee(const char *name)
{
	if (strcmp(name, "plugind") == 0 || config_name_valid(name))
		return NULL;
	return "not a name of a plugin, nor plugind";
}

static int
keep_address(
    struct arena *arena, struct probe_conf *probe, const struct address *a)
{
	probe->host = arena_strdup(arena, a->host);
	probe->port = a->port;
	return probe->host == NULL ? -ENOMEM : 0;
}

static int
resolve_http(struct arena *arena, struct probe_conf *probe)
{
	struct address address = {0};
	const char *path = "";

	if (parse_http(probe->http, &address, &path) != NULL)
		return 0;
	probe->kind = PROBE_HTTP;
	probe->path =
	    arena_printf(arena, "%s%s", path[0] == '/' ? "" : "/", path);
	if (probe->path == NULL)
		return -ENOMEM;
	return keep_address(arena, probe, &address);
}

int
target_resolve(struct arena *arena, struct probe_conf *probe)
{
	struct address address = {0};

	if (probe->http != NULL)
		return resolve_http(arena, probe);
	if (probe->exec.n > 0)
		probe->kind = PROBE_EXEC;
	if (probe->tcp == NULL)
		return 0;
	if (parse_address(probe->tcp, strlen(probe->tcp), 0, &address) != NULL)
		return 0;
	probe->kind = PROBE_TCP;
	return keep_address(arena, probe, &address);
}
