/* alarms: what the counts of the probe say against somebody: events taken from
 * the ring, hooks lost, processes unseen. */
#ifndef ITM_AGENT_WATCHD_ALARMS_H
#define ITM_AGENT_WATCHD_ALARMS_H

#include "agent/watchd/blind.h"
#include "agent/watchd/probe.h"
#include "local/hoststream.h"

struct alarms {
	struct blind blind;
	bool unhooked;           /* at the last look */
};

/* Before the sandbox. */
void alarms_open(struct alarms *a);
/* told: the totals of the look before; each growth is one alert.  hooked: they
 * are those of the probe. */
void alarms_look(struct alarms *a, struct hoststream *stream, bool hooked, const struct probe_totals *now,
		 const struct probe_totals *told);

#endif
