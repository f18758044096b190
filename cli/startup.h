/* startup: what every subcommand does first, and how it prints a session. */
#ifndef ITM_CLI_STARTUP_H
#define ITM_CLI_STARTUP_H

#include <stdbool.h>

#include "base/json.h"
#include "store/index.h"
#include "view/options.h"
#include "view/places.h"

/* Parse options and load places.  0 = go on; else *status is what to exit
 * with, and why has been said. */
int startup_parse(const struct options_command *command, int *argc, char **argv, void *settings,
		  const struct places_options *options, struct places *places, int *status);

/* Members of a session in an object that is open. */
void startup_json_session(struct json *j, const struct index_session *s);

/* Print b, a newline, and clear it. */
void startup_print_line(struct buffer *b);

#endif
