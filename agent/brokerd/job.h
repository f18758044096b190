/* job: logins of cron and atd, which run what somebody has left with them: from
 * which file, and when that was last written.  By it `itm tree` finds the
 * session that left the job behind. */
#ifndef ITM_AGENT_BROKERD_JOB_H
#define ITM_AGENT_BROKERD_JOB_H

#include <stdbool.h>

#include "base/buffer.h"
#include "local/message.h"

/* Whether a login of this service is a job. */
bool job_is(const char *service);
/* Appends job=PATH and job_written=TIME, or nothing.  pid of m: the daemon's
 * child, which has the job's file open (atd). */
void job_put(struct buffer *b, const struct message_login *m);

#endif
