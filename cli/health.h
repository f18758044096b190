/* health: what keeps recordings going on a host, and what an administrator
 * should know about its surroundings. */
#ifndef ITM_CLI_HEALTH_H
#define ITM_CLI_HEALTH_H

#include "cli/checks.h"
#include "cli/machine.h"
#include "local/settings.h"

/* The spool is there and has room. */
void health_spool(const struct machine *m, const struct settings_agent *settings, struct checks *c);
/* The kernel says its clock is synchronised (adjtimex(2)). */
void health_clock(struct checks *c);
/* What the forwarder says of the server. */
void health_server(const struct settings_agent *settings, struct checks *c);
/* At which level the host's processes are watched, or why they are not. */
void health_processes(const struct settings_agent *settings, struct checks *c);
/* nscd and sssd, which remember shells. */
void health_caches(const struct machine *m, struct checks *c);
/* /etc/shells, and the services that look into it. */
void health_shells(const struct machine *m, const char *shell, struct checks *c);
/* Rules of sudo that name a shell: a reading of the files as text, which
 * knows neither aliases nor includes elsewhere. */
void health_sudoers(const struct machine *m, struct checks *c);

#endif
