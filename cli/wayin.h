/* wayin: who would be recorded by given settings, and whether root could
 * still get into the machine if recording broke. */
#ifndef ITM_CLI_WAYIN_H
#define ITM_CLI_WAYIN_H

#include "cli/checks.h"
#include "cli/machine.h"
#include "local/settings.h"
#include "local/userlist.h"

/* The accounts that settings name, from the machine's own files.  As userlist_load. */
int wayin_accounts(const struct machine *m, const struct settings_agent *settings, struct userlist *out);
/* A user of passwd(5) or an @group of group(5): "*" is always known. */
bool wayin_known(const struct machine *m, const char *word);
/* Refused: uid 0 that is recorded and not break-glass; nobody left who can
 * become root when the agent is broken. */
void wayin_check(const struct machine *m, const struct settings_agent *settings, struct checks *c);

#endif
