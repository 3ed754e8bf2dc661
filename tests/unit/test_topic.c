/*
 * test_topic: which topics and patterns there are, and what covers what.
 */
#include "common/topic.h"

#include "unit.h"

static const struct {
	const char *text;
	const char *topic; /* NULL: fine; else what is wrong */
	const char *pattern;
} checks[] = {
    {"a", NULL, NULL},
    {"custom.orders.new-1_x", NULL, NULL},
    {"plugin.\xc3\xa4", "a topic is words", "a topic is words"},
    {"a/b:c", "a topic is words", "a topic is words"},
    {"", "there is an empty word", "there is an empty word"},
    {".", "there is an empty word", "there is an empty word"},
    {"a.", "there is an empty word", "there is an empty word"},
    {".a", "there is an empty word", "there is an empty word"},
    {"a..b", "there is an empty word", "there is an empty word"},
    {"a b", "a topic is words", "a topic is words"},
    {"a.b\n", "a topic is words", "a topic is words"},
    {"a\x7f", "a topic is words", "a topic is words"},
    {"*", "* and > are for", NULL},
    {">", "* and > are for", NULL},
    {"a.*.b", "* and > are for", NULL},
    {"a.>", "* and > are for", NULL},
    {"a.>.b", "* and > are for", "a > may stand"},
    {"a*", "a topic is words", "a topic is words"},
    {"a.b>", "a topic is words", "a topic is words"},
    {"**", "a topic is words", "a topic is words"},
    {"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", NULL, NULL},
    {"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", "a topic has at most 16",
        "a topic has at most 16"},
};

static void
check_answer(const char *text, const char *is, const char *want)
{
	if (want == NULL)
		ck_assert_msg(is == NULL, "\"%s\": %s", text, is);
	else
		ck_assert_msg(
		    is != NULL && strncmp(is, want, strlen(want)) == 0,
		    "\"%s\": %s, want %s", text, is != NULL ? is : "fine",
		    want);
}

START_TEST(test_check)
{
	const char *text = checks[_i].text;

	check_answer(text, topic_check(text, strlen(text)), checks[_i].topic);
	check_answer(
	    text, topic_check_pattern(text, strlen(text)), checks[_i].pattern);
}
END_TEST

START_TEST(test_length)
{
	char text[TOPIC_MAX + 1];

	memset(text, 'x', sizeof(text));
	ck_assert_ptr_nonnull(topic_check("a\0b", 3));
	ck_assert_ptr_null(topic_check(text, TOPIC_MAX));
	check_answer(
	    "long", topic_check(text, TOPIC_MAX + 1), "a topic is at most 255");
}
END_TEST

static const struct {
	const char *outer;
	const char *inner;
	bool covers;
} pairs[] = {
    {"a.b", "a.b", true},
    {"a.b", "a.c", false},
    {"a.b", "a", false},
    {"a", "a.b", false},
    {"a", "ab", false},
    {"ab", "a", false},
    {"*", "a", true},
    {"*", "a.b", false},
    {"a.*", "a.b", true},
    {"a.*", "a", false},
    {"a.*", "a.b.c", false},
    {"*.b", "a.b", true},
    {"*.*", "a.b", true},
    {">", "a", true},
    {">", "a.b.c", true},
    {"a.>", "a", false},
    {"a.>", "a.b", true},
    {"a.>", "a.b.c", true},
    {"a.>", "b.c", false},
    {"a.*.>", "a.b.c", true},
    {"a.*.>", "a.b", false},
    /* Patterns in patterns. */
    {"*", "*", true},
    {"a", "*", false},
    {"a.>", "a.*", true},
    {"a.*", "a.>", false},
    {">", ">", true},
    {"*", ">", false},
    {"a.>", "a.*.>", true},
    {"a.*.>", "a.>", false},
    {"custom.>", "custom.orders.*", true},
};

START_TEST(test_covers)
{
	ck_assert_msg(
	    topic_covers(pairs[_i].outer, strlen(pairs[_i].outer),
	        pairs[_i].inner, strlen(pairs[_i].inner)) == pairs[_i].covers,
	    "%s, %s", pairs[_i].outer, pairs[_i].inner);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("topic");
	TCase *tc = tcase_create("topic");

	tcase_add_loop_test(tc, test_check, 0, COUNT(checks));
	tcase_add_test(tc, test_length);
	tcase_add_loop_test(tc, test_covers, 0, COUNT(pairs));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
