/*
 * test_template: the plugin without a daemon. Ends with status 1 and a line
 * about the first thing that is not as it should be.
 */
#include <plugind_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct plugind_descriptor plugind_plugin;

#define CHECK(x)                                                            \
	do {                                                                \
		if (!(x)) {                                                 \
			fprintf(                                            \
			    stderr, "line %d: not so: %s\n", __LINE__, #x); \
			exit(1);                                            \
		}                                                           \
	} while (0)

static void
check_life(void)
{
	struct plugind_mock *m = plugind_mock_new(&plugind_plugin);

	CHECK(m != NULL);
	plugind_mock_set_string(m, "every", "1s");
	CHECK(plugind_mock_initialize(m) == PLUGIND_MOCK_OK);
	CHECK(plugind_mock_start(m) == PLUGIND_MOCK_OK);
	plugind_mock_run(m, 1500);
	CHECK(plugind_mock_logged(m, "info: tick"));
	CHECK(plugind_mock_stop(m) == PLUGIND_MOCK_OK);
	CHECK(plugind_mock_exit_status(m) == 0);
	plugind_mock_free(m);
}

static void
check_bad_config(void)
{
	struct plugind_mock *m = plugind_mock_new(&plugind_plugin);

	plugind_mock_set_string(m, "every", "5ms");
	plugind_mock_set_int(m, "evry", 5);
	CHECK(plugind_mock_initialize(m) == PLUGIND_MOCK_CONFIG);
	CHECK(plugind_mock_config_errors(m) == 2);
	CHECK(strcmp(plugind_mock_config_error(m, 1),
	          "every: must be 1s or more") == 0);
	plugind_mock_free(m);
}

int
main(void)
{
	check_life();
	check_bad_config();
	puts("all is well");
	return 0;
}
