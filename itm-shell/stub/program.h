/* program: the real shell: its name, environment, signals and descriptors are
 * what they would have been without us. */
#ifndef ITM_SHELL_STUB_PROGRAM_H
#define ITM_SHELL_STUB_PROGRAM_H

#include <signal.h>
#include <sys/types.h>

#include "itm-shell/stub/ask.h"
#include "itm-shell/stub/terminal.h"

/* What the stub changes for itself and gives back to the program. */
struct program_signals { sigset_t mask; struct sigaction child; };

/* Blocks all signals; SIGCHLD to its default, so that the program is waited for. */
void program_block_signals(struct program_signals *saved);
/* In this process.  Does not return. */
_Noreturn void program_exec(const struct answer *a, char **argv, const struct program_signals *saved);
/* In a child on the inner terminal or the pipes.  Its pid, or -1. */
pid_t program_start(const struct answer *a, const struct terminal *t, char **argv,
		    const struct program_signals *saved);
/* Die as the program did: by its signal, without a core file of ours, or with
 * its status. */
_Noreturn void program_mimic_end(int status);

#endif
