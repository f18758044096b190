#include "itm-shell/stub/trial.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "itm-shell/stub/ask.h"

enum { EXIT_NO_ANSWER = 126 };

bool trial_wanted(int argc, char *const *argv)
{
	return argc == 1 && strcmp(argv[0], MESSAGE_TRY_NAME) == 0;
}

void trial_run(const struct stub_paths *paths)
{
	static struct message_start start;
	char line[sizeof start.shell + sizeof start.notice + 16];

	if (ask_trial(paths, &start) != 0)
		_exit(EXIT_NO_ANSWER);
	int n = snprintf(line, sizeof line, "%d %s %s\n", (int)start.mode, start.shell[0] != '\0' ? start.shell : "-",
			 start.notice);
	_exit(n > 0 && write(STDOUT_FILENO, line, (size_t)n) == n ? 0 : EXIT_NO_ANSWER);
}
