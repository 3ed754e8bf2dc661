/*
 * scalar: binds single values: booleans, numbers, words, texts, paths.
 *
 * YAML leaves every scalar a text; here the row of the schema decides what
 * it is, never the look of the value, so that "no" stays a text where a text
 * is meant and is an error where a boolean is. Each binder writes its field
 * or complains and leaves it.
 */
#include "bind.h"
#include "expand.h"
#include "number.h"

#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void *
bind_memory(struct binder *b, void *p)
{
	if (p == NULL)
		b->error = -ENOMEM;
	return p;
}

const char *
conf_join(struct conf_words *out, const char *const *words)
{
	size_t used = 0;

	out->text[0] = '\0';
	for (size_t i = 0; words[i] != NULL && used < sizeof(out->text); i++) {
		const char *glue = i == 0 ? "" : ", ";

		if (i > 0 && words[i + 1] == NULL)
			glue = " or ";
		used += (size_t)snprintf(out->text + used,
		    sizeof(out->text) - used, "%s%s", glue, words[i]);
	}
	return out->text;
}

void
bind_expected(
    struct binder *b, const char *name, const struct node *n, const char *what)
{
	struct conf_quoted q;
	const char *got;

	if (node_is_null(n))
		got = "nothing";
	else if (n->kind == NODE_SCALAR)
		got = conf_quote(&q, n->text);
	else if (n->kind == NODE_SEQ)
		got = n->count == 0 ? "an empty list" : "a list";
	else
		got = n->count == 0 ? "an empty map" : "a map";
	conf_error_add(b->errs, node_loc(b->file, n), "%s: expected %s, not %s",
	    name, what, got);
}

/* The text of a scalar that means something, or NULL after a complaint. */
static const char *
scalar_text(
    struct binder *b, const char *name, const struct node *n, const char *what)
{
	if (n->kind == NODE_SCALAR && !node_is_null(n))
		return n->text;
	bind_expected(b, name, n, what);
	return NULL;
}

static bool
is_among(const char *s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(s, *words) == 0)
			return true;
	return false;
}

static void
bind_bool(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	static const char *const yes[] = {"true", "yes", "on", "y", "1", NULL};
	static const char *const no[] = {"false", "no", "off", "n", "0", NULL};
	const char *s = scalar_text(b, k->name, n, "true or false");

	if (s == NULL)
		return;
	if (n->plain && (strcmp(s, "true") == 0 || strcmp(s, "True") == 0 ||
	                    strcmp(s, "TRUE") == 0))
		*(bool *)field = true;
	else if (n->plain &&
	         (strcmp(s, "false") == 0 || strcmp(s, "False") == 0 ||
	             strcmp(s, "FALSE") == 0))
		*(bool *)field = false;
	else if (is_among(s, yes))
		bind_expected(b, k->name, n,
		    n->plain ? "true or false (write true)"
		             : "true or false without quotes (write true)");
	else if (is_among(s, no))
		bind_expected(b, k->name, n,
		    n->plain ? "true or false (write false)"
		             : "true or false without quotes (write false)");
	else
		bind_expected(b, k->name, n, "true or false");
}

static void
complain_range(struct binder *b, const struct schema_key *k,
    const struct node *n, const struct number_type *type)
{
	char min[NUMBER_CAP];
	char max[NUMBER_CAP];
	struct conf_quoted q;

	if (k->max == INT64_MAX)
		conf_error_add(b->errs, node_loc(b->file, n),
		    "%s: %s is out of range: at least %s", k->name,
		    conf_quote(&q, n->text),
		    type->format(k->min, min, sizeof(min)));
	else
		conf_error_add(b->errs, node_loc(b->file, n),
		    "%s: %s is out of range: %s to %s", k->name,
		    conf_quote(&q, n->text),
		    type->format(k->min, min, sizeof(min)),
		    type->format(k->max, max, sizeof(max)));
}

