/* places: the folders and sockets the agent's processes find when they start. */
#ifndef ITM_AGENTD_PLACES_H
#define ITM_AGENTD_PLACES_H

#include "local/settings.h"

/* Make run and spool folders with their owners.  0, or ITM_E* (logged: which
 * account or folder). */
int places_make(const struct settings_agent *settings);
/* Take the lock that makes this the only agent of its run folder.  Owned
 * descriptor, ITM_EBUSY (logged) or ITM_ESYS. */
int places_lock(const struct settings_agent *settings);
/* A listening socket <run>/<name>; owned, or ITM_ESYS (logged). */
int places_listen(const struct settings_agent *settings, const char *name, unsigned mode);

#endif
