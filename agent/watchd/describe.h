/* describe: a record of the ring as an activity of the signed record. */
#ifndef ITM_AGENT_WATCHD_DESCRIBE_H
#define ITM_AGENT_WATCHD_DESCRIBE_H

#include "agent/watchd/probe_event.h"
#include "format/activity.h"

/* head->size bytes are there, at least the head's.  Types and lengths inside are
 * not believed.  *out borrows
 * from the record and from *fds.  0 or ITM_EFORMAT. */
struct describe_fds { uint8_t own[3][ACTIVITY_FD_SIZE], parent[3][ACTIVITY_FD_SIZE]; };
int describe_record(const struct probe_head *head, struct describe_fds *fds, struct activity_event *out);

#endif
