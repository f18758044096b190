/* logwatch: the sealer refuses the server's log when it went back or was
 * forked, and says so in its status file; we tell it in the host's stream, so
 * that it is signed and outlives the status. */
#ifndef ITM_AGENT_BROKERD_LOGWATCH_H
#define ITM_AGENT_BROKERD_LOGWATCH_H

#include <stdint.h>

#include "agent/brokerd/events.h"

struct logwatch {
	struct events *events;
	char path[256];                  /* of the sealer's status */
	char refused[160];               /* why, as told last; "" = it goes on */
	int64_t next_ms;
};

void logwatch_init(struct logwatch *w, struct events *events, const char *run);
/* ms until it should be called again. */
int logwatch_tick(struct logwatch *w, int64_t now_ms);

#endif
