/* trial: for itm doctor: the stub asks what it would be told here and now,
 * prints that, and starts nothing. */
#ifndef ITM_SHELL_STUB_TRIAL_H
#define ITM_SHELL_STUB_TRIAL_H

#include <stdbool.h>

#include "itm-shell/stub/stub.h"

/* Run as MESSAGE_TRY_NAME, a name that no login gives. */
bool trial_wanted(int argc, char *const *argv);
/* Prints "MODE SHELL WORDS", MODE as enum message_mode; words of a direct or
 * recorded shell are the service of the announced login it belongs to.  Does
 * not return: 0, or 126 when nobody answers. */
_Noreturn void trial_run(const struct stub_paths *paths);

#endif
