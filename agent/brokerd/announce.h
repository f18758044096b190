/* announce: what pam_itm says of a login, and the broker's word on it. */
#ifndef ITM_AGENT_BROKERD_ANNOUNCE_H
#define ITM_AGENT_BROKERD_ANNOUNCE_H

#include <stddef.h>

#include "agent/brokerd/login.h"
#include "agent/brokerd/scope.h"
#include "base/buffer.h"
#include "base/fdpass.h"

struct announce {
	struct login_table *logins;
	const struct scope *scope;
	const char *stub, *recorder;     /* programs a recording needs */
};

/* Takes one packet of pam_itm.  0 with the answer in reply (empty for a
 * LOGOUT), or ITM_E* and *why (static text): to be dropped. */
int announce_take(const struct announce *a, const struct fdpass_peer *peer, const void *packet, size_t len,
		  struct buffer *reply, const char **why);

#endif