static void
bind_number(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	const struct number_type *type = number_type_get(k->type);
	const char *s = scalar_text(b, k->name, n, type->expected);
	int64_t value = 0;
	int err;

	if (s == NULL)
		return;
	err = type->parse(s, &value);
	if (k->type == VAL_INT && err == 0 && s[0] == '0' && s[1] != '\0') {
		bind_expected(
		    b, k->name, n, "a decimal number without leading zeros");
		return;
	}
	if (err == 0 && type->only_plain && !n->plain) {
		bind_expected(b, k->name, n, "a number without quotes");
		return;
	}
	if (err == -EINVAL)
		bind_expected(b, k->name, n, type->expected);
	else if (err < 0 || value < k->min || value > k->max)
		complain_range(b, k, n, type);
	else
		*(int64_t *)field = value;
}

static void
bind_signal(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	static const char what[] = "a signal such as TERM, HUP or 15";
	const char *s = scalar_text(b, k->name, n, what);
	int signal = 0;

	if (s == NULL)
		return;
	if (units_parse_signal(s, &signal) < 0)
		bind_expected(b, k->name, n, what);
	else
		*(int *)field = signal;
}

/* What users of other tools write, and what they mean. */
static const struct {
	const char *written;
	const char *meant;
} habits[] = {
    {"service_started", "started"},
    {"service_healthy", "healthy"},
    {"service_completed_successfully", "completed"},
    {"completed_successfully", "completed"},
    {"unless-stopped", "always"},
    {"on-abnormal", "on-failure"},
    {"on-abort", "on-failure"},
    {"no", "never"},
    {"warning", "warn"},
    {"trace", "debug"},
};

static const char *
word_meant(const char *written, const char *const *words)
{
	const char *found = NULL;
	unsigned best = (unsigned)(strlen(written) / 3) + 1;

	for (size_t i = 0; i < sizeof(habits) / sizeof(*habits); i++)
		if (strcasecmp(written, habits[i].written) == 0 &&
		    is_among(habits[i].meant, words))
			return habits[i].meant;
	for (; *words != NULL; words++) {
		unsigned d = schema_distance(written, *words);

		if (strcasecmp(written, *words) == 0)
			return *words;
		if (d < best) {
			best = d;
			found = *words;
		}
	}
	return found;
}

/* The place of the value among the words, or -1 after a complaint. */
static int
find_word(struct binder *b, const struct schema_key *k, const struct node *n)
{
	struct conf_words words;
	const char *what = conf_join(&words, k->words);
	const char *s = scalar_text(b, k->name, n, what);
	const char *meant;
	struct conf_quoted q;

	if (s == NULL)
		return -1;
	for (int i = 0; k->words[i] != NULL; i++)
		if (strcmp(s, k->words[i]) == 0)
			return i;
	meant = word_meant(s, k->words);
	if (meant == NULL)
		bind_expected(b, k->name, n, what);
	else
		conf_error_add(b->errs, node_loc(b->file, n),
		    "%s: expected %s, not %s (did you mean %s?)", k->name, what,
		    conf_quote(&q, s), meant);
	return -1;
}

static void
bind_enum(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	int i = find_word(b, k, n);

	_Static_assert(sizeof(enum restart_policy) == sizeof(int),
	    "enums of config.h are as wide as int");
	if (i >= 0)
		memcpy(field, &i, sizeof(i));
}

static void
set_text(struct binder *b, void *field, const char *s)
{
	char *copy = bind_memory(b, arena_strdup(b->arena, s));

	if (copy != NULL)
		*(char **)field = copy;
}

static void
bind_word(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	int i = find_word(b, k, n);

	if (i >= 0)
		set_text(b, field, k->words[i]);
}

/* Copies what was expanded; `out` is never longer than one value may be. */
static char *
keep_expanded(
    struct binder *b, const char *name, const struct node *n, struct buf *out)
{
	b->expanded += out->len;
	if (buf_error(out) == -EMSGSIZE || b->expanded > EXPAND_TOTAL_MAX) {
		conf_error_add(b->errs, node_loc(b->file, n),
		    "%s: the text is too long with its variables expanded",
		    name);
		return NULL;
	}
	if (buf_error(out) < 0)
		return bind_memory(b, NULL);
	return bind_memory(
	    b, arena_strndup(b->arena, (const char *)out->data, out->len));
}

