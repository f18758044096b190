/* space: what is done when the spool has little or no room left: the one place
 * that says what becomes of a session, by how full it is, the host's policy
 * and the account's failure word.  The sealer measures (agent/sealer/room.h)
 * and tells recorders and the broker; they ask here. */
#ifndef ITM_LOCAL_SPACE_H
#define ITM_LOCAL_SPACE_H

#include <stdbool.h>

#include "local/users.h"

/* On the wire and in status files; never reused. */
enum space_level {
	SPACE_ROOM = 0,
	SPACE_LOW = 1,           /* 80 % of the spool's space is taken: told, nothing else */
	SPACE_FULL = 2,          /* 95 %: policy acts */
	SPACE_NONE = 3,          /* only the reserve is left: the chain goes on, no session's frame is taken */
	SPACE_LEVELS
};

/* agent.conf's spool_full. */
enum space_policy {
	SPACE_DEGRADE = 0,       /* sessions go on; a flood of output is counted, not stored */
	SPACE_BLOCK = 1,         /* no new sessions; the output of those there are waits */
	SPACE_OPEN = 2,          /* everything is stored while it fits, then counted */
	SPACE_POLICIES
};

enum space_act {
	SPACE_STORE,             /* as ever */
	SPACE_THIN,              /* output beyond a trickle is counted: a GAP with the bytes */
	SPACE_HOLD,              /* output waits in the program that makes it */
};

/* Of a session that runs. */
enum space_act space_act(enum space_level level, enum space_policy policy, enum users_failure failure);
/* A new session is refused at once.  Break-glass never is. */
bool space_refuses(enum space_level level, enum space_policy policy, enum users_failure failure);

const char *space_level_name(enum space_level level);     /* "room", "low", "full", "none" */
const char *space_policy_name(enum space_policy policy);

#endif
