/* command: the subcommands of itm. */
#ifndef ITM_CLI_COMMAND_H
#define ITM_CLI_COMMAND_H

#include "view/options.h"

/* argv[0] is the subcommand's name.  run returns the exit status of itm. */
struct command {
	const char *name;
	const struct options_command *options;
	int (*run)(int argc, char **argv);
};

extern const struct command acts_command, alerts_command, status_command, sessions_command, events_command, files_command, tree_command, search_command, export_command, import_command,
	verify_command, host_command, key_command, approve_command,
	redact_command, redact_all_command, hold_command, hold_list_command,
	witness_command, timestamp_command, doctor_command, enable_command, enable_off_command;

#endif
