/* dryrun: the installed itm-shell, run as an account, asks the broker what
 * would become of its shell; none is started and nothing is recorded. */
#ifndef ITM_CLI_DRYRUN_H
#define ITM_CLI_DRYRUN_H

#include <stdbool.h>
#include <sys/types.h>

enum { DRYRUN_WORDS_SIZE = 256 };

struct dryrun {
	bool recorded;           /* the broker would record the shell … */
	bool announced;          /* … as that of a login announced to it */
	char words[DRYRUN_WORDS_SIZE];
};

/* As root.  Belongs to the login that this process has announced, if any.
 * 0, or ITM_E*: itm-shell could not be run, or had no answer (words). */
int dryrun_shell(const char *user, uid_t uid, struct dryrun *out);

#endif
