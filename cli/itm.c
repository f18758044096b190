/* itm: one command for everything but playing; each subcommand is a file. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/command.h"
#include "config.h"
#include "view/say.h"

static const struct command *const commands[] = {
	&status_command, &sessions_command, &events_command, &alerts_command, &files_command, &tree_command, &search_command, &export_command, &import_command,
	&verify_command, &acts_command, &host_command, &key_command, &approve_command,
	&redact_command, &redact_all_command, &hold_command, &hold_list_command, &witness_command, &timestamp_command,
	&doctor_command, &enable_command, &enable_off_command,
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int show_help(void)
{
	const char *summary;
	size_t i;

	printf("usage: itm COMMAND [options] ...\n\n"
	       "Find, check and export what was recorded; look after hosts and keys.\n\n");
	for (i = 0; i < COMMANDS; i++) {
		summary = commands[i]->options->summary;
		printf("  %-10s %.*s\n", commands[i]->name, (int)strcspn(summary, "\n"), summary);
	}
	printf("\n  --help     show this help\n"
	       "  --version  show the version\n"
	       "\n'itm COMMAND --help' says more; itm-replay plays a session.\n");
	return 0;
}

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static char help_option[] = "--help";
	char *help_argv[] = { NULL, help_option, NULL };
	const struct command *command;
	bool help;

	if (argc < 2) {
		show_help();
		return say_finish("itm", EX_USAGE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("itm (ITM) %s\n", PACKAGE_VERSION);
		return say_finish("itm", 0);
	}
	help = strcmp(argv[1], "help") == 0;
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (help && argc == 2))
		return say_finish("itm", show_help());
	command = find(argv[help ? 2 : 1]);
	if (command == NULL) {
		say_error("itm", "no command '%s': 'itm --help' lists them%s", argv[help ? 2 : 1],
			  strcmp(argv[1], "replay") == 0 ? "; sessions are played by itm-replay" : "");
		return EX_USAGE;
	}
	if (help) {
		help_argv[0] = argv[2];
		return command->run(2, help_argv);
	}
	return command->run(argc - 1, argv + 1);
}
