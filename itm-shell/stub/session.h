/* session: what the stub does while the program runs: tell the recorder about
 * sizes, signals, suspend and the end. */
#ifndef ITM_SHELL_STUB_SESSION_H
#define ITM_SHELL_STUB_SESSION_H

#include <sys/types.h>

#include "itm-shell/stub/ask.h"
#include "itm-shell/stub/terminal.h"

/* Returns the wait status to end with; the terminal is as it was before. */
int session_watch(struct terminal *t, const struct answer *a, pid_t program);

#endif