char *
bind_text(struct binder *b, const char *name, const struct node *n)
{
	struct buf out;
	struct buf why;
	char *text = NULL;

	if (scalar_text(b, name, n, "a text") == NULL)
		return NULL;
	if (strchr(n->text, '$') == NULL)
		return bind_memory(b, arena_strdup(b->arena, n->text));
	buf_init(&out, EXPAND_TEXT_MAX);
	buf_init(&why, EXPAND_TEXT_MAX);
	/* So that there is a block to copy from, however short the text. */
	(void)buf_reserve(&out, 1);
	if (expand_text(&out, n->text, b->host->env, &why) < 0)
		conf_error_add(b->errs, node_loc(b->file, n), "%s: %s", name,
		    buf_cstr(&why));
	else
		text = keep_expanded(b, name, n, &out);
	buf_fini(&out);
	buf_fini(&why);
	return text;
}

char *
bind_path(struct binder *b, const char *path)
{
	while (strncmp(path, "./", 2) == 0)
		path += 2 + strspn(path + 2, "/");
	if (path[0] == '/')
		return bind_memory(b, arena_strdup(b->arena, path));
	if (path[0] == '\0' || strcmp(path, ".") == 0)
		return bind_memory(b, arena_strdup(b->arena, b->dir));
	return bind_memory(b, arena_printf(b->arena, "%s%s%s", b->dir,
	                          strcmp(b->dir, "/") == 0 ? "" : "/", path));
}

char *
bind_checked(struct binder *b, const struct schema_key *k, const struct node *n)
{
	char *text = bind_text(b, k->name, n);
	const char *problem;
	struct conf_quoted q;

	if (text == NULL)
		return NULL;
	if ((int64_t)strlen(text) < k->min) {
		bind_expected(b, k->name, n, "a text");
		return NULL;
	}
	if (k->max > 0 && (int64_t)strlen(text) > k->max) {
		conf_error_add(b->errs, node_loc(b->file, n),
		    "%s: longer than %" PRId64 " bytes", k->name, k->max);
		return NULL;
	}
	problem = k->check == NULL ? NULL : k->check(text);
	if (problem == NULL)
		return text;
	conf_error_add(b->errs, node_loc(b->file, n), "%s: %s: %s", k->name,
	    conf_quote(&q, text), problem);
	return NULL;
}

static void
bind_string(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	char *text = bind_checked(b, k, n);

	if (text != NULL)
		*(char **)field = text;
}

static void
bind_file(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	char *text = bind_checked(b, k, n);

	if (text != NULL &&
	    !(k->words != NULL && strcmp(text, k->words[0]) == 0))
		text = bind_path(b, text);
	if (text != NULL)
		*(char **)field = text;
}

char *
bind_program_path(struct binder *b, char *text)
{
	return strchr(text, '/') == NULL ? text : bind_path(b, text);
}

static void
bind_program(struct binder *b, const struct schema_key *k, const struct node *n,
    void *field)
{
	char *text = bind_checked(b, k, n);

	if (text != NULL)
		text = bind_program_path(b, text);
	if (text != NULL)
		*(char **)field = text;
}

static bind_fn *const binders[VALUE_TYPE__COUNT] = {
    [VAL_BOOL] = bind_bool,
    [VAL_INT] = bind_number,
    [VAL_OCTAL] = bind_number,
    [VAL_DURATION] = bind_number,
    [VAL_SIZE] = bind_number,
    [VAL_PERCENT] = bind_number,
    [VAL_FACTOR] = bind_number,
    [VAL_SIGNAL] = bind_signal,
    [VAL_ENUM] = bind_enum,
    [VAL_WORD] = bind_word,
    [VAL_STRING] = bind_string,
    [VAL_PATH] = bind_file,
    [VAL_PROGRAM] = bind_program,
};

bind_fn *
scalar_binder(enum value_type type)
{
	return binders[type];
}
