/* lookout: what the broker notices in passing and raises as an alert: the
 * clock was set, a recorder is stopped, the supervisor is gone for good. */
#ifndef ITM_AGENT_BROKERD_LOOKOUT_H
#define ITM_AGENT_BROKERD_LOOKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/brokerd/events.h"
#include "agent/brokerd/session.h"
#include "local/control.h"

enum {
	LOOKOUT_CLOCK_MS = 2000,     /* the wall clock moved by so much against the other; NTP slews far less in a look */
	LOOKOUT_ALONE = 2,           /* times `pulse` without a supervisor */
};

struct lookout {
	struct events *events;
	const struct session_table *sessions;
	const struct control *control;
	int64_t pulse_ms;            /* agent.conf */
	int64_t look_ms, recorders_ms, alone_ms; /* alone: since when, 0 = not */
	int64_t clock_ns;            /* wall less boot clock at the last look */
	bool told_alone;
};

void lookout_init(struct lookout *l, struct events *events, const struct session_table *sessions,
		  const struct control *control, uint64_t pulse_ms);
/* ms until the next look. */
int lookout_tick(struct lookout *l, int64_t now_ms);
/* Whether wall and boot clock agree with the last look; if not, an alert. */
void lookout_clock(struct lookout *l, int64_t wall_ns, uint64_t boot_ns);

#endif
