/* agentask: questions to the agent that runs on this machine. */
#ifndef ITM_CLI_AGENTASK_H
#define ITM_CLI_AGENTASK_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/checks.h"
#include "cli/dryrun.h"
#include "local/settings.h"
#include "local/userlist.h"

enum { AGENTASK_WAIT_MS = 2000 /* what a login would wait */ };

/* A stub's socket accepts a connection. */
int agentask_knock(const struct settings_agent *settings);
/* As root: announce a login of the account, as pam_itm would, and take it
 * back: no session is opened.  0 = the broker lets it in and could record it;
 * ITM_EPERM = it would refuse, or could not record (why); else no answer.
 * In between, itm-shell is tried as that account: *shell. */
int agentask_decision(const struct settings_agent *settings, const char *user, uid_t uid, struct dryrun *shell,
		      char *why, size_t size);
/* A value of a daemon's status file below the run folder; false = unknown. */
bool agentask_fact(const struct settings_agent *settings, const char *file, const char *key, char *out, size_t size);
/* Tell the agent to read its configuration again.  0, ITM_ENOENT: it does not run. */
int agentask_reload(const struct settings_agent *settings);
/* Wait until the users file holds exactly these accounts.  0 or ITM_ETIMEOUT. */
int agentask_wait(const struct settings_agent *settings, const struct userlist *list, int timeout_ms);

/* Sockets and, as root, the decision for each account of the list (at most
 * the first few). */
void agentask_check(const struct settings_agent *settings, const struct userlist *list, struct checks *c);

#endif
