/*
 * config: the commands about the configuration. Files are read and checked
 * by the daemon's own program, never here; what is in effect is asked of the
 * running daemon.
 */
#include "config.h"

#include "ctl.h"
#include "daemon.h"
#include "operation.h"
#include "output.h"

#include <stdio.h>

int
config_check(struct ctl *ctl)
{
	const char *file =
	    ctl->argc > 0 ? ctl->argv[0] : ctl->option[OPTION_CONFIG];
	char check[] = "--check-config";
	char config[] = "--config";
	char *argv[] = {
	    NULL, check, file ? config : NULL, (char *)(uintptr_t)file, NULL};

	return daemon_exec(argv);
}

int
config_schema(struct ctl *ctl)
{
	char print[] = "--print";
	char schema[] = "schema";
	char *argv[] = {NULL, print, schema, NULL};

	(void)ctl;
	return daemon_exec(argv);
}

int
config_show(struct ctl *ctl)
{
	struct wire_cursor data;
	int code = ctl_query(
	    ctl, MSG_CONFIG_SHOW, ctl->argc > 0 ? ctl->argv[0] : NULL, &data);

	if (code == 0 && !output_data(ctl->format, &data))
		output_yaml(&data);
	return code;
}

int
config_plan(struct ctl *ctl)
{
	struct wire_cursor data;
	int code = ctl_query(ctl, MSG_PLAN, NULL, &data);

	if (code != 0 || output_data(ctl->format, &data))
		return code;
	if (operation_print_changes(&data) == 0)
		puts("nothing would change");
	return 0;
}

int
config_apply(struct ctl *ctl)
{
	struct buf args;

	ctl_args(&args, 0);
	return operation_run(ctl, MSG_APPLY, &args);
}
