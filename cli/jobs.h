/* jobs: what cron and atd ran later for a session that had left it with them.
 * Found by the job's file: its login says when that was written (brokerd's
 * job.h), and at or crontab of the session ran at that moment. */
#ifndef ITM_CLI_JOBS_H
#define ITM_CLI_JOBS_H

#include "view/locate.h"
#include "view/processes.h"

struct job {
	int64_t began_wall_ns;
	struct id login;             /* its processes carry it as a session's carry the session's id */
	size_t by;                   /* which of the session's processes wrote its file */
	char service[32], path[256];
};
struct jobs { struct job *list; size_t count, size; uint64_t more; /* beyond JOBS_MAX */ };
enum { JOBS_MAX = 64 };

/* Oldest first.  p: the session's processes.  0, ITM_ENOMEM, or what reading
 * the events says. */
int jobs_find(struct jobs *j, const struct places *places, const struct located *at, const struct processes *p);
void jobs_free(struct jobs *j);

#endif
