/* status: the broker's state as a small file for `itm status` and `itm
 * doctor`, rewritten at most once a second and only when it changed. */
#ifndef ITM_AGENT_BROKERD_STATUS_H
#define ITM_AGENT_BROKERD_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/brokerd/request.h"

struct status {
	char path[512];
	int64_t since_wall_ns, next_ms;
	char last[1024];         /* what the file says */
};

/* <run>/broker/status; makes the folder. */
void status_init(struct status *s, const char *run);
/* ms until it should be called again, -1 = at the next change. */
int status_tick(struct status *s, const struct request_table *requests, int64_t now_ms);

#endif
