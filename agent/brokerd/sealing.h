/* sealing: to whom this host seals keystrokes: the officer's key list, read
 * again when its files change.  A list that is not signed by the pinned key,
 * or older than one that was in force, is refused; the last good one stays,
 * also over restarts (a copy in keylist_seen). */
#ifndef ITM_AGENT_BROKERD_SEALING_H
#define ITM_AGENT_BROKERD_SEALING_H

#include <stdbool.h>
#include <sys/stat.h>

#include "format/keylist.h"
#include "local/settings.h"

struct sealing {
	struct keylist list;             /* in force when number is not 0 */
	struct stat stamp[3];            /* of list, signature and officer's key, as read last */
	bool read;
	uint64_t changes;                /* counts what is worth an event */
	char words[160];                 /* about the last change */
	bool refused;                    /* the last change was a refusal */
};

/* Looks at the files: cheap when they are as before. */
void sealing_refresh(struct sealing *s, const struct settings_agent *settings);
/* The list to use now; NULL: none, or its time is over. */
const struct keylist *sealing_list(const struct sealing *s);

#endif
